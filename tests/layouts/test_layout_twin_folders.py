"""Twin folders: pairs by name, and a plain word about what people get wrong."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from onedepth import Camera
from onedepth.errors import ConfigError, DataError
from onedepth.files.cameras import write_camera
from onedepth.layouts import LayoutOptions
from onedepth.layouts.twin_folders import LABELS, PHOTOS, read
from onedepth.manifest.labels import load_depth
from onedepth.manifest.manifest import open_manifest, write_manifest
from onedepth.manifest.record import Record

WIDTH, HEIGHT = 8, 6
CAMERA = Camera(width=WIDTH, height=HEIGHT, fx=7, fy=7, cx=4, cy=3)
MM = LayoutOptions(scale=0.001)


def photo(path: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


def steps(path: Path, width: int = WIDTH, height: int = HEIGHT, dtype: Any = np.uint16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.arange(1, width * height + 1).reshape(height, width)
    np.save(path, values.astype(dtype)) if path.suffix == ".npy" else cv2.imwrite(
        str(path), values.astype(dtype)
    )


def twins(root: Path, *names: str, photos: str = "images", labels: str = "depth") -> Path:
    for name in names or ("1", "2", "10"):
        photo(root / photos / f"{name}.jpg")
        steps(root / labels / f"{name}.png")
    return root


def listed(root: Path, options: LayoutOptions = MM) -> list[Record]:
    return list(read(root, options))


def test_files_of_the_same_name_are_pairs_in_natural_order(tmp_path: Path) -> None:
    records = listed(twins(tmp_path / "desk"))
    assert [r.id for r in records] == ["desk/1", "desk/2", "desk/10"]
    for record in records:
        assert record.label is not None
        assert Path(record.image).stem == Path(record.label.file).stem
        assert (record.label.kind, record.label.encoding, record.label.quantity) == (
            "metric",
            "png16",
            "depth",
        )
    np.testing.assert_allclose(load_depth(records[0])[0], np.arange(1, 9) * 0.001, rtol=1e-6)
    write_manifest(records, tmp_path / "manifest.jsonl")
    assert list(open_manifest(tmp_path / "manifest.jsonl")) == records
    assert str(tmp_path) not in (tmp_path / "manifest.jsonl").read_text()


def test_scenes_and_splits_are_folders(tmp_path: Path) -> None:
    twins(tmp_path / "train", "kitchen/1", "kitchen/2", "hall/1")
    twins(tmp_path / "val", "5")
    records = listed(tmp_path)
    assert {(r.id, r.scene, r.split) for r in records} == {
        ("train/kitchen/1", "train/kitchen", "train"),
        ("train/kitchen/2", "train/kitchen", "train"),
        ("train/hall/1", "train/hall", "train"),
        ("val/5", "val", "val"),
    }
    assert [r.id for r in listed(tmp_path, LayoutOptions(scale=0.1, split="val"))] == ["val/5"]
    with pytest.raises(ConfigError, match="--split is 'test', the folders' are: train, val"):
        listed(tmp_path, LayoutOptions(split="test"))


def test_folders_in_the_twins_are_splits_too(tmp_path: Path) -> None:
    twins(tmp_path / "set", "train/1", "train/kitchen/2", "validation/3", "4", "attic/5")
    records = listed(tmp_path / "set")
    assert {(r.id, r.scene, r.split) for r in records} == {
        ("set/train/1", "set/train", "train"),
        ("set/train/kitchen/2", "set/train/kitchen", "train"),
        ("set/validation/3", "set/validation", "validation"),
        ("set/4", "set", None),
        ("set/attic/5", "set/attic", None),
    }
    only = listed(tmp_path / "set", LayoutOptions(scale=0.1, split="validation"))
    assert [r.id for r in only] == ["set/validation/3"]
    with pytest.raises(ConfigError, match="--split is 'test', the folders' are: none, train, validation"):
        listed(tmp_path / "set", LayoutOptions(split="test"))


def _floats(path: Path) -> None:
    values = np.full((HEIGHT, WIDTH), 2.5, np.float32)
    photo(path.parent.parent / "images" / f"{path.stem}.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".npy":
            np.save(path, values)
        case ".npz":
            np.savez(path, depth=values)
        case ".pfm":
            path.write_bytes(b"Pf\n8 6\n-1\n" + values.tobytes())
        case ".tiff":
            cv2.imwrite(str(path), values)
        case _:
            path.write_bytes(b"only looked at when it is loaded")


@pytest.mark.parametrize("suffix", ["npy", "npz", "exr", "pfm", "tiff"])
@pytest.mark.parametrize("name", ["mm", None])
def test_the_scale_of_whole_numbers_leaves_floats_beside_them(
    name: str | None, suffix: str, tmp_path: Path
) -> None:
    _floats(twins(tmp_path, "2") / f"depth/1.{suffix}")
    floats, steps_ = listed(tmp_path, LayoutOptions(scale=0.001, scale_name=name))
    assert floats.label is not None
    assert steps_.label is not None
    assert (floats.label.scale, steps_.label.scale) == (1.0, 0.001)


def test_where_all_are_floats_a_number_scales_and_a_name_is_refused(tmp_path: Path) -> None:
    _floats(tmp_path / "depth/1.npy")
    (record,) = listed(tmp_path, LayoutOptions(scale=0.01))
    assert record.label is not None
    assert record.label.scale == 0.01
    with pytest.raises(
        ConfigError, match=r"1\.npy: holds floating point.*leave out --scale mm.*--scale 0.001"
    ):
        listed(tmp_path, LayoutOptions(scale=0.001, scale_name="mm"))


@pytest.mark.parametrize(("photos", "labels"), [*zip(PHOTOS, LABELS, strict=True), ("RGB", "Depth")])
def test_folders_have_one_of_the_usual_names(photos: str, labels: str, tmp_path: Path) -> None:
    assert len(listed(twins(tmp_path, "1", photos=photos, labels=labels))) == 1


@pytest.mark.parametrize("suffix", ["npy", "npz", "exr", "pfm", "tiff", "h5"])
def test_the_suffix_tells_the_encoding(suffix: str, tmp_path: Path) -> None:
    photo(tmp_path / "images/1.jpg")
    (tmp_path / "depth").mkdir()
    path = tmp_path / f"depth/1.{suffix}"
    if suffix == "npy":
        np.save(path, np.ones((HEIGHT, WIDTH), np.float32))
    elif suffix == "pfm":
        path.write_bytes(b"Pf\n8 6\n-1\n" + np.ones(48, "<f4").tobytes())
    else:
        path.write_bytes(b"only looked at when it is loaded")
    (record,) = listed(tmp_path, LayoutOptions())
    assert record.label is not None
    assert record.label.encoding == {"h5": "hdf5"}.get(suffix, suffix)
    assert record.label.scale == 1.0


def test_a_camera_beside_the_photos_or_given_is_everybodys(tmp_path: Path) -> None:
    twins(tmp_path)
    assert {r.camera for r in listed(tmp_path)} == {None}
    write_camera(CAMERA, tmp_path / "camera.json")
    assert {r.camera for r in listed(tmp_path)} == {CAMERA}
    other = CAMERA.zoom(2)
    assert {r.camera for r in listed(tmp_path, LayoutOptions(scale=0.1, camera=other))} == {other}
    with pytest.raises(DataError, match=r"1\.jpg: the image is 8x6, the camera is for 16x12"):
        listed(tmp_path, LayoutOptions(scale=0.1, camera=CAMERA.resize(16, 12)))
    (tmp_path / "camera.json").write_text(json.dumps({"width": 3}))
    with pytest.raises(DataError, match=r"camera\.json: camera lacks height"):
        listed(tmp_path)


def test_coarse_and_affine_labels(tmp_path: Path) -> None:
    photo(tmp_path / "images/1.jpg", 2 * WIDTH, 2 * HEIGHT)
    steps(tmp_path / "depth/1.png")
    (coarse,) = listed(tmp_path, LayoutOptions(kind="coarse", scale=0.001))
    assert load_depth(coarse, (2 * WIDTH, 2 * HEIGHT)).shape == (2 * HEIGHT, 2 * WIDTH)
    photo(tmp_path / "images/1.jpg")
    steps(tmp_path / "depth/1.png", dtype=np.uint8)
    (affine,) = listed(tmp_path, LayoutOptions(kind="affine"))
    assert affine.label is not None
    assert (affine.label.quantity, affine.label.scale) == ("disparity", 1.0)


# --- What people get wrong ---


@pytest.mark.parametrize("name", ["1.png", "1.npy"])
def test_steps_of_unknown_length_are_refused_with_the_usual_lengths(name: str, tmp_path: Path) -> None:
    photo(tmp_path / "images/1.jpg")
    steps(tmp_path / "depth" / name)
    with pytest.raises(
        ConfigError, match=r"steps of 16 bits.*give --scale.*0\.001 .mm: Kinect.*1/256 .KITTI"
    ):
        listed(tmp_path, LayoutOptions())
    assert len(listed(tmp_path, LayoutOptions(kind="scaled"))) == 1  # units, whatever they are


@pytest.mark.parametrize("gone", ["images/2.jpg", "depth/10.png"])
def test_a_missing_twin_is_named(gone: str, tmp_path: Path) -> None:
    (twins(tmp_path) / gone).unlink()
    with pytest.raises(DataError, match=r"its (depth|image) is missing; add it") as error:
        listed(tmp_path)
    assert Path(gone).stem == Path(str(error.value).split(":")[0]).stem


def test_depth_larger_than_its_image_is_refused(tmp_path: Path) -> None:
    steps(twins(tmp_path) / "depth/2.png", 2 * WIDTH, 2 * HEIGHT)
    with pytest.raises(
        DataError, match=r"2\.png: the depth is 16x12, 2\.jpg is 8x6; depth must not be larger"
    ):
        listed(tmp_path)


@pytest.mark.parametrize("name", ["2.png", "2.pfm"])
def test_a_header_of_absurd_size_is_called_that(name: str, tmp_path: Path) -> None:
    path = twins(tmp_path) / "depth/2.png"
    data = path.read_bytes()
    path.unlink()
    huge = data[:16] + (100_000).to_bytes(4, "big") * 2 + data[24:]
    (tmp_path / "depth" / name).write_bytes(huge if name == "2.png" else b"Pf\n100000 100000\n-1\n")
    with pytest.raises(DataError, match=rf"{name}: its header claims 100000x100000 pixels, an absurd size"):
        listed(tmp_path)


def test_depth_smaller_than_its_image_is_coarse_and_has_to_be_called_so(tmp_path: Path) -> None:
    photo(twins(tmp_path) / "images/2.jpg", 2 * WIDTH, 2 * HEIGHT)
    with pytest.raises(DataError, match=r"the depth is 8x6, 2\.jpg is 16x12; give --kind coarse"):
        listed(tmp_path)


def test_an_8_bit_picture_given_as_depth_is_refused_with_the_reason(tmp_path: Path) -> None:
    steps(twins(tmp_path) / "depth/2.png", dtype=np.uint8)
    with pytest.raises(DataError, match=r"2\.png: is an 8-bit picture, not depth: 256 levels.*--kind affine"):
        listed(tmp_path)


def test_a_coloured_picture_given_as_depth_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(twins(tmp_path) / "depth/2.png"), np.ones((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(DataError, match=r"2\.png: has 3 channels; expected one"):
        listed(tmp_path)


def test_depth_in_jpeg_and_in_unknown_files_is_refused(tmp_path: Path) -> None:
    photo(tmp_path / "images/1.jpg")
    photo(tmp_path / "depth/1.jpg")
    with pytest.raises(
        DataError, match=r"depth/1\.jpg: a \.jpg picture cannot hold depth; depth is looked for"
    ):
        listed(tmp_path)
    (tmp_path / "depth/1.jpg").rename(tmp_path / "depth/1.raw")
    with pytest.raises(DataError, match=r"1\.raw: '\.raw' tells no encoding; give --encoding"):
        listed(tmp_path)
    (record,) = listed(tmp_path, LayoutOptions(encoding="float32"))
    assert record.label is not None
    assert record.label.encoding == "float32"


def test_damaged_files_and_names_twice_are_named(tmp_path: Path) -> None:
    twins(tmp_path)
    for name in ("images/2.jpg", "depth/2.png"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(DataError, match=name):
            listed(tmp_path)
        (tmp_path / name).write_bytes(whole)
    photo(tmp_path / "images/2.png")
    with pytest.raises(DataError, match="has the same name; keep one of the two"):
        listed(tmp_path)


def test_what_is_no_twin_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        listed(tmp_path / "missing")
    photo(tmp_path / "images/1.jpg")
    with pytest.raises(
        DataError, match="no folder of photos beside one of depth in it; expected one of images"
    ):
        listed(tmp_path)


def test_a_link_that_leaves_the_folder_or_leads_in_a_circle_is_named(tmp_path: Path) -> None:
    twins(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "out").symlink_to(tmp_path / "b")
    with pytest.raises(DataError, match="out: leaves the folder"):
        listed(tmp_path / "a")
    (tmp_path / "a" / "out").unlink()
    (tmp_path / "a" / "images" / "again").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match="again: "):
        listed(tmp_path / "a")
