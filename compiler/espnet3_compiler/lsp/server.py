"""What the server answers: each request goes to the file that knows about it."""

import gc
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.filesystem import real_path
from espnet3_compiler.lsp.checker import Checker
from espnet3_compiler.lsp.completion import complete
from espnet3_compiler.lsp.cursor import find_cursor
from espnet3_compiler.lsp.findings import PROGRAM, code_actions, findings_by_file, is_same_text
from espnet3_compiler.lsp.owners import YAML
from espnet3_compiler.lsp.places import document_of
from espnet3_compiler.lsp.positions import Positions
from espnet3_compiler.lsp.suggestion import Suggestion
from espnet3_compiler.lsp.targets import describe_target

GC_THRESHOLD = 200_000
"""New objects before garbage is collected: a check makes hardly any cycles."""


class RecipeServer(LanguageServer):
    """Holds the checker, and which files have diagnostics in the editor."""

    def __init__(self, version: str) -> None:
        super().__init__(PROGRAM, version)
        self.checker = Checker(self.publish)
        self.uris: dict[str, str] = {}
        self._shown: dict[str, tuple[int | None, list[types.Diagnostic]]] = {}

    @property
    def positions(self) -> Positions:
        """Converts spans, in the encoding that was agreed upon."""
        return Positions(self.workspace.position_codec, self.uris)

    def publish(self) -> None:
        """Send the findings of the last checks, of files whose findings changed."""
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

    def is_current(self, source: Source) -> bool:
        """Return whether a text is still what the editor has."""
        path = real_path(source.path) if source.path else Path()
        return is_same_text(source, self.checker.buffers, path)


def path_of(uri: str) -> Path | None:
    """Return the path of a file that an editor names; None for what is no file."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    return Path(path) if path else None


def make_server(version: str) -> RecipeServer:
    """Return the server with everything that it answers."""
    gc.set_threshold(GC_THRESHOLD)
    server = RecipeServer(version)
    _follow_texts(server)
    _offer_fixes(server)
    _complete_words(server)
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
        path = path_of(uri)
        results = await server.checker.current(path) if path else ()
        wanted = params.context.only
        found = code_actions(results, uri, params.range, server.positions, server.is_current)
        return [one for one in found if not wanted or one.kind in wanted]


def _complete_words(server: RecipeServer) -> None:
    options = types.CompletionOptions(
        trigger_characters=[".", "{", " ", ":"], resolve_provider=True
    )

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, options)
    async def complete_word(params: types.CompletionParams) -> types.CompletionList:
        path = path_of(params.text_document.uri)
        text = server.checker.buffers.get(real_path(path), "") if path else ""
        if path is None or (path.suffix not in YAML):
            return types.CompletionList(is_incomplete=False, items=[])
        cursor = find_cursor(text, server.positions.offset(text, params.position))
        result = server.checker.known(path) or next(iter(await server.checker.current(path)), None)
        if cursor is None or result is None:
            return types.CompletionList(is_incomplete=False, items=[])
        document = document_of(path, text, result)
        source = Source("", text)
        span = server.positions.range(Span(source, cursor.start, cursor.end))
        items = [completion_item(one, span, result.path) for one in complete(document, cursor)]
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    def describe_item(item: types.CompletionItem) -> types.CompletionItem:
        if isinstance(item.data, str) and (result := server.checker.known(Path(item.data))):
            about = describe_target(result.recipe.library, item.label) if result.recipe else None
            if about:
                item.documentation = types.MarkupContent(types.MarkupKind.Markdown, about)
        return item


_KINDS = {
    "key": types.CompletionItemKind.Property,
    "argument": types.CompletionItemKind.Field,
    "class": types.CompletionItemKind.Class,
    "function": types.CompletionItemKind.Function,
    "module": types.CompletionItemKind.Module,
    "namespace": types.CompletionItemKind.Module,
    "name": types.CompletionItemKind.Reference,
    "output": types.CompletionItemKind.File,
    "file": types.CompletionItemKind.File,
    "variable": types.CompletionItemKind.Variable,
    "kind": types.CompletionItemKind.Event,
}


def completion_item(one: Suggestion, place: types.Range, manifest: Path) -> types.CompletionItem:
    """Return a suggestion as the protocol has it.

    Args:
        one: The suggestion.
        place: What it replaces.
        manifest: The manifest, for what is asked about a target later.
    """
    about = types.MarkupContent(types.MarkupKind.Markdown, one.about) if one.about else None
    return types.CompletionItem(
        label=one.label,
        kind=_KINDS.get(one.kind, types.CompletionItemKind.Value),
        detail=one.detail or None,
        documentation=about,
        sort_text=f"{one.order}{one.label}" if one.order else None,
        filter_text=one.label,
        text_edit=types.TextEdit(place, f"{one.label}{one.ending}"),
        data=str(manifest) if one.kind in ("class", "function") else None,
    )
