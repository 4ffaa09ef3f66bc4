"""The site of ``make docs``: strict, complete, and read from a disk without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.codes import CODES
from espnet3_runtime.public_names import PUBLIC
from tests.runtime.browser import CHROMIUM, Browser

ROOT = Path(__file__).parents[2]
LOADED = re.compile(
    r"<(?:script|img|iframe)\b[^>]*\bsrc=\"?([^\" >]+)|<link\b[^>]*\bhref=\"?([^\" >]+)"
)
LINKED = re.compile(r"<a\b[^>]*\bhref=\"([^\"]+)\"")
ANCHORS = re.compile(r"\b(?:id|name)=\"([^\"]+)\"")
pytest.importorskip("mkdocs")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as ``make docs`` does."""
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(place)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert "excluded from the built site" not in done.stderr
    return place


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, str]:
    """Return the text of every page of the site."""
    return {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


def test_every_finding_has_a_page(site: Path, pages: dict[Path, str]) -> None:
    index = pages[site / "diagnostics.html"]
    for code in CODES:
        assert f"{code.number} {code.name}" in pages[site / "diagnostics" / f"{code.number}.html"]
        assert f'href="diagnostics/{code.number}.html"' in index


def test_every_public_name_is_explained(site: Path, pages: dict[Path, str]) -> None:
    api = "".join(text for path, text in pages.items() if path.parent == site / "api")
    missing = [
        f"{module}.{name}"
        for module, names in PUBLIC.items()
        for name in names
        if f'id="{module}.{name}"' not in api
    ]
    assert missing == []


def test_nothing_comes_from_elsewhere(site: Path, pages: dict[Path, str]) -> None:
    loaded = {name for text in pages.values() for pair in LOADED.findall(text) for name in pair}
    assert loaded
    assert [name for name in loaded if "//" in name] == []
    for style in site.rglob("*.css"):
        assert re.findall(r"url\(\"?'?(?:https?:)?//|@import", style.read_text()) == [], style


def test_every_link_leads_somewhere(pages: dict[Path, str]) -> None:
    anchors = {path: set(ANCHORS.findall(text)) for path, text in pages.items()}
    lost = set()
    for path, text in pages.items():
        for link in set(LINKED.findall(text)):
            file, _, anchor = link.partition("#")
            there = (path.parent / file).resolve() if file else path
            if path.name == "404.html" or link.startswith(("https://", "http://")):
                continue
            if there not in pages or (anchor and anchor not in anchors[there]):
                lost.add(f"{path.name}: {link}")
    assert lost == set()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_a_code_is_found_from_a_disk(site: Path, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile") as browser:
        browser.open(f"{(site / 'index.html').as_uri()}?q=R502")
        first = "document.querySelector('.md-search-result__link')?.href"
        assert "/diagnostics/R502.html" in browser.wait(first)
