"""The names that parts of the models of transformers have, by the module that defines each.

Such a module (``transformers.models.NAME.modeling_NAME``) holds all classes that its model is made
of, unless it takes some from elsewhere by what a config says: then nothing is known.
"""

import re

from msgspec import Struct

from espnet3_compiler.signature.classes import is_module_class
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_definition

PACKAGE = "transformers"
_LOADING = ".from_pretrained"
_MODELS, _MODEL_FILE = "transformers.models.", "modeling_"

_COMPUTED = (
    r"\b(?:ModuleDict|ParameterDict|OrderedDict|importlib|setattr|exec|eval|load_backbone|timm)\b"
    r"|\bAuto[A-Z]\w*|\bGeneric[A-Z]\w*|__dict__|def __getattr__"
    r"|(?:add_module|register_(?:module|parameter))\(\s*(?![\s\"'])"
)
"""Code that may give parts a name that is not written in it, or takes them from elsewhere."""

_OTHER_MODEL = r"(?m)^from (?:\.\.\w|\.{3}models\b)"
"""An import from another model's folder."""

_PARTS = (
    r"\bself\.(\w+)\s*(?::[^=\n]+)?=(?!=)|\bself\.(\w+), |"
    r"(?:add_module|register_\w+)\(\s*[\"'](\w+)[\"']"
)
_MADE = r"\bself\.(\w+) = (?:nn\.)?([A-Z]\w*)\("
_LAYERS = r"\bnn\.(\w+)"


class ModelParts(Struct, frozen=True):
    """What a model is made of.

    Attributes:
        names: The names of its parts, of all levels.
        layers: The layers of PyTorch among them.
        inside: What each part has inside, as far as that is known; the model itself has no name.
    """

    names: frozenset[str]
    layers: frozenset[str]
    inside: dict[str, tuple[str, ...]]


def class_path(target: str) -> str:
    """Return the path of the class behind a target, which may load its weights."""
    return target.removesuffix(_LOADING)


def model_parts(library: Library, target: str) -> ModelParts | None:
    """Return the parts of a model of transformers; None where it may have others.

    Args:
        library: Reads the package, where it is installed.
        target: The dotted path of a class, or of its ``from_pretrained``.
    """
    key = ("transformers parts", target)
    if key not in library.memo:
        library.memo[key] = _find_parts(library, class_path(target))
    parts: ModelParts | None = library.memo[key]
    return parts


def _find_parts(library: Library, path: str) -> ModelParts | None:
    found = find_definition(library, path)
    if not isinstance(found, ClassFound) or not found.location.name.startswith(_MODELS):
        return None
    if not found.location.name.rpartition(".")[2].startswith(_MODEL_FILE):
        return None if is_module_class(library, found) else ModelParts(frozenset(), frozenset(), {})
    file = library.file(found.location)
    text = re.sub(r'(?s)"""(.*?)"""|#[^\n]*', "", file.text.text) if file else ""
    if not text or re.search(_COMPUTED, text) or re.search(_OTHER_MODEL, text):
        return None
    names = {name for one in re.findall(_PARTS, text) for name in one if name}
    inside = _inside(text, found.name)
    return ModelParts(frozenset(names), frozenset(re.findall(_LAYERS, text)), inside)


def _inside(text: str, model: str) -> dict[str, tuple[str, ...]]:
    """Return the parts of the parts that a module makes by calling its classes.

    Args:
        text: The code of the module.
        model: The class of the model.
    """
    made = {}
    for body in re.split(r"(?m)^(?=class )", text)[1:]:
        name = re.match(r"class (\w+)", body)
        made[name[1] if name else ""] = re.findall(_MADE, body)
    holders = [("", model), *(pair for pairs in made.values() for pair in pairs)]
    found: dict[str, dict[str, None]] = {}
    for part, owner in holders:
        if owner in made:
            found.setdefault(part, {}).update(dict.fromkeys(name for name, _ in made[owner]))
    return {part: tuple(names) for part, names in found.items() if names}
