"""Compare easy -> full with full alone at equal steps, in real runs of recipes/digits/curriculum.

``python -m evaluation.curriculum [--seeds 1 2 3] [--utterances 1200] [--keep DIR]``

Runs the manifest ``compare.yaml`` of the recipe in a copy: corpus, statistics, and for every seed
the two trainings of the curriculum, the one without, decoding and scores.  The numbers of steps are
read from what the trainings wrote.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from evaluation.recipes import GENERATED, RECIPES, settings

SEEDS = (1, 2, 3)
BATCH = 16
EASY_EPOCHS = 3
FIRST = ("create_dataset", "train_tokenizer", "collect_stats")
OF_A_SEED = (
    *("easy", "full", "alone"),
    *("infer_curriculum", "infer_alone", "measure_curriculum", "measure_alone"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for and print the table."""
    options = _parse(argv)
    place = nullcontext(options.keep) if options.keep else TemporaryDirectory(prefix="curriculum-")
    with place as directory:
        recipe = _copy(Path(directory).resolve())
        _compile(recipe, options.utterances, options.test)
        stages = [f"{name}_{seed}" for seed in options.seeds for name in OF_A_SEED]
        _call(recipe, "build/run.py", "--stages", *FIRST, *stages)
        print(report(recipe / "exp" / "compare", options.seeds))
    return 0


def report(exp: Path, seeds: Sequence[int]) -> str:
    """Return the table of an experiment: steps and WER of both ways for every seed.

    Raises:
        SystemExit: The two ways did not take equally many steps.
    """
    lines = [f"{'seed':>4}  {'steps':>13}  {'easy -> full':>12}  {'full alone':>10}"]
    scores = []
    for seed in seeds:
        easy, full, alone = (_steps(exp / f"{name}_{seed}") for name in ("easy", "full", "alone"))
        if easy + full != alone:
            raise SystemExit(f"seed {seed}: {easy} + {full} steps against {alone}")
        pair = _wer(exp / f"measure_curriculum_{seed}"), _wer(exp / f"measure_alone_{seed}")
        scores.append(pair)
        steps = f"{easy}+{full}={alone}"
        lines.append(f"{seed:>4}  {steps:>13}  {pair[0]:>10.2f} %  {pair[1]:>8.2f} %")
    with_it, without = (statistics.mean(column) for column in zip(*scores, strict=True))
    lines.append(f"{'mean':>4}  {'':>13}  {with_it:>10.2f} %  {without:>8.2f} %   WER")
    return "\n".join(lines)


def _steps(directory: Path) -> int:
    rows = [json.loads(line) for line in (directory / "curves.jsonl").read_text().splitlines()]
    return max(int(row["step"]) for row in rows)


def _wer(directory: Path) -> float:
    scores = json.loads((directory / "metrics.json").read_text())["metrics"]["wer"]["test"]
    return float(scores["wer"])


def _copy(directory: Path) -> Path:
    for name in ("asr", "curriculum"):
        source, target = RECIPES / "digits" / name, directory / "digits" / name
        if (target / "src").is_symlink():  # a directory that was kept
            (target / "src").unlink()
        shutil.copytree(source, target, symlinks=True, ignore=GENERATED, dirs_exist_ok=True)
    return directory / "digits" / "curriculum"


def _compile(recipe: Path, utterances: int, test: int) -> None:
    """Compile with a corpus in which a third of the utterances is surely easy: three in seven."""
    sizes = f"{{train: {2 * utterances}, valid: 60, test: {test}}}"
    sets = [
        *(f"sizes.whole={utterances}", f"sizes.easy={utterances // EASY_EPOCHS}"),
        f"training_full.create_dataset.sizes={sizes}",
    ]
    _call(recipe, "-m", "espnet3_compiler", "compare.yaml", *settings(sets))


def _call(recipe: Path, *command: str) -> None:
    done = subprocess.run([sys.executable, *command], cwd=recipe, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evaluation.curriculum", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, choices=SEEDS)
    parser.add_argument("--utterances", type=int, default=1200, help="in an epoch of the whole set")
    parser.add_argument("--test", type=int, default=300, help="utterances of the test set")
    parser.add_argument("--keep", type=Path, help="work in this directory and leave it")
    options = parser.parse_args(argv)
    if options.utterances < 1 or options.utterances % (BATCH * EASY_EPOCHS) or options.test < 1:
        parser.error(f"--utterances must be a multiple of {BATCH * EASY_EPOCHS}")
    return options


if __name__ == "__main__":
    sys.exit(main())
