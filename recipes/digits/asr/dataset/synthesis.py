"""Speech from eSpeak NG through ctypes, the same bytes for the same utterance.

The engine keeps generator phase in static variables, so it is loaded anew for every utterance
(about 1 ms): the audio is then a pure function of the utterance, whatever was spoken before it.
Interface: ``speak_lib.h`` and ``espeak_ng.h`` of eSpeak NG 1.52.
"""

import _ctypes
import ctypes
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_short, c_void_p

import espeakng_loader
import numpy as np

from .voices import Utterance

SAMPLE_RATE = 16_000
_ENGINE_RATE = 22_050
_SYNCHRONOUS = 2
_UTF8 = 1
_RATE, _PITCH, _RANGE, _WORD_GAP = 1, 3, 4, 7
_PEAK = 0.5

Callback = CFUNCTYPE(c_int, POINTER(c_short), c_int, c_void_p)


def synthesise(utterance: Utterance) -> np.ndarray:
    """Return the audio of an utterance: float32, shape (samples,), 16 kHz, within [-1, 1].

    Raises:
        RuntimeError: eSpeak NG has no such voice or could not start.
    """
    speech = _resample(_speak(utterance))
    rng = np.random.default_rng(utterance.seed)
    silence = [np.zeros(round(s * SAMPLE_RATE)) for s in (utterance.lead, utterance.tail)]
    audio = np.concatenate([silence[0], speech, silence[1]])
    audio *= _PEAK / max(float(np.abs(audio).max()), 1e-9)
    power = float(np.mean(audio**2)) / 10 ** (utterance.snr / 10)
    return (audio + rng.normal(0.0, power**0.5, len(audio))).clip(-1, 1).astype(np.float32)


def _speak(utterance: Utterance) -> np.ndarray:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    pieces: list[np.ndarray] = []

    @Callback
    def collect(samples, count, _events):  # noqa: ANN001, ANN202
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    data = espeakng_loader.get_data_path().encode()
    if library.espeak_Initialize(_SYNCHRONOUS, 0, c_char_p(data), 1 << 15) != _ENGINE_RATE:
        raise RuntimeError("eSpeak NG did not start at 22050 Hz")
    try:
        library.espeak_SetSynthCallback(collect)
        library.espeak_ng_SetRandSeed(1)
        ctypes.CDLL(None).srand(1)  # the Klatt voices draw from the C library
        _configure(library, utterance)
        text = utterance.text.encode()
        library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    finally:
        library.espeak_Terminate()
        _ctypes.dlclose(library._handle)  # noqa: SLF001 - the only way to unload a library
    return np.concatenate(pieces).astype(np.float64) / 32768.0


def _configure(library: ctypes.CDLL, utterance: Utterance) -> None:
    if library.espeak_SetVoiceByName(utterance.speaker.encode()) != 0:
        raise RuntimeError(f'eSpeak NG has no voice "{utterance.speaker}"')
    values = {
        _RATE: utterance.rate,
        _PITCH: utterance.pitch,
        _RANGE: utterance.pitch_range,
        _WORD_GAP: utterance.word_gap,
    }
    for parameter, value in values.items():
        library.espeak_SetParameter(parameter, value, 0)


def _resample(audio: np.ndarray) -> np.ndarray:
    # 22050 : 16000 = 441 : 320; padding to a multiple of 441 keeps the FFT lengths smooth.
    blocks = -(-len(audio) // 441)
    spectrum = np.fft.rfft(np.pad(audio, (0, blocks * 441 - len(audio))))
    target = blocks * 320
    return np.fft.irfft(spectrum[: target // 2 + 1], target) * (target / (blocks * 441))
