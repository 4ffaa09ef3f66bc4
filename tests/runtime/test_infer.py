"""The stage infer: outputs, contracts, shards and resuming."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from inference_kit import in_recipe, make_context

from espnet3_runtime import parallel
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.scp import read_scp
from espnet3_runtime.stages.infer import infer

MODEL = {"_target_": "src.model.Scale"}
CONTRACT = {
    "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
    "outputs": {"text": {"kind": "text"}},
}


@pytest.fixture
def recipe(tmp_path):
    with in_recipe(tmp_path / "recipe") as directory:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, directory / "best.ckpt")
        yield directory


def config(**changes):
    values = {
        "dataset": {"test": [{"name": "test", "data_src_args": {"size": 10}}]},
        "checkpoint": "best.ckpt",
        "runner": {"_target_": "src.decode.Reader"},
        "contract": CONTRACT,
        "device": "cpu",
        "batch_size": 3,
    }
    return values | changes


def run(recipe, *, resume=False, context=None, **changes):
    context = context or make_context(
        recipe, "infer", configs={"inference": config(**changes)}, model=MODEL
    )
    return infer(replace(context, resume=resume)), context


def add_code(recipe, name, text):
    (recipe / "src" / f"{name}.py").write_text(text)


def test_scp_in_the_order_of_the_data_set(recipe):
    outputs, context = run(recipe)
    assert outputs == {"inference_dir": recipe / "exp/tiny/infer"}
    hypotheses = read_scp(context.directory / "test" / "text.scp")
    references = read_scp(context.directory / "test" / "dataset" / "text.scp")
    assert list(hypotheses) == [f"utt{i}" for i in range(10)]
    assert hypotheses == references
    assert hypotheses["utt4"] == "four zero"
    summary = json.loads((context.directory / "inference.json").read_text())
    assert summary["checkpoint"]["path"] == "best.ckpt"
    assert summary["tests"]["test"]["items"] == 10
    assert summary["tests"]["test"]["columns"] == ["speaker", "text"]
    assert summary["tests"]["test"]["audio_seconds"] == pytest.approx(19 * 160 / 16000)
    assert context.progress.done == {"infer test": 10}
    assert not (context.directory / "work").exists()


def test_weights_are_really_loaded(recipe):
    torch.save({"scale": torch.full((1,), 2.0)}, recipe / "best.ckpt")
    run(recipe)
    assert read_scp(recipe / "exp/tiny/infer/test/text.scp")["utt1"] == "two four"


def test_weights_that_do_not_fit_are_listed(recipe):
    torch.save({"scale": torch.ones(2), "extra": torch.ones(1)}, recipe / "best.ckpt")
    with pytest.raises(UserError) as caught:
        run(recipe)
    assert 'weights of "' in str(caught.value)
    assert "not in the model: extra" in str(caught.value)
    assert "scale is (2,) in the file and (1,) in the model" in str(caught.value)


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_a_checkpoint_that_would_run_code_is_refused(recipe):
    torch.save({"scale": torch.ones(1), "evil": Evil()}, recipe / "best.ckpt")
    with pytest.raises(UserError, match="not a checkpoint of tensors"):
        run(recipe)


def test_a_missing_checkpoint(recipe):
    with pytest.raises(UserError, match=r'there is no checkpoint ".*none\.ckpt"'):
        run(recipe, checkpoint="none.ckpt")


def test_several_test_sets_have_directories_of_their_own(recipe):
    sets = [
        {"name": "a", "data_src_args": {"size": 2}},
        {"name": "b", "data_src_args": {"size": 4, "prefix": "other"}},
    ]
    _, context = run(recipe, dataset={"test": sets})
    assert len(read_scp(context.directory / "a/text.scp")) == 2
    assert "other3" in read_scp(context.directory / "b/text.scp")
    run(recipe, dataset={"test": sets[:1]})
    assert not (context.directory / "b").exists()


def test_two_test_sets_of_one_name(recipe):
    with pytest.raises(UserError, match='two test sets are called "a"'):
        run(recipe, dataset={"test": [{"name": "a"}, {"name": "a"}]})


def test_results_follow_the_inputs_not_what_lies_there(recipe):
    """ESPnet3 answers with old hypotheses after the checkpoint changed; here they change."""
    run(recipe)
    torch.save({"scale": torch.full((1,), 2.0)}, recipe / "best.ckpt")
    run(recipe)
    assert read_scp(recipe / "exp/tiny/infer/test/text.scp")["utt1"] == "two four"


FAILING = """
import os

class Failing:
    calls = 0

    def __call__(self, model, speech, speech_lengths):
        from src.decode import Reader
        with open("calls.txt", "a") as log:
            log.write("x")
        Failing.calls += 1
        if Failing.calls == 3 and os.path.exists("fail"):
            raise ValueError("beam is empty")
        return Reader()(model, speech, speech_lengths)
"""


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(recipe):
    add_code(recipe, "failing", FAILING)
    (recipe / "fail").touch()
    changes = {"runner": {"_target_": "src.failing.Failing"}, "batch_size": 2}
    with pytest.raises(UserError, match="beam is empty") as caught:
        run(recipe, **changes)
    assert isinstance(caught.value.__cause__, ValueError)
    assert not (recipe / "exp/tiny/infer/test").exists()
    assert not (recipe / "exp/tiny/infer/inference.json").exists()
    (recipe / "fail").unlink()
    run(recipe, resume=True, **changes)
    assert len((recipe / "calls.txt").read_text()) == 3 + 3
    assert len(read_scp(recipe / "exp/tiny/infer/test/text.scp")) == 10


def test_shards_of_another_checkpoint_are_not_continued(recipe):
    add_code(recipe, "failing", FAILING)
    (recipe / "fail").touch()
    changes = {"runner": {"_target_": "src.failing.Failing"}, "batch_size": 2}
    with pytest.raises(UserError):
        run(recipe, **changes)
    (recipe / "fail").unlink()
    torch.save({"scale": torch.full((1,), 2.0)}, recipe / "best.ckpt")
    run(recipe, resume=True, **changes)
    hypotheses = read_scp(recipe / "exp/tiny/infer/test/text.scp")
    assert hypotheses["utt1"] == "two four"
    assert hypotheses["utt2"].startswith("four")


def test_workers_give_the_same_as_one_process(recipe, monkeypatch):
    names = ("test", "more")
    sets = {"test": [{"name": name, "data_src_args": {"size": 10}} for name in names]}
    _, context = run(recipe, dataset=sets)
    alone = (context.directory / "test/results.jsonl").read_text()
    started = []
    start = parallel._cluster
    monkeypatch.setattr(parallel, "_cluster", lambda *a: started.append(a) or start(*a))
    two = {"env": "local", "n_workers": 2}
    _, context = run(recipe, dataset=sets, parallel=two, dataloader={"num_workers": 1})
    assert (context.directory / "test/results.jsonl").read_text() == alone
    assert context.progress.done == {"infer test": 10, "infer more": 10}
    assert len(started) == 1


def test_one_shard_needs_no_workers(recipe, monkeypatch):
    monkeypatch.setattr(parallel, "_cluster", lambda *_: pytest.fail("a cluster was started"))
    run(recipe, batch_size=10, parallel={"env": "local", "n_workers": 2})


def test_a_failure_in_a_worker_is_told_like_one_at_home(recipe, capfd):
    torch.save({"other": torch.ones(1)}, recipe / "best.ckpt")
    with pytest.raises(UserError, match="missing in the file: scale"):
        run(recipe, parallel={"env": "local", "n_workers": 2})
    assert capfd.readouterr().err == ""


def test_a_cluster_that_is_not_installed(recipe):
    with pytest.raises(UserError, match='the package "dask-kubernetes", which is not installed'):
        run(recipe, parallel={"env": "kube"})


def test_loader_processes(recipe):
    _, context = run(recipe, dataloader={"num_workers": 1})
    assert len(read_scp(context.directory / "test/text.scp")) == 10


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


def test_every_kind_of_output(recipe):
    add_code(recipe, "many", MANY)
    keys = ["text", "wave", "words", "score"]
    changes = {"runner": {"_target_": "src.many.Many"}, "contract": MANY_CONTRACT}
    _, context = run(recipe, output_keys=keys, **changes)
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


def test_a_sampling_decoder_gives_the_same_twice_and_with_other_workers(recipe):
    add_code(
        recipe,
        "sample",
        "import torch\n"
        "def draw(model, speech, speech_lengths):\n"
        "    return [{'text': f'{torch.rand(1).item():.6f}'} for _ in speech]\n",
    )
    changes = {"runner": {"_target_": "src.sample.draw", "_partial_": True}, "seed": 3}
    _, context = run(recipe, **changes)
    first = (context.directory / "test/text.scp").read_text()
    run(recipe, parallel={"n_workers": 2}, **changes)
    assert (context.directory / "test/text.scp").read_text() == first
    assert len(set(first.split())) == 20


def test_a_wanted_device_that_is_not_there(recipe):
    if torch.cuda.is_available():
        pytest.skip("the machine has a GPU")
    with pytest.raises(UserError, match='this machine has no device "cuda"'):
        run(recipe, device="cuda")


def test_a_torn_shard_is_decoded_again(recipe):
    add_code(recipe, "failing", FAILING)
    (recipe / "fail").touch()
    changes = {"runner": {"_target_": "src.failing.Failing"}, "batch_size": 2}
    with pytest.raises(UserError):
        run(recipe, **changes)
    first = recipe / "exp/tiny/infer/work/test/shard-00000/records.jsonl"
    first.write_text(first.read_text()[:-20])
    (recipe / "fail").unlink()
    run(recipe, resume=True, **changes)
    assert len((recipe / "calls.txt").read_text()) == 3 + 4
    assert len(read_scp(recipe / "exp/tiny/infer/test/text.scp")) == 10
