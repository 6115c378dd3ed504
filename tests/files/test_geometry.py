import json
import struct

import numpy as np
import pytest
import trimesh
from depthmap_strategies import metric

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError, DepthMapError, OneDepthError


def photo(height, width):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns * 255 // width, rows * 255 // height, 0 * rows + 40], -1).astype(np.uint8)


def flat(height=20, width=30, depth=2.0):
    return DepthMap(np.full((height, width), depth, np.float32), "metric", Camera.from_fov(70, width, height))


def load_mesh(path):
    return trimesh.load(path, force="mesh", process=False)


def test_ply_holds_the_valid_pixels_with_their_colours(tmp_path):
    depthmap, image = metric(12, 17), photo(12, 17)
    depthmap.save(tmp_path / "a.ply", image=image)
    cloud = trimesh.load(tmp_path / "a.ply")
    points, colors = depthmap.points(image=image)
    np.testing.assert_array_equal(np.float32(cloud.vertices), points)
    np.testing.assert_array_equal(cloud.colors[:, :3], colors)
    assert (tmp_path / "a.ply").read_bytes().startswith(b"ply\nformat binary_little_endian")


def test_without_a_photo_points_are_coloured_by_depth(tmp_path):
    metric(12, 17).save(tmp_path / "a.ply")
    near, far = trimesh.load(tmp_path / "a.ply").colors[[0, -1], :3].astype(int)
    assert near[0] - near[2] > far[0] - far[2]


def test_glb_is_the_same_surface_with_y_up_and_z_backward(tmp_path):
    depthmap = flat()
    depthmap.save(tmp_path / "a.glb", image=photo(20, 30))
    mesh = load_mesh(tmp_path / "a.glb")
    np.testing.assert_allclose(mesh.vertices, depthmap.points() * [1, -1, -1], atol=1e-6)
    assert len(mesh.faces) == 2 * 19 * 29
    assert mesh.vertices[0, 1] > 0 > mesh.vertices[-1, 1]
    # Front sides look at the camera, which is at the origin.
    assert (np.einsum("ij,ij->i", mesh.face_normals, mesh.triangles_center) < 0).all()


def test_each_vertex_of_the_glb_shows_its_own_pixel(tmp_path):
    depthmap, image = flat(), photo(20, 30)
    depthmap.save(tmp_path / "a.glb", image=image)
    mesh = load_mesh(tmp_path / "a.glb")
    colors = mesh.visual.to_color().vertex_colors[:, :3].astype(int)
    assert np.abs(colors - image.reshape(-1, 3)).max() < 24  # JPEG


def test_the_texture_coordinates_in_the_file_count_downwards_from_the_top_left(tmp_path):
    flat().save(tmp_path / "a.glb", image=photo(20, 30))
    data = (tmp_path / "a.glb").read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    scene, binary = json.loads(data[20 : 20 + length]), data[28 + length :]
    accessor = scene["accessors"][scene["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"]]
    start = scene["bufferViews"][accessor["bufferView"]].get("byteOffset", 0) + accessor.get("byteOffset", 0)
    uv = np.frombuffer(binary, "<f4", 2 * accessor["count"], start).reshape(20, 30, 2)
    np.testing.assert_allclose(uv[0, 0], [0.5 / 30, 0.5 / 20], atol=1e-6)
    np.testing.assert_allclose(uv[-1, -1], [29.5 / 30, 19.5 / 20], atol=1e-6)
    assert scene["images"][0]["mimeType"] == "image/jpeg"
    assert scene["meshes"][0]["extras"]["onedepth"]["unit"] == "m"


@pytest.mark.parametrize(("jump", "cut"), [(1.09, False), (1.11, True)])
def test_triangles_across_a_depth_edge_are_cut(tmp_path, jump, cut):
    depthmap = flat(10, 12)
    values = depthmap.values.copy()
    values[:, 6:] *= jump
    DepthMap(values, "metric", depthmap.camera).save(tmp_path / "a.glb")
    mesh = load_mesh(tmp_path / "a.glb")
    assert len(mesh.faces) == 2 * 9 * (11 - cut)
    DepthMap(values, "metric", depthmap.camera).save(tmp_path / "b.glb", edge=0.5)
    assert len(load_mesh(tmp_path / "b.glb").faces) == 2 * 9 * 11


def ramp(degrees, focal=400.0):
    """A wall that stands at this angle to the rays near the middle of the photo."""
    camera = Camera.from_focal(focal, 40, 30)
    normal = np.array([np.cos(np.radians(degrees)), 0, -np.sin(np.radians(degrees))])
    return DepthMap((-0.2 / (camera.rays() @ normal)).astype(np.float32), "metric", camera)


@pytest.mark.parametrize(("degrees", "grazing", "cut"), [(6, 3, False), (4.5, 9, True), (4.5, 0, False)])
def test_soft_edges_are_cut_where_a_surface_would_be_seen_at_a_grazing_angle(tmp_path, degrees, grazing, cut):
    depthmap = ramp(degrees)
    assert depthmap.valid.all()
    try:
        depthmap.save(tmp_path / "a.glb", grazing=grazing)
    except DepthFileError:
        assert cut
    else:
        assert not cut
        assert len(load_mesh(tmp_path / "a.glb").faces) == 2 * 29 * 39


def test_a_soft_step_of_a_large_map_is_cut_though_no_triangle_jumps(tmp_path):
    camera = Camera.from_focal(500.0, 640, 8)
    values = np.tile(np.interp(np.arange(640), [300, 310], [2.0, 4.0]).astype(np.float32), (8, 1))
    assert (np.diff(values[0]) / values[0, :-1]).max() < 0.1001
    DepthMap(values, "metric", camera).save(tmp_path / "a.glb")
    mesh = load_mesh(tmp_path / "a.glb")
    depth = -mesh.vertices[mesh.faces][..., 2]
    assert not ((depth.min(axis=1) < 2.5) & (depth.max(axis=1) > 2.5)).any()
    assert len(mesh.split(only_watertight=False)) == 2


def test_invalid_pixels_belong_to_no_triangle(tmp_path):
    depthmap = flat(5, 5)
    values = depthmap.values.copy()
    values[2, 2] = 0
    DepthMap(values, "metric", depthmap.camera).save(tmp_path / "a.glb")
    mesh = load_mesh(tmp_path / "a.glb")
    assert len(mesh.vertices) == 24
    assert len(mesh.faces) == 2 * 16 - 6


@pytest.mark.parametrize("suffix", ["ply", "glb"])
@pytest.mark.parametrize("budget", [600, 599, 100, 7])
def test_large_maps_are_thinned_to_the_budget(tmp_path, suffix, budget):
    depthmap = flat()
    depthmap.save(tmp_path / f"a.{suffix}", max_vertices=budget, image=photo(20, 30))
    count = len(trimesh.load(tmp_path / f"a.{suffix}", force="mesh" if suffix == "glb" else None).vertices)
    assert budget / 4.5 < count <= budget
    assert budget < 600 or count == 600


@pytest.mark.parametrize("suffix", ["ply", "glb"])
def test_what_cannot_become_geometry_is_refused(tmp_path, suffix):
    path, values, camera = tmp_path / f"a.{suffix}", np.ones((4, 5), np.float32), Camera.assumed(5, 4)
    with pytest.raises(OneDepthError, match="camera"):
        DepthMap(values, "metric").save(path)
    with pytest.raises(OneDepthError, match="to_metric"):
        DepthMap(values, "affine_disparity", camera).save(path)
    with pytest.raises(DepthFileError, match="valid"):
        DepthMap(0 * values, "metric", camera).save(path)
    with pytest.raises(DepthMapError, match="image"):
        DepthMap(values, "metric", camera).save(path, image=photo(5, 4))
    with pytest.raises(DepthFileError, match="max_vertices"):
        DepthMap(values, "metric", camera).save(path, max_vertices=0)
    with pytest.raises(DepthFileError, match="edge"):
        DepthMap(values, "metric", camera).save(tmp_path / "a.glb", edge=0)
    with pytest.raises(DepthFileError, match="grazing"):
        DepthMap(values, "metric", camera).save(tmp_path / "a.glb", grazing=-1)
    assert list(tmp_path.iterdir()) == []
