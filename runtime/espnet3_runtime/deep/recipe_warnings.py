"""Warnings of libraries that the recipe's own code leads to."""

import inspect
import linecache
import re
import warnings
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from espnet3_runtime.preflight.origin.code_place import is_recipe_file
from espnet3_runtime.preflight.protocol import Answers, CodePlace

_FOR_AUTHORS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
_LONGEST = 240
_BROADCAST = re.compile(r"[Uu]sing a target size .*different to the input size")


class RecipeWarnings:
    """A context that answers each warning once that arises while code of the recipe runs."""

    def __init__(self, answers: Answers, recipe_dir: Path) -> None:
        self._answers, self._recipe_dir = answers, recipe_dir
        self._caught = warnings.catch_warnings()
        self._said: set[tuple[str, int, str]] = set()

    def __enter__(self) -> None:
        self._caught.__enter__()
        warnings.simplefilter("always")
        warnings.showwarning = self._show

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._caught.__exit__(kind, error, trace)

    def _show(self, message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        place = None if issubclass(category, _FOR_AUTHORS) else self._find_place()
        text = " ".join(str(message).split())[:_LONGEST]
        if place is None or (place.file, place.line, text) in self._said:
            return
        self._said.add((place.file, place.line, text))
        if _BROADCAST.search(text):
            self._answers.report_finding(
                "R921",
                self._answers.current_location,
                f"torch warns: {text}",
                help_=["give both one shape, for example with .squeeze(-1) or [:, None]"],
                place=place,
                in_code=True,
                warns=True,
            )
        else:
            self._answers.warning(place, f"{category.__name__}: {text}")

    def _find_place(self) -> CodePlace | None:
        """Return the line of the innermost code of the recipe that runs."""
        frame: FrameType | None = inspect.currentframe()
        while frame is not None:
            name = frame.f_code.co_filename
            if is_recipe_file(name, self._recipe_dir):
                text = linecache.getline(name, frame.f_lineno)
                start = len(text) - len(text.lstrip()) + 1
                end = len(text.rstrip()) + 1
                return CodePlace(name, frame.f_lineno, start, end, frame.f_code.co_name)
            frame = frame.f_back
        return None
