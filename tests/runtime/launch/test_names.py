"""Names of files that are not UTF-8 end no command in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.toy import chain

RECIPE = """
version: 1
recipe: toy/task
system: base
stages: [{name: first, call: src.steps.make, with: {path: "${exp_dir}/number", number: 3}}]
"""
NAME = b"caf\xe9.wav"
COMMANDS = [
    ([b"-m", b"espnet3_compiler", b"recipe.yaml"], 0),
    ([b"-m", b"espnet3_compiler", b"--check", b"."], 0),
    ([b"-m", b"espnet3_compiler", NAME], None),
    ([b"build/run.py"], 0),
    ([b"build/run.py", b"--verify"], None),
    ([b"build/run.py", b"--stages", NAME], None),
    ([b"-m", b"espnet3_runtime.publication.transcribe", NAME, NAME], 1),
]


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "utf-8:strict"},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_names_that_are_no_text(tmp_path: Path, variables: dict[str, str]) -> None:
    toy = chain(tmp_path / "recipe")
    toy.file("recipe.yaml", RECIPE)
    for folder in ("data", "exp/recipe", "src", "."):
        (toy.directory / folder).mkdir(parents=True, exist_ok=True)
        Path(os.fsdecode(os.fsencode(toy.directory / folder) + b"/" + NAME)).touch()
    for words, code in COMMANDS:
        done = subprocess.run(
            [os.fsencode(sys.executable), *words],
            cwd=toy.directory,
            env={**os.environ, **variables},
            capture_output=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert code in (None, done.returncode), said
        for word in (b"Traceback", b"UnicodeEncodeError", b"has a bug"):
            assert word not in said, (words, said)
