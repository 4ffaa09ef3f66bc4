"""Whatever the Python files hold, reading ends in an answer and never in a traceback."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Missing, NotAnalyzable, NotCallable, Signature
from espnet3_compiler.signature.task import read_task
from tests.compiler.signature_kit import FORWARDS, NAMES, SHAPES
from tests.compiler.target_kit import write

ANSWERS = (Missing, NotCallable, Signature, NotAnalyzable)
ODD = ["\0", "\t", "\r", "\f", '"', "'''", '"""', "\\", "(", ")", ":", "@", "#", "\n", "    ", "é"]
WORDS = ["class", "def", "import *", "from . import", "**kwargs", "super()", "if 1:", "del x"]
PARTIAL = """
import functools as ft
def f(a, b): ...
if f:
    conditional = ft.partial(f, 1)
one = ft.partial(f, 1); two = ft.partial(f, 2)
"""


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from([*ODD, *WORDS, ""])),
        max_size=6,
    )
)
def test_broken_files(tmp_path_factory, edits):
    source = SHAPES + FORWARDS["src/base.py"]
    for share, length, text in edits:
        at = int(share * len(source))
        source = source[:at] + text + source[at + length :]
    root = tmp_path_factory.mktemp("r")
    write(root, {"m.py": source})
    for local in (root, root / "elsewhere"):
        library = Library(search_path(local, [str(root)]))
        for name in NAMES:
            assert isinstance(read(library, f"m.{name}"), ANSWERS)
        read_task(library, "m.Own")


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_any_bytes(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("r")
    Path(root, "m.py").write_bytes(content)
    library = Library(search_path(root, []))
    assert isinstance(read(library, "m.x"), ANSWERS)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.text(max_size=30))
def test_any_path(tmp_path_factory, path):
    root = tmp_path_factory.getbasetemp()
    library = Library(search_path(root, []))
    assert isinstance(read(library, path), ANSWERS)
    assert isinstance(read(library, f"builtins.{path}"), ANSWERS)


def test_partials_in_odd_places(tmp_path):
    write(tmp_path, {"m.py": PARTIAL})
    library = Library(search_path(tmp_path, []))
    found = read(library, "m.conditional")
    assert isinstance(found, Signature)
    assert found.keywords == ("b",)
    assert isinstance(read(library, "m.two"), NotAnalyzable)


@pytest.mark.parametrize(("links", "answer"), [(40, Signature), (41, NotAnalyzable)])
def test_a_base_is_imported_through_so_many_modules(tmp_path, links, answer):
    steps = {f"m{n}.py": f"from m{n - 1} import Base\n" for n in range(1, links)}
    base = "class Base:\n    def __init__(self, size): ...\n"
    net = f"from m{links - 1} import Base\nclass Net(Base): ...\n"
    write(tmp_path, {"m0.py": base, **steps, "net.py": net})
    assert isinstance(read(Library(search_path(tmp_path, [])), "net.Net"), answer)


def test_a_file_that_is_a_folder_and_links_in_a_circle(tmp_path):
    (tmp_path / "m.py").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nothing.py")
    library = Library(search_path(tmp_path, []))
    for path in ("m.x", "loop.x", "gone.x"):
        assert isinstance(read(library, path), ANSWERS)
