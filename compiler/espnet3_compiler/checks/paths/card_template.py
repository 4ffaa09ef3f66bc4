"""The template of a model card, whose ``${name}`` are values of the bundle.

Passes: ``${recipe}`` and what ``readme_context`` adds; ``$$5`` for "$5".
Fails: ``${recipee}``, ``$name`` of no value, and ``$5``.

A line is left out of the card where all of its ``${name}`` are empty: only what is certainly read
is judged.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.filesystem import is_file, shown_path
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_text, mapping_entries
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.read import load_source
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_schemas.bundles import CARD_VALUES

_WORD = "[_a-zA-Z][_a-zA-Z0-9]*"
_PLACEHOLDER = rf"\$(?:\$|(?P<name>{_WORD})|\{{(?P<braced>{_WORD})\}}|(?P<bad>))"
"""As ``string.Template`` reads a text."""
_NAME = r"\$\{(\w+)\}"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R301 for names that have no value, R304 for a ``$`` that begins no name."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("pack_model", recipe):
        config = certain_config(stage, "publication", resolved)
        node = as_text(node_at(config, ("pack_model", "readme"))) if config else None
        if config and node and not is_unresolved(node):
            found += _check_template(node, config, recipe)
    yield from first_per_location(found)


def _check_template(node: Scalar, config: Mapping, recipe: Recipe) -> Iterator[Diagnostic]:
    path = recipe.directory / str(node.value)
    if not is_file(path):
        return
    root, buffers = recipe.root or recipe.directory, recipe.library.buffers
    source, problems = load_source(path, shown_path(path), root, buffers)
    extra = mapping_entries(node_at(config, ("pack_model", "readme_context")))
    known = [*CARD_VALUES, *(entry.name for entry in extra)]
    related = (Label(use_location(node), "the template"),)
    start = 0
    for line in source.text.splitlines(keepends=True) if source and not problems else ():
        names = re.findall(_NAME, line)
        if source and (not names or not set(known).issuperset(names)):
            yield from _check_line(source, start, line, known, related)
        start += len(line)


def _check_line(
    source: Source, start: int, line: str, known: list[str], related: tuple[Label, ...]
) -> Iterator[Diagnostic]:
    """Judge the names of a line that stands in every card.

    Args:
        source: The template.
        start: Where the line begins.
        line: Its text.
        known: The names that have a value.
        related: Where the template is named.
    """
    for match in re.finditer(_PLACEHOLDER, line):
        group = match.lastgroup
        if group == "bad":
            span = Span(source, start + match.start(), start + match.end())
            yield value_finding(
                "R304",
                "a $ in the template of the model card begins no name",
                Scalar("$", span),
                "no name behind it",
                related=related,
                advice=("write $$ for the character itself",),
            )
        elif group and match[group] not in known:
            span = Span(source, start + match.start(group), start + match.end(group))
            yield unknown_value(
                "R301",
                f'the template of the model card names "{match[group]}", which has no value',
                Scalar(match[group], span),
                known,
                label="no such value",
                related=related,
                hints=("give it one under readme_context, or write $$ for a dollar sign",),
            )
