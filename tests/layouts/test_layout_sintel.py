"""MPI Sintel: passes, .dpt depth and .cam cameras."""

import struct

import numpy as np
import pytest
from pictures import metres, picture, records

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth

W, H = 8, 6
TAG = struct.pack("<f", 202021.25)


def write_dpt(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        TAG + struct.pack("<ii", values.shape[1], values.shape[0]) + values.astype("<f4").tobytes()
    )


def write_cam(path, world_to_camera):
    path.parent.mkdir(parents=True, exist_ok=True)
    matrix = np.array([[9.0, 0, 3.5], [0, 9, 2.5], [0, 0, 1]])
    path.write_bytes(TAG + matrix.astype("<f8").tobytes() + world_to_camera[:3].astype("<f8").tobytes())


def write(root, clip="alley_1", frames=3, *, cameras=True):
    home = root / "training"
    for frame in range(1, frames + 1):
        for name in ("clean", "final"):
            picture(home / name / clip / f"frame_{frame:04d}.png", W, H)
        write_dpt(home / "depth" / clip / f"frame_{frame:04d}.dpt", metres(H, W, frame))
        if cameras:
            pose = np.eye(4)
            pose[:3, 3] = [0, 0, -frame]
            write_cam(home / "camdata_left" / clip / f"frame_{frame:04d}.cam", pose)
    return home


def test_frames_of_both_passes_show_one_scene(tmp_path):
    home = write(tmp_path)
    found = records("sintel", tmp_path)
    assert [r.id for r in found] == [
        f"{name}/alley_1/frame_{frame:04d}" for name in ("clean", "final") for frame in (1, 2, 3)
    ]
    assert {record.scene for record in found} == {"alley_1"}
    assert found[1].neighbours == (found[0].image, found[2].image)
    assert found[2].neighbours == found[3].neighbours == ()
    assert found[0].label.file == found[3].label.file == str(home / "depth/alley_1/frame_0001.dpt")


@pytest.mark.parametrize("split", ["clean", "final"])
def test_a_pass_is_a_split(tmp_path, split):
    home = write(tmp_path)
    found = records("sintel", home, split=split)
    assert [record.id.split("/")[0] for record in found] == [split] * 3


def test_depth_is_what_was_put_in(tmp_path):
    write(tmp_path)
    for frame, record in enumerate(records("sintel", tmp_path, split="clean"), start=1):
        np.testing.assert_array_equal(load_depth(record, (W, H)), metres(H, W, frame))


def test_the_camera_is_moved_half_a_pixel_and_looks_from_its_place(tmp_path):
    write(tmp_path)
    record = records("sintel", tmp_path)[1]
    camera = record.camera
    assert (camera.size, camera.fx, camera.cx, camera.cy) == ((W, H), 9.0, 4.0, 3.0)
    np.testing.assert_allclose(np.reshape(record.pose, (4, 4))[:3, 3], [0, 0, 2])


def test_who_wants_no_metres_may_say_so(tmp_path):
    write(tmp_path, cameras=False)
    found = records("sintel", tmp_path, kind="scaled")
    assert {record.label.kind for record in found} == {"scaled"}
    assert {record.camera for record in found} == {None}
    assert records("sintel", tmp_path)[0].label.kind == "metric"
    with pytest.raises(ConfigError, match="--kind is 'affine'"):
        records("sintel", tmp_path, kind="affine")


def test_bad_input_is_named(tmp_path):
    with pytest.raises(DataError, match="no folder clean or final"):
        records("sintel", tmp_path)
    home = write(tmp_path)
    with pytest.raises(ConfigError, match="expected one of clean, final"):
        records("sintel", tmp_path, split="albedo")
    path = home / "camdata_left/alley_1/frame_0002.cam"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"frame_0002\.cam: is no \.cam file of Sintel"):
        records("sintel", tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"frame_0002\.cam: missing; expected the camera"):
        records("sintel", tmp_path)
    (home / "depth/alley_1/frame_0003.dpt").unlink()
    with pytest.raises(DataError, match=r"frame_0003\.png: its depth is missing"):
        records("sintel", tmp_path)
