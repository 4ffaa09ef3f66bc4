"""``espnet3-compile lsp``: the language server on standard input and output."""

import sys
from importlib.util import find_spec

from espnet3_schemas.exit_codes import CLEAN, USAGE
from espnet3_schemas.installation import install_command

USAGE_TEXT = """usage: espnet3-compile lsp

A language server for manifests, their configs and the code of recipes. It speaks the Language
Server Protocol on standard input and output; an editor starts it (docs/editors.md).
"""


def serve(words: list[str]) -> int:
    """Run the server until the editor ends it, and return the exit code.

    Args:
        words: What stands behind ``lsp``; ``--stdio``, which some editors add, says nothing new.
    """
    rest = [word for word in words if word != "--stdio"]
    if rest:
        asked = rest[0] in ("-h", "--help")
        print(USAGE_TEXT, end="", file=sys.stdout if asked else sys.stderr)
        return CLEAN if asked else USAGE
    if find_spec("pygls") is None:
        command = install_command("lsp")
        print(f"error: the language server needs pygls: {command}", file=sys.stderr)
        return USAGE
    from espnet3_compiler.lsp.answers import answer_questions
    from espnet3_compiler.lsp.server import make_server

    server = make_server()
    answer_questions(server)
    server.start_io()
    return CLEAN
