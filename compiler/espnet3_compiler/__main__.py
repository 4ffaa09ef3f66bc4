"""The program ``espnet3-compile``, and ``python -m espnet3_compiler``."""

import os
import sys
from _signal import (  # type: ignore[import-not-found]  # "signal" takes its time
    SIGINT,
    default_int_handler,
    getsignal,
    signal,
)

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # python -m looks into the working directory first, which may hold a yaml.py


def main() -> int:
    """Run the command line; until it listens to Ctrl-C, that ends it without a word."""
    listens = getsignal(SIGINT) is default_int_handler
    if listens:
        signal(SIGINT, lambda *_: os._exit(130))
    if sys.argv[1:2] == ["lsp"]:
        from espnet3_compiler.lsp.main import serve

        return serve(sys.argv[2:])
    from espnet3_compiler.cli.main import main as run_program

    if listens:
        signal(SIGINT, default_int_handler)
    return run_program()


if __name__ == "__main__":
    raise SystemExit(main())
