"""Models of GAN tasks are trained with an optimizer for each turn."""

import copy
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from espnet3_runtime.task_bridge.gan import join_turns, takes_turns
from espnet3_runtime.training.forward_outputs import read_forward_output
from tests.recipes.recipe_runs import run

DATA = '''import numpy as np


class Dataset:
    """Tones of 0.4 s at 8 kHz, and what they say."""

    def __init__(self, split: str, count: int) -> None:
        self.count, self.split = count, split

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict:
        rng = np.random.default_rng([index, self.split == "train"])
        tone = 0.3 * np.sin(2 * np.pi * rng.uniform(100, 900) * np.arange(3200) / 8000)
        fields = {"NAME": tone.astype(np.float32)}
        return {"utt_id": f"{self.split}{index}", **fields}
'''
SCALES = {
    "scales": 1,
    "scale_discriminator_params": {
        "in_channels": 1,
        "out_channels": 1,
        "channels": 4,
        "max_downsample_channels": 16,
        "max_groups": 4,
        "bias": True,
        "downsample_scales": [2, 2],
        "kernel_sizes": [5, 5, 5, 3],
        "nonlinear_activation": "LeakyReLU",
        "nonlinear_activation_params": {"negative_slope": 0.1},
    },
}
CODEC = {
    "task": "espnet2.tasks.gan_codec.GANCodecTask",
    "codec": "soundstream",
    "codec_conf": {
        "sampling_rate": 8000,
        "generator_params": {
            "hidden_dim": 16,
            "encdec_channels": 1,
            "encdec_n_filters": 4,
            "encdec_lstm": 1,
            "encdec_n_residual_layers": 1,
            "encdec_ratios": [5, 4, 4],
            "quantizer_n_q": 2,
            "quantizer_bins": 8,
            "quantizer_target_bandwidth": [0.5, 1],
        },
        "discriminator_params": {
            **SCALES,
            "complexstft_discriminator_params": {
                "in_channels": 1,
                "channels": 4,
                "strides": [[1, 2], [2, 2]],
                "chan_mults": [1, 2],
                "n_fft": 128,
                "hop_length": 32,
                "win_length": 128,
                "stft_normalized": False,
            },
        },
        "mel_loss_params": {
            "fs": 8000,
            "range_start": 6,
            "range_end": 8,
            "window": "hann",
            "n_mels": 20,
            "fmin": 0,
            "fmax": None,
            "log_base": None,
        },
    },
}
VITS = {
    "task": "espnet2.tasks.gan_tts.GANTTSTask",
    "token_list": ["<blank>", "<unk>", "a", "b", "<sos/eos>"],
    "feats_extract_conf": {"n_fft": 256, "hop_length": 64, "win_length": 256},
    "tts": "vits",
    "tts_conf": {
        "sampling_rate": 8000,
        "generator_params": {
            "hidden_channels": 16,
            "segment_size": 16,
            "text_encoder_blocks": 1,
            "decoder_channels": 32,
            "decoder_upsample_scales": [8, 8],
            "decoder_upsample_kernel_sizes": [16, 16],
            "decoder_resblock_kernel_sizes": [3],
            "decoder_resblock_dilations": [[1, 3]],
            "posterior_encoder_layers": 2,
            "flow_flows": 1,
            "flow_layers": 1,
            "stochastic_duration_predictor_flows": 2,
        },
        "discriminator_type": "hifigan_multi_scale_discriminator",
        "discriminator_params": {
            "scales": 1,
            "discriminator_params": SCALES["scale_discriminator_params"],
        },
        "mel_loss_params": {
            "fs": 8000,
            "n_fft": 256,
            "hop_length": 64,
            "n_mels": 20,
            "window": "hann",
        },
    },
}


class Pair(nn.Module):
    """A model that is called for each turn, as those of GAN tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.discriminator = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, audio: torch.Tensor, forward_generator: bool = True) -> dict:
        made = self.generator(audio) if forward_generator else self.discriminator(audio)
        loss = made.square().mean()
        return {"loss": loss[None], "stats": {"size": loss.detach()}, "weight": len(audio)}


def test_both_turns_give_a_loss_by_the_name_of_the_optimizer() -> None:
    assert takes_turns(Pair())
    assert not takes_turns(nn.Linear(1, 1))
    model = Pair()
    join_turns(model)
    outcome = read_forward_output(model(audio=torch.ones(2, 1)), "net")
    assert list(outcome.losses) == ["generator", "discriminator"]
    assert outcome.weight == 2
    assert {"generator/size", "discriminator/size", "generator/loss"} <= outcome.stats.keys()


def test_a_copy_of_the_model_calls_itself() -> None:
    model = Pair()
    join_turns(model)
    other = copy.deepcopy(model)
    nn.init.zeros_(other.generator.weight)
    nn.init.zeros_(other.generator.bias)
    assert other(audio=torch.ones(1, 1))[0]["generator"] == 0


@pytest.mark.skipif(find_spec("espnet2") is None, reason="ESPnet is not installed")
@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "node", "field"), [("codec", CODEC, "audio"), ("tts", VITS, "speech")]
)
def test_a_model_of_espnet2_is_trained_for_two_epochs(
    part: str, node: dict, field: str, tmp_path: Path
) -> None:
    if part == "tts":
        pytest.importorskip("pyworld")
    text = ', "text": np.array([2, 3, 2, 3, 3])' if part == "tts" else ""
    (tmp_path / "dataset").mkdir()
    code = DATA.replace(
        '"NAME": tone.astype(np.float32)', f'"{field}": tone.astype(np.float32){text}'
    )
    (tmp_path / "dataset" / "__init__.py").write_text(code)
    batches = {"batches": {"type": "unsorted", "batch_size": 4}}
    optimizers = {
        name: {
            "optimizer": {"_target_": "torch.optim.AdamW", "lr": 1e-3},
            "params": f"{part}.{name}",
        }
        for name in ("generator", "discriminator")
    }
    training = {
        "num_threads": 1,
        "dataset": {
            split: [{"data_src_args": {"split": split, "count": 8}}] for split in ("train", "valid")
        },
        "dataloader": {"train": batches, "valid": batches},
        "optimizers": optimizers,
        "best_model_criterion": [["valid/generator/loss", 1, "min"]],
        "trainer": {"max_epochs": 2},
    }
    manifest = {"version": 1, "recipe": "toy/gan", "system": "base", "models": {"net": node}}
    manifest |= {"configs": {"training": training}, "stages": ["train"]}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(manifest))
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    curves = (tmp_path / "exp/recipe/train/curves.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in curves]
    assert {row["epoch"] for row in rows if row["at"] == "epoch"} == {1, 2}
    assert (tmp_path / "exp/recipe/train/best.ckpt").is_file()
