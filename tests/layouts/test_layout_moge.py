"""MoGe folders: logarithmic PNG, normalised intrinsics, lists of folders."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import metres, picture, records, text
from PIL import Image, PngImagePlugin

from onedepth import Camera
from onedepth.errors import DataError
from onedepth.manifest.decoders import View
from onedepth.manifest.decoders.moge import decode
from onedepth.manifest.labels import load_depth
from onedepth.manifest.record import Label

NORMALISED = [[0.9, 0, 0.5], [0, 1.2, 0.55], [0, 0, 1]]


def _write(path: Path, depth: npt.NDArray[np.float32], **more: str) -> None:
    """The encoding by definition: 1 + 65533 log(depth / near) / log(far / near), NaN 0, infinity 65535."""
    finite = depth[np.isfinite(depth)]
    near, far = float(finite.min()), float(finite.max())
    share = np.log(np.where(np.isfinite(depth), depth, near) / near) / np.log(far / near)
    steps = (1 + np.rint(share * 65533)).astype(np.uint16)
    steps[np.isnan(depth)], steps[np.isposinf(depth)] = 0, 65535
    info = PngImagePlugin.PngInfo()
    for key, value in {"near": str(near), "far": str(far), **more}.items():
        info.add_text(key, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(steps).save(path, pnginfo=info)


def _example(root: Path, name: str, **more: str) -> npt.NDArray[np.float32]:
    depth = metres()
    depth[0, :2] = np.nan, np.inf
    _write(root / name / "depth.png", depth, **more)
    picture(root / name / "image.jpg")
    text(root / name / "meta.json", json.dumps({"intrinsics": NORMALISED}))
    return depth


def test_depth_comes_back_within_half_a_step_of_its_logarithm(tmp_path: Path) -> None:
    depth = _example(tmp_path, "one")
    (record,) = records("moge", tmp_path)
    depth[0, 1] = np.nan  # infinity is no measurement
    np.testing.assert_allclose(load_depth(record), depth, rtol=np.log(30 / 2) / 65533)
    assert record.label is not None
    assert record.label.kind == "scaled"


@given(st.floats(1e-3, 10), st.floats(1.2, 1e4))
def test_any_range_keeps_its_precision(near: float, ratio: float) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        depth = np.geomspace(near, near * ratio, 12, dtype=np.float32).reshape(3, 4)
        _write(Path(folder) / "d.png", depth)
        read = decode(Label(file=f"{folder}/d.png", kind="scaled", encoding="moge"), View())
    np.testing.assert_allclose(read, depth, rtol=np.log(ratio) / 65533 + 1e-6)


def test_a_unit_makes_metres(tmp_path: Path) -> None:
    depth = _example(tmp_path / "a", "one")
    (record,) = records("moge", tmp_path / "a", scale=2.0)
    assert record.label is not None
    assert record.label.kind == "metric"
    assert np.nanmax(load_depth(record)) == pytest.approx(2 * depth[np.isfinite(depth)].max(), rel=1e-4)
    _example(tmp_path / "b", "one", unit="0.5")  # of old files
    (old,) = records("moge", tmp_path / "b", kind="metric")
    assert np.nanmax(load_depth(old)) == pytest.approx(0.5 * depth[np.isfinite(depth)].max(), rel=1e-4)


def test_intrinsics_are_multiplied_by_the_size(tmp_path: Path) -> None:
    _example(tmp_path, "one")
    (record,) = records("moge", tmp_path)
    assert record.camera is not None
    assert record.camera == Camera(width=8, height=6, fx=0.9 * 8, fy=1.2 * 6, cx=4, cy=0.55 * 6)


def test_lists_name_folders_and_splits(tmp_path: Path) -> None:
    for name in ("a/1", "a/2", "b/3", "b/4"):
        _example(tmp_path, name)
    assert [r.id for r in records("moge", tmp_path)] == ["a/1", "a/2", "b/3", "b/4"]
    text(tmp_path / ".index.txt", "a/2\nb/3\na/1\n")
    assert [(r.id, r.split) for r in records("moge", tmp_path)] == [
        ("a/2", None),
        ("b/3", None),
        ("a/1", None),
    ]
    text(tmp_path / ".val.txt", "b/3\n")
    found = records("moge", tmp_path)
    assert [(r.id, r.split) for r in found] == [("b/3", "val"), ("a/2", None), ("a/1", None)]
    assert [r.id for r in records("moge", tmp_path, split="val")] == ["b/3"]
    with pytest.raises(DataError, match=r"\.train\.txt: missing; expected the list"):
        records("moge", tmp_path, split="train")
    text(tmp_path / ".val.txt", "b/3\nb/9\n")
    with pytest.raises(DataError, match=r"9: missing; expected the folder that .*\.val\.txt:2 names"):
        records("moge", tmp_path)


def test_a_folder_outside_the_root_is_refused(tmp_path: Path) -> None:
    _example(tmp_path, "secret")
    _example(tmp_path, "root/one")
    text(tmp_path / "root/.index.txt", "../secret\n")
    with pytest.raises(DataError, match="leaves the folder"):
        records("moge", tmp_path / "root")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "near"])
def test_a_range_that_is_none_is_named(tmp_path: Path, value: str) -> None:
    _example(tmp_path, "one", near=value)
    with pytest.raises(DataError, match=rf"depth\.png: the text 'near' is '{value}', expected a number > 0"):
        load_depth(records("moge", tmp_path)[0])


def test_a_png_without_range_and_one_of_8_bits_are_named(tmp_path: Path) -> None:
    _example(tmp_path, "one")
    Image.fromarray(np.ones((6, 8), np.uint16)).save(tmp_path / "one/depth.png")
    with pytest.raises(DataError, match="the text 'near' is missing"):
        load_depth(records("moge", tmp_path)[0])
    Image.fromarray(np.ones((6, 8), np.uint8)).save(tmp_path / "one/depth.png")
    with pytest.raises(DataError, match="expected one 16-bit channel, found uint8"):
        load_depth(records("moge", tmp_path)[0])


@pytest.mark.parametrize(
    "value", [[[1, 2], [3]], [[0.9, 0, 0.5]], "K", [[-1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]]
)
def test_intrinsics_that_are_none_are_named(tmp_path: Path, value: object) -> None:
    _example(tmp_path, "one")
    text(tmp_path / "one/meta.json", json.dumps({"intrinsics": value}))
    with pytest.raises(DataError, match=r"meta\.json: .*(intrinsics|focal)"):
        records("moge", tmp_path)
