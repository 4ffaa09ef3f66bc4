"""Edits while a run is under way: the stage that is named runs again, and is edited meanwhile."""

import os
from dataclasses import replace
from pathlib import Path

from evaluation.edits.actions import flip
from evaluation.edits.commands import run, run_beside
from evaluation.edits.elsewhere import SUBJECT
from evaluation.edits.model import Moment, Place, action, damage, during, kept, text
from evaluation.edits.names import (
    DATA,
    FEATURES,
    INFER,
    MEASURE,
    MODEL,
    PACK,
    READERS,
    STATS,
    TOKENS,
    TRAIN,
    TRAINING,
)
from evaluation.edits.outside import BEHIND, DEVELOP, LIB, RUNNER, install, turn_and_edit

EDITED = "was edited during this run"
ALTERED = "was altered while the stage ran; it runs again next time"
BEFORE = "was altered during this run, before the stage read it"
UNPACKED = "what is to be packed was made before"
LR = (TRAINING, "lr: 3e-3, w", "lr: 2e-3, w", f"{TRAIN} {PACK}", "learning rate")


def edited_and_back(place: Place, file: str, old: str, new: str) -> None:
    place.replace(file, old, new)
    place.replace(file, new, old)


def compiled_again(place: Place) -> None:
    """Change a config, and compile: the build is another one now."""
    place.replace(*LR[:3])
    run(place, place.subject.sets, ("--list",))


def other_experiment(place: Place) -> None:
    """Let another experiment make the shared data anew, with fewer items."""
    size = "training.create_dataset.sizes.train=20"
    run_beside(place, "--stages", DATA, "--set", size, "--set", "recipe.exp_tag=other")


def same_experiment_elsewhere(place: Place) -> None:
    """Let another experiment find the shared data as they are."""
    run_beside(place, "--stages", DATA, "--set", "recipe.exp_tag=other")


def wav(place: Place, split: str) -> Path:
    return min((place.root / "storage/wav").glob(f"{split}-*/*.wav"))


def large(place: Place) -> None:
    """Put a file behind the others that takes a while to hash."""
    with (place.recipe / "data/zz.bin").open("wb") as file:
        file.truncate(1 << 29)


def longer_statistics(place: Place) -> None:
    """Add a byte that their reader passes over."""
    with (place.exp / "collect_stats/train/feats_stats.npz").open("ab") as file:
        file.write(b"x")


def moved_code(place: Place) -> None:
    """Make a package of a module."""
    path = place.recipe / "src/model.py"
    path.with_suffix("").mkdir()
    path.rename(path.with_suffix("") / "__init__.py")
    place.replace("src/model/__init__.py", "variance**-0.5", "variance**-0.4")


HASHING = Moment(DATA, "the stage has finished", "data/zz.bin", large)
"""While the outputs of create_dataset are hashed."""

__all__ = ["EDITS", "SUBJECT"]
EDITS = (
    during(
        DATA, text("dataset/builder.py", "LONGEST = 7", "LONGEST = 6", f"{DATA} {PACK}"), UNPACKED
    ),
    during(DATA, kept(text(f"{LIB}/levels.py", "0.5", "0.4", DATA, "PYTHONPATH")), EDITED),
    during(DATA, text("lists/notes.txt", "first", "second", DATA, "file that a setting names")),
    during(
        HASHING,
        replace(
            damage(
                "hashed file cut",
                DATA,
                lambda p: os.truncate(p.recipe / "data/digits/corpus.txt", 3),
            ),
            simulated=True,
        ),
    ),
    during(
        HASHING,
        replace(
            damage("linked, hashed file", DATA, lambda p: wav(p, "test").unlink()), simulated=True
        ),
    ),
    during(
        TOKENS, text("dataset/dataset.py", '["utt_id"],', '["utt_id"] + "x",', READERS, "class")
    ),
    during(
        TOKENS,
        damage("audio of the test deleted", DATA, lambda p: wav(p, "test").unlink()),
        ALTERED,
    ),
    during(
        STATS, text(f"{BEHIND}/windows/shape.py", "hann_", "hamming_", FEATURES, "link"), EDITED
    ),
    during(STATS, text(f"{LIB}/mylab/gains.json", "1.0", "1.1", STATS, "file that code names")),
    during(STATS, damage("other experiment", DATA, other_experiment), "was altered"),
    during(TRAIN, text("src/model.py", "variance**-0.5", "variance**-0.4", MODEL, "code"), EDITED),
    during(
        TRAIN,
        text(f"{DEVELOP}/finder/damping/__init__.py", "0.1", "0.2", MODEL, "editable"),
        EDITED,
    ),
    during(TRAIN, action("module becomes a package", MODEL, moved_code), EDITED),
    during(TRAIN, text(*LR)),
    during(TRAIN, action("compiled again", f"{TRAIN} {PACK}", compiled_again)),
    during(TRAIN, damage("other experiment", DATA, other_experiment), "was altered"),
    during(TRAIN, damage("other experiment, same data", "", same_experiment_elsewhere)),
    during(TRAIN, damage("statistics altered", STATS, longer_statistics), ALTERED),
    during(
        INFER,
        action(
            "link to another",
            RUNNER,
            lambda p: turn_and_edit(p, "src/decode.py", "src/decode.py", "i != 0", "i > 0"),
        ),
        EDITED,
    ),
    during(INFER, text(f"{LIB}/mylab/late.py", "0.0", "1.0", RUNNER, "not yet imported"), EDITED),
    during(
        INFER,
        action("and back", "", lambda p: edited_and_back(p, f"{LIB}/mylab/late.py", "0.0", "1.0")),
    ),
    during(
        INFER,
        text(f"{DEVELOP}/pth/spoken/tidy.py", "strip()", "strip().upper()", RUNNER, "editable"),
        EDITED,
    ),
    during(
        INFER,
        action("installed again", RUNNER, lambda p: install(p, "return text", "return text[1:]")),
    ),
    during(INFER, damage("checkpoint altered", TRAIN, lambda p: flip(p, "train/best.ckpt"))),
    during(
        MEASURE,
        text(f"{LIB}/mylab/scores.py", "    pass", "    higher = 1", MEASURE, "metric"),
        EDITED,
    ),
    during(
        MEASURE, text("lists/metrics.yaml", "name: cer", "name: cer2", MEASURE, "linked config")
    ),
    during(
        MEASURE,
        damage(
            "hypotheses altered",
            INFER,
            lambda p: p.append("exp/recipe/infer/test/text.scp", "x y\n"),
        ),
    ),
    during(PACK, text("tuning.py", "2", "3", MODEL, "code"), UNPACKED),
    during(PACK, text(f"{LIB}/mylab/base.py", "1.0", "1.1", FEATURES, "PYTHONPATH"), UNPACKED),
    during(
        PACK,
        damage(
            "scores altered", MEASURE, lambda p: p.append("exp/recipe/measure/metrics.json", " ")
        ),
        ALTERED,
    ),
)
