"""The tutorial, word for word: its files, its commands, what they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHER_EXTRAS = ("soundfile", "sentencepiece", "jiwer", "espeakng_loader", "dask", "gradio")
LONGEST = 15


def blocks() -> list[tuple[str, str, str]]:
    return [match.groups(default="") for match in BLOCK.finditer(PAGE.read_text())]


def pattern(lines: list[str]) -> str:
    """Return what output must match: ``…`` is any text, on a line of its own any lines."""
    parts = [
        "(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n"
        for line in lines
    ]
    return "".join(parts)


def commands(text: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return found


class Reader:
    """Somebody who does what the page says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / ".extras"
        self.home.mkdir()
        for module in OTHER_EXTRAS:  # the page installs the extra "runtime" alone
            (self.home / f"{module}.py").write_text(
                f'raise ModuleNotFoundError("left out", name="{module}")\n'
            )

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def edit(self, name: str, diff: str) -> None:
        text = (self.folder / name).read_text()
        for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", diff, re.MULTILINE):
            before, after = (re.sub(r"^[-+]", "", part, flags=re.MULTILINE) for part in (old, new))
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        (self.folder / name).write_text(text)

    def run(self, command: str, expected: list[str]) -> None:
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return
        words = command.split()
        words[:1] = {
            "espnet3-compile": [sys.executable, "-m", "espnet3_compiler"],
            "python": [sys.executable, "-u"],
        }.get(words[0], words[:1])
        environment = {**os.environ, "PYTHONPATH": str(self.home), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**environment, "LC_ALL": "C"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        fails = any(line.startswith("error") for line in expected)
        assert done.returncode == int(fails), done.stdout
        said = "".join(f"{line}\n" for line in done.stdout.splitlines())
        assert re.fullmatch(pattern(expected), said), f"{command}\n{said}"


def test_the_page_holds_on_a_new_machine(tmp_path: Path):
    reader = Reader(tmp_path)
    kinds = []
    for kind, name, text in blocks():
        kinds.append(kind)
        match kind:
            case "sh":
                assert text == "pip install '.[runtime]'\n"  # the tests have it already
            case "python" | "yaml":
                reader.write(name, text)
            case "diff":
                reader.edit(name, text)
            case "console":
                for command, expected in commands(text):
                    reader.run(command, expected)
            case other:
                pytest.fail(f"nobody knows what a block {other} means")
    assert {"sh", "python", "yaml", "diff", "console"} <= set(kinds)


def test_the_manifest_is_short():
    text = next(text for kind, name, text in blocks() if name == "recipe.yaml" and kind == "yaml")
    assert len(text.splitlines()) <= LONGEST
    assert yaml.safe_load(text)["models"]["own"]["_target_"] == "src.model.MyModel"
