"""The scale bar beside a picture of depth: colours against metres."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import Kind

_INK, _PAPER = (32, 32, 32), (255, 255, 255)


def draw_bar(
    kind: Kind | None, height: int, table: npt.NDArray[np.uint8], low: float, high: float
) -> npt.NDArray[np.uint8]:
    """Draw a vertical bar, near (warm) at the top, with depths at round numbers.

    Args:
        kind: kind of the map, or None if none of its pixels is valid.
        height: of the picture it goes beside, pixels.
        table: uint8 (256, 3) colours, farthest first.
        low: disparity of the coldest colour.
        high: disparity of the warmest colour.

    Returns:
        uint8 (height, some width, 3) RGB.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = max(10, height // 28)
    font = ImageFont.load_default(size)
    top, bottom = size, height - 1 - size
    labels = _labels(kind, low, high, (bottom - top) / (2 * size))
    gap, thick = size // 2, size
    text_left = 2 * gap + thick + gap
    width = text_left + math.ceil(max(font.getlength(text) for _, text in labels)) + gap
    bar = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(bar)
    for at, text in labels:
        y = bottom - at * (bottom - top)
        if kind is not None:
            draw.line([(gap, y), (text_left - gap // 2, y)], fill=_INK, width=max(1, size // 12))
        draw.text((text_left, y), text, fill=_INK, font=font, anchor="lm")
    pixels = np.array(bar)
    if kind is not None:
        shades = np.rint(np.linspace(255, 0, bottom - top + 1)).astype(np.uint8)
        pixels[top : bottom + 1, gap : gap + thick] = table[shades][:, None]
    return pixels


def _labels(kind: Kind | None, low: float, high: float, room: float) -> list[tuple[float, str]]:
    """Positions (0 = coldest, 1 = warmest) and texts; `room` is how many texts fit above each other."""
    if kind is None:
        return [(0.5, "no depth")]
    if kind == "affine_disparity":
        return [(1.0, "near"), (0.0, "far")]
    unit = " m" if kind == "metric" else ""
    chosen: list[tuple[float, str]] = []
    for depth in _round_depths(low, high):
        at = (1 / depth - low) / (high - low)
        if 0 <= at <= 1 and all(abs(at - other) >= 1 / room for other, _ in chosen):
            chosen.append((at, f"{depth:.6g}{unit}"))
    return chosen or [(0.5, f"{2 / (low + high):.6g}{unit}")]


def _round_depths(low: float, high: float) -> Iterator[float]:
    """Candidates from near to far between two disparities, the roundest kinds of numbers first."""
    near = 1 / high
    far = min(1 / low if low > 0 else math.inf, 1000 * near)
    decades = range(math.floor(math.log10(near)), math.ceil(math.log10(far)) + 1)
    for digits in ((1,), (2, 5), (3, 7)):
        yield from sorted(digit * 10.0**power for power in decades for digit in digits)
    step = 10.0 ** math.floor(math.log10(far - near))
    for fine in (step, step / 2, step / 10):
        first = math.ceil(near / fine)
        yield from (fine * k for k in range(first, min(math.floor(far / fine), first + 50) + 1))
