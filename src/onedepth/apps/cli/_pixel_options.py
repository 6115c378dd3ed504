"""Options that are followed by any number of pixels, `--points 10,20 30,40`, which Click has no word for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from onedepth.calibration import Pixel
from onedepth.errors import ConfigError

_PIXEL = re.compile(r"-?\d+(?:\.\d*)?,-?\d+(?:\.\d*)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?")
_NUMBERS_FIRST = {"--points": 0, "--height": 0, "--known": 1}
"""Option -> how many values stand before its pixels."""


class PixelCommand(TyperCommand):
    """A command whose pixels, given behind an option, are handed on as one value of that option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the pixels before Click counts values."""
        return super().parse_args(ctx, join_pixels(args))


def join_pixels(words: Sequence[str]) -> list[str]:
    """`--points 1,2 3,4 x.jpg` as `--points "1,2 3,4" x.jpg`; `--points=1,2 3,4` means the same.

    Raises:
        ConfigError: Pixels without commas, as in `--points 1 2 3 4`.
    """
    joined: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, sign, value = word.partition("=")
        if sign and option in _NUMBERS_FIRST:
            word, rest = option, [value, *rest]
        joined.append(word)
        if word not in _NUMBERS_FIRST:
            continue
        taken, rest = rest[: _NUMBERS_FIRST[word]], rest[_NUMBERS_FIRST[word] :]
        while rest and _PIXEL.fullmatch(rest[0]):
            taken.append(rest.pop(0))
        if len(rest) > 1 and _NUMBER.fullmatch(rest[0]) and _NUMBER.fullmatch(rest[1]):
            raise ConfigError(f"{word} {rest[0]} {rest[1]}: expected pixels with commas, {rest[0]},{rest[1]}")
        if taken:
            joined.append(" ".join(taken))
    return joined


def pixels_of(option: str, text: str) -> list[Pixel]:
    """The pixels (column, row) in an option's value.

    Raises:
        ConfigError: A word is no pixel: two whole numbers with a comma between.
    """
    return [_pixel(option, word) for word in text.split()]


def _pixel(option: str, word: str) -> Pixel:
    column, _, row = word.partition(",")
    try:
        return int(column), int(row)
    except ValueError:
        raise ConfigError(
            f"{option} {word}: expected pixels as column,row in whole numbers from the top left, like 320,240"
        ) from None


def pairs_of(option: str, text: str) -> list[tuple[Pixel, Pixel]]:
    """The pixels two by two.

    Raises:
        ConfigError: There is none, one is no pixel, or one is left over.
    """
    pixels = pixels_of(option, text)
    if not pixels or len(pixels) % 2:
        found = "1 pixel" if len(pixels) == 1 else f"{len(pixels)} pixels"
        raise ConfigError(f"{option}: found {found}, expected two for each length")
    return list(zip(pixels[::2], pixels[1::2], strict=True))


def known_of(text: str) -> tuple[float, Pixel, Pixel]:
    """A known length in metres and its two ends.

    Raises:
        ConfigError: It is not a number and two pixels.
    """
    number, _, rest = text.partition(" ")
    try:
        length = float(number)
    except ValueError:
        length = 0.0
    pixels = pixels_of("--known", rest)
    if not 0 < length < float("inf") or len(pixels) != 2:
        raise ConfigError(f"--known {text}: expected metres and two pixels, like --known 0.297 120,80 410,85")
    return length, pixels[0], pixels[1]
