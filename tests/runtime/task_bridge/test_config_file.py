"""``config.yaml`` and weights in the form of ESPnet2."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.task_bridge import config_file
from espnet3_runtime.task_bridge.config_file import (
    portable_options,
    task_outputs,
    write_config,
    write_task_config,
)
from tests.runtime.inference_kit import make_context
from tests.runtime.task_kit import DEFAULTS, LINEAR, TASK, TOKENS, espnet_in_form, node

HEADER = """\
# Options of the task, for ESPnet2 to build the model again. What does not shape the model has
# ESPnet2's defaults here and had no part in the training, which conf/ of the recipe describes.
"""


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(config_file, "package_version", {"espnet2": "202511"}.get)
    with espnet_in_form(monkeypatch):
        yield


def test_every_option_is_written_in_the_order_of_the_task(tmp_path):
    options = portable_options(node(), tmp_path)
    assert options == {**DEFAULTS, "version": "202511"}
    assert [*options] == [*DEFAULTS, "version"]
    chosen = {**LINEAR, "max_epoch": 3, "preprocessor_conf": {"aux": [3], "more": {"a": [1]}}}
    assert portable_options(node(**chosen), tmp_path) == {
        **DEFAULTS,
        **chosen,
        "encoder_conf": {"output_size": 12},
        "version": "202511",
    }


def test_without_a_known_version_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(config_file, "package_version", lambda _: None)
    assert portable_options(node(), tmp_path) == DEFAULTS


def test_files_of_tokens_become_lists_and_only_paths_inside_become_relative(tmp_path):
    (tmp_path / "tokens.txt").write_text("<blank>\nä \n\n<sos/eos>\n", encoding="utf-8")
    beside = f"{tmp_path}-other/bpe.model"
    inside = [tmp_path / "a", f"{tmp_path}/b/c", "d/e", Path("/f"), 3, None, str(tmp_path)]
    given = {"bpemodel": beside, "preprocessor_conf": {"deep": [{"list": inside}]}}
    options = portable_options(ConfigView({**node(**given), "token_list": "tokens.txt"}), tmp_path)
    assert options["token_list"] == ["<blank>", "ä", "", "<sos/eos>"]
    assert options["bpemodel"] == beside
    found = options["preprocessor_conf"]["deep"][0]["list"]
    assert found == ["a", "b/c", "d/e", "/f", 3, None, str(tmp_path)]
    with pytest.raises(UserError, match="cannot be read: No such file or directory") as caught:
        portable_options(ConfigView({**node(), "token_list": "nowhere.txt"}), tmp_path)
    place = tmp_path / "nowhere.txt"
    assert str(caught.value) == (
        f'the token list "{place}" cannot be read: No such file or directory'
    )


def test_a_config_is_yaml_with_a_header_in_the_given_order(tmp_path):
    write_config(tmp_path / "config.yaml", {"z": ["ä", None], "a": {"y": 1, "b": True}})
    assert (tmp_path / "config.yaml").read_text(encoding="utf-8") == (
        f"{HEADER}z:\n- ä\n- null\na:\n  y: 1\n  b: true\n"
    )
    with pytest.raises(
        UserError, match="the options of the task cannot be written as YAML: "
    ) as at:
        write_config(tmp_path / "other.yaml", {"z": object})
    assert isinstance(at.value.__cause__, yaml.representer.RepresenterError)
    assert not (tmp_path / "other.yaml").exists()


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    model = {"task": TASK, "token_list": TOKENS, **LINEAR}
    return make_context(tmp_path_factory.mktemp("recipe"), "train", model=model)


@pytest.mark.parametrize(
    ("changes", "writes"),
    [({}, True), ({"rank": 1}, False), ({"model": None}, False), ({"outputs": {}}, False)],
)
def test_rank_0_writes_the_config_that_the_stage_declares(training, changes, writes, tmp_path):
    path = tmp_path / "config.yaml"
    values = {name: getattr(training, name) for name in training.__slots__}
    context = type(training)(**{**values, "outputs": {"task_config": path}, **changes})
    write_task_config(context)
    assert path.exists() == writes
    if writes:
        expected = {**DEFAULTS, **LINEAR, "version": "202511"}
        assert yaml.safe_load(path.read_text()) == expected


@pytest.mark.parametrize(
    ("declared", "kept", "source"),
    [
        (["task_config", "task_weights"], ["averaged", "best"], "averaged"),
        (["task_weights", "task_config"], ["best"], "best"),
        (["task_weights"], ["best"], "best"),
        (["task_config"], ["averaged", "best"], None),
        ([], ["best"], None),
    ],
)
def test_the_weights_are_the_averaged_ones_or_else_the_best(
    training, declared, kept, source, tmp_path
):
    checkpoints = {}
    for number, name in enumerate(kept):
        checkpoints[f"{name}_checkpoint"] = tmp_path / f"{name}.ckpt"
        torch.save({"state_dict": {"a": torch.tensor([number])}}, tmp_path / f"{name}.ckpt")
    outputs = {name: tmp_path / name for name in (*declared, "log")}
    values = {name: getattr(training, name) for name in training.__slots__}
    made = task_outputs(type(training)(**{**values, "outputs": outputs}), checkpoints)
    assert made == {name: tmp_path / name for name in declared}
    assert (tmp_path / "task_weights").exists() == (source is not None)
    if source:
        weights = torch.load(tmp_path / "task_weights", weights_only=True)
        assert weights == {"a": torch.tensor([kept.index(source)])}


def test_weights_that_cannot_be_read_leave_no_file(training, tmp_path):
    path = tmp_path / "task_weights"
    values = {name: getattr(training, name) for name in training.__slots__}
    context = type(training)(**{**values, "outputs": {"task_weights": path}})
    with pytest.raises(UserError, match=re.escape(f'there is no checkpoint "{tmp_path}/best"')):
        task_outputs(context, {"best_checkpoint": tmp_path / "best"})
    assert not path.exists()
