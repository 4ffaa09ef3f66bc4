"""The stages of one run, up to N at a time: each starts when those before it have ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, Queue
from threading import Thread
from typing import Protocol

from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.dependencies import stages_before
from espnet3_runtime.incremental.held_code import edited_code
from espnet3_runtime.incremental.plan import Verdict
from espnet3_runtime.incremental.receipts import Receipt, Unreadable
from espnet3_runtime.launch import console
from espnet3_runtime.launch.console import Row
from espnet3_runtime.launch.jobs.output import last_lines
from espnet3_runtime.launch.session import Session, current_time
from espnet3_runtime.process.redact import redact
from espnet3_schemas.build_records import Stage
from espnet3_schemas.exit_codes import CLEAN, MISTAKES

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
"""So long stages may take to end after the second signal."""
_LOG_LINES = 10


class StartedStage(Protocol):
    """A stage that runs elsewhere."""

    def wait(self) -> int:
        """Wait for its end; return its exit code, minus a signal that killed it."""

    def interrupt(self) -> None:
        """Ask it to save and stop; a second time, to stop at once."""

    def kill(self) -> None:
        """End it now."""

    def describe_end(self, code: int) -> str:
        """Say why it ended without a word of its own, from its exit code."""


@dataclass
class _RunningStage:
    """A stage that was started, and what was known of it before."""

    stage: Stage
    started: StartedStage
    before: Receipt | Unreadable | None
    clock: float = field(default_factory=time.monotonic)


@dataclass
class SideBySide:
    """Runs the planned stages, each elsewhere.

    Attributes:
        session: Knows the rows, the failures and the end of the run.
        start: Starts a stage.
        ended: Called with the name of a stage that has ended.
        most: How many stages run at a time.
    """

    session: Session
    start: Callable[[Stage], StartedStage]
    ended: Callable[[str], None]
    most: int
    _running: dict[str, _RunningStage] = field(default_factory=dict)
    _settled: set[str] = field(default_factory=set)
    _ends: "Queue[tuple[str, int]]" = field(default_factory=Queue)
    _stopping: bool = False
    _told_edits: bool = False

    def run(self, verdicts: Sequence[Verdict]) -> int:
        """Run the stages that have to; return the exit code."""
        interrupts = self.session.runner.interrupts
        code = CLEAN
        try:
            with interrupts.gracefully():
                code = self._run_all(verdicts)
        except KeyboardInterrupt:  # the second signal
            interrupts.ignore_signals()
        finally:  # also after an error of this process: nothing is left under way
            self._end_all()
        if interrupts.requested():
            code = interrupts.exit_code
        return self.session.finish(verdicts, code)

    def _run_all(self, verdicts: Sequence[Verdict]) -> int:
        """Start stages and wait for them, until none is left or none may start any more."""
        names = [verdict.stage.name for verdict in verdicts]
        before = stages_before(self.session.runner.build, names)
        waiting = dict(enumerate(verdicts, start=1))
        code, ends = CLEAN, False
        while True:
            if not ends and not self.session.runner.interrupts.requested():
                self._start_ready(waiting, before, len(verdicts))
            if not self._running:
                return code
            failure = self._settle(*self._wait_for_an_end())
            code = code or failure
            ends = ends or self.session.ends_after(failure)

    def _start_ready(
        self, waiting: dict[int, Verdict], before: Mapping[str, frozenset[str]], count: int
    ) -> None:
        """Start stages whose turn it is, in their order; settle those that need not or cannot run.

        Args:
            waiting: By number, those that have not been started; what is settled is taken out.
            before: For each stage, those that must have ended.
            count: How many stages are wanted.
        """
        for number, planned in list(waiting.items()):
            stage = planned.stage
            if len(self._running) >= self.most:
                return
            if not before[stage.name] <= self._settled:
                continue
            self.session.lock.check()
            del waiting[number]
            if self.session.is_blocked(stage):
                self._settled.add(stage.name)
                continue
            verdict = self.session.judge_again(planned)
            if verdict.action == "skip":
                self.session.skip(verdict, planned, f"[{number}/{count}]")
                self._settled.add(stage.name)
                continue
            console.show_header(verdict, number, count)
            self._start(stage)

    def _start(self, stage: Stage) -> None:
        self.session.ran = True
        self._look_for_edits(stage)
        receipt = self.session.runner.experiment.receipt(stage.name)
        try:
            started = self.start(stage)
        except OSError as error:  # no memory, too many processes
            raise UserError(f'stage "{stage.name}" cannot be started: {error.strerror}') from None
        running = _RunningStage(stage, started, receipt)
        self._running[stage.name] = running

        def wait() -> None:
            self._ends.put((stage.name, running.started.wait()))

        Thread(target=wait, daemon=True).start()

    def _wait_for_an_end(self) -> tuple[str, int]:
        """Return the next stage that ends, and its code; pass a signal on meanwhile."""
        while True:
            if self.session.runner.interrupts.requested() and not self._stopping:
                self._interrupt_all()
            try:
                return self._ends.get(timeout=_POLL_SECONDS)
            except Empty:
                continue

    def _end_all(self) -> None:
        """Let the stages under way stop, wait as long as they may take, and kill what is left."""
        self._interrupt_all()
        self._settle_for(_PATIENCE_SECONDS)
        for running in self._running.values():
            running.started.kill()
        self._settle_for(_PATIENCE_SECONDS)  # a cluster takes its jobs back

    def _settle_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._running and time.monotonic() < deadline:
            with suppress(Empty):
                self._settle(*self._ends.get(timeout=_POLL_SECONDS))

    def _interrupt_all(self) -> None:
        self._stopping = True
        for running in self._running.values():
            running.started.interrupt()

    def _settle(self, name: str, code: int) -> int:
        """Read the receipt of a stage that has ended, add its row, and return 1 if it failed.

        Args:
            name: The stage.
            code: The exit code of its process, minus a signal.
        """
        running = self._running.pop(name)
        self._settled.add(name)
        self.ended(name)
        experiment = self.session.runner.experiment
        experiment.forget_stage(name)
        receipt = experiment.receipt(name)
        said = isinstance(receipt, Receipt) and receipt != running.before
        if said and isinstance(receipt, Receipt) and receipt.status != "running":
            self._add_row(receipt)
            if receipt.status == "interrupted" and not self._stopping:
                self._say_end(running, "was interrupted", running.started.describe_end(code), 0)
            failure = CLEAN if receipt.status == "done" else MISTAKES
        elif self._stopping:
            self.session.rows.append(Row(name, "interrupted" if said else "not run"))
            failure = MISTAKES
        else:
            self._report_death(running, code, receipt if said else None)
            failure = MISTAKES
        if failure:
            self.session.causes[name] = name
        return failure

    def _add_row(self, receipt: Receipt) -> None:
        paths = [record.path for record in receipt.outputs.values()]
        results = dict(receipt.results)
        row = Row(receipt.stage, receipt.status, receipt.seconds, paths[:2], results)
        self.session.rows.append(row)

    def _report_death(
        self, running: _RunningStage, code: int, receipt: Receipt | Unreadable | None
    ) -> None:
        """Say that a stage ended without a word of its own, and note it in its receipt.

        Args:
            running: The stage.
            code: The exit code of its process, minus a signal.
            receipt: What it wrote when it began; None when it did not come to that.
        """
        why = running.started.describe_end(code)
        seconds = round(time.monotonic() - running.clock, 3)
        has_begun = isinstance(receipt, Receipt)
        if isinstance(receipt, Receipt):
            ended = replace(receipt, status="failed", error=why, finished=current_time())
            self.session.write(replace(ended, seconds=seconds))
        self._say_end(running, "failed", why, _LOG_LINES if has_begun else 0)
        self.session.rows.append(Row(running.stage.name, "failed", seconds))

    def _say_end(self, running: _RunningStage, how: str, why: str, log_lines: int) -> None:
        """Print how a stage ended, and the end of its log.

        Args:
            running: The stage.
            how: It failed, or was interrupted.
            why: In words.
            log_lines: How many lines of its log are shown.
        """
        runner, stage = self.session.runner, running.stage
        path = runner.log_path(stage)
        lines = [
            f'error: stage "{stage.name}" {how}: {why}',
            *(f"  {line}" for line in last_lines(path, log_lines)),
            f"  log: {runner.experiment.relative_path(path)}",
        ]
        console.print_problem(redact("\n".join(lines), runner.stage_secrets(stage)))

    def _look_for_edits(self, stage: Stage) -> None:
        """Warn that a stage takes code that was edited since the plan was made."""
        edited = [self.session.runner.experiment.relative_path(path) for path in edited_code()]
        if edited and not self._told_edits:
            self._told_edits = True
            more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
            console.print_problem(
                f'warning: "{edited[0]}"{more} was edited during this run; "{stage.name}" and what '
                "starts later take it as it is now, and what ran before runs again next time"
            )
