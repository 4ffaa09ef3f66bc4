"""Which of many modules a package that imports on demand may have a name from.

``transformers`` names its 400 models in ``from .models.x import *`` under ``if TYPE_CHECKING``.
All would have to be read to find one; but the module is called as the name begins.
"""

from collections.abc import Iterable, Iterator

from espnet3_compiler.signature.definitions import absolute_module
from espnet3_compiler.signature.lazy.package_text import package_names
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import ModuleSummary

MOST_READ = 24
"""Where a package has more such imports, only those are followed that are called like the name."""
MOST_HOMES = 4
"""How many modules that define a class of the name are looked into."""


def likely_modules(name: str, sources: Iterable[str]) -> list[str]:
    """Return the modules to look for a name in, the likeliest first.

    Args:
        name: For example ``Wav2Vec2ForCTC``.
        sources: Modules as an import names them, for example ``.wav2vec2``.
    """
    every = list(sources)
    if len(every) <= MOST_READ:
        return every
    plain = name.replace("_", "").casefold()
    stems = {source: source.rpartition(".")[2].replace("_", "").casefold() for source in every}
    kept = [source for source in every if stems[source] and stems[source] in plain]
    return sorted(kept, key=lambda source: -len(stems[source])) + [
        source for source in every if stems[source] == "auto" and source not in kept
    ]


def modules_on_demand(
    library: Library, location: ModuleLocation, module: ModuleSummary, name: str
) -> Iterator[str]:
    """Yield the modules that a module may import a name from when it is asked for.

    What it has is said under ``if TYPE_CHECKING``; of very many the text of the package tells.

    Args:
        library: Reads modules.
        location: The module.
        module: Its summary.
        name: The name.
    """
    sources = likely_modules(name, module.lazy_stars) if module.open else []
    yield from (absolute_module(location, source) for source in sources)
    if module.open and len(module.lazy_stars) > MOST_READ:
        homes = package_names(library, location.name.partition(".")[0]).get(name, ())
        yield from [home for home in homes if home.startswith(f"{location.name}.")][:MOST_HOMES]
