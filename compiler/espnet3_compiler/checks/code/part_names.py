"""The names that parameters of a model can have, by the text of the code that builds it.

A name of a parameter consists of attributes (``encoder.layers.0.weight``). Each is a word of the
recipe's modules that build the model, of PyTorch's own, or of a model of transformers, unless code
makes names while it runs, or the modules come from another package: then nothing is known.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from espnet3_compiler.checks.code.modules import imported_paths
from espnet3_compiler.checks.code.transformers_parts import (
    PACKAGE,
    ModelParts,
    class_path,
    model_parts,
)
from espnet3_compiler.signature.classes import is_torch_module, method_nodes
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.flow import all_nodes, dotted_name
from espnet3_compiler.signature.library import Library, ModuleFile
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.resolve_name import find_definition, resolution_order
from espnet3_compiler.signature.split_source import STRING_OR_COMMENT

_PLAIN_PACKAGES = frozenset({*sys.stdlib_module_names, "torch", "numpy", "typing_extensions"})
"""Packages that bring no modules of their own, other than those of ``torch.nn``."""

_PROSE = ("#", '"""', "'''")
"""How comments and docstrings begin."""

_COMPUTED = (
    r"ModuleDict|ParameterDict|OrderedDict|__dict__|__getattr__|importlib|__import__|instantiate"
    r"|from_pretrained|\b(?:exec|eval|setattr)\(|(?<!np\.)(?<!numpy\.)\bload\(|\b(?:hub|jit)\b"
    r"|(?:add_module|register_(?:module|buffer|parameter))\(\s*(?![\s\"'])"
)
"""Code that may give parts a name that is not written in it."""

_NAMED = r"(?m)\bself\.(\w+)|\.(\w+)\s*(?::[^=\n]+)?=(?!=)|^    (\w+)\s*[:=](?!=)|[\"'](\w+)[\"']"
"""An attribute that code sets or reads of the object itself, one of a class, a name in a text."""

_ATTRIBUTE = (
    r"\bself\.([A-Za-z]\w*)\s*(?::[^=\n]+)?=(?!=)"
    r"(\s*(?:torch\.)?nn\.(?:Linear|Bilinear|Conv(?:Transpose)?\dd|LSTM|GRU|RNN|Embedding|LayerNorm"
    r"|GroupNorm|BatchNorm\dd|PReLU)\()?"
)
"""An attribute that is set, and whether to a layer of PyTorch that has parameters and no parts."""

_OF_TORCH = {
    "": (
        *("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
        *("weight_g", "weight_v", "weight_orig", "weight_u"),
        *("original", "original0", "original1", "parametrizations", "module", "_orig_mod"),
        *(f"{kind}_{part}" for kind in ("weight", "bias") for part in ("ih", "hh", "hr")),
    ),
    "MultiheadAttention": (
        *("in_proj_weight", "in_proj_bias", "out_proj", "bias_k", "bias_v"),
        *("q_proj_weight", "k_proj_weight", "v_proj_weight"),
    ),
    "Transformer": (
        *("in_proj_weight", "in_proj_bias", "out_proj", "self_attn", "multihead_attn"),
        *("encoder", "decoder", "layers", "linear1", "linear2", "norm", "norm1", "norm2", "norm3"),
    ),
    "AdaptiveLogSoftmax": ("head", "tail"),
}
"""By the beginning of a class's name, the names of parameters and parts that PyTorch gives it."""

_WITHOUT_PARAMETERS = (
    r"(?:torch\.)?nn\.(?:\w*Dropout\d?d?|\w+(?<!With)Loss|(?:Leaky)?ReLU6?|[SC]?ELU|GELU|SiLU|Mish|Tanh"
    r"|(?:Log)?Sigmoid|(?:Log)?Softmax|Softplus|Identity|Flatten|\w*(?:Max|Avg)Pool\dd)"
)
"""Modules of PyTorch without parameters."""

_ADDING = ("add_module", "register_module", "register_parameter")

_OF_LAYERS = r"weight|bias|running_|num_batches|parametrizations|[*?\[]"
"""How the names of what a layer without parts has begin, or a pattern of these."""

_OF_RECURRENT_LAYERS = r"(?:weight|bias)_(?:ih|hh|hr)\w*"


def _is_of_cell(name: str) -> bool:
    return re.match(_OF_RECURRENT_LAYERS, name) is not None


class PartNames(NamedTuple):
    """Names in the code of a model.

    Attributes:
        words: Every word of the code.
        named: Those that are an attribute of some object, or a text.
        attributes: The names that it sets on objects.
        layers: Those of them that are set to nothing but layers without parts.
        inside: The parts of parts of models of transformers.
    """

    words: frozenset[str]
    named: frozenset[str]
    attributes: tuple[str, ...]
    layers: frozenset[str]
    inside: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def may_have(self, part: str) -> bool:
        """Return whether an attribute can have a name; of a pattern its beginning counts."""
        beginning = re.split(r"[*?\[]", part)[0]
        if beginning.isdigit() or _is_of_cell(beginning):
            return True
        if beginning == part:
            return part in self.words or part in self._of_torch()
        return any(word.startswith(beginning) for word in (*self.words, *self._of_torch()))

    def first_missing(self, parts: Sequence[str]) -> str | None:
        """Return the first attribute of a name that none can have; None if it may be one."""
        first = parts[0]
        known = first in self.named or first in self._of_torch() or _is_of_cell(first)
        if first.isidentifier() and not known:
            return first
        for before, part in zip(("", *parts), parts, strict=False):
            of_layer = before in self.layers and not re.match(_OF_LAYERS, part)
            if of_layer or not self.may_have(part):
                return part
        return None

    def _of_torch(self) -> list[str]:
        """Return the names of PyTorch's parts, as far as the code names their classes."""
        return [
            name
            for start, names in _OF_TORCH.items()
            if any(word.startswith(start) for word in self.words)
            for name in names
        ]


def part_names(library: Library, targets: list[str]) -> PartNames | None:
    """Return the names of the code that builds a model; None where it may have others.

    Args:
        library: Reads modules.
        targets: The dotted paths of the model and of the objects that it is given.
    """
    loaded = [one for one in targets if one.partition(".")[0] == PACKAGE]
    files = _files_of(library, [one for one in targets if one not in loaded], loaded)
    texts = [_known_loading(library, _without_prose(one.text.text), loaded) for one in files or ()]
    models = [model_parts(library, one) for one in loaded]
    if not (texts or models) or files is None or None in models:
        return None
    if any(re.search(_COMPUTED, text) for text in texts):
        return None
    return _with_models(_names_in(texts), [one for one in models if one])


def _known_loading(library: Library, text: str, loaded: list[str]) -> str:
    """Return code without ``from_pretrained`` of the classes of transformers that it imports.

    Args:
        library: Reads the package.
        text: The code.
        loaded: The dotted paths of what it imports of the package.
    """
    for path in loaded:
        if model_parts(library, path):
            text = text.replace(f"{class_path(path).rpartition('.')[2]}.from_pretrained", "")
    return text


def _with_models(own: PartNames, models: list[ModelParts]) -> PartNames:
    """Return names, with those of models of transformers, whose other words name no part."""
    names = [name for one in models for name in one.names]
    layers = [name for one in models for name in one.layers]
    return PartNames(
        own.words.union(names, layers),
        own.named.union(names),
        own.attributes or tuple(sorted(names)),
        own.layers.difference(names),
        {part: inner for one in models for part, inner in one.inside.items()},
    )


def _names_in(texts: list[str]) -> PartNames:
    words = frozenset(word for text in texts for word in re.findall(r"\w+", text))
    named = frozenset(word for text in texts for one in re.findall(_NAMED, text) for word in one)
    found = [one for text in texts for one in re.findall(_ATTRIBUTE, text)]
    others = {name for name, is_layer in found if not is_layer}
    attributes = dict.fromkeys(name for name, _ in found)
    return PartNames(words, named, tuple(attributes), frozenset(attributes) - others)


def _without_prose(text: str) -> str:
    """Return code without its comments and docstrings, whose words name no part."""
    return re.sub(
        STRING_OR_COMMENT,
        lambda one: "" if one[0].startswith(_PROSE) else one[0],
        text,
        flags=re.DOTALL,
    )


def _files_of(library: Library, targets: list[str], loaded: list[str]) -> list[ModuleFile] | None:
    """Return the modules of the recipe behind some paths; None where others may have a part.

    Args:
        library: Reads modules.
        targets: The paths.
        loaded: Collects what these import of transformers.
    """
    waiting, found = list(targets), dict[str, ModuleFile]()
    while waiting:
        path = waiting.pop()
        package = path.partition(".")[0]
        if package == PACKAGE and path != PACKAGE:
            loaded.append(path)
        if package in _PLAIN_PACKAGES or (package == PACKAGE and path != PACKAGE):
            continue
        parts = path.split(".")
        places = [library.find_module(".".join(parts[:end])) for end in range(1, len(parts) + 1)]
        if places[0] is None or not places[0].local:
            return None
        for place in filter(None, places):
            file = library.file(place)
            if file is None and place.file:
                return None
            if file and place.name not in found:
                found[place.name] = file
                waiting += _imports_of(place, file)
    return list(found.values())


def _imports_of(place: ModuleLocation, file: ModuleFile) -> list[str]:
    found = [imported_paths(place, item) for item in file.imports]
    return [path for one in found for path in (one[-1:] if one[0] == PACKAGE else one)]


def parts_of(library: Library, target: str, objects: set[str]) -> set[str]:
    """Return the attributes of a model that may have parameters; none where there may be more.

    Args:
        library: Reads the class.
        target: The dotted path of the model.
        objects: Arguments of the model that are no plain values.
    """
    key = "parts", target, frozenset(objects)
    return library.remember(key, set(), lambda: _find_parts(library, target, objects))


def _find_parts(library: Library, target: str, objects: set[str]) -> set[str]:
    found = find_definition(library, target)
    if not isinstance(found, ClassFound) or found.summary.metaclass or found.summary.decorators:
        return set()
    file = library.file(found.location)
    bases = [is_torch_module(one) for one in resolution_order(library, found)[1:]]
    if file is None or not found.location.local or bases != [True]:
        return set()
    code = [node for top, _ in method_nodes(file, found.summary) for node in all_nodes(top)]
    if any(map(_adds_parts, code)):
        return set()
    plain = _arguments(code) - objects
    return {name for node in code for name in _attributes_set(node, plain)}


def _adds_parts(node: ast.AST) -> bool:
    """Return whether code adds parts by a call, or may do so elsewhere with the object itself."""
    if not isinstance(node, ast.Call):
        return False
    name = (dotted_name(node.func) or "").rpartition(".")[2]
    return any(map(_is_self, node.args)) or name in _ADDING


def _arguments(code: list[ast.AST]) -> set[str]:
    """Return the arguments of constructors that are plain by default and are not set anew."""
    names: set[str] = set()
    for node in code:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            given = (*node.args.defaults, *node.args.kw_defaults)
            if all(one is None or isinstance(one, ast.Constant) for one in given):
                every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                names |= {one.arg for one in every}
    stored = (one for one in code if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
    return names - {one.id for one in stored}


def _attributes_set(node: ast.AST, plain: set[str]) -> Iterator[str]:
    """Yield the attributes that a statement sets to what may have parameters."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or _has_no_parameters(node.value, plain):
        return
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for one in (inner for target in targets for inner in all_nodes(target)):
        if isinstance(one, ast.Attribute) and _is_self(one.value):
            yield one.attr


def _has_no_parameters(value: ast.expr | None, plain: set[str]) -> bool:
    if isinstance(value, ast.Call):
        return re.fullmatch(_WITHOUT_PARAMETERS, dotted_name(value.func) or "") is not None
    return isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id in plain)


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"
