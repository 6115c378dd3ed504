"""TIFF: one float32 page, metadata as JSON in the ImageDescription tag."""

from __future__ import annotations

from pathlib import Path

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.atomic import atomic_path
from onedepth.files.depth_metadata import (
    Claims,
    DepthMetadata,
    decode_floats,
    float_raster,
    is_ours,
    parse,
    settle,
)


def write_tiff(depthmap: DepthMap, path: Path) -> None:
    """Write float32, uncompressed; invalid pixels are 0 (depth) or NaN (affine disparity: 0 is a value).

    Raises:
        OneDepthError: the file cannot be written.
    """
    import tifffile

    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            float_raster(depthmap),
            photometric="minisblack",
            description=DepthMetadata.of(depthmap).to_json(),
            metadata=None,
        )


def read_tiff(path: Path, claims: Claims) -> DepthMap:
    """Read a TIFF of ours, or another grey one (floats, 16 or 32 bits) with the caller's kind and scale.

    Raises:
        DepthFileError: several pages, colour, 8 bits, or metadata missing, damaged or at odds with `claims`.
        OSError, ValueError: not a TIFF, truncated, or compressed in a way that needs the package imagecodecs.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            raise DepthFileError(f"{path}: has {len(file.pages)} pages, expected 1")
        text = str(getattr(file.pages[0], "description", ""))
        raster = file.pages[0].asarray()
    metadata = settle(path, parse(text, str(path))[0] if is_ours(text) else None, claims)
    return decode_floats(path, raster, metadata)
