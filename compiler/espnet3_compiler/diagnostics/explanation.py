"""The explanations of findings, which the package holds as Markdown."""

from importlib.resources import files

from espnet3_compiler.diagnostics.codes import BY_NUMBER


def explanation_text(number: str) -> str:
    """Return the heading and the text of an explanation.

    Raises:
        FileNotFoundError: The code has none, which a test forbids.
    """
    each = BY_NUMBER[number]
    head = f"# {each.number} {each.name} ({each.severity})\n\n{each.summary}"
    return f"{head}\n\n{explanation_body(number)}\n"


def explanation_body(number: str) -> str:
    """Return an explanation without its heading: what is meant, a wrong and a right example."""
    path = files("espnet3_compiler") / "explanations" / f"{number}.md"
    return path.read_text("utf-8").strip()
