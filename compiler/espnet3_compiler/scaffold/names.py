"""Names of new recipes."""

import re

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESERVED = {"build", "data", "dataset", "exp", "src"}
PLAIN_TASK = "base"


def problem(name: str) -> str | None:
    """Return why a recipe cannot be called so, or None."""
    corpus, slash, task = name.partition("/")
    parts = (corpus, task) if slash else (corpus,)
    if not all(_PART.fullmatch(part) for part in parts):
        return (
            f'"{name}" is no name of a recipe: write <corpus>/<task> or one name, '
            "of letters, digits, _ , - and ."
        )
    if parts[-1] in _RESERVED:
        return f'a recipe cannot be called "{parts[-1]}": recipes have a part of that name'
    return None


def recipe_id(name: str) -> str:
    """Return ``<corpus>/<task>`` for a name that has no problem."""
    return name if "/" in name else f"{name}/{PLAIN_TASK}"
