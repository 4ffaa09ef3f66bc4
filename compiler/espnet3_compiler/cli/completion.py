"""``--print-completion SHELL``: what a shell reads to complete a command line."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from espnet3_compiler.diagnostics.codes import CODES
from espnet3_compiler.filesystem import is_file
from espnet3_compiler.syntax.tree import Node, children
from espnet3_schemas.exit_codes import CLEAN, USAGE
from espnet3_schemas.installation import install_command

_NAMES = "espnet3-compile --names 2>/dev/null"


def print_completion(shell: str, parser: ArgumentParser) -> int:
    """Print the completion of ``espnet3-compile`` and ``run.py``, and return the exit code.

    Args:
        shell: bash, zsh or fish.
        parser: That of ``espnet3-compile``.
    """
    try:
        import shtab
    except ModuleNotFoundError:
        how = install_command("completion")
        print(
            f"error: --print-completion needs shtab, not installed here; run: {how}",
            file=sys.stderr,
        )
        return USAGE
    numbers = " ".join(code.number for code in CODES)
    completers = {
        "manifests": shtab.FILE,
        "output": shtab.DIRECTORY,
        "init": shtab.DIRECTORY,
        "from_espnet3": shtab.DIRECTORY,
        "explain": {**shtab.cmd(f"echo {numbers}"), "zsh": f"({numbers})", "fish": numbers},
        "why": shtab.cmd(_NAMES),
        "sets": shtab.cmd(_NAMES),
    }
    for action in parser._actions:  # noqa: SLF001 - as shtab's documentation does
        if action.dest in completers:
            action.complete = completers[action.dest]  # type: ignore[attr-defined]
    script = shtab.complete(parser, shell)
    of_run_py = files("espnet3_compiler.cli") / "completions" / f"run_py.{shell}"
    print(script + of_run_py.read_text(encoding="utf-8"))
    return CLEAN


def print_names(manifests: Sequence[Path]) -> int:
    """Print the name of every value of every config and model, one a line.

    Args:
        manifests: The manifest, otherwise that in this directory.
    """
    from espnet3_compiler.pipeline import compile_manifest

    for manifest in manifests or (Path("recipe.yaml"),):
        resolved = compile_manifest(manifest).resolved if is_file(manifest) else None
        for roots in (resolved.configs, resolved.models) if resolved else ():
            for name, root in roots.items():
                print(*_paths(name, root), sep="\n")
    return CLEAN


def _paths(start: str, node: Node) -> Iterator[str]:
    yield start
    for step, child in children(node):
        yield from _paths(f"{start}.{step}", child)
