"""Audio: kinds of arrays and the change of sample rates."""

import numpy as np
import pytest
import torch

from espnet3_runtime.data.audio import as_wave, resample


def tone(rate, seconds=0.5, hertz=440.0):
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize(("rate", "new_rate"), [(44100, 16000), (8000, 16000), (16001, 16000)])
def test_a_tone_keeps_its_pitch_and_level(rate, new_rate):
    changed = resample(tone(rate), rate, new_rate)
    expected = tone(new_rate)
    assert abs(len(changed) - len(expected)) <= 1
    middle = slice(new_rate // 10, new_rate // 10 * 4)
    assert np.abs(changed[middle] - expected[middle]).max() < 0.01


def test_what_the_new_rate_cannot_hold_is_cut():
    changed = resample(tone(16000, hertz=6000.0), 16000, 8000)
    assert np.abs(changed[400:-400]).max() < 0.01


def test_the_end_does_not_leak_into_the_beginning():
    wave = np.zeros(16000, dtype=np.float32)
    wave[-1] = 1.0
    assert np.abs(resample(wave, 16000, 8000)[:4000]).max() < 1e-3


def test_channels_and_equal_rates():
    wave = np.stack([tone(16000), -tone(16000)])
    assert resample(wave, 16000, 8000).shape == (2, 4000)
    assert resample(wave, 16000, 16000) is wave


def test_arrays_of_any_type_become_float32():
    assert as_wave(torch.ones(3)).dtype == np.float32
    assert as_wave(np.array([-32768, 16384], dtype=np.int16)).tolist() == [-1.0, 0.5]
    assert as_wave(np.array([0, 128, 255], dtype=np.uint8)).tolist()[:2] == [-1.0, 0.0]
    for bad in (np.zeros((1, 2, 3)), np.array([]), np.array([np.inf]), np.array(["a"])):
        with pytest.raises(ValueError, match="audio"):
            as_wave(bad)
