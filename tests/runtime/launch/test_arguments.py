"""The command line of ``run.py``, read in this process."""

import contextlib
import io
from pathlib import Path

import pytest

from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.errors import UsageError
from espnet3_runtime.launch import only_looks
from espnet3_runtime.launch.arguments import Arguments, read_arguments
from tests.runtime.toy import chain

FLAGS = (
    *("dry_run", "force", "list", "verify", "write_requirements"),
    *("preflight", "no_preflight", "keep_going", "report"),
)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    toy = chain(tmp_path_factory.mktemp("arguments") / "recipe")
    toy.configs = {"settings": {"a": 1}, "other": {"b": 1}}
    toy.models = {"tiny": {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}}
    toy.stage("first")["with"] |= {"number": "${configs.settings.a}"}
    return load_build(toy.write().build)


def read(build: Build, *words: str) -> Arguments:
    return read_arguments(build, words, build.recipe_dir)


def test_nothing_is_asked_for_by_default(build: Build) -> None:
    assert read(build) == Arguments(
        stages=("first", "second", "third"),
        config_files={},
        sets=(),
        dry_run=False,
        force=False,
        list=False,
        verify=False,
        write_requirements=False,
        preflight=False,
        no_preflight=False,
        keep_going=False,
        report=False,
        jobs=None,
        cluster=None,
        format="human",
    )


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_is_one_field(flag: str, build: Build) -> None:
    given = read(build, f"--{flag}")
    assert [name for name in FLAGS if getattr(given, name)] == [flag]


@pytest.mark.parametrize(
    ("words", "stages"),
    [
        (["third", "first"], ("first", "third")),
        (["second", "second"], ("second",)),
        (["first", "all"], ("first", "second", "third")),
    ],
)
def test_stages(words: list[str], stages: tuple[str, ...], build: Build) -> None:
    assert read(build, "--stages", *words).stages == stages


def test_files_and_values(build: Build) -> None:
    build.recipe_dir.joinpath("mine.yaml").write_text("a: 1\n")
    words = ("--settings_config", "mine.yaml", "--set", "tiny.a=1", "--set", "recipe.exp_tag=x=y")
    given = read(build, *words)
    assert given.config_files == {"settings": build.recipe_dir / "mine.yaml"}
    assert given.sets == ("tiny.a=1", "recipe.exp_tag=x=y")
    assert read(build, "--set", "settings.a=", "--set", "other.b=2").sets == (
        *("settings.a=", "other.b=2"),
    )


@pytest.mark.parametrize("form", ["human", "json"])
def test_the_format_of_a_preflight(form: str, build: Build) -> None:
    assert read(build, "--preflight", "--format", form).format == form
    with pytest.raises(UsageError, match=r"^--format is about the report of --preflight$"):
        read(build, "--format", form)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--stages", "trid"], 'there is no stage "trid"', 'did you mean "third"?'),
        (["--stages", "al"], 'there is no stage "al"', 'did you mean "all"?'),
        (
            ["--stages", "zzz"],
            'there is no stage "zzz"',
            "choose from: first, second, third, all",
        ),
        (["--set", "settings=1"], '--set "settings=1" is not of the form name.key=value', ""),
        (["--set", "settings.a"], '--set "settings.a" is not of the form name.key=value', ""),
        (["--set", "x"], '--set "x" is not of the form name.key=value', ""),
        (
            ["--set", "setings.a=1"],
            '--set "setings.a=1": there is no config or model "setings"',
            'did you mean "settings"?',
        ),
        (
            ["--set", "zzz.a=1"],
            '--set "zzz.a=1": there is no config or model "zzz"',
            "choose from: recipe, settings, other, tiny",
        ),
        (["--dry"], "unrecognized arguments: --dry", 'did you mean "--dry_run"?'),
        (["--xyz"], "unrecognized arguments: --xyz", "--help lists the arguments"),
        (["--jobs", "0"], 'argument --jobs: "0" is no number of stages, 1 or more', "--help lists"),
        (["--jobs", "-1"], 'argument --jobs: "-1" is no number of stages', "--help lists"),
        (["--jobs", "1.5"], 'argument --jobs: "1.5" is no number of stages', "--help lists"),
        (["--jobs", "two"], 'argument --jobs: "two" is no number of stages', "--help lists"),
        (
            ["--cluster", "slurm.yaml"],
            "--cluster needs --jobs N: so many jobs are queued or run at a time",
            "",
        ),
        (["--preflight", "--format", "xml"], "argument --format: invalid choice", "--help lists"),
    ],
)
def test_mistakes(words: list[str], message: str, hint: str, build: Build) -> None:
    with pytest.raises(UsageError) as caught:
        read(build, *words)
    assert caught.value.message.startswith(message)
    assert caught.value.hint.startswith(hint)
    assert bool(caught.value.hint) == bool(hint)


@pytest.mark.parametrize("name", ["nowhere.yaml", "build"])
def test_a_config_that_is_no_file(name: str, build: Build) -> None:
    with pytest.raises(UsageError) as caught:
        read(build, "--other_config", name)
    assert str(caught.value) == (f'--other_config: there is no file "{build.recipe_dir / name}"')
    with pytest.raises(UsageError) as caught:
        read(build, "--jobs", "2", "--cluster", name)
    assert str(caught.value) == (f'--cluster: there is no file "{build.recipe_dir / name}"')


def test_the_help(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit, match=r"^0$"):
        read(build, "--help")
    text = " ".join(shown.getvalue().split())
    assert text.startswith("usage: run.py [-h] [--stages NAME [NAME ...]] ")
    assert text.partition(" [--write_requirements] ")[2] == (
        "Run the stages of toy/task. What is up to date is skipped. "
        "options: -h, --help show this help message and exit "
        "--stages NAME [NAME ...] stages to run (default: all) "
        "--settings_config PATH take this file for the config settings "
        "--other_config PATH take this file for the config other "
        "--set NAME.KEY=VALUE change one value of a config or model, or recipe.exp_tag; "
        "may be repeated "
        "--dry_run show what would run, and why; change nothing "
        "--force run the stages even when they are up to date "
        "--keep_going after a failure go on with the stages that do not depend on it "
        "--jobs N run up to N stages that do not depend on each other side by side "
        "--cluster PATH with --jobs: run each stage as a job of the cluster that this file "
        "describes "
        "--list show all stages and their state "
        "--verify hash all outputs again and compare with receipts "
        "--report write the report of what is there; run nothing "
        "--preflight only look at all that the stages need; run nothing "
        "--format {human,json} how --preflight reports (default: human) "
        "--no_preflight do not look at the stages before they run "
        "--write_requirements write requirements.txt as installed "
        "stages, in this order: first second third"
    )


@pytest.mark.parametrize(
    ("words", "looks"),
    [
        *((["--dry_run"], True), (["--list"], True), (["--preflight"], True)),
        *((["--help"], True), (["-h"], True), (["--stages", "a", "--list"], True)),
        *(([], False), (["--verify"], False), (["--force", "--stages", "a"], False)),
    ],
)
def test_what_only_looks(words: list[str], looks: bool) -> None:
    assert only_looks(words) is looks


def test_a_path_is_relative_to_where_the_command_was_given(build: Build, tmp_path: Path) -> None:
    (tmp_path / "here.yaml").write_text("a: 1\n")
    given = read_arguments(build, ["--settings_config", "here.yaml"], tmp_path)
    assert given.config_files == {"settings": tmp_path / "here.yaml"}
