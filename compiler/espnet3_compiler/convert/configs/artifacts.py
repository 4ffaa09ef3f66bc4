"""Translate paths of ESPnet3's outputs and dotted paths of its code into ours."""

import fnmatch
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from espnet3_compiler.filesystem import is_file
from espnet3_compiler.syntax.tree import Plain

INFERENCE_DIR = "${stages.infer.inference_dir}"
CHECKPOINTS = {
    "last*.ckpt": "last_checkpoint",
    "*.ave_*best.pth": "averaged_checkpoint",
    "*.ckpt": "best_checkpoint",
    "*.pth": "best_checkpoint",
}
"""Outputs of our train stage that replace checkpoints of ESPnet3, by the names of their files."""
_CHECKPOINT = re.compile(r"\$\{stages\.(\w+)\.(last|averaged|best)_checkpoint\}")
StageNames = Mapping[str, str]
"""The stage that does the work of a kind for one experiment, by the kind."""


def stage_output(names: StageNames, kind: str, output: str) -> str:
    """Return the reference to an output of the stage of a kind.

    Args:
        names: The stages by their kinds.
        kind: For example ``train``.
        output: For example ``task_config``.
    """
    return f"${{stages.{names.get(kind, kind)}.{output}}}"


def checkpoint_stage(value: Plain) -> tuple[str, str] | None:
    """Return the stage and the kind of checkpoint that a value refers to, or None."""
    found = _CHECKPOINT.fullmatch(value) if isinstance(value, str) else None
    return (found[1], found[2]) if found else None


class Artifacts(Struct, frozen=True):
    """The directories of one experiment of ESPnet3.

    Attributes:
        folders: Paths relative to the recipe directory, by ``recipe_dir``, ``exp_dir`` and so on.
        known: The references that replace paths.
        names: The stages of this experiment, by their kinds.
        trained: The train stages by the directories of their experiments, as ESPnet3 has them.
    """

    folders: Mapping[str, str]
    known: Mapping[str, str] = field(default_factory=dict)
    names: StageNames = field(default_factory=dict)
    trained: Mapping[str, str] = field(default_factory=dict)

    def translate_paths(self, value: Plain) -> Plain:
        """Return a value with our paths: outputs of stages, or relative to the recipe."""
        if isinstance(value, dict):
            return {key: self.translate_paths(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.translate_paths(inner) for inner in value]
        return self._translate_path(value) if isinstance(value, str) else value

    def checkpoint_reference(self, value: str) -> str | None:
        """Return the output of our train stage that replaces a checkpoint of ESPnet3, or None."""
        folder, name = posixpath.split(self.normalize_path(value))
        own = {self.folders["exp_dir"]: self.names.get("train", "train")}
        stage = {**self.trained, **own}.get(folder)
        fitting = (ours for pattern, ours in CHECKPOINTS.items() if fnmatch.fnmatch(name, pattern))
        output = next(fitting, None)
        return f"${{stages.{stage}.{output}}}" if stage and output else None

    def leads_elsewhere(self, value: Plain) -> bool:
        """Return whether a value is a path into another experiment, which no stage here makes."""
        root = posixpath.dirname(self.folders["exp_dir"])
        if not isinstance(value, str) or not root or "$" in root:
            return False
        normal = self.normalize_path(value) if not value.startswith("${stages.") else ""
        own = (self.folders[name] for name in ("exp_dir", "stats_dir", "inference_dir"))
        is_own = any(normal == folder or normal.startswith(f"{folder}/") for folder in own)
        return normal.startswith(f"{root}/") and not is_own

    def normalize_path(self, text: str) -> str:
        """Return a path relative to the recipe directory, without references to folders."""
        for _ in range(3):
            for name, folder in self.folders.items():
                text = text.replace(f"${{{name}}}", folder)
        return posixpath.normpath(text) if text else text

    def _translate_path(self, text: str) -> str:
        if text == "${recipe_dir}":
            return text
        if "/" in text or text.startswith("${"):
            normal = self.normalize_path(text)
            if normal in self.known:
                return self.known[normal]
            if (ours := self.checkpoint_reference(text)) and "*" not in text:
                return ours
        text = text.removeprefix("${recipe_dir}/")
        for name in ("stats_dir", "inference_dir"):
            text = text.replace(f"${{{name}}}", self.folders[name])
        return text


def build_artifacts(
    folders: Mapping[str, str], tokenizer: Mapping[str, Any] | None, names: StageNames
) -> Artifacts:
    """Return the artifacts of an experiment.

    Args:
        folders: ``data_dir``, ``exp_dir`` and so on, as ESPnet3 has them.
        tokenizer: The ``tokenizer`` block, interpolated.
        names: The stages of the experiment by their kinds.
    """
    known = {
        f"{folders['stats_dir']}/train/feats_stats.npz": stage_output(
            names, "collect_stats", "feats_stats"
        ),
        f"{folders['exp_dir']}/config.yaml": stage_output(names, "train", "task_config"),
        folders["inference_dir"]: INFERENCE_DIR,
    }
    if tokenizer and isinstance(save_path := tokenizer.get("save_path"), str):
        folder = Artifacts(folders).normalize_path(save_path)
        kind = "train_tokenizer"
        known[f"{folder}/tokens.txt"] = stage_output(names, kind, "token_list")
        model = f"{folder}/{tokenizer.get('model_type')}.model"
        known[model] = stage_output(names, kind, "tokenizer_model")
    return Artifacts(folders, known, names)


EQUIVALENT_TARGETS = {
    "espnet2.train.collate_fn.CommonCollateFn": "espnet3_runtime.data.collate.CommonCollateFn",
    "espnet3.systems.esp2_asr.task.ASRTask": "espnet2.tasks.asr.ASRTask",  # it is a copy of it
    "espnet3.systems.esp2_asr.src.transducer_task.ASRTransducerTask": (
        "espnet2.tasks.asr_transducer.ASRTransducerTask"
    ),
    "espnet3.systems.asr.task.ASRTask": "espnet2.tasks.asr.ASRTask",
}
_METRIC = re.compile(
    r"espnet3\.(?:systems\.\w+\.metrics|metrics|components\.metrics)\.(wer|cer|ter)\.(WER|CER|TER)"
)
"""The metrics of ESPnet3, by the names that releases gave to their packages."""
RECIPE_PACKAGES = ("src", "dataset")


def translate_target(path: str, recipe: str) -> str:
    """Return a dotted path as our recipe writes it.

    Args:
        path: For example ``egs3.mini_an4.esp2_asr.src.preprocessor.Tokenize``.
        recipe: ``<corpus>/<task>``; its own code becomes ``src`` and ``dataset``.
    """
    own = f"egs3.{recipe.replace('/', '.').replace('-', '_')}."
    rest = path.removeprefix(own)
    if rest != path and rest.split(".")[0] in RECIPE_PACKAGES:
        return rest
    if found := _METRIC.fullmatch(path):
        return f"espnet3_runtime.metrics.{found[1]}.{found[2]}"
    return EQUIVALENT_TARGETS.get(path, path)


def sibling_source(tag: str, directory: Path) -> str:
    """Return a ``<corpus>/<system>`` data source if that recipe exists, else its module."""
    if is_file(directory.resolve().parent.parent / tag / "dataset" / "__init__.py"):
        return tag
    return f"egs3.{tag.replace('/', '.').replace('-', '_')}.dataset"
