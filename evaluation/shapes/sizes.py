"""Sizes in the manifests that other sizes do not agree with."""

import random
import re
from pathlib import Path

from evaluation.shapes.model import Mistake, Mistakes

MAIN, TRAINING = "recipe.yaml", "conf/training.yaml"

WRITTEN_OUT = {
    "size": r"size: (\$\{models\.conformer\.encoder\.size\})",
    "input_size": r"input_size: (\$\{models\.conformer\.frontend\.n_mels\})",
}
"""References that keep two sizes equal; written out as another number they do not."""


def small_vocabulary(recipe: Path, rng: random.Random) -> Mistakes:
    """Fewer outputs than the tokenizer has tokens."""
    for found in _all(
        recipe, MAIN, r"vocab_size: (\$\{configs\.training\.tokenizer\.vocab_size\})"
    ):
        yield _replaced("vocabulary", MAIN, found, str(rng.randint(3, 8)))


def few_classes(recipe: Path, rng: random.Random) -> Mistakes:
    """Fewer outputs than there are labels; only data say how many there are."""
    for found in _all(recipe, MAIN, r"num_classes: (\d+)"):
        yield _replaced("classes", MAIN, found, str(rng.randint(2, 8)), needs_data=True)


def indivisible_heads(recipe: Path, rng: random.Random) -> Mistakes:
    """A number of attention heads into which the width cannot be divided."""
    for found in _all(recipe, MAIN, r"heads: (\d+)"):
        yield _replaced("attention heads", MAIN, found, str(rng.choice((3, 5, 7))))


def sizes_that_differ(recipe: Path, rng: random.Random) -> Mistakes:
    """A size of two parts that no longer agree."""
    for name, pattern in WRITTEN_OUT.items():
        for found in _all(recipe, MAIN, pattern):
            yield _replaced(f"{name} of a part", MAIN, found, str(rng.choice((64, 96, 128))))


def other_statistics(recipe: Path, rng: random.Random) -> Mistakes:
    """Statistics of other features than the model normalises."""
    for found in _all(recipe, TRAINING, r"features: (\$\{models\.\w+\.frontend\})"):
        target = re.search(r"frontend: \{_target_: ([\w.]+)", _text(recipe, MAIN))
        if target:
            other = f"{{_target_: {target[1]}, n_mels: {rng.choice((40, 60, 100))}}}"
            yield _replaced("statistics", TRAINING, found, other)


def other_names(recipe: Path, rng: random.Random) -> Mistakes:
    """``forward`` takes a field that the batch does not have."""
    for found in _all(recipe, "src/model.py", r"def forward\(.*?\b(text|label): torch", re.DOTALL):
        name = rng.choice(("targets", "tokens", "labels"))
        yield _replaced("name of a field", "src/model.py", found, name)


GENERATORS = (
    small_vocabulary,
    few_classes,
    indivisible_heads,
    sizes_that_differ,
    other_statistics,
    other_names,
)


def _replaced(
    kind: str, file: str, found: re.Match[str], text: str, *, needs_data: bool = False
) -> Mistake:
    return Mistake(kind, file, found.start(1), found.end(1), text, needs_data)


def _all(recipe: Path, file: str, pattern: str, flags: int = 0) -> list[re.Match[str]]:
    return list(re.finditer(pattern, _text(recipe, file), flags))


def _text(recipe: Path, file: str) -> str:
    path = recipe / file
    return path.read_text(encoding="utf-8") if path.is_file() else ""
