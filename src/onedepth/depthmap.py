"""DepthMap: depth values together with everything needed to know what they mean."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args, overload

import numpy as np
import numpy.typing as npt

from onedepth.calibration import Calibration
from onedepth.camera import Camera
from onedepth.checks import finite, positive, shown
from onedepth.errors import DepthMapError
from onedepth.rasters import (
    Floats,
    Mask,
    as_image,
    as_mask,
    as_raster,
    inverse,
    read_only,
    refuse_unusable,
    usable,
    zero_outside,
)

__all__ = ["KINDS", "UNITS", "DepthMap", "Kind"]

Kind = Literal["metric", "scaled", "affine_disparity"]
"""What the values are known up to: nothing (metres), a scale, or a scale and a shift in disparity."""

KINDS: tuple[Kind, ...] = get_args(Kind)

UNITS: Mapping[Kind, str] = {
    "metric": "m",
    "scaled": "m up to an unknown scale",
    "affine_disparity": "1/m up to an unknown scale and shift",
}


@dataclass(frozen=True, eq=False, slots=True)
class DepthMap:
    """Depth of every pixel of one image, with its kind, its camera and the pixels where it is known.

    Depth is z-depth (distance along the optical axis), never the length of the ray. Nothing changes the kind
    of a map silently: `depth` answers only for metres; `to_metric`, `to_affine_disparity`, `disparity` and
    `from_disparity` are the conversions. The arrays are read-only; use `.copy()` to change one.

    Attributes:
        values: float32 (H, W). Metric: metres, > 0. Scaled: metres times an unknown factor, > 0. Affine
            disparity: inverse depth up to a positive factor and a shift, any finite number, larger = nearer.
            0 wherever `valid` is False.
        kind: "metric", "scaled" or "affine_disparity".
        camera: the camera of this raster (same width and height), if known.
        valid: bool (H, W), where `values` were measured or predicted. Left out: wherever the value is finite
            and, for the two depth kinds, > 0.
        source: free text that says where the values come from (for example a model's name and version).
        calibration: how a known length has set the scale of metric values, if one has.

    Raises:
        DepthMapError: wrong shape or type, unknown kind, a camera of another size, or a pixel marked valid
            whose value is not finite or, for the depth kinds, not above 0.
    """

    values: Floats
    kind: Kind
    camera: Camera | None = None
    valid: Mask = None  # type: ignore[assignment]  # None may be passed in; it is never what one reads
    source: str | None = None
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        _check_labels(self.kind, self.camera, self.source)
        _check_calibration(self.kind, self.calibration)
        values = as_raster(self.values)
        is_depth = self.kind != "affine_disparity"
        valid = possible = usable(values, positive=is_depth)
        given: npt.ArrayLike | None = self.valid
        if given is not None:
            valid = as_mask(given, values.shape)
            refuse_unusable(values, valid & ~possible, positive=is_depth)
        if self.camera is not None and self.camera.size != values.shape[::-1]:
            raise DepthMapError(
                f"camera: is for {self.camera.width}x{self.camera.height} pixels but the values have "
                f"{values.shape[1]}x{values.shape[0]}; use camera.resize or camera.crop first"
            )
        object.__setattr__(self, "values", zero_outside(values, valid))
        object.__setattr__(self, "valid", read_only(valid))

    @classmethod
    def from_disparity(
        cls,
        disparity: npt.ArrayLike,
        camera: Camera | None = None,
        *,
        kind: Literal["metric", "scaled"] = "metric",
        valid: npt.ArrayLike | None = None,
        source: str | None = None,
    ) -> Self:
        """Make a depth map from inverse depth.

        Args:
            disparity: (H, W) floats in 1/m (metric) or 1/m up to scale (scaled). Divide stereo disparity in
                pixels by focal length x baseline first. Pixels not finite or not above 0 are invalid.
            camera: camera of this raster.
            kind: what `1 / disparity` is known up to. Disparity with an unknown shift gives no depth: build
                `DepthMap(values, "affine_disparity")` instead.
            valid: bool (H, W); pixels outside it are invalid as well.
            source: where the values come from.

        Raises:
            DepthMapError: as the constructor.
        """
        if kind not in ("metric", "scaled"):
            raise DepthMapError(
                f"kind: found {shown(kind)}, expected metric or scaled; affine disparity has no inverse, "
                "build DepthMap(values, 'affine_disparity') instead"
            )
        values = as_raster(disparity)
        mask = usable(values)
        if valid is not None:
            mask &= as_mask(valid, values.shape)
        depth, mask = inverse(values, mask)
        return cls(depth, kind, camera, mask, source)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (H, W)."""
        height, width = self.values.shape
        return int(height), int(width)

    @property
    def unit(self) -> str:
        """Unit of `values` in words."""
        return UNITS[self.kind]

    @property
    def depth(self) -> Floats:
        """Depth in metres: float32 (H, W), 0 where there is none. Read-only.

        Raises:
            DepthMapError: the map is not metric.
        """
        if self.kind != "metric":
            raise DepthMapError(
                f"depth: this map holds {self.unit}, not metres; call to_metric({_TO_METRIC[self.kind]}) "
                "with a known scale, or read .values"
            )
        return self.values

    def disparity(self) -> Floats:
        """Inverse depth: float32 (H, W), 0 where invalid.

        In 1/m (metric) or up to a scale (scaled). For affine disparity these are the values themselves, still
        up to scale and shift. Never confused with `depth`: larger is nearer.
        """
        if self.kind == "affine_disparity":
            return self.values
        return inverse(self.values, self.valid)[0]

    def to_metric(self, *, scale: float, shift: float | None = None) -> DepthMap:
        """Metres, from a scale (and shift) that the caller knows.

        Args:
            scale: > 0. Scaled: metres = scale * values. Affine: 1 / metres = scale * values + shift.
            shift: in 1/m; needed for affine disparity and meaningless for scaled maps.

        Returns:
            A metric map. Pixels whose disparity comes out at or below 0 (beyond infinity) are invalid.

        Raises:
            DepthMapError: the map is metric already, or the numbers do not fit its kind.
        """
        if self.kind == "metric":
            raise DepthMapError("to_metric: this map is in metres already")
        scale = positive(scale, "scale", DepthMapError)
        if (shift is None) != (self.kind == "scaled"):
            found = shown(shift)
            raise DepthMapError(f"shift: found {found}; a {self.kind} map needs {_TO_METRIC[self.kind]}")
        shift = None if shift is None else finite(shift, "shift", DepthMapError)
        with np.errstate(over="ignore", under="ignore"):
            values = self.values * np.float32(scale)
            if shift is None:
                return DepthMap(values, "metric", self.camera, self.valid & usable(values), self.source)
            values += np.float32(shift)
        return DepthMap.from_disparity(values, self.camera, valid=self.valid, source=self.source)

    def to_affine_disparity(self) -> DepthMap:
        """The same map as disparity up to scale and shift: gives up the unit, keeps the order near to far."""
        if self.kind == "affine_disparity":
            return self
        disparity, valid = inverse(self.values, self.valid)
        return DepthMap(disparity, "affine_disparity", self.camera, valid, self.source)

    @overload
    def points(self, *, stride: int = ..., image: None = ...) -> Floats: ...

    @overload
    def points(
        self, *, stride: int = ..., image: npt.NDArray[np.uint8]
    ) -> tuple[Floats, npt.NDArray[np.uint8]]: ...

    def points(
        self, *, stride: int = 1, image: npt.NDArray[np.uint8] | None = None
    ) -> Floats | tuple[Floats, npt.NDArray[np.uint8]]:
        """3-D points of the valid pixels, row by row: depth times the ray through the pixel's centre.

        Args:
            stride: take every stride-th row and column.
            image: uint8 (H, W, 3) photo of the same size; its colours are then returned as well.

        Returns:
            float32 (N, 3) in the map's unit, OpenCV axes (x right, y down, z forward); with `image` also
            their colours, uint8 (N, 3). Valid pixels that no ray reaches (edge of a fisheye) are left out.

        Raises:
            DepthMapError: no camera, affine disparity (it has no depth), or an image of another size.
            CameraError: stride is not a whole number above 0.
        """
        rays = self.rays(stride)
        mask = self.valid[::stride, ::stride]
        if self.camera is not None and not self.camera.is_pinhole:
            mask = mask & np.isfinite(rays[..., 2])
        points = rays[mask]
        points *= self.values[::stride, ::stride][mask][:, None]
        if image is None:
            return points
        return points, as_image(image, self.shape)[::stride, ::stride][mask]

    def rays(self, stride: int = 1) -> Floats:
        """Rays with z = 1 of every stride-th pixel, float32 (ceil(H / stride), ceil(W / stride), 3).

        Raises:
            DepthMapError: this map cannot become points: it has no camera, or is affine disparity.
            CameraError: stride is not a whole number above 0.
        """
        if self.kind == "affine_disparity":
            raise DepthMapError("points: affine disparity has no depth; call to_metric(scale=, shift=) first")
        if self.camera is None:
            raise DepthMapError("points: the map has no camera; make it with DepthMap(values, kind, camera)")
        return self.camera.rays(stride)

    def save(self, path: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
        """Write to a file, whole or not at all, with kind, unit, camera and source inside.

        Args:
            path: the file; its suffix chooses the format unless `format` is given.
            format: png16, npz, exr, tiff, pfm, ply, glb or picture (`onedepth.files.depth_formats.FORMATS`).
            **options: of the format's writer, for example `scale="kitti"` (png16), `image=pixels` (ply, glb),
                `colormap="magma"` (picture).

        Raises:
            OneDepthError: the format is unknown, cannot hold this map, or the file cannot be written.
        """
        from onedepth.files.depth_formats import write_depth

        write_depth(self, path, format, **options)

    @staticmethod
    def load(
        path: str | os.PathLike[str],
        kind: Kind | None = None,
        scale: float | str | None = None,
        camera: Camera | None = None,
    ) -> DepthMap:
        """Read a depth file: png16, npz, exr, tiff or pfm.

        Args:
            path: the file.
            kind: needed for files of other programs; for ours it must agree with the file.
            scale: as `kind`; steps per metre, a number or a name ("mm", "kitti", "tum", ...). 1 for metres.
            camera: used where the file carries none.

        Raises:
            OneDepthError: not a depth file, damaged, an 8-bit picture, or `kind` and `scale` are missing.
        """
        from onedepth.files.depth_formats import read_depth

        return read_depth(path, kind=kind, scale=scale, camera=camera)

    def __repr__(self) -> str:
        height, width = self.shape
        share = float(self.valid.mean())
        size = f"{width}x{height}"
        return (
            f"DepthMap({size}, {self.kind}, valid {share:.1%}, camera={self.camera}, source={self.source!r})"
        )


_TO_METRIC: Mapping[Kind, str] = {
    "metric": "",
    "scaled": "scale=",
    "affine_disparity": "scale=, shift=",
}


def _check_labels(kind: object, camera: object, source: object) -> None:
    """Refuse what is said about the values, before they are looked at."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise DepthMapError(f"kind: found {shown(kind)}, expected one of {', '.join(KINDS)}")
    if not isinstance(camera, Camera | None):
        raise DepthMapError(f"camera: found {shown(camera)}, expected an onedepth.Camera or None")
    if not isinstance(source, str | None):
        raise DepthMapError(f"source: found {shown(source)}, expected text or None")


def _check_calibration(kind: Kind, calibration: object) -> None:
    if not isinstance(calibration, Calibration | None):
        raise DepthMapError(f"calibration: found {shown(calibration)}, expected a Calibration or None")
    if calibration is not None and kind != "metric":
        raise DepthMapError(f"calibration: a {kind} map has none; only metres can be calibrated by a length")
