"""Hypersim: distances along rays, and lenses that are shifted and tilted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kitti_builder import turn
from pictures import hdf5, metres, picture, records, text

from onedepth.errors import ConfigError, DataError
from onedepth.layouts._hypersim_cameras import Parameters, view_of
from onedepth.manifest.labels import load_depth

W, H = 16, 12
UNIT = 0.0254
TAN = np.tan(np.radians(30))
PLAIN = np.diag([TAN, TAN * H / W, -1.0])
HEADINGS = ["scene_name", "settings_output_img_width", "settings_output_img_height"] + [
    f"M_cam_from_uv_{i}{j}" for i in range(3) for j in range(3)
]


def lens(offset=(0.0, 0.0), tilt=(0.0, 0.0)):
    """M_cam_from_uv as V-Ray's physical camera makes it: offsets move the centre, tilts turn the sensor."""
    shrink = 1 / np.sqrt(1 + np.square(tilt))
    x = np.array([TAN, 0, 2 * TAN * offset[0]]) * shrink[0]
    y = np.array([0, TAN * H / W, 2 * TAN * offset[1]]) * shrink[1]
    return np.array([x, y, [0, 0, -1] - tilt[0] * x - tilt[1] * y])


LENSES = {
    "plain": PLAIN,
    "shifted": lens((0.06, -0.08)),
    "tilted": lens((0.06, -0.08), (0.0, -0.2)),
    "tilted aside": lens((0.0, 0.02), (0.15, 0.0)),
    "scaled": 3.5 * lens((0.06, -0.08), (0.0, -0.2)),
}


def poses(frames=3):
    """Orientations (camera to world, x right, y up, z back) and positions in asset units."""
    orientations = np.stack([turn(0.3, 0.2 + frame / 10, -0.1) for frame in range(frames)])
    return orientations, np.random.default_rng(1).normal(0, 50, (frames, 3))


def write(root, scene="ai_001_001", camera="cam_00", frames=3):
    folder = root / scene
    for frame in range(frames):
        picture(folder / f"images/scene_{camera}_final_preview/frame.{frame:04d}.tonemap.jpg", W, H)
        picture(folder / f"images/scene_{camera}_final_preview/frame.{frame:04d}.color.jpg", W, H)
        distances = metres(H, W, frame)
        distances[0, :2] = np.nan
        path = folder / f"images/scene_{camera}_geometry_hdf5/frame.{frame:04d}.depth_meters.hdf5"
        hdf5(path, dataset=distances.astype("f2").astype("f4"))
    orientations, positions = poses(frames)
    hdf5(folder / f"_detail/{camera}/camera_keyframe_orientations.hdf5", dataset=orientations)
    hdf5(folder / f"_detail/{camera}/camera_keyframe_positions.hdf5", dataset=positions)
    text(
        folder / "_detail/metadata_scene.csv",
        f"parameter_name,parameter_value\nmeters_per_asset_unit,{UNIT}\n",
    )
    return folder


def write_cameras(root, matrix, scene="ai_001_001", name="metadata_camera_parameters.csv"):
    values = ",".join(repr(float(value)) for value in np.ravel(matrix))
    return text(root / name, f"{','.join(HEADINGS)}\n{scene},{W},{H},{values}\n")


def test_frames_of_a_trajectory(tmp_path):
    folder = write(tmp_path)
    write(tmp_path, camera="cam_01", frames=1)
    found = records("hypersim", tmp_path)
    assert [record.id for record in found] == [
        *(f"ai_001_001/cam_00/{frame:04d}" for frame in range(3)),
        "ai_001_001/cam_01/0000",
    ]
    assert found[0].image == str(folder / "images/scene_cam_00_final_preview/frame.0000.tonemap.jpg")
    assert (found[0].label.quantity, found[0].label.encoding) == ("distance", "hdf5")
    assert found[1].neighbours == (found[0].image, found[2].image)
    assert found[2].neighbours == found[3].neighbours == ()
    assert {record.scene for record in found} == {"ai_001_001"}


def test_without_the_table_the_camera_is_60_degrees(tmp_path):
    write(tmp_path)
    record = records("hypersim", tmp_path)[0]
    assert record.camera.fov == pytest.approx(60)
    assert record.camera.fy == record.camera.fx
    rays = record.camera.rays()
    expected = metres(H, W).astype("f2").astype("f4") / np.linalg.norm(rays, axis=-1)
    expected[0, :2] = np.nan
    np.testing.assert_allclose(load_depth(record, (W, H)), expected, rtol=1e-6)


@pytest.mark.parametrize("name", LENSES)
def test_points_in_the_world_are_those_of_the_documented_rays(tmp_path, name):
    """Distances along M_cam_from_uv (u, v, 1) in the given pose, against our depth, camera and pose."""
    write(tmp_path)
    write_cameras(tmp_path, LENSES[name])
    orientations, positions = poses()
    u = (np.arange(W) + 0.5) * 2 / W - 1
    v = 1 - (np.arange(H) + 0.5) * 2 / H
    uv = np.stack([*np.meshgrid(u, v), np.ones((H, W))], axis=-1)
    rays = uv @ LENSES[name].T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    pixels = np.stack(np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5), axis=-1)
    for frame, record in enumerate(records("hypersim", tmp_path)):
        distance = metres(H, W, frame).astype("f2").astype("f4")
        distance[0, :2] = np.nan
        expected = (rays * distance[..., None]) @ orientations[frame].T + positions[frame] * UNIT
        pose = np.reshape(record.pose, (4, 4))
        points = record.camera.unproject(pixels, load_depth(record))
        np.testing.assert_allclose(points @ pose[:3, :3].T + pose[:3, 3], expected, rtol=1e-5, atol=1e-4)


@given(
    st.tuples(*[st.floats(-0.2, 0.2)] * 2), st.floats(-0.3, 0.3), st.booleans(), st.floats(0.1, 10), st.data()
)
def test_any_lens_tilted_one_way_is_a_camera_and_a_turn(offset, tilt, aside, scale, data):
    matrix = scale * lens(offset, (tilt, 0.0) if aside else (0.0, tilt))
    view = view_of(Parameters(matrix, W, H, "table:2"))
    x, y = data.draw(st.floats(0, W)), data.draw(st.floats(0, H))
    ray = np.diag([1, -1, -1]) @ matrix @ [2 * x / W - 1, 1 - 2 * y / H, 1]
    ours = view.turned @ view.camera.unproject([x, y], 1.0)
    np.testing.assert_allclose(np.cross(ours / np.linalg.norm(ours), ray / np.linalg.norm(ray)), 0, atol=1e-9)
    assert ours @ ray > 0
    np.testing.assert_allclose(view.turned @ view.turned.T, np.eye(3), atol=1e-12)


def test_a_lens_tilted_both_ways_is_refused(tmp_path):
    write(tmp_path)
    write_cameras(tmp_path, lens(tilt=(0.4, 0.5)))
    with pytest.raises(DataError, match=r"parameters\.csv:2: the lens is tilted both ways"):
        records("hypersim", tmp_path)


@pytest.mark.parametrize("name", ["train", "val"])
def test_splits_are_those_of_the_table(tmp_path, name):
    write(tmp_path / "scenes")
    header = "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"
    rows = [f"ai_001_001,cam_00,{frame},True,,{part}" for frame, part in enumerate(["train", "val", "train"])]
    path = tmp_path / "evermotion_dataset/analysis/metadata_images_split_scene_v1.csv"
    text(path, "\n".join([header, *rows]) + "\n")
    found = records("hypersim", tmp_path, split=name)
    assert [record.id[-4:] for record in found] == {"train": ["0000", "0002"], "val": ["0001"]}[name]
    assert {record.split for record in found} == {name}
    path.write_text(f"scene_name,frame\n{rows[0]}\n")
    with pytest.raises(DataError, match=r"split_scene_v1\.csv:2: expected scene_name"):
        records("hypersim", tmp_path, split=name)


def test_without_trajectories_there_are_no_poses(tmp_path):
    folder = write(tmp_path)
    (folder / "_detail/cam_00/camera_keyframe_positions.hdf5").unlink()
    assert {record.pose for record in records("hypersim", tmp_path)} == {None}


@pytest.mark.parametrize("value", ["", "nan", "-1", "inch"])
def test_an_ill_formed_unit_is_named(tmp_path, value):
    folder = write(tmp_path)
    path = folder / "_detail/metadata_scene.csv"
    text(path, f"parameter_name,parameter_value\nmeters_per_asset_unit,{value}\n")
    with pytest.raises(DataError, match=rf"metadata_scene\.csv: meters_per_asset_unit is '{value}'"):
        records("hypersim", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("scene_name\nai_001_001\n", r"csv:2: expected the columns of Hypersim's camera table"),
        (",".join(HEADINGS) + "\n", r"csv: has no scenes"),
        (
            ",".join(HEADINGS) + f"\nai_001_001,{W},{H},{','.join('0' * 9)}\n",
            r"csv:2: M_cam_from_uv is no camera",
        ),
        (
            ",".join(HEADINGS) + f"\nai_009_009,{W},{H},1,0,0,0,1,0,0,0,-1\n",
            r"ai_001_001: the table of cameras",
        ),
        (
            ",".join(HEADINGS) + "\nai_001_001,32,24,1,0,0,0,1,0,0,0,-1\n",
            r"is 16x12, but its camera is of 32x24",
        ),
    ],
)
def test_a_damaged_table_of_cameras_is_named(tmp_path, content, message):
    write(tmp_path)
    text(tmp_path / "metadata_camera_parameters.csv", content)
    with pytest.raises(DataError, match=message):
        records("hypersim", tmp_path)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match="no scene ai_VVV_NNN"):
        records("hypersim", tmp_path)
    folder = write(tmp_path)
    with pytest.raises(ConfigError, match=r"--split val: .*split_scene_v1\.csv is missing"):
        records("hypersim", tmp_path, split="val")
    (folder / "images/scene_cam_00_geometry_hdf5/frame.0001.depth_meters.hdf5").unlink()
    with pytest.raises(DataError, match=r"frame\.0001\.depth_meters\.hdf5: missing"):
        records("hypersim", tmp_path)
