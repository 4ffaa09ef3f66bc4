"""Run the stages of golden/own.

Generated from recipe.yaml by espnet3-compile; do not edit, compile again.
Value of the manifest: sha256 a142251076211ad650df7f66bba3c4b2036c0dddb9399dd15431f7aa8692ce85
"""

import os
import sys
from _signal import SIGINT, signal  # type: ignore[import-not-found]  # "signal" takes its time


def main() -> int:
    """Import the System, whose parent class is the recipe's own, and run its stages."""
    signal(SIGINT, lambda *_: os._exit(130))  # quiet until `launch` listens
    from functools import partial
    from pathlib import Path

    try:
        from espnet3_compiler.recompile import locate, recompose, report
        from espnet3_runtime.launch import hold_code, launch, only_looks
    except ModuleNotFoundError as error:
        asked = f"{sys.executable} has no {error.name}"
        raise SystemExit(f"error: {asked}; take the Python of espnet3-compile") from None

    build = Path(__file__).resolve().parent
    if only_looks(sys.argv):
        sys.dont_write_bytecode = True
    if sys.flags.safe_path:  # python -P does not look beside this file
        sys.path.insert(0, str(build))
    hold_code()
    sys.path.insert(1, str((build / "..").resolve()))
    start = partial(launch, build=build, recompose=recompose, locate=locate, report=report)
    try:
        from system import GoldenOwnSystem
    except Exception as error:  # noqa: BLE001 - said at the line that names it
        return start(error)
    return start(GoldenOwnSystem)


if __name__ == "__main__":
    raise SystemExit(main())
