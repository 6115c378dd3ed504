"""Every kind of photo becomes upright uint8 RGB; everything else is refused in one line."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from onedepth.depthmap import DepthMap
from onedepth.errors import ImageError
from onedepth.files.image_kinds import is_depth_image
from onedepth.files.images import photo_from, read_photo

WIDTH, HEIGHT = 40, 24


def _scene() -> np.ndarray:
    """Smooth colours that differ in every corner, so that any turn or mirroring shows."""
    v, u = np.mgrid[:HEIGHT, :WIDTH] / (HEIGHT, WIDTH)[0]
    red, green = u / u.max(), v / v.max()
    return np.rint(np.stack([red, green, 1 - red * green], axis=-1) * 200 + 20).astype(np.uint8)


SCENE = _scene()


def _save(path: Path, image: Any = SCENE, **options: Any) -> Path:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(path, **options)
    return path


def _exif(**tags: Any) -> Image.Exif:
    exif = Image.Exif()
    if "orientation" in tags:
        exif[0x0112] = tags["orientation"]
    if "film" in tags:
        exif.get_ifd(0x8769)[0xA405] = tags["film"]
    return exif


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        (".png", {}, 0),
        (".tif", {}, 0),
        (".tiff", {"compression": "tiff_lzw"}, 0),
        (".bmp", {}, 0),
        (".ppm", {}, 0),
        (".webp", {"lossless": True}, 0),
        (".webp", {"quality": 95}, 12),
        (".jpg", {"quality": 95, "subsampling": 0}, 12),
        (".jpg", {"quality": 95, "subsampling": 0, "progressive": True}, 12),
        (".avif", {"quality": 95, "subsampling": "4:4:4"}, 12),
    ],
)
def test_kinds_of_files(tmp_path: Path, suffix: str, options: dict[str, Any], tolerance: int) -> None:
    photo = read_photo(_save(tmp_path / f"photo{suffix}", **options))
    assert photo.pixels.dtype == np.uint8
    assert photo.size == (WIDTH, HEIGHT)
    assert np.abs(photo.pixels.astype(int) - SCENE).max() <= tolerance
    assert photo.notes == ()
    assert photo.camera is None


def _save_heic(path: Path, exif: Image.Exif | None = None) -> Path:
    pillow_heif = pytest.importorskip("pillow_heif")
    image = Image.fromarray(SCENE)
    options = {"exif": exif.tobytes()} if exif is not None else {}
    pillow_heif.from_pillow(image).save(path, quality=95, chroma=444, **options)
    return path


def test_heic_with_focal_length(tmp_path: Path) -> None:
    photo = read_photo(_save_heic(tmp_path / "photo.heic", _exif(film=26)))
    assert np.abs(photo.pixels.astype(int) - SCENE).max() <= 12
    assert photo.camera is not None
    assert photo.camera.focal_source == "exif"
    assert photo.camera.focal == pytest.approx(26 / 43.2666 * np.hypot(WIDTH, HEIGHT), rel=1e-4)


def test_reading_heic_does_not_change_what_pillow_opens(tmp_path: Path) -> None:
    read_photo(_save_heic(tmp_path / "photo.heic"))
    assert "HEIF" not in Image.OPEN


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = _save(tmp_path / "photo.jpg", format="PNG")
    assert (read_photo(path).pixels == SCENE).all()


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_every_orientation_is_made_upright(tmp_path: Path, tag: int, suffix: str) -> None:
    path = _save(
        tmp_path / f"turned{suffix}", exif=_exif(orientation=tag, film=30).tobytes(), **_lossless(suffix)
    )
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    photo = read_photo(path)
    assert (photo.pixels == expected).all()
    assert photo.camera is not None
    assert photo.camera.size == photo.size == expected.shape[1::-1]


def _lossless(suffix: str) -> dict[str, Any]:
    return {"lossless": True} if suffix == ".webp" else {}


def test_orientation_of_a_pil_image_is_followed_too(tmp_path: Path) -> None:
    path = _save(tmp_path / "turned.png", exif=_exif(orientation=6))
    assert (photo_from(Image.open(path)).pixels == read_photo(path).pixels).all()


def test_damaged_exif_loses_the_camera_and_not_the_photo(tmp_path: Path) -> None:
    photo = read_photo(_save(tmp_path / "photo.jpg", exif=b"Exif\0\0" + b"\xff" * 40))
    assert photo.size == (WIDTH, HEIGHT)
    assert photo.camera is None


def test_grey_is_repeated(tmp_path: Path) -> None:
    grey = SCENE[..., 0]
    photo = read_photo(_save(tmp_path / "grey.png", grey))
    assert (photo.pixels == grey[..., None]).all()


def test_16_bit_grey_is_scaled_and_not_cut_off(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    for name in ("grey.png", "grey.tif"):
        photo = read_photo(_save(tmp_path / name, values))
        assert np.abs(photo.pixels[..., 0] - values / 257).max() <= 0.5
        assert "16-bit" in photo.notes[0]


def test_16_bit_colour_is_scaled_and_not_cut_off(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    values = SCENE.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "colour.png"), values[..., ::-1])
    assert np.abs(read_photo(tmp_path / "colour.png").pixels.astype(int) - SCENE).max() <= 1


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    rgba = np.dstack([SCENE, np.full((HEIGHT, WIDTH), 255, np.uint8)])
    assert read_photo(_save(tmp_path / "opaque.png", rgba)).notes == ()
    assert (read_photo(tmp_path / "opaque.png").pixels == SCENE).all()
    rgba[: HEIGHT // 2, :, 3] = 0
    photo = read_photo(_save(tmp_path / "cut.png", rgba))
    assert (photo.pixels[: HEIGHT // 2] == 255).all()
    assert (photo.pixels[HEIGHT // 2 :] == SCENE[HEIGHT // 2 :]).all()
    assert "transparent" in photo.notes[0]


def test_palette_with_and_without_transparency(tmp_path: Path) -> None:
    palette = Image.fromarray(SCENE).quantize(16)
    expected = np.asarray(palette.convert("RGB"))
    assert (read_photo(_save(tmp_path / "palette.png", palette)).pixels == expected).all()
    photo = read_photo(_save(tmp_path / "clear.png", palette, transparency=palette.getpixel((0, 0))))
    assert (photo.pixels[0, 0] == 255).all()


def test_cmyk_keeps_its_colours_and_says_so(tmp_path: Path) -> None:
    photo = read_photo(_save(tmp_path / "print.tif", Image.fromarray(SCENE).convert("CMYK")))
    assert np.abs(photo.pixels.astype(int) - SCENE).max() <= 2
    assert "CMYK" in photo.notes[0]


def test_animation_gives_its_first_frame_and_says_so(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for name in ("moving.gif", "moving.webp", "moving.png"):
        path = _save(tmp_path / name, frames[0], save_all=True, append_images=frames[1:])
        photo = read_photo(path)
        assert np.abs(photo.pixels.astype(int) - (255, 0, 0)).max() <= 2, name
        assert "first" in photo.notes[0], name


def test_one_frame_is_no_animation(tmp_path: Path) -> None:
    assert read_photo(_save(tmp_path / "still.gif", Image.new("RGB", (8, 8), "red"))).notes == (
        "palette: converted to RGB",
    )


@pytest.mark.parametrize(
    ("mode", "suffix", "note"),
    [
        ("P", ".png", "palette"),
        ("L", ".png", "grey"),
        ("1", ".png", "grey"),
        ("LA", ".png", "grey"),
        ("LAB", ".tif", "LAB"),
        ("YCbCr", ".tif", "YCbCr"),
    ],
)
def test_conversions_are_noted(tmp_path: Path, mode: str, suffix: str, note: str) -> None:
    image = Image.new(mode, (8, 6)) if mode == "LAB" else Image.fromarray(SCENE).convert(mode)
    notes = read_photo(_save(tmp_path / f"photo{suffix}", image)).notes
    assert len(notes) == 1
    assert notes[0].startswith(note)
    assert any("HSV" in note for note in photo_from(Image.fromarray(SCENE).convert("HSV")).notes)


def test_colours_cut_to_8_bits_are_noted(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    values = SCENE.astype(np.uint16) * 257
    for name in ("deep.png", "deep.tif", "deep.ppm"):
        cv2.imwrite(str(tmp_path / name), values)
        assert read_photo(tmp_path / name).notes == ("16 bits per colour: cut to 8 bits",), name
        _save(tmp_path / name)
        assert read_photo(tmp_path / name).notes == (), name


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("kind", ["metric", "affine_disparity"])
def test_depth_maps_of_ours_are_no_photos(tmp_path: Path, suffix: str, kind: Any) -> None:
    path = tmp_path / f"depth{suffix}"
    DepthMap(np.full((4, 6), 2, np.float32), kind).save(path)
    with pytest.raises(ImageError, match="is a depth map that OneDepth wrote, not a photo"):
        read_photo(path)
    assert is_depth_image(path)
    assert not is_depth_image(_save(path))
    assert not is_depth_image(tmp_path / "none.png")


def test_one_pixel(tmp_path: Path) -> None:
    photo = read_photo(_save(tmp_path / "dot.png", SCENE[:1, :1]))
    assert photo.pixels.shape == (1, 1, 3)


def test_refused_files_are_named_with_the_reason(tmp_path: Path) -> None:
    whole = _save(tmp_path / "whole.jpg", quality=95).read_bytes()
    files = {
        "cut.jpg": (whole[: len(whole) // 2], "damaged or incomplete"),
        "head.jpg": (whole[:20], "damaged or incomplete"),
        "text.jpg": (b"Hello, I am a text.\n" * 9, "not an image"),
        "empty.jpg": (b"", "0 bytes"),
        "video.heic": (struct.pack(">I", 24) + b"ftypmp42" + b"\0" * 99, "not an image"),
        "broken.heic": (struct.pack(">I", 24) + b"ftypheic" + b"\0" * 99, "damaged or incomplete"),
        "broken.avif": (struct.pack(">I", 24) + b"ftypavif" + b"\0" * 99, "damaged or incomplete"),
        "broken.webp": (b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 99, "damaged or incomplete"),
        "broken.tif": (b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 99, "damaged or incomplete"),
        "broken.png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "damaged or incomplete"),
        "broken.gif": (b"GIF89a\x10\0\x10\0\0\0\0", "damaged or incomplete"),
    }
    for name, (content, reason) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError) as caught:
            read_photo(tmp_path / name)
        message = str(caught.value)
        assert reason in message, message
        assert message.count(name) == 1, message
        assert "\n" not in message


def test_missing_folder_and_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_photo(tmp_path / "missing.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read_photo(tmp_path)

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    path = _save(tmp_path / "photo.png")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match="permission denied"):
        read_photo(path)


def test_floating_point_rasters_are_no_photos(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="floating point"):
        read_photo(_save(tmp_path / "depth.tif", np.ones((4, 4), np.float32)))


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_size_is_limited_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(_png_that_claims(60_000, 60_000))

    def decode(self: Image.Image) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decode)
    with pytest.raises(ImageError, match="3600 megapixels"):
        read_photo(bomb)


def test_size_limit_is_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _save(tmp_path / "photo.png")
    assert read_photo(path, max_pixels=WIDTH * HEIGHT).size == (WIDTH, HEIGHT)
    with pytest.raises(ImageError, match="--max-pixels"):
        read_photo(path, max_pixels=WIDTH * HEIGHT - 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # Pillow's own limit does not come in between
    assert read_photo(path).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_arrays_in_0_to_1(dtype: type) -> None:
    assert (photo_from((SCENE / 255).astype(dtype)).pixels == SCENE).all()


def test_arrays_of_bytes_strided_and_grey() -> None:
    assert (photo_from(SCENE).pixels == SCENE).all()
    flipped = photo_from(SCENE[:, ::-1]).pixels
    assert flipped.flags.c_contiguous
    assert (flipped == SCENE[:, ::-1]).all()
    assert (photo_from(SCENE[..., 0]).pixels == SCENE[..., :1]).all()
    assert (photo_from(SCENE[..., :1]).pixels == SCENE[..., :1]).all()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (SCENE.transpose(2, 0, 1), "channels come last"),
        (np.dstack([SCENE, SCENE[..., :1]]), "alpha"),
        (SCENE[None], "one image at a time"),
        (np.zeros((0, 4, 3), np.uint8), "shape"),
        (np.zeros(7, np.uint8), "shape"),
        (SCENE.astype(np.float32), "divide it by 255"),
        (SCENE.astype(np.int32), "int32"),
        (SCENE.astype(np.uint16), "uint16"),
        (SCENE / 255 - 0.5, r"expected \[0, 1\]"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), np.inf), "infinite"),
    ],
)
def test_wrong_arrays_are_explained(array: np.ndarray, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        photo_from(array)


def test_other_objects_are_explained() -> None:
    with pytest.raises(ImageError, match="a int; expected a path"):
        photo_from(7)


def test_photos_and_paths_pass(tmp_path: Path) -> None:
    path = _save(tmp_path / "photo.png")
    photo = photo_from(os.fspath(path))
    assert photo.path == path
    assert photo_from(photo) is photo


def test_truncated_pil_image_is_an_image_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    whole = _save(tmp_path / "whole.jpg", noise, quality=95).read_bytes()
    with pytest.raises(ImageError, match="damaged or incomplete"):
        photo_from(Image.open(io.BytesIO(whole[: len(whole) // 2])))


def test_a_frame_that_claims_a_gigantic_size_is_refused(tmp_path: Path) -> None:
    screen = struct.pack("<6sHHBBB", b"GIF89a", 8, 8, 0x80, 0, 0) + bytes(6)
    frame = struct.pack("<cHHHHB", b",", 0, 0, 40_000, 40_000, 0)
    (tmp_path / "bomb.gif").write_bytes(screen + frame + b"\x02\x02\x44\x01\0;")
    with pytest.raises(ImageError, match=r"bomb\.gif.*pixels"):
        read_photo(tmp_path / "bomb.gif")
