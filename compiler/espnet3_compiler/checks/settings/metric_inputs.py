"""What a metric compares: two columns, not one with itself.

Passes: ``inputs: {ref: "dataset:text", hyp: text}``; ``{ref: "dataset:a", hyp: "dataset:b"}``.
Fails: ``inputs: {ref: text, hyp: text}``; ``{ref: "dataset:clean", enhanced: wave, noisy:
"dataset:clean"}`` of a metric that ships.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text, mapping_entries, text_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at
from espnet3_schemas import TARGET

REFERENCES = frozenset(
    ("ref", "reference", "target", "label", "truth", "true", "gold", "clean", "expected")
)
"""Words in the names of inputs with which others are compared."""

HEARD = frozenset(("noisy", "mixture", "mix", "degraded", "unprocessed"))
"""Words in the names of inputs that a model hears."""

_SHIPPED = "espnet3_runtime.metrics."


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R421 for one input twice."""
    for _, config in configs_in_role(recipe, resolved, "metrics"):
        metrics = config.get("metrics")
        for item in metrics.items if isinstance(metrics, Sequence) else ():
            if isinstance(item, Mapping):
                yield from _repeated_input(item)


def _repeated_input(item: Mapping) -> Iterator[Diagnostic]:
    """Report a column that is compared with itself: one of two equal inputs is a reference.

    Where another input is an output of inference, that one may be what is compared; not so in a
    metric that ships, which compares all of them.
    """
    columns = [(one.name, as_text(one.value)) for one in mapping_entries(item.get("inputs"))]
    texts = {str(node.value) for _, node in columns if node}
    outputs = {text for text in texts if not text.startswith(COLUMN_PREFIX)}
    ships = text_of(node_at(item, ("metric", TARGET))).startswith(_SHIPPED)
    first: dict[str, tuple[str, Scalar]] = {}
    for name, node in columns:
        if node is None or is_unresolved(node):
            continue
        pair = [first.setdefault(str(node.value), (name, node)), (name, node)]
        pair.sort(key=lambda one: (bool(words_of(one[0]) & HEARD), not _is_reference(one[0])))
        if pair[0][0] != pair[1][0] and ships and words_of(pair[1][0]) & HEARD:
            yield _same_as_heard(str(node.value), *pair)
        elif outputs - {node.value}:
            continue
        elif _is_reference(pair[0][0]) and not _is_reference(pair[1][0]):
            yield _same_column(str(node.value), *pair)


def _is_reference(name: str) -> bool:
    return bool(words_of(name) & REFERENCES)


def words_of(name: str) -> set[str]:
    """Return the words of a name, without an ``s`` at their end."""
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


def _same_as_heard(column: str, other: tuple[str, Scalar], heard: tuple[str, Scalar]) -> Diagnostic:
    """Return R421 at the input that should be what the model hears.

    Args:
        column: What both inputs are.
        other: The name and the value of the other input.
        heard: The name and the value of this one.
    """
    return value_finding(
        "R421",
        f'"{other[0]}" and "{heard[0]}" of a metric are both "{column}"',
        heard[1],
        "compared with itself",
        related=(Label(use_location(other[1]), "the same"),),
        advice=(f"name {COLUMN_PREFIX} and the field that the model hears",),
    )
