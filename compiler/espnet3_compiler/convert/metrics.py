"""The metrics config."""

from espnet3_compiler.convert.draft import PLACES, RESOLVED, Block, Draft, Reasons
from espnet3_compiler.convert.inference import carry_artifacts
from espnet3_compiler.convert.notes import CHANGED, DROPPED, MOVED
from espnet3_compiler.tree import Plain
from espnet3_schemas import TARGET

OURS = "espnet3_runtime.metrics."
NORMALIZERS = {"lowercase": "lower", "uppercase": "upper"}
REASONS: Reasons = {
    **PLACES,
    "inference_dir": (MOVED, "measure reads what infer wrote"),
}


def carry_metrics(root: Block) -> Draft:
    """Return our metrics config."""
    draft = Draft()
    names: list[str] = []
    carried: list[Plain] = []
    for item in root.items("metrics"):
        metric = _metric(item, names)
        if metric is not None:
            assert item.node is not None
            draft.origins["metrics", len(carried)] = item.node.span
            carried.append(metric)
    draft.put(("metrics",), carried, root.span("metrics"))
    tests: list[Plain] = [
        {"name": item.raw("name")} for item in root.block("dataset").items("test")
    ]
    if tests:
        draft.put(("dataset", "test"), tests, root.span("dataset"))
    carry_artifacts(root, "dataset_artifacts", draft)
    root.rest(REASONS, (MOVED, RESOLVED))
    return draft


def _metric(item: Block, names: list[str]) -> Plain:
    """Return one metric, or None where it is a class of ESPnet3's kind."""
    block = item.block("metric")
    target = block.context.target(str(block.raw(TARGET)))
    if not target.startswith(OURS):
        why = "here a metric is a callable that takes its inputs as lists and returns the scores"
        block.note(TARGET, DROPPED, f"{target}: {why}")
        return None
    metric: dict[str, Plain] = {TARGET: target}
    steps = _normalizers(block)
    if steps:
        metric["normalize"] = steps
    if block.has("bpemodel"):
        metric["tokenizer_model"] = block.value("bpemodel")
    block.rest({}, (DROPPED, "an argument of ESPnet3's metric without an equivalent"))
    name = target.rpartition(".")[2].lower()
    made: dict[str, Plain] = {"metric": metric, "inputs": item.value("inputs")}
    names.append(name)
    if names.count(name) > 1:
        made = {"name": f"{name}_{names.count(name)}", **made}
        item.note("metric", CHANGED, "ESPnet3 lets the second of a class overwrite the first")
    return made


def _normalizers(block: Block) -> list[Plain]:
    types = block.raw("clean_types")
    given = types if isinstance(types, list) else [types] if types else []
    known = [NORMALIZERS[str(name)] for name in given if str(name) in NORMALIZERS]
    if len(known) < len(given):
        why = (
            "of ESPnet2's text cleaners only lowercase and uppercase have an equivalent: normalize"
        )
        block.note("clean_types", DROPPED, why)
    return list(known)
