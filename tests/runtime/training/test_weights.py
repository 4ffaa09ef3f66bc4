"""Weights are read whole from every kind of file, and what does not fit is listed whole."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from espnet3_runtime.errors import UserError
from espnet3_runtime.weights import (
    TIED,
    check_fit,
    find_tied,
    load_strictly,
    read_torch,
    read_weights,
    weights_digest,
)

ONE = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(3)}


def same(found, expected):
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], expected[name]) for name in expected
    )


def test_every_kind_of_file_gives_its_tensors(tmp_path):
    torch.save({"state_dict": ONE, "epoch": 3}, tmp_path / "lightning.ckpt")
    torch.save(ONE, tmp_path / "plain.pth")
    save_file(ONE, tmp_path / "model.safetensors")
    for name in ("lightning.ckpt", "plain.pth", "model.safetensors", ""):
        assert same(read_weights(tmp_path / name), ONE), name
    data = (tmp_path / "model.safetensors").read_bytes()
    for name in ("model.safetensors", ""):
        assert weights_digest(tmp_path / name) == hashlib.sha256(data).hexdigest()


def test_tied_weights_have_all_of_their_names(tmp_path):
    tied = {TIED: json.dumps({"c": "a"})}
    save_file(ONE, tmp_path / "w.safetensors", metadata=tied)
    assert same(read_weights(tmp_path / "w.safetensors"), {**ONE, "c": ONE["a"]})


@pytest.mark.parametrize("tied", ["{", "[]", '{"c": "none"}', '{"c": [1]}'])
def test_wrong_tied_weights_are_damage(tmp_path, tied):
    save_file(ONE, tmp_path / "w.safetensors", metadata={TIED: tied})
    with pytest.raises(UserError, match=r'w\.safetensors" is damaged: its tied weights: '):
        read_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize("value", [{}, {"state_dict": {}}, {"state_dict": 3}, {"a": 1}, [1]])
def test_a_file_without_tensors_holds_no_state_dict(tmp_path, value):
    torch.save(value, tmp_path / "w.ckpt")
    with pytest.raises(UserError, match=r'^"[^"]*w\.ckpt" holds no state dict$'):
        read_weights(tmp_path / "w.ckpt")


def test_one_value_that_is_no_tensor_is_enough(tmp_path):
    torch.save({**ONE, "c": 1}, tmp_path / "w.ckpt")
    with pytest.raises(UserError, match="holds no state dict"):
        read_weights(tmp_path / "w.ckpt")


def test_damaged_files_say_so_in_one_line(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match=r'w\.safetensors" is damaged: [^\n]+$'):
        read_weights(tmp_path / "w.safetensors")
    torch.save(ONE, tmp_path / "w.ckpt")
    (tmp_path / "w.ckpt").write_bytes((tmp_path / "w.ckpt").read_bytes()[:200])
    with pytest.raises(UserError, match=r'w\.ckpt" is damaged: [^\n]+$'):
        read_torch(tmp_path / "w.ckpt")
    (tmp_path / "empty.ckpt").write_bytes(b"")
    with pytest.raises(UserError, match=r'empty\.ckpt" is damaged: [^\n]+$'):
        read_torch(tmp_path / "empty.ckpt")


class Code:
    """An object that a safe file never holds."""


def test_files_with_code_are_refused(tmp_path):
    torch.save({"a": Code()}, tmp_path / "w.ckpt")
    with pytest.raises(UserError, match="not a checkpoint of tensors and plain data: ") as error:
        read_torch(tmp_path / "w.ckpt")
    assert "\n" not in error.value.message
    assert error.value.hint == (
        "files that would run code when opened are refused; save the state_dict alone"
    )


@pytest.mark.parametrize("read", [read_weights, weights_digest])
def test_missing_files_name_what_was_looked_for(tmp_path, read):
    for path, file in ((tmp_path / "no.ckpt", "no.ckpt"), (tmp_path, "model.safetensors")):
        with pytest.raises(UserError, match="there is no checkpoint") as error:
            read(path)
        assert error.value.message == f'there is no checkpoint "{tmp_path / file}"'
        assert error.value.hint == "run the stage that trains the model first"


def test_weights_that_fit_are_copied():
    model = torch.nn.Linear(2, 1)
    weights = {"weight": torch.tensor([[5.0, 6.0]]), "bias": torch.tensor([7.0])}
    load_strictly(model, weights, "x.ckpt")
    assert same(dict(model.state_dict()), weights)
    check_fit(model, weights, "x.ckpt")


def test_all_that_does_not_fit_is_listed_in_order():
    model = torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(4)))
    weights = {"0.weight": torch.zeros(2), "0.bias": torch.zeros(2, 1), "1.bias": torch.zeros(1)}
    weights |= {f"new.{number}": torch.zeros(1) for number in (4, 2, 3, 1, 0)}
    shapes = (
        "0.bias is (2, 1) in the file and (1,) in the model",
        "0.weight is (2,) in the file and (1, 1) in the model",
    )
    for fit in (check_fit, load_strictly):
        with pytest.raises(UserError, match="do not fit") as error:
            fit(model, weights, "x.ckpt")
        assert error.value.message.splitlines() == [
            'the weights of "x.ckpt" do not fit Sequential:',
            "    missing in the file: 1.weight, 2.bias, 2.weight, 3.bias, 3.weight",
            "    not in the model: new.0, new.1, new.2, new.3, new.4",
            f"    of another shape: {', '.join(shapes)}",
        ]
        assert error.value.hint == (
            "the model's config and the one it was trained with must be the same"
        )


@pytest.mark.parametrize(
    ("count", "end"), [(1, "n0"), (5, "n4"), (6, "n4 and 1 more"), (8, "n4 and 3 more")]
)
def test_five_names_are_listed(count, end):
    weights = {f"n{number}": torch.zeros(1) for number in range(count)}
    with pytest.raises(UserError, match="do not fit") as error:
        check_fit(torch.nn.Identity(), weights, "x")
    (line,) = error.value.message.splitlines()[1:]
    assert line.startswith("    not in the model: n0")
    assert line.endswith(f" {end}")


def test_tied_weights_are_those_of_one_place_and_shape():
    first = torch.arange(4.0)
    weights = {
        "first": first,
        "copy": first.clone(),
        "again": first,
        "rows": first.view(2, 2),
        "half": first[:2],
        "turned": first.view(2, 2).t(),
        "third": first,
        "rows again": first.view(2, 2),
        "none": torch.zeros(0),
        "none again": torch.zeros(0),
        "bits": first.view(torch.int32),
    }
    assert find_tied(weights) == {"again": "first", "third": "first", "rows again": "rows"}
    assert find_tied({}) == {}
