"""What ``run.py`` launches, read as text: the System, its template and its stages."""

from pathlib import Path

import pytest

from espnet3_compiler.convert.launched.stage_work import StageWork
from espnet3_compiler.convert.launched.system import LaunchedSystem, find_system
from espnet3_compiler.convert.notes import NOT_CARRIED, Notes

SYSTEM = """from espnet3.contract.stages import StageSpec
from espnet3.systems.base.system import BaseSystem
from espnet3.systems.base.training import collect_stats, train


class Own(BaseSystem):
    stages = (
        StageSpec(name="create_dataset", config="training", log_dir="data_dir"),
        StageSpec(name="step", config="training"),
    )

    def step(self):
{body}
"""
RUN = "from espnet3.systems.launch import launch\nfrom src.system import Own\n\n{call}\n"


def launched(folder: Path, run: str, body: str = "        pass") -> tuple[LaunchedSystem, list]:
    """Return what a recipe launches, and the notes on what is lost."""
    (folder / "src").mkdir()
    (folder / "run.py").write_text(run)
    (folder / "src" / "system.py").write_text(SYSTEM.format(body=body))
    notes = Notes()
    found = find_system(folder, notes)
    return found, [note for note in notes.others if note.outcome.list == NOT_CARRIED]


DEFAULTS = 'conf_package="egs3.TEMPLATE.f5tts"'
CALLS = {
    "name": f"launch(Own, {DEFAULTS})",
    "keyword": f"launch(system_cls=Own, {DEFAULTS})",
    "lambda": 'A = "egs3.TEMPLATE.f5tts"\nlaunch(lambda **given: Own(**given), conf_package=A)',
    "partial": f"import functools\nmake = functools.partial(Own)\nlaunch(make, {DEFAULTS})",
    "instance": f"from egs3.x import main\nmain(1, system_cls=Own(), {DEFAULTS})",
    "variable": f"system = Own(training_config=1)\nrun_stages(system=system, {DEFAULTS})",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_system_is_a_name_a_lambda_or_an_instance(call: str, tmp_path: Path):
    found, lost = launched(tmp_path, RUN.format(call=call))
    assert (found.path, found.base) == ("src.system.Own", "base")
    assert found.template.package == "egs3.TEMPLATE.f5tts"
    assert [stage.name for stage in found.stages] == ["create_dataset", "step"]
    assert lost == []


@pytest.mark.parametrize(
    ("body", "work"),
    [
        ("return train(self.easy_config)", StageWork("train", "easy")),
        ("train(config=self.easy_config)", StageWork("train", "easy")),
        ("return collect_stats(self.training_config)", StageWork("collect_stats", "training")),
        ("assert self.easy_config\nreturn super().train()", StageWork("train", "training")),
        ("self.training_config = self.easy_config\nself.train()", StageWork("train", "easy")),
        (
            "config = self.easy_config\nprint(config)\nreturn train(config)",
            StageWork("train", "easy"),
        ),
        ("return BaseSystem.infer(self)", StageWork("infer", "inference")),
        ("train(self.easy_config)\ntrain(self.full_config)", None),
        ("for _ in range(2):\n    train(self.easy_config)", None),
        ("prepare()\nreturn train(self.easy_config)", None),
        ("return self.easy_config.path", None),
    ],
)
def test_a_method_that_only_runs_a_stage_kind_is_that_stage(body, work, tmp_path: Path):
    indented = "\n".join(f"        {line}" for line in body.split("\n"))
    call = CALLS["name"]
    found, _ = launched(tmp_path, RUN.format(call=call), indented)
    assert found.stages[1].work == work


@pytest.mark.parametrize("stages", ["[one for one in 'ab']", "['create_dataset', make(2)]"])
def test_stages_that_cannot_be_read_are_lost(stages: str, tmp_path: Path):
    call = f"main(system_cls=Own, stages={stages})"
    found, lost = launched(tmp_path, RUN.format(call=call))
    assert [note.outcome.why for note in lost if note.key == stages]
    assert "create_dataset" in [stage.name for stage in found.stages]


def test_what_a_method_reads_is_known_by_key(tmp_path: Path):
    body = """        first = self.training_config.labels.path
        second = getattr(self.training_config, "seed", None)
        return first, second, self._rest()

    def _rest(self):
        return self.training_config["size"], note(3, given=self.training_config), self.own_config


def note(number, given):
    block = given
    return block.label, other(block, [])


def other(given, rest):
    return given.get("text"), rest


class More:
    pass"""
    call = CALLS["name"]
    found, _ = launched(tmp_path, RUN.format(call=call), body)
    assert found.stages[1].reads == {
        "training": {"labels", "seed", "size", "label", "text"},
        "own": None,
    }


@pytest.mark.parametrize(
    ("run", "what"),
    [
        ("launch = 3\n", ""),
        (RUN.format(call="launch(Own)"), "egs3.TEMPLATE.src"),
        (RUN.format(call='launch(Own, conf_package="egs3.TEMPLATE.none")'), "egs3.TEMPLATE.none"),
        (
            "from espnet3.systems.launch import launch\nfrom lab.systems import Far\nlaunch(Far)\n",
            "lab.systems.Far",
        ),
        (RUN.format(call=f'{CALLS["name"]}\nparser.add_argument("--beam")'), "--beam"),
    ],
)
def test_what_cannot_be_found_is_lost(run: str, what: str, tmp_path: Path):
    _, lost = launched(tmp_path, run)
    assert what in {note.key for note in lost}
