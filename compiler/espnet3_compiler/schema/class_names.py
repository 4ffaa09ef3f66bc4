"""What to write for a text that stands where a target should: ``{_target_: package.module.Name}``.

``torch.optim:AdamW``, ``src/model.py:CTCModel``, ``WER`` and ``wandb`` are how other tools name a
class.  ``x-classes`` of a schema lists the classes that people choose there.
"""

import re
from pathlib import PurePosixPath

from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.schema.types import Schema
from espnet3_schemas import TARGET, habits

DOTTED = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")
REFERENCE_PATH = re.compile(r"^(stages|configs|models)(\.\w+){2,}$")
"""A reference whose ``${`` and ``}`` were forgotten."""
_IDENTIFIER = re.compile(r"^[A-Za-z_]\w*$")
_FILE_AND_NAME = re.compile(r"^(?P<file>[\w./-]+?)(?:\.py)?(?:::?|#|@)(?P<name>[A-Za-z_]\w*)$")
_FILE_ONLY = re.compile(r"^(?P<file>[\w./-]*[\w-])\.py$")
_SLASHES = re.compile(r"^[\w-]+(/[\w-]+)+$")
SHORTEST_PART = 3


def wants_target(schema: Schema) -> bool:
    """Return whether a schema describes a target, or a choice between a target and others."""
    choices = (schema, schema.get("then", {}))
    return any("x-target" in one or TARGET in one.get("properties", {}) for one in choices)


def dotted_path(text: str) -> str | None:
    """Return the dotted path for another way to name a class in a module, None for other texts."""
    found = _FILE_AND_NAME.match(text)
    if found:
        module, name = found["file"], f".{found['name']}"
    elif found := _FILE_ONLY.match(text):
        module, name = found["file"], ".NAME"
    elif _SLASHES.match(text):
        module, name = text, ""
    else:
        return None
    parts = [part for part in PurePosixPath(module).parts if part not in ("/", ".", "..")]
    path = ".".join(parts) + name
    return path if DOTTED.match(path) else None


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
    return dotted_path(word) or next(known, None)


def likely_target(text: str, schema: Schema) -> str | None:
    """Return the dotted path that was probably meant by a text where a target should be."""
    if DOTTED.match(text):
        return text
    path = dotted_path(text)
    if path or not _IDENTIFIER.match(text):
        return path
    return known_class(text, schema)


def _plain(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")
