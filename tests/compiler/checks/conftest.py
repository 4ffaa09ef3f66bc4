"""Checking a manifest that is given as text."""

import textwrap

import pytest

from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.checks import methods_kit
from tests.compiler.checks.checks_kit import HEAD, MODEL

OF_NAMES = ("R518", "R522")


@pytest.fixture
def check(tmp_path):
    """Return a function that gives the codes and places of a manifest's findings.

    The recipe's code is a sketch: names that it leaves out are only reported if asked for.
    """
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "__init__.py").write_text("")
    (tmp_path / "src" / "model.py").write_text(MODEL)

    def run(text, files=(), names=False):
        for name, content in dict(files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        manifest = tmp_path / "recipe.yaml"
        manifest.write_text(text)
        found = compile_manifest(manifest).diagnostics
        places = [(one.code, one.primary.span.text) for one in found]
        return [one for one in places if names or one[0] not in OF_NAMES]

    run.manifest = tmp_path / "recipe.yaml"
    return run


@pytest.fixture
def found(check):
    """Return a function that gives the findings about a recipe whose data or code is replaced."""

    def run(text=methods_kit.TRAIN, *, data=methods_kit.DATA, model=methods_kit.MODEL, **files):
        code = {f"src/{name}.py": content for name, content in files.items()}
        return check(HEAD + text, {"src/model.py": model, "dataset/__init__.py": data, **code})

    return run
