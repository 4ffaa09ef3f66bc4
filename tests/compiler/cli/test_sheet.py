"""What commands print and return, whole: standard output after ``|``, errors after ``!``."""

import re
import shlex
from pathlib import Path

import pytest

from tests.compiler.front_kit import write
from tests.compiler.recipe_kit import call
from tests.compiler.sheet_kit import Row, row_name, sheet

SHEET = sheet(Path(__file__).with_name("commands.txt"))


def perform(words: list[str]) -> None:
    """Change a file as a user would between two commands."""
    verb, name, *rest = words
    path = Path(name)
    if verb == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rest[0].replace("\\n", "\n"), encoding="utf-8")
    elif verb == "link":
        path.symlink_to(rest[0])
    elif verb == "change":
        path.write_text(path.read_text("utf-8").replace(rest[0], rest[1]), encoding="utf-8")
    else:
        assert verb == "show"
        print(path.read_text("utf-8") if path.is_file() else "no such file")


@pytest.mark.parametrize("row", SHEET, ids=row_name)
def test_what_commands_print_and_return(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands, *files = row.text.split("---- ")
    (tmp_path / "here").mkdir()
    write(tmp_path / "here", dict(file.split("\n", maxsplit=1) for file in files))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = []
    for command in commands.splitlines():
        words = shlex.split(command)
        code = str(call(*words[1:])) if words[0] == "$" else perform(words)
        printed = capsys.readouterr()
        lines += [command, *(f"| {line}" for line in printed.out.splitlines())]
        lines += [f"! {line}" for line in printed.err.splitlines()]
        lines += [f"exit code {code}"] if code else []
    text = "\n".join(lines).replace(str(tmp_path), "/tmp")
    text = re.sub(r'("seconds": |checked; )[\d.]+', r"\g<1>N", text)
    row.check(re.sub(r"! usage: .*\n(?:!  .*\n)+", "", text))  # other Pythons wrap it otherwise
