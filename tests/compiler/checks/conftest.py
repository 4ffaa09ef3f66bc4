"""Checking a manifest that is given as text."""

import textwrap

import pytest

from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.checks.checks_kit import MODEL


@pytest.fixture
def check(tmp_path):
    """Return a function that gives the codes and places of a manifest's findings."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "__init__.py").write_text("")
    (tmp_path / "src" / "model.py").write_text(MODEL)

    def run(text, files=()):
        for name, content in dict(files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        manifest = tmp_path / "recipe.yaml"
        manifest.write_text(text)
        return [(f.code, f.primary.span.text) for f in compile_manifest(manifest).diagnostics]

    run.manifest = tmp_path / "recipe.yaml"
    return run
