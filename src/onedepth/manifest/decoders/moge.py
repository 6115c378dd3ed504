"""MoGe's depth files: 16-bit PNG with logarithmic steps, the range in the text chunks `near` and `far`.

Step 1 is `near`, 65534 is `far`, between them the logarithm of depth is linear; 0 is not measured and 65535
infinitely far. Old files also have a text `unit` by which depth is multiplied. Source: `read_depth` and
`write_depth` in `moge/utils/io.py` of github.com/microsoft/MoGe.
"""

from __future__ import annotations

import io
import math

import cv2
import numpy as np

from onedepth.errors import DataError
from onedepth.files.image_kinds import decode_errors
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.pixels import decode_picture
from onedepth.manifest.record import Label
from onedepth.manifest.storage import read_bytes

_LAST = 65534  # the step of `far`; 65535 is infinity


def decode(label: Label, view: View) -> Array:
    """Depth, float32 (h, w) in the unit of the data set; NaN where it is unknown or infinite.

    Raises:
        DataError: Missing, damaged, not one 16-bit channel, or without a range.
    """
    data = read_bytes(label.file)
    steps, _ = decode_picture(data, label.file, cv2.IMREAD_UNCHANGED, view.max_pixels)
    if steps.ndim != 2 or steps.dtype != np.uint16:
        raise DataError(f"{label.file}: expected one 16-bit channel, found {steps.dtype} {steps.shape}")
    text = _text(data, label.file)
    near, far, unit = (_number(text, key, label.file) for key in ("near", "far", "unit"))
    table = np.full(_LAST + 2, np.nan, np.float32)
    share = np.linspace(0.0, 1.0, _LAST)
    table[1 : _LAST + 1] = np.exp((1 - share) * math.log(near) + share * math.log(far)) * unit
    depth: Array = table[steps]
    return depth


def _text(data: bytes, name: str) -> dict[str, str]:
    from PIL import PngImagePlugin

    try:
        with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
            return {str(key): str(value) for key, value in image.info.items()}
    except decode_errors() as error:
        raise DataError(f"{name}: is no PNG, or damaged") from error


def _number(text: dict[str, str], key: str, name: str) -> float:
    word = text.get(key, "1" if key == "unit" else "")
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        found = f"is {word!r}" if word else "is missing"
        raise DataError(
            f"{name}: the text {key!r} {found}, expected a number > 0, as MoGe's write_depth writes it"
        )
    return value
