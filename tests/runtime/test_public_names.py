"""The names that recipes may import: they are there, and nothing that ships uses another one."""

import ast
import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from espnet3_runtime.public_names import PUBLIC

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "python.md"
COMPILER = ROOT / "compiler" / "espnet3_compiler"
NAMES = {f"{module}.{name}" for module, names in PUBLIC.items() for name in names}
DOTTED = re.compile(r"\bespnet3_runtime(?:\.[A-Za-z_]\w*)+")
NO_PYTHON = re.compile(r"^class \w+$", re.MULTILINE)
"""What the example of R510 shows."""
CODE_BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def below(folder: Path, *endings: str) -> list[Path]:
    """Return files of some endings, without what a build, a run or a checkout adds."""
    found = [path for path in folder.rglob("*") if path.name.endswith(endings) and path.is_file()]
    return [path for path in found if not {"build", "exp"} & set(path.relative_to(ROOT).parts)]


RECIPES = below(ROOT / "recipes", ".py", ".yaml", ".md")
TEMPLATES = below(COMPILER / "scaffold" / "templates", ".j2")
PAGES = [*ROOT.glob("*.md"), *below(ROOT / "docs", ".md")]
CONVERTER = below(COMPILER / "convert", ".py", ".yaml")
EXPLANATIONS = below(COMPILER / "explanations", ".md")
SCHEMAS = below(ROOT / "schemas", ".json")
GENERATED = [
    COMPILER / "build" / "templates" / "run.py.j2",
    *ROOT.glob("tests/golden/*/build/*.py"),
]
SHIPPED = [
    *RECIPES,
    *TEMPLATES,
    *PAGES,
    *CONVERTER,
    *EXPLANATIONS,
    *SCHEMAS,
    *GENERATED,
    *below(ROOT / "tests" / "golden", ".py", ".yaml"),
    *below(ROOT / "tests" / "cases" / "ok", ".py", ".yaml"),
]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_name_is_there_and_has_a_docstring(module: str):
    imported = import_module(module)
    for name in PUBLIC[module]:
        value = getattr(imported, name)
        defined = callable(value) and getattr(value, "__module__", "").startswith("espnet3_runtime")
        assert value.__doc__ if defined else is_described(imported.__file__, name), name


def is_described(file: str, name: str) -> bool:
    """Return whether a string stands below the assignment of a name."""
    body = ast.parse(Path(file).read_text()).body
    for item, after in pairwise(body):
        if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == name:
            return isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    return False


def is_public(dotted: str) -> bool:
    """Return whether a dotted name is a public one, something inside of it, or a package of it."""
    inside = any(dotted == name or dotted.startswith(f"{name}.") for name in NAMES)
    return inside or any(f"{name}.".startswith(f"{dotted}.") for name in NAMES)


def imported_names(code: str) -> list[str]:
    """Return what a module imports from the runtime, as dotted names."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "espnet3_runtime"]


def python_of(path: Path) -> list[str]:
    """Return the Python in a file: all of it, or the code blocks of a page."""
    if path.suffix == ".py":
        return [path.read_text()]
    if path.name.endswith(".py.j2"):
        text = re.sub(r"\{% else %\}.*?(?=\{% endif %\})", "", path.read_text(), flags=re.DOTALL)
        text = re.sub(r"^ *\{%.*%\}$", "", text, flags=re.MULTILINE)
        return [re.sub(r"\{\{.*?\}\}", "filled", text)]
    blocks = CODE_BLOCK.findall(path.read_text()) if path.suffix == ".md" else []
    return [block for block in blocks if not NO_PYTHON.search(block)]


def test_what_ships_uses_public_names_only():
    used = set()
    for path in SHIPPED:
        dotted = {match.rstrip(".") for match in DOTTED.findall(path.read_text(encoding="utf-8"))}
        dotted.update(name for code in python_of(path) for name in imported_names(code))
        used |= dotted
        others = [n for n in dotted if not is_public(n)]
        assert not others, f"{path.relative_to(ROOT)} uses {', '.join(sorted(others))}"
    assert {
        "espnet3_runtime.stage.StageContext",
        "espnet3_runtime.metrics.wer.WER",
        "espnet3_runtime.launch.launch",
        "espnet3_runtime.task_bridge.decode.speech2text",
    } <= used


def test_the_app_of_a_demo_uses_public_names_only():
    from espnet3_runtime.publication import demo_pack

    names = imported_names(demo_pack._APP)
    assert len(names) == 2
    assert all(map(is_public, names))


def test_the_page_names_exactly_the_list():
    page = PAGE.read_text()
    parts = page.partition("\n## Examples")[0].split("\n## ")[1:]
    named = {
        part.split("`")[1]: re.findall(r"^- `(\w+)[^`]*`: (.*?)\\?$", part, re.MULTILINE)
        for part in parts
    }
    assert named == {module: list(names.items()) for module, names in PUBLIC.items()}


def example(name: str) -> dict[str, object]:
    """Return what an example of the page defines."""
    values: dict[str, object] = {"__name__": name}
    exec((ROOT / "docs" / "examples" / f"{name}.py").read_text(), values)
    return values


def test_the_example_of_a_metric_scores():
    scores = example("sentence_errors")["SentenceErrors"]()(["one two", "three"], ["one", "three"])
    assert scores == {"ser": 50.0, "sentences": 2}


def test_the_example_of_a_system_is_a_system():
    from espnet3_runtime.system import System

    assert issubclass(example("gate")["GatedSystem"], System)


def test_the_example_of_a_preprocessor_changes_speech():
    cls = example("tokens_and_gain")["TokensAndGain"]
    preprocessor = cls.__new__(cls)
    preprocessor.tokens, preprocessor.peak = dict, 0.5
    changed = preprocessor({"speech": np.array([0.1, -0.2], dtype=np.float32), "text": "one"})
    assert changed["speech"].tolist() == pytest.approx([0.25, -0.5])
    assert changed["speech"].dtype == np.float32
