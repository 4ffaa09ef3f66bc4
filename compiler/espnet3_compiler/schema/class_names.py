"""What to write for a text that stands where a target should: ``{_target_: package.module.Name}``.

``torch.optim:AdamW``, ``src/model.py:CTCModel``, ``WER`` and ``wandb`` are how other tools name a
class.  ``x-classes`` of a schema lists the classes that people choose there.
"""

import re

from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.schema.types import Schema
from espnet3_schemas import TARGET, habits

DOTTED = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"
REFERENCE_PATH = r"^(stages|configs|models)(\.\w+){2,}$"
"""A reference whose ``${`` and ``}`` were forgotten."""
_IDENTIFIER = r"^[A-Za-z_]\w*$"
_FILE_SUFFIX = r"\.py(?=$|[:#@/.])"
_OTHER_FILE = r"[/\\].*\.[a-z]\w*$"
_SEPARATOR = r"::?|[.#@/\\]"
SHORTEST_PART = 3


def wants_target(schema: Schema) -> bool:
    """Return whether a schema describes a target, or a choice between a target and others."""
    choices = (schema, schema.get("then", {}))
    return any("x-target" in one or TARGET in one.get("properties", {}) for one in choices)


def dotted_path(text: str) -> str | None:
    """Return the dotted path that a file and a name in it were meant as; None if there is none.

    ``src/model.py:Net``, ``src.model:Net`` and ``src.model.Net()`` are ``src.model.Net``, and
    ``src/model.py`` is ``src.model``.
    """
    path = re.sub(_FILE_SUFFIX, "", text.strip().lstrip("./\\").removesuffix("()"))
    parts = re.split(_SEPARATOR, path)
    meant = ".".join(parts)
    several = len(parts) > 1 or text.endswith(".py")
    if not several or meant == text or re.search(_OTHER_FILE, path):
        return None
    return meant if all(map(str.isidentifier, parts)) else None


def _class_path(text: str) -> str | None:
    """Return the dotted path of a class; ``NAME`` stands for that of a class in a file."""
    path = dotted_path(text)
    return f"{path}.NAME" if path and text.endswith(".py") else path


def known_class(word: str, schema: Schema) -> str | None:
    """Return the dotted path of the class of ``x-classes`` that a word names, None for none."""
    kind = schema.get("x-classes") or schema.get("then", {}).get("x-classes")
    paths: list[str] = habits()["classes"].get(kind, [])
    plain = _plain(word)
    names = {path.rpartition(".")[2]: path for path in paths}
    for fits in (str.__eq__, str.startswith, str.__contains__):
        for name, path in names.items():
            if len(plain) >= SHORTEST_PART and fits(_plain(name), plain):
                return path
    return names.get(closest_match(word, names) or "")


def path_of_class(word: str) -> str | None:
    """Return the dotted path for a class that is written without one, None where it is unknown."""
    named = (path for paths in habits()["classes"].values() for path in paths)
    known = (path for path in named if path.rpartition(".")[2] == word.removesuffix("()"))
    return _class_path(word) or next(known, None)


def likely_target(text: str, schema: Schema) -> str | None:
    """Return the dotted path that was probably meant by a text where a target should be."""
    if re.match(DOTTED, text):
        return text
    path = _class_path(text)
    if path or not re.match(_IDENTIFIER, text):
        return path
    return known_class(text, schema)


def _plain(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")
