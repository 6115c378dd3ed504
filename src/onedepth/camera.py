"""The camera of a photo, and the arithmetic that every change of the photo does to it.

Conventions: OpenCV axes (x right, y down, z forward); a pixel's centre is at integer + 0.5, so the image
spans [0, width] x [0, height] and a resize multiplies the principal point by the plain ratio. A `Camera` is a
value: every operation returns a new one and is an affine map of the pixel coordinates (`_moved`). Distortion
coefficients act on z = 1 ray coordinates, so only mirroring and transposing touch them.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from onedepth.checks import finite, positive, reals, shown, vectors, whole
from onedepth.distortion import Distortion
from onedepth.errors import CameraError

FocalSource = Literal["given", "exif", "assumed"]
Axis = Literal["horizontal", "vertical", "diagonal"]

FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)  # 43.27 mm: what "35 mm equivalent" focal lengths refer to
ASSUMED_FOCAL_35MM = 28.0  # between the main (24-28 mm) cameras of phones and the 35 mm of compact cameras
ASSUMED_UNCERTAINTY = 0.30

# EXIF orientation tag -> (transpose, mirror x, mirror y), applied in this order to make the raster upright.
ORIENTATIONS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
_ROWS_AT_ONCE = 64  # rows of rays computed together: bounds the float64 temporaries of distorted cameras
_SLACK = 1e-6  # pixels by which a fractional crop may overshoot the image through rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Intrinsics of one image: size, focal lengths and principal point in pixels, and lens distortion.

    Attributes:
        width: Image width in pixels, at least 1.
        height: Image height in pixels, at least 1.
        fx: Horizontal focal length in pixels, finite and > 0.
        fy: Vertical focal length in pixels, finite and > 0.
        cx: Principal point, pixels from the left edge of the image (pixel centres at integer + 0.5).
        cy: Principal point, pixels from the top edge.
        distortion: Lens model, or None for a pinhole.
        focal_source: Where the focal length comes from.
        focal_uncertainty: Relative standard deviation of the focal length.

    Raises:
        CameraError: When a value is of the wrong type or out of range.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: Distortion | None = None
    focal_source: FocalSource = "given"
    focal_uncertainty: float = 0.0

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            object.__setattr__(self, name, whole(getattr(self, name), f"camera {name}"))
        for name in ("fx", "fy", "cx", "cy", "focal_uncertainty"):
            object.__setattr__(self, name, finite(getattr(self, name), f"camera {name}"))
        if self.fx <= 0 or self.fy <= 0 or not 0 < self.fx * self.fy < math.inf:
            raise CameraError(f"focal length must be > 0 pixels, found fx={self.fx:g}, fy={self.fy:g}")
        if self.distortion is not None and not isinstance(self.distortion, Distortion):
            raise CameraError(
                f"distortion must be RadialTangential, Fisheye or None, found {shown(self.distortion)}"
            )
        if not isinstance(self.focal_source, str) or self.focal_source not in get_args(FocalSource):
            found = shown(self.focal_source)
            raise CameraError(f"focal_source must be given, exif or assumed, found {found}")
        if self.focal_uncertainty < 0:
            raise CameraError(f"focal_uncertainty must be >= 0, found {self.focal_uncertainty:g}")

    @classmethod
    def from_matrix(
        cls, matrix: npt.ArrayLike, width: int, height: int, *, first_centre: float = 0.5, **rest: Any
    ) -> Self:
        """Make a camera from a 3x3 intrinsic matrix.

        Args:
            matrix: [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels; skew is not supported.
            width: Image width in pixels.
            height: Image height in pixels.
            first_centre: Coordinate the matrix gives to the centre of the first pixel: 0.5 here and in
                COLMAP, 0.0 in OpenCV, ROS and KITTI.
            **rest: Further fields (`distortion`, `focal_source`, `focal_uncertainty`).

        Raises:
            CameraError: When the matrix is not an intrinsic matrix without skew.
        """
        k = reals(matrix, "camera matrix")
        if k.shape != (3, 3):
            raise CameraError(f"camera matrix must be 3x3, found shape {k.shape}")
        if k[2, 2] != 0 and np.isfinite(k).all():
            k = k / k[2, 2]
        skew_free = np.abs(k[[0, 1, 2, 2], [1, 0, 0, 1]]).max() <= 1e-6 * abs(k[0, 0])
        if not (np.isfinite(k).all() and k[2, 2] == 1 and skew_free):
            raise CameraError(f"camera matrix must be [[fx,0,cx],[0,fy,cy],[0,0,1]], found {k.tolist()}")
        shift = 0.5 - finite(first_centre, "first_centre")
        cx, cy = float(k[0, 2]) + shift, float(k[1, 2]) + shift
        return cls(width=width, height=height, fx=float(k[0, 0]), fy=float(k[1, 1]), cx=cx, cy=cy, **rest)

    @classmethod
    def from_focal(cls, focal: float, width: int, height: int, **rest: Any) -> Self:
        """Make a camera with square pixels, a central principal point and this focal length in pixels.

        Raises:
            CameraError: When the focal length is not a finite number > 0.
        """
        width, height = whole(width, "camera width"), whole(height, "camera height")
        return cls(width=width, height=height, fx=focal, fy=focal, cx=width / 2, cy=height / 2, **rest)

    @classmethod
    def from_fov(
        cls, degrees: float, width: int, height: int, axis: Axis = "horizontal", **rest: Any
    ) -> Self:
        """Make a camera with square pixels from a field of view of 0 to 180 degrees along one axis.

        Raises:
            CameraError: When the angle is not between 0 and 180 degrees or the axis is unknown.
        """
        width, height = whole(width, "camera width"), whole(height, "camera height")
        extents = {"horizontal": width, "vertical": height, "diagonal": math.hypot(width, height)}
        if not isinstance(axis, str) or axis not in extents:
            raise CameraError(f"axis must be one of {', '.join(extents)}, found {shown(axis)}")
        angle = finite(degrees, "field of view")
        if not 0 < angle < 180:
            raise CameraError(f"field of view must be between 0 and 180 degrees, found {angle:g}")
        return cls.from_focal(extents[axis] / 2 / math.tan(math.radians(angle) / 2), width, height, **rest)

    @classmethod
    def from_35mm(cls, focal_35mm: float, width: int, height: int, **rest: Any) -> Self:
        """Make a camera from a 35 mm equivalent focal length in millimetres, compared over the diagonal.

        f_px = f35 * sqrt(width^2 + height^2) / 43.27, the CIPA definition (DCG-001).

        Raises:
            CameraError: When the focal length is not a finite number > 0.
        """
        width, height = whole(width, "camera width"), whole(height, "camera height")
        focal = finite(focal_35mm, "35 mm equivalent focal length")
        return cls.from_focal(focal * math.hypot(width, height) / FILM_DIAGONAL_MM, width, height, **rest)

    @classmethod
    def assumed(cls, width: int, height: int) -> Self:
        """Make the camera used when nothing is known: 28 mm equivalent, known to about 30 percent."""
        source: FocalSource = "assumed"
        return cls.from_35mm(
            ASSUMED_FOCAL_35MM, width, height, focal_source=source, focal_uncertainty=ASSUMED_UNCERTAINTY
        )

    @property
    def focal(self) -> float:
        """The one focal length in pixels used for depth scale: sqrt(fx * fy)."""
        return math.sqrt(self.fx * self.fy)

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """The 3x3 intrinsic matrix, float64, pixel centres at integer + 0.5."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def fov(self) -> float:
        """Horizontal field of view in degrees of the pinhole view (distortion not counted)."""
        left, right = math.atan(self.cx / self.fx), math.atan((self.width - self.cx) / self.fx)
        return math.degrees(left + right)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    @property
    def is_pinhole(self) -> bool:
        """Whether there is no lens distortion to undo."""
        return self.distortion is None

    def canonical_scale(self, canonical_focal: float) -> float:
        """Metres per canonical metre: depth = canonical depth * focal / canonical focal (Metric3D).

        Raises:
            CameraError: When the canonical focal length is not a finite number > 0.
        """
        return self.focal / positive(canonical_focal, "canonical focal length")

    def resize(self, width: int, height: int) -> Self:
        """Camera of the image resampled to width x height pixels; the aspect ratio may change."""
        width, height = whole(width, "resized width"), whole(height, "resized height")
        return self._moved(width / self.width, height / self.height, 0.0, 0.0, width, height)

    def crop(self, left: float, top: float, width: int, height: int) -> Self:
        """Camera of a window of the image; its corner (left, top) may be fractional, in pixels.

        Raises:
            CameraError: When the window is empty or reaches outside the image (see `pad`).
        """
        width, height = whole(width, "crop width"), whole(height, "crop height")
        left, top = finite(left, "crop left"), finite(top, "crop top")
        inside_x = left >= -_SLACK and left + width <= self.width + _SLACK
        inside_y = top >= -_SLACK and top + height <= self.height + _SLACK
        if not (inside_x and inside_y):
            raise CameraError(
                f"crop {width}x{height} at ({left:g}, {top:g}) reaches outside the "
                f"{self.width}x{self.height} image; move it inside, or pad first"
            )
        return self._moved(1.0, 1.0, -left, -top, width, height)

    def pad(self, left: int, top: int, right: int, bottom: int) -> Self:
        """Camera of the image with that many pixels added on each side.

        Raises:
            CameraError: When an amount is negative (see `crop`) or not whole.
        """
        left, top, right, bottom = (whole(n, "padding", least=0) for n in (left, top, right, bottom))
        return self._moved(1.0, 1.0, left, top, self.width + left + right, self.height + top + bottom)

    def zoom(self, x: float, y: float | None = None) -> Self:
        """Camera of the central 1/x by 1/y of the image, resampled to the same size; y defaults to x.

        The depth of what stays in view is unchanged (DaB-Net's camera zoom). Factors below 1 zoom out:
        the view then reaches beyond the image.

        Raises:
            CameraError: When a factor is not a finite number > 0.
        """
        x = positive(x, "zoom factor")
        y = x if y is None else positive(y, "zoom factor")
        dx, dy = (1 - x) * self.width / 2, (1 - y) * self.height / 2
        return self._moved(x, y, dx, dy, self.width, self.height)

    def flip(self) -> Self:
        """Camera of the image mirrored left to right (of the world mirrored in x)."""
        lens = None if self.distortion is None else self.distortion.flip_x()
        return replace(self, cx=self.width - self.cx, distortion=lens)

    def orient(self, tag: int) -> Self:
        """Camera of the stored raster made upright as its EXIF orientation tag (1 to 8) says.

        The world turns or mirrors along: x and y of every ray are swapped or change sign like the pixels.

        Raises:
            CameraError: When the tag is not 1 to 8.
        """
        if not isinstance(tag, int | np.integer) or tag not in ORIENTATIONS:
            raise CameraError(f"EXIF orientation must be 1 to 8, found {shown(tag)}")
        transpose, mirror_x, mirror_y = ORIENTATIONS[tag]
        camera = self._transposed() if transpose else self
        camera = camera.flip() if mirror_x else camera
        return camera._transposed().flip()._transposed() if mirror_y else camera

    def rays(self, stride: int = 1) -> npt.NDArray[np.float32]:
        """Directions through the pixel centres, scaled to z = 1, with the lens distortion undone.

        Args:
            stride: Every how many pixels; `rays(s)` equals `rays()[::s, ::s]`.

        Returns:
            (ceil(height / stride), ceil(width / stride), 3) float32. All three numbers are NaN where no ray
            in front of the camera (less than 90 degrees off its axis) belongs to the pixel.
        """
        step = whole(stride, "stride")
        u = np.arange(0, self.width, step) + 0.5
        v = np.arange(0, self.height, step) + 0.5
        rays = np.empty((len(v), len(u), 3), dtype=np.float32)
        if self.distortion is None:
            rays[..., 0] = (u - self.cx) / self.fx
            rays[..., 1] = ((v - self.cy) / self.fy)[:, None]
            rays[..., 2] = 1.0
            return rays
        for top in range(0, len(v), _ROWS_AT_ONCE):
            pixels = np.stack(np.meshgrid(u, v[top : top + _ROWS_AT_ONCE]), axis=-1)
            rays[top : top + _ROWS_AT_ONCE] = self.unproject(pixels, 1.0)
        return rays

    def project(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Pixels (..., 2) of points (..., 3) in metres; NaN behind the camera or outside the lens model.

        Raises:
            CameraError: When the points are not numbers of shape (..., 3).
        """
        xyz = vectors(points, "points", 3)
        depth = np.where(xyz[..., 2:] > 0, xyz[..., 2:], np.nan)
        xy = xyz[..., :2] / depth
        if self.distortion is not None:
            xy = self.distortion.distort(xy)
        return xy * (self.fx, self.fy) + (self.cx, self.cy)

    def unproject(self, pixels: npt.ArrayLike, depth: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Points (..., 3) at z-depth `depth` (...) metres on the rays of `pixels` (..., 2); NaN if no ray.

        Raises:
            CameraError: When the pixels are not numbers of shape (..., 2), or the depth's shape is another.
        """
        uv, z = vectors(pixels, "pixels", 2), reals(depth, "depth")
        try:
            np.broadcast_shapes(uv.shape[:-1], z.shape)
        except ValueError as error:
            raise CameraError(
                f"depth must have shape {uv.shape[:-1]} of the pixels, found {z.shape}"
            ) from error
        xy = (uv - (self.cx, self.cy)) / (self.fx, self.fy)
        if self.distortion is not None:
            xy = self.distortion.undistort(xy)
        one = np.where(np.isnan(xy).any(axis=-1, keepdims=True), np.nan, 1.0)
        return np.concatenate([xy * one, one], axis=-1) * z[..., None]

    def _moved(self, sx: float, sy: float, dx: float, dy: float, width: int, height: int) -> Self:
        """Camera of an image whose pixel (u, v) has moved to (sx * u + dx, sy * v + dy)."""
        cx, cy = self.cx * sx + dx, self.cy * sy + dy
        return replace(self, width=width, height=height, fx=self.fx * sx, fy=self.fy * sy, cx=cx, cy=cy)

    def _transposed(self) -> Self:
        """Camera of the image with rows and columns (and x and y of the world) exchanged."""
        lens = None if self.distortion is None else self.distortion.transpose()
        camera = replace(self, width=self.height, height=self.width, distortion=lens)
        return replace(camera, fx=self.fy, fy=self.fx, cx=self.cy, cy=self.cx)
