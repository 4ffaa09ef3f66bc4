"""Texts that were meant to be references or paths, and those that are what they say."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

STAGES = """stages:
  - train
  - name: count
    call: src.steps.count
    with: {{report: {report}}}
    outputs: {{report: "${{exp_dir}}/count.json"}}
"""
TRAINING = "configs:\n  training: {dataset: {train: [{}]}}\n"
STEPS = "def count(report): ...\n"


def check_report(check, report: str, head: str = HEAD, **files: str):
    files = {
        "src/steps.py": STEPS,
        **{name.replace("__", "/"): text for name, text in files.items()},
    }
    found = check(head + TRAINING + STAGES.format(report=report), files)
    return [item for item in found if item[0] != "R513"]


@pytest.mark.parametrize(
    ("report", "code", "place"),
    [
        ("stages.train.best_checkpoint", "R210", "stages.train.best_checkpoint"),
        ("$stages.train.best_checkpoint", "R210", "$stages.train.best_checkpoint"),
        ("'{stages.train.best_checkpoint}'", "R210", "{stages.train.best_checkpoint}"),
        ("'{{ stages.train.best_checkpoint }}'", "R210", "{{ stages.train.best_checkpoint }}"),
        ("stages.train.best_chekpoint", "R210", "stages.train.best_chekpoint"),
        ("models.net.size", "R210", "models.net.size"),
        ("configs.training.dataset", "R210", "configs.training.dataset"),
        ("exp_dir/count.json", "R210", "exp_dir"),
        ("$data_dir/train.json", "R210", "$data_dir"),
        ("'{exp_dir}/count.json'", "R210", "{exp_dir}"),
        ("'{{exp_dir}}/a/{{exp_tag}}'", "R210", "{{exp_dir}}"),
        ("~/count.json", "R706", "~"),
        ("$HOME/count.json", "R706", "$HOME"),
        ("/scratch/$USER/count.json", "R706", "$USER"),
        ("$(pwd)/count.json", "R706", "$(pwd)"),
        ("'`date +%F`/count.json'", "R706", "`date +%F`"),
    ],
)
def test_texts_that_were_meant_otherwise(check, report, code, place):
    assert check_report(check, report) == [(code, place)]


@pytest.mark.parametrize(
    "report",
    [
        "'${stages.train.best_checkpoint}'",
        "stages.other.best_checkpoint",
        "stages.train",
        "the stages.train.best_checkpoint is the best",
        "models.net.depth",
        "models.other.size",
        "configs.training.nothing",
        "exp_dirs/count.json",
        "exp_dir",
        "'{{ bos_token }}'",
        "'{utt_id}.wav'",
        "a~b/c",
        "'~'",
        "backup~",
        "costs $5",
        "a$b",
        "'^foo$'",
        "$(foo)",
        "'`code`'",
        r"'\${exp_dir}/x'",
        "src.steps.count",
    ],
)
def test_texts_that_say_what_they_mean(check, report):
    assert check_report(check, report) == []


def test_code_that_expands_paths(check):
    steps = "import os\ndef count(report): os.path.expanduser(report)\n"
    assert check_report(check, "~/count.json", **{"src__steps.py": steps}) == []


@pytest.mark.parametrize(
    ("body", "report", "found"),
    [
        ("os.environ['PATH']", "~/count.json", [("R706", "~")]),
        ("os.environ['PATH']", "$HOME/count.json", []),
        ("report.replace('~', '/home/me')", "~/count.json", []),
    ],
)
def test_code_that_reads_the_environment(check, body, report, found):
    steps = f"import os\ndef count(report): {body}\n"
    assert check_report(check, report, **{"src__steps.py": steps}) == found


def test_a_folder_of_that_name(check):
    assert check_report(check, "data_dir/x.json", **{"data_dir__x.json": "{}"}) == []


def test_arguments_of_installed_classes(check):
    head = HEAD.replace("size: 8", "size: {_target_: torch.load, f: ~/x.pt}")
    assert check_report(check, "out/x", head) == []


@pytest.mark.parametrize(
    ("key", "code", "place"),
    [
        ("data_dir: ~/corpus", "R706", "~"),
        ("data_dir: $CORPUS", "R706", "$CORPUS"),
        ("exp_dir: $SCRATCH/exp", "R706", "$SCRATCH"),
        ("exp_tag: $(date +%F)", "R706", "$(date +%F)"),
        ("data_dir: src", "R707", "src"),
        ("data_dir: ./src/", "R707", "./src/"),
        ("exp_dir: src", "R707", "src"),
        ("exp_dir: recipe.yaml", "R707", "recipe.yaml"),
        ("exp_dir: recipe.yaml/exp", "R707", "recipe.yaml/exp"),
        ("exp_dir: build/exp", "R707", "build/exp"),
        ("data_dir: corpus", None, None),
        ("data_dir: .", None, None),
        ("data_dir: src/data", None, None),
        ("data_dir: ../corpus", None, None),
        ("exp_dir: /scratch/exp", None, None),
        ("exp_tag: a~b", None, None),
    ],
)
def test_directories_of_a_recipe(check, key, code, place):
    found = check_report(check, "'${exp_dir}/count.json'", f"{HEAD}{key}\n")
    assert found == ([(code, place)] if code else [])


@pytest.mark.parametrize(
    ("report", "place"),
    [
        ('"${oc.env:NOT_SET_HERE}"', "${oc.env:NOT_SET_HERE}"),
        ('"a/${oc.env: NOT_SET_HERE }/b"', "${oc.env: NOT_SET_HERE }"),
        ('"${oc.env:NOT_SET_HERE,corpus}"', None),
        ('"${oc.env:NOT_SET_HERE,null}"', None),
        ('"${oc.env:SET_HERE}"', None),
        ('"${oc.env:SLURM_JOB_ID}"', None),
        ('"${oc.env:LOCAL_RANK}"', None),
        ('"${oc.env:HF_TOKEN}"', None),
    ],
)
def test_environment_variables(check, monkeypatch, report, place):
    monkeypatch.setenv("SET_HERE", "")
    assert check_report(check, report) == ([("R211", place)] if place else [])
