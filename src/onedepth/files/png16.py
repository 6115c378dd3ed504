"""16-bit PNG: depth in whole steps, 0 = no measurement.

Metric depth is stored in millimetres unless another scale is named. Nothing is ever wrapped or clipped: with
the automatic scale a map that does not fit gets the finest round scale that holds it (recorded in the file);
with a named scale that is an error. Affine disparity fills the whole range, with offset and scale recorded.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.atomic import write_bytes
from onedepth.files.depth_metadata import (
    KEY,
    Claims,
    DepthMetadata,
    parse,
    refuse_pictures,
    settle,
    steps_per_metre,
)

LARGEST = 65535
_ELSEWHERE = "npz, exr, tiff and pfm hold any depth"
_ROWS = 256


def write_png16(depthmap: DepthMap, path: Path, *, scale: float | str | None = None) -> None:
    """Write depth as 16-bit grey PNG with the metadata in a text chunk.

    Args:
        depthmap: a map of any kind.
        path: the file.
        scale: steps per metre, a number or a name of `depth_metadata.SCALES` ("mm", "kitti", "tum", ...).
            Left out: 1000 (millimetres) for metric maps where that fits, otherwise the finest of 1, 2, 5 x
            10^n that does. A reader gets every depth back to within half a step.

    Raises:
        DepthFileError: a depth is too large for the named scale, or so small that it would become 0 (no
            measurement), or near and far are too far apart for any scale (a factor of about 50000), or
            `scale` was given for affine disparity.
        OneDepthError: the file cannot be written.
    """
    from PIL import Image, PngImagePlugin

    metadata = _plan(depthmap, path, scale)
    steps = _encode(depthmap, metadata)
    text = PngImagePlugin.PngInfo()
    text.add_text(KEY, metadata.to_json())
    buffer = io.BytesIO()
    # Level 1: the higher levels cost 3x the time for a quarter of the size (4000x3000 smooth depth).
    Image.fromarray(steps).save(buffer, "PNG", pnginfo=text, compress_level=1)
    write_bytes(path, buffer.getbuffer())


def read_png16(path: Path, claims: Claims) -> DepthMap:
    """Read a 16-bit grey PNG of ours, or any other with the caller's kind and scale.

    Raises:
        DepthFileError: 8-bit or colour PNG, or metadata missing, damaged or at odds with `claims`.
        OSError, SyntaxError, ValueError: not a PNG, truncated, or with a wrong checksum.
    """
    from PIL import PngImagePlugin

    with PngImagePlugin.PngImageFile(path) as image:
        image.verify()  # checksums, which decoding skips, and the end of the file
    with PngImagePlugin.PngImageFile(path) as image:
        if not image.mode.startswith("I;16"):
            refuse_pictures(path, np.asarray(image))
            raise DepthFileError(f"{path}: is a PNG of mode {image.mode}, expected 16-bit grey")
        steps = np.asarray(image).astype(np.uint16, copy=False)
        record = image.info.get(KEY)
    metadata = settle(path, None if record is None else parse(str(record), str(path))[0], claims)
    table = metadata.offset + np.arange(LARGEST + 1) / metadata.scale
    return metadata.depthmap(path, table.astype(np.float32)[steps], steps != 0)


def _plan(depthmap: DepthMap, path: Path, scale: float | str | None) -> DepthMetadata:
    """Scale and offset by which every valid value becomes one of the steps 1 ... 65535."""
    near = float(np.min(depthmap.values, where=depthmap.valid, initial=np.inf))
    far = float(np.max(depthmap.values, where=depthmap.valid, initial=-np.inf))
    if near > far:  # nothing is valid
        near = far = 1.0
    if depthmap.kind == "affine_disparity":
        if scale is not None:
            raise DepthFileError(
                f"{path}: scale={scale!r} was given, but affine disparity has no metres to scale"
            )
        step = (far - near) / (LARGEST - 1) or abs(near) or 1.0
        return DepthMetadata.of(depthmap, scale=1 / step, offset=near - step)
    if scale is not None:
        steps = steps_per_metre(scale)
        _check_fixed(path, near, far, steps)
    else:
        steps = _automatic(depthmap, near, far)
        if round(near * steps) < 1:
            raise DepthFileError(
                f"{path}: depths from {near:g} to {far:g} are too far apart for 16 bits; {_ELSEWHERE}"
            )
    return DepthMetadata.of(depthmap, scale=steps)


def _automatic(depthmap: DepthMap, near: float, far: float) -> float:
    """Millimetres if they hold a metric map, otherwise the finest of 1, 2, 5 x 10^n steps per unit."""
    if depthmap.kind == "metric" and round(far * 1000) <= LARGEST and round(near * 1000) >= 1:
        return 1000.0
    power = math.floor(math.log10(LARGEST / far))
    rounded = (digit * 10.0**exponent for exponent in (power - 1, power, power + 1) for digit in (1, 2, 5))
    return max(scale for scale in rounded if round(far * scale) <= LARGEST)


def _check_fixed(path: Path, near: float, far: float, steps: float) -> None:
    if round(far * steps) > LARGEST:
        raise DepthFileError(
            f"{path}: the largest depth is {far:g} but {steps:g} steps per metre hold at most "
            f"{LARGEST / steps:g}; leave scale out for a coarser step, or take another format ({_ELSEWHERE})"
        )
    if round(near * steps) < 1:
        raise DepthFileError(
            f"{path}: the smallest depth is {near:g}, which {steps:g} steps per metre would store as 0 = no "
            f"measurement; leave scale out for a finer step, or take another format ({_ELSEWHERE})"
        )


def _encode(depthmap: DepthMap, metadata: DepthMetadata) -> npt.NDArray[np.uint16]:
    """Steps, uint16 (H, W); a few rows at a time, because exact steps need float64 temporaries."""
    steps = np.zeros(depthmap.shape, np.uint16)
    for top in range(0, depthmap.shape[0], _ROWS):
        rows = slice(top, top + _ROWS)
        exact = depthmap.values[rows].astype(np.float64)
        exact -= metadata.offset
        exact *= metadata.scale
        np.rint(exact, out=exact)
        np.copyto(steps[rows], exact, where=depthmap.valid[rows], casting="unsafe")
    return steps
