"""The server: it follows what is typed, tells what it finds, and offers the fixes."""

import gc
from pathlib import Path

from lsprotocol import types
from msgspec import Struct
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from espnet3_compiler.cli.owners import YAML
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.filesystem import buffer_of, real_path
from espnet3_compiler.lsp.checker import Checker
from espnet3_compiler.lsp.findings import code_actions, findings_by_file
from espnet3_compiler.lsp.places import Document, document_of
from espnet3_compiler.lsp.positions import Positions
from espnet3_compiler.result import CompileResult
from espnet3_schemas.installation import NAME, installed_version

GC_THRESHOLD = 500_000
"""New objects before garbage is collected: a check makes hardly any cycles, and a pause in the
midst of one is a tenth of what a person waits."""


class Asked(Struct, frozen=True):
    """A place in a text that an editor asks about.

    Attributes:
        path: The file.
        text: What the editor holds.
        offset: The place.
        document: What the file is in its recipe.
    """

    path: Path
    text: str
    offset: int
    document: Document


class RecipeServer(LanguageServer):
    """Holds the checker, and which files have diagnostics in the editor."""

    def __init__(self) -> None:
        """Begin with nothing open."""
        super().__init__(NAME, installed_version() or "0")
        self.checker = Checker(self.publish, self._report_bug)
        self.uris: dict[str, str] = {}
        self._shown: dict[str, tuple[int | None, list[types.Diagnostic]]] = {}

    @property
    def positions(self) -> Positions:
        """Converts spans, in the encoding that was agreed upon."""
        return Positions(self.workspace.position_codec, self.uris)

    def publish(self) -> None:
        """Send the findings of the last checks, of files whose findings or texts changed."""
        found = findings_by_file(self.checker.results.values(), self.positions)
        paths = {uri: Path(path) for path, uri in self.uris.items()}
        for uri in {*found, *self._shown, *paths}:
            mine = found.get(uri, [])
            document = self.workspace.text_documents.get(uri) if uri in paths else None
            shown = document.version if document else None, mine
            if uri in paths and not self.checker.is_settled(paths[uri]):
                continue  # its own check will tell
            if self._shown.get(uri) != shown:
                self._shown[uri] = shown
                self.text_document_publish_diagnostics(
                    types.PublishDiagnosticsParams(uri, mine, shown[0])
                )
        self._shown = {uri: each for uri, each in self._shown.items() if uri in paths or each[1]}

    def _report_bug(self, text: str) -> None:
        self.window_log_message(types.LogMessageParams(types.MessageType.Error, text))

    def is_current(self, source: Source) -> bool:
        """Return whether a text is still what the editor has, line ends apart."""
        mine = buffer_of(source.path, self.checker.buffers) if source.path else None
        return mine is None or _plain(mine) == _plain(source.text)

    async def asked(
        self, uri: str, position: types.Position, *, waits: bool = True
    ) -> Asked | None:
        """Return the place in a YAML file that an editor asks about; None for all else.

        Args:
            uri: The file.
            position: The place.
            waits: Whether to wait for the check of what was typed last.
        """
        path = path_of(uri)
        text = buffer_of(path, self.checker.buffers) if path else None
        if path is None or text is None or path.suffix not in YAML:
            return None
        result = None if waits else self.checker.known(path)
        result = result or next(iter(await self.checker.current(path)), None)
        if result is None:
            return None
        offset = self.positions.offset(text, position)
        return Asked(path, text, offset, document_of(path, text, result))

    async def current(self, uri: str) -> tuple[CompileResult, ...]:
        """Return the results for what was typed last, for the manifests of a file."""
        path = path_of(uri)
        return await self.checker.current(path) if path else ()


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def path_of(uri: str) -> Path | None:
    """Return the path of a file that an editor names; None for what is no file."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    return Path(path) if path else None


def make_server() -> RecipeServer:
    """Return a server that follows texts, reports findings and offers fixes."""
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    server = RecipeServer()
    _follow_texts(server)
    _offer_fixes(server)
    return server


def _follow_texts(server: RecipeServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        if path := path_of(document.uri):
            server.uris[str(real_path(path))] = document.uri
            server.checker.change(path, document.text)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        if path := path_of(params.text_document.uri):
            text = server.workspace.get_text_document(params.text_document.uri).source
            server.checker.change(path, text)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        if path := path_of(params.text_document.uri):
            server.uris.pop(str(real_path(path)), None)
            server.checker.close(path)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(_: types.DidSaveTextDocumentParams) -> None:
        server.checker.check_everything()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def changed_on_disk(_: types.DidChangeWatchedFilesParams) -> None:
        server.checker.check_everything()


def _offer_fixes(server: RecipeServer) -> None:
    kinds = [types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll]

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(kinds))
    async def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        results = await server.current(uri)
        wanted = params.context.only
        found = code_actions(results, uri, params.range, server.positions, server.is_current)
        return [one for one in found if not wanted or one.kind in wanted]
