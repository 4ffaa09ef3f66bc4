"""Running the stage infer on a tiny recipe."""

from dataclasses import replace

from espnet3_runtime.stages.infer import infer
from tests.runtime.inference_kit import make_context

MODEL = {"_target_": "src.model.Scale"}


CONTRACT = {
    "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
    "outputs": {"text": {"kind": "text"}},
}


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
