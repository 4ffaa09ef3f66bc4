"""Rename a config, a model or a stage in all files of its recipe, or say why not."""

import re
from collections.abc import Iterable

from espnet3_compiler.diagnostics.diagnostic import Edit
from espnet3_compiler.lsp.names import NameUse, same_name, unwritten_readers
from espnet3_compiler.manifest.names import is_identifier
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.syntax.unknown_name import format_names

_NAME = re.compile(r"[A-Za-z_][\w-]*")


class CannotRename(Exception):  # noqa: N818 - an answer for the user
    """Why a name stays as it is, for the person who wants another."""


def rename_edits(use: NameUse, new: str, uses: list[NameUse], recipe: Recipe) -> tuple[Edit, ...]:
    """Return the edits that give a name another form wherever it is written.

    Args:
        use: The name, at any of its places.
        new: The new name.
        uses: All names of the recipe.
        recipe: The recipe.

    Raises:
        CannotRename: The new name is taken or none, or the old one is not only a name.
    """
    same = same_name(use, uses)
    taken = {one.name for one in uses if one.block == use.block and one.declares}
    _refuse(use, new, same, taken, recipe)
    return tuple(Edit(one.span, _new_text(one, new)) for one in same)


def refuse_rename(use: NameUse, same: Iterable[NameUse], recipe: Recipe) -> None:
    """Refuse to rename what is no name of its own.

    Args:
        use: The name.
        same: All places of it.
        recipe: The recipe.

    Raises:
        CannotRename: It is made of a row of a matrix, is not declared, or is the name of a role.
    """
    if "${" in use.name or use.name in _row_names(recipe):
        raise CannotRename(f'"{use.name}" is one of the names of a group with a matrix')
    if not any(one.declares for one in same):
        raise CannotRename(f'"{use.name}" is not declared in the manifest')
    readers = unwritten_readers(recipe, use.name) if use.block == "configs" else []
    if readers:
        names = format_names([str(name.value) for name in readers])
        raise CannotRename(
            f'"{use.name}" is read by its role in {names}: write config: {use.name} there first'
        )


def _row_names(recipe: Recipe) -> set[str]:
    return {name for names in recipe.group_names.rows.values() for _, name in names}


def _refuse(use: NameUse, new: str, same: list[NameUse], taken: set[str], recipe: Recipe) -> None:
    refuse_rename(use, same, recipe)
    fits = is_identifier(new) if use.block == "stages" else _NAME.fullmatch(new)
    if not fits:
        raise CannotRename(f'"{new}" is no name of letters, digits and underscores')
    if new in taken:
        raise CannotRename(f'there is a "{new}" among the {use.block} already')


def _new_text(use: NameUse, new: str) -> str:
    """Return what replaces a name: a stage whose name was its kind keeps the kind."""
    if not use.kind:
        return new
    source, end = use.span.source, use.span.end
    start = source.text.rfind("\n", 0, use.span.start) + 1
    before = source.text[start : use.span.start]
    if not re.search(r"\bname:[ \t]*[\"']?$", before):
        return f"{{name: {new}, run: {use.name}}}"
    if "{" in before or source.text[end : end + 1] in ("}", ","):
        return f"{new}, run: {use.name}"
    indent = " " * (len(before) - len(before.lstrip(" -")))
    return f"{new}\n{indent}run: {use.name}"
