"""yaml-language-server, which VS Code and others use, speaks of recipes by our editor schemas."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from espnet3_compiler.cli.main import main
from espnet3_schemas import ROLES

RECIPES = Path(__file__).parents[2] / "recipes"
MADE = {"build", "data", "downloads", "exp"}
"""Folders that compiling and running make in a recipe."""
FILES = [
    path
    for path in sorted(RECIPES.glob("*/*/**/*.yaml"))
    if MADE.isdisjoint(path.relative_to(RECIPES).parts)
]
EDITOR = RECIPES.parent / "schemas/espnet3_schemas/editor"
SCHEMA = EDITOR / "recipe.schema.json"
SETTINGS = {
    "yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
}
SERVER = shutil.which("yaml-language-server")

pytestmark = pytest.mark.skipif(
    SERVER is None, reason="yaml-language-server (of npm) is not installed"
)


class Server:
    """The server, spoken to as an editor does: JSON-RPC over its input and output."""

    def __init__(self) -> None:
        assert SERVER is not None
        self._process = subprocess.Popen(
            [SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._number = 0
        self._findings: dict[str, list[dict[str, Any]]] = {}
        document = {"publishDiagnostics": {}, "hover": {"contentFormat": ["markdown"]}}
        abilities = {"textDocument": document, "workspace": {"configuration": True}}
        self.ask("initialize", processId=None, rootUri=None, capabilities=abilities)
        self._send(method="initialized", params={})

    def close(self) -> None:
        self.ask("shutdown")
        self._send(method="exit", params={})
        self._process.communicate()

    def open(self, path: Path, text: str) -> None:
        """Show a text in the place of a file, which need not be there."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._send(method="textDocument/didOpen", params={"textDocument": document})

    def findings(self, path: Path) -> list[tuple[str, int, int, int]]:
        """Wait for the findings in an open file: message, line, first and last character."""
        while path.as_uri() not in self._findings:
            self._next()
        return [
            (found["message"], start["line"], start["character"], end["character"])
            for found in self._findings[path.as_uri()]
            for start, end in [(found["range"]["start"], found["range"]["end"])]
        ]

    def ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._send(id=self._number, method=method, params=params)
        answer = self._next()
        while "method" in answer or answer["id"] != self._number:
            answer = self._next()
        return answer["result"]

    def offered(self, path: Path, lines: list[str]) -> set[str]:
        """Return what is offered at the end of a text in the place of a file."""
        self.open(path, "\n".join(lines))
        document = {"uri": path.as_uri()}
        place = {"line": len(lines) - 1, "character": len(lines[-1])}
        answer = self.ask("textDocument/completion", textDocument=document, position=place)
        return {item["label"] for item in answer["items"]}

    def _send(self, **message: Any) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0"} | message).encode()
        self._process.stdin.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self._process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        """Read a message; answer a question of the server."""
        message = self._read()
        match message.get("method"):
            case "workspace/configuration":
                items = [SETTINGS.get(item["section"]) for item in message["params"]["items"]]
                self._send(id=message["id"], result=items)
            case "textDocument/publishDiagnostics":
                params = message["params"]
                self._findings[params["uri"]] = params["diagnostics"]
        return message

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) != b"\r\n":
            assert line, "the server has gone"
            name, _, value = line.partition(b":")
            length = int(value) if name == b"Content-Length" else length
        return json.loads(self._process.stdout.read(length))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def test_a_misspelt_key_is_all_that_is_underlined_in_the_shipped_files(server: Server):
    assert len(FILES) > 40
    expected = {}
    for path in FILES:
        lines = path.read_text().splitlines()
        changed = path.with_name(f"misspelt_{path.name}")
        server.open(changed, "\n".join([*lines, "extendz: 1"]))
        expected[changed] = [("Property extendz is not allowed.", len(lines), 0, len("extendz"))]
    assert {path: server.findings(path) for path in expected} == expected


def test_keys_are_explained_and_completed(server: Server):
    path = RECIPES / "digits" / "asr" / "recipe.yaml"
    lines = [*path.read_text().splitlines(), "ex"]
    offered = server.offered(path, lines)
    document = {"uri": path.as_uri()}
    place = {"line": lines.index("system: asr"), "character": 2}
    shown = server.ask("textDocument/hover", textDocument=document, position=place)
    known = json.loads(SCHEMA.read_text())["properties"]
    assert "dotted class of a System" in known["system"]["description"]
    assert "dotted class of a System" in shown["contents"]["value"]
    assert offered >= {"exp_tag", "exp_dir"}


def test_a_recipe_that_was_just_made_is_completed(server: Server, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--init", "bells"]) == 0
    manifest = tmp_path / "bells" / "recipe.yaml"
    lines = manifest.read_text().splitlines()
    training = lines[: lines.index("  training:") + 1]
    assert server.offered(manifest, [*lines, "ex"]) >= {"exp_tag", "exp_dir"}
    assert server.offered(tmp_path / "bells" / "other.yaml", [*training, "    "]) >= {"seed", "fit"}
    server.open(manifest.with_name("shown.yaml"), manifest.read_text())
    assert server.findings(manifest.with_name("shown.yaml")) == []


def objects(schema: Any, definitions: Any, above: tuple[str, ...] = ()) -> Iterator[Any]:
    """Yield the lines above each mapping whose keys a schema knows, and these keys."""
    schema = definitions.get(schema.get("$ref", "").removeprefix("#/$defs/"), {}) | schema
    if "properties" in schema:
        indent = "  " * len(above)
        yield (*above, indent), set(schema["properties"])
        for key, below in schema["properties"].items():
            yield from objects(below, definitions, (*above, f"{indent}{key}:"))


@pytest.mark.parametrize("name", ["recipe", *ROLES, "system"])
def test_a_new_file_is_offered_every_key(server: Server, name: str, tmp_path: Path):
    schema = json.loads((EDITOR / f"{name}.schema.json").read_text())
    places = dict(objects(schema, schema.get("$defs", {})))
    head = f"# yaml-language-server: $schema={EDITOR / name}.schema.json"
    found = {
        above: server.offered(tmp_path / f"{number}.yaml", [head, *above])
        for number, above in enumerate(places)
    }
    missing = {above: keys - found[above] for above, keys in places.items()}
    assert {above: keys for above, keys in missing.items() if keys} == {}
