"""Speech is translated at once and in two passes, of which the second reads the first's words."""

import json
from pathlib import Path

import pytest

from espnet3_runtime.inference.scp import read_scp
from tests.recipes.recipe_runs import copy_recipes, module, run, run_all

pytest.importorskip("espeakng_loader")

SMALL = (
    "training.create_dataset.sizes={train: 24, valid: 4, test: 8}",
    "training.create_dataset.longest=4",
    "german.tokenizer.vocab_size=32",
    "training.trainer.max_epochs=1",
    "second_training.trainer.max_epochs=1",
)


@pytest.fixture(scope="module")
def translated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_recipes(tmp_path_factory.mktemp("translation")) / "digits" / "translation"
    run_all(folder, SMALL)
    return folder


def test_one_model_writes_two_outputs_and_each_is_scored(translated: Path) -> None:
    exp = translated / "exp" / "recipe"
    transcripts = read_scp(exp / "infer" / "test" / "transcript.scp")
    assert transcripts.keys() == read_scp(exp / "infer" / "test" / "translation.scp").keys()
    assert len(transcripts) == 8
    scores = json.loads((exp / "measure" / "metrics.json").read_text())["metrics"]
    assert set(scores) == {"transcript", "translation", "exact"}


def test_the_second_pass_reads_what_the_first_one_wrote(translated: Path) -> None:
    exp = translated / "exp" / "recipe"
    spoken = module("digits/translation", "dataset.dataset").Dataset
    scp = exp / "infer" / "test" / "transcript.scp"
    data = str(translated.parent / "asr" / "data")
    items = list(spoken("test", data, first_pass=str(scp), speech=False))
    assert {item["utt_id"]: item["text"] for item in items} == read_scp(scp)
    assert len(read_scp(exp / "infer_second" / "test" / "translation.scp")) == len(items)
    with scp.open("a") as file:
        file.write("another nine\n")
    planned = run("build/run.py", "--dry_run", folder=translated).stdout
    lines = [line.split() for line in planned.splitlines() if line]
    verdicts = {name: words for name, *words in lines}
    assert verdicts["infer"][:1] == ["runs"]
    waits = ["may", "run", "if", "infer", "makes", "something", "else"]
    assert verdicts["infer_second"] == verdicts["measure"] == waits
    assert verdicts["infer_oracle"][:1] == verdicts["train_second"][:1] == ["skipped"]


def test_the_unit_of_a_german_number_comes_first() -> None:
    translate = module("digits/translation", "dataset.german").translate
    assert translate("four two seven") == "zweiundvierzig sieben"
    assert translate("two one one zero zero five") == "einundzwanzig zehn null fünf"
    assert translate("three zero six six") == "dreißig sechsundsechzig"
    assert translate("one one") == "elf"
