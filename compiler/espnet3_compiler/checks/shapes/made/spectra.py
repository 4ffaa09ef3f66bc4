"""What torchaudio and librosa make of audio: spectra with a number of bands that is written out."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from espnet3_compiler.checks.shapes import tensors
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    CallArguments,
    Constant,
    Size,
    Spectra,
    Tensor,
    Value,
)


class _Bands(Struct, frozen=True):
    """How a function or layer says how many bands it makes.

    Attributes:
        argument: Its argument.
        place: The index of that among those without a name; -1 where it must be named.
        usual: What it is unless given.
        halved: Whether it is the length of the Fourier transform.
    """

    argument: str
    place: int
    usual: int
    halved: bool = False


_FUNCTIONS = {
    "torchaudio.compliance.kaldi.fbank": _Bands("num_mel_bins", -1, 23),
    "torchaudio.compliance.kaldi.mfcc": _Bands("num_ceps", -1, 13),
    "librosa.feature.melspectrogram": _Bands("n_mels", -1, 128),
    "librosa.feature.mfcc": _Bands("n_mfcc", -1, 20),
    "librosa.stft": _Bands("n_fft", -1, 2048, halved=True),
}
_LAYERS = {
    "torchaudio.transforms.MelSpectrogram": _Bands("n_mels", 7, 128),
    "torchaudio.transforms.MFCC": _Bands("n_mfcc", 1, 40),
    "torchaudio.transforms.LFCC": _Bands("n_lfcc", 4, 40),
    "torchaudio.transforms.Spectrogram": _Bands("n_fft", 0, 400, halved=True),
}
_OTHER = ("use_energy", "onesided")
"""Arguments that add a band, or leave none out."""


def bands_of(path: str, arguments: CallArguments) -> Value:
    """Return what a function gives that makes spectra, or a layer that will; None for any other.

    Args:
        path: The dotted path of the function or class.
        arguments: What it is given.
    """
    rule = _FUNCTIONS.get(path) or _LAYERS.get(path)
    if rule is None or not arguments.complete or any(one in arguments.named for one in _OTHER):
        return None
    size = _size(rule, arguments.positional, arguments.named)
    if path in _LAYERS:
        return Spectra(size)
    if path.startswith("torchaudio."):
        return Tensor(((None, size),))
    first = [*arguments.positional, arguments.named.get("y")][0]
    return spectra_of(size, first.value if first else None)


def spectra_of(bands: Size | None, audio: Value) -> Tensor | None:
    """Return the spectra of some audio.

    Args:
        bands: How many bands there are.
        audio: The audio, of which the last dimension is time.
    """
    given = audio if isinstance(audio, Tensor) else tensors.any_tensor()
    return tensors.changed(given, lambda shape: (*shape[:-1], bands, None) if shape else None)


def _size(
    rule: _Bands, given: Sequence[CallArgument], named: Mapping[str, CallArgument]
) -> Size | None:
    argument = named.get(rule.argument)
    if argument is None and 0 <= rule.place < len(given):
        argument = given[rule.place]
    if rule.place < 0 and len(given) > 1:
        return None  # it may be one of those
    number = rule.usual
    if argument is not None:
        known = argument.value.value if isinstance(argument.value, Constant) else None
        if type(known) is not int:
            return None
        number = known
    return Size(number // 2 + 1 if rule.halved else number, None, argument)
