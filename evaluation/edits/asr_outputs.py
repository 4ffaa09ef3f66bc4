"""Edits of what ``digits/asr`` made."""

from evaluation.edits.actions import commit, cut, flip, flip_file, touch_all, unlink_all
from evaluation.edits.model import action, by_hand, damage
from evaluation.edits.names import DATA, DEMO, INFER, MEASURE, PACK, STATS, TOKENS, TRAIN

OUTPUTS = (
    damage(
        "best checkpoint deleted", TRAIN, lambda place: (place.exp / "train/best.ckpt").unlink()
    ),
    damage("best checkpoint truncated", TRAIN, lambda place: cut(place, "train/best.ckpt")),
    damage("last checkpoint altered", TRAIN, lambda place: flip(place, "train/last.ckpt")),
    damage(
        "best checkpoint altered, size and times kept",
        TRAIN,
        lambda place: flip(place, "train/best.ckpt", keep=True),
    ),
    damage(
        "curves altered", TRAIN, lambda place: place.append("exp/recipe/train/curves.jsonl", "{}\n")
    ),
    damage(
        "event files deleted",
        TRAIN,
        lambda place: unlink_all(place, "exp/recipe/train/tensorboard/*"),
    ),
    damage(
        "token list deleted",
        TOKENS,
        lambda place: (place.exp / "train_tokenizer/tokens.txt").unlink(),
    ),
    damage(
        "statistics altered",
        STATS,
        lambda place: flip(place, "collect_stats/train/feats_stats.npz"),
    ),
    damage(
        "shapes deleted",
        STATS,
        lambda place: (place.exp / "collect_stats/valid/shapes.npz").unlink(),
    ),
    damage(
        "hypotheses altered",
        INFER,
        lambda place: place.append("exp/recipe/infer/test/text.scp", "x y\n"),
    ),
    damage(
        "scores altered",
        MEASURE,
        lambda place: place.append("exp/recipe/measure/metrics.json", " "),
    ),
    damage(
        "bundle: weights deleted",
        PACK,
        lambda place: (place.exp / "pack_model/bundle/model.safetensors").unlink(),
    ),
    damage(
        "bundle: file added",
        PACK,
        lambda place: place.append("exp/recipe/pack_model/bundle/x.txt", "x"),
    ),
    damage(
        "demo: app altered",
        DEMO,
        lambda place: place.append("exp/recipe/pack_demo/demo/app.py", "# x\n"),
    ),
    damage(
        "audio file deleted", DATA, lambda place: place.output("data/digits/wav/*/*.wav").unlink()
    ),
    by_hand(
        "audio file altered", DATA, lambda place: flip_file(place.output("data/digits/wav/*/*.wav"))
    ),
    damage(
        "list of the test set deleted",
        DATA,
        lambda place: (place.recipe / "data/digits/test.tsv").unlink(),
    ),
    by_hand("file added to the data", DATA, lambda p: p.append("data/digits/more.txt", "x")),
    damage("receipt deleted", TRAIN, lambda place: (place.exp / "stages/train.json").unlink()),
    damage(
        "receipt is no JSON",
        MEASURE,
        lambda place: place.append("exp/recipe/stages/measure.json", "x"),
    ),
    damage(
        "receipt says running",
        INFER,
        lambda place: place.receipt("infer", lambda r: r.update(status="running")),
    ),
    damage(
        "receipt names another file",
        TRAIN,
        lambda place: place.receipt(
            "train", lambda r: r["outputs"]["curves"].update(path="/etc/hosts")
        ),
    ),
    damage("all outputs touched", "", touch_all),
    damage(
        "checkpoint made read-only", "", lambda place: (place.exp / "train/best.ckpt").chmod(0o400)
    ),
    damage("log deleted", "", lambda place: (place.exp / "train/train.log").unlink()),
    damage("report deleted", "", lambda place: (place.exp / "report.html").unlink()),
    damage(
        "an editor's hidden file",
        "",
        lambda place: place.append("exp/recipe/infer/test/.text.scp.swp", "x"),
    ),
    action("recipe under git", "", commit),
)
