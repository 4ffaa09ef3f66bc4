"""Statistics of work that takes one worker some time, beside two workers, their start included.

``python -m benchmarks.runtime long_stats --seconds 600 --rounds 1`` takes 16 minutes on two cores
where nothing else runs.
"""

from pathlib import Path

from benchmarks.runtime.timing import Clock, Lap, Report, Verdict, in_turns, middle, table
from benchmarks.runtime.workspace import changed, context_of
from espnet3_runtime.stages.collect_stats import collect_stats

ONE, TWO = "one worker", "two workers"
SPEED_UP = 1.9


def measure(directory: Path, rounds: int, seconds: float) -> Report:
    """Time whole stages by the clock, over the same utterances again and again.

    Args:
        directory: The recipe.
        rounds: How often each is measured.
        seconds: About how long one worker takes.
    """
    context = changed(context_of(directory, "collect_stats"), "training", {"dataset.valid": []})
    entry = context.configs["training"].plain()["dataset"]["train"][0]
    limit = entry["data_src_args"]["limit"]

    def run(workers: int, copies: int) -> Lap:
        changes = {"dataset.train": [entry] * copies, "parallel.n_workers": workers}
        clock = Clock()
        collect_stats(changed(context, "training", changes))
        return clock.lap()

    run(1, 1)  # reads the files for the first time
    copies = max(2, round(seconds / run(1, 1).wall))
    ways = {ONE: lambda: run(1, copies), TWO: lambda: run(2, copies)}
    laps = in_turns(ways, rounds, warm=False)
    pairs = zip(laps[ONE], laps[TWO], strict=True)
    value, spread = middle([one.wall / two.wall for one, two in pairs])
    what = f"collect_stats, whole stages of {middle([lap.wall for lap in laps[ONE]])[0]:.0f} s: "
    met = Verdict(f"{what}{ONE} / {TWO}", value, spread, f">= {SPEED_UP:.2f}", value >= SPEED_UP)
    lines = [f"collect_stats: {limit * copies} utterances", table(laps, "stage")]
    return Report("\n".join([*lines, "  (CPU: of this process alone)"]), [met])
