"""Results of reading a dotted path: a signature, or the reason why there is none."""

from typing import Literal

from msgspec import Struct

ParameterKind = Literal["positional", "both", "keyword"]


class DefinitionLocation(Struct, frozen=True):
    """Where something is defined: the module, and the file and line that a report shows."""

    module: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Parameter(Struct, frozen=True):
    """An argument that a target takes.

    Attributes:
        name: Its name.
        kind: ``positional`` (only), ``keyword`` (only) or ``both``.
        default: The type of its default (``int`` … ``None``, ``other``); None when required.
        annotation: Its annotation as text, to be read in the module of ``origin``.
        origin: Where it is defined; not in the target when it is reached through ``**kwargs``.
    """

    name: str
    kind: ParameterKind
    default: str | None
    annotation: str | None
    origin: DefinitionLocation

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is None


class Signature(Struct, frozen=True):
    """What a target takes.

    Attributes:
        name: The dotted path that was asked for.
        parameters: In order.
        more_positional: Whether it takes any number of arguments by position.
        more_keywords: Whether it takes further arguments by name, which cannot be listed.
        origin: Where it is defined.
        drops: Whether nothing looks at the arguments that it has no name for.
    """

    name: str
    parameters: tuple[Parameter, ...]
    more_positional: bool
    more_keywords: bool
    origin: DefinitionLocation
    drops: bool = False

    def find(self, name: str) -> Parameter | None:
        """Return the parameter that can be given by a name, or None."""
        named = (item for item in self.parameters if item.name == name)
        return next((item for item in named if item.kind != "positional"), None)

    @property
    def positional(self) -> tuple[Parameter, ...]:
        """The parameters that can be given by position, in order."""
        return tuple(item for item in self.parameters if item.kind != "keyword")

    @property
    def keywords(self) -> tuple[str, ...]:
        """The names that can be given, in order."""
        return tuple(item.name for item in self.parameters if item.kind != "positional")


class Missing(Struct, frozen=True):
    """A path without a definition.

    Attributes:
        prefix: The part that was found, empty when the package itself is missing.
        part: The part that was not found.
        position: The index of ``part`` in the path, from 0.
        near: The names that ``prefix`` has; empty for a package.
        where: Where ``prefix`` is defined, if anywhere.
    """

    prefix: str
    part: str
    position: int
    near: tuple[str, ...]
    where: DefinitionLocation | None = None


class NotCallable(Struct, frozen=True):
    """A path that leads to a module or a plain value."""

    what: str
    origin: DefinitionLocation


class NotAnalyzable(Struct, frozen=True):
    """A path whose signature is known only to running code.

    Attributes:
        reason: Why, as half a sentence.
        absent: Whether importing it would fail, so that an ``except ImportError`` takes over.
        broken: Where a file of the recipe has a syntax error, if that is the reason.
    """

    reason: str
    absent: bool = False
    broken: DefinitionLocation | None = None


SignatureResult = Signature | Missing | NotCallable | NotAnalyzable
