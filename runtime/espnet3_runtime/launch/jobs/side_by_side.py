"""The stages of one run, up to N at a time: each starts when those before it have ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from typing import Protocol

from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.dependencies import stages_before
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
_ECHO_SECONDS = 0.2
"""So long a signal is not passed on: a scheduler sends it to all processes, which have it then."""
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
    """A stage that was started, what was known of it before, and its exit code at its end."""

    stage: Stage
    started: StartedStage
    before: Receipt | Unreadable | None
    clock: float = field(default_factory=time.monotonic)
    code: int | None = None


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
    _one_has_ended: Event = field(default_factory=Event)
    _stopping: bool = False

    def run(self, verdicts: Sequence[Verdict]) -> int:
        """Run the stages that have to; return the exit code."""
        interrupts = self.session.runner.interrupts
        code = CLEAN
        try:
            with interrupts.gracefully():
                code = self._run_all(verdicts)
        except KeyboardInterrupt:  # the second signal
            interrupts.ignore_signals()
            if not self._stopping:
                self._interrupt_all()  # the first one was not passed on yet
        finally:  # also after an error of this process: nothing is left under way
            self._end_all()
        if interrupts.requested():
            code = interrupts.exit_code
        return self.session.finish(verdicts, code)

    def _run_all(self, verdicts: Sequence[Verdict]) -> int:
        """Start stages and wait for them, until none is left or none may start any more."""
        names = [verdict.stage.name for verdict in verdicts]
        before = stages_before(self.session.runner.build, names)
        waiting = dict(zip(names, enumerate(verdicts, start=1), strict=True))
        code, ends = CLEAN, False
        while True:
            if not ends and not self.session.runner.interrupts.requested():
                self._start_ready(waiting, before, len(verdicts))
            if not self._running:
                return code
            running = self._wait_for_an_end()
            failure = self._settle(running)
            if failure:
                code = self.session.add_failure(running.stage, failure, code)
            ends = ends or self.session.ends_after(failure)

    def _start_ready(
        self,
        waiting: dict[str, tuple[int, Verdict]],
        before: Mapping[str, frozenset[str]],
        count: int,
    ) -> None:
        """Start stages whose turn it is, in their order; settle those that need not or cannot run.

        Args:
            waiting: By name, number and plan of those that have not been started; what is settled
                is taken out.
            before: For each stage, those that must have ended.
            count: How many stages are wanted.
        """
        for name, (number, planned) in list(waiting.items()):
            if len(self._running) >= self.most:
                return
            if any(other in waiting or other in self._running for other in before[name]):
                continue
            verdict = self.session.begin_stage(planned, number, count)
            if verdict is not None:
                self._start(verdict.stage)
            del waiting[name]

    def _start(self, stage: Stage) -> None:
        self.session.warn_of_edits(
            self.session.edited_code(),
            f'; "{stage.name}" and what starts later take it as it is now, and what ran before '
            "runs again next time",
        )
        receipt = self.session.runner.experiment.receipt(stage.name)
        try:
            started = self.start(stage)
        except OSError as error:  # no memory, too many processes
            raise UserError(f'stage "{stage.name}" cannot be started: {error.strerror}') from None
        running = self._running[stage.name] = _RunningStage(stage, started, receipt)

        def wait() -> None:
            running.code = started.wait()
            self._one_has_ended.set()

        Thread(target=wait, daemon=True).start()

    def _wait_for_an_end(self) -> _RunningStage:
        """Return the next stage that has ended; pass a signal on meanwhile."""
        while True:
            if self.session.runner.interrupts.requested() and not self._stopping:
                time.sleep(_ECHO_SECONDS)
                self._interrupt_all()
            found = self._find_ended()
            if found is not None:
                return found

    def _find_ended(self) -> _RunningStage | None:
        """Return a stage that has ended; where there is none, wait a moment for one."""
        found = next((one for one in self._running.values() if one.code is not None), None)
        if found is None:
            self._one_has_ended.wait(_POLL_SECONDS)
            self._one_has_ended.clear()
        return found

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
            running = self._find_ended()
            if running is not None:
                self._settle(running)

    def _interrupt_all(self) -> None:
        self._stopping = True
        for running in self._running.values():
            running.started.interrupt()

    def _settle(self, running: _RunningStage) -> int:
        """Read the receipt of a stage that has ended, add its row, and return 1 if it failed."""
        name = running.stage.name
        experiment = self.session.runner.experiment
        experiment.forget_stage(name)
        receipt = experiment.receipt(name)
        said = isinstance(receipt, Receipt) and receipt != running.before
        failure = MISTAKES
        if said and isinstance(receipt, Receipt) and receipt.status != "running":
            self.session.add_row(receipt)
            if receipt.status == "interrupted" and not self._stopping:
                self._say_end(running, "was interrupted", 0)
            failure = CLEAN if receipt.status == "done" else MISTAKES
        elif self._stopping:
            self.session.rows.append(Row(name, "interrupted" if said else "not run"))
        else:
            self._report_death(running, receipt if said else None)
        del self._running[name]  # last: a signal may come before
        self.ended(name)
        return failure

    def _report_death(self, running: _RunningStage, receipt: Receipt | Unreadable | None) -> None:
        """Say that a stage ended without a word of its own, and note it in its receipt.

        Args:
            running: The stage.
            receipt: What it wrote when it began; None when it did not come to that.
        """
        seconds = round(time.monotonic() - running.clock, 3)
        why = self._say_end(running, "failed", 0 if receipt is None else _LOG_LINES)
        if isinstance(receipt, Receipt):
            ended = replace(receipt, status="failed", error=why, finished=current_time())
            self.session.write(replace(ended, seconds=seconds))
        self.session.rows.append(Row(running.stage.name, "failed", seconds))

    def _say_end(self, running: _RunningStage, how: str, log_lines: int) -> str:
        """Print how a stage ended, why, and the end of its log; return why.

        Args:
            running: The stage.
            how: It failed, or was interrupted.
            log_lines: How many lines of its log are shown.
        """
        runner, stage = self.session.runner, running.stage
        path = runner.log_path(stage)
        why = running.started.describe_end(running.code or 0)
        lines = [
            f'error: stage "{stage.name}" {how}: {why}',
            *(f"  {line}" for line in last_lines(path, log_lines)),
            f"  log: {runner.experiment.relative_path(path)}",
        ]
        console.print_problem(redact("\n".join(lines), runner.stage_secrets(stage)))
        return why
