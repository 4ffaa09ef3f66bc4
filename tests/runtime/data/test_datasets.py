"""Dataset references, splits, collation and the preparation of corpora."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet3_runtime.data.collate import CommonCollateFn
from espnet3_runtime.data.dataset_entries import (
    DatasetDirectories,
    DatasetEntry,
    load_module,
    make_dataset,
    read_entries,
)
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.data.table import Table
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.create_dataset import create_dataset
from tests.runtime.training_kit import DATASET, recipe_in, stage_context


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "recipes" / "tiny" / "asr") as directory:
        yield directory


def place(recipe):
    return DatasetDirectories(recipe, recipe / "data")


def entry(**changes):
    return read_entries({"train": [changes]}, "train")[0]


def test_null_is_the_dataset_of_the_recipe_and_gets_the_directories_it_asks_for(recipe):
    dataset = make_dataset(entry(data_src_args={"size": 5}), place(recipe))
    assert len(dataset) == 5
    assert dataset.data_dir == recipe / "data"
    assert dataset.recipe_dir == recipe


def test_a_dotted_module(recipe):
    (recipe / "sets.py").write_text(DATASET)
    assert len(make_dataset(entry(data_src="sets"), place(recipe))) == 24


def test_a_tag_is_the_recipe_beside_it_with_its_own_data(recipe):
    other = recipe.parent.parent / "other-corpus" / "asr" / "dataset"
    other.mkdir(parents=True)
    (other / "builder.py").write_text(DATASET)
    (other / "__init__.py").write_text(
        "from .builder import Dataset, DatasetBuilder\nORIGIN = 'other'\n"
    )
    chosen = entry(data_src="other-corpus/asr")
    module, home = load_module(chosen, place(recipe))
    assert module.ORIGIN == "other"
    assert home.data_dir == other.parent / "data"
    assert make_dataset(chosen, place(recipe)).recipe_dir == other.parent
    own, _ = load_module(entry(), place(recipe))
    assert own is not module
    assert not hasattr(own, "ORIGIN")


@pytest.mark.parametrize("missing", ["", "builder"])
def test_a_tag_whose_package_imports_absolutely_is_explained(recipe, missing):
    other = recipe.parent.parent / "other" / "asr" / "dataset"
    other.mkdir(parents=True)
    (recipe / "dataset" / "extra.py").write_text(DATASET)
    name = missing or "extra"  # builder does not exist here; extra does, and would be the wrong one
    (other / "__init__.py").write_text(f"from dataset.{name} import Dataset, DatasetBuilder\n")
    with pytest.raises(UserError, match="relative imports"):
        load_module(entry(data_src="other/asr"), place(recipe))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_src": "nowhere.at.all"}, 'no module "nowhere.at.all"'),
        ({"data_src": "no/recipe"}, "the recipe no/recipe has no"),
        ({"data_src": "src.model"}, 'exports no "Dataset"'),
        ({"data_src_args": {"splt": "train"}}, "unexpected keyword argument 'splt'"),
    ],
)
def test_wrong_references_say_where_and_what(recipe, changes, message):
    with pytest.raises(UserError, match=message) as error:
        make_dataset(entry(**changes), place(recipe))
    assert error.value.where.startswith("dataset.train[0]")


def test_missing_data_points_to_create_dataset(recipe):
    code = "class Dataset:\n    def __init__(self): open('none.tsv')\n"
    (recipe / "sets.py").write_text(code)
    with pytest.raises(UserError) as error:
        make_dataset(entry(data_src="sets"), place(recipe))
    assert "create_dataset" in error.value.hint
    assert "none.tsv" in str(error.value)


def test_several_entries_stand_behind_one_index(recipe):
    transform = {"_target_": "src.features.shout", "_partial_": True}
    dataset = {
        "train": [
            {"data_src_args": {"size": 3}},
            {"data_src_args": {"size": 2, "split": "more"}, "transform": transform},
        ]
    }
    split = load_split(dataset, "train", place(recipe))
    assert len(split) == 5
    assert [split[i][0] for i in range(5)] == ["train0", "train1", "train2", "more0", "more1"]
    assert split[3][1]["text"] == "ZERO ONE"
    assert split.raw_sample(3)[1]["text"] == "zero one"
    with pytest.raises(IndexError, match=r"^5$"):
        split[5]
    assert pickle.loads(pickle.dumps(split.locate(4))) == (1, 1)


def test_preprocessors_by_split_and_with_the_train_flag(recipe):
    by_split = {"train": {"_target_": "src.features.Drop", "keys": ["label"]}}
    dataset = {"train": [{}], "valid": [{}], "preprocessor": by_split}
    assert "label" not in load_split(dataset, "train", place(recipe))[0][1]
    assert "label" in load_split(dataset, "valid", place(recipe))[0][1]
    dataset["preprocessor"] = {"_target_": "src.features.Noise"}
    quiet = load_split(dataset, "valid", place(recipe))
    assert np.array_equal(quiet[0][1]["speech"], quiet.raw_sample(0)[1]["speech"])
    noisy = load_split(dataset, "train", place(recipe))
    assert not np.array_equal(noisy[0][1]["speech"], noisy.raw_sample(0)[1]["speech"])


def test_a_preprocessor_may_be_a_plain_function(recipe):
    node = {"_target_": "src.features.shout", "_partial_": True}
    dataset = {"train": [{}], "valid": [{}], "preprocessor": node}
    for name in ("train", "valid"):
        split = load_split(dataset, name, place(recipe))
        assert (split.raw_sample(0)[1]["text"], split[0][1]["text"]) == ("zero one", "ZERO ONE")


def test_a_preprocessor_that_returns_nothing_is_named(recipe):
    (recipe / "src" / "bad.py").write_text("class Bad:\n    def __call__(self, sample): pass\n")
    dataset = {"train": [{}], "preprocessor": {"_target_": "src.bad.Bad"}}
    with pytest.raises(UserError, match="the preprocessor gave NoneType"):
        load_split(dataset, "train", place(recipe))[0]


def test_entries_with_equal_samples_have_equal_keys():
    base = DatasetEntry("a", None, {"split": "x"}, None, None, {})
    assert base.key == DatasetEntry("b", None, {"split": "x"}, None, "test", {"n": 1}).key
    assert base.key != DatasetEntry("a", None, {"split": "y"}, None, None, {}).key


def test_collate_pads_and_measures():
    items = [
        ("a", {"speech": np.ones((2, 3), np.float32), "text": np.array([4, 5]), "n": 1, "s": "x"}),
        ("b", {"speech": np.ones((1, 3), np.float32), "text": np.array([6]), "n": 2, "s": "y"}),
    ]
    utt_ids, batch = CommonCollateFn()(items)
    assert utt_ids == ["a", "b"]
    assert list(batch) == ["speech", "speech_lengths", "text", "text_lengths", "n"]
    assert batch["speech"].shape == (2, 2, 3)
    assert batch["speech"][1, 1].tolist() == [0.0, 0.0, 0.0]
    assert batch["text"].tolist() == [[4, 5], [6, -1]]
    assert batch["speech_lengths"].tolist() == [2, 1]
    assert batch["n"].tolist() == [1, 2]
    assert batch["text_lengths"].dtype == torch.int64


def test_collate_stacks_what_is_no_sequence():
    items = [("a", {"x": torch.zeros(4)}), ("b", {"x": torch.ones(4)})]
    assert CommonCollateFn(not_sequence=["x"])(items)[1].keys() == {"x"}
    items[1][1]["x"] = torch.ones(3)
    with pytest.raises(UserError, match="not_sequence"):
        CommonCollateFn(not_sequence=["x"])(items)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"y": np.zeros(3)}, "b lacks x and has y, unlike a"),
        ({"x": np.zeros((3, 2))}, "only the first axis may differ"),
        ({"x": {"no": "array"}}, 'field "x" is dict'),
    ],
)
def test_collate_refuses_samples_that_do_not_fit(second, message):
    with pytest.raises(UserError, match=message):
        CommonCollateFn()([("a", {"x": np.zeros(3)}), ("b", second)])


def test_create_dataset_runs_each_distinct_builder_once(recipe):
    training = {
        "create_dataset": {"size": 7},
        "dataset": {
            "train": [{"data_src_args": {"split": "a"}}, {"data_src_args": {"split": "b"}}],
            "valid": [{"builder_args": {"name": "extra", "size": 9}}],
        },
    }
    inference = {"dataset": {"test": [{"name": "t", "builder_args": {"name": "only_test"}}]}}
    context = stage_context(recipe, "create_dataset", training, configs={"inference": inference})
    outputs = create_dataset(context)
    summary = json.loads(outputs["summary"].read_text())
    given = [{}, {"name": "extra", "size": 9}, {"name": "only_test"}]
    rows = [(row["builder"], row["builder_args"]) for row in summary["builders"]]
    assert rows == [("dataset.DatasetBuilder", arguments) for arguments in given]
    assert (recipe / "data" / "corpus.built").stat().st_size == 7
    assert (recipe / "data" / "extra.built").stat().st_size == 9
    assert (recipe / "data" / "only_test.built").exists()
    assert summary["data"]["files"] == 6
    (recipe / "data" / ".lock").write_text("somebody")
    again = json.loads(create_dataset(context)["summary"].read_text())
    assert again == summary  # also where an attempt found some of the work done


def test_create_dataset_counts_files_behind_links_and_of_any_name(recipe, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (recipe / "data" / "linked").symlink_to(elsewhere)
    Path(os.fsdecode(os.fsencode(elsewhere) + b"/\xff.bin")).write_bytes(b"12345")
    training = {"create_dataset": {"size": 7}, "dataset": {"train": [{}]}}
    context = stage_context(recipe, "create_dataset", training)
    before = json.loads(create_dataset(context)["summary"].read_text())["data"]
    (elsewhere / "more").write_bytes(b"123")
    after = json.loads(create_dataset(context)["summary"].read_text())["data"]
    assert after["files"] == before["files"] + 1
    assert after["bytes"] == before["bytes"] + 3


def test_create_dataset_goes_on_where_it_failed(recipe, caplog):
    training = {"create_dataset": {"fail": True}, "dataset": {"train": [{}]}}
    with pytest.raises(OSError, match="disk full"):
        create_dataset(stage_context(recipe, "create_dataset", training))
    training["create_dataset"] = {}
    with caplog.at_level("INFO"):
        create_dataset(stage_context(recipe, "create_dataset", training))
    assert "DatasetBuilder: ['build'] in" in caplog.text


def test_a_builder_that_asks_for_bars_gets_them(recipe):
    (recipe / "sets.py").write_text(
        "class Dataset: pass\n"
        "class DatasetBuilder:\n"
        "    built = False\n"
        "    def is_source_prepared(self, **_): return True\n"
        "    def prepare_source(self, **_): pass\n"
        "    def is_built(self, **more): return self.built and 'progress' not in more\n"
        "    def build(self, size, progress):\n"
        "        with progress('build', total=size) as bar:\n"
        "            bar.advance(size)\n"
        "        self.built = True\n"
    )
    training = {"dataset": {"train": [{"data_src": "sets"}]}, "create_dataset": {"size": 5}}
    data = recipe / "not" / "there"
    context = stage_context(recipe, "create_dataset", training, data_dir=data)
    assert create_dataset(context)["data_dir"] == data
    assert context.progress.done == {"create_dataset": 1, "build": 5}


def test_create_dataset_checks_that_the_work_was_done(recipe):
    (recipe / "sets.py").write_text(
        "class Dataset: pass\n"
        "class DatasetBuilder:\n"
        "    def is_source_prepared(self): return True\n"
        "    def prepare_source(self): pass\n"
        "    def is_built(self): return False\n"
        "    def build(self): pass\n"
    )
    training = {"dataset": {"train": [{"data_src": "sets"}]}}
    with pytest.raises(UserError, match='is_built" is still false'):
        create_dataset(stage_context(recipe, "create_dataset", training))


def test_a_dataset_without_builder_needs_no_preparation(recipe):
    (recipe / "sets.py").write_text("class Dataset: pass\n")
    training = {"dataset": {"train": [{"data_src": "sets"}]}}
    outputs = create_dataset(stage_context(recipe, "create_dataset", training))
    assert json.loads(outputs["summary"].read_text())["builders"][0]["builder"] is None


def declaring(recipe, fields, extra=""):
    code = (
        "from dataset import Dataset as Base\n"
        "class Dataset(Base):\n"
        f"    fields = {fields!r}\n"
        f"    {extra or 'pass'}\n"
        "    def __getitem__(self, index):\n"
        "        sample = super().__getitem__(index)\n"
        "        return {**sample, 'text': 3} if index == 5 else sample\n"
    )
    (recipe / "sets.py").write_text(code)
    return {"train": [{"data_src": "sets"}]}


def test_declared_fields_are_checked_on_samples(recipe):
    load_split(declaring(recipe, {"label": "number", "text": "text"}), "train", place(recipe))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"speach": "audio"}, 'train0 has no "speach"; it has speech'),
        ({"label": "text"}, '"label" of train0 is not text'),
        ({"label": "numbr"}, 'declares "label" as "numbr", which is no kind'),
    ],
)
def test_samples_that_are_not_as_declared(recipe, fields, message):
    with pytest.raises(UserError, match=message):
        load_split(declaring(recipe, fields), "train", place(recipe))


GOOD = {
    "audio": "np.zeros(160, np.float32)",
    "text": "'a'",
    "segments": "[{'text': 'a', 'start': 0.0, 'end': 0.5}]",
    "number": "2.5",
}
BAD = {
    "audio": ("np.full(160, np.nan, np.float32)", "[[0.0], [0.0, 1.0]]", "'a'"),
    "text": ("3", "b'a'"),
    "segments": ("[{'text': 'a', 'start': 0.9, 'end': 0.5}]", "[{'text': 'a'}]", "'a'"),
    "number": ("'2'", "float('nan')", "[1.0]"),
}


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("kind", GOOD)
def test_each_kind_of_field_is_held_to_what_it_is(recipe, kind, every):
    (recipe / "sets.py").write_text(
        "import numpy as np\n"
        f"BAD = [{', '.join(BAD[kind])}]\n"
        "class Dataset:\n"
        f"    fields = {{'x': {kind!r}}}\n"
        f"    check_every_item = {every}\n"
        "    def __init__(self, which, at): self.which, self.at = which, at\n"
        "    def __len__(self): return 5\n"
        "    def __getitem__(self, index):\n"
        f"        x = BAD[self.which] if index == self.at else {GOOD[kind]}\n"
        "        return {'utt_id': f'u{index}', 'x': x}\n"
    )

    def load(which, at):
        entry = {"data_src": "sets", "data_src_args": {"which": which, "at": at}}
        split = load_split({"train": [entry]}, "train", place(recipe))
        return [split[index] for index in range(5)]

    assert len(load(0, 9)) == 5
    for which in range(len(BAD[kind])):
        for at in (0, 1, 2, 4):
            if every or at in (0, 2, 4):  # by default the first, middle and last item
                with pytest.raises(UserError, match=f'"x" of u{at} is not {kind}'):
                    load(which, at)
            else:
                assert len(load(which, at)) == 5


def test_every_item_is_checked_when_asked(recipe):
    dataset = declaring(recipe, {"text": "text"}, "check_every_item = True")
    split = load_split(dataset, "train", place(recipe))
    split[4]
    with pytest.raises(UserError, match='"text" of train5 is not text'):
        split[5]


def test_tables_are_read_on_demand(tmp_path):
    path = tmp_path / "rows.tsv"
    path.write_text("utt_id\ttext\na\tone ä\nb\t\nc\tthree")
    table = Table(path)
    assert len(table) == 3
    assert table[0] == {"utt_id": "a", "text": "one ä"}
    assert list(table.column("text")) == ["one ä", "", "three"]
    assert pickle.loads(pickle.dumps(table))[2]["text"] == "three"
    with pytest.raises(UserError, match='no column "txt"'):
        next(table.column("txt"))
    with pytest.raises(IndexError, match=r"^3$"):
        table[3]
    path.write_text("a\tb\n1\n")
    with pytest.raises(UserError, match="line 2: 1 fields, and there are 2 columns"):
        Table(path)[0]
    path.write_text("")
    with pytest.raises(UserError, match="empty"):
        Table(path)


def test_a_million_rows_take_sixteen_bytes_each(tmp_path):
    path = tmp_path / "rows.tsv"
    with path.open("w") as file:
        file.write("utt_id\n")
        file.writelines(f"u{index}\n" for index in range(1_000_000))
    table = Table(path)
    assert table[999_999] == {"utt_id": "u999999"}
    kept = sum(value.nbytes for value in vars(table).values() if isinstance(value, np.ndarray))
    assert kept <= 16_000_100
