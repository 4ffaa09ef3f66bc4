"""Edits of ``digits/curriculum``: two trainings, one of which starts from the other."""

from evaluation.edits.actions import cut, flip_file
from evaluation.edits.model import (
    Edit,
    Place,
    Subject,
    action,
    by_hand,
    damage,
    kept,
    option,
    setting,
    text,
)
from evaluation.edits.names import DATA, INFER, MEASURE, STATS, TOKENS

SUBJECT = Subject(
    "digits/curriculum",
    (
        "training_full.create_dataset.sizes.train=24",
        "training_full.create_dataset.sizes.valid=6",
        "training_full.create_dataset.sizes.test=6",
        "training_full.trainer.max_epochs=1",
        "training_easy.trainer.max_epochs=1",
    ),
    beside=("digits/asr",),
)
EASY, FULL = "train_easy", "train_full"
MODEL = f"{EASY} {FULL} {INFER}"
OTHER = "../asr"


def rename_easy(place: Place) -> None:
    """Call the first training otherwise, also where the second starts from it."""
    place.replace("recipe.yaml", "name: train_easy", "name: easy")
    place.replace("recipe.yaml", "init_from: train_easy", "init_from: easy")


EDITS = (
    Edit("nothing", frozenset()),
    text("recipe.yaml", "models:", "# a comment\nmodels:", name="comment in the manifest"),
    text("recipe.yaml", "max_words: 3", "max_words: 4", EASY, "selection of the first training"),
    text("recipe.yaml", "{lr: 2e-3}", "{lr: 1e-3}", EASY, "learning rate of the first training"),
    text("recipe.yaml", ", init_from: train_easy", "", FULL, "no first weights"),
    text("recipe.yaml", "vocab_size: $", "dropout: 0.2\n    vocab_size: $", MODEL, "dropout"),
    setting("training_full.optimizer.lr=1e-3", FULL),
    setting("training_full.optimizer.weight_decay=0.02", f"{EASY} {FULL}"),
    setting("training_full.seed=2", f"{STATS} {EASY} {FULL}"),
    setting("training_full.tokenizer.vocab_size=14", f"{TOKENS} {MODEL}"),
    setting("training_easy.tokenizer.vocab_size=14", ""),
    setting("training_full.trainer.max_epochs=2", FULL),
    setting("training_full.create_dataset.seed=3", DATA),
    setting("training_full.dataloader.pin_memory=true", ""),
    text("conf/training_easy.yaml", "epochs: 1", "epochs: 2", name="config that is not used"),
    option("--training_easy_config conf/training_easy.yaml", EASY),
    text(
        "conf/inference.yaml",
        "stages.train_full.best_checkpoint",
        "stages.train_easy.best_checkpoint",
        INFER,
        "checkpoint of the other training",
    ),
    action("renamed first training", "easy", rename_easy),
    text("src/model.py", "variance**-0.5", "variance**-0.4", MODEL, "called function"),
    text("src/model.py", "\ndef load_stats", "\nX = 1\n\n\ndef load_stats", name="unused constant"),
    text("src/features.py", "center=True", "center=False", f"{STATS} {MODEL}", "frontend"),
    text("src/decode.py", "i != 0", "i > 0", INFER, "runner"),
    text(f"{OTHER}/src/decode.py", "i != 0", "i > 0", name="other: its runner"),
    kept(
        text(f"{OTHER}/dataset/synthesis.py", "_PEAK = 0.5", "_PEAK = 0.4", DATA, "other: builder")
    ),
    text(
        f"{OTHER}/dataset/dataset.py",
        "self.rows = short[:limit]",
        "self.rows = short[1:limit]",
        f"{TOKENS} {STATS} {EASY} {FULL} {INFER} {MEASURE}",
        "other: dataset",
    ),
    damage("first checkpoint truncated", EASY, lambda place: cut(place, "train_easy/best.ckpt")),
    damage("second checkpoint truncated", FULL, lambda place: cut(place, "train_full/best.ckpt")),
    by_hand(
        "shared data altered",
        DATA,
        lambda place: flip_file(place.output("../asr/data/digits/wav/*/*.wav")),
    ),
)
