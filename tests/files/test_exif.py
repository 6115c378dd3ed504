import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import IFDRational

from onedepth.camera import Camera
from onedepth.files.exif import camera_from_exif, orient_pixels, orientation

W, H = 4000, 3000
DIAGONAL = 5000
FILM = math.hypot(36, 24)


def exif_with(**tags: object) -> Image.Exif:
    """EXIF as it is after a trip through a JPEG file."""
    numbers = {"focal": 37386, "x": 40962, "y": 40963, "plane_x": 41486, "plane_y": 41487, "unit": 41488,
               "zoom": 41988, "f35": 41989}  # fmt: skip
    exif = Image.Exif()
    if "orientation" in tags:
        exif[0x0112] = tags.pop("orientation")
    exif.get_ifd(0x8769).update({numbers[name]: value for name, value in tags.items()})
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6)).save(buffer, "JPEG", exif=exif)
    return Image.open(buffer).getexif()


def pitch(mm: float, sensor_width: float, width: int = W, unit: int = 4, unit_mm: float = 1.0) -> dict:
    """Tags of a camera with that real focal length and sensor width in millimetres."""
    density = IFDRational(round(width / sensor_width * unit_mm * 1000), 1000)
    return {"focal": mm, "plane_x": density, "plane_y": density, "unit": unit}


def focal(width: int = W, height: int = H, **tags: object) -> float | None:
    camera = camera_from_exif(exif_with(**tags), width, height)
    return None if camera is None else camera.focal


# --- focal length ---


def test_film_equivalent_over_the_diagonal() -> None:
    camera = camera_from_exif(exif_with(f35=26), W, H)
    assert camera == Camera.from_35mm(26, W, H, focal_source="exif", focal_uncertainty=0.03)
    assert camera.focal == pytest.approx(26 * DIAGONAL / 43.2666, rel=1e-5)


@pytest.mark.parametrize(("unit", "unit_mm"), [(2, 25.4), (3, 10), (4, 1)])
def test_real_focal_over_the_pixel_pitch(unit: int, unit_mm: float) -> None:
    camera = camera_from_exif(exif_with(**pitch(20, 25, unit=unit, unit_mm=unit_mm)), W, H)
    assert camera.focal == pytest.approx(20 / 25 * W, rel=1e-4)
    assert (camera.focal_source, camera.focal_uncertainty) == ("exif", 0.02)


def test_inches_when_no_unit_is_given() -> None:
    tags = pitch(20, 25, unit_mm=25.4)
    del tags["unit"]
    assert focal(**tags) == pytest.approx(20 / 25 * W, rel=1e-4)


@given(st.floats(0.05, 2), st.floats(4, 60))
def test_the_focal_follows_a_resize_after_the_shot(ratio: float, mm: float) -> None:
    """Sizes recorded at the shot, raster resized since: both ways give the resized camera."""
    w, h = round(W * ratio), round(H * ratio)
    shot = {"x": W, "y": H}
    assert focal(w, h, **shot, **pitch(mm, 25)) == pytest.approx(mm / 25 * W * ratio, rel=0.01)
    assert focal(w, h, **shot, f35=50) == pytest.approx(50 * DIAGONAL / FILM * ratio, rel=0.01)


def test_the_finer_of_two_that_agree() -> None:
    equivalent = 20 / 25 * W * FILM / DIAGONAL
    camera = camera_from_exif(exif_with(f35=round(equivalent), **pitch(20, 25)), W, H)
    assert camera.focal == pytest.approx(20 / 25 * W, rel=1e-4)
    assert camera.focal_uncertainty == 0.02


def test_the_film_equivalent_of_two_that_disagree() -> None:
    camera = camera_from_exif(exif_with(f35=35, **pitch(20, 25)), W, H)
    assert camera.focal == pytest.approx(35 * DIAGONAL / FILM)
    assert camera.focal_uncertainty == pytest.approx(abs(math.log(35 * DIAGONAL / FILM / 3200)), rel=1e-3)
    assert camera_from_exif(exif_with(f35=200, **pitch(20, 25)), W, H).focal_uncertainty == 0.3


def test_digital_zoom_is_in_the_film_equivalent_but_not_in_the_pitch() -> None:
    assert focal(f35=52, zoom=2.0) == focal(f35=52)
    assert focal(zoom=2.0, **pitch(20, 25)) == pytest.approx(2 * 20 / 25 * W, rel=1e-4)
    assert focal(zoom=0.0, **pitch(20, 25)) == pytest.approx(20 / 25 * W, rel=1e-4)


@pytest.mark.parametrize(
    ("w", "h", "known"),
    [
        (4000, 3000, True),
        (800, 600, True),
        (133, 100, True),  # rounded to whole pixels
        (3000, 4000, True),  # turned by the decoder (HEIC) or an editor
        (3000, 3000, False),
        (4000, 2250, False),
        (3900, 3000, False),
    ],
)
def test_a_cropped_photo_has_no_exif_focal(w: int, h: int, known: bool) -> None:
    assert (focal(w, h, x=W, y=H, f35=26) is not None) == known
    assert (focal(w, h, x=W, y=H, **pitch(20, 25)) is not None) == known


def test_turned_rasters_keep_their_focal() -> None:
    assert focal(H, W, x=W, y=H, **pitch(20, 25)) == focal(W, H, x=W, y=H, **pitch(20, 25))


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"f35": 0},  # "unknown" in the standard
        {"f35": 1},
        {"f35": 65535},
        {"focal": 20.0},
        {"focal": IFDRational(20, 0), "plane_x": 160.0, "plane_y": 160.0, "unit": 4},
        {"focal": IFDRational(0, 0), "plane_x": 160.0, "plane_y": 160.0, "unit": 4},
        {"focal": 20.0, "plane_x": IFDRational(160, 0), "plane_y": 160.0, "unit": 4},
        {"focal": 20.0, "plane_x": 160.0, "plane_y": 80.0, "unit": 4},
        {"focal": 20.0, "plane_x": 160.0, "plane_y": 160.0, "unit": 1},  # no unit
        {"focal": 20.0, "plane_x": 160.0, "plane_y": 160.0, "unit": 99},
        {"focal": 20.0, "plane_x": 72.0, "plane_y": 72.0, "unit": 2},  # a print resolution: 1.4 m sensor
        {"focal": 20.0, "plane_x": 1e6, "plane_y": 1e6, "unit": 4},
        {"focal": 0.0, "plane_x": 160.0, "plane_y": 160.0, "unit": 4},
        {"focal": 1e6, "plane_x": 160.0, "plane_y": 160.0, "unit": 4},
    ],
)
def test_no_plausible_focal_no_camera(tags: dict) -> None:
    assert camera_from_exif(exif_with(**tags), W, H) is None


def test_one_resolution_is_enough() -> None:
    tags = pitch(20, 25)
    del tags["plane_y"]
    assert focal(**tags) == pytest.approx(20 / 25 * W, rel=1e-4)


def test_recorded_sizes_of_zero_mean_nothing() -> None:
    assert focal(x=0, y=0, f35=26) == focal(f35=26)


@given(
    st.binary(max_size=200), st.sampled_from([b"Exif\0\0II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08", b""])
)
def test_damaged_exif_is_no_exif(rubbish: bytes, head: bytes) -> None:
    exif = Image.Exif()
    try:
        exif.load(head + rubbish)
    except Exception:  # noqa: BLE001 - whatever Pillow says to the header itself
        return
    camera = camera_from_exif(exif, 40, 30)
    assert camera is None or camera.size == (40, 30)
    assert 1 <= orientation(exif) <= 8


def test_values_of_the_wrong_type_are_no_values() -> None:
    for value in ("26", (26, 27), b"\0", None, [], math.nan, math.inf):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[41989] = value
        exif[0x0112] = value
        camera = camera_from_exif(exif, W, H)
        assert camera is None or value == "26"
        assert orientation(exif) == 1
    exif.get_ifd(0x8769)[41488] = []  # an unhashable unit
    assert camera_from_exif(exif, W, H) is None


# --- orientation ---


@pytest.mark.parametrize("tag", range(1, 9))
def test_orientation_as_pillow_does_it(tag: int) -> None:
    stored = np.random.default_rng(tag).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = tag
    upright = orient_pixels(stored, orientation(image.getexif()))
    np.testing.assert_array_equal(upright, np.asarray(ImageOps.exif_transpose(image)))
    assert upright.flags.c_contiguous
    np.testing.assert_array_equal(orient_pixels(stored[..., 0], tag), upright[..., 0])


@pytest.mark.parametrize("tag", range(1, 9))
def test_the_camera_turns_with_the_pixels(tag: int) -> None:
    exif = exif_with(orientation=tag, f35=26, x=W, y=H)
    stored = camera_from_exif(exif, W, H)
    upright = stored.orient(orientation(exif))
    pixels = orient_pixels(np.zeros((3, 4)), tag)
    assert upright.size == (pixels.shape[1] * 1000, pixels.shape[0] * 1000)
    assert upright.focal == stored.focal


@pytest.mark.parametrize("value", [0, 9, -1, 65535, None])
def test_impossible_orientations_are_upright(value: int | None) -> None:
    exif = Image.Exif()
    if value is not None:
        exif[0x0112] = value
    assert orientation(exif) == 1


@pytest.mark.parametrize("tag", range(1, 9))
def test_heic_comes_upright_and_with_its_focal(tag: int, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = tag
    exif.get_ifd(0x8769).update({40962: 80, 40963: 60, 41989: 26})
    stored = np.zeros((60, 80, 3), np.uint8)
    stored[:20, :30] = 255  # a white corner
    heif = pillow_heif.from_pillow(Image.fromarray(stored))
    heif.save(tmp_path / "photo.heic", quality=100, exif=exif.tobytes())
    with (tmp_path / "photo.heic").open("rb") as file:
        image = pillow_heif.HeifImageFile(file, "photo.heic")
        image.load()
        exif = image.getexif()
    assert orientation(exif) == 1
    camera = camera_from_exif(exif, *image.size)
    assert camera.focal == pytest.approx(26 * 100 / FILM)
    assert camera.size == ((60, 80) if tag >= 5 else (80, 60))
    assert np.abs(np.asarray(image).astype(int) - orient_pixels(stored, tag)).mean() < 5
