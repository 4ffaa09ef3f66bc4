"""Every code is explained, and the explanations are true: their examples are compiled."""

import re
import shutil
from pathlib import Path

import pytest

from espnet3_compiler.cli.explain import explain, explanation_text, suggest_code
from espnet3_compiler.diagnostics.codes import CODES
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult

CODE_OF_CASES = Path(__file__).parents[2] / "cases" / "ok"
EXPLANATIONS = Path(__file__).parents[3] / "compiler" / "espnet3_compiler" / "explanations"
BLOCK = re.compile(r"^(Wrong|Right):\n\n```(\w+)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
TRAINING = "dataset: {train: [{data_src_args: {split: train}}]}"
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
DEEP = {"R807", *(number for number in NUMBERS if number.startswith("R9"))}


def examples(number: str) -> dict[str, tuple[str, str]]:
    return {
        which: (language, text) for which, language, text in BLOCK.findall(explanation_text(number))
    }


def compile_example(directory: Path, language: str, text: str) -> CompileResult:
    """Compile an example; what it leaves out of the manifest is added."""
    for name in ("src", "dataset"):
        shutil.copytree(CODE_OF_CASES / name, directory / name, dirs_exist_ok=True)
    (directory / "conf").mkdir()
    (directory / "conf" / "training.yaml").write_text(TRAINING)
    sets = re.findall(r"--set (\S+)", text) if language == "sh" else []
    fragment = text if language == "yaml" else ""
    head = [
        line for key, line in REST.items() if not re.search(rf"^{key}:", fragment, re.MULTILINE)
    ]
    if "training:" in fragment and not re.search(r"\bdataset:", fragment):
        sets.append("training.dataset.train=[{data_src_args: {split: train}}]")
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
    language, text = examples(number)["Wrong"]
    outcome = compile_example(tmp_path, language, text)
    assert {finding.code for finding in outcome.diagnostics} == {number}


@pytest.mark.parametrize("number", [n for n in NUMBERS if n not in NOT_COMPILED | DEEP])
def test_the_right_example_is_silent(tmp_path, number):
    language, text = examples(number)["Right"]
    assert compile_example(tmp_path, language, text).diagnostics == ()


def test_a_code_is_found_by_number_and_name():
    assert explain("R601") == explain("r601") == explain("unknown-key") == explanation_text("R601")
    assert explanation_text("R601").startswith("# R601 unknown-key (error)\n")
    assert explain("R999") is None


@pytest.mark.parametrize(("code", "meant"), [("unknown-kye", "unknown-key"), ("R6001", "R601")])
def test_an_unknown_code_has_a_likely_one(code, meant):
    assert suggest_code(code) == meant
