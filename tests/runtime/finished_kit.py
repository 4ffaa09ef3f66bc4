"""A recipe of three stages in a row, and receipts as their runs would write them."""

from dataclasses import replace
from pathlib import Path

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.fingerprint import inputs_of
from espnet3_runtime.incremental.receipts import Receipt, Status, read_receipt, write_receipt
from tests.runtime.toy import Toy

STEPS = "from pathlib import Path\n\n\ndef make(path, **given):\n    Path(path).write_text('1')\n"
WHEN = "2026-01-02T03:04:05+00:00"


def build_recipe(directory: Path) -> Toy:
    """Three stages in a row, of which the second makes a file and a directory."""
    toy = Toy(directory)
    toy.file("src/steps.py", STEPS)
    toy.call("a", "src.steps.make", {"path": "exp/toy/a/a.txt"}, {"a": "a.txt"})
    given = {"path": "exp/toy/b/b.txt", "source": "${stages.a.a}", "words": "words.txt"}
    toy.call("b", "src.steps.make", given, {"b": "b.txt", "all": "all"})
    given = {"path": "exp/toy/c/c.txt", "source": "${stages.b.b}"}
    toy.call("c", "src.steps.make", given, {"c": "c.txt"})
    toy.file("words.txt", "a b")
    return toy.write()


def finish(recipe: Toy, *names: str, status: Status = "done") -> Experiment:
    """Write outputs and receipts as the runs of stages would."""
    experiment = Experiment(load_build(recipe.build))
    for name in names:
        stage = experiment.build.stage(name)
        for key, output in stage.outputs.items():
            path = experiment.path(output.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            if key == "all":
                (path / "inner").mkdir(parents=True, exist_ok=True)
                (path / "inner" / "x.txt").write_text("x")
            else:
                path.write_text(f"{name}.{key}")
        found = {
            key: record
            for key, output in stage.outputs.items()
            if (record := experiment.record(stage, experiment.path(output.path)))
        }
        inputs = inputs_of(stage, experiment)
        receipt = Receipt(name, status, WHEN, inputs=inputs, outputs=found)
        write_receipt(recipe.exp, receipt)
        experiment.forget_stage(name)
    return Experiment(load_build(recipe.build))


def change(recipe: Toy, stage: str, **fields: object) -> None:
    receipt = read_receipt(recipe.exp, stage)
    assert isinstance(receipt, Receipt)
    write_receipt(recipe.exp, replace(receipt, **fields))  # type: ignore[arg-type]
