"""OpenEXR: float32 in channel Z (as renderers and Blender call it) or `disparity`, metadata in the header."""

from __future__ import annotations

from pathlib import Path

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.atomic import atomic_path
from onedepth.files.depth_metadata import (
    KEY,
    Claims,
    DepthMetadata,
    decode_floats,
    float_raster,
    parse,
    settle,
)

CHANNELS = ("Z", "disparity", "depth", "Depth.Z", "ViewLayer.Depth.Z", "Y")
"""Names under which one channel of depth is found, best first; the first two are those we write."""


def write_exr(depthmap: DepthMap, path: Path) -> None:
    """Write one float32 channel, uncompressed (compression saves a sixth and takes ten times as long).

    Invalid pixels are 0 (depth) or NaN (affine disparity, where 0 is a value).

    Raises:
        OneDepthError: the file cannot be written.
    """
    import OpenEXR

    channel = CHANNELS[depthmap.kind == "affine_disparity"]
    header = {
        "compression": OpenEXR.NO_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        KEY: DepthMetadata.of(depthmap).to_json(),
    }
    with atomic_path(path) as temporary, OpenEXR.File(header, {channel: float_raster(depthmap)}) as file:
        try:
            file.write(str(temporary))
        except RuntimeError as error:  # OpenEXR's word for a full disk or a folder without permission
            raise OSError(str(error)) from error


def read_exr(path: Path, claims: Claims) -> DepthMap:
    """Read an EXR of ours, or one channel of another program's with the caller's kind and scale.

    Raises:
        DepthFileError: no channel of `CHANNELS` and more than one to choose from, or metadata missing,
            damaged or at odds with `claims`.
        RuntimeError: not an EXR, or truncated.
    """
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        names = [name for name in CHANNELS if name in channels] or list(channels)
        if len(names) != 1 and names[0] not in CHANNELS:
            expected = ", ".join(CHANNELS)
            raise DepthFileError(f"{path}: has channels {', '.join(names)}; expected one of {expected}")
        raster = channels[names[0]].pixels
        record = file.header().get(KEY)
    metadata = settle(path, None if record is None else parse(str(record), str(path))[0], claims)
    return decode_floats(path, raster, metadata)
