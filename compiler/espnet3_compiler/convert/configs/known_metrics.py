"""Metrics of ESPnet3 beside its error rates that ours measure too, with other names."""

import re
from collections.abc import Mapping

from msgspec import Struct

from espnet3_compiler.convert.configs.draft import Block
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET


class KnownMetric(Struct, frozen=True):
    """A class of ours that measures what one of ESPnet3 does.

    Attributes:
        target: Ours.
        inputs: By the argument that names an input there: its default, and the name of ours.
        arguments: Ours, by theirs.
        defaults: Of ours, where theirs is absent and means something else.
        left_out: Arguments with the value that ours has anyway.
    """

    target: str
    inputs: Mapping[str, tuple[str, str]]
    arguments: Mapping[str, str] = {}
    defaults: Mapping[str, Plain] = {}
    left_out: Mapping[str, Plain] = {}


_PAIR = {"ref_key": ("reference", "ref"), "hyp_key": ("enhanced", "enhanced")}
_KNOWN = {
    "SISNRMetric": KnownMetric("espnet3_runtime.metrics.si_sdr.SISDR", _PAIR),
    "STOIMetric": KnownMetric(
        "espnet3_runtime.metrics.stoi.STOI",
        _PAIR,
        {"fs": "sample_rate", "extended": "extended"},
        {"sample_rate": 16000},
    ),
    "VersaMetric": KnownMetric(
        "espnet3_runtime.metrics.versa.VERSA",
        {"wav_key": ("wav", "generated"), "ref_key": ("ref", "ref"), "text_key": ("text", "text")},
        {"score_config": "scores", "use_gpu": "use_gpu"},
        {"use_gpu": True},
        {"io": "soundfile"},
    ),
}
_NAME = re.compile(r"espnet3\.(?:systems\.\w+|components)\.metrics\.(?:\w+\.)*(\w+)")


def known_metric(target: str, block: Block) -> KnownMetric | None:
    """Return what measures the same here; None where nothing does.

    Args:
        target: The class of ESPnet3.
        block: Its node.  VERSA's scorers may be in a file, which only ESPnet3's own class reads.
    """
    found = _NAME.fullmatch(target)
    known = _KNOWN.get(found[1]) if found else None
    if known and "score_config" in known.arguments:
        return known if isinstance(block.look_at("score_config"), list) else None
    return known


def convert_known(item: Block, block: Block, known: KnownMetric) -> tuple[Plain, Plain]:
    """Return our metric and its inputs.

    Args:
        item: The entry of ``metrics``.
        block: Its ``metric``.
        known: What it becomes.
    """
    metric: dict[str, Plain] = {TARGET: known.target, **known.defaults}
    for name, ours in known.arguments.items():
        if block.has_value(name):
            metric[ours] = block.value(name)
            if name != ours:
                block.add_note(name, became(f"metric.{ours}", "it has another name"))
    for name, value in known.left_out.items():
        if block.look_at(name) == value:
            block.add_note(name, left_out("it is so here anyway"))
    block.add_note(TARGET, became(known.target, "it measures the same, and names numbers its way"))
    given = item.value("inputs")
    sources = given if isinstance(given, dict) else {}
    inputs: dict[str, Plain] = {}
    for name, (default, ours) in known.inputs.items():
        alias = str(block.raw_value(name) or default)
        block.add_note(name, became(f"inputs.{ours}", "inputs have the names of the metric"))
        inputs[ours] = sources.get(alias, alias)
    item.add_note("inputs", became(", ".join(inputs), "inputs have the names of the metric"))
    block.note_rest({}, lost("an argument of ESPnet3's metric without an equivalent"))
    return metric, inputs
