"""What the look before a run found, as it is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.launch.arguments import read_arguments
from espnet3_runtime.launch.preflight_report import AnswerReport, is_system, system_answer
from espnet3_runtime.system import StageContractError, System
from espnet3_runtime.systems.base import BaseSystem
from tests.runtime.launched_kit import launched
from tests.runtime.toy import Toy, chain

NOTE = {"kind": "note", "text": "a note"}
UNFINISHED = {"kind": "unfinished", "text": "any stage"}


def finding(text: str, *, warns: bool = False) -> dict[str, Any]:
    return {"kind": "finding", "message": text, "help": ["do a", "do b"], "warns": warns}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return chain(tmp_path_factory.mktemp("report") / "recipe")


@pytest.fixture(scope="module")
def build(recipe: Toy) -> Build:
    return load_build(recipe.build)


@dataclass
class Renderer:
    """Notes what it is asked for."""

    asked: list[object] = field(default_factory=list)

    def __call__(
        self,
        build: Path,
        config_files: Mapping[str, Path],
        sets: Sequence[str],
        answers: Sequence[Mapping[str, Any]],
        form: str,
    ) -> str:
        self.asked = [build, config_files, sets, list(answers), form, Path.cwd()]
        return f"{form} of me:pw@host, https://me:pw@host/x\n"


def shown(
    build: Build, answers: list[dict[str, Any]], *words: str, render: Renderer | None = None
) -> int:
    given = read_arguments(build, words, build.recipe_dir)
    return AnswerReport(build, given, render, build.recipe_dir / "src").show(answers)


@pytest.mark.parametrize(
    ("answers", "words", "code", "said"),
    [
        ([], [], 0, ""),
        ([], ["--preflight"], 0, ""),
        ([NOTE], [], 0, ""),
        ([NOTE], ["--preflight"], 0, "  not looked at: a note\n"),
        ([UNFINISHED], [], 0, "  not looked at: any stage\n"),
        ([finding("w", warns=True)], [], 0, ""),
        (
            [finding("w", warns=True)],
            ["--preflight"],
            0,
            "error: w\n  help: do a\n  help: do b\n",
        ),
        (
            [finding("w", warns=True), NOTE, finding("x")],
            [],
            1,
            "error: w\n  help: do a\n  help: do b\nerror: x\n  help: do a\n  help: do b\n",
        ),
    ],
)
def test_without_the_compiler(
    answers: list[dict[str, Any]],
    words: list[str],
    code: int,
    said: str,
    build: Build,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert shown(build, answers, *words) == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("form", ["human", "json"])
def test_with_the_compiler(form: str, build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    render, here = Renderer(), Path.cwd()
    found = [finding("x"), finding("y", warns=True)]
    words = ["--preflight", "--format", form, "--set", "recipe.exp_tag=other"]
    assert shown(build, [NOTE, *found], *words, render=render) == 1
    start = build.recipe_dir / "src"
    assert render.asked == [build.directory, {}, ("recipe.exp_tag=other",), found, form, start]
    assert Path.cwd() == here
    text = f"{form} of me:pw@host, https://host/x\n"
    note = "  not looked at: a note\n"
    expected = (text, note) if form == "json" else ("", note + text)
    assert capsys.readouterr() == expected
    assert shown(build, [finding("y", warns=True)], render=(unasked := Renderer())) == 0
    assert unasked.asked == []


def test_what_is_a_system() -> None:
    assert is_system(BaseSystem)
    assert is_system(System)
    for other in (int, ValueError("x"), BaseSystem(configs={}), None):
        assert not is_system(other)  # type: ignore[arg-type]


WHERE = {"owner": ["recipe", "system"], "path": [], "stage": None}
DERIVE = "derive it from espnet3_runtime.systems.base.BaseSystem, or write base or asr"


def answer(code: str, message: str, *help_: str) -> dict[str, Any]:
    return {
        "kind": "finding",
        "code": code,
        "message": message,
        "label": "",
        "help": list(help_),
        "notes": [],
        "numbers": [],
        "place": None,
        "in_code": True,
        "warns": False,
        **WHERE,
    }


def raised(code: str, file: Path) -> Exception:
    try:
        exec(compile(code, str(file), "exec"), {})
    except Exception as error:  # noqa: BLE001 - any is told
        return error
    raise AssertionError("it raised nothing")


def test_answers_about_a_system_without_a_place(build: Build) -> None:
    name = build.system
    assert system_answer(int, build) == answer("R206", f'"{name}" is no System', DERIVE)
    contract = StageContractError("Own: two stages are called first")
    assert system_answer(contract, build) == answer("R206", "Own: two stages are called first")
    here = raised("class A(3): pass", build.directory / "system.py")
    assert system_answer(here, build) == answer("R206", f'"{name}" is no System', DERIVE)
    other = system_answer(raised("1 / 0", build.directory / "system.py"), build)
    text = f"importing {name} fails: ZeroDivisionError: division by zero"
    assert other == answer("R901", text)


@pytest.mark.parametrize("code", ["1 / 0", "None + 1"])
def test_an_answer_about_code_of_the_recipe_names_its_line(code: str, build: Build) -> None:
    file = build.recipe_dir / "src" / "own.py"
    file.write_text(f"\n{code}\n")
    found = system_answer(raised(file.read_text(), file), build)
    assert (found["code"], found["help"]) == ("R901", [])
    assert found["message"].startswith(f"importing {build.system} fails: ")
    place = found["place"]
    assert (place["file"], place["line"], place["column"]) == (str(file), 2, 1)


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("Own = 3\n", 1, '"src.own.Own" is no System'),
        ("import no_such\n", 1, "importing src.own.Own fails: ModuleNotFoundError"),
    ],
)
def test_a_run_with_a_system_that_is_none(
    source: str, code: int, said: str, tmp_path: Path
) -> None:
    toy = chain(tmp_path / "recipe")
    toy.file(
        "src/own.py",
        "from espnet3_runtime.systems.base import BaseSystem\nclass Own(BaseSystem):\n    pass\n",
    )
    toy.system = "src.own.Own"
    toy.write()
    toy.file("src/own.py", source)
    for words in ([], ["--preflight"], ["--list"]):
        done = launched(toy, *words)
        assert done.returncode == code, done
        assert said in done.stderr
        assert done.stdout == ""
    assert not toy.exp.exists()
