"""Images: from files, HDF5, videos and tar files alike; damaged ones and hostile claims get nowhere."""

import io
import struct
import tarfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from onedepth.errors import DataError
from onedepth.manifest.claims import claim_of
from onedepth.manifest.pixels import load_image

Pixels = npt.NDArray[np.uint8]


def photo(height: int = 12, width: int = 18) -> Pixels:
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([u * 10, v * 12, 200 - u * 5], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "bmp", "ppm"])
def test_an_image_is_rgb_as_stored_whatever_the_format(suffix: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), photo()[..., ::-1])
    found = load_image(str(tmp_path / f"a.{suffix}"))
    assert found.dtype == np.uint8
    assert found.shape == (12, 18, 3)
    assert np.abs(found.astype(int) - photo()).mean() < (12 if suffix in ("jpg", "webp") else 0.01)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "bmp", "ppm"])
def test_the_header_tells_the_size(suffix: str) -> None:
    data = cv2.imencode(f".{suffix}", photo())[1].tobytes()
    claim = claim_of(data)
    assert claim is not None
    assert (claim.width, claim.height) == (18, 12)


def test_the_size_of_a_jpeg_is_found_behind_other_segments() -> None:
    data = cv2.imencode(".jpg", photo())[1].tobytes()
    preview = cv2.imencode(".jpg", photo(4, 4))[1].tobytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    claim = claim_of(data[:2] + segment + b"\xff" + data[2:])
    assert claim is not None
    assert (claim.width, claim.height) == (18, 12)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_cut_off_image_is_refused_even_where_memory_still_holds_the_rest(
    suffix: str, tmp_path: Path
) -> None:
    whole = cv2.imencode(f".{suffix}", photo(48, 64))[1].tobytes()
    path = tmp_path / f"a.{suffix}"
    for length in range(len(whole) // 2, len(whole), 40):
        path.write_bytes(whole)
        load_image(str(path))
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="ends in the middle"):
            load_image(str(path))
    path.write_bytes(whole + b"appended by a camera")
    assert load_image(str(path)).shape == (48, 64, 3)


def _png_bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def _jpeg_bomb(width: int, height: int) -> bytes:
    data = cv2.imencode(".jpg", photo())[1].tobytes()
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


@pytest.mark.parametrize("bomb", [_png_bomb(100_000, 100_000), _jpeg_bomb(65_000, 65_000), _png_bomb(0, 9)])
def test_a_gigantic_claim_is_refused_before_anything_is_decoded(bomb: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bomb)
    with pytest.raises(DataError, match=r"a\.png: claims \d+x\d+ pixels; expected 1 to 200,000,000"):
        load_image(str(tmp_path / "a.png"))


def test_a_limit_of_ones_own(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photo())
    assert load_image(str(tmp_path / "a.png"), max_pixels=216).size
    with pytest.raises(DataError, match="claims 18x12"):
        load_image(str(tmp_path / "a.png"), max_pixels=215)


@pytest.mark.parametrize("name", ["a.png#1", "a#1"])
def test_an_item_of_a_plain_image_is_refused(name: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photo())
    with pytest.raises(DataError, match="holds one image, so `#1` is wrong"):
        load_image(str(tmp_path / name))


def test_a_member_of_a_tar_file_is_an_image(tmp_path: Path) -> None:
    data = cv2.imencode(".png", photo()[..., ::-1])[1].tobytes()
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        info = tarfile.TarInfo("room/1.png")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    assert np.array_equal(load_image(f"{tmp_path}/s.tar#room/1.png"), photo())


@pytest.mark.parametrize("order", ["hwc", "chw", "grey"])
def test_images_of_hdf5_files(order: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    stored = {"hwc": photo(), "chw": photo().transpose(2, 0, 1), "grey": photo()[..., 0]}[order]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/rgb"] = stored
    found = load_image(f"{tmp_path}/a.h5#group/rgb")
    assert np.array_equal(found, photo() if order != "grey" else np.repeat(photo()[..., :1], 3, axis=2))


def test_images_of_matlab_files_are_turned_back(tmp_path: Path) -> None:
    """MATLAB's images(:,:,:,i), 12 x 18 x 3 x N, is seen by h5py as (N, 3, 18, 12)."""
    h5py = pytest.importorskip("h5py")
    stack = np.stack([photo(), photo() // 2]).transpose(0, 3, 2, 1)
    with h5py.File(tmp_path / "nyu.mat", "w") as file:
        file["images"] = stack
        file["images"].attrs["MATLAB_class"] = np.bytes_("uint8")
    assert np.array_equal(load_image(f"{tmp_path}/nyu.mat#images/0"), photo())
    assert np.array_equal(load_image(f"{tmp_path}/nyu.mat#images/1"), photo() // 2)
    with pytest.raises(DataError, match="has only 2 entries"):
        load_image(f"{tmp_path}/nyu.mat#images/2")


# --- Videos ---


def write_video(path: Path, frames: int = 14, codec: str = "mpeg4", format: str | None = None) -> None:
    """Frame i is grey of level 15 i; key frames every 5."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 5
        stream.bit_rate = 4_000_000
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 15 * i, np.uint8), format="rgb24")
            frame.pts = i + (i > 6)  # a late frame: time stamps need not be even
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_each_frame_of_a_video_is_that_frame(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    for number in (0, 13, 5, 4, 6, 7, 8):
        found = load_image(f"{tmp_path}/a.mp4#{number}")
        assert found.shape == (48, 64, 3)
        assert abs(float(found.mean()) - 15 * number) < 4


@pytest.mark.parametrize(
    ("item", "message"),
    [("14", "the video has 14 frames"), ("-1", "number of a frame"), ("x", "number of a")],
)
def test_frames_that_are_not_there(item: str, message: str, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    with pytest.raises(DataError, match=message):
        load_image(f"{tmp_path}/a.mp4#{item}")


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    pytest.importorskip("av")
    for data in (b"", b"nothing of the kind" * 99):
        (tmp_path / "a.mp4").write_bytes(data)
        with pytest.raises(DataError, match=r"a\.mp4: is no video, or damaged"):
            load_image(f"{tmp_path}/a.mp4#0")


def test_a_video_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    import os

    write_video(tmp_path / "a.mp4", frames=4)
    load_image(f"{tmp_path}/a.mp4#3")
    write_video(tmp_path / "a.mp4", frames=2)
    os.utime(tmp_path / "a.mp4", ns=(1, 1))
    with pytest.raises(DataError, match="has 2 frames"):
        load_image(f"{tmp_path}/a.mp4#3")


def test_a_raw_stream_has_no_time_stamps(tmp_path: Path) -> None:
    write_video(tmp_path / "a.avi", codec="libx264", format="h264")
    with pytest.raises(DataError, match=r"frames without time stamps .*ffmpeg"):
        load_image(f"{tmp_path}/a.avi#0")
