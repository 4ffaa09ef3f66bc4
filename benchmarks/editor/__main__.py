"""Measure how long an editor waits: ``python -m benchmarks.editor [--keystrokes 15]``.

The real server runs in a process of its own. Each keystroke changes a text that is open and nothing
on disk; it is measured from the change to the findings of that version. ``CPU`` is what the server
used for it, which another program on the machine does not lengthen. Exits 1 where the median of the
waits for findings is above the goal.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient

RECIPES = Path(__file__).parents[2] / "recipes"
GOAL = 0.2
FILES = (
    "librispeech_100/asr/conf/training.yaml",
    "librispeech_100/asr/recipe.yaml",
    "librispeech_100/asr/src/model.py",
    "digits/finetune/recipe.yaml",
    "digits/asr/conf/training.yaml",
)
TICKS = os.sysconf("SC_CLK_TCK")


class Measured:
    """A client, and the server that it has started."""

    def __init__(self) -> None:
        self.client = LanguageClient("benchmark", "1")
        self.shown: dict[str, int | None] = {}
        self.news = asyncio.Event()

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.shown[params.uri] = params.version
            self.news.set()

    async def start(self) -> None:
        await self.client.start_io(sys.executable, "-m", "espnet3_compiler", "lsp")
        await self.client.initialize_async(types.InitializeParams(types.ClientCapabilities()))
        self.client.initialized(types.InitializedParams())

    def open(self, path: Path) -> None:
        item = types.TextDocumentItem(path.as_uri(), "yaml", 0, path.read_text("utf-8"))
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    async def keystroke(self, path: Path, text: str, number: int) -> None:
        """Add a letter to a comment at the end of a text, and wait for the findings of it."""
        text += f"# {'x' * number}\n"
        which = types.VersionedTextDocumentIdentifier(number, path.as_uri())
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(which, [whole]))
        await self.shown_version(path, number)

    async def shown_version(self, path: Path, number: int) -> None:
        while self.shown.get(path.as_uri()) != number:
            self.news.clear()
            await self.news.wait()

    def cpu(self) -> float:
        """Return the seconds that the server has computed."""
        server = self.client._server  # noqa: SLF001 - pygls has no other name for it
        fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--keystrokes", type=int, default=15)
    texts = {name: (RECIPES / name).read_text("utf-8") for name in FILES}
    return asyncio.run(_measure(parser.parse_args(argv).keystrokes, texts))


async def _measure(keystrokes: int, texts: Mapping[str, str]) -> int:
    server = Measured()
    started = time.perf_counter()
    await server.start()
    print(f"the server answers after {time.perf_counter() - started:.2f} s")
    print(
        f"{'findings after a keystroke, s':42} {'first':>6} {'least':>6} {'median':>7} {'CPU':>6}"
    )
    missed = False
    for name in FILES:
        path = RECIPES / name
        text = texts[name]
        begin = time.perf_counter()
        server.open(path)
        await server.shown_version(path, 0)
        first = time.perf_counter() - begin
        waits, used = await _type(server, path, text, keystrokes)
        median = statistics.median(waits)
        mark = "" if median <= GOAL else f"  above {GOAL}"
        missed |= median > GOAL
        print(f"{name:42} {first:6.2f} {min(waits):6.3f} {median:7.3f} {used:6.3f}{mark}")
    await _ask(server, texts[FILES[1]])
    await server.client.shutdown_async(None)
    server.client.exit(None)
    await server.client.stop()
    return int(missed)


async def _type(
    server: Measured, path: Path, text: str, keystrokes: int
) -> tuple[list[float], float]:
    for number in range(1, 4):  # warm
        await server.keystroke(path, text, number)
    waits = []
    before = server.cpu()
    for number in range(4, keystrokes + 4):
        begin = time.perf_counter()
        await server.keystroke(path, text, number)
        waits.append(time.perf_counter() - begin)
    return waits, (server.cpu() - before) / keystrokes


async def _ask(server: Measured, text: str) -> None:
    """Print how long other answers take."""
    path = RECIPES / FILES[1]
    line = next(n for n, one in enumerate(text.split("\n")) if "_target_" in one)
    place = types.Position(line, text.split("\n")[line].index("_target_") + 12)
    which = types.TextDocumentIdentifier(path.as_uri())
    questions: dict[str, Callable[[], object]] = {
        "completion": lambda: types.CompletionParams(which, place),
        "hover": lambda: types.HoverParams(which, place),
        "definition": lambda: types.DefinitionParams(which, place),
    }
    print(f"\n{'answers, s':42} {'median':>14}")
    for name, params in questions.items():
        waits = []
        for _ in range(7):
            begin = time.perf_counter()
            await server.client.protocol.send_request_async(f"textDocument/{name}", params())
            waits.append(time.perf_counter() - begin)
        print(f"{name:42} {statistics.median(waits):14.3f}")


if __name__ == "__main__":
    raise SystemExit(main())
