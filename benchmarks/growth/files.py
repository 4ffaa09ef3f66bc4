"""``run.py`` with nothing to do over an output of many files."""

import tempfile
from pathlib import Path

from benchmarks.growth.manifests import write_text
from benchmarks.growth.stages import COMPILE, RUN, checked

RECIPE = """version: 1
recipe: bench/files
system: base
stages:
  - name: make
    call: src.steps.make
    with: {path: "${exp_dir}/corpus", count: COUNT}
    outputs: {corpus: "${exp_dir}/corpus"}
"""
STEPS = """from pathlib import Path


def make(path, count):
    for number in range(count):
        folder = Path(path) / f"{number // 1000:04d}"
        if number % 1000 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:07d}.txt").write_bytes(b"x")
"""


def measure_files(count: int) -> None:
    """Print the seconds to settle that nothing has to run, best of three."""
    with tempfile.TemporaryDirectory(prefix="espnet3-growth-") as name:
        folder = Path(name)
        write_text(folder / "recipe.yaml", RECIPE.replace("COUNT", str(count)))
        write_text(folder / "src" / "__init__.py", "")
        write_text(folder / "src" / "steps.py", STEPS)
        checked((*COMPILE, "recipe.yaml"), folder)
        checked(RUN, folder)
        laps = [checked(RUN, folder) for _ in range(3)]
    best = min(laps, key=lambda lap: lap.seconds)
    print(f"\nnothing to do over {count:,} files: {best.seconds:.2f} s of the CPU")
