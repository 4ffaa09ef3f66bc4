"""Collect lengths and feature statistics."""

from dataclasses import replace

import numpy as np
import pytest

from espnet3_runtime.data import collect_worker
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.feature_moments import Moments
from espnet3_runtime.data.item_lengths import read_shapes
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.data.texts import read_texts
from espnet3_runtime.data.tokens import Spelling
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages import collect_stats as stage
from espnet3_runtime.stages.collect_stats import collect_stats
from tests.runtime.training_kit import recipe_in, stage_context

SETS = {
    "train": [{"data_src_args": {"size": 21}}, {"data_src_args": {"size": 9, "split": "more"}}],
    "valid": [{"data_src_args": {"split": "valid", "size": 5}}],
}
FEATURES = {"_target_": "src.features.Doubled"}


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


def context_of(recipe, features=FEATURES, model=None, stats=None, **changes):
    block = {"features": features, "batch_size": 4, **(stats or {})}
    training = {"dataset": SETS, "collect_stats": block, **changes}
    return stage_context(recipe, "collect_stats", training, model=model)


def frames(recipe, split="train"):
    data = load_split(SETS, split, DatasetDirectories(recipe, recipe / "data"))
    return [data.raw_sample(index)[1]["speech"] for index in range(len(data))]


def test_moments_are_those_of_the_frames_without_padding(recipe):
    outputs = collect_stats(context_of(recipe))
    expected = np.concatenate(frames(recipe)).astype(np.float64)
    with np.load(outputs["feats_stats"]) as stats:
        assert stats["count"].tolist() == [2 * len(expected)]
        assert stats["sum"].shape == (2,)
        np.testing.assert_allclose(stats["sum"], 2 * expected.sum(0), rtol=1e-12)
        np.testing.assert_allclose(stats["sum_square"], 2 * (expected**2).sum(0), rtol=1e-12)


def test_shapes_hold_the_length_of_every_field_of_every_item(recipe):
    outputs = collect_stats(context_of(recipe))
    expected = [len(value) for value in frames(recipe)]
    shapes = read_shapes(outputs["train_shapes"])
    assert shapes.sizes.tolist() == [21, 9]
    assert shapes.lengths["speech"].tolist() == expected
    assert shapes.lengths["feats"].tolist() == [2 * length for length in expected]
    assert dict(shapes.widths) == {"speech": 2, "feats": 2}
    valid = read_shapes(outputs["valid_shapes"])
    assert valid.lengths["speech"].tolist() == [len(value) for value in frames(recipe, "valid")]


def test_features_of_a_model(recipe):
    outputs = collect_stats(context_of(recipe, None, {"_target_": "src.model.Statistical"}))
    with np.load(outputs["feats_stats"]) as stats:
        assert stats["count"].tolist() == [sum(map(len, frames(recipe)))]


def test_without_features_there_are_lengths_only(recipe):
    outputs = collect_stats(context_of(recipe, None, {"_target_": "src.model.Classifier"}))
    assert set(outputs) == {"train_shapes", "valid_shapes"}


def test_the_preprocessor_of_training_does_not_add_noise(recipe):
    quiet = collect_stats(context_of(recipe))["feats_stats"].read_bytes()
    noisy = {**SETS, "preprocessor": {"_target_": "src.features.Noise"}}
    outputs = collect_stats(context_of(recipe, dataset=noisy))
    assert outputs["feats_stats"].read_bytes() == quiet


@pytest.mark.parametrize("workers", [1, 2])
def test_reading_in_worker_processes_changes_nothing(recipe, workers):
    first = {n: p.read_bytes() for n, p in collect_stats(context_of(recipe)).items()}
    again = collect_stats(context_of(recipe, dataloader={"num_workers": workers}))
    assert first == {name: path.read_bytes() for name, path in again.items()}


def test_dask_workers_give_the_same_bytes(recipe, monkeypatch):
    monkeypatch.setattr(stage, "LEAST_ITEMS", 1)
    first = {n: p.read_bytes() for n, p in collect_stats(context_of(recipe)).items()}
    two = {"n_workers": 2}
    context = context_of(recipe, parallel=two, dataloader={"num_workers": 1})
    again = collect_stats(context)
    assert first == {name: path.read_bytes() for name, path in again.items()}
    assert context.progress.done == {"collect_stats train": 30, "collect_stats valid": 5}


def test_what_is_done_stays_done(recipe, monkeypatch):
    monkeypatch.setattr(stage, "LEAST_ITEMS", 1)
    expected = {n: p.read_bytes() for n, p in collect_stats(context_of(recipe)).items()}
    run = collect_worker.StatsCollector.run
    done = []

    def interrupted(self, items, advance):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(items)
        return run(self, items, advance)

    monkeypatch.setattr(collect_worker.StatsCollector, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        collect_stats(context_of(recipe))
    assert len(done) == 3
    context = replace(context_of(recipe), resume=True)
    with pytest.raises(KeyboardInterrupt):  # three are found, the next one is not made
        collect_stats(context)
    assert context.progress.done["collect_stats train"] == 12
    monkeypatch.setattr(collect_worker.StatsCollector, "run", run)
    outputs = collect_stats(context)
    assert expected == {name: path.read_bytes() for name, path in outputs.items()}
    assert not (context.directory / "work").exists()


def test_pieces_are_fixed_whatever_the_workers(tmp_path):
    ranges = stage._cut_ranges("train", 100_000, 16, tmp_path)
    assert len(ranges) <= stage.MOST_RANGES
    assert sum(items.size for items in ranges) == 100_000
    assert all(items.start % 16 == 0 for items in ranges)
    assert len(stage._cut_ranges("train", 300, 16, tmp_path)) == 2


def test_leftovers_of_other_inputs_are_not_used(recipe, monkeypatch):
    """In ESPnet3 the numbers of another model come back, in 0.2 s."""
    monkeypatch.setattr(stage, "LEAST_ITEMS", 1)
    model = {"_target_": "src.model.Statistical"}
    wanted = {n: p.read_bytes() for n, p in collect_stats(context_of(recipe, None, model)).items()}

    def cut_off(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_merge", cut_off)
        with pytest.raises(KeyboardInterrupt):
            collect_stats(context_of(recipe))  # other features; all its pieces are done
    context = context_of(recipe, None, model)
    assert list((context.directory / "work").rglob("*.npz"))
    found = {name: path.read_bytes() for name, path in collect_stats(context).items()}
    assert found == wanted


def test_what_is_frozen_is_no_matter_of_statistics(recipe):
    """In ESPnet3 ``freeze_param`` beside a ``_target_`` is an argument that the model refuses."""
    model = {"_target_": "src.model.Statistical"}
    plain = collect_stats(context_of(recipe, None, model))["feats_stats"].read_bytes()
    frozen = context_of(recipe, None, model, freeze=["encoder"])
    assert collect_stats(frozen)["feats_stats"].read_bytes() == plain


def test_features_that_ask_for_what_is_not_there(recipe):
    code = "def feats(audio, rate):\n    return audio, rate\n"
    (recipe / "src" / "feats.py").write_text(code)
    node = {"_target_": "src.feats.feats", "_partial_": True}
    sets = {**SETS, "preprocessor": {"_target_": "src.features.Drop", "keys": ["speech"]}}
    with pytest.raises(UserError, match="the features need audio, rate"):
        collect_stats(context_of(recipe, node, dataset=sets))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("speech[0], lengths", r"features have shape \(batch, time, size\)"),
        ("speech, lengths + 50", "a feature length is"),
        ("speech / 0 , lengths", "not finite"),
    ],
)
def test_wrong_features_are_explained(recipe, body, message):
    code = f"def feats(speech, speech_lengths):\n    lengths = speech_lengths\n    return {body}\n"
    (recipe / "src" / "feats.py").write_text(code)
    node = {"_target_": "src.feats.feats", "_partial_": True}
    with pytest.raises(UserError, match=message):
        collect_stats(context_of(recipe, node))


@pytest.mark.parametrize("workers", [0, 1])
def test_no_statistics_of_a_part(recipe, workers):
    (recipe / "src/empty.py").write_text(
        "def last(sample):\n    return next(iter(())) if len(sample['speech']) > 12 else sample\n"
    )
    transform = {"_target_": "src.empty.last", "_partial_": True}
    sets = {"train": [{"data_src_args": {"size": 21}, "transform": transform}]}
    with pytest.raises(UserError, match=r"of train\d+ raised StopIteration"):
        collect_stats(context_of(recipe, dataset=sets, dataloader={"num_workers": workers}))


def test_texts_of_a_part(recipe):
    (recipe / "dataset/__init__.py").open("a").write(
        "\n\nclass Short(Measured):\n    def texts(self):\n        return iter(['one'] * 20)\n\n\n"
        "Dataset = Short\n"
    )
    data = load_split({"train": SETS["train"][:1]}, "train", DatasetDirectories(recipe, recipe))
    with pytest.raises(UserError, match="has 21 items, and gives 20 texts"):
        list(read_texts(data, "text"))


def test_features_are_in_the_order_of_their_names(tmp_path):
    names = ["feats", "pitch", "energy", "a", "z", "b", "y", "c"]
    moments = {name: Moments(1, np.ones(1), np.ones(1)) for name in names}
    path = tmp_path / "000.npz"
    collect_worker.write_stats(path, collect_worker.CollectedStats({}, {}, moments, Spelling()))
    assert list(collect_worker.read_stats(path).moments) == sorted(names)
