"""DIODE: scans with depth and mask arrays."""

import numpy as np
import pytest
from pictures import array, metres, picture, records

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth

W, H = 8, 6


def write(root, part="val", kind="indoors", scene=19, name="00019_00183_indoors_000_010", seed=0):
    folder = root / part / kind / f"scene_{scene:05d}" / "scan_00183"
    picture(folder / f"{name}.png", W, H)
    array(folder / f"{name}_depth.npy", metres(H, W, seed)[..., None])
    mask = np.ones((H, W))
    mask[0] = 0
    array(folder / f"{name}_depth_mask.npy", mask)
    return folder / name


def test_images_of_a_scan(tmp_path):
    stem = write(tmp_path)
    (record,) = records("diode", tmp_path)
    assert record.id == stem.relative_to(tmp_path).as_posix()
    assert record.image == f"{stem}.png"
    assert (record.scene, record.split) == ("scene_00019", "val")


def test_depth_is_metres_where_the_mask_trusts_it(tmp_path):
    write(tmp_path)
    depth = load_depth(records("diode", tmp_path)[0], (W, H))
    assert np.isnan(depth[0]).all()
    np.testing.assert_array_equal(depth[1:], metres(H, W)[1:])


def test_the_published_camera_follows_the_size(tmp_path):
    """60 x 45 degrees, centred, whatever the image was resized to."""
    stem = write(tmp_path)
    camera = records("diode", tmp_path)[0].camera
    assert camera.fov == pytest.approx(60, abs=0.01)
    assert (camera.cx, camera.cy) == (W / 2, H / 2)
    picture(stem.with_name(stem.name + ".png"), 1024, 768)
    camera = records("diode", tmp_path)[0].camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (886.81, 927.06, 512, 384)


def test_who_takes_the_numbers_for_distances_may_say_so(tmp_path):
    write(tmp_path)
    plain, claimed = records("diode", tmp_path)[0], records("diode", tmp_path, quantity="distance")[0]
    lengths = np.linalg.norm(plain.camera.rays(), axis=-1)
    np.testing.assert_allclose(load_depth(claimed) * lengths, load_depth(plain), rtol=1e-6)
    with pytest.raises(ConfigError, match="--quantity is 'disparity'"):
        records("diode", tmp_path, quantity="disparity")


def test_splits(tmp_path):
    for part in ("train", "val"):
        write(tmp_path, part, "indoors")
        write(tmp_path, part, "outdoor", 22)
    assert len(records("diode", tmp_path)) == 4
    assert {r.split for r in records("diode", tmp_path, split="train")} == {"train"}
    assert {r.scene for r in records("diode", tmp_path, split="outdoor")} == {"scene_00022"}
    (record,) = records("diode", tmp_path, split="val/outdoor")
    assert record.id.startswith("val/outdoor/")
    with pytest.raises(ConfigError, match="--split is 'val/outdoors', expected train, val"):
        records("diode", tmp_path, split="val/outdoors")
    with pytest.raises(DataError, match="no scan of --split test"):
        records("diode", tmp_path, split="test")


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        ("_depth.npy", r"_depth\.npy: missing; expected the image's depth"),
        ("_depth_mask.npy", r"_depth_mask\.npy: missing; expected the depth's mask"),
        (".png", r"_depth\.npy: its image is missing"),
    ],
)
def test_missing_twins_are_named(tmp_path, suffix, message):
    stem = write(tmp_path)
    stem.with_name(stem.name + suffix).unlink()
    with pytest.raises(DataError, match=message):
        records("diode", tmp_path)


def test_arrays_of_another_shape_are_named(tmp_path):
    stem = write(tmp_path)
    array(stem.with_name(stem.name + "_depth.npy"), np.ones((H, W, 3)))
    with pytest.raises(DataError, match=r"_depth\.npy: holds float64 of shape \(6, 8, 3\)"):
        load_depth(records("diode", tmp_path)[0])


def test_what_is_no_diode_is_refused(tmp_path):
    with pytest.raises(DataError, match="no folder scene_NNNNN/scan_NNNNN"):
        records("diode", tmp_path)
