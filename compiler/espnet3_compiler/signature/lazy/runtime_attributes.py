"""Find names that one module of a package sets in another while the package is imported.

``lightning`` keeps classes available under old names in this way::

    setattr(pl.plugins, "DoublePrecisionPlugin", …)
    sys.modules["lightning.pytorch.plugins.precision.precision_plugin"] = …

and ``timm`` by ``register_model_deprecations(__name__, {"tv_resnet34": "resnet34.tv_in1k"})``.

Only names that were not found are searched for here, so that a correct path costs nothing.
"""

import re

from espnet3_compiler.signature.lazy.package_text import package_texts
from espnet3_compiler.signature.library import Library


def may_be_set(library: Library, module: str, name: str) -> bool:
    """Return whether some module of a package may set a name in another one.

    Args:
        library: Reads modules.
        module: A module of the package.
        name: The name that was not found in it.
    """
    top = module.partition(".")[0]
    key = ("set attributes", top, name)
    if key not in library.memo:
        library.memo[key] = any(_sets_name(name, text) for _, text in package_texts(library, top))
    found: bool = library.memo[key]
    return found


def _sets_name(name: str, text: bytes) -> bool:
    word = name.encode()
    if word not in text:
        return False
    if re.search(rb"\." + word + rb"\s*=[^=]", text):
        return True
    dynamic = b"setattr(" in text or b"sys.modules[" in text or b"(__name__, {" in text
    return dynamic and re.search(rb"[\"'.]" + word + rb"[\"']", text) is not None
