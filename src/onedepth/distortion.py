"""Lens distortion: two models of how a lens bends rays.

Both models map z = 1 ray coordinates (x, y) to distorted coordinates (x', y') whose pixel is
(fx x' + cx, fy y' + cy). A polynomial is trusted only from the axis out to where it stops growing: beyond,
two rays would share one pixel, so such rays and pixels come back as NaN instead of as a wrong number. Rays 90
degrees or more off the axis have no z-depth; the usable cone ends at 89.9 degrees.
"""

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

from onedepth.errors import CameraError

Floats = npt.NDArray[np.float64]

WIDEST_ANGLE = math.radians(89.9)
_ANGLES = 32
_TABLE_ROWS = 2049  # 0.04 degrees apart: start values good enough for Newton's method to need few steps
_NEWTON_STEPS = 12
_TOLERANCE = 1e-9  # of distorted coordinates: a millionth of a pixel at f = 1000
_POINTS_AT_ONCE = 65536  # temporaries stay in the cache


@dataclass(frozen=True, slots=True)
class RadialTangential:
    """OpenCV's (Brown-Conrady) model with up to eight coefficients, in OpenCV's order.

    x' = x R + 2 p1 x y + p2 (r^2 + 2 x^2),  y' = y R + p1 (r^2 + 2 y^2) + 2 p2 x y,
    R = (1 + k1 r^2 + k2 r^4 + k3 r^6) / (1 + k4 r^2 + k5 r^4 + k6 r^6)   (OpenCV calib3d, "rational model").

    Raises:
        CameraError: When a coefficient is not finite or they leave no usable field of view.
    """

    k1: float
    k2: float
    p1: float
    p2: float
    k3: float = 0.0
    k4: float = 0.0
    k5: float = 0.0
    k6: float = 0.0

    def __post_init__(self) -> None:
        _check(self)

    def flip_x(self) -> Self:
        """The lens of the image mirrored left to right."""
        return replace(self, p2=-self.p2)

    def transpose(self) -> Self:
        """The lens of the image with rows and columns exchanged."""
        return replace(self, p1=self.p2, p2=self.p1)

    def radial(self, r: Floats) -> Floats:
        """Distorted radius of an undistorted radius (z = 1), without the tangential part."""
        return r * self._factor(r * r)[0]

    def distort(self, xy: npt.ArrayLike) -> Floats:
        """Distorted coordinates (..., 2) of z = 1 rays (..., 2); NaN where the model folds over."""
        return _in_blocks(self._distort, xy)

    def undistort(self, xy: npt.ArrayLike) -> Floats:
        """The z = 1 rays (..., 2) of distorted coordinates (..., 2); NaN where there is none."""
        return _in_blocks(self._undistort, xy)

    def _factor(self, r2: Floats) -> tuple[Floats, Floats]:
        """R and its derivative by r^2."""
        top = 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))
        low = 1 + r2 * (self.k4 + r2 * (self.k5 + r2 * self.k6))
        d_top = self.k1 + r2 * (2 * self.k2 + 3 * r2 * self.k3)
        d_low = self.k4 + r2 * (2 * self.k5 + 3 * r2 * self.k6)
        return top / low, (d_top - top / low * d_low) / low

    def _forward(self, xy: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Distorted coordinates (N, 2) and the three entries xx, xy, yy of the symmetric Jacobian."""
        x, y = xy[:, 0], xy[:, 1]
        r2 = x * x + y * y
        f, df = self._factor(r2)
        p1, p2 = self.p1, self.p2
        out = np.stack(
            [x * f + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * f + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y],
            axis=-1,
        )
        j_xx = f + 2 * x * x * df + 2 * p1 * y + 6 * p2 * x
        j_xy = 2 * x * y * df + 2 * p1 * x + 2 * p2 * y
        j_yy = f + 2 * y * y * df + 6 * p1 * y + 2 * p2 * x
        return out, j_xx, j_xy, j_yy

    def _grows(self, r: Floats) -> npt.NDArray[np.bool_]:
        """Whether the map grows in every direction all around each circle of radius r (N,).

        The Jacobian is symmetric; positive definite on a whole disc, it makes the map one-to-one there.
        """
        angles = np.linspace(0, 2 * math.pi, _ANGLES, endpoint=False)
        circles = r[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        _, j_xx, j_xy, j_yy = self._forward(circles.reshape(-1, 2))
        definite = (j_xx > 0) & (j_xx * j_yy > j_xy * j_xy)
        everywhere: npt.NDArray[np.bool_] = np.all(definite.reshape(-1, _ANGLES), axis=1)
        return everywhere

    def _distort(self, xy: Floats) -> Floats:
        usable = np.hypot(xy[:, 0], xy[:, 1]) <= _table(self)[0][-1]
        return np.where(usable[:, None], self._forward(xy)[0], np.nan)

    def _undistort(self, target: Floats) -> Floats:
        """Newton's method on both coordinates, started from the inverse of the radial part alone."""
        radii, images = _table(self)
        distance = np.hypot(target[:, 0], target[:, 1])
        xy = target * _ratio(np.interp(distance, images, radii), distance)[:, None]
        for _ in range(_NEWTON_STEPS):
            out, j_xx, j_xy, j_yy = self._forward(xy)
            ex, ey = (target - out).T
            determinant = j_xx * j_yy - j_xy * j_xy
            step = np.stack([j_yy * ex - j_xy * ey, j_xx * ey - j_xy * ex], axis=-1) / determinant[:, None]
            xy = xy + step
            r = np.hypot(xy[:, 0], xy[:, 1])
            xy *= np.minimum(1, _ratio(np.full_like(r, radii[-1]), r))[:, None]  # beyond is another branch
            if not (np.abs(step) > _TOLERANCE).any():
                break
        solved = np.abs(self._forward(xy)[0] - target).max(axis=-1) <= _TOLERANCE
        return np.where(solved[:, None], xy, np.nan)


@dataclass(frozen=True, slots=True)
class Fisheye:
    """Kannala-Brandt model with four coefficients (OpenCV's `fisheye`, ROS `equidistant`).

    (x', y') = (x, y) theta_d / r,  theta = atan(r),
    theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)   (Kannala and Brandt, PAMI 2006).

    Raises:
        CameraError: When a coefficient is not finite or they leave no usable field of view.
    """

    k1: float
    k2: float
    k3: float
    k4: float

    def __post_init__(self) -> None:
        _check(self)

    def flip_x(self) -> Self:
        """The lens of the image mirrored left to right: the same, it is round."""
        return self

    def transpose(self) -> Self:
        """The lens of the image with rows and columns exchanged: the same, it is round."""
        return self

    def radial(self, r: Floats) -> Floats:
        """Distorted radius theta_d of an undistorted radius (z = 1)."""
        return self._theta_d(np.arctan(r))[0]

    def distort(self, xy: npt.ArrayLike) -> Floats:
        """Distorted coordinates (..., 2) of z = 1 rays (..., 2); NaN where the model folds over."""
        return _in_blocks(self._distort, xy)

    def undistort(self, xy: npt.ArrayLike) -> Floats:
        """The z = 1 rays (..., 2) of distorted coordinates (..., 2); NaN beyond 89.9 degrees off the axis."""
        return _in_blocks(self._undistort, xy)

    def _theta_d(self, theta: Floats) -> tuple[Floats, Floats]:
        """theta_d and its derivative."""
        t2 = theta * theta
        value = 1 + t2 * (self.k1 + t2 * (self.k2 + t2 * (self.k3 + t2 * self.k4)))
        slope = 1 + t2 * (3 * self.k1 + t2 * (5 * self.k2 + t2 * (7 * self.k3 + t2 * 9 * self.k4)))
        return theta * value, slope

    def _grows(self, r: Floats) -> npt.NDArray[np.bool_]:
        """Whether theta_d grows with theta at each radius r (N,)."""
        return self._theta_d(np.arctan(r))[1] > 0

    def _distort(self, xy: Floats) -> Floats:
        r = np.hypot(xy[:, 0], xy[:, 1])
        factor = np.where(r <= _table(self)[0][-1], _ratio(self.radial(r), r), np.nan)
        return xy * factor[:, None]

    def _undistort(self, target: Floats) -> Floats:
        radii, images = _table(self)
        wanted = np.hypot(target[:, 0], target[:, 1])
        widest = math.atan(radii[-1])
        theta = np.interp(wanted, images, np.arctan(radii))
        for _ in range(_NEWTON_STEPS):
            value, slope = self._theta_d(theta)
            step = np.clip(theta + (wanted - value) / slope, 0.0, widest) - theta
            theta = theta + step
            if not (np.abs(step) > _TOLERANCE).any():
                break
        solved = np.abs(self._theta_d(theta)[0] - wanted) <= _TOLERANCE
        return target * np.where(solved, _ratio(np.tan(theta), wanted), np.nan)[:, None]


Distortion = RadialTangential | Fisheye


def _check(model: Distortion) -> None:
    name = type(model).__name__
    values = astuple(model)
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise CameraError(f"{name} coefficients must be finite numbers, found {values}")
    if len(_table(model)[0]) < 2:
        raise CameraError(f"{name} coefficients {values} leave no usable field of view")


@lru_cache(maxsize=64)
def _table(model: Distortion) -> tuple[Floats, Floats]:
    """Undistorted and distorted radii, from the axis to where the model stops growing or 89.9 degrees."""
    radii = np.tan(np.linspace(0.0, WIDEST_ANGLE, _TABLE_ROWS))
    with np.errstate(all="ignore"):
        images = model.radial(radii)
        grows = model._grows(radii)
    end = _TABLE_ROWS if grows.all() else int(np.argmin(grows))
    return radii[:end], images[:end]


def _ratio(top: Floats, low: Floats) -> Floats:
    """Quotient that is 1 on the axis, where both are 0."""
    return np.divide(top, low, out=np.ones_like(low), where=low != 0)


def _in_blocks(function: Callable[[Floats], Floats], xy: npt.ArrayLike) -> Floats:
    points = np.asarray(xy, dtype=np.float64)
    flat = points.reshape(-1, 2)
    out = np.empty_like(flat)
    with np.errstate(all="ignore"):  # rays outside the model may overflow; they are returned as NaN
        for start in range(0, len(flat), _POINTS_AT_ONCE):
            block = slice(start, start + _POINTS_AT_ONCE)
            out[block] = function(flat[block])
    return out.reshape(points.shape)
