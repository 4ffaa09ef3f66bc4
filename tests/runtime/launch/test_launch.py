"""``launch`` in a program: what it asks for, what it restores, how it ends."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Thread

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.launch import launch
from espnet3_runtime.process.interrupts import Terminated
from tests.runtime.launched_kit import launched
from tests.runtime.toy import Toy, chain


@pytest.fixture(autouse=True)
def finders() -> Iterator[None]:
    """A launch holds the code that it reads; this process goes on with other tests."""
    before = list(sys.meta_path)
    yield
    sys.meta_path[:] = before


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    toy = chain(tmp_path_factory.mktemp("launch") / "recipe")
    toy.file("src/steps.py", "def make(path, number): ...\ndef add(path, source, more): ...\n")
    return toy


def composing(error: BaseException, seen: list[object]) -> object:
    """Return a loader that notes the state of the process and raises."""

    def compose(build: Path, files: Mapping[str, Path], sets: Sequence[str]) -> None:
        seen.append(signal.getsignal(signal.SIGINT))
        sys.path.append("/left/behind")
        sys.argv[0] = "left_behind"
        os.chdir("/")
        raise error

    return compose


ENDS = [
    (UserError("it is wrong", hint="mend it"), 1, "error: it is wrong\n  help: mend it\n"),
    (OSError(2, "No such file", "/x"), 1, "error: [Errno 2] No such file: '/x'\n"),
    (SystemExit(0), 0, ""),
    (SystemExit(None), 0, ""),
    (SystemExit(3), 3, ""),
    (KeyboardInterrupt(), 130, "stopped: between stages\n"),
    (Terminated(signal.SIGTERM), 143, "stopped: between stages\n"),
    (Terminated(signal.SIGHUP), 129, "stopped: between stages\n"),
]


@pytest.mark.parametrize(("error", "code", "said"), ENDS)
def test_ends(
    error: BaseException,
    code: int,
    said: str,
    recipe: Toy,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (Path.cwd(), list(sys.path), list(sys.argv), signal.getsignal(signal.SIGINT))
    mine = signal.signal(signal.SIGINT, signal.SIG_IGN)
    seen: list[object] = []
    try:
        words = ["--set", "recipe.exp_tag=x"]
        ended = launch(UserError("unused"), recipe.build, words, composing(error, seen))
        after = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, mine)
    assert (ended, capsys.readouterr()) == (code, ("", said))
    assert seen == [signal.default_int_handler]
    assert after == signal.SIG_IGN
    state = (Path.cwd(), list(sys.path), list(sys.argv), signal.getsignal(signal.SIGINT))
    assert state == before


def test_a_full_disk_is_told_as_such(recipe: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    loader = composing(OSError(122, "Disk quota exceeded", "/x"), [])
    assert launch(UserError("x"), recipe.build, ["--set", "recipe.exp_tag=x"], loader) == 1
    assert capsys.readouterr().err.startswith('error: the disk refused to write "/x": Disk quota')


@pytest.mark.parametrize(
    ("words", "code"), [(["--list"], 0), (["--dry_run"], 0), (["--bogus"], 2), (["--help"], 0)]
)
def test_in_a_thread(
    words: list[str], code: int, recipe: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    thread = Thread(target=lambda: codes.append(launched(recipe, *words).returncode))
    thread.start()
    thread.join()
    assert codes == [code]
    assert capsys.readouterr() == ("", "")
    assert not recipe.exp.exists()


def test_the_arguments_of_the_process_are_the_default(
    recipe: Toy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "--bogus"])
    assert launch(UserError("x"), recipe.build) == 2
    assert capsys.readouterr().err == (
        "error: unrecognized arguments: --bogus\n  help: --help lists the arguments\n"
    )
    assert launch(UserError("x"), recipe.build, ["--other"]) == 2
    assert "unrecognized arguments: --other" in capsys.readouterr().err


def test_what_stages_see_of_the_process(tmp_path: Path) -> None:
    toy = chain(tmp_path / "recipe")
    toy.file(
        "src/steps.py",
        "import os, sys, json\n"
        "def make(path, number):\n"
        "    text = json.dumps([os.getcwd(), sys.path[:2], sys.argv[0]])\n"
        "    open(path, 'w').write(text)\n"
        "    print('printed')\n",
    )
    del toy.stages[1:]
    toy.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["build/run.py"])
        done = launched(toy, "--no_preflight")
    assert (done.returncode, done.stderr) == (0, "")
    assert "printed\n" in done.stdout
    folder = str(toy.directory)
    text = (toy.exp / "first" / "number.txt").read_text()
    assert text.startswith(f'["{folder}", ["{folder}", ')
    assert text.count(f'"{folder}"') == 2
    assert text.endswith(f', "{folder}/build/run.py"]')


def test_with_the_recipe_first_on_the_path_it_is_not_put_there_again(tmp_path: Path) -> None:
    toy = chain(tmp_path / "recipe")
    toy.file(
        "src/steps.py",
        "import sys\n"
        "def make(path, number):\n"
        f"    open(path, 'w').write(str(sys.path.count({str(toy.directory)!r})))\n",
    )
    del toy.stages[1:]
    toy.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.path", [str(toy.directory), *sys.path])
        assert launched(toy, "--no_preflight").returncode == 0
    assert (toy.exp / "first" / "number.txt").read_text() == "1"
