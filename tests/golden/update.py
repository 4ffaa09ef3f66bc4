"""Rewrite the expected builds: ``python -m tests.golden.update``; review the difference."""

import shutil
import sys
from pathlib import Path

from espnet3_compiler.build.files import build_files
from espnet3_compiler.build.write import write_build
from espnet3_compiler.output.human import render_one
from espnet3_compiler.pipeline import compile_manifest

GOLDEN = Path(__file__).parent


def recipes() -> list[Path]:
    """Return the manifests of the golden recipes."""
    return sorted(GOLDEN.glob("*/recipe.yaml"))


def compiled(manifest: Path) -> dict[str, str]:
    """Return the files of the build of a manifest, which has no mistakes."""
    outcome = compile_manifest(manifest)
    assert outcome.plan is not None, "\n".join(map(render_one, outcome.diagnostics))
    assert outcome.diagnostics == ()
    return build_files(outcome.plan, manifest.parent / "build")


def main() -> int:
    for manifest in recipes():
        build = manifest.parent / "build"
        shutil.rmtree(build / "__pycache__", ignore_errors=True)
        written = write_build(build, compiled(manifest))
        for name in (*written.changed, *written.removed):
            print(f"{manifest.parent.name}/build/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
