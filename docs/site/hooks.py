"""What mkdocs calls while it builds the site: generated pages, their places, and links."""

from typing import Any

import site_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

CODES = "diagnostics.md"
WORKER = "assets/javascripts/frame_worker.js"
ONLINE_WORKER = "https://unpkg.com/iframe-worker/shim"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and complete the navigation."""
    for place, text in site_pages.generated_pages().items():
        files.append(File.generated(config, place, content=text))
    worker = site_pages.DOCS / "site" / "frame_worker.js"
    files.append(File.generated(config, WORKER, abs_src_path=str(worker)))
    places = sorted(file.src_uri for file in files.documentation_pages())
    config.nav = [_filled(part, places) for part in config.nav or ()]
    named = set(_pages_of(config.nav))
    [more] = config.nav[-1].values()
    more += [one for one in places if one not in named and not one.startswith("source/")]
    return files


def _filled(part: Any, places: list[str]) -> Any:
    """Return a part of the navigation; the name of a folder becomes the list of its pages."""
    if isinstance(part, str):
        return part
    [(title, below)] = part.items()
    if below == "diagnostics":
        return {
            title: [CODES, *({name: all_} for name, all_ in site_pages.code_families().items())]
        }
    if isinstance(below, str):
        return {title: [place for place in places if place.startswith(f"{below}/")]}
    return {title: list(below)}


def _pages_of(nav: Any) -> list[str]:
    """Return the pages that a part of the navigation names."""
    if isinstance(nav, str):
        return [nav]
    below = nav.values() if isinstance(nav, dict) else nav
    return [page for part in below for page in _pages_of(part)]


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Return the text of a page of ``docs`` as the site has it."""
    if page.file.generated_by:
        return markdown
    if page.file.src_uri == CODES:
        return site_pages.code_index()
    return site_pages.site_text(markdown, site_pages.DOCS / page.file.src_uri)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Let a page load nothing from elsewhere."""
    return output.replace(ONLINE_WORKER, site_pages.relative(page.file.dest_uri, WORKER))


def on_post_template(output_content: str, **_: Any) -> str:
    """Do the same for the page that stands for missing ones."""
    return output_content.replace(ONLINE_WORKER, WORKER)
