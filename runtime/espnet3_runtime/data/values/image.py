"""Images as arrays of bytes."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.errors import UserError

Image = NDArray[np.uint8]
_GREY, _RGB = 1, 3
_WEIGHTS = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the lightness (ITU-R BT.601), as Pillow takes them."""


def as_image(value: Any, channels: int | None) -> Image:
    """Return an image as bytes: shape ``(height, width)`` of a grey one, else with 3 at the end.

    Args:
        value: The path of an image file; an image of Pillow; or an array of shape ``(height,
            width)`` or ``(height, width, channels)``, of bytes or of floats in [0, 1].
        channels: 1 makes it grey, 3 gives it colours; None keeps what it has.

    Raises:
        ValueError: It is no image.
        UserError: A file cannot be read, or Pillow, which reads it, is not installed.
    """
    if isinstance(value, str | PathLike):
        value = _read_file(Path(value))
    pixels = _as_bytes(np.asarray(value.detach().cpu() if hasattr(value, "detach") else value))
    if pixels.ndim == 3 and pixels.shape[2] in (_GREY, 2):  # noqa: PLR2004 - grey with alpha
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3 and pixels.shape[2] == _RGB + 1:  # noqa: PLR2004 - without alpha
        pixels = pixels[:, :, :_RGB]
    if pixels.ndim not in (2, 3) or 0 in pixels.shape or pixels.shape[2:] not in ((), (_RGB,)):
        shape = "(height, width) or (height, width, 3)"
        raise ValueError(f"expected shape {shape}, found {tuple(pixels.shape)}")
    if channels == _GREY and pixels.ndim == 3:  # noqa: PLR2004
        grey: Image = np.rint(pixels @ np.array(_WEIGHTS)).astype(np.uint8)
        return grey
    if channels == _RGB and pixels.ndim == 2:  # noqa: PLR2004
        return np.repeat(pixels[:, :, None], _RGB, axis=2)
    return np.ascontiguousarray(pixels)


def _as_bytes(array: NDArray[Any]) -> Image:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"expected bytes or floats in [0, 1], found {array.dtype}")
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"floats are in [0, 1], found {array.min():g} to {array.max():g}")
    scaled: Image = np.rint(array * 255).astype(np.uint8)
    return scaled


def _read_file(path: Path) -> Any:
    try:
        from PIL import Image as Pillow
        from PIL import UnidentifiedImageError
    except ModuleNotFoundError:
        problem = f'reading "{path}" needs the package "pillow", which is not installed'
        raise UserError(problem, hint="pip install pillow") from None
    if not path.is_file():
        raise UserError(f'there is no image file "{path}"')
    try:
        with Pillow.open(path) as image:
            return np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f'"{path}" cannot be read as an image: {error}') from error
