"""Regular expressions that are compiled when they are first used.

Most of the compiler's patterns serve the report of one kind of mistake: a check without that
mistake need not pay for them.
"""

import re
from typing import Any, cast


class _Lazy:
    """Stands for a pattern; after the first use of a method it holds the pattern's own."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._made = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        value = getattr(re.compile(*self._made), name)  # re keeps what it has compiled
        setattr(self, name, value)
        return value


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return what behaves as ``re.compile(pattern, flags)``."""
    return cast(re.Pattern[str], _Lazy(pattern, flags))
