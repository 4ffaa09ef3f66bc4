"""One run of ``run.py``: the planned stages in order, up to the first failure or past it."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.incremental import receipts
from espnet3_runtime.incremental.dependencies import blocking_stage
from espnet3_runtime.incremental.fingerprint import inputs_of, own_files
from espnet3_runtime.incremental.held_code import edited_code
from espnet3_runtime.incremental.plan import Verdict, judge_stage
from espnet3_runtime.incremental.provenance import collect_provenance, describe_device
from espnet3_runtime.incremental.receipts import OutputRecord, Receipt, write_receipt
from espnet3_runtime.incremental.slices import edges_of
from espnet3_runtime.launch import console
from espnet3_runtime.launch.console import Row
from espnet3_runtime.launch.failures import (
    Locate,
    disk_error,
    explain_error,
    find_code_place,
    lost_a_worker,
    stopped_by_signal,
    summarize_error,
)
from espnet3_runtime.launch.prepare import stage_turn
from espnet3_runtime.launch.stage_runner import StageRunner
from espnet3_runtime.process.interrupts import end_workers
from espnet3_runtime.process.lockfile import HeldLock
from espnet3_runtime.process.ranks import Leader, Order, announce_order
from espnet3_runtime.process.redact import redact
from espnet3_runtime.stage import Outputs
from espnet3_schemas.build_records import Stage
from espnet3_schemas.exit_codes import CLEAN, MISTAKES


@dataclass
class Session:
    """The stages of one run.

    Attributes:
        runner: Runs a stage.
        lock: That of the experiment.
        force: Run stages that are up to date, too.
        locate: Gives the location of a stage in the manifest.
        leader: Gives orders to other ranks, when several were started.
        directory: The working directory of the user.
        keep_going: After a failure go on with the stages that do not depend on it.
        edited: Files of code that were edited before this process began, and after the run did.
        rows: The table at the end.
        causes: By the name of each stage that failed, or did not run for that: which one failed.
    """

    runner: StageRunner
    lock: HeldLock
    force: bool = False
    locate: Locate | None = None
    leader: Leader | None = None
    directory: str = ""
    keep_going: bool = False
    edited: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    causes: dict[str, str] = field(default_factory=dict)
    ran: bool = False
    _told_edits: bool = False

    def run(self, verdicts: Sequence[Verdict]) -> int:
        """Run the stages that have to; return the exit code."""
        code = CLEAN
        for number, planned in enumerate(verdicts, start=1):
            verdict = self.begin_stage(planned, number, len(verdicts))
            if verdict is None:
                continue
            with stage_turn(self.runner.build, verdict.stage.name):
                failure = self.attempt_stage(verdict)
            if failure:
                code = self.add_failure(verdict.stage, failure, code)
            if self.ends_after(failure):
                break
        return self.finish(verdicts, code)

    def begin_stage(self, planned: Verdict, number: int, count: int) -> Verdict | None:
        """Return how a stage is to be run whose turn it is; None where it need not or cannot run.

        Args:
            planned: What was decided before the first stage ran.
            number: Its number among the wanted stages, from 1.
            count: How many stages are wanted.
        """
        self.lock.check()
        if self._is_blocked(planned.stage):
            return None
        verdict = self._judge_again(planned)
        if verdict.action == "skip":
            self._skip(verdict, planned, f"[{number}/{count}]")
            return None
        console.show_header(verdict, number, count)
        self.ran = True
        return verdict

    def add_failure(self, stage: Stage, failure: int, code: int) -> int:
        """Note that a stage failed, and return the exit code of the run.

        Args:
            stage: The stage.
            failure: Its exit code.
            code: That of the run before.
        """
        self.causes[stage.name] = stage.name
        return code if code and failure == MISTAKES else failure

    def ends_after(self, failure: int) -> bool:
        """Say whether no further stage starts after one that ended with an exit code."""
        return failure != CLEAN and not (self.keep_going and failure == MISTAKES)

    def _is_blocked(self, stage: Stage) -> bool:
        """Say whether a stage cannot run because another one failed; add its row then."""
        cause = blocking_stage(self.runner.build, stage, self.causes)
        if cause is not None:
            self.causes[stage.name] = cause
            self.rows.append(Row(stage.name, "not run", None, [f"because of {cause}"]))
        return cause is not None

    def finish(self, verdicts: Sequence[Verdict], code: int) -> int:
        """Show the table of all stages, write the report, and return the exit code."""
        settled = {row.stage: row for row in self.rows}
        names = [verdict.stage.name for verdict in verdicts]
        self.rows = [settled.get(name) or Row(name, "not run") for name in names]
        if self.ran or code:
            console.show_summary(self.rows)
            self._write_report()
        else:
            console.print_line("nothing to do")
        return code

    def _write_report(self) -> None:
        """Write the report of the experiment; when that fails, the run has not failed."""
        from espnet3_runtime.report import write_report

        build, experiment = self.runner.build, self.runner.experiment
        try:
            path = write_report(build.experiment, build)
        except Exception as error:  # noqa: BLE001 - reported
            reason = summarize_error(error)
            console.print_problem(f"warning: the report could not be written: {reason}")
        else:
            console.print_line(f"  report: {experiment.relative_path(path)}")

    def _judge_again(self, planned: Verdict) -> Verdict:
        """Decide again once a stage has run: now its outputs are known."""
        if not self.ran:
            return planned
        return judge_stage(planned.stage, self.runner.experiment, force=self.force)

    def _skip(self, verdict: Verdict, planned: Verdict, number: str) -> None:
        """Add the row of a stage that is up to date, and say so where that was not known before.

        Args:
            verdict: What was decided now.
            planned: What was decided before the first stage ran.
            number: Its number among the wanted stages, as it is shown.
        """
        if planned.action != "skip":
            console.print_line(f"{number} {verdict.stage.name}  {verdict.reasons[0]}")
        self.runner.experiment.refresh_signatures(verdict.stage.name)
        outputs = self.runner.experiment.outputs(verdict.stage.name)
        paths = [found.record.path for found in outputs.values()]
        self.rows.append(Row(verdict.stage.name, "up to date", None, paths[:1]))

    def attempt_stage(self, verdict: Verdict) -> int:
        """Run one stage and write its receipt, also when it fails."""
        runner, stage = self.runner, verdict.stage
        clock = time.monotonic()
        runner.results.clear()
        about = collect_provenance(runner.build.recipe_dir)
        if not verdict.resume:
            receipts.set_marker(runner.build.directory_of(stage))
        receipt = Receipt(
            stage.name, "running", current_time(), inputs=verdict.inputs, provenance=about
        )
        self.write(receipt)  # from now on the old outputs do not count
        try:
            made = self._call(verdict)
            outputs = self._record_outputs(stage, made)
            own = own_files(stage, runner.experiment, verdict.inputs)
            altered = self._altered_inputs(stage)
        except BaseException as error:  # noqa: BLE001 - reported
            end_workers()
            return self._close_failed(stage, receipt, error, clock)
        if altered:
            console.print_problem(
                f"warning: {altered[0]} was altered while the stage ran; it runs again next time"
            )
            upstream = inputs_of(stage, runner.experiment)["upstream"]
            receipt = replace(receipt, inputs={**verdict.inputs, "upstream": upstream})
        receipt = replace(
            receipt,
            status="done",
            outputs=outputs,
            own=own,
            results=dict(runner.results),
            provenance={**about, "device": describe_device()},
        )
        self._close(receipt, clock)
        if not runner.interrupts.received_signal:
            return CLEAN
        console.print_problem(
            f'stopped: after stage "{stage.name}", which is done; '
            "run the same command again to go on"
        )
        return runner.interrupts.exit_code

    def _call(self, verdict: Verdict) -> Outputs:
        stage = verdict.stage
        altered = self._altered_inputs(stage)
        if altered:
            raise UserError(
                f"{altered[0]} was altered during this run, before the stage read it",
                hint="another run may use the same data_dir; run the same command again",
            )
        with ExitStack() as stack:
            if stage.run == "train":
                order = Order(stage.name, verdict.resume, self.directory)
                if self.leader is not None:
                    self.leader.order(order)
                if self.leader is None or self.leader.launches:
                    stack.enter_context(announce_order(order))
            made = self.runner.run(stage, resume=verdict.resume)
        edited = self.edited_code()
        stale = (*self.edited, *edited)
        if stale and "packs" in stage.facts:
            raise UserError(
                f'"{stale[0]}" was edited during this run: what is to be packed was made before',
                hint="run the same command again",
            )
        self.warn_of_edits(
            edited,
            ", which goes on with what it read first; stages that use it run again next time",
        )
        return made

    def edited_code(self) -> list[str]:
        """Return the files of code that were edited since this process read them."""
        return [self.runner.experiment.relative_path(path) for path in edited_code()]

    def warn_of_edits(self, edited: Sequence[str], what_follows: str) -> None:
        """Warn once that code was edited during this run, and say what follows from it."""
        if edited and not self._told_edits:
            self._told_edits = True
            more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
            console.print_problem(
                f'warning: "{edited[0]}"{more} was edited during this run{what_follows}'
            )

    def _altered_inputs(self, stage: Stage) -> list[str]:
        """Return outputs of earlier stages that somebody altered during this run."""
        settled = {row.stage for row in self.rows}
        return [
            f'output "{output}" of "{name}"'
            for name, wanted in edges_of(self.runner.build, stage).items()
            for output in self.runner.experiment.look_again(name, as_made=name in settled)
            if wanted is None or output in wanted
        ]

    def _was_stopped(self, error: BaseException) -> bool:
        """Say whether a stop was requested; some libraries exit after Ctrl-C."""
        asked = self.runner.interrupts.received_signal is not None
        if isinstance(error, KeyboardInterrupt | Stopped):
            return True
        follows = isinstance(error, SystemExit) or stopped_by_signal(error) or lost_a_worker(error)
        return asked and follows

    def _close_failed(
        self, stage: Stage, receipt: Receipt, error: BaseException, clock: float
    ) -> int:
        stopped = self._was_stopped(error)
        outputs = (output.path for output in stage.outputs.values())
        places = [self.runner.build.recipe_dir / path for path in outputs]
        error = disk_error(error, [self.runner.build.directory_of(stage), *places]) or error
        secrets = self.runner.stage_secrets(stage)
        if stopped:
            receipt = replace(receipt, status="interrupted")
        else:
            build = self.runner.build
            place = find_code_place(error, build.directory, build.recipe_dir)
            reason = summarize_error(error) + (f" ({place})" if place else "")
            receipt = replace(receipt, status="failed", error=redact(reason, secrets))
        try:
            self._close(receipt, clock)
        except OSError as problem:  # a full disk: the receipt still says "running"
            reason = summarize_error(problem)
            console.print_problem(f"warning: cannot write the receipt: {reason}")
            self.rows.append(Row(stage.name, "failed"))
        log = self.runner.experiment.relative_path(self.runner.log_path(stage))
        if stopped:
            console.print_problem(
                f'stopped: stage "{stage.name}"; run the same command again to go on'
            )
            return self.runner.interrupts.exit_code
        console.print_problem(redact(self._failure_message(stage, error, log), secrets))
        return MISTAKES

    def _failure_message(self, stage: Stage, error: BaseException, log: str) -> str:
        first, _, rest = explain_error(error, self.runner.build.directory).partition("\n")
        location = self.locate(self.runner.build.directory, stage.name) if self.locate else None
        lines = [f'error: stage "{stage.name}" failed: {first}']
        lines += [f"  --> {location}"] if location else []
        lines += [rest] if rest else []
        return "\n".join([*lines, f"  log: {log}"])

    def _record_outputs(self, stage: Stage, made: Outputs) -> dict[str, OutputRecord]:
        records = {}
        for name, path in sorted(made.items()):
            record = self.runner.experiment.record(stage, path)
            if record is None:
                raise UserError(
                    f'it finished, but its output "{name}" is not there: {path}',
                    where=f"stages.{stage.name}.outputs.{name}" if stage.call else "",
                )
            records[name] = record
        return records

    def write(self, receipt: Receipt) -> None:
        """Write a receipt, which counts from now on."""
        write_receipt(self.runner.build.experiment, receipt)
        self.runner.experiment.forget_stage(receipt.stage)

    def _close(self, receipt: Receipt, clock: float) -> None:
        """Write the final receipt of an attempt that began at ``clock``, and add its row."""
        self.lock.check()
        seconds = round(time.monotonic() - clock, 3)
        receipt = replace(receipt, finished=current_time(), seconds=seconds)
        self.write(receipt)
        self.add_row(receipt)

    def add_row(self, receipt: Receipt) -> None:
        """Add the row of a stage that has ended."""
        paths = [record.path for record in receipt.outputs.values()]
        results = dict(receipt.results)
        self.rows.append(Row(receipt.stage, receipt.status, receipt.seconds, paths[:2], results))


def current_time() -> str:
    """Return the time as ISO 8601 with the local offset, to the second."""
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
