"""Files of experiments that a model names: those of stages, of others, and of nobody."""

import pytest

from tests.compiler.checks.checks_kit import CONFIGS, HEAD

STAGES = "stages: [collect_stats, train]\n"


def check_file(check, path: str, stages: str = STAGES, files=()) -> list[tuple[str, str]]:
    head = HEAD.replace("size: 8", f"size: 8, stats: '{path}'")
    configs = CONFIGS.partition("  inference")[0]
    return check(f"{head}{configs}{stages}", files)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("exp/asr_stats_raw/train/feats_stats.npz", False),
        ("exp/recipe/stats/feats_stats.npz", True),
        ("exp/recipe/collect_stats/feats_stats.npz", True),
        ("${exp_dir}/collect_stats/feats_stats.npz", True),
        ("exp/recipe/collect_stats/train/feats_stats.npz", False),
        ("exp/recipe/collect_stats/train/more.npz", False),
        ("exp/small/collect_stats/train/feats_stats.npz", False),
        ("exp/other/made.npz", False),
        ("pretrained/stats.npz", False),
        ("/data/exp/stats.npz", False),
    ],
)
def test_files_of_experiments(check, path, found):
    files = {"small.yaml": "", "exp/other/here.txt": ""}
    assert [one[0] for one in check_file(check, path, files=files)] == (["R411"] if found else [])


def test_a_call_may_write_below_what_it_is_given(check):
    call = "{name: compute, call: src.steps.compute, with: {folder: exp/recipe/stats}}"
    steps = {"src/steps.py": "def compute(folder): ...\n"}
    stages = f"stages: [{call}, train]\n"
    assert check_file(check, "exp/recipe/stats/a.npz", stages, steps) == []
    assert check_file(check, "exp/recipe/compute/a.npz", stages, steps) == []


@pytest.mark.parametrize(
    ("path", "given", "found"),
    [
        ("exp/recipe/compute/stats", "${exp_dir}/stats", True),
        ("${exp_dir}/compute/a.npz", "exp/recipe/stats/a.npz", True),
        ("exp/recipe/compute/other", "${exp_dir}/stats", False),
        ("exp/recipe/compute/stats", "${exp_dir}/compute/stats", False),
        ("exp/recipe/compute/stats", "${exp_dir}/compute/more/stats", False),
        ("exp/recipe/stats", "${exp_dir}/stats", False),
    ],
)
def test_what_a_call_writes_elsewhere(check, path, given, found):
    call = f'{{name: compute, call: src.steps.compute, with: {{folder: "{given}"}}'
    steps = {"src/steps.py": "def compute(folder): ...\n"}
    stages = f'stages: [{call}, outputs: {{made: "{given}"}}}}, train]\n'
    expected = ["R411"] if found else []
    assert [code for code, _ in check_file(check, path, stages, steps)] == expected
