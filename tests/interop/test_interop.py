"""Scenes for other programs: what they read back is what was handed over."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from typer.testing import CliRunner

from onedepth.apps.cli._app import app
from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.errors import OneDepthError
from onedepth.interop import View, to_open3d, to_open3d_rgbd, to_rerun, write_colmap, write_nerfstudio
from onedepth.interop.colmap import quaternion
from onedepth.layouts import LayoutOptions
from onedepth.layouts import colmap as colmap_layout
from onedepth.layouts import nerfstudio as nerfstudio_layout
from onedepth.manifest.labels import load_depth
from onedepth.manifest.pixels import load_image
from onedepth.normals import surface_normals

LENSES = [None, RadialTangential(0.05, 0.01, 0.001, 0.002, 0.003), Fisheye(0.01, 0.002, 0.0, 0.0)]


def rotation(x, y, z):
    def turn(angle, i, j):
        matrix = np.eye(3)
        matrix[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        return matrix

    return turn(x, 1, 2) @ turn(y, 2, 0) @ turn(z, 0, 1)


def view(name="a", seed=0, lens=None, far=3.0):
    draw = np.random.default_rng(seed)
    camera = Camera(width=24, height=16, fx=20.0, fy=21.0, cx=11.5, cy=8.25, distortion=lens)
    values = np.linspace(1, far, 24 * 16, dtype=np.float32).reshape(16, 24)
    values[3, 5] = 0
    pose = np.eye(4)
    pose[:3, :3] = rotation(*draw.uniform(-1, 1, 3))
    pose[:3, 3] = draw.uniform(-2, 2, 3)
    image = draw.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    return View(DepthMap(values, "metric", camera), image, name, pose)


def in_world(view):
    points = view.depthmap.points()
    return points @ view.to_world[:3, :3].T + view.to_world[:3, 3]


@pytest.mark.parametrize("lens", LENSES)
def test_colmap_scenes_come_back_with_cameras_poses_and_every_depth(tmp_path, lens):
    views = [view("a", 0, lens), view("b-1", 1, lens)]
    write_colmap(views, tmp_path / "scene")
    options = LayoutOptions(kind="metric", scale=1.0)
    records = sorted(colmap_layout.read(tmp_path / "scene", options), key=lambda record: record.image)
    assert len(records) == 2
    for record, given in zip(records, views, strict=True):
        np.testing.assert_array_equal(load_image(record.image), given.image)
        assert record.camera == given.camera
        np.testing.assert_allclose(np.reshape(record.pose, (4, 4)), given.to_world, atol=1e-9)
        depth = np.nan_to_num(load_depth(record))
        np.testing.assert_allclose(depth, given.depthmap.values, rtol=1e-5, atol=1e-5)


def test_colmap_points_are_the_pixels_points_and_their_budget_holds(tmp_path):
    given = view()
    write_colmap([given], tmp_path / "a")
    rows = [line.split() for line in (tmp_path / "a/sparse/0/points3D.txt").read_text().splitlines()[1:]]
    np.testing.assert_allclose(np.array(rows)[:, 1:4].astype(float), in_world(given), atol=1e-5)
    np.testing.assert_array_equal(
        np.array(rows)[:, 4:7].astype(int), given.depthmap.points(image=given.image)[1]
    )
    write_colmap([given, view("b")], tmp_path / "b", max_points=100)
    assert 50 < len((tmp_path / "b/sparse/0/points3D.txt").read_text().splitlines()) <= 101


def test_quaternions_turn_like_their_matrices():
    for seed in range(50):
        matrix = rotation(*np.random.default_rng(seed).uniform(-np.pi, np.pi, 3))
        w, x, y, z = quaternion(matrix)
        assert w >= 0
        back = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
        np.testing.assert_allclose(back, matrix, atol=1e-9)


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("far", [3.0, 90.0])
def test_nerfstudio_scenes_come_back(tmp_path, lens, far):
    views = [view("a", 0, lens, far), view("b", 1, lens, far)]
    write_nerfstudio(views, tmp_path)
    records = sorted(nerfstudio_layout.read(tmp_path, LayoutOptions()), key=lambda record: record.image)
    for record, given in zip(records, views, strict=True):
        np.testing.assert_array_equal(load_image(record.image), given.image)
        assert record.camera.matrix == pytest.approx(given.camera.matrix)
        if lens is not None:
            assert record.camera.distortion == lens if isinstance(lens, Fisheye) else True
        np.testing.assert_allclose(np.reshape(record.pose, (4, 4)), given.to_world, atol=1e-6)
        depth = np.nan_to_num(load_depth(record))
        np.testing.assert_allclose(depth, given.depthmap.values, atol=6e-4)
    cloud = trimesh.load(tmp_path / "sparse_pc.ply")
    np.testing.assert_allclose(cloud.vertices, np.concatenate([in_world(v) for v in views]), atol=1e-4)
    assert json.loads((tmp_path / "transforms.json").read_text())["ply_file_path"] == "sparse_pc.ply"


def test_what_makes_no_scene_is_refused(tmp_path):
    good = view()
    for wrong in (
        {"name": "../a"},
        {"name": ""},
        {"image": good.image[1:]},
        {"pose": 2 * np.eye(4)},
        {"pose": np.diag([1.0, 1.0, -1.0, 1.0])},
        {"pose": np.eye(3)},
        {"depthmap": DepthMap(good.depthmap.values, "metric")},
        {"depthmap": good.depthmap.to_affine_disparity()},
    ):
        with pytest.raises(OneDepthError):
            replace(good, **wrong)
    scaled = replace(good, name="s", depthmap=DepthMap(good.depthmap.values, "scaled", good.camera))
    fisheye, rational = view("f", lens=LENSES[2]), view("r", lens=RadialTangential(0, 0, 0, 0, 0, 0, 0.01))
    for write in (write_colmap, write_nerfstudio):
        for scene, message in (([], "no view"), ([good, good], "two views"), ([good, scaled], "one kind")):
            with pytest.raises(OneDepthError, match=message):
                write(scene, tmp_path)
    with pytest.raises(OneDepthError, match="fisheyes"):
        write_nerfstudio([good, fisheye], tmp_path)
    with pytest.raises(OneDepthError, match="k5"):
        write_nerfstudio([rational], tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OneDepthError, match="folder"):
        write_colmap([good], tmp_path / "file")


def test_open3d_gets_the_same_points():
    pytest.importorskip("open3d")
    given = view()
    points, colors = given.depthmap.points(image=given.image)
    cloud = to_open3d(given.depthmap, given.image)
    np.testing.assert_allclose(np.asarray(cloud.points), points, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(cloud.colors) * 255, colors, atol=1e-6)
    normals, valid = surface_normals(given.depthmap)
    facing = to_open3d(given.depthmap, normals=True)
    np.testing.assert_allclose(np.asarray(facing.normals), normals[valid], atol=1e-6)
    assert len(to_open3d(given.depthmap, stride=2).points) == len(given.depthmap.points(stride=2))


def test_open3d_itself_finds_the_same_points_from_image_and_camera():
    open3d = pytest.importorskip("open3d")
    given = view()
    camera = replace(given.camera, fy=20.0)
    depthmap = DepthMap(given.depthmap.values, "metric", camera)
    pair, intrinsic = to_open3d_rgbd(depthmap, given.image)
    cloud = open3d.geometry.PointCloud.create_from_rgbd_image(pair, intrinsic)
    np.testing.assert_allclose(np.asarray(cloud.points), depthmap.points(), atol=1e-5)
    bent = DepthMap(given.depthmap.values, "metric", replace(camera, distortion=LENSES[1]))
    with pytest.raises(OneDepthError, match="pinhole"):
        to_open3d_rgbd(bent, given.image)


def test_rerun_gets_camera_image_and_depth(tmp_path):
    rerun = pytest.importorskip("rerun")
    recording = rerun.RecordingStream("onedepth_test")
    recording.save(str(tmp_path / "a.rrd"))
    to_rerun(view(), entity="scene/one", recording=recording)
    recording.flush()
    recording.disconnect()
    data = (tmp_path / "a.rrd").read_bytes()
    for what in (b"scene/one", b"scene/one/image", b"scene/one/depth", b"Pinhole", b"DepthImage"):
        assert what in data
    with pytest.raises(OneDepthError, match="pinhole"):
        to_rerun(view(lens=LENSES[1]), recording=recording)


def convert(*words):
    result = CliRunner().invoke(app, ["convert", *map(str, words)])
    return result.exit_code, result.stderr


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    given = view()
    given.depthmap.save(tmp_path / "depth.npz")
    Image.fromarray(given.image).save(tmp_path / "photo.png")
    return tmp_path / "depth.npz", tmp_path / "photo.png"


def test_the_command_writes_every_kind_of_geometry(files, tmp_path):
    depth, photo = files
    depthmap = DepthMap.load(depth)
    for name in ("a.ply", "a.glb", "a.exr"):
        assert convert(depth, tmp_path / name, "--image", photo) == (0, "")
    colors = depthmap.points(image=np.asarray(Image.open(photo)))[1]
    cloud = trimesh.load(tmp_path / "a.ply")
    np.testing.assert_array_equal(cloud.colors[:, :3], colors)
    assert len(trimesh.load(tmp_path / "a.glb", force="mesh").faces) > 100
    np.testing.assert_array_equal(DepthMap.load(tmp_path / "a.exr").values, depthmap.values)
    assert convert(depth, tmp_path / "n.npz", "--to", "normals")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "n.npz")["normals"], surface_normals(depthmap)[0])
    assert convert(depth, tmp_path / "n.png", "--to", "normals")[0] == 0
    assert convert(depth, tmp_path / "colmap", "--to", "colmap", "--image", photo)[0] == 0
    assert len(list(colmap_layout.read(tmp_path / "colmap", LayoutOptions()))) == 1
    assert convert(depth, tmp_path / "ns", "--to", "nerfstudio", "--image", photo)[0] == 0
    assert (tmp_path / "ns/transforms.json").is_file()


def test_the_command_predicts_photos(files, tiny_model, tmp_path):
    assert convert(files[1], tmp_path / "a.glb", "--model", tiny_model, "--fov", "60") == (0, "")
    assert len(trimesh.load(tmp_path / "a.glb", force="mesh").vertices) > 0


@pytest.mark.parametrize(
    ("target", "words", "message"),
    [
        ("a.xyz", [], "names no format"),
        ("a.ply", ["--to", "obj"], "unknown"),
        ("scene", ["--to", "colmap"], "--image"),
        ("n.jpg", ["--to", "normals"], ".npz"),
    ],
)
def test_what_cannot_be_converted_is_one_line(files, tmp_path, target, words, message):
    code, error = convert(files[0], tmp_path / target, *words)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1


def test_what_exists_is_kept_unless_told(files, tmp_path):
    depth, photo = files
    before = photo.read_bytes()
    assert convert(photo, photo) == (0, "")  # neither itself ...
    (tmp_path / "mine.ply").write_text("mine")
    assert convert(depth, tmp_path / "mine.ply") == (0, "")
    assert (tmp_path / "mine.ply").read_text() == "mine"
    assert convert(depth, tmp_path / "mine.ply", "--overwrite") == (0, "")
    assert len(trimesh.load(tmp_path / "mine.ply").vertices) > 100
    code, error = convert(depth, photo, "--to", "picture", "--image", photo, "--overwrite")
    assert (code, "would replace the photo" in error) == (2, True)
    assert photo.read_bytes() == before
    (tmp_path / "scene").mkdir()  # an empty folder is no result
    assert convert(depth, tmp_path / "scene", "--to", "colmap", "--image", photo)[0] == 0
    note = tmp_path / "scene/sparse/0/cameras.txt"
    note.write_text("mine")
    assert convert(depth, tmp_path / "scene", "--to", "colmap", "--image", photo) == (0, "")
    assert note.read_text() == "mine"


def test_a_photo_of_another_size_and_depth_without_a_camera_are_named(files, tmp_path):
    depth, _ = files
    Image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(tmp_path / "small.png")
    code, error = convert(depth, tmp_path / "a.ply", "--image", tmp_path / "small.png")
    assert code == 2
    assert "small.png: is 7x5" in error
    Image.fromarray(np.full((48, 64), 900, np.uint16)).save(tmp_path / "kinect.png")
    code, error = convert(tmp_path / "kinect.png", tmp_path / "b.ply")
    assert (code, "--depth-scale" in error) == (2, True)
    code, error = convert(tmp_path / "kinect.png", tmp_path / "b.ply", "--depth-scale", "mm")
    assert (code, "--focal" in error) == (2, True)
    assert convert(tmp_path / "kinect.png", tmp_path / "b.npz", "--depth-scale", "mm") == (0, "")
    assert convert(tmp_path / "kinect.png", tmp_path / "b.ply", "--depth-scale", "mm", "--fov", "60") == (
        0,
        "",
    )
    assert trimesh.load(tmp_path / "b.ply").bounds[0][2] == pytest.approx(0.9)
