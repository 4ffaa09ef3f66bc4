"""Metrics of recordings, detection and translation: values that are known."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.scp import read_scp
from espnet3_runtime.metrics.bleu import BLEU
from espnet3_runtime.metrics.eer import EER
from espnet3_runtime.metrics.item_scores import ItemScores
from espnet3_runtime.metrics.mcd import MCD, mean_along_path
from espnet3_runtime.metrics.si_sdr import SISDR, SISDRImprovement
from espnet3_runtime.metrics.stoi import STOI
from espnet3_runtime.stages.infer import infer
from espnet3_runtime.stages.measure import measure
from espnet3_schemas.installation import install_command
from tests.runtime.infer_kit import MODEL, add_code, config
from tests.runtime.inference_kit import in_recipe, make_context

HAS = {name: find_spec(name) is not None for name in ("pystoi", "sacrebleu")}
TIME = np.arange(16000) / 16000
TONE = np.sin(2 * np.pi * 300 * TIME)
OTHER = np.cos(2 * np.pi * 300 * TIME)  # orthogonal to it, of the same energy


@pytest.fixture
def saved(tmp_path):
    """Return a function that writes arrays, and gives their paths."""

    def save(*waves):
        paths = [
            str(tmp_path / f"{len(list(tmp_path.iterdir())) + n}.npy") for n in range(len(waves))
        ]
        for path, wave in zip(paths, waves, strict=True):
            np.save(path, wave)
        return paths

    return save


@pytest.mark.parametrize(
    ("enhanced", "expected"),
    [
        (TONE + 0.1 * OTHER, 20.0),
        (7 * (TONE + 0.1 * OTHER) + 3, 20.0),  # neither level nor offset counts
        (-TONE + OTHER, 0.0),
        (TONE, 100.0),
        (OTHER, -100.0),
        (np.stack([TONE + 0.1 * OTHER, TONE + OTHER]), 10.0),
    ],
)
def test_si_sdr_of_known_noise(saved, enhanced, expected):
    ref = TONE if enhanced.ndim == 1 else np.stack([TONE, TONE])
    columns = {"ref": saved(ref, ref), "enhanced": saved(enhanced, ref)}
    items = ItemScores(["a", "b"])
    found = SISDR()(**columns, utt_ids=items.utt_ids, item_scores=items)
    assert found["si_sdr"] == pytest.approx((expected + 100) / 2, abs=1e-3)
    assert found["items"] == 2
    assert items.scores[0].values == pytest.approx([expected, 100], abs=1e-3)


def test_si_sdr_improvement(saved):
    columns = {"enhanced": saved(TONE + 0.1 * OTHER), "noisy": saved(TONE + OTHER)}
    found = SISDRImprovement()(saved(TONE), **columns)
    expected = {"si_sdr_improvement": 20, "si_sdr": 20, "si_sdr_noisy": 0, "items": 1}
    assert found == pytest.approx(expected, abs=1e-3)
    assert next(iter(found)) == "si_sdr_improvement"


def test_mel_cepstral_distortion_after_alignment(saved):
    score = MCD(sample_rate=16000)
    sweep = np.sin(2 * np.pi * (300 + 900 * TIME) * TIME)
    longer = np.arange(24000) / 16000
    slower = np.sin(2 * np.pi * (300 + 600 * longer) * longer)
    noise = np.random.default_rng(1).normal(size=24000)
    columns = {"ref": saved(sweep, noise), "spoken": saved(sweep, 0.1 * noise)}  # level: no matter
    items = ItemScores(["a", "b"])
    same = score(**columns, utt_ids=items.utt_ids, item_scores=items)
    assert same == {"mcd": pytest.approx(0, abs=1e-3), "length_ratio": 1, "items": 2}
    assert [score.name for score in items.scores] == ["mcd", "length_ratio"]
    other = score(saved(sweep), saved(noise))
    assert other["length_ratio"] == 1.5
    assert score(saved(sweep), saved(slower))["mcd"] < other["mcd"] / 2
    with pytest.raises(UserError, match="no file says its sample rate"):
        MCD()(saved(TONE), saved(TONE))


def test_the_path_with_the_smallest_sum():
    distances = np.array([[0.0, 2, 9], [2, 1, 9], [9, 0, 3], [9, 9, 0]])
    assert mean_along_path(distances) == pytest.approx((0 + 1 + 0 + 0) / 4)
    assert mean_along_path(distances.T) == pytest.approx((0 + 1 + 0 + 0) / 4)
    assert mean_along_path(np.array([[3.0]])) == 3
    assert mean_along_path(np.array([[1.0, 2, 3]])) == 2


def test_recordings_that_cannot_be_compared(saved, tmp_path):
    score = SISDR()
    assert score(saved(TONE), saved(TONE[:-160]))["si_sdr"] == 100  # a frame less
    cases = {
        "0 has 16000 samples in .* and 15000 in": (TONE, TONE[:15000]),
        "0 has 1 channels in .* and 2 in": (TONE, np.stack([TONE, TONE])),
        "0 cannot be compared: the reference is silent": (0 * TONE, TONE),
        r"has shape \(1, 2, 3\); audio is \(channels, samples\)": (TONE, np.zeros((1, 2, 3))),
        "has samples that are no finite numbers": (TONE, np.where(TIME < 0.5, TONE, np.nan)),
    }
    for message, (ref, enhanced) in cases.items():
        with pytest.raises(UserError, match=message):
            score(saved(ref), saved(enhanced))
    paths = []
    for rate in (8000, 16000):
        paths.append(str(tmp_path / f"{rate}.wav"))
        soundfile.write(paths[-1], TONE, rate)
    with pytest.raises(UserError, match=r"one has 8000 Hz in .* and 16000 in"):
        score(paths[:1], paths[1:], utt_ids=["one"])
    with pytest.raises(UserError, match="there are no items to compare"):
        score([], [])
    with pytest.raises(UserError, match=r'there is no audio file "none.wav"'):
        score(["none.wav"], saved(TONE))


@pytest.mark.parametrize(
    ("labels", "scores", "eer", "min_dcf"),
    [
        ("1 1 0 0", "0.9 0.8 0.2 0.1", 0, 0),
        ("1 0 1 0", "0.9 0.8 0.2 0.1", 50, 0.5),
        ("1 1 1 1 0 0 0 0", "0.9 0.8 0.7 0.3 0.6 0.4 0.2 0.1", 25, 0.25),
        ("1 1 1 0 0", "3 2 0 1 -1", 100 / 3, 1 / 3),
        ("target nontarget", "0.5 0.5", 50, 1),
        ("0 1", "0.9 0.1", 100, 1),
    ],
)
def test_equal_error_rate(labels, scores, eer, min_dcf):
    found = EER()(labels.split(), scores.split())
    assert found["eer"] == pytest.approx(eer, abs=1e-3)
    assert found["min_dcf"] == pytest.approx(min_dcf, abs=1e-6)
    assert found["targets"] + found["nontargets"] == len(labels.split())


def test_trials_that_are_none():
    for label, score, message in (
        ("yes", "1", '"yes" is no label of a trial'),
        ("1", "high", '"high" is no score of a trial'),
        ("1", "nan", '"nan" is no score of a trial'),
        ("1", "0.5", "there are 1 targets and 0 nontargets"),
    ):
        with pytest.raises(UserError, match=message):
            EER()([label], [score])
    with pytest.raises(ValueError, match="target_prior is between 0 and 1, not 2"):
        EER(target_prior=2)


@pytest.mark.skipif(not HAS["pystoi"], reason="pystoi is not installed; make test installs it")
def test_stoi_of_known_noise(saved, tmp_path):
    rng = np.random.default_rng(0)
    clean = TONE * (1 + np.sin(2 * np.pi * 4 * TIME)) + 0.3 * rng.normal(size=16000)
    noisy = clean + 0.3 * rng.normal(size=16000)
    soundfile.write(tmp_path / "clean.wav", clean, 16000, subtype="DOUBLE")
    ref = [str(tmp_path / "clean.wav")]
    assert STOI()(ref, saved(noisy))["stoi"] == pytest.approx(0.6091, abs=2e-3)
    assert STOI(extended=True)(ref, saved(noisy))["estoi"] == pytest.approx(0.578, abs=2e-3)
    assert STOI(sample_rate=16000)(saved(clean), saved(clean))["stoi"] == pytest.approx(1)
    with pytest.raises(UserError, match="no file says its sample rate"):
        STOI()(saved(clean), saved(clean))


@pytest.mark.skipif(
    not HAS["sacrebleu"], reason="sacrebleu is not installed; make test installs it"
)
def test_bleu_of_the_example_of_sacrebleu():
    ref = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
    hyp = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    found = BLEU()(ref, hyp)
    assert found["bleu"] == pytest.approx(45.07, abs=0.01)
    assert (found["brevity_penalty"], found["words"], found["reference_words"]) == (1, 17, 17)
    assert BLEU(lowercase=True)(["A b c d"], ["a b C d"])["bleu"] == pytest.approx(100)


@pytest.mark.skipif(all(HAS.values()), reason="both packages are installed")
def test_a_package_that_is_missing_is_named_with_its_extra():
    missing = next(name for name, there in HAS.items() if not there)
    with pytest.raises(UserError, match=f'"{missing}[a-z.]*" is not installed') as error:
        {"pystoi": STOI, "sacrebleu": BLEU}[missing]()
    assert error.value.hint == install_command("metrics")


ENHANCE = """
class Louder:
    def __call__(self, model, speech, speech_lengths, **_):
        rows = [row[:n] * 0.5 + 0.1 for row, n in zip(speech, speech_lengths.tolist())]
        return [{"text": "x", "wave": row, "mask": row.numpy()[None]} for row in rows]
"""


NOISE = """\
        time = np.arange(len(speech), dtype=np.float32)
        clean = 0.3 * np.sin(0.3 * time)
        speech = speech + clean + 0.1 * np.cos(0.7 * time)
        text = """


@pytest.mark.parametrize("artifacts", [{}, {"wave": {"type": "wav", "sample_rate": 16000}}])
def test_outputs_of_audio_are_compared_with_the_data(tmp_path, artifacts):
    """Arrays of the data set need no files of their own: the metric says that it reads audio."""
    with in_recipe(tmp_path / "recipe") as recipe:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, recipe / "best.ckpt")
        dataset = recipe / "dataset/__init__.py"
        text = dataset.read_text().replace('"speaker"', '"clean": clean, "speaker"')
        dataset.write_text(text.replace("        text = ", NOISE))
        add_code(recipe, "enhance", ENHANCE)
        runner = {"_target_": "src.enhance.Louder"}
        inference = config(runner=runner, contract=None, output_artifacts=artifacts)
        made = make_context(recipe, "infer", configs={"inference": inference}, model=MODEL)
        inference_dir = infer(made)["inference_dir"]
        target = {"_target_": "espnet3_runtime.metrics.si_sdr.SISDRImprovement"}
        sources = {"ref": "dataset:clean", "enhanced": "wave", "noisy": "dataset:speech"}
        metrics = {"metrics": [{"name": "gain", "metric": target, "inputs": sources}]}
        context = make_context(
            recipe,
            "measure",
            configs={"metrics": metrics, "inference": inference},
            upstream={"infer.inference_dir": inference_dir},
            upstream_kinds={"infer": "infer"},
        )
        found = json.loads(measure(context)["metrics"].read_text())
        scores = found["metrics"]["gain"]["test"]
        assert scores["si_sdr_improvement"] == pytest.approx(0, abs=0.01)  # a level is no gain
        assert scores["items"] == 10
        assert found["about"]["gain"]["headline"] == "si_sdr_improvement"
        assert found["about"]["gain"]["unit"] == "dB"
        values = read_scp(context.directory / "test/gain/values.scp")
        assert list(values) == [f"utt{index}" for index in range(10)]
        suffix = "wav" if artifacts else "npy"
        assert (inference_dir / f"test/wave/utt3.{suffix}").is_file()
        assert np.load(inference_dir / "test/mask/utt3.npy").shape == (1, 160)
