"""``espnet3-compile``: what a person calls.

Machine formats and what was asked for (``--graph``, ``--why``, ``--explain``) go to stdout alone;
everything else goes to stderr.
"""

import gc
import os
import sys
import time
from collections.abc import Sequence

from espnet3_compiler.cli_arguments import Arguments, parse
from espnet3_schemas.exit_codes import BROKEN_PIPE, CLEAN, INTERRUPTED, OUR_FAULT, USAGE

TRACEBACK = "ESPNET3_COMPILE_TRACEBACK"
OBJECTS = 200_000
"""Garbage is looked for when so many objects are new: hardly any of a check's are in circles."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; without ``argv``, as the whole program."""
    if argv is not None:
        return _main(argv)
    gc.set_threshold(OBJECTS)
    try:
        return _main(sys.argv[1:])
    finally:
        gc.freeze()  # all that is left goes with the process: nothing to look for in it


def _main(argv: Sequence[str]) -> int:
    start = time.perf_counter()
    try:
        code = _run(parse(argv), start)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted; nothing was left half-written")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has seen enough; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last resort: say that it is our fault
        return _our_fault(error)
    return code


def _run(arguments: Arguments, start: float) -> int:
    if arguments.explain is not None:
        return _explain(arguments.explain)
    if arguments.init is not None:
        from espnet3_compiler.scaffold.create import create

        return create(arguments.init)
    if arguments.from_espnet3 is not None:
        from espnet3_compiler.convert.convert import convert

        return convert(arguments.from_espnet3, force=arguments.force, form=arguments.format)
    from espnet3_compiler.cli_find import find_manifests
    from espnet3_compiler.cli_job import run_all

    manifests, problems = find_manifests(arguments.paths)
    for problem in problems:
        _say(f"error: {problem}")
    if problems:
        return USAGE
    if arguments.output and len(manifests) > 1:
        _say("error: -o takes one manifest, and there are several")
        return USAGE
    return run_all(manifests, arguments, start)


def _explain(code: str) -> int:
    from espnet3_compiler.explain import explain, likely

    text = explain(code)
    if text is None:
        near = likely(code)
        _say(f'error: there is no code "{code}"' + (f'; did you mean "{near}"?' if near else ""))
        return USAGE
    sys.stdout.write(text)
    return CLEAN


def _our_fault(error: Exception) -> int:
    _say(f"espnet3-compile has a bug: {type(error).__name__}: {error}")
    if os.environ.get(TRACEBACK):
        import traceback

        traceback.print_exception(error)
    else:
        _say(f"please report it with the manifest and what {TRACEBACK}=1 prints")
    return OUR_FAULT


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
