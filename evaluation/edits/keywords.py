"""Edits of ``digits/keywords``: a System of its own, and the dataset of another recipe."""

from evaluation.edits.actions import bumped, flip
from evaluation.edits.model import Edit, Subject, damage, option, setting, text
from evaluation.edits.names import DATA, INFER, MEASURE, PACK, STATS, TRAIN

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SUBJECT = Subject(
    "digits/keywords",
    (
        "training.create_dataset.sizes.train=24",
        "training.create_dataset.sizes.valid=6",
        "training.create_dataset.sizes.test=6",
        "training.trainer.max_epochs=1",
        f"training.labels.names={list(DIGITS)}",
    ),
    beside=("digits/asr",),
    patches=(("src/system.py", "LEAST_ACCURACY = 70.0", "LEAST_ACCURACY = 0.0"),),
)
LABELS = "prepare_labels"
MODEL = f"{TRAIN} {INFER} {PACK}"
FEATURES = f"{STATS} {MODEL}"
READERS = f"{STATS} {TRAIN} {INFER} {MEASURE}"
OTHER = "../asr"

EDITS = (
    Edit("nothing", frozenset()),
    text("recipe.yaml", "description: W", "description: Guess w", name="description"),
    text("recipe.yaml", "feats_stats}\n", "feats_stats}\n    channels: 48\n", MODEL, "channels"),
    text("recipe.yaml", "features.LogMel}", "features.LogMel, n_mels: 40}", FEATURES, "features"),
    text("recipe.yaml", "include: [src]", "include: [src, conf]", PACK, "more in the bundle"),
    setting("training.optimizer.lr=1e-3", f"{TRAIN} {PACK}"),
    setting("training.seed=2", f"{STATS} {TRAIN} {PACK}"),
    setting("training.create_dataset.longest=2", f"{DATA} {PACK}"),
    setting("inference.contract.outputs.keyword.label=Word", PACK),
    setting("inference.batch_size=3", f"{INFER} {PACK}"),
    option("--set classifier.channels=32", MODEL),
    text("conf/metrics.yaml", "name: macro_recall", "name: recall", MEASURE, "metric renamed"),
    text(
        "conf/metrics.yaml",
        "  - name: macro_recall\n    metric: {_target_: src.metrics.MacroRecall}\n"
        '    inputs: {ref: "dataset:text", hyp: keyword}\n',
        "",
        MEASURE,
        "metric taken out",
    ),
    text("src/system.py", "poor classifier", "bad classifier", PACK, "docstring of the System"),
    text(
        "src/system.py",
        "LEAST_ACCURACY = 0.0",
        "LEAST_ACCURACY = 0.1",
        f"{MEASURE} {PACK}",
        "constant of a method of the System",
    ),
    text(
        "src/system.py",
        "    def measure(",
        "    def train(self, context: StageContext) -> Outputs:\n"
        "        return super().train(context)\n\n    def measure(",
        f"{TRAIN} {PACK}",
        "method of the System added",
    ),
    setting(f"training.labels.names={[*reversed(DIGITS)]}", f"{LABELS} {TRAIN} {INFER} {PACK}"),
    text("src/metrics.py", "100 * heard", "99 * heard", f"{MEASURE} {PACK}", "metric"),
    text("src/model.py", "hidden.mean(-1)", "hidden.amax(-1)", MODEL, "method of the model"),
    text("src/decode.py", "argmax(-1)", "argmin(-1)", f"{INFER} {PACK}", "runner"),
    text(f"{OTHER}/dataset/dataset.py", "import csv", "import csv  # x", name="other: comment"),
    text(
        f"{OTHER}/dataset/dataset.py",
        "np.ascontiguousarray(speech)",
        "np.ascontiguousarray(speech[::-1])",
        READERS,
        "other: dataset",
    ),
    text(f"{OTHER}/dataset/builder.py", "LONGEST = 7", "LONGEST = 6", DATA, "other: builder"),
    text(f"{OTHER}/src/model.py", "1e-8", "1e-7", name="other: its model"),
    text(f"{OTHER}/conf/training.yaml", "seed: 1", "seed: 2", name="other: its config"),
    text(f"{OTHER}/recipe.yaml", "128", "64", name="other: its manifest"),
    damage("scores altered", MEASURE, lambda place: flip(place, "measure/metrics.json")),
    damage("statistics altered", STATS, lambda p: flip(p, "collect_stats/train/feats_stats.npz")),
    bumped("torch", FEATURES),
    bumped("numpy", f"{DATA} {READERS} {PACK}"),
)
