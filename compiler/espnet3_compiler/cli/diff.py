"""``--diff A B``: what differs between two recipes after composition, as ``diff`` answers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from espnet3_compiler.cli.arguments import MANIFEST
from espnet3_compiler.cli.manifests import LOCK_SUFFIX
from espnet3_compiler.comparison.built_contents import built_contents
from espnet3_compiler.comparison.contents import RecipeContents, compiled_contents
from espnet3_compiler.comparison.differences import recipe_differences
from espnet3_compiler.comparison.report import render_json, render_text
from espnet3_compiler.filesystem import is_directory, path_exists
from espnet3_compiler.output.human import render_one
from espnet3_compiler.pipeline import compile_manifest, display_name
from espnet3_compiler.relock.relock import compile_lock
from espnet3_schemas.exit_codes import CLEAN, USAGE

DIFFERENT = 1


def compare_recipes(paths: Sequence[Path], form: str) -> int:
    """Print what differs between two recipes; return 0 for nothing, 1 for something, 2 for trouble.

    Args:
        paths: Two manifests, locks, or directories with a manifest.
        form: ``human`` or ``json``.
    """
    sides = [_read_contents(path) for path in paths]
    if sides[0] is None or sides[1] is None:
        return USAGE
    left, right = sides[0], sides[1]
    found = recipe_differences(left, right)
    render = render_json if form == "json" else render_text
    sys.stdout.write(render(left, right, found))
    return DIFFERENT if found else CLEAN


def _read_contents(path: Path) -> RecipeContents | None:
    """Return what a recipe comes to; None, with a report on stderr, where it has mistakes."""
    path = path / MANIFEST if is_directory(path) else path
    if not path_exists(path):
        print(f'error: there is no file "{path}"', file=sys.stderr)
        return None
    is_lock = path.name.endswith(LOCK_SUFFIX)
    outcome = compile_lock(path) if is_lock else compile_manifest(path)
    contents = compiled_contents(outcome, display_name(path))
    if contents is None and is_lock:
        contents = built_contents(path.parent.resolve() / path.name)
    if contents is None:
        for finding in outcome.diagnostics:
            print(f"{render_one(finding)}\n", file=sys.stderr)
        print(f"error: {display_name(path)} cannot be compared", file=sys.stderr)
    return contents
