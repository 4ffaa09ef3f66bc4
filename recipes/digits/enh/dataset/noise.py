"""Noise that is added to speech: a pure function of its seed."""

import numpy as np

from .synthesis import SAMPLE_RATE


def add_noise(speech: np.ndarray, snr: float, seed: int) -> np.ndarray:
    """Return noisy audio, float32 in [-1, 1] of the shape of ``speech``.

    Args:
        speech: float32 in [-1, 1], shape (samples,), at 16 kHz.
        snr: Speech to noise in dB, over the whole utterance.
        seed: Of the noise.
    """
    noise = make_noise(len(speech), seed)
    power = float(np.mean(speech.astype(np.float64) ** 2)) / 10 ** (snr / 10)
    return (speech + noise * (power / np.mean(noise**2)) ** 0.5).clip(-1, 1).astype(np.float32)


def make_noise(samples: int, seed: int) -> np.ndarray:
    """Return noise, float64 of shape (samples,), of any level.

    White to brown noise that swells and ebbs, and in every second one the hum of a machine.
    """
    rng = np.random.default_rng(seed)
    length = -(-samples // 4000) * 4000  # a quick length for the FFT
    frequencies = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    slope = rng.uniform(0.0, 1.0)  # amplitude falls by 0 to 6 dB an octave
    spectrum = np.fft.rfft(rng.normal(size=length)) / np.maximum(frequencies, 50.0) ** slope
    noise = np.fft.irfft(spectrum, length)[:samples]
    noise /= noise.std()
    time = np.arange(samples) / SAMPLE_RATE
    swell = np.sin(2 * np.pi * (rng.uniform(0.3, 4.0) * time + rng.uniform()))
    noise *= 1 + rng.uniform(0.0, 0.7) * swell
    if rng.uniform() < 0.5:
        pitch = rng.uniform(60.0, 400.0)
        hum = [np.sin(2 * np.pi * (pitch * n * time + rng.uniform())) / n for n in range(1, 6)]
        noise += rng.uniform(0.3, 1.5) * np.sum(hum, axis=0)
    return noise
