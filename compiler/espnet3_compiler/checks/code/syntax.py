"""Files of a recipe's code that are not Python.

Passes: every module that a target, a call, a data set or another module names can be parsed.
Fails: ``class GreedyCTC`` without its ``:`` in ``src/decode.py``.
"""

from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span, line_span
from espnet3_compiler.signature.module_summary import SyntaxMistake
from espnet3_compiler.syntax.provenance import use_location


def check_syntax(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R510, once for each file that is not Python."""
    seen: set[str] = set()
    for module in modules:
        wrong = module.file.wrong
        if wrong is not None and module.file.name not in seen:
            seen.add(module.file.name)
            yield not_python(module, wrong)


def not_python(module: RecipeModule, wrong: SyntaxMistake) -> Diagnostic:
    """R510: Python refuses a file.

    Args:
        module: The module.
        wrong: What Python says.
    """
    source = module.file.source
    return Diagnostic(
        "R510",
        f'"{source.name}" is not Python: {wrong.message}',
        Label(_mistake_span(source, wrong), wrong.message),
        (Label(use_location(module.name), "imported for this"),),
        help=(f"correct line {wrong.line} of {source.name}",),
    )


def _mistake_span(source: Source, wrong: SyntaxMistake) -> Span:
    """Return the character at which Python's parser gave up, within the text."""
    line = min(wrong.line, source.text.count("\n") + 1)
    column = min(wrong.column, len(source.line_text(line)) + 1)
    return line_span(source, line, max(column, 1), 1)
