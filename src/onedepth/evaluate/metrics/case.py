"""What a metric sees of one image: prediction, truth, what counts, and what else the image brings along."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.evaluate.align.fit import Fit
from onedepth.rasters import Floats, Mask

Family = Callable[["Case"], Mapping[str, float]]


@dataclass(frozen=True, eq=False, slots=True)
class Plane:
    """A flat part of the scene.

    Attributes:
        mask: bool (H, W), its pixels.
        normal: Its true unit normal (3,) in camera axes (x right, y down, z forward), either side.
    """

    mask: Mask
    normal: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """One image to be scored.

    Attributes:
        prediction: (H, W) predicted values; metres, unless `fit` makes metres of them.
        truth: (H, W) true depth in metres, > 0 where `mask`.
        mask: bool (H, W), the pixels that count.
        camera: Camera of this raster; metrics in 3-D need it.
        edges: bool (H, W), the true depth edges; iBims and MDEC edge metrics need them.
        planes: The flat parts, possibly none; planarity needs to know them.
        fit: Alignment of the prediction; None when it holds metres already.
        low: Predicted depths below are set to it, after alignment; metres.
        high: Predicted depths above are set to it, after alignment; metres.

    Raises:
        DataError: When sizes differ, or a camera belongs to another size.
    """

    prediction: Floats
    truth: Floats
    mask: Mask
    camera: Camera | None = None
    edges: Mask | None = None
    planes: tuple[Plane, ...] | None = None
    fit: Fit | None = None
    low: float = 0.0
    high: float = math.inf
    _memo: dict[Family, Mapping[str, float]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        shape = self.truth.shape
        rasters = {"prediction": self.prediction, "mask": self.mask, "edges": self.edges}
        rasters |= {f"plane {i}": plane.mask for i, plane in enumerate(self.planes or ())}
        for name, raster in rasters.items():
            if raster is not None and raster.shape != shape:
                raise DataError(f"{name}: has shape {raster.shape} but the truth has {shape}; resize first")
        if self.mask.dtype != np.bool_:
            raise DataError(f"mask: found {self.mask.dtype}, expected bool")
        if self.camera is not None and self.camera.size != shape[::-1]:
            raise DataError(
                f"camera: is for {self.camera.width}x{self.camera.height} pixels but the truth has "
                f"{shape[1]}x{shape[0]}; use camera.resize or camera.crop first"
            )

    def aligned(self, fit: Fit, low: float = 0.0, high: float = math.inf) -> Case:
        """The same image with its prediction aligned and clamped; shares all work on mask and truth."""
        case = Case(
            self.prediction, self.truth, self.mask, self.camera, self.edges, self.planes, fit, low, high
        )
        for name in ("index", "predicted_pixels", "true_pixels"):
            if name in self.__dict__:
                case.__dict__[name] = self.__dict__[name]
        return case

    @cached_property
    def index(self) -> npt.NDArray[np.intp]:
        """Valid pixels (N,), as indices into the flattened raster."""
        return np.flatnonzero(self.mask)

    @cached_property
    def predicted_pixels(self) -> Floats:
        """Predicted values (N,) of the valid pixels, before alignment."""
        return self._take(self.prediction)

    @cached_property
    def true_pixels(self) -> Floats:
        """True depth (N,) of the valid pixels, metres.

        Raises:
            DataError: When one of them is not a finite depth above 0.
        """
        return _checked(self._take(self.truth), "truth")

    @cached_property
    def pixels(self) -> Floats:
        """Predicted depth (N,) of the valid pixels, metres: aligned and clamped.

        Raises:
            DataError: When one of them is not a finite depth above 0: what to do then is for the protocol.
        """
        return _checked(self.metres(self.predicted_pixels), "prediction")

    @cached_property
    def depth(self) -> Floats:
        """Predicted depth (H, W) in metres, aligned and clamped; outside the mask it may be anything."""
        return self.metres(self.prediction)

    @property
    def empty(self) -> bool:
        """Whether no pixel counts."""
        return self.index.size == 0

    def of(self, family: Family) -> Mapping[str, float]:
        """The numbers of a family of metrics, computed once."""
        if family not in self._memo:
            self._memo[family] = family(self)
        return self._memo[family]

    def _take(self, raster: npt.NDArray[Any]) -> Floats:
        flat = np.ascontiguousarray(raster, np.float32).ravel()
        if self.index.size == flat.size:
            return flat
        out = np.empty(self.index.size, np.float32)
        # mode: "raise" would copy through a buffer; the indices are of this raster.
        return np.take(flat, self.index, out=out, mode="wrap")

    def metres(self, values: Floats) -> Floats:
        """Predicted values of any shape as metres: aligned and clamped."""
        metres = values if self.fit is None else self.fit.apply(values)
        if self.low > 0 or self.high < math.inf:
            spare = None if metres is values else metres
            metres = np.clip(metres, np.float32(self.low), np.float32(self.high), out=spare)
        return metres


def _checked(depth: Floats, what: str) -> Floats:
    # NaN fails both comparisons.
    if depth.size and not (float(depth.min()) > 0 and float(depth.max()) < math.inf):
        bad = depth.size - int(np.count_nonzero((depth > 0) & (depth < np.inf)))
        raise DataError(
            f"{what}: {bad} of {depth.size} pixels that count are not a finite depth above 0; "
            "mask them out or clamp them, as the protocol says"
        )
    return depth
