"""``run.py --verify``: hash every output again, whatever sizes and times say."""

from espnet3_runtime import console
from espnet3_runtime.experiment import Experiment


def verify(experiment: Experiment) -> int:
    """Compare all outputs with their receipts; return 0 when every one is what its stage made."""
    bad = count = 0
    for stage in experiment.build.stages:
        receipt = experiment.done(stage.name)
        if receipt is None:
            console.say(f"  {stage.name}  has not finished")
            continue
        for name, record in receipt.outputs.items():
            count += 1
            found = experiment.hash_again(stage, record)
            good = found == record.sha256
            bad += not good
            state = "ok" if good else "missing" if found is None else "altered"
            console.say(f"  {stage.name}.{name}  {state}  {record.path}")
    console.say(f"{count} outputs, {bad} not as made")
    return 1 if bad else 0
