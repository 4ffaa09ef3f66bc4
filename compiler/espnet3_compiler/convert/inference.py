"""The inference config."""

from espnet3_compiler.convert.artifacts import CHECKPOINTS, CONFIG
from espnet3_compiler.convert.dataset import carry_entries, carry_preprocessor, carry_rest
from espnet3_compiler.convert.draft import PLACES, RESOLVED, Block, Draft, Reasons
from espnet3_compiler.convert.notes import CHANGED, DEAD, DROPPED, MOVED
from espnet3_compiler.convert.training import carry_parallel
from espnet3_compiler.tree import Mapping
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
ARGUMENTS = (
    *("beam_size", "ctc_weight", "penalty", "maxlenratio", "minlenratio", "nbest"),
    *("normalize_length", "time_sync", "lm_train_config", "lm_file", "lm_weight", "ngram_file"),
    *("ngram_weight", "transducer_conf", "token_type", "bpemodel", "dtype"),
)
REASONS: Reasons = {
    **PLACES,
    "inference_dir": (MOVED, "the stage writes into ${exp_dir}/infer"),
    "dataset_dir": (MOVED, RESOLVED),
    "test_set": (DEAD, "ESPnet3 sets it itself for every test set"),
    "local_rank": (DROPPED, "write device: cuda:<index>"),
    "output_fn": (
        DROPPED,
        "write runner: a callable (model, **batch) that gives one mapping of outputs an item",
    ),
}


def carry_inference(root: Block) -> Draft:
    """Return our inference config."""
    draft = Draft()
    dataset = root.block("dataset")
    entries = carry_entries(dataset, "test", draft)
    draft.put(("dataset", "test"), entries, dataset.span("test"))
    carry_preprocessor(dataset, draft, ("test",))
    dataset.taken |= {"train", "valid"}
    carry_rest(dataset)
    _carry_model(root, draft)
    for name in ("input_key", "output_keys", "batch_size", "device"):
        root.move(draft, name, (name,))
    if root.has("device_index"):
        draft.put(("device",), f"cuda:{root.raw('device_index')}", root.span("device_index"))
    _carry_contract(root.block("contract"), draft)
    carry_artifacts(root, "output_artifacts", draft)
    _carry_classes(root)
    if root.raw("idx_key") not in (None, "utt_id"):
        root.note("idx_key", DROPPED, "the id of a sample is its utt_id, or its number")
    carry_parallel(root.block("parallel"), draft)
    root.rest(REASONS, (MOVED, RESOLVED))
    return draft


def _carry_model(root: Block, draft: Draft) -> None:
    block = root.block("model")
    if block.raw(TARGET) == SPEECH2TEXT:
        _carry_speech2text(block, draft)
        return
    for entry in block.node or ():
        value = block.value(entry.name)
        if isinstance(value, str) and value in CHECKPOINTS.values():
            _tell_weights(block, entry.name, WEIGHTS)
            value = WEIGHTS
        draft.put(("model", entry.name), value, entry.key.span)


def _carry_speech2text(block: Block, draft: Draft) -> None:
    """Decode through the task bridge: the stage's model, its weights loaded strictly."""
    config, weights = block.value("asr_train_config"), block.value("asr_model_file")
    draft.put(("provider", TARGET), PROVIDER, block.span(TARGET))
    draft.put(("provider", "train_config"), config or CONFIG, block.span("asr_train_config"))
    if weights is not None:
        draft.put(("checkpoint",), weights, block.span("asr_model_file"))
        _tell_weights(block, "asr_model_file", str(weights))
    draft.put(("runner", TARGET), RUNNER)
    draft.put(("output_keys",), ["text"])
    for name in ARGUMENTS:
        block.move(draft, name, ("provider", name))
    block.rest({}, (DROPPED, "an argument of Speech2Text that the task bridge has no use for"))


def _tell_weights(block: Block, name: str, ours: str) -> None:
    if "*.ave_" not in next((p for p, c in CHECKPOINTS.items() if c == ours), "*.ave_"):
        block.note(name, CHANGED, f"stands for {ours}")


def _carry_contract(block: Block, draft: Draft) -> None:
    if block.node is None:
        return
    block.note("imports", DROPPED, "kinds and normalisers are built in")
    for side in ("inputs", "outputs"):
        block.move(draft, side, ("contract", side))
    block.rest({})


def carry_artifacts(root: Block, name: str, draft: Draft) -> None:
    """Write ``output_artifacts``, or ``dataset_artifacts`` of a metrics config.

    Args:
        root: ESPnet3's inference or metrics config.
        name: The block, ``output_artifacts`` or ``dataset_artifacts``.
        draft: Our config, which gets the block.
    """
    block = root.block(name)
    for entry in block.node or ():
        kind = entry.value.get("type") if isinstance(entry.value, Mapping) else None
        if getattr(kind, "value", None) == "pickle":
            block.note(entry.name, DROPPED, "pickles are not written; choose json or npy")
        else:
            block.move(draft, entry.name, (name, entry.name))


def _carry_classes(root: Block) -> None:
    provider, runner = root.block("provider"), root.block("runner")
    if provider.node is not None and provider.raw(TARGET) not in PROVIDERS:
        why = "here a provider is a function (model, checkpoint, device) that gives the model"
        root.note("provider", DROPPED, why)
    if runner.node is not None and runner.raw(TARGET) not in RUNNERS:
        why = "here a runner is a callable (model, **batch) that gives one mapping for each item"
        root.note("runner", DROPPED, why)
    provider.note("params", DROPPED, "write arguments beside the provider's _target_")
    runner.note("resume", DROPPED, "a run goes on where it was cut off, unless something changed")
