"""The columns of a data set's items, as a list in its code names them.

``COLUMNS = ("utt_id", "speaker", "text")`` beside items with ``utt_id`` and ``text`` names them; a
``column`` whose rows come from a file says nothing.
"""

import ast
import re
from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.checks.data.sample_fields import Fields
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.signature.flow import FunctionNode, all_nodes, literal_text
from espnet3_compiler.signature.library import ModuleFile

_SHARED = 2
"""Fields of an item that a list has in common with it, for being the list of its columns."""


def listed_columns(
    entries: list[DatasetEntry], fields: Fields, modules: tuple[RecipeModule, ...]
) -> Fields | None:
    """Return the fields and columns of a split; None where a data set may have others.

    Args:
        entries: The data sets of the split.
        fields: The fields of their items.
        modules: The modules of the recipe.
    """
    found = set(fields)
    for data in entries:
        lists = [
            names
            for module in _modules_of(data, modules)
            for names in _lists_of(module)
            if len(names & fields) >= _SHARED
        ]
        if not lists:
            return None
        found |= set().union(*lists)
    return frozenset(found)


def is_mentioned(name: str, entries: list[DatasetEntry], modules: tuple[RecipeModule, ...]) -> bool:
    """Return whether the code of a data set has a word, and may make such a column.

    A word that is nothing but a variable of functions makes none.

    Args:
        name: The word.
        entries: The data sets of a split.
        modules: The modules of the recipe.
    """
    word = re.compile(rf"\b{re.escape(name)}\b")
    files = (module.file for data in entries for module in _modules_of(data, modules))
    said = ((file, len(word.findall(file.text.text))) for file in files)
    return any(count and (file.wrong or count > _as_variable(file, name)) for file, count in said)


def is_read(name: str, data: DatasetEntry, modules: tuple[RecipeModule, ...]) -> bool:
    """Return whether the code of a data set may read a field, or have it among others in a text.

    What sets it does not: ``{"speech": …}``, ``item["speech"] = …``; nor does a docstring.

    Args:
        name: The field.
        data: The data set.
        modules: The modules of the recipe.
    """
    word = re.compile(rf"\b{re.escape(name)}\b")
    for module in _modules_of(data, modules):
        nodes = () if module.file.wrong else all_nodes(module.file.tree)
        setting = {id(one) for node in nodes for one in _set_by(node)}
        texts = (one for one in nodes if isinstance(one, ast.Constant) and id(one) not in setting)
        if module.file.wrong or any(word.search(str(one.value)) for one in texts):
            return True
    return False


def _set_by(node: ast.AST) -> list[ast.expr | None]:
    """Return the keys that a node sets; the text of a docstring sets nothing and reads nothing."""
    match node:
        case ast.Dict(keys=keys):
            return keys
        case ast.Expr(value=text):
            return [text]
        case ast.Subscript(slice=key, ctx=ast.Store()):
            return [key]
    return []


def _as_variable(file: ModuleFile, name: str) -> int:
    """Return how often a word of a module is a variable or an argument of a function."""
    tree = file.tree
    functions = (node for node in all_nodes(tree) if isinstance(node, FunctionNode))
    inside = {id(item): item for node in functions for item in all_nodes(node)}
    names = [item.id for item in inside.values() if isinstance(item, ast.Name)]
    names += [item.arg for item in inside.values() if isinstance(item, ast.arg)]
    return names.count(name)


def _modules_of(data: DatasetEntry, modules: tuple[RecipeModule, ...]) -> Iterator[RecipeModule]:
    """Yield the modules of the package that a data set is in."""
    package = data.module.partition(".")[0]
    for module in modules:
        same = module.library.path.folder.resolve() == data.library.path.folder.resolve()
        if same and module.location.name.partition(".")[0] == package:
            yield module


def _lists_of(module: RecipeModule) -> Iterator[Fields]:
    """Yield the names in the literal lists of a module; none where it is no Python."""
    if module.file.wrong:
        return
    for node in all_nodes(module.file.tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            texts = list(map(literal_text, node.elts))
            if None not in texts:
                yield frozenset(filter(None, texts))
