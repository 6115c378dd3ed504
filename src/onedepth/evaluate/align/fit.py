"""What an alignment found, and how it turns a prediction into metres."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import Kind
from onedepth.errors import DataError
from onedepth.rasters import Floats

Array = npt.NDArray[np.floating[Any]]
Space = Literal["depth", "disparity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Scale and shift of one image (or of one sequence), in the space they were found in.

    Attributes:
        alignment: Name of the alignment (a key of `ALIGNMENTS`).
        kind: Kind of the prediction that was aligned.
        space: Where scale and shift act: on depth, or on disparity (inverse depth).
        scale: Factor; NaN where there is no fit.
        shift: Added after the factor, metres or 1/metres; NaN where there is no fit.
        cap: Largest depth in metres of a fit in disparity, whose floor is 1 / cap.
        ok: Whether there is a fit. An image without one has no number, and is counted.
        reason: Why there is no fit, or what a fallback fell back from.
    """

    alignment: str
    kind: Kind
    space: Space
    scale: float = math.nan
    shift: float = math.nan
    cap: float | None = None
    ok: bool = True
    reason: str = ""

    def apply(self, values: npt.ArrayLike) -> Floats:
        """Metres of predicted values.

        In depth: scale * depth + shift, which may be 0 or less (protocols clamp afterwards). In disparity:
        1 / max(scale * disparity + shift, 1 / cap), with depth predictions inverted first (MiDaS, sec. 5).

        Args:
            values: Predicted values of the fit's kind, any shape.

        Returns:
            float32 of that shape, metres; NaN where the prediction is, and where a depth that has to be
            inverted is not above 0.

        Raises:
            DataError: When there is no fit.
        """
        if not self.ok:
            raise DataError(f"alignment {self.alignment}: found no fit ({self.reason}); leave the image out")
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _APPLY[self.space](self, np.asarray(values, np.float32))


def _in_depth(fit: Fit, values: Floats) -> Floats:
    if (fit.scale, fit.shift) == (1.0, 0.0):
        return values
    metres = values * np.float32(fit.scale)
    return metres if fit.shift == 0 else np.add(metres, np.float32(fit.shift), out=metres)


def _in_disparity(fit: Fit, values: Floats) -> Floats:
    assert fit.cap is not None
    if fit.kind == "affine_disparity":
        disparity = values * np.float32(fit.scale)
    else:
        disparity = np.where(values > 0, np.float32(fit.scale) / values, np.float32(np.nan))
    disparity += np.float32(fit.shift)
    np.maximum(disparity, np.float32(1 / fit.cap), out=disparity)
    np.divide(np.float32(1), disparity, out=disparity)
    return disparity


_APPLY: Mapping[Space, Callable[[Fit, Floats], Floats]] = {"depth": _in_depth, "disparity": _in_disparity}
