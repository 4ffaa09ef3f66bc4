"""Convert the metrics config."""

from espnet3_compiler.convert.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.inference import convert_artifacts
from espnet3_compiler.convert.notes import CHANGED, DROPPED, MOVED
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

METRICS_PACKAGE = "espnet3_runtime.metrics."
NORMALIZERS = {"lowercase": "lower", "uppercase": "upper"}
REASONS: Reasons = {"inference_dir": (MOVED, "measure reads the outputs of infer")}


def convert_metrics(root: Block) -> ConfigDraft:
    """Return our metrics config."""
    draft = ConfigDraft()
    names: list[str] = []
    carried: list[Plain] = []
    for item in root.items("metrics"):
        metric = _convert_metric(item, names)
        if metric is not None:
            assert item.node is not None
            draft.origins["metrics", len(carried)] = item.node.span
            carried.append(metric)
    draft.set_value(("metrics",), carried, root.span("metrics"))
    tests: list[Plain] = [
        {"name": item.raw_value("name")} for item in root.take_block("dataset").items("test")
    ]
    if tests:
        draft.set_value(("dataset", "test"), tests, root.span("dataset"))
    convert_artifacts(root, "dataset_artifacts", draft)
    root.note_root_keys(REASONS)
    return draft


def _convert_metric(item: Block, names: list[str]) -> Plain:
    """Return one metric; None for a class of ESPnet3's that has no equivalent."""
    block = item.take_block("metric")
    target = block.context.target(str(block.raw_value(TARGET)))
    if not target.startswith(METRICS_PACKAGE):
        why = "here a metric is a callable that takes its inputs as lists and returns the scores"
        block.add_note(TARGET, DROPPED, f"{target}: {why}")
        return None
    metric: dict[str, Plain] = {TARGET: target}
    if steps := _convert_normalizers(block):
        metric["normalize"] = steps
    if block.has_value("bpemodel"):
        metric["tokenizer_model"] = block.value("bpemodel")
    block.note_rest({}, (DROPPED, "an argument of ESPnet3's metric without an equivalent"))
    name = target.rpartition(".")[2].lower()
    made: dict[str, Plain] = {"metric": metric, "inputs": item.value("inputs")}
    names.append(name)
    if names.count(name) > 1:
        made = {"name": f"{name}_{names.count(name)}", **made}
        item.add_note("metric", CHANGED, "ESPnet3 lets the second of a class overwrite the first")
    return made


def _convert_normalizers(block: Block) -> list[Plain]:
    types = block.raw_value("clean_types")
    given = types if isinstance(types, list) else [types] if types else []
    known = [NORMALIZERS[str(name)] for name in given if str(name) in NORMALIZERS]
    if len(known) < len(given):
        why = (
            "of ESPnet2's text cleaners, only lowercase and uppercase have an equivalent: normalize"
        )
        block.add_note("clean_types", DROPPED, why)
    return list(known)
