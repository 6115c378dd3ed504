"""Record3D: EXR + RGB, PNG with a scale, unpacked .r3d; metadata with column-major K and ARKit poses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import metres, picture, raster, records, text

from onedepth import Camera
from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth

HALF = 0.5**0.5
META: dict[str, Any] = {
    "w": 12,
    "h": 16,
    "fps": 10,
    "K": [20.0, 0, 0, 0, 21.0, 0, 6.5, 7.5, 1],  # column by column
    "poses": [[0, 0, 0, 1, 1, 2, 3], [0, 0, HALF, HALF, 4, 5, 6], [0, 0, 0, 1, 7, 8, 9]],
}
DEPTH = metres(4, 3)


def _exr(path: Path) -> None:
    import OpenEXR

    path.parent.mkdir(parents=True, exist_ok=True)
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, {"R": DEPTH}) as file:
        file.write(str(path))


def _export(root: Path, suffix: str = ".exr", **meta: Any) -> Path:
    folder = root / "walk/EXR_RGBD"
    for number in range(3):
        picture(folder / f"rgb/{number}.jpg", 12, 16)
        if suffix == ".exr":
            _exr(folder / f"depth/{number}.exr")
        else:
            raster(folder / f"depth/{number}.png", np.rint(DEPTH * 1000).astype(np.uint16))
    text(folder / "metadata.json", json.dumps({**META, **meta}))
    return folder


def test_exr_depth_is_in_metres_and_coarse(tmp_path: Path) -> None:
    _export(tmp_path)
    record = records("record3d", tmp_path)[0]
    np.testing.assert_array_equal(load_depth(record), DEPTH)
    assert record.label is not None
    assert record.label.kind == "coarse"
    assert (record.id, record.scene) == ("walk/EXR_RGBD/0", "walk/EXR_RGBD")


def test_k_is_stored_column_by_column(tmp_path: Path) -> None:
    _export(tmp_path)
    assert records("record3d", tmp_path)[0].camera == Camera(
        width=12, height=16, fx=20, fy=21, cx=6.5, cy=7.5
    )


def test_intrinsics_may_differ_by_frame(tmp_path: Path) -> None:
    _export(tmp_path, perFrameIntrinsicCoeffs=[[20, 20, 6, 8], [22, 22, 6, 8], [24, 24, 6, 8]])
    focals = [r.camera.fx for r in records("record3d", tmp_path) if r.camera]
    assert focals == [20, 22, 24]


def test_poses_become_opencv(tmp_path: Path) -> None:
    _export(tmp_path)
    found = records("record3d", tmp_path)
    np.testing.assert_allclose(
        np.reshape(found[0].pose, (4, 4)), np.diag([1, -1, -1, 1]) + np.eye(4, k=3) * 0 + _at(1, 2, 3)
    )
    quarter = np.reshape(
        found[1].pose, (4, 4)
    )  # about z: the camera's x is the world's y, its y the world's x
    np.testing.assert_allclose(quarter[:3, :3], [[0, 1, 0], [1, 0, 0], [0, 0, -1]], atol=1e-12)
    assert found[1].neighbours == (found[0].image, found[2].image)
    assert [r.time for r in found] == [0, 0.1, 0.2]


def _at(x: float, y: float, z: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    only = np.zeros((4, 4))
    only[:3, 3] = x, y, z
    return only


def test_png_depth_needs_its_scale(tmp_path: Path) -> None:
    _export(tmp_path, ".png")
    record = records("record3d", tmp_path, scale=0.001)[0]
    np.testing.assert_allclose(load_depth(record), DEPTH, atol=6e-4)
    with pytest.raises(ConfigError, match=r"0\.png: --scale \(metres per step\) goes with depth in PNG"):
        records("record3d", tmp_path)
    _export(tmp_path / "exr")
    with pytest.raises(ConfigError, match=r"0\.exr: --scale"):
        records("record3d", tmp_path / "exr", scale=0.001)


def test_an_unpacked_recording_names_the_size_of_its_raw_depth(tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    picture(folder / "rgbd/0.jpg", 12, 16)
    DEPTH.astype("<f4").tofile(folder / "rgbd/0.depth")  # as after LZFSE
    text(folder / "metadata", json.dumps({**META, "dw": 3, "dh": 4}))
    (record,) = records("record3d", tmp_path)
    np.testing.assert_array_equal(load_depth(record), DEPTH)
    text(folder / "metadata", json.dumps(META))
    (record,) = records("record3d", tmp_path)
    assert record.label is not None
    assert record.label.file.endswith("0.depth#192x256")


def test_a_packed_recording_is_named(tmp_path: Path) -> None:
    text(tmp_path / "walk.r3d", "PK")
    with pytest.raises(DataError, match=r"walk\.r3d is a zip file: unpack it"):
        records("record3d", tmp_path)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"K": [1, 2, 3]}, r"metadata\.json: K: found .* expected 9 numbers"),
        ({"K": None}, r"metadata\.json: field 'K' is of the wrong kind"),
        ({"poses": [[0, 0, 0, 1, 1, 2, 3]]}, r"poses has 1 entries, but there is an image 1"),
        ({"poses": [[0, 0, 0, 0, 1, 2, 3]] * 3}, r"poses 0: quaternion"),
        ({"w": 1440, "h": 1920}, r"0\.jpg: 12x16 pixels, but its camera is for 1440x1920"),
        ({"w": None}, r"field 'w' is of the wrong kind"),
    ],
)
def test_metadata_that_are_wrong_are_named(tmp_path: Path, meta: dict[str, Any], message: str) -> None:
    _export(tmp_path, **meta)
    with pytest.raises(DataError, match=message):
        records("record3d", tmp_path)


def test_a_frame_without_depth_is_named(tmp_path: Path) -> None:
    folder = _export(tmp_path)
    (folder / "depth/1.exr").unlink()
    with pytest.raises(DataError, match=r"1\.jpg: its depth is missing"):
        records("record3d", tmp_path)
    picture(folder / "rgb/1(2).jpg")
    _exr(folder / "depth/1(2).exr")
    _exr(folder / "depth/1.exr")
    with pytest.raises(DataError, match=r"1\(2\)\.jpg: expected a name such as 12\.jpg"):
        records("record3d", tmp_path)
