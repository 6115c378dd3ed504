"""What a depth file says about its numbers: one JSON record, the same inside every format."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from onedepth.calibration import Calibration
from onedepth.camera import Camera
from onedepth.checks import shown
from onedepth.depthmap import KINDS, UNITS, DepthMap, Kind
from onedepth.errors import CameraError, DepthFileError, DepthMapError
from onedepth.rasters import Floats

FORMAT_VERSION = 1
KEY = "onedepth"
"""Name of the PNG text chunk and EXR attribute that hold the record; in the record, key of its version."""

SCALES: Mapping[str, float] = {
    "m": 1.0,
    "cm": 100.0,
    "mm": 1000.0,
    "kitti": 256.0,
    "tum": 5000.0,
    "nyu": 1000.0,
    "scannet": 1000.0,
    "realsense": 1000.0,
    "vkitti2": 100.0,
}
"""Steps per metre of rasters people exchange, by name."""


@dataclass(frozen=True, slots=True)
class DepthMetadata:
    """How raster numbers become a `DepthMap`: value = offset + raster / scale.

    Attributes:
        kind: kind of the map.
        scale: steps per unit of the value (per metre for metric maps); 1 in formats that hold floats.
        offset: value of raster number 0; other than 0 only for affine disparity.
        camera: camera of the raster.
        source: where the values come from.
        calibration: how a known length has set the scale; the key is left out where none has.
    """

    kind: Kind
    scale: float = 1.0
    offset: float = 0.0
    camera: Camera | None = None
    source: str | None = None
    calibration: Calibration | None = None

    @classmethod
    def of(cls, depthmap: DepthMap, scale: float = 1.0, offset: float = 0.0) -> DepthMetadata:
        """The record of a map that is stored with `scale` and `offset`."""
        return cls(depthmap.kind, scale, offset, depthmap.camera, depthmap.source, depthmap.calibration)

    def to_json(self, **extra: Any) -> str:
        """The record as ASCII JSON, with the unit in words for people who open the file elsewhere."""
        from onedepth.files.cameras import camera_to_dict

        camera = None if self.camera is None else camera_to_dict(self.camera)
        record: dict[str, Any] = {
            KEY: FORMAT_VERSION,
            "kind": self.kind,
            "unit": UNITS[self.kind],
            "scale": self.scale,
            "offset": self.offset,
            "camera": camera,
            "source": self.source,
        }
        if self.calibration is not None:
            record["calibration"] = self.calibration.to_dict()
        return json.dumps(record | extra)

    def depthmap(self, path: Path, values: Floats, valid: npt.NDArray[np.bool_] | None = None) -> DepthMap:
        """The map of decoded `values`; a camera of another size is reported with the file's name."""
        try:
            return DepthMap(values, self.kind, self.camera, cast(Any, valid), self.source, self.calibration)
        except DepthMapError as error:
            raise DepthFileError(f"{path}: {error}") from error


def steps_per_metre(scale: float | str) -> float:
    """The number behind a scale given as a number or by name.

    Raises:
        DepthFileError: unknown name, or not a finite number above 0.
    """
    if isinstance(scale, str) and scale in SCALES:
        return SCALES[scale]
    try:
        number = float(scale)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        names = ", ".join(SCALES)
        raise DepthFileError(
            f"scale: found {shown(scale)}, expected steps per metre (above 0) or one of {names}"
        )
    return number


@dataclass(frozen=True, slots=True)
class Claims:
    """What the caller says about a file: all that is known of a foreign raster, a check for one of ours."""

    kind: Kind | None = None
    scale: float | str | None = None
    camera: Camera | None = None


def parse(text: str, where: str) -> tuple[DepthMetadata, dict[str, Any]]:
    """Read a record written by `DepthMetadata.to_json`, and the JSON object itself for a format's extra keys.

    Raises:
        DepthFileError: damaged, of a newer format version, or with impossible entries.
    """
    from onedepth.files.cameras import camera_from_dict

    try:
        record = json.loads(text)
    except ValueError as error:
        raise DepthFileError(f"{where}: its OneDepth metadata is not JSON ({error})") from error
    version = record.get(KEY) if isinstance(record, dict) else None
    if version != FORMAT_VERSION:
        raise DepthFileError(
            f"{where}: its metadata has format version {version!r}, this OneDepth reads {FORMAT_VERSION}; "
            "upgrade onedepth"
        )
    kind, camera, source = record.get("kind"), record.get("camera"), record.get("source")
    scale, offset = _number(record.get("scale")), _number(record.get("offset"))
    if kind not in KINDS or not scale > 0 or math.isnan(offset) or not isinstance(source, str | None):
        raise DepthFileError(
            f"{where}: its metadata has kind {kind!r}, scale {record.get('scale')!r}, offset "
            f"{record.get('offset')!r}, source {source!r}; expected one of {', '.join(KINDS)}, a number "
            "above 0, a number, and text"
        )
    try:
        parsed = None if camera is None else camera_from_dict(camera)
    except CameraError as error:
        raise DepthFileError(f"{where}: the camera in its metadata is unusable: {error}") from error
    known = record.get("calibration")
    try:
        calibration = None if known is None else Calibration.from_dict(known)
    except DepthMapError as error:
        raise DepthFileError(f"{where}: its metadata is unusable: {error}") from error
    return DepthMetadata(kind, scale, offset, parsed, source, calibration), record


def is_ours(text: str) -> bool:
    """Whether free text (a TIFF description, a JSON file beside a raster) is a record of ours."""
    try:
        record = json.loads(text)
    except ValueError:
        return False
    return isinstance(record, dict) and KEY in record


def settle(path: Path, found: DepthMetadata | None, claims: Claims) -> DepthMetadata:
    """What the file says, checked against what the caller says; or only the latter for a foreign raster.

    Raises:
        DepthFileError: the two disagree, or there is no metadata and the caller has not named kind and scale.
    """
    if claims.kind is not None and claims.kind not in KINDS:
        raise DepthFileError(f"kind: found {claims.kind!r}, expected one of {', '.join(KINDS)}")
    scale = None if claims.scale is None else steps_per_metre(claims.scale)
    if found is None:
        if claims.kind is None or scale is None:
            raise DepthFileError(
                f"{path}: carries no OneDepth metadata, so what its numbers mean is unknown; pass kind= "
                f"({', '.join(KINDS)}) and scale= (steps per metre: a number or one of {', '.join(SCALES)})"
            )
        return DepthMetadata(claims.kind, scale, camera=claims.camera)
    if claims.kind not in (None, found.kind):
        raise DepthFileError(f"{path}: says its kind is {found.kind}, but kind={claims.kind!r} was asked for")
    if scale not in (None, found.scale):
        raise DepthFileError(
            f"{path}: says its scale is {found.scale:g}, but scale={claims.scale!r} was given"
        )
    return replace(found, camera=found.camera or claims.camera)


def float_raster(depthmap: DepthMap) -> Floats:
    """Values for a float format without a mask: invalid is 0, or NaN where 0 could be a value."""
    if depthmap.kind != "affine_disparity" or bool(depthmap.valid.all()):
        return depthmap.values
    return np.where(depthmap.valid, depthmap.values, np.float32(np.nan))


def decode_floats(path: Path, raster: npt.NDArray[Any], metadata: DepthMetadata) -> DepthMap:
    """The map of a raster of any numeric type: value = offset + raster / scale; 0, NaN and inf are no depth.

    Raises:
        DepthFileError: not one channel, an 8-bit picture, or a camera of another size.
    """
    refuse_pictures(path, raster)
    with np.errstate(over="ignore", invalid="ignore"):
        if raster.dtype.kind != "f":
            none = raster == 0
            values = (raster / metadata.scale + metadata.offset).astype(np.float32)
            values[none] = np.nan
            return metadata.depthmap(path, values)
        values = raster.astype(np.float32, copy=False)
        if metadata.scale != 1:
            values = values / np.float32(metadata.scale)
        if metadata.offset != 0:
            values = values + np.float32(metadata.offset)
    return metadata.depthmap(path, values)


def refuse_pictures(path: Path, raster: npt.NDArray[Any]) -> None:
    """Stop at rasters that cannot be depth.

    Raises:
        DepthFileError: more than one channel, or 8 bits.
    """
    what = f"{raster.dtype} of shape {raster.shape}"
    if raster.dtype.itemsize == 1:
        raise DepthFileError(
            f"{path}: is an 8-bit picture ({what}), not depth: 256 levels cannot hold metres, and such files "
            "are stretched for looking at; use the 16-bit PNG, NPZ, EXR, TIFF or PFM it was made from"
        )
    if raster.ndim != 2 or raster.size == 0 or raster.dtype.kind not in "fui":
        raise DepthFileError(f"{path}: holds {what}; expected one channel of numbers, (H, W)")


def _number(value: Any) -> float:
    """A finite JSON number, or NaN for anything else."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if real and math.isfinite(value) else math.nan
