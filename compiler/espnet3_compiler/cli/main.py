"""The command ``espnet3-compile``.

Machine formats, ``--graph``, ``--why`` and ``--explain`` go to stdout; the rest goes to stderr.
"""

import atexit
import errno
import gc
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

from espnet3_compiler.cli.arguments import TEMPLATES, Arguments, build_parser, parse_arguments
from espnet3_schemas.exit_codes import (
    BROKEN_PIPE,
    CLEAN,
    INTERNAL_ERROR,
    INTERRUPTED,
    MISTAKES,
    USAGE,
)

TRACEBACK_VARIABLE = "ESPNET3_COMPILE_TRACEBACK"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GC_THRESHOLD = 200_000
"""New objects before garbage is collected: a check makes hardly any cycles."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; without ``argv``, as a program."""
    if argv is None:
        _run_program(sys.argv[1:])
    return _run_main(argv)


def _run_program(argv: Sequence[str]) -> NoReturn:
    """Run the command line and end the process.

    Its objects are not freed one by one: that would take a tenth of a check.
    """
    gc.set_threshold(GC_THRESHOLD)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123,SIM115 - closed by the caller
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123,SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # letters that its encoding lacks
    code = _run_main(argv)
    atexit._run_exitfuncs()  # noqa: SLF001 - of tools that watch the process, such as coverage
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # its reader has gone
            stream.flush()
    os._exit(code)


def _run_main(argv: Sequence[str]) -> int:
    start = time.perf_counter()
    try:
        code = _run_words(argv, start)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _print_stderr("interrupted; nothing was left half-written")
        return INTERRUPTED
    except BrokenPipeError:
        # the reader of the output has closed it; keep the interpreter from complaining at exit
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last resort: report a bug
        return _report_bug(error)
    return code


def _run_words(argv: Sequence[str], start: float) -> int:
    """Run a sub-command, or what the options ask for; a manifest of its name is ``./schema``."""
    if argv and argv[0] == "schema":
        from espnet3_compiler.cli.schema import run_schema

        return run_schema(argv[1:])
    return _run_command(parse_arguments(argv), start)


def _run_command(arguments: Arguments, start: float) -> int:
    if arguments.explain is not None:
        return _print_explanation(arguments.explain)
    if arguments.print_completion is not None:
        from espnet3_compiler.cli.completion import print_completion

        return print_completion(arguments.print_completion, build_parser())
    if arguments.names:
        from espnet3_compiler.cli.completion import print_names

        return print_names(arguments.manifests)
    if arguments.init is not None:
        from espnet3_compiler.scaffold.create import create_recipe

        return create_recipe(arguments.init, arguments.template or TEMPLATES[0])
    if arguments.from_espnet3 is not None:
        from espnet3_compiler.convert.convert import convert

        return convert(
            arguments.from_espnet3,
            force=arguments.force,
            form=arguments.format,
            diff=arguments.diff,
        )
    if arguments.diff:
        from espnet3_compiler.cli.diff import compare_recipes

        return compare_recipes(arguments.manifests, arguments.format)
    return _run_manifests(arguments, start)


def _run_manifests(arguments: Arguments, start: float) -> int:
    from espnet3_compiler.cli.manifests import find_manifests, find_owners
    from espnet3_compiler.cli.run import run_all

    found = (find_owners if arguments.changed else find_manifests)(arguments.manifests)
    problems = found.problems
    if arguments.output and len(found.paths) > 1:
        problems += ("-o takes one manifest, and there are several",)
    for note in found.notes:
        _print_stderr(f"note: {note}")
    for problem in problems:
        _print_stderr(f"error: {problem}")
    if problems or not found.paths:  # changed files may belong to no recipe
        return USAGE if problems else CLEAN
    return run_all(found.paths, arguments, start)


def _print_explanation(code: str) -> int:
    from espnet3_compiler.cli.explain import explain, list_codes, suggest_code

    text = explain(code) if code else list_codes()
    if text is None:
        near = suggest_code(code)
        advice = f'; did you mean "{near}"?' if near else ""
        _print_stderr(f'error: there is no code "{code}"{advice}')
        return USAGE
    sys.stdout.write(text)
    return CLEAN


def _report_bug(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno in _FULL:  # below standard output, or TMPDIR
        name = f' "{error.filename}"' if error.filename else ""
        _print_stderr(f"error: the disk refused to write{name}: {error.strerror}")
        return MISTAKES
    _print_stderr(f"espnet3-compile has a bug: {type(error).__name__}: {error}")
    if os.environ.get(TRACEBACK_VARIABLE):
        import traceback

        traceback.print_exception(error)
    else:
        _print_stderr(f"please report it with the manifest and what {TRACEBACK_VARIABLE}=1 prints")
    return INTERNAL_ERROR


def _print_stderr(text: str) -> None:
    print(text, file=sys.stderr)
