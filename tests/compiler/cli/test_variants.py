"""Configs for the command line of ``run.py``: given to the checker, or found in its directory."""

import json
from pathlib import Path

import pytest

from espnet3_compiler.cli.variants import find_variants
from tests.compiler.recipe_kit import call, minimal

GOOD = "dataset: {train: [{data_src: digits}], valid: [{data_src: digits}]}\nseed: 5\n"
BAD = GOOD.replace("seed", "sed")


@pytest.fixture(autouse=True)
def _in_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    minimal(tmp_path / "asr")
    (tmp_path / "asr/conf").mkdir()


def write(name: str, text: str) -> None:
    Path("asr/conf", name).write_text(text)


def found(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str, int]]:
    assert call("--check", "--format", "json", *words) in (0, 1)
    report = json.loads(capsys.readouterr().out)
    places = [(item["code"], item["primary"]["place"]) for item in report["findings"]]
    return [(code, place["source"], place["start"]["line"]) for code, place in places]


GIVEN = [
    ["asr/recipe.yaml", "--training_config", "asr/conf/big.yaml"],
    ["--training_config", "asr/conf/big.yaml", "asr/recipe.yaml"],
    ["--training_config=asr/conf/big.yaml", "asr/recipe.yaml"],
]


@pytest.mark.parametrize("words", GIVEN)
def test_a_config_for_the_command_line_is_checked_at_its_own_lines(capsys, words) -> None:
    write("big.yaml", BAD)
    assert found(capsys, *words) == [("R601", "asr/conf/big.yaml", 2)]
    write("big.yaml", GOOD)
    assert found(capsys, *words) == []
    assert call("--check", "asr/recipe.yaml") == 0


def test_a_build_is_not_compared_with_another_config(capsys) -> None:
    assert call("asr/recipe.yaml") == 0
    write("big.yaml", GOOD)
    assert call("--check", "--strict", *GIVEN[0]) == 0
    assert "is not what the manifest compiles to" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--check", "asr/recipe.yaml", "--training_config", "no.yaml"], "there is no file"),
        (["--check", "asr", "--training_config", "asr/recipe.yaml"], "takes one manifest"),
        (["asr/recipe.yaml", "--training_config", "asr/recipe.yaml"], "goes with --check"),
        (["--check", "asr/recipe.yaml", "--training_config"], "unrecognized arguments"),
    ],
)
def test_wrong_usage(capsys, words, message) -> None:
    assert call(*words) == 2
    assert message in capsys.readouterr().err


def test_a_config_that_the_manifest_does_not_have(capsys) -> None:
    write("big.yaml", GOOD)
    words = ["--check", "asr/recipe.yaml", "--trainig_config", "asr/conf/big.yaml"]
    assert call(*words) == 1
    err = capsys.readouterr().err
    assert "error[R309 bad-override]" in err
    assert 'did you mean "--training_config"?' in err


def test_a_directory_has_those_that_say_which_they_replace(capsys) -> None:
    write("big.yaml", f"# yaml-language-server: $schema=x\n# replaces: training\n\n{BAD}")
    write("silent.yaml", BAD)
    write("later.yaml", f"{BAD}# replaces: training\n")
    assert found(capsys, "asr") == found(capsys, ".") == [("R601", "asr/conf/big.yaml", 5)]
    assert found(capsys, "asr/recipe.yaml") == []
    write("big.yaml", f"# replaces: training\n{GOOD}")
    assert found(capsys, "asr") == []


def test_what_the_manifest_has_itself_is_told_once(capsys) -> None:
    minimal(Path("asr"), old="in_features", new="in_featurs")
    write("big.yaml", f"# replaces: training\n{BAD}")
    assert found(capsys, "asr") == [
        ("R502", "asr/recipe.yaml", 6),
        ("R601", "asr/conf/big.yaml", 3),
    ]


def test_a_name_that_no_manifest_has(capsys) -> None:
    write("big.yaml", f"# replaces: trainig\n{BAD}")
    assert found(capsys, "asr") == [("R521", "asr/conf/big.yaml", 1)]
    assert call("--check", "asr") == 0
    assert 'did you mean "training"?' in capsys.readouterr().err
    Path("asr/recipe_small.yaml").write_text("configs:\n  trainig: {}\n")
    assert found(capsys, "asr") == []


def test_what_only_the_replaced_config_refers_to_is_used(capsys) -> None:
    used = "  other: {seed: 4}\n  training:\n    seed: ${configs.other.seed}\n"
    minimal(Path("asr"), old="  training:\n", new=used)
    write("big.yaml", f"# replaces: training\n{GOOD}")
    assert found(capsys, "asr") == []


def test_a_remark_names_no_config(capsys) -> None:
    write("big.yaml", f"# replaces: the old training config\n{BAD}")
    write("other.yaml", f"# replaces: conf/training_old.yaml\n{BAD}")
    assert found(capsys, "asr") == []


def test_several_names_and_folders_of_other_recipes(capsys) -> None:
    write("big.yaml", f"# replaces: training, training\n{BAD}")
    minimal(Path("asr/more"))
    Path("asr/more/x.yaml").write_text(f"# replaces: training\n{BAD}")
    assert sorted(found(capsys, "asr")) == [
        ("R601", "asr/conf/big.yaml", 3),
        ("R601", "asr/more/x.yaml", 3),
    ]


@pytest.mark.parametrize(("last", "names"), [(4096, ["one", "two"]), (4097, [])])
def test_how_much_of_a_file_is_read_for_what_it_replaces(last: int, names: list[str]) -> None:
    head = f"{'#'.ljust(last - len('# replaces:') - 1, '-')}\n# replaces:"
    assert len(head) == last
    write("big.yaml", f"{head} one, two\n")
    write("big.yml", "# replaces: three\n\n  # more\na: 1\n# replaces: four\n")
    variants = list(find_variants(Path("asr")))
    assert [(v.span.text, v.file.name) for v in variants] == [
        *((name, "big.yaml") for name in names),
        ("three", "big.yml"),
    ]
