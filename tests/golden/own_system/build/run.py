"""Run the stages of golden/own.

Generated from recipe.yaml by espnet3-compile; do not edit, compile again.
Value of the manifest: sha256 4218af6b4acc12c19017110b0644604a86b56d8f2b389a03800e90c040d0443f
"""

import sys
from pathlib import Path

from espnet3_compiler.recompile import locate, recompose
from espnet3_runtime.launch import launch

BUILD = Path(__file__).resolve().parent
RECIPE = (BUILD / "..").resolve()


def main() -> int:
    """Import the System, whose parent class is the recipe's own, and run its stages."""
    sys.path.insert(1, str(RECIPE))
    from system import GoldenOwnSystem

    return launch(GoldenOwnSystem, build=BUILD, recompose=recompose, locate=locate)


if __name__ == "__main__":
    raise SystemExit(main())
