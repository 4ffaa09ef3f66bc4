"""Find names that one module of a package sets in another while the package is imported.

``lightning`` keeps classes available under old names in this way::

    setattr(pl.plugins, "DoublePrecisionPlugin", …)
    sys.modules["lightning.pytorch.plugins.precision.precision_plugin"] = …

Only names that were not found are searched for here, so that a correct path costs nothing.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from espnet3_compiler.filesystem import is_file
from espnet3_compiler.signature.library import Library

MAX_BYTES = 64 * 2**20
"""How many bytes of a package are read at most."""


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
        location = library.find_module(top)
        library.memo[key] = location is not None and any(
            _sets_name(name, text) for text in _module_texts(location.folders)
        )
    found: bool = library.memo[key]
    return found


def _sets_name(name: str, text: bytes) -> bool:
    word = name.encode()
    if word not in text:
        return False
    if re.search(rb"\." + word + rb"\s*=[^=]", text):
        return True
    dynamic = b"setattr(" in text or b"sys.modules[" in text
    return dynamic and re.search(rb"[\"'.]" + word + rb"[\"']", text) is not None


def _module_texts(folders: tuple[str, ...]) -> Iterator[bytes]:
    read = 0
    for folder in folders:
        for root, directories, files in os.walk(folder):
            directories.sort()
            for file in sorted(files):
                if file.endswith(".py") and read < MAX_BYTES and is_file(Path(root, file)):
                    try:
                        content = Path(root, file).read_bytes()
                    except OSError:
                        continue
                    read += len(content)
                    yield content
