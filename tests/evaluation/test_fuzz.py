"""Hostile input, the bounded part: every surface of ``evaluation.fuzz`` gets a few inputs."""

import re
from pathlib import Path

import pytest

from espnet3_runtime.errors import UserError
from evaluation.fuzz import bundle_tree, secret_values
from evaluation.fuzz.judge import judge
from evaluation.fuzz.shape import check_build
from evaluation.fuzz.surfaces import ALL
from evaluation.fuzz.tree import lines, make

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"(?P<name>.{12})\s+(?P<accepted>\d+)\s+(?P<refused>\d+)\s+0\b")


def test_shares_add_up() -> None:
    assert sum(surface.share for surface in ALL) == 1000


def test_the_judge_tells_faults_from_refusals() -> None:
    def refuses(_data: bytes) -> bool:
        raise UserError("no")

    def fails(_data: bytes) -> bool:
        raise KeyError("x")

    def hangs(_data: bytes) -> bool:
        while True:
            pass

    assert judge(lambda _: True, b"", 1).ending == "accepted"
    assert judge(refuses, b"", 1).ending == "refused"
    assert "KeyError" in judge(fails, b"", 1).detail
    assert "more than" in judge(hangs, b"", 0.05).detail


@pytest.mark.parametrize(
    ("name", "old", "new", "noticed"),
    [
        ("run.py", "raise SystemExit", "print(1)\n    raise SystemExit", "print"),
        ("system.py", '"""', '"""x"""\nimport os\nos.system("x")\n"""', r"Import\(names"),
        ("system.py", "StageSpec(", "eval(", r"^eval\("),
    ],
)
def test_code_of_another_shape_is_noticed(name: str, old: str, new: str, noticed: str) -> None:
    build = ROOT / "tests" / "golden" / "pipeline" / "build"
    good = {file: (build / file).read_text() for file in ("run.py", "system.py")}
    lock = (build / "recipe.lock.json").read_text()
    check_build({**good, "recipe.lock.json": lock}, good)
    assert old in good[name]
    changed = {**good, name: good[name].replace(old, new, 1), "recipe.lock.json": lock}
    with pytest.raises((AssertionError, SyntaxError), match=noticed):
        check_build(changed, good)


def test_directories_of_inputs_stay_where_they_belong(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    data = b"f ../../a x\nl out ..\nf out/b x\nf /c x\np d\nf e\xff/f one\\ntwo\nd g\nf g h"
    for line in lines(data):
        make(root, line)
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert {path.name for path in root.iterdir()} == {"a", "c", "d", "e\udcff", "g", "out"}
    assert (root / "e\udcff" / "f").read_text() == "one\ntwo"
    assert (root / "d").is_fifo()


def test_a_secret_that_gets_out_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = secret_values.keeps(tmp_path / "recipe")
    assert judge(attempt, b"x: {db_password: [a]}", 60).ending == "accepted"
    monkeypatch.setattr(secret_values, "NAMES", ("harmless",))
    assert secret_values.CANARY in judge(attempt, b"harmless: a", 60).detail


def test_code_that_runs_without_trust_is_noticed(tmp_path: Path) -> None:
    attempt = bundle_tree.opens_tree(trusted=False)(tmp_path / "bundles")
    data = b"t src.model.Net\nf code/src/__init__.py\nf code/src/model.py"
    assert judge(attempt, data, 60).ending == "refused"
    trusted = bundle_tree.opens_tree(trusted=True)(tmp_path / "others")
    assert judge(trusted, data, 60).ending == "accepted"
    assert (tmp_path / "others" / "ran").exists()
