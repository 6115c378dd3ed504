"""Files to pixels: each kind of label, and that no damaged file gets through."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from onedepth import Camera
from onedepth.data.load import load_sample
from onedepth.data.sample import Kind
from onedepth.errors import DataError
from onedepth.layouts.scenes import read_scene
from onedepth.manifest.record import Record
from scene_builder import HEIGHT, UNIT, WIDTH, photo, steps, write_scene


def record(folder: Path, label: str | None = "metric", share: float = 1.0) -> Record:
    return read_scene(write_scene(folder, label, frames=1, share=share))[0]


def label_of(record: Record) -> Path:
    assert record.label is not None
    return Path(record.label.file)


@pytest.mark.parametrize("kind", ["metric", "scaled", "coarse"])
def test_depth_is_steps_times_unit_and_nan_where_unmeasured(kind: Kind, tmp_path: Path) -> None:
    sample = load_sample(record(tmp_path / "a", share=0.6), kind)
    stored = steps(0, 0.6)
    assert sample.label.dtype == np.float32
    assert np.array_equal(np.isnan(sample.label), stored == 0)
    expected = np.where(stored == 0, np.nan, stored * np.float32(UNIT))
    np.testing.assert_allclose(sample.label, expected, rtol=1e-6)
    assert not sample.disparity
    assert sample.frames == sample.pose_frames == ()


def test_affine_reads_depth_as_disparity(tmp_path: Path) -> None:
    sample = load_sample(record(tmp_path / "a", share=0.6), "affine", max_depth=3.0)
    stored = steps(0, 0.6)
    measured = (stored > 0) & (stored <= 300)
    assert np.array_equal(np.isfinite(sample.label), measured)
    np.testing.assert_allclose(sample.label[measured], 1 / (stored[measured] * UNIT), rtol=1e-6)
    assert sample.disparity


def test_stored_disparity_stays_and_knows_no_largest_depth(tmp_path: Path) -> None:
    sample = load_sample(record(tmp_path / "a", "affine"), "affine", max_depth=0.5)
    np.testing.assert_allclose(sample.label, steps() * UNIT, rtol=1e-6)
    assert sample.disparity


def test_depth_beyond_the_limit_counts_as_unmeasured(tmp_path: Path) -> None:
    stored = np.full((HEIGHT, WIDTH), 200, np.uint16)
    stored[0, :3] = 1, 250, 251
    found = record(tmp_path / "a")
    cv2.imwrite(str(label_of(found)), stored)
    label = load_sample(found, "metric", max_depth=float(np.float32(250) * np.float32(UNIT))).label
    assert np.isnan(label[0, 2])
    assert np.isnan(label).sum() == 1


def test_the_image_is_rgb(tmp_path: Path) -> None:
    found = record(tmp_path / "a")
    image = load_sample(found, "metric").image
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - photo()[..., ::-1]).mean() < 2


def test_grey_photos_become_rgb(tmp_path: Path) -> None:
    found = record(tmp_path / "a")
    cv2.imwrite(found.image, photo()[..., 1])
    image = load_sample(found, "metric").image
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(image[..., 0], image[..., 2])


def test_pixels_stay_as_stored_whatever_exif_says(tmp_path: Path) -> None:
    found = record(tmp_path / "a")
    upright = load_sample(found, "metric").image
    exif = Image.Exif()
    exif[0x0112] = 6
    _insert(Path(found.image), exif.tobytes())
    with Image.open(found.image) as image:
        assert image.getexif()[0x0112] == 6
    assert np.array_equal(load_sample(found, "metric").image, upright)


def test_a_frame_without_camera_gets_the_assumed_one(tmp_path: Path) -> None:
    (found,) = read_scene(write_scene(tmp_path / "a", frames=1, without_camera=[0]))
    assert load_sample(found, "scaled").camera == Camera.assumed(WIDTH, HEIGHT)


def test_video_has_clean_frames_in_order_and_no_label(tmp_path: Path) -> None:
    records = read_scene(write_scene(tmp_path / "a", clips="xxx"))
    sample = load_sample(records[1], "video")
    now, before, after = (load_sample(records[i], "metric").image for i in (1, 0, 2))
    assert np.isnan(sample.label).all()
    for shown in (sample.frames, sample.pose_frames):
        assert len(shown) == 3
        assert all(np.array_equal(a, b) for a, b in zip(shown, (now, before, after), strict=True))
    assert not np.array_equal(before, after)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def _insert(path: Path, segment: bytes) -> None:
    """Put an APP1 segment, where EXIF and previews live, into a JPEG file."""
    whole = path.read_bytes()
    marker = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big")
    path.write_bytes(whole[:2] + marker + segment + whole[2:])


def _write(pixels: np.ndarray) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "No such file"),
    "empty": (lambda path: path.write_bytes(b""), "damaged or not an image"),
    "text": (lambda path: path.write_text("not an image"), "damaged or not an image"),
    "cut off": (_cut, "ends in the middle|damaged"),
    "of another size": (_write(np.ones((5, 7), np.uint16)), "7x5"),
}
LABEL_DAMAGE = {
    **DAMAGE,
    "8-bit": (_write(np.ones((HEIGHT, WIDTH), np.uint8)), "expected one 16-bit channel, found uint8"),
    "coloured": (_write(np.ones((HEIGHT, WIDTH, 3), np.uint16)), "expected one 16-bit channel"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_photo_is_named(damage: str, tmp_path: Path) -> None:
    found = record(tmp_path / "a")
    _check_named(found, Path(found.image), *DAMAGE[damage])


@pytest.mark.parametrize("damage", LABEL_DAMAGE)
def test_a_damaged_label_is_named(damage: str, tmp_path: Path) -> None:
    found = record(tmp_path / "a")
    _check_named(found, label_of(found), *LABEL_DAMAGE[damage])


def _check_named(found: Record, path: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(path)
    with pytest.raises(DataError, match=message) as error:
        load_sample(found, "metric")
    assert str(error.value).startswith(f"{path}: ")


def test_a_cut_off_photo_with_a_preview_inside_is_refused(tmp_path: Path) -> None:
    found = record(tmp_path / "a")
    path = Path(found.image)
    _insert(path, path.read_bytes())
    load_sample(found, "metric")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="ends in the middle"):
        load_sample(found, "metric")


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    records = read_scene(write_scene(tmp_path / "a", clips="xxx"))
    cv2.imwrite(records[2].image, photo()[:-1])
    with pytest.raises(DataError, match="neighbouring frames differ in size"):
        load_sample(records[1], "video")
