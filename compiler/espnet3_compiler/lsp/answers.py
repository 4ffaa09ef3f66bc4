"""What the server answers to questions about a place: each goes to the file that knows about it."""

import asyncio
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from espnet3_compiler.diagnostics.diagnostic import Edit
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.filesystem import real_path
from espnet3_compiler.lsp.completed_references import Suggestion
from espnet3_compiler.lsp.completion import complete
from espnet3_compiler.lsp.cursor import find_cursor
from espnet3_compiler.lsp.definition import definitions
from espnet3_compiler.lsp.findings import workspace_edit
from espnet3_compiler.lsp.hover import describe_spot
from espnet3_compiler.lsp.names import NameUse, name_at, name_uses, same_name
from espnet3_compiler.lsp.rename import CannotRename, refuse_rename, rename_edits
from espnet3_compiler.lsp.server import Asked, RecipeServer, path_of
from espnet3_compiler.lsp.spot import Spot, find_spot, read_tree
from espnet3_compiler.lsp.symbols import document_symbols
from espnet3_compiler.lsp.targets import describe_target

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


def answer_questions(server: RecipeServer) -> None:
    """Let a server answer questions."""
    _complete_words(server)
    _describe_places(server)
    _find_names(server)
    _rename_names(server)


def _complete_words(server: RecipeServer) -> None:
    options = types.CompletionOptions(
        trigger_characters=[".", "{", " ", ":"], resolve_provider=True
    )

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, options)
    async def complete_word(params: types.CompletionParams) -> types.CompletionList:
        asked = await server.asked(params.text_document.uri, params.position, waits=False)
        cursor = find_cursor(asked.text, asked.offset) if asked else None
        if asked is None or cursor is None:
            return types.CompletionList(is_incomplete=False, items=[])
        span = server.positions.range(Span(Source("", asked.text), cursor.start, cursor.end))
        manifest = asked.document.result.path
        items = [_as_item(one, span, manifest) for one in complete(asked.document, cursor)]
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    def describe_item(item: types.CompletionItem) -> types.CompletionItem:
        if isinstance(item.data, str) and (result := server.checker.known(Path(item.data))):
            about = describe_target(result.recipe.library, item.label) if result.recipe else None
            if about:
                item.documentation = types.MarkupContent(types.MarkupKind.Markdown, about)
        return item


def _as_item(one: Suggestion, place: types.Range, manifest: Path) -> types.CompletionItem:
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


def _describe_places(server: RecipeServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def describe(params: types.HoverParams) -> types.Hover | None:
        asked = await server.asked(params.text_document.uri, params.position)
        spot = _spot(server, asked) if asked else None
        if asked is None or spot is None:
            return None
        _, here = _names(server, asked)
        text = describe_spot(asked.document, spot, asked.offset, here)
        shown = server.positions.range(spot.scalar.span)
        content = types.MarkupContent(types.MarkupKind.Markdown, text or "")
        return types.Hover(content, shown) if text else None

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def define(params: types.DefinitionParams) -> list[types.Location]:
        asked = await server.asked(params.text_document.uri, params.position)
        spot = _spot(server, asked) if asked else None
        if asked is None or spot is None:
            return []
        uses, here = _names(server, asked)
        found = definitions(asked.document, spot, asked.offset, uses, here)
        places = (server.positions.location(span) for span in found)
        return [place for place in places if place]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outline(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        path = path_of(params.text_document.uri)
        tree = read_tree(path, server.checker.buffers) if path else None
        return document_symbols(tree, server.positions) if tree else []


def _spot(server: RecipeServer, asked: Asked) -> Spot | None:
    tree = read_tree(asked.path, server.checker.buffers)
    return find_spot(tree, asked.offset) if tree else None


def _names(server: RecipeServer, asked: Asked | None) -> tuple[list[NameUse], NameUse | None]:
    """Return all names of a recipe, and the one that stands where an editor asks."""
    if asked is None:
        return [], None
    uses = name_uses(asked.document.result, server.checker.buffers) or []
    return uses, name_at(uses, asked.path, asked.offset)


def _find_names(server: RecipeServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    async def find_uses(params: types.ReferenceParams) -> list[types.Location]:
        asked = await server.asked(params.text_document.uri, params.position)
        uses, here = _names(server, asked)
        same = same_name(here, uses) if here else []
        wanted = [one for one in same if params.context.include_declaration or not one.declares]
        places = (server.positions.location(one.span) for one in wanted)
        return [place for place in places if place]


def _rename_names(server: RecipeServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    async def is_name(params: types.PrepareRenameParams) -> types.Range | None:
        asked = await server.asked(params.text_document.uri, params.position)
        uses, here = _names(server, asked)
        if asked is None or here is None:
            return None
        try:
            refuse_rename(here, same_name(here, uses), asked.document.recipe)
        except CannotRename as why:
            raise JsonRpcInvalidParams(str(why)) from why
        return server.positions.range(here.span)

    options = types.RenameOptions(prepare_provider=True)

    @server.feature(types.TEXT_DOCUMENT_RENAME, options)
    async def rename(params: types.RenameParams) -> types.WorkspaceEdit | None:
        asked = await server.asked(params.text_document.uri, params.position)
        uses, here = _names(server, asked)
        if asked is None or here is None:
            return None
        try:
            edits = rename_edits(here, params.new_name, uses, asked.document.recipe)
            await _try_edits(server, asked, edits)
        except CannotRename as why:
            raise JsonRpcInvalidParams(str(why)) from why
        return workspace_edit(edits, server.positions)


async def _try_edits(server: RecipeServer, asked: Asked, edits: tuple[Edit, ...]) -> None:
    """Refuse edits after which the recipe has errors that it does not have now."""
    texts: dict[Path, str] = {}
    for edit in sorted(edits, key=lambda edit: -edit.span.start):
        source = edit.span.source
        assert source.path
        path = real_path(source.path)
        text = texts.get(path, source.text)
        texts[path] = text[: edit.span.start] + edit.text + text[edit.span.end :]
    before = asked.document.result
    after = await asyncio.wrap_future(server.checker.compile_with(before.path, texts))
    known = {(one.code, one.message) for one in before.diagnostics}
    new = [one for one in after.diagnostics if (one.code, one.message) not in known]
    if new and before.ok and not after.ok:
        raise CannotRename(f"the recipe would be wrong: {new[0].message} ({new[0].code})")
