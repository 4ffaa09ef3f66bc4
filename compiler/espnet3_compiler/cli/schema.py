"""``espnet3-compile schema``: print a schema for editors, or write them beside recipes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet3_compiler.cli.arguments import MANIFEST
from espnet3_compiler.cli.manifests import find_manifests
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.filesystem import refusal, shown_path
from espnet3_compiler.scaffold.schema_lines import write_schemas
from espnet3_schemas.editor import NAMES, editor_schema, schema_text
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE


def run_schema(argv: Sequence[str]) -> int:
    """Run ``espnet3-compile schema`` with the words behind it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="espnet3-compile schema",
        description="Print a schema for editors, or write those of recipes beside them.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help=", ".join(NAMES))
    parser.add_argument(
        "--write",
        metavar="MANIFEST",
        nargs="*",
        type=Path,
        help="write .schemas/ beside each manifest (recipe.yaml here), "
        "and the line that names its schema into it and its configs",
    )
    given = parser.parse_args(argv)
    if (given.name is None) == (given.write is None):
        parser.error("give the name of a schema, or --write")
    return _print_schema(given.name) if given.write is None else _write_beside(given.write)


def _print_schema(name: str) -> int:
    if name not in NAMES:
        near = closest_match(name, NAMES)
        advice = f'did you mean "{near}"?' if near else f"there are {', '.join(NAMES)}"
        return _report(f'there is no schema "{name}"; {advice}', USAGE)
    sys.stdout.write(schema_text(editor_schema(name)))
    return CLEAN


def _write_beside(paths: Sequence[Path]) -> int:
    found = find_manifests(paths or [Path(MANIFEST)])
    for problem in found.problems:
        _report(problem, USAGE)
    return USAGE if found.problems else max(map(_write_one, found.paths))


def _write_one(manifest: Path) -> int:
    shown = shown_path(manifest)
    try:
        written = write_schemas(manifest)
    except OSError as error:
        return _report(f'cannot write the schemas of "{shown}": {refusal(error, manifest)}', 1)
    if written is None:
        return _report(f'"{shown}" cannot be read; run: espnet3-compile {shown}', MISTAKES)
    what = ", ".join(written) if written else "nothing: all of it is there"
    print(f"{shown}: wrote {what}", file=sys.stderr)
    return CLEAN


def _report(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
