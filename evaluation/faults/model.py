"""A fault: a stretch of a source file replaced by other text."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "compiler/espnet3_compiler",
    "runtime/espnet3_runtime",
    "schemas/espnet3_schemas",
)


@dataclass(frozen=True)
class Fault:
    """One mistake that a person could have made.

    Attributes:
        kind: The class of mistake, a key of ``operators.KINDS``.
        file: The file, relative to the repository.
        line: The line where it begins, counted from 1.
        start: The first byte of the good text in the file.
        good: The good text.
        bad: What stands there instead.
    """

    kind: str
    file: str
    line: int
    start: int
    good: str
    bad: str

    @property
    def room(self) -> str:
        """The folder of the package that it is in, such as ``runtime/training``."""
        side, _, *rest = Path(self.file).parts
        return f"{side}/{rest[0]}" if len(rest) > 1 else side

    @property
    def change(self) -> str:
        """The change on one line."""
        good, bad = (" ".join(text.split()) for text in (self.good, self.bad))
        return f"{good}  ->  {bad}"

    def plant(self, root: Path) -> None:
        """Write the faulty file below a copy of the repository.

        Raises:
            ValueError: The good text is not there.
        """
        path = root / self.file
        data = path.read_bytes()
        good = self.good.encode()
        if data[self.start : self.start + len(good)] != good:
            raise ValueError(f"{self.file}:{self.line} does not hold {self.good!r}")
        path.write_bytes(data[: self.start] + self.bad.encode() + data[self.start + len(good) :])
