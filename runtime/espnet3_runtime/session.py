"""One run of ``run.py``: the planned stages in their order, to the end or to the first failure."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from espnet3_runtime import afresh, console
from espnet3_runtime.console import Row
from espnet3_runtime.errors import Stopped
from espnet3_runtime.execute import Runner, begin, close, finish
from espnet3_runtime.failures import Locate, explain, lost_a_worker, stopped_by_signal, summary
from espnet3_runtime.fingerprint import own_files
from espnet3_runtime.interrupts import forget_children
from espnet3_runtime.plan import Verdict, judge
from espnet3_runtime.provenance import device, provenance
from espnet3_runtime.ranks import Leader, Order, announce
from espnet3_runtime.receipts import Receipt
from espnet3_runtime.redact import redact
from espnet3_schemas.build_records import Stage
from espnet3_schemas.exit_codes import CLEAN, MISTAKES

_STOPS = (KeyboardInterrupt, Stopped)


@dataclass
class Session:
    """The stages of one run.

    Attributes:
        runner: Runs a stage.
        force: Run what is up to date too.
        locate: Gives the manifest place of a stage.
        leader: Tells other ranks what to join, when several were started.
        directory: Where the user stood.
    """

    runner: Runner
    force: bool = False
    locate: Locate | None = None
    leader: Leader | None = None
    directory: str = ""
    rows: list[Row] = field(default_factory=list)
    _ran: bool = False

    def run(self, verdicts: Sequence[Verdict]) -> int:
        """Run what has to run; return the exit code."""
        code = CLEAN
        for number, planned in enumerate(verdicts, start=1):
            verdict = self._again(planned)
            if verdict.action == "skip":
                if planned.action != "skip":
                    console.show_skip(verdict, number, len(verdicts))
                self._skip(verdict)
                continue
            console.show_header(verdict, number, len(verdicts))
            code = self._attempt(verdict)
            self._ran = True
            if code:
                left = verdicts[number:]
                self.rows += [Row(later.stage.name, "not run") for later in left]
                break
        if self._ran:
            console.show_summary(self.rows)
            self._report()
        else:
            console.say("nothing to do")
        return code

    def _report(self) -> None:
        """Write the report of the experiment; a fault there is no fault of the run."""
        from espnet3_runtime.report import write_report

        build, experiment = self.runner.build, self.runner.experiment
        try:
            path = write_report(build.experiment, build)
        except Exception as error:  # noqa: BLE001 - see above
            console.complain(f"warning: the report could not be written: {error}")
        else:
            console.say(f"  report: {experiment.relative(path)}")

    def _again(self, planned: Verdict) -> Verdict:
        """Decide anew once something has run: only now is it known what it made."""
        if not self._ran:
            return planned
        return judge(planned.stage, self.runner.experiment, force=self.force)

    def _skip(self, verdict: Verdict) -> None:
        self.runner.experiment.refresh(verdict.stage.name)
        outputs = self.runner.experiment.outputs(verdict.stage.name)
        paths = [found.record.path for found in outputs.values()]
        self.rows.append(Row(verdict.stage.name, "up to date", None, paths[:1]))

    def _attempt(self, verdict: Verdict) -> int:
        """Run one stage and write its receipt, however it ends."""
        runner, stage = self.runner, verdict.stage
        clock = time.monotonic()
        runner.results.clear()
        about = provenance(runner.build.recipe_dir)
        if not verdict.resume:
            afresh.demand(runner.build.directory_of(stage))
        receipt = begin(runner, stage, verdict.inputs, about)
        try:
            made = self._call(verdict)
            receipt = finish(runner, stage, made, receipt)
            receipt = replace(receipt, own=own_files(stage, runner.experiment, verdict.inputs))
        except BaseException as error:
            forget_children()
            if not self._stopped(error) and not isinstance(error, Exception | SystemExit):
                raise
            return self._failed(stage, receipt, error, clock)
        receipt = replace(receipt, provenance={**about, "device": device()})
        self._row("done", close(runner, receipt, clock))
        if not runner.interrupts.received:
            return CLEAN
        console.complain(
            f'stopped: after stage "{stage.name}", which is done; '
            "run the same command again to go on"
        )
        return runner.interrupts.exit_code

    def _call(self, verdict: Verdict) -> dict[str, Path]:
        stage = verdict.stage
        with ExitStack() as stack:
            if stage.run == "train":
                order = Order(stage.name, verdict.resume, self.directory)
                if self.leader is not None:
                    self.leader.order(order)
                if self.leader is None or self.leader.launches:
                    stack.enter_context(announce(order))
            return self.runner.run(stage, resume=verdict.resume)

    def _stopped(self, error: BaseException) -> bool:
        """Say whether it ended because somebody asked; some libraries exit after Ctrl-C."""
        asked = self.runner.interrupts.received is not None
        if isinstance(error, _STOPS):
            return True
        result = isinstance(error, SystemExit) or stopped_by_signal(error) or lost_a_worker(error)
        return asked and result

    def _failed(self, stage: Stage, receipt: Receipt, error: BaseException, clock: float) -> int:
        stopped = self._stopped(error)
        receipt = replace(receipt, status="interrupted" if stopped else "failed")
        secrets = self.runner.secrets(stage)
        receipt = replace(receipt, error=None if stopped else redact(summary(error), secrets))
        try:
            self._row("interrupted" if stopped else "failed", close(self.runner, receipt, clock))
        except OSError as problem:  # a full disk: the receipt still says "running", which is right
            console.complain(f"warning: cannot write the receipt: {problem}")
            self.rows.append(Row(stage.name, "failed"))
        log = self.runner.experiment.relative(self.runner.log_path(stage))
        if stopped:
            console.complain(f'stopped: stage "{stage.name}"; run the same command again to go on')
            return self.runner.interrupts.exit_code
        console.complain(redact(self._message(stage, error, log), secrets))
        return MISTAKES

    def _message(self, stage: Stage, error: BaseException, log: str) -> str:
        first, _, rest = explain(error, self.runner.build.directory).partition("\n")
        place = self.locate(self.runner.build.directory, stage.name) if self.locate else None
        lines = [f'error: stage "{stage.name}" failed: {first}']
        lines += [f"  --> {place}"] if place else []
        lines += [rest] if rest else []
        return "\n".join([*lines, f"  log: {log}"])

    def _row(self, status: str, receipt: Receipt) -> None:
        paths = [record.path for record in receipt.outputs.values()]
        row = Row(receipt.stage, status, receipt.seconds, paths[:2], dict(receipt.results))
        self.rows.append(row)
