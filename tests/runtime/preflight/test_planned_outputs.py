"""Outputs that are still to be made, and packages that are imported early."""

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.preflight.planned_outputs import PlannedOutputs
from espnet3_runtime.preflight.warm_imports import import_packages
from tests.runtime.toy import Toy

MAY = "it may need what a stage makes"
NAMES = "its code names what a stage makes"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    toy = Toy(tmp_path_factory.mktemp("recipe"))
    toy.file("src/steps.py", "def make(path):\n    pass\n\n\ndef use(**given):\n    pass\n")
    toy.file("src/names.py", "PLACE = './exp/toy/make'\n\n\ndef fails(error):\n    raise error\n")
    toy.file("src/other.py", "PLACE = 'exp/other'\n\n\ndef fails(error):\n    raise error\n")
    toy.call("make", "src.steps.make", {"path": "made/data.txt"}, {"data": "made/data.txt"})
    given = {"made": "${stages.make.data}", "home": "${oc.env:SOME_HOME,here}"}
    toy.call("use", "src.steps.use", {**given, "must": "${oc.env:SOME_NEED}"})
    return load_build(toy.write().build)


def test_late_values_are_filled_in(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = PlannedOutputs(build, makes_files=False)
    view = ConfigView({"with": build.arguments(build.stage("use"))}, "stages.use")
    monkeypatch.delenv("SOME_HOME", raising=False)
    monkeypatch.setenv("SOME_NEED", "needed")
    found = planned.resolve_view(view)
    expected = {"made": "made/data.txt", "home": "here", "must": "needed"}
    assert (found.plain(), found.where) == ({"with": expected}, "stages.use")
    monkeypatch.delenv("SOME_NEED")
    with pytest.raises(UserError, match="SOME_NEED") as caught:
        planned.resolve_view(view)
    assert caught.value.where == "stages.use.with.must"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("made/data.txt", True),
        ("made/data.txt/deeper", True),
        ("./made/../made/data.txt", True),
        ("made", False),
        ("made/other.txt", False),
        ("exp/toy/anything", True),
        ("exp/toy", True),
        ("exp/other", False),
        ("data/deep/x", True),
        ("src", False),
        ("src/steps.py", False),
        ("", False),
        ("a\0b", False),
    ],
)
def test_paths_that_a_stage_has_still_to_make(text: str, missing: bool, build: Build) -> None:
    planned = PlannedOutputs(build, makes_files=False)
    assert planned.are_missing(text) == missing
    assert planned.are_missing({"a": [3, "src", {"b": text}], "c": "src"}) == missing
    assert planned.are_missing(str(build.recipe_dir / text) if text else "") == missing


def test_what_is_there_is_not_missing(build: Build) -> None:
    planned = PlannedOutputs(build, makes_files=False)
    path = build.recipe_dir / "exp" / "toy" / "there"
    path.mkdir(parents=True)
    assert not planned.are_missing(["exp/toy/there"])
    path.rmdir()
    path.symlink_to("nowhere")
    assert not planned.are_missing(["exp/toy/there"])
    path.unlink()


def absent(name: str) -> FileNotFoundError:
    return FileNotFoundError(2, "No such file or directory", name)


@pytest.mark.parametrize(
    ("error", "plain", "writing"),
    [
        (absent("made/data.txt"), MAY, MAY),
        (absent("src/none.txt"), "", MAY),
        (FileNotFoundError("no words"), "", MAY),
        (PermissionError(13, "no", "exp/toy/a"), MAY, MAY),
        (ValueError("cannot read exp/toy/a.txt"), MAY, MAY),
        (ValueError("cannot read exp/toy"), MAY, MAY),
        (ValueError("cannot read data/x"), MAY, MAY),
        (ValueError("cannot read exp/toys"), "", ""),
        (ValueError("cannot read exp/toy-2"), "", ""),
        (ValueError("cannot read my/exp/toy/a"), "", ""),
        (ValueError("cannot read exp/other"), "", ""),
        (ImportError("cannot read exp/toy/a.txt"), "", ""),
        (UserError("cannot read data/x"), MAY, MAY),
    ],
)
def test_errors_that_only_tell_that_stages_have_still_to_run(
    error: Exception, plain: str, writing: str, build: Build
) -> None:
    for makes_files, expected in ((False, plain), (True, writing)):
        planned = PlannedOutputs(build, makes_files=makes_files)
        assert planned.excuse(error) == expected
        outer = RuntimeError("outer")
        outer.__cause__ = error
        assert planned.excuse(outer) == expected


def test_the_whole_path_in_a_message_counts(build: Build) -> None:
    planned = PlannedOutputs(build, makes_files=False)
    assert planned.excuse(ValueError(f"no {build.recipe_dir}/exp/toy/x")) == MAY
    assert planned.excuse(ValueError(f"no {build.recipe_dir}/exp/x")) == ""


@pytest.mark.parametrize(
    ("name", "error", "excuse"),
    [
        ("names", RuntimeError("empty"), NAMES),
        ("names", UserError("empty"), ""),
        ("names", ImportError("empty"), ""),
        ("names", SyntaxError("empty"), ""),
        ("names", NameError("empty"), ""),
        ("other", RuntimeError("empty"), ""),
    ],
)
def test_code_that_names_what_a_stage_makes(
    name: str, error: Exception, excuse: str, build: Build
) -> None:
    path = build.recipe_dir / "src" / f"{name}.py"
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    with pytest.raises(type(error), match="empty") as caught:
        names["fails"](error)
    planned = PlannedOutputs(build, makes_files=False)
    assert planned.excuse(caught.value) == excuse
    outer = UserError("outer")
    outer.__cause__ = caught.value
    assert planned.excuse(outer) == excuse


# Packages.

RARE = ("wave", "colorsys", "sched", "xml.sax.expatreader", "mailbox", "imghdr")


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of Python that nothing else here needs."""
    for name in RARE:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("", {"sched"}),
        ("import wave\nfrom colorsys import rgb_to_hls\n", {"sched", "wave", "colorsys"}),
        ("from xml.sax import expatreader\n", {"sched", "xml.sax.expatreader"}),
        ("from . import wave\nfrom .colorsys import x\n", {"sched"}),
        ("def later():\n    import wave\n", {"sched"}),
        ("import wave, no_such_package\nimport colorsys\n", {"sched", "wave", "colorsys"}),
        ("from wave import no_such_name\n", {"sched", "wave"}),
        ("import wave\n(\n", {"sched"}),
        ("import wave\n\0", {"sched"}),
        ("import wave\nimport os\nos.environ['A'] = '1'\n", set()),
        (
            "import wave\nimport os\nx = {**os.environ, 'A': '1'}  # the environment\n",
            {"sched", "wave"},
        ),
        ("import wave\nimport os\nx = os.environ.get('A'), 'A' in os.environ\n", {"sched", "wave"}),
        ("import wave\nimport os\nx = os.environ.get('A') or os.environ.pop('A')\n", set()),
        ("import wave\nfrom os import environ\n", set()),
        ("import wave\nfrom os import putenv\n", set()),
        ("import wave, sys\nsys.path.append('a')\n", set()),
    ],
)
def test_what_modules_import_at_their_top(
    text: str, imported: set[str], forgotten: None, tmp_path: Path
) -> None:
    (tmp_path / "steps.py").write_text(text)
    (tmp_path / "words.txt").write_text("import mailbox, environ\n")
    code = {"steps.py": "1", "words.txt": "2", "archive.zip/inner.py": "3"}
    before = dict(os.environ)
    import_packages(tmp_path, [{"code": code, "versions": {}}], ["sched.scheduler"])
    assert {name for name in RARE if name in sys.modules} == imported
    assert dict(os.environ) == before


def test_no_code_of_a_recipe_or_of_ours_is_imported(
    forgotten: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_package.py").write_text("")
    (tmp_path / "b.py").write_text("import mailbox\n")
    monkeypatch.syspath_prepend(tmp_path)
    inputs = [{"code": {}, "versions": {}}, {"code": {"b.py": "1"}, "versions": {}}]
    names = ["own_package.thing", "espnet3_runtime.no_such_module", "", "wave"]
    import_packages(tmp_path, iter(inputs), iter(names))
    assert "own_package" not in sys.modules
    assert {name for name in RARE if name in sys.modules} == {"wave", "mailbox"}
