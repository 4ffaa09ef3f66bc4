"""Edits behind links, of the links themselves, and of code outside of the recipe."""

import os
import shutil
from pathlib import Path

from evaluation.edits.actions import cut, flip_file
from evaluation.edits.elsewhere import SUBJECT, archive, link, write
from evaluation.edits.model import Edit, Place, action, by_hand, damage, kept, text
from evaluation.edits.names import (
    DATA,
    FEATURES,
    INFER,
    MEASURE,
    METRICS,
    MODEL,
    PACK,
    READERS,
    STATS,
    TRAIN,
)

ROOT = "../../.."
"""From the recipe to the directory of the place."""
LIB, DEVELOP, BEHIND = f"{ROOT}/lib", f"{ROOT}/develop", f"{ROOT}/behind"
SITE = "venv/lib/python*/site-packages"
RUNNER = f"{INFER} {PACK}"


def copied(path: Path) -> Path:
    """Return a copy, beside it, of what a link leads to."""
    real = path.resolve()
    copy = real.with_name(f"other-{real.name}")
    shutil.copytree(real, copy, symlinks=True) if real.is_dir() else shutil.copy(real, copy)
    return copy


def turn(place: Place, name: str) -> None:
    """Let a link lead to a copy of what it led to."""
    link(place.recipe / name, copied(place.recipe / name))


def without_link(place: Place, name: str) -> None:
    """Put a copy of what a link leads to in its place."""
    copied(place.recipe / name).replace(unlinked(place.recipe / name))


def unlinked(path: Path) -> Path:
    path.unlink()
    return path


def turn_and_edit(place: Place, name: str, file: str, old: str, new: str) -> None:
    turn(place, name)
    place.replace(file, old, new)


def turn_data(place: Place) -> None:
    turn(place, "data")
    flip_file(place.output("data/digits/test.tsv"))


def turn_wav(place: Place, *, alter: bool) -> None:
    wav = place.root / "storage/data/digits/wav"
    link(wav, copied(wav))
    if alter:
        flip_file(min(wav.glob("*/*.wav")))


def move_and_link(place: Place, name: str, *, alter: bool) -> None:
    """Put a part of an output on the other disk."""
    path, target = place.exp / name, place.root / "storage" / Path(name).name
    path.rename(target)
    link(path, target)
    if alter:
        inner = [target] if target.is_file() else (x for x in target.rglob("*") if x.is_file())
        flip_file(min(inner))


def link_in_bundle(place: Place, *, around: bool) -> None:
    bundle = place.exp / "pack_model/bundle"
    link(bundle / "more", bundle if around else place.root / "behind/windows")


def site(place: Place, pattern: str) -> Path:
    return min(place.root.glob(f"{SITE}/{pattern}"))


def install(place: Place, old: str, new: str) -> None:
    """Install a package again from its directory: pip writes other hashes."""
    code = site(place, "smoothing/__init__.py")
    code.write_text(code.read_text().replace(old, new))
    record = site(place, "smoothing-*/RECORD")
    record.write_text(record.read_text().replace("sha256=1", "sha256=2"))


def upgrade(place: Place, package: str) -> None:
    about = site(place, f"{package}-*/METADATA")
    about.write_text(about.read_text().replace("0.1", "0.2"))


def told(name: str, edit: Edit, package: str) -> Edit:
    """Return an edit of what is not followed, which the plan must say."""
    says = f'"{package}" has no version and its code cannot be followed'
    return Edit(name, edit.runs, edit.apply, simulated=True, says=says)


def touch_library(place: Place) -> None:
    for path in (place.root / "lib").rglob("*"):
        os.utime(path, (1, 1))


def shadow(place: Place) -> None:
    """Put a module of the same name before the one on ``PYTHONPATH``."""
    place.append("levels.py", "PEAK = 0.4\n")


LINKS = (
    Edit("nothing, with links, in a copy elsewhere", frozenset()),
    text(f"{BEHIND}/decode.py", "i != 0", "i > 0", RUNNER, "linked runner"),
    text(
        f"{BEHIND}/decode.py", "import torch", "import torch  # x", PACK, "linked runner: comment"
    ),
    kept(
        text(f"{BEHIND}/voices.py", "(130, 220)", "(120, 220)", f"{DATA} {PACK}", "linked module")
    ),
    text(f"{BEHIND}/windows/shape.py", "hann_", "hamming_", FEATURES, "module in a linked package"),
    text(f"{BEHIND}/windows/shape.py", "import", "# x\nimport", PACK, "the same: comment"),
    text("lists/metrics.yaml", "name: cer", "name: cer2", MEASURE, "linked config"),
    text("lists/metrics.yaml", "- name", "# x\n  - name", "", "linked config: comment"),
    text("lists/notes.txt", "first", "second", f"{DATA} {PACK}", "file that a setting names"),
    text("more/near.txt", "first", "second", PACK, "packed file"),
    text(f"{BEHIND}/more/far.txt", "first", "second", PACK, "packed file in a linked directory"),
    action("link of the runner to a copy", "", lambda p: turn(p, "src/decode.py")),
    action(
        "link of the runner to another",
        RUNNER,
        lambda p: turn_and_edit(p, "src/decode.py", "src/decode.py", "i != 0", "i > 0"),
    ),
    action("link of the package to a copy", "", lambda p: turn(p, "src/windows")),
    action(
        "link of the package to another",
        FEATURES,
        lambda p: turn_and_edit(p, "src/windows", "src/windows/shape.py", "hann_", "hamming_"),
    ),
    action(
        "link of a config to another",
        MEASURE,
        lambda p: turn_and_edit(p, METRICS, METRICS, "name: cer", "name: cer2"),
    ),
    action(
        "link of a config becomes a file",
        "",
        lambda p: without_link(p, METRICS),
    ),
    action(
        "linked package becomes a directory",
        "",
        lambda p: without_link(p, "src/windows"),
    ),
    damage("data turned to a copy", "", lambda p: turn(p, "data")),
    by_hand("data turned to others", DATA, turn_data),
    damage("wav turned to a copy", "", lambda p: turn_wav(p, alter=False)),
    by_hand("wav turned to others", DATA, lambda p: turn_wav(p, alter=True)),
    by_hand(
        "audio behind two links",
        DATA,
        lambda p: flip_file(min((p.root / "storage/wav").glob("*/*.wav"))),
    ),
    damage(
        "audio behind two links deleted",
        DATA,
        lambda p: min((p.root / "storage/wav").glob("*/*.wav")).unlink(),
    ),
    damage(
        "audio behind two links cut",
        DATA,
        lambda p: os.truncate(min((p.root / "storage/wav").glob("*/*.wav")), 99),
    ),
    damage("experiment turned to a copy", "", lambda p: turn(p, "exp")),
    damage("checkpoint behind a link cut", TRAIN, lambda p: cut(p, "train/best.ckpt")),
    damage(
        "events moved and linked", "", lambda p: move_and_link(p, "train/tensorboard", alter=False)
    ),
    damage(
        "checkpoint moved and linked",
        "",
        lambda p: move_and_link(p, "train/best.ckpt", alter=False),
    ),
    damage(
        "checkpoint moved, linked, altered",
        TRAIN,
        lambda p: move_and_link(p, "train/best.ckpt", alter=True),
    ),
    damage(
        "statistics moved and linked",
        "",
        lambda p: move_and_link(p, "collect_stats/train", alter=False),
    ),
    damage(
        "statistics moved, linked, altered",
        STATS,
        lambda p: move_and_link(p, "collect_stats/train", alter=True),
    ),
    damage(
        "code of the bundle moved and linked",
        "",
        lambda p: move_and_link(p, "pack_model/bundle/code", alter=False),
    ),
    damage(
        "code of the bundle moved, linked, altered",
        PACK,
        lambda p: move_and_link(p, "pack_model/bundle/code", alter=True),
    ),
    damage("linked directory added to the bundle", PACK, lambda p: link_in_bundle(p, around=False)),
    damage("link in the bundle to itself", "", lambda p: link_in_bundle(p, around=True)),
)

CODE_ELSEWHERE = (
    text(f"{LIB}/mylab/scaling.py", "* FACTOR", "* FACTOR * 2", FEATURES, "PYTHONPATH: function"),
    text(f"{LIB}/mylab/scaling.py", "return 1", "return 2", "", "PYTHONPATH: unused function"),
    text(f"{LIB}/mylab/scaling.py", "import json", "import json  # x", "", "PYTHONPATH: comment"),
    text(f"{LIB}/mylab/base.py", "1.0", "1.1", FEATURES, "PYTHONPATH: module behind that"),
    text(f"{LIB}/mylab/gains.json", "1.0", "1.1", FEATURES, "PYTHONPATH: file that code names"),
    text(f"{LIB}/mylab/late.py", "0.0", "1.0", RUNNER, "PYTHONPATH: import in a method"),
    text(f"{LIB}/mylab/scores.py", "    pass", "    higher = 1", MEASURE, "PYTHONPATH: metric"),
    kept(text(f"{LIB}/levels.py", "0.5", "0.4", f"{DATA}", "PYTHONPATH: module without a package")),
    text(
        f"{LIB}/corpora/texts/rows.py",
        "bool(",
        "not not (",
        READERS.replace(f" {PACK}", ""),
        "PYTHONPATH: namespace",
    ),
    action(
        "PYTHONPATH: package acts at import",
        f"{FEATURES} {MEASURE}",
        lambda p: p.append(f"{LIB}/mylab/__init__.py", "print('here')\n"),
    ),
    action("PYTHONPATH: new module", "", lambda p: p.append(f"{LIB}/mylab/new.py", "X = 1\n")),
    action("PYTHONPATH: times", "", touch_library),
    kept(action("module beside the recipe's before it", f"{DATA}", shadow)),
    text(
        f"{DEVELOP}/pth/spoken/tidy.py", "strip()", "strip().upper()", RUNNER, "editable: function"
    ),
    text(f"{DEVELOP}/pth/spoken/tidy.py", "def", "# x\n\n\ndef", "", "editable: comment"),
    text(f"{DEVELOP}/pth/spoken/__init__.py", "\n", "\nprint(1)\n", RUNNER, "editable: at import"),
    text(f"{DEVELOP}/finder/damping/__init__.py", "0.1", "0.2", MODEL, "editable by a finder"),
    action("editable: another version", "", lambda p: upgrade(p, "spoken")),
    text("tuning.py", "2", "3", MODEL, "module beside the manifest"),
    text("tuning.py", "2", "2  # x", PACK, "module beside the manifest: comment"),
    action(
        "installed from a directory, again",
        RUNNER,
        lambda p: install(p, "return text", "return text[1:]"),
    ),
    action("installed from a directory: version", RUNNER, lambda p: upgrade(p, "smoothing")),
    told(
        "archive on PYTHONPATH", action("", "", lambda p: archive(p, "return text[1:]")), "zipped"
    ),
    told(
        "module without metadata",
        action("", "", lambda p: write(site(p, "loose.py"), "def loose(t):\n    return t[1:]\n")),
        "loose",
    ),
)

__all__ = ["EDITS", "SUBJECT"]
EDITS = (*LINKS, *CODE_ELSEWHERE)
