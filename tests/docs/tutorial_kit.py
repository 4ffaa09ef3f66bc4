"""A reader of a page, who does what it says, word for word."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.warm_kit import run_warm

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path = PAGE) -> list[tuple[str, str, str]]:
    return [match.groups(default="") for match in BLOCK.finditer(page.read_text())]


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

    def __init__(
        self,
        folder: Path,
        programs: Mapping[str, list[str]],
        install: Callable[[str], None],
        **environment: str,
    ) -> None:
        """Begin to read.

        Args:
            folder: Where the reader is.
            programs: What runs instead of the first word of a command.
            install: Gets the command that installs this project.
            environment: Variables for each command.
        """
        self.folder = folder
        self.programs = programs
        self.install = install
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C", **environment}

    def follow(self, page: Path = PAGE) -> set[str]:
        """Do all that a page says, and return which kinds of blocks it has."""
        kinds = set()
        for kind, name, text in blocks(page):
            kinds.add(kind)
            match kind:
                case "sh":
                    self.install(text)
                case "python" | "yaml" if name:
                    self.write(name, text)
                case "python" | "yaml":
                    pass  # a part of a file, to be read
                case "diff":
                    self.edit(name, text)
                case "console":
                    for command, expected in commands(text):
                        self.run(command, expected)
                case other:
                    pytest.fail(f"nobody knows what a block {other} means")
        return kinds

    def start(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

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
        first, *others = command.split()
        done = self.start([*self.programs.get(first, [first]), *others])
        fails = any(line.startswith(("error", "~ ")) for line in expected)
        assert done.returncode == int(fails), done.stdout
        said = "".join(f"{line}\n" for line in done.stdout.splitlines())
        assert re.fullmatch(pattern(expected), said), f"{command}\n{said}"


class Follower(Reader):
    """A reader whose runs have imported PyTorch and Lightning already."""

    def start(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        if "build/run.py" not in command:
            return super().start(command)
        words = command[command.index("build/run.py") :]
        return run_warm(*words, folder=self.folder, environment=self.environment, joined=True)
