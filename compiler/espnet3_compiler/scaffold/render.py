"""The files of a new recipe, from the templates beside this module."""

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENDING = ".j2"


def render(recipe: str) -> dict[str, str]:
    """Return relative path to text.

    Args:
        recipe: ``<corpus>/<task>``, already checked.
    """
    environment = Environment(  # noqa: S701 - no HTML; the one value is a checked name
        loader=PackageLoader("espnet3_compiler.scaffold"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return {
        name.removesuffix(_ENDING): environment.get_template(name).render(recipe=recipe)
        for name in environment.list_templates(extensions=[_ENDING.removeprefix(".")])
    }
