"""The table of depth file formats: by name, by suffix, who writes and who reads."""

from __future__ import annotations

import inspect
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onedepth.camera import Camera
from onedepth.checks import shown
from onedepth.depthmap import DepthMap, Kind
from onedepth.errors import DepthFileError, OneDepthError
from onedepth.files.depth_metadata import Claims
from onedepth.files.exr import read_exr, write_exr
from onedepth.files.geometry import write_glb, write_ply
from onedepth.files.npz import read_npz, write_npz
from onedepth.files.pfm import read_pfm, write_pfm
from onedepth.files.pictures import write_picture
from onedepth.files.png16 import read_png16, write_png16
from onedepth.files.tiff import read_tiff, write_tiff


@dataclass(frozen=True, slots=True)
class DepthFormat:
    """One row of the table.

    Attributes:
        what: one line for help texts.
        suffixes: file suffixes that choose this format; the first is the usual one. Empty: only by name.
        ending: what a batch job appends to the photo's stem, so that all formats fit in one folder.
        write: `write(depthmap, path, **options)`.
        read: `read(path, claims)`, or None if the format cannot be read back.
    """

    what: str
    suffixes: tuple[str, ...]
    ending: str
    write: Callable[..., None]
    read: Callable[[Path, Claims], DepthMap] | None = None


FORMATS: Mapping[str, DepthFormat] = {
    "png16": DepthFormat("16-bit PNG, millimetres", (".png",), ".png", write_png16, read_png16),
    "npz": DepthFormat("NumPy arrays", (".npz",), ".npz", write_npz, read_npz),
    "exr": DepthFormat("OpenEXR, float32 channel Z", (".exr",), ".exr", write_exr, read_exr),
    "tiff": DepthFormat("TIFF, float32", (".tiff", ".tif"), ".tiff", write_tiff, read_tiff),
    "pfm": DepthFormat("portable float map + JSON", (".pfm",), ".pfm", write_pfm, read_pfm),
    "ply": DepthFormat("coloured point cloud", (".ply",), ".ply", write_ply),
    "glb": DepthFormat("textured mesh", (".glb",), ".glb", write_glb),
    "picture": DepthFormat(
        "colour picture with a scale bar, for looking at", (), "_picture.png", write_picture
    ),
}

_DAMAGE = (
    *(OSError, ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RuntimeError, EOFError),
    *(
        MemoryError,
        SyntaxError,
        AssertionError,
        struct.error,
        tokenize.TokenError,
        zlib.error,
        zipfile.BadZipFile,
    ),
)
"""What the decoders of five formats raise at damaged files."""


def write_depth(
    depthmap: DepthMap, path: str | os.PathLike[str], format: str | None = None, **options: Any
) -> None:
    """Write `depthmap` to `path`, whole or not at all.

    Args:
        depthmap: the map.
        path: the file; an existing one is replaced.
        format: a name of `FORMATS`; left out, the suffix decides.
        **options: of that format's writer.

    Raises:
        DepthFileError: unknown format or suffix, an option that the format does not have, or the format
            cannot hold this map.
        OneDepthError: the file cannot be written.
    """
    file = _as_path(path)
    name = _format_name(file, format)
    _check_options(file, name, options)
    FORMATS[name].write(depthmap, file, **options)


def read_depth(
    path: str | os.PathLike[str],
    *,
    kind: Kind | None = None,
    scale: float | str | None = None,
    camera: Camera | None = None,
    format: str | None = None,
) -> DepthMap:
    """Read a depth file of ours, or of another program with `kind` and `scale` named.

    Args:
        path: the file.
        kind: kind of a foreign raster; for one of ours it must agree with the file.
        scale: steps per metre of a foreign raster, a number or a name of `depth_metadata.SCALES`; value =
            raster / scale. For one of ours it must agree with the file.
        camera: used where the file carries none.
        format: a name of `FORMATS`; left out, the suffix decides.

    Raises:
        DepthFileError: missing, not a depth file, damaged, an 8-bit picture, without metadata while `kind` or
            `scale` is left out, or at odds with them.
    """
    file = _as_path(path)
    name = _format_name(file, format)
    read = FORMATS[name].read
    if read is None:
        raise DepthFileError(f"{file}: {name} is written only; read the png16, npz, exr, tiff or pfm instead")
    if not file.is_file():
        raise DepthFileError(f"{file}: {'is a folder' if file.is_dir() else 'no such file'}")
    if file.stat().st_size == 0:
        raise DepthFileError(f"{file}: is empty (0 bytes)")
    try:
        return read(file, Claims(kind, scale, camera))
    except OneDepthError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DepthFileError(
            f"{file}: cannot be read as {name}; damaged, or another format ({reason})"
        ) from error


def options_of(name: str) -> tuple[str, ...]:
    """Names of the options that the writer of a format takes: its keyword-only parameters."""
    parameters = inspect.signature(FORMATS[name].write).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _check_options(path: Path, name: str, options: Mapping[str, Any]) -> None:
    known = options_of(name)
    for option in options:
        if option in known:
            continue
        owners = ", ".join(f"format='{other}'" for other in FORMATS if option in options_of(other))
        hint = f" ({option} belongs to {owners})" if owners else ""
        has = ", ".join(known) or "none"
        raise DepthFileError(f"{path}: {name} has no option {option!r}; its options: {has}{hint}")


def _as_path(path: object) -> Path:
    """A file's name as a Path; what is none, or holds a zero byte, would fail deep inside the writers."""
    if not isinstance(path, str | os.PathLike) or "\0" in str(path):
        raise DepthFileError(f"path: found {shown(path)}, expected the name of a file")
    return Path(path)


def _format_name(path: Path, format: str | None) -> str:
    if format is not None:
        if not isinstance(format, str) or format not in FORMATS:
            raise DepthFileError(f"format: found {shown(format)}, expected one of {', '.join(FORMATS)}")
        return format
    for name, row in FORMATS.items():
        if path.suffix.lower() in row.suffixes:
            return name
    if path.suffix.lower() in (".jpg", ".jpeg", ".webp"):
        raise DepthFileError(
            f"{path}: {path.suffix} cannot hold depth; format='picture' writes a colour picture"
        )
    suffixes = ", ".join(suffix for row in FORMATS.values() for suffix in row.suffixes)
    raise DepthFileError(
        f"{path}: suffix {path.suffix!r} names no depth format; expected {suffixes}, or pass format="
    )
