"""What a metric compares: what inference wrote with a column of the data.

Passes: ``inputs: {ref: "dataset:text", hyp: text}``; ``{ref: "dataset:a", hyp: "dataset:b"}``.
Fails: ``inputs: {ref: text, hyp: text}``; ``inputs: {ref: text, hyp: "dataset:text"}``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text, mapping_entries
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.syntax.provenance import is_fixable, use_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence

_REFERENCES = frozenset(
    ("ref", "reference", "target", "label", "truth", "true", "gold", "clean", "expected")
)
"""Words in the names of inputs with which others are compared."""

_HYPOTHESES = frozenset(
    (
        *("hyp", "hypothesi", "hypothese", "pred", "predicted", "prediction", "guess", "guesse"),
        *("output", "decoded", "est", "estimate", "estimated", "enhanced", "generated"),
        "recognized",
    )
)
"""Words in the names of inputs that inference writes, without an ``s`` at their end."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R421 for one input twice, R430 for a reference and a hypothesis that are exchanged."""
    for _, config in configs_in_role(recipe, resolved, "metrics"):
        metrics = config.get("metrics")
        for item in metrics.items if isinstance(metrics, Sequence) else ():
            inputs = item.get("inputs") if isinstance(item, Mapping) else None
            yield from _repeated_input(inputs)
            yield from _exchanged_inputs(inputs)


def _repeated_input(inputs: Node | None) -> Iterator[Diagnostic]:
    """Report a column that is compared with itself: one of two equal inputs is a reference.

    Where another input is an output of inference, that one may be what is compared.
    """
    columns = [(one.name, as_text(one.value)) for one in mapping_entries(inputs)]
    texts = {str(node.value) for _, node in columns if node}
    outputs = {text for text in texts if not text.startswith(COLUMN_PREFIX)}
    first: dict[str, tuple[str, Scalar]] = {}
    for name, node in columns:
        if node is None or is_unresolved(node) or outputs - {node.value}:
            continue
        pair = [first.setdefault(str(node.value), (name, node)), (name, node)]
        pair.sort(key=lambda one: not _is_reference(one[0]))
        if _is_reference(pair[0][0]) and not _is_reference(pair[1][0]):
            yield _same_column(str(node.value), *pair)


def _is_reference(name: str) -> bool:
    return bool(_words_of(name) & _REFERENCES)


def _words_of(name: str) -> set[str]:
    return {word.removesuffix("s") for word in name.lower().split("_")}


def _same_column(
    column: str, reference: tuple[str, Scalar], output: tuple[str, Scalar]
) -> Diagnostic:
    """Return R421 at the input that should be another column.

    Args:
        column: What both inputs are.
        reference: The name and the value of the input that comes from the data.
        output: The name and the value of the one that inference writes.
    """
    (wrong, node), (other, right) = reference, output
    meant = f"{COLUMN_PREFIX}{column}, the column of the data"
    if column.startswith(COLUMN_PREFIX):
        (wrong, node), (other, right) = output, reference
        meant = f"{column.removeprefix(COLUMN_PREFIX)}, the output of infer"
    return value_finding(
        "R421",
        f'"{other}" and "{wrong}" of a metric are both "{column}"',
        node,
        "compared with itself",
        related=(Label(use_location(right), "the same"),),
        advice=(f"did you mean {meant}?",),
    )


def _exchanged_inputs(inputs: Node | None) -> Iterator[Diagnostic]:
    """Report a reference that inference writes beside a hypothesis that is in the data.

    Nothing is said where the names of the output or of the column say that they are meant so.
    """
    given = [(one.name, node) for one in mapping_entries(inputs) if (node := as_text(one.value))]
    if any(map(is_unresolved, (node for _, node in given))):
        return
    outputs = [pair for pair in given if not str(pair[1].value).startswith(COLUMN_PREFIX)]
    references = [pair for pair in outputs if _is_reference(pair[0])]
    columns = [pair for pair in given if pair not in outputs and _words_of(pair[0]) & _HYPOTHESES]
    if len(outputs) != 1 or len(references) != 1 or len(columns) != 1:
        return
    column = str(columns[0][1].value).removeprefix(COLUMN_PREFIX)
    if not (_is_reference(str(references[0][1].value)) or _words_of(column) & _HYPOTHESES):
        yield _exchanged(references[0], columns[0])


def _exchanged(reference: tuple[str, Scalar], output: tuple[str, Scalar]) -> Diagnostic:
    (name, node), (other, column) = reference, output
    fix = None
    if is_fixable(node) and is_fixable(column):
        edits = (
            Edit(node.span, _quoted_column(node, column)),
            Edit(column.span, quoted_like(column, str(node.value))),
        )
        fix = Fix("exchange the two", edits)
    return value_finding(
        "R430",
        f'"{name}" of a metric is what infer writes, and "{other}" is the column of the data',
        node,
        "the reference comes from the data",
        related=(Label(use_location(column), "the hypothesis comes from infer"),),
        advice=(f'exchange the two: {{{name}: "{column.value}", {other}: {node.value}}}',),
        fix=fix,
    )


def _quoted_column(node: Scalar, column: Scalar) -> str:
    """Return a column as it can stand in place of a value: its colon needs quotes."""
    return f'"{column.value}"' if node.style == "plain" else quoted_like(node, str(column.value))
