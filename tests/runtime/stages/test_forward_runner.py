"""Functions and runners written for ESPnet3, called by the stage infer as ESPnet3 calls them."""

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.scp import read_scp
from tests.runtime.infer_kit import add_code, run
from tests.runtime.inference_kit import in_recipe

CODE = """
class Loud:
    def __call__(self, speech, times=1):
        many = isinstance(speech, list)
        return [one.max() * times for one in speech] if many else speech.max() * times


def name(data, model_output, idx):
    if isinstance(idx, list):
        return [name(*one) for one in zip(data, model_output, idx)]
    return {"utt_id": "other", "text": f"{data['text']} of {data['utt_id']}, {idx}",
            "peak": round(float(model_output), 1)}


def nameless(data, model_output, idx):
    return "text"


def shifted(data, model_output, idx):
    return [{"text": idx, "peak": 0}] * {"utt0": 0, "utt1": 2}.get(idx, 1)


class Runner:
    @classmethod
    def forward(cls, idx, dataset=None, model=None, **kwargs):
        many = isinstance(idx, list)
        items = [dataset[one] for one in (idx if many else [idx])]
        made = [
            {"utt_id": str(idx), "text": one["text"], "peak": f"{kwargs['unit']} {len(items)}"}
            for one in items
        ]
        return [made] if many else made[0]
"""
FORWARD = "espnet3_runtime.inference.forward_runner"


@pytest.fixture
def recipe(tmp_path):
    with in_recipe(tmp_path / "recipe") as directory:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, directory / "best.ckpt")
        add_code(directory, "forward", CODE)
        yield directory


def decode(recipe, **runner):
    given = {"_target_": f"{FORWARD}.ForwardRunner", "input_key": "speech", **runner}
    collate = {"collate_fn": {"_target_": f"{FORWARD}.ListItems"}, "num_workers": 0, "timeout": 0}
    loud = {"_target_": "src.forward.Loud"}
    outputs, _ = run(recipe, runner=given, dataloader=collate, model=loud, contract=None)
    files = {name: outputs.get("inference_dir") / "test" / f"{name}.scp" for name in NAMES}
    return {name: list(read_scp(file).items())[:2] for name, file in files.items()}


NAMES = ("text", "peak")


@pytest.mark.parametrize("batched", [False, True])
def test_a_function_names_outputs_and_the_id_is_that_of_the_item(recipe, batched):
    function = {"_target_": "src.forward.name", "_partial_": True}
    found = decode(recipe, output_fn=function, batched=batched, options={"model_kwargs": {}})
    assert found == {
        "text": [("utt0", "zero of utt0, utt0"), ("utt1", "one two of utt1, utt1")],
        "peak": [("utt0", "0.0"), ("utt1", "0.2")],
    }


@pytest.mark.parametrize(("batched", "peak"), [(False, "dB 1"), (True, "dB 3")])
def test_forward_of_a_class_is_called_with_numbers(recipe, batched, peak):
    runner = {"_target_": "src.forward.Runner", "_partial_": True}
    found = decode(recipe, runner=runner, batched=batched, options={"unit": "dB"})
    assert found["peak"] == [("utt0", peak), ("utt1", peak)]
    assert found["text"] == [("utt0", "zero"), ("utt1", "one two")]


def test_what_has_no_names_or_no_field_is_one_sentence(recipe):
    function = {"_target_": "src.forward.nameless", "_partial_": True}
    with pytest.raises(UserError, match="str has no names"):
        decode(recipe, output_fn=function)
    function = {"_target_": "src.forward.shifted", "_partial_": True}
    with pytest.raises(UserError, match="utt0 has 0 mappings of outputs, not one"):
        decode(recipe, output_fn=function)
    with pytest.raises(UserError, match='utt0 has no field "spech"; it has utt_id, speech'):
        decode(recipe, input_key="spech")
