"""Measure in a depth map: pick two pixels, get metres and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onedepth.calibration import Pixel
from onedepth.camera import Camera
from onedepth.checks import shown, whole
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.measure.edges import depth_edges, nearest_usable
from onedepth.measure.length import PICK, Length
from onedepth.measure.planes import Plane, find_floor
from onedepth.predict.depth_errors import DEFAULT_ERRORS, ErrorRange, errors_at
from onedepth.rasters import Mask

SMOOTH = 10.0
"""Degrees between two rays at which the correlation of their pixels' own errors has fallen to 1/e.

Measured for onedepth_v0 on held-out images of NYU Depth v2: 0.89 at 2, 0.73 at 4, 0.46 at 8 and 0.13 at 16
degrees; on KITTI odometry 04 0.80, 0.67, 0.54 and 0.43.
"""

Vector = npt.NDArray[np.float64]


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
        return self._length(float(self.floor.height(point)), np.array(self.floor.normal), (point,))

    def focal_share(self, way: Vector) -> float:
        """Relative change of a length along a unit vector, or height above a plane with that normal.

        Per relative change of the focal length. Depth that follows it: only z is stretched, which changes a
        length by the square of the vector's z. Other depth: x and y shrink instead, which is that minus 1.
        """
        return float(way[2] ** 2) - (0.0 if self.follows_focal else 1.0)

    def _length(self, metres: float, way: Vector, ends: Sequence[Vector]) -> Length:
        """First-order propagation; `way` is the derivative of the length by a shift of its (second) end."""
        depths = np.array([end[2] for end in ends])
        common, local = errors_at(self.errors, depths)
        along = np.array([way @ end for end in ends])
        focals = np.array([self.camera.fx, self.camera.fy])
        across = np.array([end[2] * float(np.linalg.norm(way[:2] / focals)) for end in ends])
        known = self.depthmap.calibration
        scale = float(common.max()) if known is None else known.uncertainty
        share = self.focal_share(way) - (0.0 if known is None else known.focal_share)
        return Length(
            metres=metres,
            scale=abs(metres) * scale,
            depth=self._spread(ends, along * local),
            focal=abs(metres * share) * self.camera.focal_uncertainty,
            pick=PICK * float(np.linalg.norm(across)),
        )

    def _spread(self, ends: Sequence[Vector], parts: Vector) -> float:
        """Standard deviation of the difference of the ends' parts, which neighbours share."""
        if len(ends) == 1:
            return float(abs(parts[0]))
        first, second = ends
        cosine = float(first @ second) / float(np.linalg.norm(first) * np.linalg.norm(second))
        angle = math.degrees(math.acos(min(1.0, cosine)))
        alike = math.exp(-angle / self.smooth) if self.smooth > 0 else 0.0
        square = float(parts @ parts) - 2 * alike * float(parts[0] * parts[1])
        return math.sqrt(max(0.0, square))

    def _inside(self, pixel: Pixel) -> Pixel:
        try:
            column, row = pixel
        except (TypeError, ValueError):
            raise DepthMapError(f"pixel: found {shown(pixel)}, expected (column, row)") from None
        column, row = (whole(n, "pixel", least=0, error=DepthMapError) for n in (column, row))
        height, width = self.depthmap.shape
        if column >= width or row >= height:
            raise DepthMapError(
                f"pixel {column},{row} lies outside the {width}x{height} map; columns are 0 to {width - 1}, "
                f"rows 0 to {height - 1}"
            )
        return column, row
