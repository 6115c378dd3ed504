"""Polycam raw export: keyframes with cameras in JSON, ARKit poses, millimetres, confidence."""

import json
from pathlib import Path

import numpy as np
import pytest
from pictures import picture, raster, records, text

from onedepth import Camera
from onedepth.errors import DataError
from onedepth.manifest.labels import load_depth

STEPS = np.array([[1250, 2000], [0, 4000]], np.uint16)
TRUST = np.array([[255, 0], [255, 127]], np.uint8)
CAMERA = {"fx": 9.0, "fy": 9.5, "cx": 4.1, "cy": 4.2, "width": 8, "height": 8, "blur_score": 50}
MATRIX = [[0, 0, 1, 5], [1, 0, 0, 6], [0, 1, 0, 7]]


def _capture(root: Path, corrected: bool = True) -> Path:
    keyframes = root / "capture/keyframes"
    entries = {f"t_{i}{j}": MATRIX[i][j] for i in range(3) for j in range(4)}
    kinds = [
        ("images", "cameras", 0.0),
        *([("corrected_images", "corrected_cameras", 1.0)] if corrected else []),
    ]
    for stamp in (1_000_000, 1_400_000, 9_000_000):
        for images, cameras, shift in kinds:
            picture(keyframes / f"{images}/{stamp}.jpg", 8, 8)
            text(keyframes / f"{cameras}/{stamp}.json", json.dumps({**CAMERA, **entries, "cx": 4.1 + shift}))
        raster(keyframes / f"depth/{stamp}.png", STEPS)
        raster(keyframes / f"confidence/{stamp}.png", TRUST)
    return keyframes


def test_depth_is_in_millimetres_where_it_can_be_trusted(tmp_path: Path) -> None:
    _capture(tmp_path)
    record = records("polycam", tmp_path)[0]
    np.testing.assert_allclose(load_depth(record), [[1.25, np.nan], [np.nan, 4.0]], rtol=1e-6)
    assert record.label is not None
    assert record.label.kind == "coarse"


def test_poses_become_opencv_and_names_are_microseconds(tmp_path: Path) -> None:
    _capture(tmp_path)
    found = records("polycam", tmp_path)
    assert [r.time for r in found] == [1.0, 1.4, 9.0]
    assert all(not r.neighbours for r in found)  # the third is too long after
    pose = np.reshape(found[0].pose, (4, 4))
    np.testing.assert_array_equal(pose[:3, 2], -np.array(MATRIX)[:, 2])
    np.testing.assert_array_equal(pose[:3, 0], np.array(MATRIX)[:, 0])
    np.testing.assert_array_equal(pose[:3, 3], [5, 6, 7])


def test_corrected_images_come_with_corrected_cameras(tmp_path: Path) -> None:
    _capture(tmp_path / "a")
    _capture(tmp_path / "b", corrected=False)
    best, plain = records("polycam", tmp_path / "a")[0], records("polycam", tmp_path / "b")[0]
    assert "/corrected_images/" in best.image
    assert "/images/" in plain.image
    assert best.camera is not None
    assert best.camera.cx == pytest.approx(5.1)
    assert plain.camera == Camera(width=8, height=8, fx=9, fy=9.5, cx=4.1, cy=4.2)


def test_images_that_were_not_corrected_are_left_out_with_their_depth(tmp_path: Path) -> None:
    (_capture(tmp_path) / "corrected_images/9000000.jpg").unlink()
    assert len(records("polycam", tmp_path)) == 2


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    keyframes = _capture(tmp_path, corrected=False)
    text(keyframes / "cameras/1000000.json", json.dumps(CAMERA))
    with pytest.raises(DataError, match=r"1000000\.json: field 't_00' is missing"):
        records("polycam", tmp_path)
    text(keyframes / "cameras/1000000.json", "{")
    with pytest.raises(DataError, match=r"1000000\.json: not valid JSON"):
        records("polycam", tmp_path)
    (keyframes / "cameras/1000000.json").unlink()
    with pytest.raises(DataError, match=r"1000000\.json: missing; expected the camera"):
        records("polycam", tmp_path)
    (keyframes / "depth/1400000.png").unlink()
    with pytest.raises(DataError, match=r"1400000\.jpg: its depth is missing"):
        records("polycam", tmp_path)
    with pytest.raises(DataError, match="no keyframes in it or below it"):
        records("polycam", keyframes / "depth")
