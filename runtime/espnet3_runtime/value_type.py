"""A kind of value of a recipe's own: how it is checked, written, read and shown on a page."""

from pathlib import Path
from typing import Any

from espnet3_runtime.errors import UserError


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
        """Write an accepted value to a file.

        Raises:
            UserError: The subclass has a suffix and does not say how.
        """
        raise _incomplete(self, "write", f"{path.name}: {type(value).__name__}")

    def read(self, path: Path) -> Any:
        """Return the value in a file, which is accepted next.

        Raises:
            UserError: The subclass has a suffix and does not say how.
        """
        raise _incomplete(self, "read", path.name)

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


def _incomplete(kind: ValueType, method: str, what: str) -> UserError:
    name = type(kind).__name__
    message = f'{name} has the suffix "{kind.suffix}", and no {method} for {what}'
    return UserError(message, hint=f"write def {method} in {name}")
