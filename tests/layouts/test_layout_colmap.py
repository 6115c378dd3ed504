"""COLMAP: text and binary models say the same, depth lies where a point was observed, scale is unknown."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from colmap_builder import HEIGHT, POINTS, WIDTH, as_bytes, as_text, seen
from pictures import picture, records

from onedepth import Camera
from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth
from onedepth.manifest.manifest import open_manifest, write_manifest
from onedepth.manifest.pixels import load_image

Write = Callable[[Path], Path]
EITHER = pytest.mark.parametrize("write", [as_text, as_bytes])


@EITHER
def test_depth_is_where_each_image_observed_a_trusted_point(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "castle")
    first, second = records("colmap", tmp_path / "castle")
    for record, name, along in ((first, "a b.png", 0.0), (second, "sub/c.png", 1.0)):
        expected = np.full((HEIGHT, WIDTH), np.nan)
        for x, y, identifier in seen(name):
            if identifier in (7, 3):  # 9 has too large an error, -1 is no point
                expected[int(y), int(x)] = POINTS[identifier][2] + along
        assert np.isfinite(expected).sum() == 2
        np.testing.assert_allclose(load_depth(record), expected)


@EITHER
def test_records_are_scaled_and_posed(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "castle")
    first, second = records("colmap", tmp_path / "castle")
    assert first.label is not None
    assert (first.label.kind, first.label.encoding, first.label.scale) == ("scaled", "colmap", 1.0)
    assert (first.id, second.id) == ("castle/sparse/0/a b.png", "castle/sparse/0/sub/c.png")
    assert first.scene == "castle/sparse/0"
    assert first.camera == Camera(width=WIDTH, height=HEIGHT, fx=10, fy=10, cx=8, cy=6)
    np.testing.assert_allclose(np.reshape(second.pose, (4, 4))[:3, 3], [-0.5, 0, -1])
    assert first.neighbours == ()


def test_a_known_unit_makes_metres(tmp_path: Path) -> None:
    as_text(tmp_path)
    (record, _) = records("colmap", tmp_path, kind="metric", scale=0.5)
    assert record.label is not None
    assert record.label.kind == "metric"
    assert np.nanmax(load_depth(record)) == pytest.approx(2.5)
    with pytest.raises(ConfigError, match="has no metres"):
        records("colmap", tmp_path, kind="metric")
    with pytest.raises(ConfigError, match="has no metres"):
        records("colmap", tmp_path, scale=2.0)


def test_two_models_are_two_scenes(tmp_path: Path) -> None:
    as_bytes(tmp_path)
    (tmp_path / "sparse/1").mkdir()
    for path in (tmp_path / "sparse/0").iterdir():
        (tmp_path / "sparse/1" / path.name).write_bytes(path.read_bytes())
    found = records("colmap", tmp_path)
    assert len({r.scene for r in found}) == 2
    assert len({r.id for r in found}) == len(found) == 4


def test_a_manifest_and_its_folder_can_be_moved_whatever_they_are_called(tmp_path: Path) -> None:
    folder = tmp_path / "castle #1, 100%23"
    as_bytes(folder)
    write_manifest(records("colmap", folder), folder / "manifest.jsonl")
    before = [load_depth(record) for record in records("colmap", folder)]
    folder.rename(tmp_path / "moved #2")
    after = open_manifest(tmp_path / "moved #2" / "manifest.jsonl")
    np.testing.assert_array_equal([load_depth(record) for record in after], before)
    assert [load_image(record.image).shape for record in after] == [(HEIGHT, WIDTH, 3)] * 2


@pytest.mark.parametrize("name", ["cameras", "images", "points3D"])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, name: str) -> None:
    path = as_bytes(tmp_path) / f"{name}.bin"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(DataError, match=rf"{name}\.bin"):
        records("colmap", tmp_path)


def test_missing_and_odd_files_are_named(tmp_path: Path) -> None:
    folder = as_text(tmp_path)
    (folder / "points3D.txt").rename(tmp_path / "points")
    with pytest.raises(DataError, match="no COLMAP model in it"):
        records("colmap", tmp_path)
    (tmp_path / "points").rename(folder / "points3D.txt")
    picture(tmp_path / "images/a b.png", 20, 10)
    with pytest.raises(DataError, match=r"a b\.png: 20x10 pixels, but its camera is for 16x12"):
        records("colmap", tmp_path)
    (tmp_path / "images/a b.png").unlink()
    with pytest.raises(DataError, match=r"a b\.png: missing; expected the photo that the model"):
        records("colmap", tmp_path)
    with pytest.raises(DataError, match="no images/ beside the model or above it"):
        records("colmap", folder)


def test_a_photo_outside_the_root_is_refused(tmp_path: Path) -> None:
    folder = as_text(tmp_path / "root")
    picture(tmp_path / "secret.png", WIDTH, HEIGHT)
    listing = folder / "images.txt"
    listing.write_text(listing.read_text().replace("a b.png", "../../secret.png"))
    with pytest.raises(DataError, match="leaves the folder"):
        records("colmap", tmp_path / "root")
