"""Reads, writes, scales and resamples audio."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.errors import UserError

Wave = NDArray[np.float32]


def read_audio(path: Path) -> tuple[Wave, int]:
    """Read an audio file of any format of libsndfile: WAV, FLAC, OGG, MP3, SPHERE and more.

    Returns:
        float32 in [-1, 1], shape ``(samples,)`` or ``(channels, samples)``, and the sample rate
        in Hz.

    Raises:
        UserError: The file is missing or is not audio.
    """
    import soundfile

    with _translated_errors(path):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    wave = np.ascontiguousarray(samples.T)
    return (wave[0] if len(wave) == 1 else wave), int(rate)


def audio_seconds(path: Path) -> float:
    """Return how long an audio file is, without reading its samples.

    Raises:
        UserError: The file is missing or is not audio.
    """
    import soundfile

    with _translated_errors(path):
        return float(soundfile.info(path).duration)


@contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    import soundfile

    if not path.is_file():
        raise UserError(f'there is no audio file "{path}"')
    try:
        yield
    except soundfile.LibsndfileError as error:
        raise UserError(f'"{path}" cannot be read as audio: {error.error_string}') from error


def write_wav(path: Path, samples: Any, sample_rate: int) -> None:
    """Write a WAV file of 16-bit PCM.

    Args:
        path: The file; its directory exists.
        samples: Shape ``(samples,)`` or ``(channels, samples)``, clipped to [-1, 1].
        sample_rate: In Hz.
    """
    import soundfile

    data = np.clip(np.asarray(samples, dtype=np.float32).T, -1.0, 1.0)
    content = io.BytesIO()  # Python writes the file: its errors name the cause, such as a full disk
    soundfile.write(content, data, sample_rate, subtype="PCM_16", format="WAV")
    path.write_bytes(content.getvalue())


def as_wave(value: Any) -> Wave:
    """Return an array or tensor of audio as float32; integers are scaled to [-1, 1].

    The shape, ``(samples,)`` or ``(channels, samples)``, stays.

    Raises:
        ValueError: It has another shape, is empty, or has a number that is not finite.
    """
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"audio has shape (samples,) or (channels, samples), not {array.shape}")
    scaled = array if array.dtype == np.float32 else _scale_integers(array)
    wave = np.ascontiguousarray(scaled, dtype=np.float32)
    if not np.isfinite(wave).all():
        raise ValueError("audio has samples that are not finite")
    return wave


def _scale_integers(array: Any) -> Any:
    if array.dtype == np.uint8:  # 8-bit PCM is unsigned, silence is 128
        return (array.astype(np.float32) - 128) / 128
    if np.issubdtype(array.dtype, np.integer):
        return array / np.float32(-float(np.iinfo(array.dtype).min) or 1.0)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"audio consists of numbers, not {array.dtype}")
    return array


def resample(wave: Wave, rate: int, new_rate: int) -> Wave:
    """Change the sample rate by cutting or extending the spectrum (band-limited interpolation).

    Args:
        wave: float32 of shape ``(..., samples)``.
        rate: Its rate in Hz.
        new_rate: The wanted rate in Hz.

    Returns:
        float32 of shape ``(..., ceil(samples * new_rate / rate))``.
    """
    if rate == new_rate:
        return wave
    divisor = math.gcd(rate, new_rate)
    step, new_step = rate // divisor, new_rate // divisor
    length = wave.shape[-1]
    # Silence at the end keeps the last samples from leaking into the first (the transform is
    # circular), and makes both lengths whole multiples.
    blocks = -(-(length + rate // 10) // step)
    spectrum = np.fft.rfft(wave, blocks * step)
    size, new_size = blocks * step, blocks * new_step
    bins = min(size, new_size) // 2 + 1
    kept = np.zeros((*wave.shape[:-1], new_size // 2 + 1), dtype=np.complex128)
    kept[..., :bins] = spectrum[..., :bins]
    output = np.fft.irfft(kept, new_size) * (new_size / size)
    return np.ascontiguousarray(output[..., : -(-length * new_step // step)], dtype=np.float32)
