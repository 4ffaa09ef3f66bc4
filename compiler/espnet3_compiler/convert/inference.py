"""Convert the inference config."""

from espnet3_compiler.convert.artifacts import CHECKPOINTS, TASK_CONFIG
from espnet3_compiler.convert.dataset import convert_dataset
from espnet3_compiler.convert.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.notes import CHANGED, DEAD, DROPPED, MOVED
from espnet3_compiler.convert.training import convert_parallel
from espnet3_compiler.syntax.tree import Mapping
from espnet3_schemas import TARGET

PROVIDERS = ("espnet3.systems.base.inference_provider.InferenceProvider",)
RUNNERS = (
    "espnet3.systems.base.inference_runner.InferenceRunner",
    "espnet3.systems.esp2_asr.inference.ASRInferenceRunner",
)
SPEECH2TEXT = "espnet2.bin.asr_inference.Speech2Text"
PROVIDER = "espnet3_runtime.task_bridge.decode.speech2text"
RUNNER = "espnet3_runtime.task_bridge.decode.BestHypothesis"
WEIGHTS = "${stages.train.task_weights}"
SPEECH2TEXT_ARGUMENTS = (
    *("beam_size", "ctc_weight", "penalty", "maxlenratio", "minlenratio", "nbest"),
    *("normalize_length", "time_sync", "lm_train_config", "lm_file", "lm_weight", "ngram_file"),
    *("ngram_weight", "transducer_conf", "token_type", "bpemodel", "dtype"),
)
RUNNER_CONTRACT = "a callable (model, **batch) that gives one mapping for each item"
REASONS: Reasons = {
    "inference_dir": (MOVED, "the stage writes into ${exp_dir}/infer"),
    "test_set": (DEAD, "ESPnet3 sets it itself for every test set"),
    "local_rank": (DROPPED, "write device: cuda:<index>"),
    "output_fn": (DROPPED, f"write runner: {RUNNER_CONTRACT}"),
}


def convert_inference(root: Block) -> ConfigDraft:
    """Return our inference config."""
    draft = ConfigDraft()
    dataset = root.take_block("dataset")
    dataset.taken |= {"train", "valid"}
    convert_dataset(dataset, draft, ("test",), ("test",))
    _convert_model(root, draft)
    for name in ("input_key", "output_keys", "batch_size", "device"):
        root.move_key(draft, name, (name,))
    if root.has_value("device_index"):
        device = f"cuda:{root.raw_value('device_index')}"
        draft.set_value(("device",), device, root.span("device_index"))
    _convert_contract(root.take_block("contract"), draft)
    convert_artifacts(root, "output_artifacts", draft)
    _note_classes(root)
    if root.raw_value("idx_key") not in (None, "utt_id"):
        root.add_note("idx_key", DROPPED, "the id of a sample is its utt_id, or its number")
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
        if isinstance(value, str) and value in CHECKPOINTS.values():
            value = WEIGHTS
        draft.set_value(("model", entry.name), value, entry.key.span)


def _convert_speech2text(block: Block, draft: ConfigDraft) -> None:
    """Decode through the task bridge: the stage's model, its weights loaded strictly."""
    config, weights = block.value("asr_train_config"), block.value("asr_model_file")
    draft.set_value(("provider", TARGET), PROVIDER, block.span(TARGET))
    span = block.span("asr_train_config")
    draft.set_value(("provider", "train_config"), config or TASK_CONFIG, span)
    if weights is not None:
        draft.set_value(("checkpoint",), weights, block.span("asr_model_file"))
        if weights in CHECKPOINTS.values() and weights != CHECKPOINTS["*.ave_*best.pth"]:
            block.add_note("asr_model_file", CHANGED, f"became {weights}")
    draft.set_value(("runner", TARGET), RUNNER)
    draft.set_value(("output_keys",), ["text"])
    for name in SPEECH2TEXT_ARGUMENTS:
        block.move_key(draft, name, ("provider", name))
    block.note_rest({}, (DROPPED, "an argument of Speech2Text that the task bridge does not use"))


def _convert_contract(block: Block, draft: ConfigDraft) -> None:
    if block.node is None:
        return
    block.add_note("imports", DROPPED, "kinds and normalisers are built in")
    for side in ("inputs", "outputs"):
        block.move_key(draft, side, ("contract", side))
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
            block.add_note(entry.name, DROPPED, "pickles are not written; choose json or npy")
        else:
            block.move_key(draft, entry.name, (name, entry.name))


def _note_classes(root: Block) -> None:
    provider, runner = root.take_block("provider"), root.take_block("runner")
    if provider.node is not None and provider.raw_value(TARGET) not in PROVIDERS:
        why = "here a provider is a function (model, checkpoint, device) that gives the model"
        root.add_note("provider", DROPPED, why)
    if runner.node is not None and runner.raw_value(TARGET) not in RUNNERS:
        why = f"here a runner is {RUNNER_CONTRACT}"
        root.add_note("runner", DROPPED, why)
    provider.add_note("params", DROPPED, "write arguments beside the provider's _target_")
    runner.add_note("resume", DROPPED, "an interrupted run goes on, unless something changed")
