"""An editor: pygls' client, which starts the real server in a process of its own."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

pytest.importorskip("pygls", reason="needs the extra lsp")

from lsprotocol import types
from pygls.lsp.client import LanguageClient

T = TypeVar("T")
PATIENCE = 60
CURSOR = "¦"
"""Stands in a text where the cursor is; it is taken out before the text is sent."""


class Editor:
    """Sends what a person does and waits for the answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: LanguageClient) -> None:
        self.loop, self.client = loop, client
        self.versions: dict[str, int] = {}
        self.open: set[Path] = set()
        self.published: dict[str, types.PublishDiagnosticsParams] = {}
        self.news = asyncio.Event()

        @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.published[params.uri] = params
            self.news.set()

    def run(self, answer: Awaitable[T]) -> T:
        async def patient() -> T:
            return await asyncio.wait_for(answer, PATIENCE)

        return self.loop.run_until_complete(patient())

    def write(self, path: Path, text: str) -> types.Position | None:
        """Open a file or change the buffer, nothing on disk; return where the cursor is."""
        place = cursor_in(text)
        text = text.replace(CURSOR, "")
        uri = path.as_uri()
        version = self.versions[uri] = self.versions.get(uri, 0) + 1
        if path not in self.open:
            self.open.add(path)
            item = types.TextDocumentItem(uri, "yaml", version, text)
            self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        else:
            which = types.VersionedTextDocumentIdentifier(version, uri)
            whole = types.TextDocumentContentChangeWholeDocument(text)
            self.client.text_document_did_change(types.DidChangeTextDocumentParams(which, [whole]))
        return place

    def change(self, path: Path, place: types.Range, text: str) -> None:
        """Replace a part of an open text."""
        uri = path.as_uri()
        self.versions[uri] += 1
        which = types.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        part = types.TextDocumentContentChangePartial(place, text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(which, [part]))

    def close(self, path: Path) -> None:
        which = types.TextDocumentIdentifier(path.as_uri())
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(which))
        self.open.discard(path)

    def diagnostics(self, path: Path) -> list[types.Diagnostic]:
        """Return the findings of the text as it is now."""
        uri = path.as_uri()

        async def current() -> list[types.Diagnostic]:
            while (found := self.published.get(uri)) is None or (
                found.version != self.versions.get(uri)
            ):
                self.news.clear()
                await self.news.wait()
            return list(found.diagnostics)

        return self.run(current())

    def wait_for(self, path: Path, holds: Callable[[list[types.Diagnostic]], object]) -> None:
        """Wait until the findings of a file, written or not, are such ones."""
        uri = path.as_uri()

        async def settled() -> None:
            while (found := self.published.get(uri)) is None or not holds(list(found.diagnostics)):
                self.news.clear()
                await self.news.wait()

        self.run(settled())

    def ask(self, method: str, params: object) -> Any:
        async def question() -> Any:
            return await self.client.protocol.send_request_async(method, params)

        return self.run(question())

    def ask_at(self, method: str, path: Path, text: str, **more: object) -> Any:
        """Write a text with a cursor in it, and ask about the place of the cursor."""
        place = self.write(path, text)
        assert place is not None
        kinds = {
            "completion": types.CompletionParams,
            "hover": types.HoverParams,
            "definition": types.DefinitionParams,
            "references": types.ReferenceParams,
            "rename": types.RenameParams,
            "prepareRename": types.PrepareRenameParams,
        }
        which = types.TextDocumentIdentifier(path.as_uri())
        params = kinds[method](text_document=which, position=place, **more)
        return self.ask(f"textDocument/{method}", params)


def cursor_in(text: str) -> types.Position | None:
    before, found, _ = text.partition(CURSOR)
    if not found:
        return None
    line = before.rpartition("\n")[2]
    return types.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)


@contextmanager
def open_editor(encodings: list[str] | None = None) -> Iterator[Editor]:
    loop = asyncio.new_event_loop()
    client = LanguageClient("a-test", "1")
    editor = Editor(loop, client)
    editor.run(client.start_io(sys.executable, "-m", "espnet3_compiler", "lsp"))
    general = types.GeneralClientCapabilities(position_encodings=encodings)
    capabilities = types.ClientCapabilities(general=general)
    editor.ask(types.INITIALIZE, types.InitializeParams(capabilities))
    client.initialized(types.InitializedParams())
    try:
        yield editor
    finally:
        editor.ask(types.SHUTDOWN, None)
        client.exit(None)
        editor.run(client.stop())
        loop.close()


def apply_edits(text: str, edits: list[types.TextEdit]) -> str:
    """Return a text after edits, as an editor applies them."""
    lines = text.split("\n")
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]

    def offset(place: types.Position) -> int:
        before = lines[place.line].encode("utf-16-le")[: 2 * place.character]
        return starts[place.line] + len(before.decode("utf-16-le"))

    spans = [(offset(one.range.start), offset(one.range.end), one.new_text) for one in edits]
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text
