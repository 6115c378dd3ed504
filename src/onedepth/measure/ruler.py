"""Measure in a depth map: pick two pixels, get metres and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onedepth.calibration import Calibration, Pixel
from onedepth.camera import Camera
from onedepth.checks import MOST, shown, whole
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.measure.edges import depth_edges, nearest_usable
from onedepth.measure.length import PICK, Length
from onedepth.measure.planes import TOLERANCE, Plane, find_floor
from onedepth.predict.depth_errors import DEFAULT_ERRORS, ErrorRange, errors_at
from onedepth.rasters import Mask

SMOOTH = 10.0
"""Degrees between two rays at which the correlation of their pixels' own errors has fallen to 1/e.

Measured for onedepth_v0 on held-out images of NYU Depth v2: 0.89 at 2, 0.73 at 4, 0.46 at 8 and 0.13 at 16
degrees; on KITTI odometry 04 0.80, 0.67, 0.54 and 0.43.
"""

_SAME = 1e-6  # degrees between two rays that are one

Vector = npt.NDArray[np.float64]
Slope = tuple[Vector, float]
"""A point, and by how many metres a length changes when its depth is wrong by a standard deviation."""

_FLOOR_POINTS = 48  # stand for all of the floor's


@dataclass(frozen=True, eq=False)
class Ruler:
    """Lengths and heights in one depth map.

    Pixels are (column, row), counted from 0 at the top left.

    With a model, depth is canonical depth times the focal length (Metric3D, label scaling). A wrong focal
    length then leaves x and y of every point as they are and stretches z: sizes across the view do not depend
    on it, sizes along the view do in full. Depth of a sensor is the other way round.

    Attributes:
        depthmap: A metric map with a camera.
        errors: Error of the depth by range, `ModelInfo.depth_errors`.
        follows_focal: Whether the depth came from a model, whose metres grow with the focal length.
        smooth: Degrees over which errors of single pixels stay alike, see `SMOOTH`; 0 for independent ones.
    """

    depthmap: DepthMap
    errors: Sequence[ErrorRange] = field(default=DEFAULT_ERRORS)
    follows_focal: bool = True
    smooth: float = SMOOTH

    def __post_init__(self) -> None:
        if self.depthmap.kind != "metric":
            raise DepthMapError(
                f"measure: this map holds {self.depthmap.unit}; calibrate it by a known length first"
            )
        if self.depthmap.camera is None:
            raise DepthMapError("measure: the map has no camera; give its focal length or field of view")
        if len(self.errors) == 0:
            raise DepthMapError("measure: the table of depth errors is empty; leave it out for the default")

    @property
    def camera(self) -> Camera:
        """The camera of the map."""
        assert self.depthmap.camera is not None
        return self.depthmap.camera

    @cached_property
    def usable(self) -> Mask:
        """Pixels that a length may end at: bool (H, W), with depth and away from depth edges."""
        return self.depthmap.valid & ~depth_edges(self.depthmap)

    @cached_property
    def floor(self) -> Plane:
        """The floor, found at first use.

        Raises:
            DepthMapError: No plane faces up.
        """
        return find_floor(self.depthmap, edges=~self.usable)

    def point(self, pixel: Pixel) -> Vector:
        """The point (x, y, z) in metres of a pixel's centre.

        Raises:
            DepthMapError: The pixel lies outside, has no depth or is at a depth edge; the nearest pixel that
                can be used is named.
        """
        column, row = self._inside(pixel)
        if not self.usable[row, column]:
            why = "is at a depth edge" if self.depthmap.valid[row, column] else "has no depth"
            other = nearest_usable(self.usable, column, row)
            hint = "no pixel of this map can be used" if other is None else f"use {other[0]},{other[1]}"
            raise DepthMapError(f"pixel {column},{row} {why}; {hint}")
        return self._raw((column, row))

    def _raw(self, pixel: Pixel) -> Vector:
        """The point of a pixel, be it at an edge."""
        column, row = self._inside(pixel)
        if not self.depthmap.valid[row, column]:
            raise DepthMapError(f"pixel {column},{row} has no depth")
        point = self.camera.unproject((column + 0.5, row + 0.5), self.depthmap.values[row, column])
        if not np.isfinite(point).all():
            raise DepthMapError(
                f"pixel {column},{row}: the lens model gives no ray there; take another pixel"
            )
        return point

    def distance(self, first: Pixel, second: Pixel) -> Length:
        """The straight line between the points of two pixels.

        Raises:
            DepthMapError: See `point`; or the two are the same pixel.
        """
        start, end = self.point(first), self.point(second)
        metres = float(np.linalg.norm(end - start))
        if metres == 0:
            raise DepthMapError(f"pixels {first[0]},{first[1]} twice: a length needs two points")
        way = (end - start) / metres
        return self._length(metres, way, (start, end))

    def height(self, pixel: Pixel) -> Length:
        """How far a pixel's point is above the floor (below it: negative).

        Raises:
            DepthMapError: See `point` and `floor`.
        """
        point = self.point(pixel)
        normal = np.array(self.floor.normal)
        metres = float(self.floor.height(point))
        return self._length(metres, normal, (point,), self._floor_slopes(point))

    def focal_share(self, way: Vector) -> float:
        """Relative change of a length along a unit vector, or height above a plane with that normal.

        Per relative change of the focal length. Depth that follows it: only z is stretched, which changes a
        length by the square of the vector's z. Other depth: x and y shrink instead, which is that minus 1.
        """
        return float(way[2] ** 2) - (0.0 if self.follows_focal else 1.0)

    def _length(
        self, metres: float, way: Vector, ends: Sequence[Vector], more: Sequence[Slope] = ()
    ) -> Length:
        """First-order propagation; `way` is the derivative of the length by a shift of its (second) end."""
        depths = np.array([end[2] for end in ends])
        focals = np.array([self.camera.fx, self.camera.fy])
        across = np.array([end[2] * float(np.linalg.norm(way[:2] / focals)) for end in ends])
        known = self.depthmap.calibration
        share = self.focal_share(way) - (0.0 if known is None else known.focal_share)
        scale = float(errors_at(self.errors, depths)[0].max())
        own = [*self._slopes(way, ends), *more]
        if known is not None:
            scale, own = self._calibrated(known, metres, own)
        return Length(
            metres=metres,
            scale=abs(metres) * scale,
            depth=self._spread(own),
            focal=abs(metres * share) * self.camera.focal_uncertainty,
            pick=PICK * float(np.linalg.norm(across)),
        )

    def _slopes(self, way: Vector, ends: Sequence[Vector]) -> list[Slope]:
        """What the depth errors of the ends do to a length, each end by one standard deviation."""
        signs = (1.0,) if len(ends) == 1 else (-1.0, 1.0)
        local = errors_at(self.errors, [end[2] for end in ends])[1]
        return [
            (end, sign * float(way @ end) * float(s)) for end, sign, s in zip(ends, signs, local, strict=True)
        ]

    def _floor_slopes(self, point: Vector) -> list[Slope]:
        """What the depth errors of the floor do to a height: the plane through its points rises and turns.

        A point of the floor that is too far by the factor 1 + e lies e * offset below it, and the height of
        the least-squares plane under `point` follows each of them by its weight there. Independent errors
        (`smooth` 0) average out over the thousands of pixels of a floor.
        """
        feet, offset = self._floor_points, self.floor.offset
        if self.smooth <= 0 or len(feet) < 3:
            return []
        middle = feet.mean(axis=0)
        axes = np.linalg.svd(feet - middle, full_matrices=False)[2][:2]
        inside = np.column_stack([np.ones(len(feet)), (feet - middle) @ axes.T])
        at = np.concatenate([[1.0], axes @ (point - middle)])
        weights = at @ np.linalg.pinv(inside)
        local = errors_at(self.errors, feet[:, 2])[1]
        return [(foot, float(slope)) for foot, slope in zip(feet, weights * offset * local, strict=True)]

    @cached_property
    def _floor_points(self) -> Vector:
        """Some points (N, 3) on the floor, spread evenly over its pixels."""
        usable = DepthMap(self.depthmap.values, "metric", self.camera, self.usable)
        stride = max(1, math.isqrt(self.usable.size // 20_000))
        points = usable.points(stride=stride).astype(np.float64)
        reach = TOLERANCE * np.linalg.norm(points, axis=1)
        inliers = points[np.abs(self.floor.height(points)) <= reach]
        chosen = np.linspace(0, len(inliers) - 1, min(_FLOOR_POINTS, len(inliers))).astype(int)
        return np.asarray(inliers[chosen], np.float64)

    def _calibrated(self, known: Calibration, metres: float, own: list[Slope]) -> tuple[float, list[Slope]]:
        """The scale's error without the shape's at the known length, and the latter beside the length's own.

        Depth errors at the ends of the known length enter everything that is measured with it, but not
        independently of those near by: a length beside the known one, seen alike, is nearly as sure as it.
        """
        try:
            ends = [self._raw(pixel) for pixel in known.pixels]
        except DepthMapError:  # of a map that was cropped since
            return known.uncertainty, own
        length = float(np.linalg.norm(ends[1] - ends[0]))
        if not 0 < length < math.inf:
            return known.uncertainty, own
        theirs = self._slopes((ends[1] - ends[0]) / length, ends)
        rest = known.uncertainty**2 - (self._spread(theirs) / length) ** 2
        return math.sqrt(max(0.0, rest)), own + [(end, -slope * metres / length) for end, slope in theirs]

    def _spread(self, slopes: Sequence[Slope]) -> float:
        """Standard deviation of the sum of errors that neighbours share."""
        rays = np.array([end / np.linalg.norm(end) for end, _ in slopes])
        parts = np.array([slope for _, slope in slopes])
        angles = np.degrees(np.arccos(np.clip(rays @ rays.T, -1.0, 1.0)))
        np.fill_diagonal(angles, 0.0)
        alike = np.exp(-angles / self.smooth) if self.smooth > 0 else (angles < _SAME).astype(np.float64)
        return math.sqrt(max(0.0, float(parts @ alike @ parts)))

    def _inside(self, pixel: Pixel) -> Pixel:
        try:
            column, row = pixel
        except (TypeError, ValueError):
            raise DepthMapError(f"pixel: found {shown(pixel)}, expected (column, row)") from None
        column, row = (whole(n, "pixel", least=-MOST, error=DepthMapError) for n in (column, row))
        height, width = self.depthmap.shape
        if not (0 <= column < width and 0 <= row < height):
            raise DepthMapError(
                f"pixel {column},{row} lies outside the {width}x{height} map; columns are 0 to {width - 1}, "
                f"rows 0 to {height - 1}"
            )
        return column, row
