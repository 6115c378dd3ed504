"""7-Scenes: split files, 65535 is nothing, and depth is moved from its own camera to the colour camera."""

from pathlib import Path

import numpy as np
import pytest
from pictures import picture, raster, records, text

from onedepth import Camera
from onedepth.errors import DataError
from onedepth.manifest.labels import load_depth

POSE = "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"
# From the depth camera to the colour camera, as decoders/seven_scenes.py; typed again so that a slip shows.
ROTATION = np.array(
    [
        [0.99996518, 0.00267651, -0.00790410],
        [-0.00274093, 0.99996303, -0.00815045],
        [0.00788199, 0.00817183, 0.99993555],
    ]
)
SHIFT = np.array([-0.025558943, 0.000101096, 0.002031832])


def _scene(root: Path, registered: bool = False) -> Path:
    steps = np.zeros((48, 64), np.uint16)
    steps[10, 20], steps[30, 50], steps[0, 0] = 2000, 3500, 65535
    for sequence in (1, 2):
        for frame in (0, 1, 2):
            stem = root / f"chess/seq-{sequence:02d}/frame-{frame:06d}"
            picture(Path(f"{stem}.color.png"), 64, 48)
            raster(Path(f"{stem}.depth.png"), steps)
            text(Path(f"{stem}.pose.txt"), POSE)
            if registered:
                raster(Path(f"{stem}.depth.proj.png"), steps)
    text(root / "chess/TrainSplit.txt", "sequence1\n")
    text(root / "chess/TestSplit.txt", "sequence2\n")
    return root / "chess"


def test_split_files_tell_train_from_test(tmp_path: Path) -> None:
    scene = _scene(tmp_path)
    assert [r.split for r in records("seven-scenes", tmp_path)] == ["train"] * 3 + ["test"] * 3
    found = records("seven-scenes", tmp_path, split="test")
    assert {r.scene for r in found} == {"chess/seq-02"}
    assert [len(r.neighbours) for r in found] == [0, 2, 0]
    (scene / "TestSplit.txt").unlink()
    (scene / "TrainSplit.txt").unlink()
    with pytest.raises(DataError, match=r"TestSplit\.txt: missing"):
        records("seven-scenes", tmp_path, split="test")


def test_a_single_sequence_can_be_read(tmp_path: Path) -> None:
    _scene(tmp_path)
    assert len(records("seven-scenes", tmp_path / "chess/seq-01")) == 3


def test_raw_depth_lands_where_the_colour_camera_sees_it(tmp_path: Path) -> None:
    _scene(tmp_path)
    record = records("seven-scenes", tmp_path)[0]
    assert record.camera == Camera(width=640, height=480, fx=525, fy=525, cx=320, cy=240)
    depth = load_depth(record.model_copy(update={"camera": record.camera.resize(64, 48)}))
    expected = np.full((48, 64), np.nan)
    for row, column, z in ((10, 20, 2.0), (30, 50, 3.5)):
        point = z * np.array([(column + 0.5 - 32) / 58.5, (row + 0.5 - 24) / 58.5, 1.0])
        x, y, moved = ROTATION @ point + SHIFT
        expected[int(52.5 * y / moved + 24), int(52.5 * x / moved + 32)] = moved
    assert np.isfinite(expected).sum() == 2
    np.testing.assert_allclose(depth, expected, rtol=1e-5)


def test_depth_that_others_registered_is_taken_as_it_is(tmp_path: Path) -> None:
    _scene(tmp_path, registered=True)
    record = records("seven-scenes", tmp_path)[0]
    assert record.label is not None
    assert record.label.file.endswith("frame-000000.depth.proj.png")
    depth = load_depth(record)
    assert np.isfinite(depth).sum() == 2  # neither 0 nor 65535 is a measurement
    assert depth[10, 20] == pytest.approx(2.0)


def test_of_two_measurements_in_a_pixel_the_nearer_stays(tmp_path: Path) -> None:
    _scene(tmp_path)
    steps = np.random.default_rng(0).integers(600, 5000, (48, 64)).astype(np.uint16)
    raster(tmp_path / "chess/seq-01/frame-000000.depth.png", steps)
    record = records("seven-scenes", tmp_path)[0]
    depth = load_depth(record.model_copy(update={"camera": None}))
    expected = np.full((48, 64), np.inf)
    for (row, column), step in np.ndenumerate(steps):
        point = step / 1000 * np.array([(column + 0.5 - 32) / 58.5, (row + 0.5 - 24) / 58.5, 1.0])
        x, y, z = ROTATION @ point + SHIFT
        u, v = int(np.floor(52.5 * x / z + 32)), int(np.floor(52.5 * y / z + 24))
        if 0 <= u < 64 and 0 <= v < 48:
            expected[v, u] = min(expected[v, u], z)
    expected[np.isinf(expected)] = np.nan
    assert np.isfinite(expected).sum() < 0.9 * steps.size  # many share a pixel
    differs = ~np.isclose(depth, expected, rtol=1e-5, equal_nan=True)
    assert differs.sum() <= 2  # at the edge of a pixel the rounding of ROTATION decides


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    folder = _scene(tmp_path) / "seq-01"
    (folder / "frame-000001.depth.png").unlink()
    with pytest.raises(DataError, match=r"frame-000001\.depth\.png: missing"):
        records("seven-scenes", tmp_path)
    text(folder / "frame-000000.pose.txt", POSE.replace("1 0 0 0", "1 0 x 0"))
    with pytest.raises(DataError, match=r"frame-000000\.pose\.txt:1: found '1 0 x 0', expected numbers"):
        records("seven-scenes", tmp_path)
    text(tmp_path / "chess/TrainSplit.txt", "first\n")
    text(tmp_path / "other/readme.txt", "")
    with pytest.raises(DataError, match=r"TrainSplit\.txt:1: found 'first', expected sequenceN"):
        records("seven-scenes", tmp_path)
    with pytest.raises(DataError, match="no seq-NN folder"):
        records("seven-scenes", tmp_path / "other")
