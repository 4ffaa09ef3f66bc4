"""What the stage infer writes of each item, and how outputs are held against the contract."""

import json

import numpy as np
import pytest
import soundfile
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.scp import read_scp
from espnet3_runtime.stages.measure import measure
from tests.runtime.infer_kit import CONTRACT, add_code, run
from tests.runtime.inference_kit import in_recipe, make_context


@pytest.fixture
def recipe(tmp_path):
    with in_recipe(tmp_path / "recipe") as directory:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, directory / "best.ckpt")
        yield directory


MANY = """
import numpy as np

class Many:
    def __call__(self, model, speech, speech_lengths):
        return [
            {
                "text": ["best one", "second"],
                "wave": row[:n],
                "feats": row[:n].reshape(-1, 2),
                "words": [{"text": "a", "start": 0.0, "end": 0.5}],
                "score": row[0],
            }
            for row, n in zip(speech, speech_lengths.tolist())
        ]
"""


MANY_CONTRACT = {
    "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
    "outputs": {
        "text": {"kind": "text"},
        "wave": {"kind": "audio", "sample_rate": 16000},
        "words": {"kind": "segments"},
        "score": {"kind": "number"},
    },
}


@pytest.mark.parametrize("artifacts", [{}, {"wave": {"type": "wav"}}])
def test_every_kind_of_output(recipe, artifacts):
    add_code(recipe, "many", MANY)
    keys = ["text", "wave", "words", "score"]
    changes = {"runner": {"_target_": "src.many.Many"}, "contract": MANY_CONTRACT}
    _, context = run(recipe, output_keys=keys, output_artifacts=artifacts, **changes)
    test = context.directory / "test"
    assert read_scp(test / "text.scp")["utt0"] == "best one"
    first = json.loads((test / "results.jsonl").open().readline())
    assert first["outputs"]["text"] == ["best one", "second"]
    path = read_scp(test / "wave.scp")["utt1"]
    assert path == "exp/tiny/infer/test/wave/utt1.wav"
    wave, rate = soundfile.read(recipe / path)
    assert (len(wave), rate) == (320, 16000)
    assert json.loads((test / "words/utt1.json").read_text())[0]["end"] == 0.5
    assert float(read_scp(test / "score.scp")["utt1"]) == pytest.approx(0.1)


def test_outputs_that_become_files_by_their_value(recipe):
    names = [f"out{number}" for number in range(8)]
    add_code(
        recipe,
        "eight",
        "def eight(model, speech, **_):\n"
        "    return [{f'out{n}': row[:2] for n in range(8)} for row in speech]\n",
    )
    runner = {"_target_": "src.eight.eight", "_partial_": True}
    artifacts = {"out3": {"type": "npy"}}
    _, context = run(recipe, runner=runner, contract=None, output_artifacts=artifacts)
    summary = json.loads((context.directory / "inference.json").read_text())["tests"]["test"]
    assert summary["outputs"] == names
    assert summary["by_value"] == [name for name in names if name != "out3"]


def test_formats_of_choice(recipe):
    add_code(recipe, "many", MANY)
    add_code(recipe, "save", "def halves(value, path):\n    open(path, 'w').write(str(len(value)))")
    _, context = run(
        recipe,
        runner={"_target_": "src.many.Many"},
        contract=None,
        output_keys=["feats", "wave", "words"],
        output_artifacts={
            "wave": {"type": "npy"},
            "words": {"writer": {"_target_": "src.save.halves"}},
        },
    )
    test = context.directory / "test"
    assert np.load(test / "feats/utt0.npy").shape == (80, 2)
    assert np.load(test / "wave/utt0.npy").shape == (160,)
    assert (test / "words/utt0").read_text() == "1"


RESULTS = {
    "[{'text': 'x'}]": "1 results for 3 items",
    "{'text': 'x'}": "the runner gave dict for 3 items",
    "['x'] * len(speech)": "the runner gave str for utt",
    "[{'txt': 'x'}] * len(speech)": '"txt" for utt2, which contract.outputs does not declare',
    "[{}] * len(speech)": 'the runner gave no "text" for utt2',
    "[{'text': 3}] * len(speech)": '"text" of utt2 is not text: expected a string, found int',
}


@pytest.mark.parametrize("expression", RESULTS)
def test_results_that_break_the_contract(recipe, expression):
    add_code(recipe, "bad", f"def bad(model, speech, **_):\n    return {expression}\n")
    runner = {"_target_": "src.bad.bad", "_partial_": True}
    with pytest.raises(UserError) as caught:
        run(recipe, runner=runner)
    assert RESULTS[expression] in str(caught.value)


def test_an_input_that_breaks_the_contract(recipe):
    contract = {**CONTRACT, "inputs": {"speech": {"kind": "audio", "channels": 2}}}
    with pytest.raises(UserError, match='"speech" of utt2 is not audio: it has 1 channels'):
        run(recipe, contract=contract)
    with pytest.raises(UserError, match='utt2 has no "wave"; it has speech, text, speaker'):
        run(recipe, contract={"inputs": {"wave": {"kind": "audio"}}})


def test_output_keys_choose_and_are_checked(recipe):
    with pytest.raises(UserError, match='the runner gave no "txt"') as caught:
        run(recipe, output_keys=["txt"], contract=None)
    assert 'did you mean "text"?' in str(caught.value)


def test_a_model_of_the_config_is_called_with_its_input_keys(recipe):
    add_code(
        recipe,
        "own",
        "class Own:\n"
        "    def __init__(self, device, beam=1):\n"
        "        self.beam = beam\n"
        "    def __call__(self, speech):\n"
        "        return [(f'{speech.shape[0]} {self.beam}', []), ('second', [])]",
    )
    own = {"_target_": "src.own.Own", "beam": 5}
    _, context = run(
        recipe, model=own, runner=None, input_key="speech", contract=None, checkpoint=None
    )
    assert read_scp(context.directory / "test/text.scp")["utt1"] == "320 5"
    first = json.loads((context.directory / "test/results.jsonl").open().readline())
    assert first["outputs"]["text"] == ["160 5", "second"]


def test_no_runner_and_no_model_of_its_own(recipe):
    with pytest.raises(UserError, match="does not say how the model is run"):
        run(recipe, runner=None)


def test_a_provider_of_the_recipe(recipe):
    add_code(
        recipe,
        "provide",
        "from espnet3_runtime.inference.provider import from_checkpoint\n"
        "def doubled(model, checkpoint, device, factor):\n"
        "    built = from_checkpoint(model, checkpoint, device)\n"
        "    built.scale.data *= factor\n"
        "    return built\n",
    )
    run(recipe, provider={"_target_": "src.provide.doubled", "factor": 2})
    assert read_scp(recipe / "exp/tiny/infer/test/text.scp")["utt1"] == "two four"


def test_ids_must_be_unique_and_one_word(recipe):
    (recipe / "dataset/__init__.py").write_text(
        "import numpy as np\n"
        "class Dataset:\n"
        "    def __init__(self, ids):\n"
        "        self.ids = ids\n"
        "    def __len__(self):\n"
        "        return len(self.ids)\n"
        "    def __getitem__(self, i):\n"
        "        return {'utt_id': self.ids[i], 'speech': np.zeros(160, np.float32)}\n"
    )
    with pytest.raises(UserError, match='items 0 and 2 both have the id "a"'):
        run(recipe, dataset={"test": [{"name": "t", "data_src_args": {"ids": ["a", "b", "a"]}}]})
    with pytest.raises(UserError, match='the utterance id "a b" is empty or contains white space'):
        run(recipe, dataset={"test": [{"name": "t", "data_src_args": {"ids": ["a b"]}}]})
    _, context = run(
        recipe, dataset={"test": [{"name": "t", "data_src_args": {"ids": ["a/b", "../c"]}}]}
    )
    assert list(read_scp(context.directory / "t/text.scp")) == ["a/b", "../c"]


def test_ids_with_slashes_stay_inside_their_directory(recipe):
    add_code(recipe, "many", MANY)
    changes = {"runner": {"_target_": "src.many.Many"}, "contract": MANY_CONTRACT}
    prefix = {"name": "t", "data_src_args": {"size": 2, "prefix": "../../up/"}}
    _, context = run(
        recipe,
        dataset={"test": [prefix]},
        output_keys=["text", "wave", "words", "score"],
        **changes,
    )
    waves = list((context.directory / "t/wave").iterdir())
    assert len(waves) == 2
    assert not list(recipe.rglob("up"))


@pytest.mark.parametrize(
    ("part", "workers"),
    [("Dataset", 0), ("preprocessor", 0), ("collate", 0), ("runner", 0), ("collate", 1)],
)
def test_stop_iteration_is_an_error_that_names_an_item(recipe, part, workers):
    add_code(
        recipe,
        "empty",
        "from espnet3_runtime.data.collate import CommonCollateFn\n"
        "def preprocessor(utt_id, sample): return next(iter(()))\n"
        "class collate(CommonCollateFn):\n"
        "    def __call__(self, items): return next(iter(()))\n"
        "def runner(model, **_): return next(iter(()))\n",
    )
    node = {"_target_": f"src.empty.{part}"}
    partial = {**node, "_partial_": True}
    sets = {"test": [{"name": "test", "data_src_args": {"size": 10}}]}
    changes = {"dataloader": {"num_workers": workers}}
    if part == "Dataset":
        file = recipe / "dataset/__init__.py"
        was = "def __getitem__(self, index):\n"
        assert was in file.read_text()
        new = f"{was}        index == 7 and next(iter(()))\n"
        file.write_text(file.read_text().replace(was, new))
    elif part == "preprocessor":
        sets["preprocessor"] = partial
    elif part == "collate":
        changes["dataloader"]["collate_fn"] = node
    else:
        changes["runner"] = partial
    with pytest.raises(UserError, match=r"(utt\d|item 7).*StopIteration"):
        run(recipe, dataset=sets, **changes)
    assert not (recipe / "exp/tiny/infer/test").exists()


ANSWERS = """
import numpy as np
import torch

VALUES = {
    "nbest": [["utterance"], [], ("one", "two")],
    "number": [2, np.float32(2), torch.tensor(2.0)],
    "mixed": ["one", None, "two"],
    "late": [[], {"a": 1}, []],
    "nothing": [None, None, None],
    "mapping": [{"text": "one"}] * 3,
}

class Answer:
    def __init__(self, name):
        self.values = iter(VALUES[name])
    def __call__(self, model, speech, speech_lengths):
        return [{"text": next(self.values)} for _ in speech]
"""


def score(recipe, name, metric, target, **changes):
    add_code(recipe, "answers", ANSWERS)
    sets = {"test": [{"name": "test", "data_src_args": {"size": 3}}]}
    runner = {"_target_": "src.answers.Answer", "name": name}
    outputs, context = run(
        recipe, dataset=sets, runner=runner, **{"contract": None, "input_key": "speech", **changes}
    )
    lines = read_scp(context.directory / "test/text.scp")
    metrics = {"metrics": [{"metric": {"_target_": target}, "inputs": metric}]}
    upstream = {"infer.inference_dir": outputs["inference_dir"]}
    measured = make_context(
        recipe,
        "measure",
        configs={"metrics": metrics},
        upstream=upstream,
        upstream_kinds={"infer": "infer"},
    )
    found = json.loads(measure(measured)["metrics"].read_text())
    return list(lines.values()), next(iter(found["metrics"].values()))["test"]


ACCURACY = "espnet3_runtime.metrics.accuracy.Accuracy"
SAME = {"ref": "text", "hyp": "text"}


@pytest.mark.parametrize("contract", [None, CONTRACT])
def test_an_empty_nbest_list_is_empty_text(recipe, contract):
    lines, numbers = score(recipe, "nbest", SAME, ACCURACY, contract=contract)
    assert lines == ["one", "", "utterance"]
    assert numbers["total"] == 3


def test_numbers_of_numpy_and_torch(recipe):
    lines, numbers = score(recipe, "number", SAME, ACCURACY)
    assert sorted(lines) == ["2", "2.0", "2.0"]
    assert numbers["correct"] == 3


@pytest.mark.parametrize("name", ["mixed", "late"])
def test_an_output_is_text_or_a_file_for_the_whole_set(recipe, name):
    with pytest.raises(UserError, match=r'"text" is a text or number for utt\d, and neither for'):
        score(recipe, name, SAME, ACCURACY)


@pytest.mark.parametrize("target", [ACCURACY, "src.own.count"])
@pytest.mark.parametrize("name", ["nothing", "mapping"])
def test_no_metric_takes_a_path_for_a_text(recipe, name, target):
    add_code(recipe, "own", "class count:\n    def __call__(self, ref, hyp): return 1\n")
    with pytest.raises(UserError, match='"text" is a file for each item of the test set "test"'):
        score(recipe, name, SAME, target)


def test_a_metric_takes_paths_of_files_that_the_config_asks_for(recipe):
    add_code(recipe, "own", "class count:\n    def __call__(self, ref, hyp): return len(ref)\n")
    artifacts = {"text": {"type": "json"}}
    _, numbers = score(recipe, "mapping", SAME, "src.own.count", output_artifacts=artifacts)
    assert numbers == {"count": 3}
    with pytest.raises(UserError, match="and no text"):
        score(recipe, "mapping", SAME, ACCURACY, output_artifacts=artifacts)
