"""Texts that name a value of the recipe without ``${}``, which stay texts.

Passes: ``checkpoint: ${stages.train.best_checkpoint}``; ``_target_: models.net.Net``.
Fails: ``checkpoint: stages.train.best_checkpoint``; ``init_from: train.best_checkpoint``;
``report: exp_dir/count.json``;
``report: "{{ exp_dir }}/count.json"``; ``report: $exp_dir/count.json``; ``"{matrix.channels}"``;
``exp_dir: "{{ corpus }}/exp"``, whatever is meant by it.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.code.modules import any_mentions, recipe_modules
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.expressions.nodes import MATRIX
from espnet3_compiler.filesystem import path_exists
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.stage_graph.stage_inputs import outputs_of
from espnet3_compiler.syntax.offsets import scalar_span
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Mapping, Path, Scalar, node_at
from espnet3_schemas import TARGET

_DIRECTORIES = "exp_dir|data_dir|recipe_dir"
_NAME = r"(?:stages|configs|models)(?:\.[\w-]+){2,}|matrix\.[\w-]+"
_FORMS = (
    rf"(?<!\$)\{{\{{\s*({_NAME}|{_DIRECTORIES}|exp_tag)\s*\}}\}}",
    rf"^\{{({_NAME}|{_DIRECTORIES}|exp_tag)\}}",
    rf"^\$?({_NAME})(?=/|$)",
    rf"^\$?({_DIRECTORIES})(?=/)|^\$({_DIRECTORIES})$",
)
"""Jinja's and Python's braces, a name alone, and a directory before a path."""

_BEGINNINGS = tuple(
    mark + word
    for mark in ("", "$", "{")
    for word in ("stages.", "configs.", "models.", "matrix.", *_DIRECTORIES.split("|"), "exp_tag")
)
"""How all of them begin, but for Jinja's."""

_TEMPLATE = r"(?<!\$)\{\{[^{}]*\}\}"
_SETTINGS = (("exp_dir",), ("data_dir",), ("exp_tag",))
"""Braces of Jinja, and the keys of a manifest that nothing but ``${}`` fills."""

_FILLERS = (b".format(", b"format_map", b"Template", b"jinja")
"""Words of code that replaces names in braces itself."""

_OTHER_KEYS = (TARGET, "task", "data_src", "description", "name", "call")
"""Keys whose texts may have dots for another reason."""


class _Bare(Struct, frozen=True):
    """A name without ``${}``, the text that holds it, and the part of the text."""

    name: str
    node: Scalar
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Where the name stands."""
        return scalar_span(self.node, self.start, self.end)


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R210, once for each name that is written so."""
    found: dict[str, list[_Bare]] = {}
    seen: set[object] = set()
    for path, node, _ in written_texts(recipe, resolved):
        if span_key(node.span) in seen or path[-1:] in [(key,) for key in _OTHER_KEYS]:
            continue
        seen.add(span_key(node.span))
        bare = _bare_name(node, recipe, resolved)
        if bare:
            found.setdefault(bare.name, []).append(bare)
        elif path in _SETTINGS and (match := re.search(_TEMPLATE, str(node.value))):
            yield _template(node, match)
    for same in found.values():
        yield _finding(same)


def written_texts(recipe: Recipe, resolved: Resolved) -> tuple[tuple[Path, Scalar, Mapping], ...]:
    """Return the texts of a recipe where they are written, each with its path in a tree."""
    if "texts" not in resolved.memo:
        resolved.memo["texts"] = tuple(_find_texts(recipe, resolved))
    texts: tuple[tuple[Path, Scalar, Mapping], ...] = resolved.memo["texts"]
    return texts


def _find_texts(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[Path, Scalar, Mapping]]:
    trees = (recipe.globals, *resolved.models.values(), *resolved.configs.values())
    for tree in (*trees, *resolved.calls.values()):
        for path, node in recipe.scalars_of(tree):
            if isinstance(node.value, str) and not node.span.source.holds_defaults and not node.via:
                yield path, node, tree
    for node in resolved.init_from.values():
        yield ("init_from",), node, recipe.globals


def _bare_name(node: Scalar, recipe: Recipe, resolved: Resolved) -> _Bare | None:
    text = str(node.value)
    for form in _FORMS if "{{" in text or text.startswith(_BEGINNINGS) else ():
        match = re.search(form, text)
        name = next(filter(None, match.groups()), None) if match else None
        if match and name and match[0] in node.span.text and _names_value(name, recipe, resolved):
            if "{" in match[0] and any_mentions(recipe_modules(recipe, resolved), _FILLERS):
                return None
            return _Bare(name, node, match.start(), match.end())
    stage = recipe.stages_by_name.get(text.partition(".")[0])
    if stage and text.partition(".")[2] in (outputs_of(stage, recipe) or ()):
        return (
            None
            if path_exists(recipe.directory / text)
            else _Bare(f"stages.{text}", node, 0, len(text))
        )
    return None


def _names_value(name: str, recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether ``${name}`` is a value of the recipe, or an output of one of its stages."""
    kind, *rest = name.split(".")
    if kind == MATRIX:
        return any(row.entry(rest[0]) for row in recipe.rows.values())
    if not rest:
        return not path_exists(recipe.directory / name)
    if kind == "stages":
        stage = next((item for item in recipe.stages if item.name.value == rest[0]), None)
        return stage is not None and outputs_of(stage, recipe) != {}
    trees = resolved.models if kind == "models" else resolved.configs
    tree = trees.get(rest[0])
    return tree is not None and node_at(tree, tuple(rest[1:])) is not None


def _template(node: Scalar, match: re.Match[str]) -> Diagnostic:
    return Diagnostic(
        "R210",
        f'"{match[0]}" in "{node.value}" is no more than text: nothing fills it',
        Label(scalar_span(node, match.start(), match.end()), "taken as it is written"),
        help=("write it in full, or name a value of the recipe: ${configs.NAME.key}",),
    )


def _finding(same: list[_Bare]) -> Diagnostic:
    first, *others = same
    text = str(first.node.value)
    meant = f"{text[: first.start]}${{{first.name}}}{text[first.end :]}"
    edit = Edit(first.node.span, f'"{meant}"' if first.node.style == "plain" else meant)
    if first.node.style in ("single", "double"):
        edit = Edit(first.node.span, quoted_like(first.node, meant))
    fix = Fix(f"write {meant}", (edit,))
    return Diagnostic(
        "R210",
        f'"{text}" is only text: nothing reads "{first.name}" in it',
        Label(first.span, "without ${}"),
        tuple(Label(item.span, "here too") for item in others),
        help=(f"write {meant}",),
        fix=fix,
    )
