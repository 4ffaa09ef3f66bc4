"""What generated code calls: compose a recipe again, locate a stage, report what the runtime found.

The imports stand inside the functions, so that ``run.py`` without overrides loads no compiler.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field  # the runtime has them loaded already
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet3_schemas import LOCK

if TYPE_CHECKING:
    from espnet3_compiler.result import CompileResult


@dataclass(frozen=True, slots=True)
class Recomposed:
    """A build with values of the command line.

    Attributes:
        ok: Whether there are no mistakes.
        report: The findings for a person, warnings too; empty when there are none.
        files: What ``build/`` would hold, by relative path: configs, models, arguments and the
            lock; empty when there are mistakes.
    """

    ok: bool
    report: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def recompose(build: Path, config_files: Mapping[str, Path], sets: Sequence[str]) -> Recomposed:
    """Check and compose a recipe again with configs and values given on the command line.

    Args:
        build: The build directory.
        config_files: Files that replace declared configs, by config name.
        sets: ``name.key=value`` arguments; they come after those of the compile.
    """
    import sys

    from espnet3_compiler.build.files import data_files
    from espnet3_compiler.output.human import render_one
    from espnet3_schemas.terminal import takes_colour, terminal_columns

    outcome = _compile_again(build, config_files, sets)
    if outcome is None:
        return Recomposed(False, f"{build} holds no readable {LOCK}; compile the recipe again\n")
    colour, columns = takes_colour(sys.stderr), terminal_columns(sys.stderr)
    report = "".join(
        f"{render_one(finding, colour=colour, columns=columns)}\n\n"
        for finding in outcome.diagnostics
    )
    if outcome.plan is None:
        return Recomposed(False, report)
    return Recomposed(True, report, data_files(outcome.plan, build.resolve()))


def locate(build: Path, stage: str) -> str | None:
    """Return where the manifest declares a stage, as ``recipe.yaml:31:5``; None if it does not."""
    from espnet3_compiler.manifest.matrix import expand
    from espnet3_compiler.manifest.matrix_values import stage_item_name
    from espnet3_compiler.pipeline import display_name
    from espnet3_compiler.syntax.read import read_file

    lock = _read_lock(build)
    if lock is None:
        return None
    manifest = lock[0]
    root, _, _ = read_file(manifest, display_name(manifest), manifest.parent)
    stages = expand(root).root.get("stages") if root else None
    for name in map(stage_item_name, getattr(stages, "items", ())):
        if name is not None and name.value == stage:
            line, column = name.span.source.line_column(name.span.start)
            return f"{name.span.source.name}:{line}:{column}"
    return None


def report(
    build: Path,
    config_files: Mapping[str, Path],
    sets: Sequence[str],
    answers: Sequence[Mapping[str, Any]],
    form: str,
) -> str:
    """Return a report of what the runtime found, each finding at its place in the recipe.

    Args:
        build: The build directory.
        config_files: Files that replace declared configs, by config name.
        sets: ``name.key=value`` arguments; they come after those of the compile.
        answers: The findings, as ``espnet3_runtime.preflight.protocol`` has them.
        form: ``human`` or ``json``.
    """
    import sys

    from espnet3_compiler.deep.findings import answer_finding
    from espnet3_compiler.ignored import without_ignored
    from espnet3_compiler.output import as_json, human
    from espnet3_compiler.output.summary import Summary
    from espnet3_compiler.pipeline import display_name
    from espnet3_compiler.result import sort_findings
    from espnet3_schemas.terminal import takes_colour, terminal_columns

    outcome = _compile_again(build, config_files, sets)
    if outcome is None:
        return f"{build} holds no readable {LOCK}; compile the recipe again\n"
    recipe, resolved = outcome.recipe, outcome.resolved
    assert recipe is not None
    assert resolved is not None
    name = display_name(outcome.path)
    every = (answer_finding(each, recipe, resolved) for each in answers)
    found = sort_findings(without_ignored(every), name)
    summary = Summary((name,), outcome.counts.checked, outcome.counts.not_checked)
    if form == "json":
        return as_json.render(found, summary)
    colour, columns = takes_colour(sys.stderr), terminal_columns(sys.stderr)
    return human.render(found, summary, colour=colour, columns=columns)


def _compile_again(
    build: Path, config_files: Mapping[str, Path], sets: Sequence[str]
) -> "CompileResult | None":
    """Compile the manifest of a build as then, with more values; None without a readable lock."""
    from espnet3_compiler.pipeline import compile_manifest

    lock = _read_lock(build)
    if lock is None:
        return None
    manifest, compiled_sets, environment = lock
    return compile_manifest(
        manifest, (*compiled_sets, *sets), config_files, environment=environment
    )


def _read_lock(build: Path) -> tuple[Path, tuple[str, ...], dict[str, str | None]] | None:
    """Return the manifest of a build, and the ``--set`` arguments and variables of its compile."""
    import json

    try:
        lock = json.loads((build / LOCK).read_text(encoding="utf-8"))
        manifest = build.resolve() / lock["manifest"]
        sets = tuple(str(text) for text in lock["set"])
        return manifest, sets, dict(lock.get("environment", {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
