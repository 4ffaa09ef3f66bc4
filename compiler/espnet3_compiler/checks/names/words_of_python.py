"""Words that mean something to Python or OmegaConf and are plain text in YAML.

Passes: ``archive: null``; ``word: "None"``, a text on purpose.
Fails: ``archive: None``; ``lr: ???``, which OmegaConf asks for later.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.names.bare_references import written_texts
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.span_key import first_per_location

_MEANT = {
    "None": "write null",
    "???": "write a value; another one for a run is given with --set",
}


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R213, once for each text."""
    yield from first_per_location(
        value_finding(
            "R213",
            f"{node.value} is a text in YAML",
            node,
            "no more than a word",
            advice=(_MEANT[str(node.value)], f'or "{node.value}" in quotes for the text'),
        )
        for _, node, _ in written_texts(recipe, resolved)
        if node.style == "plain" and node.value in _MEANT
    )
