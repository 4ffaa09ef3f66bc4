"""Every code is explained, and the explanations are true: their examples are compiled."""

import re
import shutil
from pathlib import Path

import pytest

from espnet3_compiler.cli.explain import explain, suggest_code
from espnet3_compiler.cli.main import main
from espnet3_compiler.diagnostics.codes import BY_NUMBER, CODES
from espnet3_compiler.diagnostics.explanation import explanation_text
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult

CODE_OF_CASES = Path(__file__).parents[2] / "cases" / "ok"
EXPLANATIONS = Path(__file__).parents[3] / "compiler" / "espnet3_compiler" / "explanations"
EXAMPLE = re.compile(r"^(Wrong|Right):\n((?:\n```\w+\n(?:.*\n)*?```\n)+)", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^(?:# )?(\w+(?:/\w+)*\.(?:py|yaml))\n", re.MULTILINE)
TRAINING = "dataset: {train: [{data_src_args: {split: train}}]}"
RUNNER = "{_target_: src.decode.Decode, beam: 4}"
REST = {
    "version": "version: 1",
    "recipe": "recipe: mini/asr",
    "system": "system: base",
    "models": "models: {net: {_target_: src.model.Net, size: 8}}",
    "configs": f"configs: {{training: {{{TRAINING}}}}}",
    "stages": "stages: [train]",
}
NUMBERS = [code.number for code in CODES]
NOT_COMPILED = {"R108", "R109", "R507", "R703", "R704", "R705"}  # no YAML, or links
NOT_COMPILED |= {"R520", "R521"}  # found by the command
DEEP = {number for number in NUMBERS if number.startswith("R9")}


def examples(number: str) -> dict[str, dict[str, str]]:
    """Return the blocks of both examples by language."""
    found = EXAMPLE.findall(explanation_text(number))
    return {which: dict(BLOCK.findall(blocks)) for which, blocks in found}


def compile_example(directory: Path, number: str, which: str) -> CompileResult:
    """Compile an example; what it leaves out of the manifest is added."""
    blocks = examples(number)[which]
    for name in ("src", "dataset"):
        shutil.copytree(CODE_OF_CASES / name, directory / name, dirs_exist_ok=True)
    (directory / "conf").mkdir()
    (directory / "conf" / "training.yaml").write_text(TRAINING)
    _, *parts = FILE.split(f"{blocks.get('python') or blocks.get('text', '')}\n")
    for file, code in zip(parts[::2], parts[1::2], strict=True):
        (directory / file).write_text(code)
    sets = re.findall(r"--set (\S+)", blocks.get("sh", ""))
    fragment = blocks.get("yaml", "")
    head = [
        line for key, line in REST.items() if not re.search(rf"^{key}:", fragment, re.MULTILINE)
    ]
    if "training:" in fragment and not re.search(r"\bdataset:", fragment):
        sets.append("training.dataset.train=[{data_src_args: {split: train}}]")
    if "inference:" in fragment and "runner:" not in fragment and number != "R418":
        sets.append(f"inference.runner={RUNNER}")
    manifest = directory / "recipe.yaml"
    manifest.write_text("\n".join([*head, fragment, ""]))
    return compile_manifest(manifest, sets=sets)


def test_there_is_one_for_each_code():
    assert sorted(path.stem for path in EXPLANATIONS.glob("*.md")) == sorted(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_it_has_a_wrong_and_a_right_example(number):
    assert list(examples(number)) == ["Wrong", "Right"]
    paragraph = explanation_text(number).split("\n\n")[2]
    assert paragraph.endswith(".")
    assert max(len(line) for line in paragraph.splitlines()) <= 100


@pytest.mark.parametrize("number", [n for n in NUMBERS if n not in NOT_COMPILED | DEEP])
def test_the_wrong_example_is_found(tmp_path, number):
    outcome = compile_example(tmp_path, number, "Wrong")
    assert {finding.code for finding in outcome.diagnostics} == {number}


@pytest.mark.parametrize("number", [n for n in NUMBERS if n not in NOT_COMPILED | DEEP])
def test_the_right_example_is_silent(tmp_path, number):
    assert compile_example(tmp_path, number, "Right").diagnostics == ()


def test_a_code_is_found_by_number_and_name():
    assert explain("R601") == explain("r601") == explain("unknown-key") == explanation_text("R601")
    assert explanation_text("R601").startswith("# R601 unknown-key (error)\n")
    assert explain("R999") is None


@pytest.mark.parametrize(("code", "meant"), [("unknown-kye", "unknown-key"), ("R6001", "R601")])
def test_an_unknown_code_has_a_likely_one(code, meant):
    assert suggest_code(code) == meant


def test_all_codes_are_listed_without_one(capsys):
    assert main(["--explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(NUMBERS)
    (line,) = (line for line in lines if line.startswith("R601"))
    assert line.split(maxsplit=3) == ["R601", "unknown-key", "error", BY_NUMBER["R601"].summary]
