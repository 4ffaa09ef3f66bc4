"""The events of a YAML text, from libyaml where it is there and from pure Python otherwise.

Both parsers are PyYAML's and give the same marks.  ``PurePythonParser`` follows libyaml in two
rules: a tab may separate a key from its value, and an escape must name a character.
"""

import re
from typing import Any, Protocol

from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError

_SURROGATE = "[\ud800-\udfff]"


class EventParser(Protocol):
    """What the tree builder needs of a parser."""

    def get_event(self) -> Any:
        """Return the next event, or None after the last."""


class PurePythonParser(Reader, Scanner, Parser):
    """PyYAML's parser without libyaml."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def get_event(self) -> Any:
        """Return the next event.

        Raises:
            ScannerError: An escape is beyond Unicode, or half of a surrogate pair.
        """
        try:
            event = super().get_event()  # type: ignore[no-untyped-call]
        except (ValueError, OverflowError) as error:  # from chr()
            raise self._bad_escape() from error
        value = getattr(event, "value", None)
        if isinstance(value, str) and re.search(_SURROGATE, value):
            raise self._bad_escape()
        return event

    def _bad_escape(self) -> ScannerError:
        mark = self.get_mark()
        problem = "invalid Unicode character escape code"
        return ScannerError("while scanning a double-quoted scalar", mark, problem, mark)

    def scan_to_next_token(self) -> None:
        """Skip spaces, comments and line breaks; tabs too where no key can start."""
        while True:
            while self.peek() == " " or (self.peek() == "\t" and self._tab_separates()):
                self.forward()
            if self.peek() == "#":
                while self.peek() not in "\0\r\n\x85\u2028\u2029":
                    self.forward()
            if not self.scan_line_break():  # type: ignore[no-untyped-call]
                return
            if not self.flow_level:
                self.allow_simple_key = True

    def _tab_separates(self) -> bool:
        return bool(self.flow_level) or not self.allow_simple_key


def make_parser(text: str) -> EventParser:
    """Return a parser of a text that holds no character which YAML forbids."""
    try:
        from yaml._yaml import CParser
    except ImportError:
        return PurePythonParser(text)
    parser: EventParser = CParser(text)
    return parser
