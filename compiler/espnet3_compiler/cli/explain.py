"""``--explain CODE``: the meaning of a kind of finding, with a wrong and a right example."""

from espnet3_compiler.diagnostics.codes import CODES
from espnet3_compiler.diagnostics.explanation import explanation_text
from espnet3_compiler.diagnostics.suggest import closest_match


def explain(code: str) -> str | None:
    """Return the explanation of a code as Markdown, or None when there is no such code.

    Args:
        code: A number or a name, in any case: ``R601``, ``r601`` or ``unknown-key``.
    """
    wanted = code.strip().casefold()
    numbers = [each.number for each in CODES if wanted in (each.number.casefold(), each.name)]
    return explanation_text(numbers[0]) if numbers else None


def list_codes() -> str:
    """Return a line for each code: number, name, severity, and what it means."""
    numbers = max(len(each.number) for each in CODES)
    names = max(len(each.name) for each in CODES)
    return "".join(
        f"{each.number:{numbers}}  {each.name:{names}}  {each.severity:7}  {each.summary}\n"
        for each in sorted(CODES, key=lambda each: each.number)
    )


def suggest_code(code: str) -> str | None:
    """Return the number or name that an unknown code was probably meant to be."""
    names = [each.number for each in CODES] + [each.name for each in CODES]
    return closest_match(code.strip(), names)
