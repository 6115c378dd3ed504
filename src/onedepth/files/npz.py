"""NPZ: NumPy arrays with the names people expect (`depth` or `disparity`, `valid`), nothing pickled."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.depthmap import UNITS, DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.atomic import atomic_path
from onedepth.files.depth_metadata import (
    FORMAT_VERSION,
    KEY,
    Claims,
    DepthMetadata,
    decode_floats,
    parse,
    refuse_pictures,
    settle,
)


def write_npz(depthmap: DepthMap, path: Path) -> None:
    """Write `depth` (or `disparity`) float32 (H, W), `valid` bool (H, W), and strings about them.

    The strings are 0-d arrays: `kind`, `unit`, `camera` and `source` (the last two as JSON), and
    `calibration` (JSON) if there is one. The mask is deflated, the floats are not: they would shrink by a
    sixth for ten times the time.

    Raises:
        OneDepthError: the file cannot be written.
    """
    record = json.loads(DepthMetadata.of(depthmap).to_json())
    arrays: dict[str, Any] = {
        "disparity" if depthmap.kind == "affine_disparity" else "depth": depthmap.values,
        "valid": depthmap.valid,
        "kind": np.array(depthmap.kind),
        "unit": np.array(UNITS[depthmap.kind]),
        "camera": np.array(json.dumps(record["camera"])),
        "source": np.array(json.dumps(record["source"])),
        KEY: np.array(FORMAT_VERSION),
    }
    if "calibration" in record:
        arrays["calibration"] = np.array(json.dumps(record["calibration"]))
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            is_mask = array.dtype == np.bool_
            member.compress_type = zipfile.ZIP_DEFLATED if is_mask else zipfile.ZIP_STORED
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def read_npz(path: Path, claims: Claims) -> DepthMap:
    """Read an NPZ of ours, or `depth` / `disparity` of another program's with the caller's kind and scale.

    Raises:
        DepthFileError: no such array, an 8-bit one, or metadata missing, damaged or at odds with `claims`.
        OSError, ValueError, zipfile.BadZipFile: not an NPZ, truncated, or with pickled objects inside.
    """
    with np.load(path, allow_pickle=False) as archive:
        names = [name for name in ("depth", "disparity") if name in archive]
        if len(names) != 1:
            held = ", ".join(archive.files) or "nothing"
            raise DepthFileError(f"{path}: holds {held}; expected one array named depth or disparity")
        values = archive[names[0]]
        valid = archive.get("valid")
        found = _metadata(archive, path) if KEY in archive else None
    metadata = settle(path, found, claims)
    if names[0] == "disparity" and metadata.kind != "affine_disparity":
        raise DepthFileError(
            f"{path}: holds disparity, which is not {metadata.kind} depth; load it as affine_disparity, or "
            "pass the array to DepthMap.from_disparity"
        )
    if found is None:
        depthmap = decode_floats(path, values, metadata)
        return depthmap if valid is None else metadata.depthmap(path, depthmap.values, depthmap.valid & valid)
    refuse_pictures(path, values)
    return metadata.depthmap(path, values, valid)


def _metadata(archive: Any, path: Path) -> DepthMetadata:
    def text(name: str) -> str:
        return str(archive[name])

    record: dict[str, Any] = {
        KEY: int(archive[KEY]),
        "kind": text("kind"),
        "scale": 1,
        "offset": 0,
        "camera": json.loads(text("camera")),
        "source": json.loads(text("source")),
    }
    if "calibration" in archive:
        record["calibration"] = json.loads(text("calibration"))
    return parse(json.dumps(record), str(path))[0]
