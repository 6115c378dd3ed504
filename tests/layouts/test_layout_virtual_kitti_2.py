"""Virtual KITTI 2: three archives, side by side or merged."""

import numpy as np
import pytest
from pictures import numbers, picture, raster, records, text

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth

W, H, FRAMES = 16, 8, 3
ARCHIVES = {"rgb": "vkitti_2.0.3_rgb", "depth": "vkitti_2.0.3_depth", "text": "vkitti_2.0.3_textgt"}


def centimetres(frame=0):
    return np.random.default_rng(frame).integers(150, 60000, (H, W)).astype("u2")


def extrinsic(frame):
    """World to camera: the car has driven `frame` metres ahead."""
    matrix = np.eye(4)
    matrix[2, 3] = -frame
    return matrix


def write(root, scene="Scene01", variant="clone", *, apart=False, cameras=True, size=(W, H)):
    homes = {kind: root / name if apart else root for kind, name in ARCHIVES.items()}
    intrinsic = "frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]\n"
    poses = "frame cameraID r1,1 r1,2 ...\n"
    for frame in range(FRAMES):
        for camera in (0, 1):
            frames = homes["rgb"] / scene / variant / "frames"
            picture(frames / f"rgb/Camera_{camera}/rgb_{frame:05d}.jpg", *size)
            intrinsic += f"{frame} {camera} {20 + frame} 21 {7.5 + camera} 3.5\n"
            poses += f"{frame} {camera} {numbers(extrinsic(frame))}\n"
        depth = homes["depth"] / scene / variant / "frames/depth/Camera_0"
        raster(depth / f"depth_{frame:05d}.png", centimetres(frame))
    if cameras:
        text(homes["text"] / scene / variant / "intrinsic.txt", intrinsic)
        text(homes["text"] / scene / variant / "extrinsic.txt", poses)
    return homes


@pytest.mark.parametrize("apart", [False, True])
def test_frames_of_a_variant(tmp_path, apart):
    write(tmp_path, apart=apart)
    found = records("virtual-kitti-2", tmp_path)
    assert [record.id for record in found] == [f"Scene01/clone/{frame:05d}" for frame in range(FRAMES)]
    middle = found[1]
    assert middle.image.endswith("Scene01/clone/frames/rgb/Camera_0/rgb_00001.jpg")
    assert middle.right == middle.image.replace("Camera_0", "Camera_1")
    assert middle.baseline == 0.532725
    assert (middle.camera.size, middle.camera.fx, middle.camera.fy) == ((W, H), 21, 21)
    assert (middle.camera.cx, middle.camera.cy) == (8.0, 4.0)
    assert middle.neighbours == (found[0].image, found[2].image)
    assert found[0].neighbours == ()
    np.testing.assert_allclose(np.reshape(middle.pose, (4, 4))[:3, 3], [0, 0, 1])


def test_depth_is_centimetres_and_the_far_plane_is_sky(tmp_path):
    steps = centimetres()
    steps[0] = 65535
    write(tmp_path)
    raster(tmp_path / "Scene01/clone/frames/depth/Camera_0/depth_00000.png", steps)
    depth = load_depth(records("virtual-kitti-2", tmp_path)[0], (W, H))
    assert np.isnan(depth[0]).all()
    np.testing.assert_allclose(depth[1:], steps[1:] / 100, rtol=1e-6)


def test_a_variant_is_a_split_and_a_scene_is_one_place(tmp_path):
    for variant in ("clone", "fog"):
        write(tmp_path, variant=variant)
    assert {record.scene for record in records("virtual-kitti-2", tmp_path)} == {"Scene01"}
    assert {r.id.split("/")[1] for r in records("virtual-kitti-2", tmp_path, split="fog")} == {"fog"}
    with pytest.raises(ConfigError, match=r"--split is 'snow', but the variants in .* are clone, fog"):
        records("virtual-kitti-2", tmp_path, split="snow")


def test_the_published_camera_stands_in_for_missing_text(tmp_path):
    write(tmp_path, cameras=False, size=(1242, 375))
    record = records("virtual-kitti-2", tmp_path)[0]
    assert (record.camera.fx, record.camera.cx, record.camera.cy) == (725.0087, 621.0, 187.5)
    assert record.pose is None


def test_a_resized_image_without_text_has_no_known_camera(tmp_path):
    write(tmp_path, cameras=False)
    with pytest.raises(DataError, match=r"rgb_00000\.jpg: is 16x8, but without intrinsic\.txt"):
        records("virtual-kitti-2", tmp_path)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match="no folder SceneNN/VARIANT"):
        records("virtual-kitti-2", tmp_path)
    homes = write(tmp_path, apart=True)
    table = homes["text"] / "Scene01/clone/intrinsic.txt"
    table.write_text(table.read_text().replace("\n2 0", "\n2 1"))
    with pytest.raises(DataError, match=r"intrinsic\.txt: has no line for frame 00002 of camera 0"):
        records("virtual-kitti-2", tmp_path)
    depth = homes["depth"] / "Scene01/clone/frames/depth/Camera_0"
    (depth / "depth_00001.png").unlink()
    with pytest.raises(DataError, match=r"rgb_00001\.jpg: its depth is missing"):
        records("virtual-kitti-2", tmp_path)
    depth.rename(depth.with_name("elsewhere"))
    with pytest.raises(DataError, match=r"Camera_0: missing; unpack vkitti_2\.0\.3_depth\.tar"):
        records("virtual-kitti-2", tmp_path)
