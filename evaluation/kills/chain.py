"""Kills one experiment again and again, and sees how it looks after each time and at the end."""

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.kills.blows import Blow
from evaluation.kills.child import Run, fork, members, run_build, start_cold
from evaluation.kills.truth import damage, is_locked, leftovers, receipts, statuses, truth
from evaluation.kills.workspace import STAGES, start_afresh

_SHARER = "multiprocessing/resource_sharer.py"
LONG = 90.0
"""Seconds in which a run must end."""


@dataclass(frozen=True)
class Kill:
    """What one blow did.

    Attributes:
        stage: Which stage was hit; "" when none was.
        blow: Its name.
        problems: What should not be.
        struck: Whether the blow fell at all; a run may end before it.
    """

    stage: str
    blow: str
    problems: tuple[str, ...] = ()
    struck: bool = True


@dataclass
class Lab:
    """A recipe that runs are killed in.

    Attributes:
        recipe: Compiled.
        seconds: How long each stage takes.
        expected: What an uninterrupted run leaves.
        cold: Start fresh interpreters.
    """

    recipe: Path
    seconds: dict[str, float]
    expected: dict[str, str]
    random: random.Random
    cold: bool = False
    _runs: list[Run] = field(default_factory=list)

    def start(self, stages: Sequence[str], blow: Blow | None = None, stage: str = "") -> Run:
        """Start ``run.py --stages …``."""
        arguments = ["--stages", *stages, *(["--force"] if blow and blow.again else [])]
        arm = blow.arm(self.recipe, stage, self.random) if blow and blow.arm else None
        if self.cold:
            return self._known(start_cold(self.recipe, arguments))

        def work() -> int:
            if arm is not None:
                arm()
            return run_build(self.recipe, arguments)

        return self._known(fork(work))

    def _known(self, run: Run) -> Run:
        if self._runs:
            self._runs[-1].close()
        self._runs.append(run)
        return run

    def prepare(self, stage: str) -> None:
        """Let the stages before one finish."""
        before = STAGES[: STAGES.index(stage)]
        if before and any(statuses(self.recipe).get(name) != "done" for name in before):
            self.start(before).wait(LONG)

    def kill(self, blow: Blow, stage: str | None) -> Kill:
        """Run one stage, or all when None, and strike at a random moment of it."""
        if blow.again and stage:
            self.start((stage,)).wait(LONG)
        before = receipts(self.recipe)
        run = self.start((stage,) if stage else STAGES, blow, stage or "")
        struck = blow.strike is None
        if blow.strike is not None:
            span = self.seconds[stage] if stage else sum(self.seconds.values())
            while not run.ended() and receipts(self.recipe) == before:
                time.sleep(0.002)
            pause = time.monotonic() + self.random.uniform(0, 0 if blow.watches else 0.5 * span)
            while not run.ended() and time.monotonic() < pause:
                time.sleep(0.002)
            struck = not run.ended() and blow.strike(run, self.random)
        problems = [] if run.wait(LONG) else [f"it still ran {LONG:.0f} s later"]
        run.wait(0) or run.end_all()
        now = statuses(self.recipe)
        if run.code == 0:
            named = (stage,) if stage else STAGES
            problems += [f"exit code 0, and {n} is not done" for n in named if now.get(n) != "done"]
        hit = next((name for name, status in now.items() if status != "done"), stage or "between")
        if not struck or run.code == 0:
            problems += [] if run.code == 0 else self._told(run, blow)
            return Kill("", blow.name, tuple(problems), struck and blow.strike is not None)
        problems += [*self._told(run, blow), *damage(self.recipe, self.expected)]
        problems += [f"{name} is still locked" for name in is_locked(self.recipe)]
        return Kill(hit, blow.name, tuple(problems))

    def _told(self, run: Run, blow: Blow) -> tuple[str, ...]:
        text = run.text
        problems = []
        if "[1/" not in text and run.code in (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
            return ()  # it had not even looked what there is to do
        if run.code not in blow.codes:
            problems.append(f"exit code {run.code}: {text[-1500:]}")
        elif run.code > 0 and not any(said in text for said in (blow.said, "stopped: between")):
            problems.append(f"it did not say {blow.said!r}: {text[-1500:]}")
        ours = _SHARER not in text  # a sibling's thread of Python's own says when its peer has gone
        if ("Traceback" in text and ours) or "Logging error" in text:
            problems.append(f"a traceback: {text[-3000:]}")
        return tuple(problems)

    def finish(self) -> list[str]:
        """Run to the end, undisturbed; return how the result differs from the expected."""
        run = self.start(STAGES)
        if not run.wait(LONG) or run.code:
            run.end_all()
            return [f"the last run failed ({run.code}): {run.text[-2000:]}"]
        found = truth(self.recipe)
        names = sorted(found.keys() ^ self.expected.keys())
        names += [n for n in self.expected if n in found and found[n] != self.expected[n]]
        problems = [f"{name} differs at the end" for name in names]
        problems += [f"{name} was left behind" for name in leftovers(self.recipe)]
        again = self.start(STAGES)
        if not again.wait(LONG) or "nothing to do" not in again.text:
            problems.append(f"it is not up to date at the end: {again.text[-1000:]}")
        return problems + self._survivors()

    def _survivors(self) -> list[str]:
        deadline = time.monotonic() + 12
        while True:
            alive = {pid for run in self._runs for pid in members(run.pid)}
            if not alive or time.monotonic() > deadline:
                self._runs[-1].close()
                self._runs.clear()
                return [f"process {pid} has outlived its run" for pid in alive]
            time.sleep(0.2)


def chain(lab: Lab, blows: dict[str | None, list[Blow]], most: int) -> list[Kill]:
    """Start afresh, strike at each stage up to ``most`` times, run to the end and compare.

    Args:
        lab: Where.
        blows: What is still to be struck at each stage (None: at any); taken from.
        most: Blows at a stage in one chain.

    Returns:
        What happened; the comparison at the end counts with the last kill.
    """
    start_afresh(lab.recipe)
    kills = []
    anywhere = bool(blows.get(None))  # in a chain of its own: it may leave nothing for the others
    for stage in (None,) if anywhere else STAGES:
        if stage is not None and blows.get(stage):
            lab.prepare(stage)
        for _ in range(min(most, len(blows.get(stage, ())))):
            blow = blows[stage].pop()
            kill = lab.kill(blow, stage)
            kills.append(kill)
            if not kill.stage:  # it had finished before: the next chain tries again
                blows[stage].insert(0, blow)
                break
    problems = lab.finish()
    if problems:
        hits = [kill for kill in kills if kill.stage]
        story = ", ".join(f"{kill.blow} in {kill.stage}" for kill in hits)
        last = hits[-1] if hits else Kill("none", "none")
        kills.append(Kill(last.stage, "at the end", (f"after {story}:", *problems)))
    return kills
