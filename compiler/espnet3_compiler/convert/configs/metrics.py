"""Convert the metrics config."""

from espnet3_compiler.convert.configs.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.configs.inference import convert_artifacts
from espnet3_compiler.convert.configs.known_metrics import convert_known, known_metric
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

METRICS_PACKAGE = "espnet3_runtime.metrics."
SCP_METRIC = "espnet3_runtime.metrics.scp_metric.ScpMetric"
KEYS_OF_INPUTS = {"ref_key": "ref", "hyp_key": "hyp"}
NORMALIZERS = {"lowercase": "lower", "uppercase": "upper"}
REASONS: Reasons = {"inference_dir": became("${stages.infer.inference_dir}", "measure reads it")}


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
        {"name": _test_name(item)} for item in root.take_block("dataset").items("test")
    ]
    if tests:
        draft.set_value(("dataset", "test"), tests, root.span("dataset"))
    convert_artifacts(root, "dataset_artifacts", draft)
    root.note_root_keys(REASONS)
    return draft


def _test_name(item: Block) -> Plain:
    """Return the name of a test set; where it comes from is in the inference config."""
    name = item.raw_value("name")
    item.note_rest({}, left_out("measure takes the data sets of the inference config"))
    return name


def _convert_metric(item: Block, names: list[str]) -> Plain:
    """Return one metric; a class that is not ours is called as ESPnet3 calls it."""
    block = item.take_block("metric")
    target = block.context.target(str(block.raw_value(TARGET)))
    known = known_metric(target, block)
    target = known.target if known else target
    name = target.rpartition(".")[2].lower()
    names.append(name)
    metric: Plain
    if known:
        metric, inputs = convert_known(item, block, known)
    elif target.startswith(METRICS_PACKAGE):
        metric, inputs = _convert_error_rate(block, target), _convert_inputs(item, block)
    else:
        inputs = _convert_inputs(item, block)
        own: Plain = block.convert_value(block.node, block.path) if block.node else None
        metric = {TARGET: SCP_METRIC, "metric": own}
        item.add_note("metric", became(f"{SCP_METRIC}.metric", "it is called with SCP files"))
    item.note_rest({}, lost("a key beside metric and inputs that nothing reads"))
    made: dict[str, Plain] = {"metric": metric, "inputs": inputs}
    count = names.count(name)
    if count > 1:
        why = "ESPnet3 lets the second of a class overwrite the first"
        item.add_note("metric", became(f"one named {name}_{count}", why))
    if count > 1 or not target.startswith(METRICS_PACKAGE):
        made = {"name": f"{name}_{count}" if count > 1 else name, **made}
    return made


def _convert_error_rate(block: Block, target: str) -> dict[str, Plain]:
    """Return one of our own metrics."""
    metric: dict[str, Plain] = {TARGET: target}
    if steps := _convert_normalizers(block):
        metric["normalize"] = steps
    if block.has_value("bpemodel"):
        metric["tokenizer_model"] = block.value("bpemodel")
    block.taken |= set(KEYS_OF_INPUTS)
    block.note_rest({}, lost("an argument of ESPnet3's metric without an equivalent"))
    return metric


def _convert_inputs(item: Block, block: Block) -> Plain:
    """Return the inputs by name; releases before 202611 name them in other ways."""
    inputs = item.value("inputs")
    if isinstance(inputs, list):
        item.add_note("inputs", became("a mapping", "each input has the name of its file"))
        return {str(name): name for name in inputs}
    if inputs is not None:
        return inputs
    given = {name: block.raw_value(key) for key, name in KEYS_OF_INPUTS.items()}
    for key, name in KEYS_OF_INPUTS.items():
        block.add_note(key, became(f"inputs.{name}", "the inputs of a metric are under inputs"))
    return {name: value or name for name, value in given.items()}


def _convert_normalizers(block: Block) -> list[Plain]:
    types = block.raw_value("clean_types")
    given = types if isinstance(types, list) else [types] if types else []
    known = [NORMALIZERS[str(name)] for name in given if str(name) in NORMALIZERS]
    if len(known) < len(given):
        why = (
            "of ESPnet2's text cleaners, only lowercase and uppercase have an equivalent: normalize"
        )
        block.add_note("clean_types", lost(why))
    return list(known)
