"""The pages that the site has beside those in ``docs``, and where links lead in it.

Nothing here needs mkdocs; ``hooks.py`` hands these pages over.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from espnet3_compiler.diagnostics.codes import CODES
from espnet3_compiler.diagnostics.explanation import explanation_text
from espnet3_runtime.public_names import PUBLIC

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
TITLE = re.compile(r"^```(\w+) ([^\s=]+)$", re.MULTILINE)
BARE_CODE = re.compile(r"`[^`\n]*`|\[[^\]]*\]\([^)]*\)|\bR\d{3}\b")
"""Inline code, links, and the numbers of findings outside of both."""
ELSEWHERE = ("https:", "http:", "mailto:")
NUMBERS = {code.number for code in CODES}
FAMILY = re.compile(r"^## (R\d)xx (.*)$", re.MULTILINE)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".json": "json", ".sh": "sh", ".toml": "toml"}


def site_place(path: Path) -> str:
    """Return the page of the site, as a path below ``docs``, that shows a file or folder.

    Args:
        path: In this repository, absolute.
    """
    inside = path.relative_to(ROOT)
    if path == ROOT / "README.md":
        return "index.md"
    if path == DOCS / "reference":
        return "reference/index.md"
    if path.suffix == ".md" and path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    folder = inside.parent if inside.name == "README.md" else inside
    if (ROOT / folder / "README.md").is_file():
        return f"{folder.as_posix()}.md"
    return inside.as_posix() if path.suffix == ".md" else f"source/{inside.as_posix()}.md"


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return a page with everything changed that is not in a block of code."""
    parts, end = [], 0
    for block in FENCE.finditer(text):
        parts += [change(text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(text[end:])])


def site_text(text: str, origin: Path) -> str:
    """Return a page as the site has it: with links to its pages, and blocks with titles.

    Args:
        text: Markdown as it is written for this repository.
        origin: Where it is written; links are relative to its folder.
    """
    place = site_place(origin)

    def relink(match: re.Match[str]) -> str:
        target, anchor, name = match[1].partition("#")
        if match[1].startswith((*ELSEWHERE, "#")):
            return match[0]
        there = site_place((origin.parent / target).resolve())
        number = name[:4].upper()
        if there == "diagnostics.md" and number in NUMBERS:
            there, anchor, name = code_place(number), "", ""
        return f"]({relative(place, there)}{anchor}{name})"

    named = outside_code(text, lambda part: link_codes(LINK.sub(relink, part), place))
    return TITLE.sub(r'```\1 title="\2"', named)


def link_codes(text: str, place: str) -> str:
    """Return a text in which the numbers of findings lead to their pages."""

    def link(match: re.Match[str]) -> str:
        own = code_place(match[0])
        known = match[0] in NUMBERS and own != place
        return f"[{match[0]}]({relative(place, own)})" if known else match[0]

    lines = (
        line if line.startswith("#") else BARE_CODE.sub(link, line)
        for line in text.splitlines(keepends=True)
    )
    return "".join(lines)


def relative(place: str, there: str) -> str:
    """Return the link from one page to another, both below ``docs``."""
    return posixpath.relpath(there, posixpath.dirname(place) or ".")


def linked_paths(text: str, origin: Path) -> Iterator[Path]:
    """Yield the files and folders of this repository that a page links to."""
    for target in LINK.findall(FENCE.sub("", text)):
        file = target.partition("#")[0]
        if file and not target.startswith(ELSEWHERE):
            yield (origin.parent / file).resolve()


def generated_pages() -> dict[str, str]:
    """Return the text of each page that is not in ``docs``, by its place in the site."""
    pages = {**code_pages(), **api_pages(), "reference/index.md": reference_index()}
    outside = sorted([*ROOT.glob("*.md"), *ROOT.glob("recipes/*/*/README.md")])
    for path in outside:
        pages[site_place(path)] = site_text(path.read_text(encoding="utf-8"), path) + beside(path)
    for origin in [*outside, *DOCS.rglob("*.md")]:
        for path in linked_paths(origin.read_text(encoding="utf-8"), origin):
            if site_place(path).startswith("source/"):
                pages[site_place(path)] = source_page(path)
    return pages


def beside(page: Path) -> str:
    """Return the manifest of the recipe that a page is about, if it is one."""
    manifest = page.with_name("recipe.yaml")
    return f"\n## Its manifest\n\n{code_block(manifest)}" if manifest.is_file() else ""


def source_page(path: Path) -> str:
    """Return the page of a file of code, or of all files of a folder."""
    head = f"# {path.relative_to(ROOT).as_posix()}"
    if path.is_file():
        return f"{head}\n\n{code_block(path)}"
    files = sorted(file for file in path.rglob("*") if file.suffix in LANGUAGES)
    shown = [file for file in files if file.stat().st_size and "__pycache__" not in file.parts]
    parts = (f"## {file.relative_to(path).as_posix()}\n\n{code_block(file)}" for file in shown)
    return "\n\n".join([head, *parts])


def code_block(path: Path) -> str:
    """Return a file as a block of code."""
    language = LANGUAGES.get(path.suffix, "text")
    return f"````{language}\n{path.read_text(encoding='utf-8').rstrip()}\n````\n"


def code_place(number: str) -> str:
    """Return the page of a finding."""
    return f"diagnostics/{number}.md"


def code_pages() -> dict[str, str]:
    """Return a page for each kind of finding."""
    return {code_place(code.number): code_page(code.number) for code in CODES}


def code_page(number: str) -> str:
    """Return the explanation of a finding, with links to others."""
    text = explanation_text(number)
    return outside_code(text, lambda part: link_codes(part, code_place(number)))


def code_families() -> dict[str, list[str]]:
    """Return the pages of findings by family."""
    families = FAMILY.findall((DOCS / "diagnostics.md").read_text(encoding="utf-8"))
    return {
        f"{start}xx {family}": [
            code_place(code.number) for code in CODES if code.number.startswith(start)
        ]
        for start, family in families
    }


def code_index() -> str:
    """Return the table of all findings, in place of the page that holds all texts."""
    rows = [
        f"| [{code.number}]({relative('diagnostics.md', code_place(code.number))}) "
        f"| `{code.name}` | {code.severity} | {code.summary} |"
        for code in CODES
    ]
    head = ["# Diagnostics", "", "Each finding has a page, with a wrong and a right example."]
    return "\n".join([*head, "", "| code | name | | what it says |", "|---|---|---|---|", *rows])


def api_groups() -> Mapping[str, list[str]]:
    """Return the modules of the public names, by the folder that they are in."""
    groups: dict[str, list[str]] = {}
    for module in PUBLIC:
        parts = module.split(".")
        groups.setdefault(parts[1] if parts[2:] else "stages and files", []).append(module)
    return groups


def api_pages() -> dict[str, str]:
    """Return a page for each group of public names, with the directives of mkdocstrings."""
    pages = {}
    for group, modules in api_groups().items():
        names = [f"{module}.{name}" for module in modules for name in PUBLIC[module]]
        parts = [f"# {group.replace('_', ' ').capitalize()}", *(f"::: {name}" for name in names)]
        pages[f"api/{group.replace(' ', '_')}.md"] = "\n\n".join(parts)
    return pages


def reference_index() -> str:
    """Return the list of the pages of reference."""
    lines = ["# Reference", ""]
    for path in sorted((DOCS / "reference").glob("*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines)
