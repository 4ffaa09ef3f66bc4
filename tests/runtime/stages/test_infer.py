"""The stage infer: outputs, contracts, shards and resuming."""

import json
import os

import pytest
import torch

from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.scp import read_scp
from espnet3_runtime.inference.shards import (
    InferenceRecord,
    Shard,
    ShardPart,
    is_done,
    plan_shards,
    read_records,
)
from espnet3_runtime.process import dask_workers
from tests.runtime.infer_kit import add_code, run
from tests.runtime.inference_kit import in_recipe


@pytest.fixture
def recipe(tmp_path):
    with in_recipe(tmp_path / "recipe") as directory:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, directory / "best.ckpt")
        yield directory


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


def test_what_is_decoded_already_needs_no_model(recipe):
    add_code(
        recipe,
        "many",
        "import dataset\n\n\n"
        "class Dataset(dataset.Dataset):\n"
        "    def __getitem__(self, index):\n"
        "        return {**super().__getitem__(index), 'utt_id': 'same'}\n\n\n"
        "def load(model, checkpoint, device):\n"
        "    with open('loaded.txt', 'a') as log:\n"
        "        log.write('x')\n"
        "    from espnet3_runtime.inference.provider import from_checkpoint\n"
        "    return from_checkpoint(model, checkpoint, device)\n",
    )
    changes = {
        "dataset": {"test": [{"name": "test", "data_src": "src.many"}]},
        "provider": {"_target_": "src.many.load"},
    }
    for resume in (False, True):
        with pytest.raises(UserError, match='both have the id "same"'):
            run(recipe, resume=resume, **changes)
    assert (recipe / "loaded.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("size", "batch", "sizes"),
    [
        (100, 3, [9] * 11 + [1]),
        (5, 3, [3, 2]),
        (2049 * 16, 1, [2048] * 16 + [16]),
        (9000, 3000, [3000] * 3),
    ],
)
def test_shards_are_16_at_most_and_more_of_a_large_set(recipe, size, batch, sizes):
    config = {"test": [{"name": "test", "data_src_args": {"size": size}}]}
    dataset = load_split(config, "test", DatasetDirectories(recipe, recipe / "data"))
    shards = plan_shards(dataset, None, batch)
    assert [shard.size for shard in shards] == sizes


def test_shards_of_another_checkpoint_are_not_continued(recipe):
    add_code(recipe, "failing", FAILING)
    (recipe / "fail").touch()
    changes = {"runner": {"_target_": "src.failing.Failing"}, "batch_size": 2}
    with pytest.raises(UserError, match="beam is empty"):
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
    start = dask_workers._cluster
    monkeypatch.setattr(dask_workers, "_cluster", lambda *a: started.append(a) or start(*a))
    two = {"env": "local", "n_workers": 2}
    _, context = run(recipe, dataset=sets, parallel=two, dataloader={"num_workers": 1})
    assert (context.directory / "test/results.jsonl").read_text() == alone
    assert context.progress.done == {"infer test": 10, "infer more": 10}
    assert len(started) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parallel": {"env": "local", "n_workers": 1}},
        {"parallel": {"env": "local", "n_workers": 2}, "batch_size": 10},  # one shard
    ],
)
def test_one_worker_is_this_process(recipe, monkeypatch, changes):
    """In ESPnet3 it is a Dask worker, which imports everything again."""
    monkeypatch.setattr(dask_workers, "_cluster", lambda *_: pytest.fail("a cluster was started"))
    add_code(
        recipe,
        "where",
        "import os\n"
        "def where(model, speech, **_):\n"
        "    return [{'text': str(os.getpid())} for _ in speech]\n",
    )
    run(recipe, runner={"_target_": "src.where.where", "_partial_": True}, **changes)
    assert set(read_scp(recipe / "exp/tiny/infer/test/text.scp").values()) == {str(os.getpid())}


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


def test_a_shard_cut_at_any_byte_is_not_done(tmp_path):
    shard = Shard(0, ((0, 2), (1,)))
    records = [InferenceRecord(index, f"é{index}", {"text": "ö"}) for index in (0, 2, 1)]
    part = ShardPart(shard.directory(tmp_path))
    for record in records:
        part.add(record)
    part.complete()
    assert read_records(shard.directory(tmp_path)) == records
    file = shard.directory(tmp_path) / "records.jsonl"
    whole = file.read_bytes()
    done = []
    for end in range(len(whole) + 1):
        file.write_bytes(whole[:end])
        if is_done(shard, tmp_path):
            done.append(end)
    assert done == [len(whole)]
    file.write_bytes(whole + whole)
    assert not is_done(shard, tmp_path)


@pytest.mark.parametrize("cut", ["within a line", "after a line", "before the last line's end"])
def test_a_torn_shard_is_decoded_again(recipe, cut):
    add_code(recipe, "failing", FAILING)
    _, context = run(recipe, batch_size=2)
    expected = (context.directory / "test" / "results.jsonl").read_bytes()
    (recipe / "fail").touch()
    changes = {"runner": {"_target_": "src.failing.Failing"}, "batch_size": 2}
    with pytest.raises(UserError, match="beam is empty"):
        run(recipe, **changes)
    first = recipe / "exp/tiny/infer/work/test/shard-00000/records.jsonl"
    text = first.read_text()
    ends = {"within a line": -20, "after a line": text.index("\n") + 1}
    first.write_text(text[: ends.get(cut, -1)])
    (recipe / "fail").unlink()
    run(recipe, resume=True, **changes)
    assert len((recipe / "calls.txt").read_text()) == 3 + 4
    assert (context.directory / "test" / "results.jsonl").read_bytes() == expected
