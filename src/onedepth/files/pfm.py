"""PFM (portable float map): float32 rows from the bottom up; the metadata is in a JSON file beside it."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np

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
from onedepth.rasters import Floats

_HEADER = re.compile(rb"P([fF])\s+(\d{1,9})\s+(\d{1,9})\s+([-+.0-9eE]{1,40})\s")
_HEADER_BYTES = 256


def sidecar_path(path: Path) -> Path:
    """The JSON file that belongs to a PFM: `a.pfm` has `a.pfm.json`."""
    return path.with_name(path.name + ".json")


def write_pfm(depthmap: DepthMap, path: Path) -> None:
    """Write little-endian float32 and the JSON file; invalid is 0 (depth) or NaN (affine disparity).

    Both files are complete before either gets its name, and the JSON carries the raster's CRC-32, so that a
    reader notices when one of the two was replaced without the other.

    Raises:
        OneDepthError: a file cannot be written.
    """
    raster = float_raster(depthmap)[::-1].astype("<f4", order="C")
    height, width = raster.shape
    record = DepthMetadata.of(depthmap).to_json(crc32=zlib.crc32(raster.data))
    with atomic_path(path) as temporary, atomic_path(sidecar_path(path)) as sidecar:
        sidecar.write_text(record + "\n", encoding="ascii")
        with temporary.open("wb") as file:
            file.write(f"Pf\n{width} {height}\n-1.0\n".encode("ascii"))
            file.write(raster.data)


def read_pfm(path: Path, claims: Claims) -> DepthMap:
    """Read a PFM with our JSON file, or without it with the caller's kind and scale; any byte order.

    Raises:
        DepthFileError: not a PFM, colour, truncated, or with a JSON file that is damaged, belongs to another
            raster, or is at odds with `claims`.
    """
    raster, checksum = _raster(path)
    sidecar, found = sidecar_path(path), None
    text = sidecar.read_text(encoding="utf-8") if sidecar.is_file() else ""
    if is_ours(text):
        found, record = parse(text, str(sidecar))
        if record.get("crc32") != checksum:
            raise DepthFileError(f"{sidecar}: belongs to another raster than {path.name}; write both anew")
    return decode_floats(path, raster, settle(path, found, claims))


def pfm_size(data: bytes, where: str) -> tuple[int, int]:
    """Width and height that a PFM file's first bytes claim.

    Raises:
        DepthFileError: Not a PFM, or colour.
    """
    header = _header(data[:_HEADER_BYTES], where)
    return int(header[2]), int(header[3])


def parse_pfm(data: bytes, where: str) -> Floats:
    """Native float32 (H, W), top row first, of the bytes of a PFM file; `where` names it in errors.

    Raises:
        DepthFileError: Not a PFM, colour, or truncated.
    """
    header = _header(data[:_HEADER_BYTES], where)
    width, height = int(header[2]), int(header[3])
    pixels = memoryview(data)[header.end() :]
    if len(pixels) != 4 * width * height or not pixels:
        raise DepthFileError(
            f"{where}: holds {len(pixels)} bytes of pixels or more, expected {4 * width * height} for "
            f"{width}x{height}; it is damaged"
        )
    # The sign of the scale is the byte order; its size is ignored, as every reader does.
    order = "<f4" if header[4].startswith(b"-") else ">f4"
    return np.frombuffer(pixels, order).reshape(height, width)[::-1].astype(np.float32)


def _header(data: bytes, where: str) -> re.Match[bytes]:
    header = _HEADER.match(data)
    if header is None:
        raise DepthFileError(
            f"{where}: is not a PFM file: it does not begin with Pf, width, height and scale"
        )
    if header[1] == b"F":
        raise DepthFileError(f"{where}: is a colour PFM (PF), expected one channel (Pf)")
    return header


def _raster(path: Path) -> tuple[Floats, int]:
    """The raster, and the CRC-32 of its bytes in the file."""
    with path.open("rb") as file:
        header = _header(file.read(_HEADER_BYTES), str(path))
        file.seek(0)
        data = file.read(header.end() + 4 * int(header[2]) * int(header[3]) + 1)
    return parse_pfm(data, str(path)), zlib.crc32(memoryview(data)[header.end() :])
