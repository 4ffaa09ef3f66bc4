"""Every command that a page shows: its program is there, and takes these arguments.

The guides and the tutorial are also run, word for word (``test_guides.py``, ``test_tutorial.py``).
"""

import importlib.util
import re
import shlex
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest

from espnet3_compiler.cli.schema import run_schema
from espnet3_runtime.launch.arguments import read_arguments
from tests.docs.test_pages import BLOCK as FENCE
from tests.docs.test_pages import NAMES, ROOT

BLOCK = re.compile(r"^```(?:sh|console)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:espnet3-compile|python|pip|make) [^`\n]+)`")
OWN = re.compile(r"(?:espnet3-compile|python|pip|make|srun python)\b")
CONFIG = re.compile(r"--(\w+)_config\b")
PLACEHOLDERS = {"SECONDS": "1", "GIB": "1", "N": "1"}
ANYTHING = re.compile(r"…|\[--")
EXTRAS = set(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
)
TARGETS = set(re.findall(r"^([a-z]\w*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def shown_commands(name: str) -> Iterator[str]:
    """Yield the commands of a page that run something of this project."""
    text = (ROOT / name).read_text()
    for block in BLOCK.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        if any(line.startswith("$ ") for line in lines):
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        for line in lines:
            for part in re.split(r"&&|;", line.partition(" #")[0]):
                words = part.split()
                while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                    words.pop(0)
                if words and OWN.match(" ".join(words)):
                    yield " ".join(words)
    for command in INLINE.findall(FENCE.sub("", text)):
        yield from (part.strip() for part in command.split("&&"))


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """Return the module that writes the reference: it knows the parsers of all programs."""
    place = ROOT / "docs" / "build_reference.py"
    spec = importlib.util.spec_from_file_location("build_reference", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_reference"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [name for name in NAMES if any(shown_commands(name))])
def test_the_arguments_are_those_of_the_program(name: str, reference: ModuleType) -> None:
    for command in shown_commands(name):
        if not ANYTHING.search(command):
            check(shlex.split(command.removeprefix("srun ")), reference)


def check(words: list[str], reference: ModuleType) -> None:
    """Fail if a command names a program, extra, target or option that is not there."""
    match words:
        case ["espnet3-compile", "lsp", *given]:
            assert given == []
        case ["espnet3-compile", "schema", *given]:
            parse(reference.parser_of(lambda: run_schema([])), given)
        case ["espnet3-compile", *given]:
            text = re.sub(r"--\w+_config \S+|--graph(?! \w)", "", shlex.join(given))
            parse(reference.parser_of(reference.PROGRAMS["espnet3-compile"]), shlex.split(text))
        case ["python", file, *given] if file.endswith("run.py"):
            configs = CONFIG.findall(" ".join(given))
            build = SimpleNamespace(recipe="", stages=(), configs=configs)
            parse(reference.parser_of(lambda: read_arguments(build, [], ROOT)), given)
        case ["python", "-m", module, *given] if f"python -m {module}" in reference.PROGRAMS:
            parse(reference.parser_of(reference.PROGRAMS[f"python -m {module}"]), given)
        case ["python", file, *_] if file.endswith(".py"):
            assert (ROOT / file).is_file(), words
        case ["make", target, *_]:
            assert target in TARGETS, words
        case ["pip", "install", *given]:
            named = re.findall(r"(?:espnet3-compile|\.)\[([\w,]+)\]", " ".join(given))
            assert {extra for text in named for extra in text.split(",")} <= EXTRAS, words


def parse(parser: ArgumentParser, words: list[str]) -> None:
    """Fail if a parser does not take these words; a bare name of a program is no command."""
    if not words:
        return
    try:
        parser.parse_args([PLACEHOLDERS.get(word, word) for word in words])
    except SystemExit:
        pytest.fail(f"{parser.prog} does not take: {shlex.join(words)}")
