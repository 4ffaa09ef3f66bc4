"""Code outside of the recipe: followed where its package has no fixed version, or named."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtime.toy import Toy

STEPS = """from pathlib import Path


def make(path):
    from mylab import ops
    Path(path).write_text(ops.value())
"""
OPS = """from helpers import ONE


def value():
    return f'{ONE} a'


def unused():
    return 1
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    toy = Toy(tmp_path / "recipe")
    toy.file("src/steps.py", STEPS)
    toy.file("../lib/mylab/__init__.py", "")
    toy.file("../lib/mylab/ops.py", OPS)
    toy.file("../lib/helpers.py", "ONE = 1\n")
    toy.call("make", "src.steps.make", {"path": "exp/toy/make/o.txt"}, {"o": "o.txt"})
    return toy.write()


def run(recipe: Toy, *arguments: str, path: str = "../lib") -> str:
    path = os.pathsep.join([str(recipe.directory / path), os.environ.get("PYTHONPATH", "")])
    done = recipe.python(*arguments, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    return str(done.stdout + done.stderr)


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))
    later = path.stat().st_mtime + 2  # bytecode knows whole seconds only
    os.utime(path, (later, later))


def test_what_lies_on_the_path_is_followed(recipe: Toy) -> None:
    library = recipe.directory.parent / "lib"
    assert "warning" not in run(recipe)
    edit(library / "mylab" / "ops.py", "return 1", "return 2")
    assert "up to date" in run(recipe, "--dry_run")
    edit(library / "helpers.py", "1", "2")
    assert "code of ../lib/helpers.py changed" in run(recipe)
    assert (recipe.exp / "make" / "o.txt").read_text() == "2 a"
    edit(library / "mylab" / "ops.py", " a'", " b'")
    assert "code of ../lib/mylab/ops.py changed" in run(recipe)
    assert (recipe.exp / "make" / "o.txt").read_text() == "2 b"
    assert "nothing to do" in run(recipe)


def test_a_file_that_it_names_and_a_copy_elsewhere(recipe: Toy) -> None:
    library = recipe.directory.parent / "lib"
    number = 'Path(__file__).with_name("one.txt").read_text()'
    recipe.file("../lib/helpers.py", f"from pathlib import Path\n\nONE = {number}\n")
    recipe.file("../lib/one.txt", "1")
    run(recipe)
    copy = recipe.directory.parent.with_name("copy")
    shutil.copytree(recipe.directory.parent, copy)
    assert "nothing to do" in run(replace(recipe, directory=copy / "recipe"))
    (library / "one.txt").write_text("2")
    assert "file ../lib/one.txt changed" in run(recipe)
    assert (recipe.exp / "make" / "o.txt").read_text() == "2 a"


def test_a_call_that_names_it(recipe: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(recipe.directory.parent / "lib")  # the compiler's path
    recipe.file("../lib/mylab/steps.py", STEPS)
    recipe.call("other", "mylab.steps.make", {"path": "exp/toy/other/o.txt"}, {"o": "o.txt"})
    recipe.write()
    run(recipe)
    edit(recipe.directory.parent / "lib" / "mylab" / "steps.py", "ops.value()", "'own'")
    text = run(recipe, "--dry_run")
    assert "make   skipped" in text
    assert "code of ../lib/mylab/steps.py changed" in text


def test_what_cannot_be_followed_is_named_each_time(recipe: Toy) -> None:
    with zipfile.ZipFile(recipe.directory / "mylab.zip", "w") as archive:
        archive.writestr("mylab/__init__.py", "")
        archive.writestr("mylab/ops.py", OPS.replace("from helpers import ONE", "ONE = 3"))
    for _ in range(2):
        text = run(recipe, path="mylab.zip")
        assert 'warning: "mylab" has no version and its code cannot be followed' in text


@pytest.mark.parametrize("editable", [True, False])
def test_installed_from_a_directory(editable: bool, recipe: Toy, tmp_path: Path) -> None:
    """As pip leaves it: editable by a ``.pth`` file, or the files with their hashes in RECORD."""
    venv.create(tmp_path / "venv", system_site_packages=True, with_pip=False)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    library = recipe.directory.parent / "lib"
    outer = [path for path in sys.path if path.endswith(("site-packages", "runtime", "schemas"))]
    outer += [str(Path(__file__).parents[3] / name) for name in ("runtime", "schemas", "compiler")]
    (site / "outer.pth").write_text("\n".join(outer))
    info = site / "mylab-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 0.1\n")
    (info / "top_level.txt").write_text("mylab\n")
    (info / "direct_url.json").write_text(
        '{"dir_info": {%s}, "url": "file:///lib"}' % ('"editable": true' if editable else "")
    )
    if editable:
        (site / "mylab.pth").write_text(f"{library}\n")
    else:
        (library / "mylab").rename(site / "mylab")
        recipe.file(site / "mylab" / "ops.py", OPS.replace("from helpers import ONE", "ONE = 1"))
    (info / "RECORD").write_text("mylab/ops.py,sha256=1,1\n")

    def started(*arguments: str) -> str:
        command = [tmp_path / "venv" / "bin" / "python", recipe.build / "run.py", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "warning" not in started()
    assert "nothing to do" in started()
    edit((library if editable else site) / "mylab" / "ops.py", " a'", " b'")
    (info / "RECORD").write_text("mylab/ops.py,sha256=2,1\n")
    why = "code of ../lib/mylab/ops.py changed" if editable else "version of mylab changed (0.1 ("
    assert why in started()
    assert (recipe.exp / "make" / "o.txt").read_text() == "1 b"
