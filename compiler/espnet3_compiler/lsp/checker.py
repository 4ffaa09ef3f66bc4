"""Keep the results of checks up to date with what is typed: in a thread, outdated ones given up."""

import asyncio
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from espnet3_compiler.filesystem import Buffers, buffer_of, real_path
from espnet3_compiler.lsp.owners import Check, checks_of
from espnet3_compiler.lsp.readable import readable_text
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult

PAUSE = 0.02
"""Seconds without a keystroke before a check begins; the next keystroke ends it."""


class OutdatedCheck(Exception):  # noqa: N818 - no fault
    """The texts of a check have changed since it began."""


class Checker:
    """The texts that an editor holds, and the last result for each manifest that they concern."""

    def __init__(self, publish: Callable[[], None], report: Callable[[str], None]) -> None:
        """Begin with nothing open.

        Args:
            publish: Called after each check that was run to its end.
            report: Told of a check that failed because the compiler is broken.
        """
        self._publish, self._report = publish, report
        self._buffers: dict[Path, str] = {}
        self._wanted: dict[Check, int] = {}
        self._done: dict[Check, int] = {}
        self._owners: dict[Path, tuple[Check, ...]] = {}
        self._tasks: dict[Check, asyncio.Task[None]] = {}
        self._results: dict[Check, CompileResult] = {}
        self._lowered: dict[Check, CompileResult] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="check")

    @property
    def results(self) -> Mapping[Check, CompileResult]:
        """The last result of each check."""
        return self._results

    @property
    def buffers(self) -> Buffers:
        """The texts that the editor holds, by path with links followed."""
        return self._buffers

    def change(self, path: Path, text: str) -> None:
        """Take over what a file holds in the editor, and check what it belongs to."""
        self._buffers = {**self._buffers, real_path(path): text}
        self.check(path)

    def close(self, path: Path) -> None:
        """Look at the file on disk again, and forget manifests of which nothing is open."""
        known = self._owners.pop(real_path(path), ())
        self._buffers = {one: text for one, text in self._buffers.items() if one != real_path(path)}
        open_checks = {check for checks in self._owners.values() for check in checks}
        for check in known:
            if check in open_checks:
                self._request(check)
            else:
                self._forget(check)

    def check(self, path: Path) -> None:
        """Check the manifests that a file belongs to."""
        self._owners[real_path(path)] = checks_of(path, self._buffers)
        for check in self._owners[real_path(path)]:
            self._request(check)

    def is_settled(self, path: Path) -> bool:
        """Return whether the last results are those of the texts as they are now."""
        checks = self._owners.get(path, ())
        return all(self._done.get(check) == self._wanted.get(check) for check in checks)

    def check_everything(self) -> None:
        """Check again whatever was checked: a file has changed on disk."""
        for check in tuple(self._wanted):
            self._request(check)

    def known(self, path: Path) -> CompileResult | None:
        """Return the last result for a file in which its manifest could be read, without a wait."""
        found = (self._lowered.get(check) for check in checks_of(path, self._buffers))
        return next((result for result in found if result), None)

    async def current(self, path: Path) -> tuple[CompileResult, ...]:
        """Return the results of the texts as they are now, for the manifests of a file."""
        checks = checks_of(path, self._buffers)
        for check in checks:
            if check not in self._wanted:
                self._request(check)
            while (task := self._tasks.get(check)) and not task.done():
                await asyncio.wait([task])
        return tuple(self._lowered[check] for check in checks if check in self._lowered)

    def compile_with(self, manifest: Path, texts: Buffers) -> Future[CompileResult]:
        """Compile a manifest with other texts than the editor holds, to see what would be.

        Args:
            manifest: The manifest.
            texts: The texts that differ, by path with links followed.
        """
        buffers = {**self._buffers, **texts}
        return self._thread.submit(compile_manifest, manifest, buffers=buffers)

    def _request(self, check: Check) -> None:
        number = self._wanted[check] = self._wanted.get(check, 0) + 1
        self._tasks[check] = asyncio.get_running_loop().create_task(self._run(check, number))

    def _forget(self, check: Check) -> None:
        for known in (self._wanted, self._done, self._tasks, self._results, self._lowered):
            known.pop(check, None)
        self._publish()

    async def _run(self, check: Check, number: int) -> None:
        await asyncio.sleep(PAUSE)
        if self._wanted.get(check) != number:
            return
        buffers = self._buffers

        def proceed() -> None:
            if self._wanted.get(check) != number:
                raise OutdatedCheck

        def run() -> tuple[CompileResult, CompileResult]:
            proceed()
            compiled = partial(
                compile_manifest,
                check.manifest,
                config_files=dict(check.replaced),
                proceed=proceed,
            )
            result = compiled(buffers=buffers)
            known = result.recipe is not None or check in self._lowered
            text = None if known else readable_text(buffer_of(check.manifest, buffers) or "")
            if text is None:
                return result, result
            return result, compiled(buffers={**buffers, real_path(check.manifest): text})

        try:
            result, lowered = await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except OutdatedCheck:
            return
        except Exception:  # noqa: BLE001 - a bug: what is typed next may not meet it
            self._report(f"the check of {check.manifest} failed\n{traceback.format_exc()}")
            return
        if self._wanted.get(check) != number:
            return
        self._results[check], self._done[check] = result, number
        if lowered.recipe is not None:
            self._lowered[check] = lowered
        self._publish()
