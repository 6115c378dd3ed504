"""A length with its uncertainty, and where the uncertainty comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass

PICK = 0.5
"""Standard deviation in pixels of where somebody clicks or an edge really is."""


@dataclass(frozen=True, slots=True)
class Length:
    """A length in metres.

    The parts are independent, so `uncertainty` is the root of the sum of their squares.

    Attributes:
        metres: The length.
        scale: Standard deviation in metres from the scale of the photo's depth.
        depth: From the depths of the single pixels.
        focal: From the focal length.
        pick: From where in the photo the ends were chosen.
    """

    metres: float
    scale: float
    depth: float
    focal: float
    pick: float

    @property
    def uncertainty(self) -> float:
        """Standard deviation in metres."""
        return math.hypot(self.scale, self.depth, self.focal, self.pick)

    def __str__(self) -> str:
        """The length and its uncertainty to two digits of the latter, such as `2.31 ± 0.25 m`."""
        if self.uncertainty <= 0:
            return f"{self.metres:.4g} m"
        digits = decimals(self.uncertainty)
        return f"{self.metres:.{digits}f} ± {self.uncertainty:.{digits}f} m"


def decimals(uncertainty: float) -> int:
    """Decimals, at most 4, that show an uncertainty in metres to two digits."""
    return min(4, max(0, 1 - math.floor(math.log10(uncertainty)))) if uncertainty > 0 else 4
