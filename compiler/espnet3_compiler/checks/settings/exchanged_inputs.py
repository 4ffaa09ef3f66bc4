"""Inputs of a metric that are exchanged: what inference writes with what is in the data.

Passes: ``inputs: {ref: "dataset:text", hyp: text}``; ``{ref: "dataset:clean", enhanced: enhanced,
noisy: "dataset:speech"}``; ``{ref: "dataset:clean", enhanced: "dataset:speech"}``.
Fails: ``{ref: text, hyp: "dataset:text"}``; ``{…, enhanced: "dataset:speech", noisy: enhanced}``;
``{ref: "dataset:noisy", enhanced: enhanced, noisy: "dataset:clean"}``.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.settings.metric_inputs import HEARD, REFERENCES, words_of
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text, mapping_entries, text_of
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.syntax.provenance import is_fixable, use_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at
from espnet3_schemas import TARGET

_HYPOTHESES = frozenset(
    (
        *("hyp", "hypothesi", "hypothese", "pred", "predicted", "prediction", "guess", "guesse"),
        *("output", "decoded", "est", "estimate", "estimated", "enhanced", "generated", "mt"),
        *("recognized", "candidate", "synthesized", "reconstructed", "denoised", "separated"),
    )
)
"""Words in the names of inputs that inference writes, without an ``s`` at their end."""

_SOURCES = frozenset(("src", "source"))

_PLACE = "espnet3_runtime.metrics."
_OWN_NAMES = {f"{_PLACE}eer.EER": "score", f"{_PLACE}mcd.MCD": "spoken"}
"""Metrics with a name of their own for what inference writes."""


class _Input(Struct, frozen=True):
    """An input of a metric.

    Attributes:
        name: Its name.
        node: The output or column that it is.
        hypothesis: Whether it is what inference writes, by its name.
    """

    name: str
    node: Scalar
    hypothesis: bool

    @property
    def column(self) -> str:
        """The column of the data that it is; empty for an output."""
        text = str(self.node.value)
        return text.removeprefix(COLUMN_PREFIX) if text.startswith(COLUMN_PREFIX) else ""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R430 for two inputs of a metric."""
    for _, config in configs_in_role(recipe, resolved, "metrics"):
        metrics = config.get("metrics")
        for item in metrics.items if isinstance(metrics, Sequence) else ():
            given = _inputs_of(item) if isinstance(item, Mapping) else []
            if not any(is_unresolved(one.node) for one in given):
                yield from _check_output(given)
                yield from _check_columns(given)


def _inputs_of(item: Mapping) -> list[_Input]:
    own = _OWN_NAMES.get(text_of(node_at(item, ("metric", TARGET))))
    every = ((one.name, as_text(one.value)) for one in mapping_entries(item.get("inputs")))
    return [
        _Input(name, node, name == own if own else bool(words_of(name) & _HYPOTHESES))
        for name, node in every
        if node
    ]


def _check_output(given: list[_Input]) -> Iterator[Diagnostic]:
    """Report an input of the data that inference writes beside a hypothesis that is in the data.

    Nothing is said where the names of the output or of the column say that they are meant so.
    """
    of_data = REFERENCES | HEARD | _SOURCES
    outputs = [one for one in given if not one.column]
    wrong = [one for one in outputs if not one.hypothesis and words_of(one.name) & of_data]
    columns = [one for one in given if one.column and one.hypothesis]
    if len(outputs) != 1 or len(wrong) != 1 or len(columns) != 1:
        return
    meant = words_of(str(wrong[0].node.value)) & (REFERENCES | HEARD)
    if not meant and not words_of(columns[0].column) & _HYPOTHESES:
        yield _exchanged(
            wrong[0],
            columns[0],
            f'"{wrong[0].name}" of a metric is what infer writes, and "{columns[0].name}" is the '
            "column of the data",
            (f"{wrong[0].name} comes from the data", "the hypothesis comes from infer"),
        )


def _check_columns(given: list[_Input]) -> Iterator[Diagnostic]:
    """Report a reference and what a model hears, of which the columns have each other's names."""
    references = [one for one in given if one.column and words_of(one.name) & REFERENCES]
    heard = [one for one in given if one.column and words_of(one.name) & HEARD]
    if len(references) != 1 or len(heard) != 1:
        return
    (reference,), (noisy,) = references, heard
    first, second = words_of(reference.column), words_of(noisy.column)
    crossed = bool(first & HEARD) + bool(second & REFERENCES)
    right = bool(first & REFERENCES) + bool(second & HEARD)
    if crossed and not right:
        yield _exchanged(
            reference,
            noisy,
            f'"{reference.name}" of a metric is the column "{reference.column}", and '
            f'"{noisy.name}" is "{noisy.column}"',
            (f"not {noisy.column}", f"not {reference.column}"),
        )


def _exchanged(one: _Input, other: _Input, message: str, labels: tuple[str, str]) -> Diagnostic:
    """Return R430 at the first of two inputs.

    Args:
        one: An input.
        other: The one with which it is exchanged.
        message: The sentence.
        labels: What is wrong of each.
    """
    node, column = one.node, other.node
    fix = None
    if is_fixable(node) and is_fixable(column):
        edits = (Edit(node.span, _quoted(node, column)), Edit(column.span, _quoted(column, node)))
        fix = Fix("exchange the two", edits)
    right = f"{{{one.name}: {_shown(column)}, {other.name}: {_shown(node)}}}"
    return value_finding(
        "R430",
        message,
        node,
        labels[0],
        related=(Label(use_location(column), labels[1]),),
        advice=(f"exchange the two: {right}",),
        fix=fix,
    )


def _shown(node: Scalar) -> str:
    text = str(node.value)
    return f'"{text}"' if text.startswith(COLUMN_PREFIX) else text


def _quoted(place: Scalar, value: Scalar) -> str:
    """Return a value as it can stand in place of another: the colon of a column needs quotes."""
    shown = _shown(value)
    plain = place.style == "plain" or not shown.startswith('"')
    return shown if plain and shown.startswith('"') else quoted_like(place, str(value.value))
