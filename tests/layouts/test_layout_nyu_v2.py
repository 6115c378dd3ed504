"""NYU v2: the labelled .mat with its official split, and the layouts it is exported to."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from pictures import array, metres, picture, raster, records, text

from onedepth import Camera
from onedepth.errors import DataError
from onedepth.layouts.nyu_v2 import CAMERA, LABELLED
from onedepth.manifest.labels import load_depth
from onedepth.manifest.pixels import load_image

SMALL = Camera(width=8, height=6, fx=5, fy=5, cx=4, cy=3)
DEPTHS = np.stack([metres(seed=n) for n in range(3)])  # (N, h, w)
IMAGES = np.random.default_rng(0).integers(0, 255, (3, 6, 8, 3), dtype=np.uint8)


def _labelled(folder: Path) -> Path:
    """As MATLAB writes it: axes reversed, text as references to character codes."""
    path = folder / LABELLED
    with h5py.File(path, "w") as file:
        for name, values, kind in (
            ("images", IMAGES.transpose(0, 3, 2, 1), "uint8"),
            ("depths", DEPTHS.transpose(0, 2, 1), "single"),
        ):
            file[name] = values
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
        names = ["kitchen_0001", "kitchen_0001", "den_0002"]
        for index, name in enumerate(names):
            file[f"#refs#/{index}"] = np.array([[ord(letter)] for letter in name], np.uint16)
        references = [[file[f"#refs#/{index}"].ref for index in range(3)]]
        file.create_dataset("scenes", data=references, dtype=h5py.ref_dtype)
    return path


def _splits(folder: Path, train: list[int], test: list[int]) -> None:
    loader = pytest.importorskip("scipy.io")
    column = {"trainNdxs": np.array([train]).T, "testNdxs": np.array([test]).T}
    loader.savemat(str(folder / "splits.mat"), column)


def test_the_published_camera_counts_centres_at_half(tmp_path: Path) -> None:
    assert CAMERA.size == (640, 480)
    assert (CAMERA.fx, CAMERA.fy) == pytest.approx((518.8579, 519.4696), abs=1e-4)
    assert (CAMERA.cx, CAMERA.cy) == pytest.approx((325.5824 + 0.5, 253.7362 + 0.5), abs=1e-4)


def test_the_labelled_file_gives_images_depths_and_scenes(tmp_path: Path) -> None:
    _labelled(tmp_path)
    found = records("nyu-v2", tmp_path)
    assert [r.scene for r in found] == ["kitchen_0001", "kitchen_0001", "den_0002"]
    assert [r.id for r in found] == ["nyu_v2/000000", "nyu_v2/000001", "nyu_v2/000002"]
    for record, image, depth in zip(found, IMAGES, DEPTHS, strict=True):
        np.testing.assert_array_equal(load_image(record.image), image)
        np.testing.assert_array_equal(load_depth(record), depth)
    assert records("nyu-v2", tmp_path / LABELLED) == found


def test_the_official_split_counts_from_one(tmp_path: Path) -> None:
    _labelled(tmp_path)
    _splits(tmp_path, [1, 3], [2])
    assert [r.split for r in records("nyu-v2", tmp_path)] == ["train", "test", "train"]
    assert [r.id for r in records("nyu-v2", tmp_path, split="test")] == ["nyu_v2/000001"]


def test_the_split_may_be_text(tmp_path: Path) -> None:
    _labelled(tmp_path)
    text(tmp_path / "testNdxs.txt", "3\n")
    assert [r.split for r in records("nyu-v2", tmp_path)] == [None, None, "test"]


def test_a_split_that_is_missing_damaged_or_wrong_is_named(tmp_path: Path) -> None:
    _labelled(tmp_path)
    with pytest.raises(DataError, match=r"splits\.mat: missing; --split needs"):
        records("nyu-v2", tmp_path, split="test")
    text(tmp_path / "testNdxs.txt", "4\n")
    with pytest.raises(
        DataError, match=r"testNdxs\.txt: testNdxs names image 4, but there are images 1 to 3"
    ):
        records("nyu-v2", tmp_path)
    text(tmp_path / "splits.mat", "no matlab at all")
    with pytest.raises(DataError, match=r"splits\.mat: cannot be read as MATLAB v5"):
        records("nyu-v2", tmp_path)
    _splits(tmp_path, [1, 2], [2])
    with pytest.raises(DataError, match=r"testNdxs names image 2, twice"):
        records("nyu-v2", tmp_path)


def test_a_cut_off_or_other_mat_is_named(tmp_path: Path) -> None:
    path = _labelled(tmp_path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=rf"{LABELLED}: cannot be read as HDF5"):
        records("nyu-v2", tmp_path)
    with h5py.File(path, "w") as file:
        file["images"] = IMAGES
    with pytest.raises(DataError, match=r"has no 'depths'"):
        records("nyu-v2", tmp_path)


def test_the_export_of_bts_is_read_with_its_splits(tmp_path: Path) -> None:
    steps = np.full((480, 640), 2345, np.uint16)
    steps[0, 0] = 0
    for split, scene, number in (
        ("train", "kitchen", "00010"),
        ("train", "kitchen", "00009"),
        ("test", "bath", "00045"),
    ):
        picture(tmp_path / split / scene / f"rgb_{number}.jpg", 640, 480)
        raster(tmp_path / split / scene / f"sync_depth_{number}.png", steps)
    found = records("nyu-v2", tmp_path)
    assert [(r.split, r.scene, r.id[-5:]) for r in found] == [
        ("test", "bath", "00045"),
        ("train", "kitchen", "00009"),
        ("train", "kitchen", "00010"),
    ]
    assert {r.camera for r in found} == {CAMERA}
    depth = load_depth(found[0])
    assert np.isnan(depth[0, 0])
    assert depth[1, 1] == pytest.approx(2.345)
    assert [r.split for r in records("nyu-v2", tmp_path, split="test")] == ["test"]


def test_twin_folders_hold_millimetres_or_arrays_of_metres(tmp_path: Path) -> None:
    picture(tmp_path / "rgb/1.png")
    array(tmp_path / "depth/1.npy", DEPTHS[0])
    (record,) = records("nyu-v2", tmp_path, camera=SMALL)
    np.testing.assert_array_equal(load_depth(record), DEPTHS[0])
    picture(tmp_path / "rgb/2.png")
    with pytest.raises(DataError, match=r"2\.png: its depth is missing"):
        records("nyu-v2", tmp_path, camera=SMALL)


def test_an_export_of_another_size_needs_its_camera(tmp_path: Path) -> None:
    picture(tmp_path / "rgb/1.png")
    raster(tmp_path / "depth/1.png", np.ones((6, 8), np.uint16))
    with pytest.raises(DataError, match=r"1\.png: 8x6 pixels, but its camera is for 640x480; give --camera"):
        records("nyu-v2", tmp_path)


def test_a_folder_of_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"no data found; expected {LABELLED}"):
        records("nyu-v2", tmp_path)
