"""The files of a new recipe, from the templates beside this module."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import Environment, StrictUndefined

_ENDING = ".j2"


def render(recipe: str) -> dict[str, str]:
    """Return relative path to text.

    Args:
        recipe: ``<corpus>/<task>``, already checked.
    """
    environment = Environment(  # noqa: S701 - no HTML; the one value is a checked name
        undefined=StrictUndefined, keep_trailing_newline=True
    )
    root = files("espnet3_compiler.scaffold") / "templates"
    return {
        name.removesuffix(_ENDING): environment.from_string(
            source.read_text(encoding="utf-8")
        ).render(recipe=recipe)
        for name, source in _walk(root, "")
    }


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        elif item.name.endswith(_ENDING):
            yield f"{prefix}{item.name}", item
