"""What a length that somebody knew has done to a depth map: kept with the map and in its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from onedepth.checks import finite, positive, shown, whole
from onedepth.errors import DepthMapError

Pixel = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The record of a calibration; the map's values are multiplied by `factor` already.

    Attributes:
        factor: What the values before were multiplied by, > 0.
        length: The known length in metres, > 0.
        pixels: The pixels (column, row) of its two ends.
        uncertainty: Relative standard deviation of the scale that is left, >= 0.
        focal_share: Relative change of the length, as measured before, per relative change of the focal
            length, within [-1, 1]. A further length with the same share depends on the focal length no more.

    Raises:
        DepthMapError: A value is of the wrong type or out of range.
    """

    factor: float
    length: float
    pixels: tuple[Pixel, Pixel]
    uncertainty: float
    focal_share: float

    def __post_init__(self) -> None:
        for name in ("factor", "length"):
            object.__setattr__(
                self, name, positive(getattr(self, name), f"calibration {name}", DepthMapError)
            )
        for name, least, most in (("uncertainty", 0.0, float("inf")), ("focal_share", -1.0, 1.0)):
            value = finite(getattr(self, name), f"calibration {name}", DepthMapError)
            if not least <= value <= most:
                raise DepthMapError(
                    f"calibration {name} must be between {least:g} and {most:g}, found {value:g}"
                )
            object.__setattr__(self, name, value)
        object.__setattr__(self, "pixels", _pixels(self.pixels))

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return {**asdict(self), "pixels": [list(pixel) for pixel in self.pixels]}

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The record of plain JSON values; `to_dict` undone.

        Raises:
            DepthMapError: A key is missing or unknown, or a value is wrong.
        """
        names = set(cls.__dataclass_fields__)
        if not isinstance(values, Mapping) or set(values) != names:
            raise DepthMapError(f"calibration: found {shown(values)}, expected {', '.join(sorted(names))}")
        return cls(**values)


def _pixels(value: Any) -> tuple[Pixel, Pixel]:
    try:
        (x1, y1), (x2, y2) = value
    except (TypeError, ValueError):
        raise DepthMapError(
            f"calibration pixels: found {shown(value)}, expected two pairs (column, row)"
        ) from None
    one, two, three, four = (
        whole(n, "calibration pixel", least=0, error=DepthMapError) for n in (x1, y1, x2, y2)
    )
    return (one, two), (three, four)
