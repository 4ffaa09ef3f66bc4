"""Parse the references in a text; the first mistake ends the parsing."""

import re

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.expressions.nodes import Argument, Call, JoinedKey, Key, Lookup, Template
from espnet3_compiler.syntax.offsets import scalar_span
from espnet3_compiler.syntax.tree import Scalar

MAX_DEPTH = 16
"""Levels of references inside references."""

_KEY = re.compile(r"[^\\{}()\[\]:. \t\r\n'\"$]+|\$(?!\{)")
_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*")
_DOUBLE_BRACES = re.compile(r"\$\{\{\s*([^{}]*?)\s*\}\}")
_MATRIX = re.compile(r"\$\{[ \t\r\n]*matrix\.")
_SPACE = re.compile(r"[ \t\r\n]*")
_SLASHES = re.compile(r"\\*")
_PLAIN = re.compile(r".[^\\$'\"]*", re.DOTALL)
"""Any character, and those behind it that mean nothing but themselves."""
_ESCAPABLE = frozenset("\\()[]{}:=, \t")


class BadExpressionError(Exception):
    """Carries the finding out of the recursion."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


class TemplateParser:
    """A recursive descent over one text.

    Attributes:
        scalar: The text as it is written.
        value: Its value, or the text that resolution made.
        deepest: Levels of references inside references.
        at: Where the descent is.
        depth: The level that it is on.
        opened: Where the innermost reference begins.
    """

    def __init__(self, scalar: Scalar, value: str, deepest: int = MAX_DEPTH) -> None:
        self.scalar = scalar
        self.value = value
        self.deepest = deepest
        self.at = self.depth = self.opened = 0

    def parse_text(self, quote: str = "") -> Template:
        """Read up to the end, or up to a closing quote, which is left unread."""
        pieces: list[str | Lookup | Call] = []
        while self.at < len(self.value):
            start = self.at
            slashes = _SLASHES.match(self.value, self.at)
            assert slashes
            self.at = slashes.end()
            count = self.at - start
            opens = self.value.startswith("${", self.at)
            quoted = bool(quote) and self.value.startswith(quote, self.at)
            _append_text(pieces, "\\" * (count // 2 if opens or quoted else count))
            if quoted and count % 2 == 0:
                break
            if opens and count % 2 == 0:
                pieces.append(self.parse_reference())
            elif run := _PLAIN.match(self.value, self.at):
                text = "${" if opens else run[0]
                _append_text(pieces, text)
                self.at += len(text)
        return tuple(pieces)

    def parse_reference(self) -> Lookup | Call:
        """Read from ``${`` through its ``}``."""
        start, outer = self.at, self.opened
        self.opened = start
        self.depth += 1
        if self.depth > self.deepest:
            self.raise_at(start, start + 2, "references are nested too deeply", "too deep")
        self.at += 2
        self.refuse_double_braces(start)
        self.skip_space()
        name = _NAME.match(self.value, self.at)
        colon = _SPACE.match(self.value, name.end()) if name else None
        if name and colon and self.value.startswith(":", colon.end()):
            result: Lookup | Call = self.parse_call(start, name)
        else:
            result = self.parse_lookup(start)
        self.depth -= 1
        self.opened = outer
        return result

    def refuse_double_braces(self, start: int) -> None:
        """Report ``${{ … }}``, as a workflow of GitHub writes it."""
        found = _DOUBLE_BRACES.match(self.value, start)
        if found:
            meant = f"${{{found[1]}}}"
            place = Label(self.span(start, found.end()), "as in a workflow of GitHub")
            message = f'"{found[0]}" has a brace too many'
            fix = Fix(f'write "{meant}"', (Edit(place.span, meant),))
            raise BadExpressionError(
                Diagnostic("R304", message, place, help=(f'write "{meant}"',), fix=fix)
            )

    def parse_lookup(self, start: int) -> Lookup:
        """Read a path and the closing brace."""
        dots = len(self.value) - self.at - len(self.value[self.at :].lstrip("."))
        self.at += dots
        keys = [self.parse_bracketed_key() if self.peek() == "[" else self.parse_key()]
        while self.peek() in (".", "["):
            if self.peek() == ".":
                self.at += 1
                keys.append(self.parse_key())
            else:
                keys.append(self.parse_bracketed_key())
        self.skip_space()
        self.expect("}")
        return Lookup(dots, tuple(keys), self.span(start, self.at))

    def parse_key(self) -> Key:
        """Read one name, or a nested reference in its place; a value of a matrix is a part too."""
        start = self.at
        if self.value.startswith("${", start) and not _MATRIX.match(self.value, start):
            nested = self.parse_reference()
            return Key(nested, nested.span)
        parts: list[str | Lookup | Call] = []
        while self.at < len(self.value):
            if match := _KEY.match(self.value, self.at):
                _append_text(parts, match.group())
                self.at = match.end()
            elif _MATRIX.match(self.value, self.at):
                parts.append(self.parse_reference())
            else:
                break
        if not parts:
            self.fail_at_character("a name")
        name = parts[0] if len(parts) == 1 else JoinedKey(tuple(parts))
        return Key(name, self.span(start, self.at))

    def parse_bracketed_key(self) -> Key:
        """Read ``[name]``."""
        self.at += 1
        key = self.parse_key()
        self.expect("]")
        return key

    def parse_call(self, start: int, name: re.Match[str]) -> Call:
        """Read the arguments of a resolver and the closing brace."""
        colon = self.value.index(":", name.end())
        self.at = colon + 1
        arguments: list[Argument] = []
        self.skip_space()
        if self.peek() != "}":
            arguments.append(self.parse_argument())
            while self.peek() == ",":
                self.at += 1
                arguments.append(self.parse_argument())
        self.expect("}")
        name_span = self.span(name.start(), name.end())
        return Call(name.group(), tuple(arguments), self.span(start, self.at), name_span)

    def parse_argument(self) -> Argument:
        """Read one argument, quoted or not; the comma or brace after it is left unread."""
        self.skip_space()
        start = self.at
        if self.peek() in ("'", '"'):
            quote = self.peek()
            self.at += 1
            parts = self.parse_text(quote)
            self.expect(quote)
            end = self.at
            self.skip_space()
            return Argument(parts, quoted=True, span=self.span(start, end))
        parts = self.parse_unquoted()
        return Argument(parts, quoted=False, span=self.span(start, max(self.at, start + 1)))

    def parse_unquoted(self) -> Template:
        """Read an argument without quotes; spaces around it do not count."""
        pieces: list[str | Lookup | Call] = []
        blank = ""
        while self.at < len(self.value) and (char := self.peek()) not in (",", "}"):
            if char in "[]{('\"":
                self.fail_at_character('"," or "}", or quotes around the argument')
            if char in " \t\r\n":
                blank += char
                self.at += 1
                continue
            _append_text(pieces, blank if pieces else "")
            blank = ""
            if self.value.startswith("${", self.at):
                pieces.append(self.parse_reference())
                continue
            escaped = char == "\\" and self.value[self.at + 1 : self.at + 2] in _ESCAPABLE
            self.at += bool(escaped and self.at + 1 < len(self.value))
            _append_text(pieces, self.peek())
            self.at += 1
        return tuple(pieces)

    def peek(self) -> str:
        """Return the next character, empty at the end."""
        return self.value[self.at : self.at + 1]

    def skip_space(self) -> None:
        """Pass over white space."""
        match = _SPACE.match(self.value, self.at)
        assert match
        self.at = match.end()

    def expect(self, char: str) -> None:
        """Pass over a character that must stand here."""
        if self.peek() != char:
            self.fail_at_character(f'"{char}"')
        self.at += 1

    def span(self, start: int, end: int) -> Span:
        """Return the raw span of a part of the value."""
        return scalar_span(self.scalar, start, min(end, len(self.value)))

    def fail_at_character(self, expected: str) -> None:
        """Stop: something else is expected here.

        Raises:
            BadExpressionError: Always.
        """
        if self.at >= len(self.value):
            raise BadExpressionError(self.unclosed_finding())
        shown = self.value[self.opened : self.at + 1]
        char = "a space" if self.peek().isspace() else f'"{self.peek()}"'
        if self.value.startswith("${", self.at):
            char, expected = (
                'a nested "${"',
                f'{expected}; it must be a whole key, as in "${{a.${{b}}}}"',
            )
        message = f'"{shown}" cannot be understood: {char} stands where {expected} is expected'
        self.raise_at(self.at, self.at + 1, message, f"expected {expected}")

    def raise_at(self, start: int, end: int, message: str, label: str) -> None:
        """Stop with a finding.

        Args:
            start: The offset of the first wrong character.
            end: The offset after the last one.
            message: One sentence.
            label: The text below the marks.

        Raises:
            BadExpressionError: Always.
        """
        place = Label(self.span(start, end), label)
        advice = ('write ${a.b} or ${name:argument}; for the characters themselves write "\\${"',)
        raise BadExpressionError(Diagnostic("R304", message, place, help=advice))

    def unclosed_finding(self) -> Diagnostic:
        """Return the finding for a ``${`` without its brace."""
        place = self.span(self.opened, len(self.value))
        rest = self.value[self.opened + 2 :]
        fix = None
        if re.fullmatch(r"[\w.]+", rest):
            end = Span(place.source, place.end, place.end)
            fix = Fix('close it with "}"', (Edit(end, "}"),), certain=True)
        return Diagnostic(
            "R304",
            f'"{self.value[self.opened :]}" is not closed',
            Label(place, 'a "}" is missing'),
            help=('add "}"; for the characters themselves write "\\${"',),
            fix=fix,
        )


def _append_text(pieces: list[str | Lookup | Call], text: str) -> None:
    if not text:
        return
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    else:
        pieces.append(text)
