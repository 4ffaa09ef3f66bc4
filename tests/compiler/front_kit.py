"""From a manifest and files, given as texts, through composition and resolution."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from msgspec.structs import replace

from espnet3_compiler.compose.compose import Composition, compose
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.interpolation.resolve import resolve
from espnet3_compiler.manifest.lower import config_roles, lower
from espnet3_compiler.manifest.matrix import expand
from espnet3_compiler.manifest.recipe import Resolved
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Node, Plain, node_at, to_python, walk_scalars

HEAD = "version: 1\nrecipe: digits/asr\nsystem: asr\n"


@dataclass(frozen=True)
class Front:
    """What came of a recipe."""

    composition: Composition
    resolved: Resolved
    found: tuple[Diagnostic, ...]

    def config(self, name: str, *path: str | int) -> Plain:
        node = node_at(self.resolved.configs[name], path)
        assert node is not None
        return to_python(node)

    @property
    def codes(self) -> list[str]:
        return [finding.code for finding in self.found]

    @property
    def only(self) -> Diagnostic:
        assert len(self.found) == 1, [finding.message for finding in self.found]
        return self.found[0]


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


def front(
    root: Path,
    manifest: str,
    files: dict[str, str] | None = None,
    sets: tuple[str, ...] = (),
    config_files: dict[str, Path] | None = None,
) -> Front:
    """Write the files and compose; the manifest needs no version, recipe and system."""
    write(root, {"recipe.yaml": HEAD + dedent(manifest), **(files or {})})
    tree, source, found = read_file(root / "recipe.yaml", "recipe.yaml", root)
    assert tree is not None, found
    assert source is not None
    made = expand(tree)
    recipe, _ = lower(made.root, source, root, made.group_names, complete=made.complete)
    recipe = replace(recipe, rows=made.rows)
    sources = [Source("--set", text, "set") for text in sets]
    composition, more = compose(recipe, config_roles(recipe), sources, config_files or {})
    found += more
    resolved, more = resolve(composition.recipe, composition.configs)
    return Front(composition, resolved, found + more)


def place(finding: Diagnostic) -> str:
    """Return ``file:line:column text`` of the primary place."""
    span = finding.primary.span
    line, column = span.source.line_column(span.start)
    return f"{span.source.name}:{line}:{column} {span.text}"


def front_of(text: str, root: Path) -> Front:
    """Read a block of a sheet: options, the manifest, then files below ``---- NAME`` each."""
    first, *others = text.split("---- ")
    lines = first.splitlines(keepends=True)
    options = [line.strip() for line in lines if line.startswith("--")]
    manifest = "".join(line for line in lines if not line.startswith("--"))
    files = dict(other.split("\n", maxsplit=1) for other in others)
    words = [option.removeprefix("--set ") for option in options if option.startswith("--set ")]
    given = [option[2:].split("_config ") for option in options if "_config " in option]
    return front(root, manifest, files, tuple(words), {name: root / path for name, path in given})


SHOWN_DEFAULTS = ("dataset", "optimizer")
"""Keys whose defaults are shown: null where another key excludes them, or below a given item."""


def shown_leaves(node: Node) -> list[str]:
    """Return the leaves that a recipe gives, each with its place and the way that it came."""
    lines = []
    for path, leaf in walk_scalars(node):
        source = leaf.span.source
        if source.kind == "schema" and (leaf.value is not None or path[0] not in SHOWN_DEFAULTS):
            continue
        line, column = source.line_column(leaf.span.start)
        steps = "".join(f" <- {step.how} {step.span.text!r}" for step in leaf.via)
        name, where = ".".join(map(str, path)), f"{source.name}:{line}:{column}"
        lines.append(f"  {name} = {leaf.value!r} at {where}{steps}")
    return lines
