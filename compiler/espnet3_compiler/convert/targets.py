"""Dotted paths of ESPnet3: what they are called here, and code of the recipe itself."""

from pathlib import Path

from espnet3_compiler.disk import is_file

EQUAL = {
    "espnet2.train.collate_fn.CommonCollateFn": "espnet3_runtime.data.collate.CommonCollateFn",
    "espnet3.systems.esp2_asr.task.ASRTask": "espnet2.tasks.asr.ASRTask",  # it is a copy of it
    "espnet3.systems.esp2_asr.src.transducer_task.ASRTransducerTask": (
        "espnet2.tasks.asr_transducer.ASRTransducerTask"
    ),
    "espnet3.systems.esp2_asr.metrics.wer.WER": "espnet3_runtime.metrics.wer.WER",
    "espnet3.systems.esp2_asr.metrics.cer.CER": "espnet3_runtime.metrics.cer.CER",
    "espnet3.systems.esp2_asr.metrics.ter.TER": "espnet3_runtime.metrics.ter.TER",
}
LOCAL = ("src", "dataset")


def translated(path: str, recipe: str) -> str:
    """Return a dotted path as our recipe writes it.

    Args:
        path: For example ``egs3.mini_an4.esp2_asr.src.preprocessor.Tokenize``.
        recipe: ``<corpus>/<task>``; its own code is ``src`` and ``dataset`` to it.
    """
    own = f"egs3.{recipe.replace('/', '.').replace('-', '_')}."
    rest = path.removeprefix(own)
    if rest != path and rest.split(".")[0] in LOCAL:
        return rest
    return EQUAL.get(path, path)


def sibling(tag: str, directory: Path) -> str:
    """Return a ``<corpus>/<system>`` data source: as it is where that recipe lies beside this one.

    Elsewhere it is the module that ESPnet3 would import.
    """
    if is_file(directory.resolve().parent.parent / tag / "dataset" / "__init__.py"):
        return tag
    return f"egs3.{tag.replace('/', '.').replace('-', '_')}.dataset"
