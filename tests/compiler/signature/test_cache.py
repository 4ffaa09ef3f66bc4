"""The cache: never needed, never stale, never harmful."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import pytest

from espnet3_compiler.signature import cache, extract, library, module_index
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Missing, Signature
from tests.compiler.target_kit import write

SOURCE = """
from dataclasses import dataclass
from .base import Base

class Net(Base):
    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)

@dataclass
class Data:
    a: int
    b: str = "x"

def f(a, *args, **kwargs):
    return Net(a, **kwargs)
"""
FILES = {
    "src/__init__.py": "from .net import *\n",
    "src/net.py": SOURCE,
    "src/base.py": "class Base:\n    def __init__(self, depth=1): ...\n",
}
PATHS = ("src.Net", "src.net.Data", "src.f", "src.nothing", "src.net.Net.__init__", "src.E")


@pytest.fixture
def fresh(monkeypatch):
    monkeypatch.setattr(library, "_FILES", {})


def readings(root: Path, folder: Path | None) -> list[object]:
    library._FILES.clear()
    found = Library(search_path(root, []), folder)
    result: list[object] = [read(found, path) for path in PATHS]
    found.flush()
    return result


def records(folder: Path) -> list[Path]:
    return sorted((folder / "signatures").glob("*.json"))


@pytest.mark.usefixtures("fresh")
def test_the_same_with_and_without(tmp_path):
    write(tmp_path / "recipe", FILES)
    folder = tmp_path / "cache"
    without = readings(tmp_path / "recipe", None)
    assert not folder.exists()
    cold = readings(tmp_path / "recipe", folder)
    assert len(records(folder)) == 3
    before = [item.stat().st_mtime_ns for item in records(folder)]
    warm = readings(tmp_path / "recipe", folder)
    assert without == cold == warm
    assert [item.stat().st_mtime_ns for item in records(folder)] == before


@pytest.mark.usefixtures("fresh")
def test_nothing_is_parsed_when_warm(tmp_path, monkeypatch):
    write(tmp_path / "recipe", FILES)
    cold = readings(tmp_path / "recipe", tmp_path / "cache")

    def fail(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(module_index, "index", fail)
    monkeypatch.setattr(extract, "function", fail)
    monkeypatch.setattr(extract, "class_", fail)
    assert readings(tmp_path / "recipe", tmp_path / "cache") == cold


@pytest.mark.usefixtures("fresh")
def test_a_change_is_seen_whatever_the_time_says(tmp_path):
    write(tmp_path / "recipe", FILES)
    file = tmp_path / "recipe" / "src" / "base.py"
    readings(tmp_path / "recipe", tmp_path / "cache")
    stamp = file.stat()
    file.write_text(file.read_text().replace("depth", "width"))
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert file.stat().st_size == stamp.st_size
    (net, *_) = readings(tmp_path / "recipe", tmp_path / "cache")
    assert isinstance(net, Signature)
    assert net.keywords == ("size", "width")


@pytest.mark.usefixtures("fresh")
def test_one_process_sees_a_change(tmp_path):
    write(tmp_path, {"src/m.py": "class A: ...\n"})
    assert isinstance(read(Library(search_path(tmp_path, [])), "src.m.B"), Missing)
    write(tmp_path, {"src/m.py": "class A: ...\nclass B: ...\n"})
    assert isinstance(read(Library(search_path(tmp_path, [])), "src.m.B"), Signature)


DAMAGE = {
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda _: b"",
    "no JSON": lambda _: b"\x00\xff{",
    "other format": lambda text: text.replace(b'["1-py', b'["0-py', 1),
    "one byte": lambda text: text[:-3] + b"x" + text[-2:],
    "no body": lambda text: text.split(b"\n")[0] + b"\n",
    "a list": lambda _: b"[]\n[]",
    "deep": lambda _: b"[" * 100_000,
}


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_ignored(tmp_path, damage):
    write(tmp_path / "recipe", FILES)
    folder = tmp_path / "cache"
    cold = readings(tmp_path / "recipe", folder)
    whole = [item.read_bytes() for item in records(folder)]
    for item in records(folder):
        item.write_bytes(DAMAGE[damage](item.read_bytes()))
    assert readings(tmp_path / "recipe", folder) == cold
    assert [item.read_bytes() for item in records(folder)] == whole


@pytest.mark.usefixtures("fresh")
def test_a_folder_that_cannot_be_written(tmp_path):
    write(tmp_path / "recipe", FILES)
    (tmp_path / "cache").write_text("a file is in the way")
    assert readings(tmp_path / "recipe", tmp_path / "cache") == readings(tmp_path / "recipe", None)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("value", ['"\\ud800"', "1" * 40, "-1e999"])
def test_what_no_file_can_hold_is_read_again(tmp_path, value):
    text = f"class E:\n    a = {value}\n\n    def __init__(self, b: int = 1): ...\n"
    write(tmp_path / "recipe", {"src/__init__.py": text})
    cold = readings(tmp_path / "recipe", None)
    assert readings(tmp_path / "recipe", tmp_path / "cache") == cold
    assert readings(tmp_path / "recipe", tmp_path / "cache") == cold


def test_the_oldest_records_go(tmp_path):
    for index in range(12):
        cache.save(tmp_path, f"/file{index}.py", "k", 1, [b"[]"])
        item = cache._record_path(tmp_path, f"/file{index}.py")
        os.utime(item, ns=(index, index))
    cache.prune(tmp_path, limit=8)
    left = [index for index in range(12) if cache.load(tmp_path, f"/file{index}.py", "k", 1)]
    assert left == list(range(6, 12))
    assert list((tmp_path / "signatures").glob(".*")) == []


@pytest.mark.parametrize(
    ("environment", "platform", "folder"),
    [
        ({"HOME": "/h"}, "linux", "/h/.cache/espnet3-compile"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "linux", "/x/espnet3-compile"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "rel"}, "linux", "/h/.cache/espnet3-compile"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Caches/espnet3-compile"),
        ({"LOCALAPPDATA": "/l", "USERPROFILE": "/u"}, "win32", "/l/espnet3-compile"),
        ({"HOME": "/h", cache.CACHE_VARIABLE: "/mine"}, "linux", "/mine"),
        ({"HOME": "/h", cache.CACHE_VARIABLE: "off"}, "linux", None),
        ({"HOME": "/h", cache.CACHE_VARIABLE: ""}, "linux", None),
        ({}, "linux", None),
    ],
)
def test_where_the_cache_is(environment, platform, folder):
    found = cache.default_folder(environment, platform)
    assert found == (None if folder is None else Path(folder))


def test_two_processes_write_at_once(tmp_path):
    write(tmp_path / "recipe", FILES)
    code = (
        "import sys; from pathlib import Path\n"
        "from espnet3_compiler.signature.library import Library\n"
        "from espnet3_compiler.signature.locate import search_path\n"
        "from espnet3_compiler.signature.read import read\n"
        "root, folder = map(Path, sys.argv[1:])\n"
        "found = Library(search_path(root, []), folder)\n"
        "[read(found, path) for path in ('src.Net', 'src.f')]\n"
        "found.flush()\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "recipe"), str(tmp_path / "cache")]
    running = [subprocess.Popen(arguments) for _ in range(4)]
    assert [item.wait() for item in running] == [0, 0, 0, 0]
    written = records(tmp_path / "cache")
    assert written
    for item in written:
        head, body = item.read_bytes().split(b"\n", 1)
        assert json.loads(head)[-1] == crc32(body)


@pytest.mark.usefixtures("fresh")
def test_what_is_known_of_the_names_of_a_recipe_is_kept(tmp_path):
    text = "def f(width, self):\n    return size * gain\n\n\ndef g():\n    return size\n"
    write(tmp_path, {"src/__init__.py": text, "src/odd.py": "def f(a, a): ...\n"})
    found = []
    for _ in range(2):
        library._FILES.clear()
        cached = Library(search_path(tmp_path, []), tmp_path / "cache")
        files = [cached.file(cached.find_module(name)) for name in ("src", "src.odd")]
        found.append([(file.unbound, file.names_wrong) for file in files])
        cached.flush()
    (names, nothing), (none, wrong) = found[0]
    assert {(one.name, one.line, one.idle) for one in names} == {
        ("size", 1, ("width",)),
        ("gain", 1, ("width",)),
        ("size", 5, ()),
    }
    assert (nothing, none, wrong.line) == (None, (), 1)
    assert found[0] == found[1]
