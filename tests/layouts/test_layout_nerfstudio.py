"""nerfstudio: OpenGL poses, intrinsics at the top or per frame, depth units, splits, paths in the root."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import array, metres, picture, raster, records, text

from onedepth import Camera
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.errors import DataError
from onedepth.manifest.labels import load_depth

IDENTITY = np.eye(4).tolist()
TOP = {"fl_x": 7.0, "fl_y": 7.5, "cx": 4.25, "cy": 3.5, "w": 8, "h": 6}
STEPS = np.rint(metres() * 1000).astype(np.uint16)


def _frame(number: int, **values: Any) -> dict[str, Any]:
    name = f"images/frame_{number:05d}.png"
    depth = f"depth/frame_{number:05d}.png"
    return {"file_path": f"./{name}", "depth_file_path": depth, "transform_matrix": IDENTITY, **values}


def _capture(root: Path, *frames: dict[str, Any], **top: Any) -> Path:
    for number in (1, 2):
        picture(root / f"images/frame_{number:05d}.png")
        raster(root / f"depth/frame_{number:05d}.png", STEPS)
    listed = list(frames) or [_frame(1), _frame(2)]
    return text(root / "transforms.json", json.dumps({**TOP, **top, "frames": listed}))


def test_poses_become_opencv(tmp_path: Path) -> None:
    matrix = [[0, 0, 1, 5], [1, 0, 0, 6], [0, 1, 0, 7], [0, 0, 0, 1]]
    _capture(tmp_path, _frame(1, transform_matrix=matrix))
    (record,) = records("nerfstudio", tmp_path)
    pose = np.reshape(record.pose, (4, 4))
    np.testing.assert_array_equal(pose[:3, :3] @ [0, 0, 1], np.array(matrix)[:3, :3] @ [0, 0, -1])
    np.testing.assert_array_equal(pose[:3, :3] @ [0, 1, 0], np.array(matrix)[:3, :3] @ [0, -1, 0])
    np.testing.assert_array_equal(pose[:3, 3], [5, 6, 7])


def test_a_scale_that_was_applied_is_taken_off_the_poses(tmp_path: Path) -> None:
    matrix = [[1, 0, 0, 5], [0, 1, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]]
    _capture(tmp_path, _frame(1, transform_matrix=matrix), applied_scale=0.5)
    assert np.reshape(records("nerfstudio", tmp_path)[0].pose, (4, 4))[:3, 3].tolist() == [10, 12, 14]


def test_depth_is_in_millimetres_unless_said_otherwise(tmp_path: Path) -> None:
    _capture(tmp_path / "a")
    record = records("nerfstudio", tmp_path / "a")[0]
    np.testing.assert_allclose(load_depth(record), STEPS / 1000, rtol=1e-6)
    _capture(tmp_path / "b", depth_unit_scale_factor=0.01)
    np.testing.assert_allclose(load_depth(records("nerfstudio", tmp_path / "b")[0]), STEPS / 100, rtol=1e-6)
    again = records("nerfstudio", tmp_path / "b", scale=0.002, kind="scaled")[0]
    np.testing.assert_allclose(load_depth(again), STEPS / 500, rtol=1e-6)
    assert again.label is not None
    assert again.label.kind == "scaled"


def test_arrays_are_scaled_too_and_small_labels_are_coarse(tmp_path: Path) -> None:
    _capture(tmp_path, _frame(1, depth_file_path="depth/1.npy"))
    array(tmp_path / "depth/1.npy", metres(3, 4))
    (record,) = records("nerfstudio", tmp_path, scale=1.0)
    np.testing.assert_array_equal(load_depth(record), metres(3, 4))
    assert record.label is not None
    assert record.label.kind == "coarse"


def test_frames_override_the_camera_at_the_top(tmp_path: Path) -> None:
    _capture(tmp_path, _frame(1), _frame(2, fl_x=9.0, k1=0.1, p2=0.01), camera_model="OPENCV")
    first, second = records("nerfstudio", tmp_path)
    assert first.camera == Camera(width=8, height=6, fx=7, fy=7.5, cx=4.25, cy=3.5)
    assert second.camera == Camera(
        width=8, height=6, fx=9, fy=7.5, cx=4.25, cy=3.5, distortion=RadialTangential(0.1, 0, 0, 0.01)
    )


def test_a_fisheye_is_one_even_without_coefficients(tmp_path: Path) -> None:
    _capture(tmp_path, camera_model="OPENCV_FISHEYE", k1=0.05)
    camera = records("nerfstudio", tmp_path)[0].camera
    assert camera is not None
    assert camera.distortion == Fisheye(0.05, 0, 0, 0)


def test_a_field_of_view_will_do(tmp_path: Path) -> None:
    path = _capture(tmp_path, _frame(1))
    frames = json.loads(path.read_text())["frames"]
    path.write_text(json.dumps({"camera_angle_x": np.pi / 2, "frames": frames}))
    camera = records("nerfstudio", tmp_path)[0].camera
    assert camera is not None
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((4, 4, 4, 3))


def test_splits_are_lists_of_names(tmp_path: Path) -> None:
    _capture(tmp_path, train_filenames=["./images/frame_00001.png"], val_filenames=["images/frame_00002.png"])
    assert [r.split for r in records("nerfstudio", tmp_path)] == ["train", "val"]
    assert [Path(r.image).stem for r in records("nerfstudio", tmp_path, split="val")] == ["frame_00002"]
    with pytest.raises(DataError, match="has no test_filenames"):
        records("nerfstudio", tmp_path, split="test")


def test_frames_without_depth_are_listed_without_label(tmp_path: Path) -> None:
    frame = _frame(1)
    del frame["depth_file_path"]
    _capture(tmp_path, frame)
    assert records("nerfstudio", tmp_path)[0].label is None


BROKEN = {
    "no frames": ({"frames": None}, "field 'frames' is of the wrong kind"),
    "other camera": ({"camera_model": "EQUIRECTANGULAR"}, "camera_model 'EQUIRECTANGULAR' is not supported"),
    "no focal": ({"fl_x": None, "fl_y": None}, "field 'fl_x' is of the wrong kind"),
    "focal text": ({"fl_x": "7"}, "field 'fl_x' is of the wrong kind"),
    "focal negative": ({"fl_x": -7.0}, "focal length must be > 0"),
    "other size": ({"w": 80}, "8x6 pixels, but its camera is for 80x6"),
    "fourth radial": ({"k4": 0.1}, "k4 to k6 have no agreed meaning"),
    "applied scale 0": ({"applied_scale": 0}, "applied_scale is 0, expected a number > 0"),
    "depth unit negative": ({"depth_unit_scale_factor": -1}, "depth_unit_scale_factor is -1, expected"),
    "split text": ({"train_filenames": "a"}, "must be lists"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_at_the_top_is_named(case: str, tmp_path: Path) -> None:
    values, message = BROKEN[case]
    path = _capture(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(DataError, match=rf"transforms\.json.*{message}|frame_00001\.png: {message}"):
        records("nerfstudio", tmp_path)


FRAMES = {
    "no file": (
        {"file_path": "images/lost.png"},
        r"lost\.png: missing; expected the file that .*frame 0 names",
    ),
    "outside": ({"file_path": "../secret.png"}, "leaves the folder"),
    "depth outside": ({"depth_file_path": "../secret.png"}, "leaves the folder"),
    "depth picture": ({"depth_file_path": "depth/a.jpg"}, r"depth 'a\.jpg' is none of"),
    "no pose": ({"transform_matrix": None}, "frame 0: field 'transform_matrix'"),
    "ragged pose": ({"transform_matrix": [[1, 2], [3]]}, "frame 0: the pose is not a matrix"),
    "scaled pose": ({"transform_matrix": (2 * np.eye(4)).tolist()}, "is no rotation"),
}


@pytest.mark.parametrize("case", FRAMES)
def test_what_is_broken_in_a_frame_is_named(case: str, tmp_path: Path) -> None:
    values, message = FRAMES[case]
    _capture(tmp_path / "root", _frame(1, **values))
    picture(tmp_path / "secret.png")
    picture(tmp_path / "root/depth/a.jpg")
    with pytest.raises(DataError, match=message):
        records("nerfstudio", tmp_path / "root")


def test_broken_json_is_named(tmp_path: Path) -> None:
    text(tmp_path / "transforms.json", "{")
    with pytest.raises(DataError, match=r"transforms\.json: not valid JSON"):
        records("nerfstudio", tmp_path)
    text(tmp_path / "transforms.json", "[1]")
    with pytest.raises(DataError, match=r"transforms\.json: found \[1\], expected an object"):
        records("nerfstudio", tmp_path)
