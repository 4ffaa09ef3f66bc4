"""What a user can get wrong, as a value."""

from dataclasses import dataclass

from espnet3_compiler.diagnostics.source import Span


@dataclass(frozen=True, slots=True)
class Label:
    """A place and what there is to say about it (at most a short line, may be empty)."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of a stretch of a file."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that mend a finding.

    Attributes:
        title: What they do, in the imperative.
        edits: Replacements in files, none overlapping.
        certain: Whether ``--fix`` may apply them without asking.
    """

    title: str
    edits: tuple[Edit, ...]
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: A code of ``codes.CODES``, for example ``R502``; severity and name follow from it.
        message: One sentence that stands alone, the offending name in quotes, no final full stop.
        primary: The place to look at, with what is wrong there.
        related: Other places: the first definition, the stations a value came through.
        help: What to write instead, one line each.
        notes: Facts, one line each.
        fix: Edits that mend it, where there are any.
    """

    code: str
    message: str
    primary: Label
    related: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fix: Fix | None = None
