"""Convert the inference config."""

from espnet3_compiler.convert.configs.artifacts import checkpoint_stage, stage_output
from espnet3_compiler.convert.configs.dataset import convert_dataset
from espnet3_compiler.convert.configs.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.configs.inference_runner import BUILT_IN, convert_runner
from espnet3_compiler.convert.configs.training import convert_parallel
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_compiler.syntax.tree import Mapping
from espnet3_schemas import TARGET

PROVIDERS = ("InferenceProvider",)
SPEECH2TEXT = "espnet2.bin.asr_inference.Speech2Text"
PROVIDER = "espnet3_runtime.task_bridge.decode.speech2text"
RUNNER = "espnet3_runtime.task_bridge.decode.BestHypothesis"
SPEECH2TEXT_ARGUMENTS = (
    *("beam_size", "ctc_weight", "penalty", "maxlenratio", "minlenratio", "nbest"),
    *("normalize_length", "time_sync", "lm_train_config", "lm_file", "lm_weight", "ngram_file"),
    *("ngram_weight", "transducer_conf", "token_type", "bpemodel", "dtype"),
)
PROVIDER_CONTRACT = "a function (model, checkpoint, device) that gives the model"
OWN_KIND = "write kind: own, type: {_target_: …}, a subclass of ValueType, at its field"
"""What takes the place of the kinds and widgets that code registers in ESPnet3."""
_KINDS = ("audio", "text", "segments", "number")
REASONS: Reasons = {
    "inference_dir": became("${exp_dir}/infer", "each stage has its directory"),
    "test_set": left_out("ESPnet3 sets it itself for every test set"),
    "local_rank": lost("write device: cuda:<index>"),
}


def convert_inference(root: Block) -> ConfigDraft:
    """Return our inference config."""
    draft = ConfigDraft()
    dataset = root.take_block("dataset")
    for split in ("train", "valid"):
        dataset.add_note(split, left_out("inference reads the test sets alone"))
    convert_dataset(dataset, draft, ("test",), ("test",))
    _convert_model(root, draft)
    for name in ("input_key", "output_keys", "batch_size", "device"):
        root.move_key(draft, name, (name,))
    if root.has_value("device_index"):
        device = f"cuda:{root.raw_value('device_index')}"
        draft.set_value(("device",), device, root.span("device_index"))
    _convert_contract(root.take_block("contract"), draft)
    convert_artifacts(root, "output_artifacts", draft)
    _convert_classes(root, draft)
    if root.raw_value("idx_key") not in (None, "utt_id"):
        root.add_note("idx_key", lost("the id of a sample is its utt_id, or its number"))
    convert_parallel(root.take_block("parallel"), draft)
    root.note_root_keys(REASONS)
    return draft


def _convert_model(root: Block, draft: ConfigDraft) -> None:
    block = root.take_block("model")
    if block.raw_value(TARGET) == SPEECH2TEXT:
        _convert_speech2text(block, draft)
        return
    for entry in block.node or ():
        value = block.value(entry.name)
        if found := checkpoint_stage(value):
            value = f"${{stages.{found[0]}.task_weights}}"
        draft.set_value(("model", entry.name), value, entry.key.span)


def _convert_speech2text(block: Block, draft: ConfigDraft) -> None:
    """Decode through the task bridge: the stage's model, its weights loaded strictly."""
    config, weights = block.value("asr_train_config"), block.value("asr_model_file")
    draft.set_value(("provider", TARGET), PROVIDER, block.span(TARGET))
    span = block.span("asr_train_config")
    own = stage_output(block.context.artifacts.names, "train", "task_config")
    draft.set_value(("provider", "train_config"), config or own, span)
    if weights is not None:
        draft.set_value(("checkpoint",), weights, block.span("asr_model_file"))
        found = checkpoint_stage(weights)
        if found and found[1] != "averaged":
            why = "it is an output of the stage"
            block.add_note("asr_model_file", became(str(weights), why))
    draft.set_value(("runner", TARGET), RUNNER)
    draft.set_value(("output_keys",), ["text"])
    for name in SPEECH2TEXT_ARGUMENTS:
        block.move_key(draft, name, ("provider", name))
    block.note_rest({}, lost("an argument of Speech2Text that the task bridge does not use"))


def _convert_contract(block: Block, draft: ConfigDraft) -> None:
    if block.node is None:
        return
    imports = block.raw_value("imports")
    built_in = isinstance(imports, list) and all(str(x).startswith("espnet3.") for x in imports)
    why = f"no module registers kinds or normalisers: {OWN_KIND}"
    block.add_note("imports", left_out(why) if built_in or not imports else lost(why))
    for side in ("inputs", "outputs"):
        fields = block.take_block(side)
        for entry in fields.node or ():
            kind = fields.take_block(entry.name).value("kind")
            if isinstance(kind, str) and kind not in _KINDS:
                fields.add_note(entry.name, lost(f'"{kind}" is registered by code: {OWN_KIND}'))
            else:
                fields.move_key(draft, entry.name, ("contract", side, entry.name))
    block.note_rest({})


def convert_artifacts(root: Block, name: str, draft: ConfigDraft) -> None:
    """Write ``output_artifacts``, or ``dataset_artifacts`` of a metrics config.

    Args:
        root: ESPnet3's inference or metrics config.
        name: The block, ``output_artifacts`` or ``dataset_artifacts``.
        draft: Our config, which gets the block.
    """
    block = root.take_block(name)
    for entry in block.node or ():
        kind = entry.value.get("type") if isinstance(entry.value, Mapping) else None
        if getattr(kind, "value", None) == "pickle":
            block.add_note(entry.name, lost("pickles are not written; choose json or npy"))
        else:
            block.move_key(draft, entry.name, (name, entry.name))


def _convert_classes(root: Block, draft: ConfigDraft) -> None:
    """Convert provider and runner: ESPnet3's own are built in, others have another form here."""
    provider = root.take_block("provider")
    params = provider.take_block("params")
    model = str(root.take_block("model").look_at(TARGET) or "espnet2.")
    convert_runner(root, params, draft, own_model=not model.startswith("espnet2."))
    params.note_rest({}, lost("write arguments beside the provider's _target_"))
    package, _, name = str(provider.look_at(TARGET)).rpartition(".")
    if package.startswith("espnet3.") and name in PROVIDERS:
        provider.add_note(TARGET, BUILT_IN)
    elif provider.node is not None:
        root.add_note("provider", lost(f"here a provider is {PROVIDER_CONTRACT}"))
    provider.note_rest({})
