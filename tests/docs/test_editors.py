"""The page on editors: its settings can be read, and what they start is the server."""

import asyncio
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("pygls", reason="needs the extra lsp")

from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/editors.md").read_text()
EXTENSION = json.loads((ROOT / "editors/vscode/package.json").read_text())


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return found


def test_every_editor_starts_the_same_program():
    settings = EXTENSION["contributes"]["configuration"]["properties"]
    assert settings["espnet3-compile.command"]["default"] == ["espnet3-compile", "lsp"]
    (own,) = json.loads(block("json"))
    assert own in settings
    helix = tomllib.loads(block("toml"))
    server = helix["language-server"]["espnet3"]
    assert [server["command"], *server["args"]] == ["espnet3-compile", "lsp"]
    assert all("espnet3" in one["language-servers"] for one in helix["language"])
    assert 'cmd = { "espnet3-compile", "lsp" }' in block("lua")


@pytest.mark.parametrize("words", [[], ["--stdio"]])
def test_what_the_page_promises_is_offered(words: list[str]):
    async def capabilities() -> types.ServerCapabilities:
        client = LanguageClient("a-test", "1")
        await client.start_io(sys.executable, "-m", "espnet3_compiler", "lsp", *words)
        params = types.InitializeParams(types.ClientCapabilities())
        answer = await client.initialize_async(params)
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()
        return answer.capabilities

    offered = asyncio.run(capabilities())
    assert list(offered.code_action_provider.code_action_kinds) == ["quickfix", "source.fixAll"]
    assert offered.completion_provider.resolve_provider
    assert offered.hover_provider
    assert offered.definition_provider
    assert offered.references_provider
    assert offered.rename_provider
    assert offered.document_symbol_provider
