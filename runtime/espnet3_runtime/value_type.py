"""A kind of value of a recipe's own: how it is checked, written, read and shown on a page."""

from pathlib import Path
from typing import Any


class ValueType:
    """The type of an input or output whose ``kind`` in the contract is ``own``.

    A subclass checks values in :meth:`accept`.  With a ``suffix`` its values are files, written and
    read by :meth:`write` and :meth:`read`; without one they are texts or numbers.  On a page it is
    what :meth:`widget` makes; without that, a file or a line of text.

    Attributes:
        suffix: The ending of its files, for example ``.mid``; empty for values without files.
        example: A value as Python, for the call that a model card shows.
    """

    suffix = ""
    example = '"…"'

    def accept(self, value: Any) -> Any:
        """Return a value in the form that the model takes or ``infer`` writes.

        Raises:
            ValueError: It is none; the message says why.
        """
        return value

    def write(self, value: Any, path: Path) -> None:
        """Write an accepted value to a file."""
        raise NotImplementedError(f"{type(self).__name__} has a suffix and no write")

    def read(self, path: Path) -> Any:
        """Return the value in a file, which is accepted next."""
        raise NotImplementedError(f"{type(self).__name__} has a suffix and no read")

    def widget(self, gradio: Any, label: str) -> Any:
        """Return the Gradio component of a page that takes or shows a value."""
        return gradio.File(label=label) if self.suffix else gradio.Textbox(label=label)

    def from_widget(self, given: Any) -> Any:
        """Return the value that a visitor gave; a file has its path there."""
        return self.read(Path(given)) if self.suffix else given

    def to_widget(self, value: Any, directory: Path) -> Any:
        """Return what the component shows of a value.

        Args:
            value: An output of the model.
            directory: An empty directory for its file.
        """
        if not self.suffix:
            return value
        path = directory / f"output{self.suffix}"
        self.write(value, path)
        return str(path)
