"""The names that parameters of a model can have, by the text of the code that builds it.

A name of a parameter consists of attributes (``encoder.layers.0.weight``). Each is a word of the
recipe's modules that build the model, or of PyTorch's own, unless code makes names while it runs,
or the modules come from another package: then nothing is known.
"""

import re
import sys
from dataclasses import dataclass

from espnet3_compiler.checks.code.modules import imported_paths
from espnet3_compiler.signature.library import Library, ModuleFile
from espnet3_compiler.signature.locate import ModuleLocation

_PLAIN_PACKAGES = frozenset({*sys.stdlib_module_names, "torch", "numpy", "typing_extensions"})
"""Packages that bring no modules of their own, other than those of ``torch.nn``."""

_COMPUTED = re.compile(
    r"ModuleDict|ParameterDict|OrderedDict|__dict__|__getattr__|importlib|__import__|instantiate"
    r"|from_pretrained|\b(?:exec|eval|setattr)\(|(?<!np\.)(?<!numpy\.)\bload\(|\b(?:hub|jit)\b"
    r"|(?:add_module|register_(?:module|buffer|parameter))\(\s*(?![\s\"'])"
)
"""Code that may give parts a name that is not written in it."""

_ATTRIBUTE = re.compile(r"\bself\.([A-Za-z]\w*)\s*(?::[^=\n]+)?=(?!=)")

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

_OF_RECURRENT_LAYERS = re.compile(r"(?:weight|bias)_(?:ih|hh|hr)\w*")


@dataclass(frozen=True)
class PartNames:
    """Names in the code of a model.

    Attributes:
        words: Every word of the code.
        attributes: The names that it sets on objects.
    """

    words: frozenset[str]
    attributes: tuple[str, ...]

    def may_have(self, part: str) -> bool:
        """Return whether an attribute can have a name; of a pattern its beginning counts."""
        beginning = re.split(r"[*?\[]", part)[0]
        if beginning.isdigit() or _OF_RECURRENT_LAYERS.match(beginning):
            return True
        if beginning == part:
            return part in self.words or part in self._of_torch()
        return any(word.startswith(beginning) for word in (*self.words, *self._of_torch()))

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
    files = _files_of(library, targets)
    texts = [file.text.text for file in files] if files else []
    if not texts or any(map(_COMPUTED.search, texts)):
        return None
    words = frozenset(word for text in texts for word in re.findall(r"\w+", text))
    attributes = [name for text in texts for name in _ATTRIBUTE.findall(text)]
    return PartNames(words, tuple(dict.fromkeys(attributes)))


def _files_of(library: Library, targets: list[str]) -> list[ModuleFile] | None:
    """Return the modules of the recipe behind some paths; None where others may have a part."""
    waiting, found = list(targets), dict[str, ModuleFile]()
    while waiting:
        path = waiting.pop()
        if path.partition(".")[0] in _PLAIN_PACKAGES:
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
    return [path for item in file.imports for path in imported_paths(place, item)]
