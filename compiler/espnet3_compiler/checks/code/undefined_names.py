"""Names in a recipe's modules that nothing defines: a renaming done by half, a forgotten import.

Passes: ``spm.Processor()`` below ``import sentencepiece as spm``; a name that a function declares
``global``; modules with ``import *``, or that make names while they run.
Fails: ``sentencepiece.Processor()`` below ``import sentencepiece as spm``; ``size`` in a function
whose parameter is now called ``width``.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.checks.code.syntax import not_python
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.signature.module_summary import Binding, UnboundName
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.unknown_name import did_you_mean

_GUARDED = r"\bNameError\b|\bexec\(|\bglobals\(\)|\bvars\(\)|\bbuiltins\b"
"""Code that expects a name to be missing, or that makes names while it runs."""


def check_undefined_names(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R522, once for each name of a module, and R510 where Python finds names at odds."""
    for module in modules:
        summary, unbound = module.file.module, module.file.unbound
        if module.file.names_wrong:
            yield not_python(module, module.file.names_wrong)
        elif summary and unbound and not (summary.stars or summary.open or _is_guarded(module)):
            first = {item.name: item for item in reversed(unbound)}
            yield from (_finding(module, item) for item in first.values())


def _is_guarded(module: RecipeModule) -> bool:
    return re.search(_GUARDED, module.file.text.text) is not None


def _finding(module: RecipeModule, item: UnboundName) -> Diagnostic:
    node = _first_use(module, item)
    label = Label(module.file.expression_span(node, item.name), "defined nowhere")
    near = _meant_name(module, item)
    return Diagnostic(
        "R522",
        f'"{item.name}" is no name of {module.file.source.name}',
        label,
        (Label(use_location(module.name), "imported for this"),),
        help=did_you_mean(near, "define it, or import it"),
    )


def _first_use(module: RecipeModule, item: UnboundName) -> ast.Name:
    """Return where a scope reads a name first."""
    tree = module.file.tree
    uses = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == item.name and node.lineno >= item.line
    ]
    return min(uses, key=lambda node: (node.lineno, node.col_offset))


def _meant_name(module: RecipeModule, item: UnboundName) -> str | None:
    """Return the name that an import gives now, that is near, or the one parameter left unread."""
    from espnet3_compiler.signature import module_index

    for name, rows in module.file.module.bindings.items() if module.file.module else ():
        if any(_is_of(row, item.name) for row in rows):
            return name
    bound = module_index.bound_names(module.file.text)
    near = closest_match(item.name, sorted(bound | set(item.idle)))
    return near or (item.idle[0] if len(item.idle) == 1 else None)


def _is_of(row: Binding, name: str) -> bool:
    """Return whether a binding is an import of something with this name."""
    return row.kind in ("module", "import") and name in (row.source, row.value)
