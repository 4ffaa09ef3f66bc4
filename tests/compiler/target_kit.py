"""Judge the targets of a manifest that stands in a test, with references left as they are."""

from pathlib import Path

from espnet3_compiler.checks.targets.check import analyze_targets
from espnet3_compiler.checks.targets.unchecked import TargetCounts
from espnet3_compiler.compose.compose import compose
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.lower import config_roles, lower
from espnet3_compiler.manifest.recipe import Resolved
from espnet3_compiler.output.human import render
from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Entry, Mapping

HEAD = """
version: 1
recipe: digits/asr
system: base
stages: [train]
configs:
  training:
    dataset: {}
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def judged(
    root: Path, manifest: str, library: Library | None = None
) -> tuple[list[Diagnostic], TargetCounts]:
    """Return the findings and the counts of a manifest's targets."""
    path = root / "recipe.yaml"
    path.write_text(manifest, encoding="utf-8")
    tree, source, found = read_file(path, "recipe.yaml", path.parent)
    assert tree is not None, found
    assert source is not None
    recipe, _ = lower(tree, source, root)
    composition, _ = compose(recipe, config_roles(recipe))
    calls = {
        str(stage.name.value): Mapping(
            (Entry(stage.call, stage.arguments),) if stage.arguments else (), stage.name.span
        )
        for stage in recipe.stages
        if stage.call
    }
    calls = {name: _with(node) for name, node in calls.items()}
    resolved = Resolved(
        {},
        {name: item.node for name, item in composition.configs.items()},
        {name: item.node for name, item in composition.models.items()},
        calls,
        (),
    )
    result = analyze_targets(composition.recipe, resolved, library or open_library(root))
    counts = TargetCounts(result.checked, tuple(result.unchecked))
    return result.findings, counts


def _with(node: Mapping) -> Mapping:
    if not node.entries:
        return node
    entry = node.entries[0]
    key = type(entry.key)("with", entry.key.span)
    return Mapping((Entry(key, entry.value),), node.span)


def shown(findings: list[Diagnostic]) -> list[str]:
    """Return findings as ``CODE place: message``, in order of place."""
    rows = sorted(findings, key=lambda item: item.primary.span.start)
    return [f"{item.code} {item.primary.span.text!r}: {item.message}" for item in rows]


def report(findings: list[Diagnostic]) -> str:
    """Return findings as a person sees them."""
    return render(findings)
