"""Recipes of others as directories: links, pipes, folders in the place of files, odd names."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

from espnet3_compiler.cli.main import TRACEBACK_VARIABLE, main
from espnet3_schemas.exit_codes import INTERNAL_ERROR
from evaluation.fuzz.built import RECIPE
from evaluation.fuzz.judge import Try
from evaluation.fuzz.tree import SPECIAL, lines, make

CANARY = b"c4n4ry"
"""What lies outside of the recipe, and must not be shown."""
_COMMANDS = (
    *("recipe.yaml", "--check recipe.yaml", "--check --fix recipe.yaml", "--check ."),
    *("--check --format json recipe.yaml", "--graph text recipe.yaml"),
    *("--why training.more.lr recipe.yaml", "--check --format sarif recipe.yaml"),
)
_SEEDS = (
    *(b"l conf/training.yaml ../../outside/training.yaml", b"p conf/training.yaml"),
    *(b"d conf/training.yaml", b"l conf ../outside", b"l recipe.yaml ../outside/training.yaml"),
    *(
        b"m conf/a\xff.yaml\nf conf/a\xff.yaml lr: 1",
        b"m ../outside/training.yaml",
        b"p recipe.yaml",
    ),
    *(b"m linked/training.yaml\nl linked ../outside", b"m x.yaml\nl x.yaml conf/training.yaml"),
    *(b"f conf/training.yaml a: ${load_line:x.txt}\nl x.txt ../outside/secret.txt",),
    *(b"f conf/training.yaml a: ${load_line:../outside/secret.txt}", b"p src/model.py", b"d src"),
    *(
        b"l src/model.py /dev/zero",
        b"l src ../outside",
        b"l build ../outside",
        b"l build build",
        b"l x/recipe.yaml recipe.yaml",
        b"p build",
    ),
    *(b"p src/__init__.py\nf src/x\xff.py", b"b conf/training.yaml a: [[],\\n", b"l src/a.py a.py"),
    *(b"m x.yaml\nf x.yaml optimizr: {lr: 1}", b"b src/model.py class A:\\n  def f(x): ...\\n"),
    *(b"p conf/card.md", b"l conf/card.md ../../outside/secret.txt", b"l dataset ../src"),
    *(b"f build/recipe.lock.json {}", b"d build/recipe.lock.json", b"p build/recipe.lock.json"),
)


def tree_seeds(_directory: Path) -> Sequence[bytes]:
    """Return recipes with something odd in the place of each kind of file."""
    return (*_SEEDS, *SPECIAL)


def compiles_tree(directory: Path) -> Try:
    """Return what runs the command over a recipe, and sees that all else is as it was."""
    os.environ["ESPNET3_COMPILE_CACHE"] = str(directory.parent / "cache")
    os.environ[TRACEBACK_VARIABLE] = "1"
    outside, recipe = directory / "outside", directory / "recipe"
    outside.mkdir()
    (outside / "training.yaml").write_bytes(b"optimizr: {lr: " + CANARY + b"}\n")
    (outside / "secret.txt").write_bytes(CANARY + b"\n")
    before = _content(outside)

    def attempt(data: bytes) -> bool:
        shutil.rmtree(recipe, ignore_errors=True)
        shutil.copytree(RECIPE, recipe)
        for line in lines(data):
            if line.kind == "m":
                _name_config(recipe / "recipe.yaml", line.name)
            else:
                make(recipe, line)
        os.chdir(recipe)
        code, said = _run(_COMMANDS[sum(data) % len(_COMMANDS)].split())
        assert code != INTERNAL_ERROR, said.decode(errors="replace")[-3000:]
        assert CANARY not in said, said
        assert _content(outside) == before
        build = _content(recipe / "build") if not (recipe / "build").is_symlink() else {}
        assert not any(CANARY in text for text in build.values())
        return code == 0

    return attempt


def shadow_seeds(_directory: Path) -> Sequence[bytes]:
    """Return working directories whose modules have the names of others."""
    return (
        *(b"f yaml.py\nf json.py", b"d yaml\nf yaml/__init__.py", b"f jsonschema.py\nf ast.py"),
        *(b"f sitecustomize.py\nf usercustomize.py", b"f x.pth\nf pyvenv.cfg", b"l re.py yaml.py"),
        *(b"f __pycache__/argparse.cpython-311.pyc", b"f argparse.pyc\nf pathlib.so", b"f src.py"),
        *(b"f espnet3_schemas/__init__.py", b"f tempfile.py\nf numpy.py\nf torch/__init__.py"),
    )


def shadows(directory: Path) -> Try:
    """Return what runs ``python -m espnet3_compiler`` among modules that leave a mark."""
    recipe, mark = directory / "recipe", directory / "ran"
    trap = f'\nopen({str(mark)!r}, "a").write(__file__)\n'.encode()
    command = [sys.executable, "-m", "espnet3_compiler", "--check", "recipe.yaml"]
    environ = {key: value for key, value in os.environ.items() if key != TRACEBACK_VARIABLE}
    first = _first_modules(directory)

    def attempt(data: bytes) -> bool:
        shutil.rmtree(recipe, ignore_errors=True)
        shutil.copytree(RECIPE, recipe)
        for line in lines(data):
            if line.name.lstrip("./").partition("/")[0].partition(".")[0] not in first:
                make(recipe, line, trap)
        done = subprocess.run(
            command, cwd=recipe, capture_output=True, check=False, env=environ, timeout=60
        )
        assert not mark.exists(), mark.read_text()
        assert done.returncode in (0, 1), done.stderr.decode(errors="replace")
        assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        return done.returncode == 0

    return attempt


def _first_modules(directory: Path) -> set[str]:
    """Return what Python itself imports before the first line of a program, and the program."""
    (directory / "shown.py").write_text("import sys\nprint(*sys.modules)\n")
    command = [sys.executable, "-m", "shown"]
    done = subprocess.run(command, cwd=directory, capture_output=True, check=True, text=True)
    return {*(name.partition(".")[0] for name in done.stdout.split()), "espnet3_compiler"}


def _name_config(manifest: Path, name: str) -> None:
    """Let the manifest name another training config."""
    with suppress(OSError):
        if manifest.is_file():
            data = manifest.read_bytes()
            manifest.write_bytes(data.replace(b"conf/training.yaml", os.fsencode(name)))


def _run(words: Sequence[str]) -> tuple[int, bytes]:
    """Run the command, with streams as a program has them; return code and output."""
    said = io.BytesIO()
    out = io.TextIOWrapper(said, "utf-8", errors="replace", write_through=True)
    error = io.TextIOWrapper(said, "utf-8", errors="backslashreplace", write_through=True)
    with redirect_stdout(out), redirect_stderr(error):
        code = main(words)
    return code, said.getvalue()


def _content(directory: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
