"""From frames to texts."""

from pathlib import Path
from typing import Any


class Greedy:
    """The best token of every frame."""

    def __init__(self, token_list: Path) -> None:
        self.token_list = token_list

    def __call__(self, model: Any, **batch: Any) -> list[dict[str, Any]]:
        """Return one text for each item."""
        return [{"text": str(model(item))} for item in batch.values()]
