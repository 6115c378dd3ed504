"""Labels: every encoding gives the numbers that were stored, and no damaged or wrong file gets through."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from onedepth import Camera
from onedepth.errors import DataError
from onedepth.manifest.labels import load_depth, load_disparity, load_label
from onedepth.manifest.record import Label, Record

HEIGHT, WIDTH = 6, 8
DEPTH = np.linspace(0.5, 9.0, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
HOLES = DEPTH.copy()
HOLES[0, :4] = np.nan, np.inf, 0, -2
CAMERA = Camera(width=WIDTH, height=HEIGHT, fx=7, fy=7, cx=4, cy=3)


def _npz(path: Path, values: npt.NDArray[np.float32]) -> None:
    np.savez_compressed(path, other=np.zeros(3), depth=values)


def _exr(path: Path, values: npt.NDArray[np.float32]) -> None:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"Z": values, "A": np.zeros_like(values)}) as file:
        file.write(str(path))


def _pfm(path: Path, values: npt.NDArray[np.float32]) -> None:
    path.write_bytes(b"Pf\n8 6\n-1\n" + values[::-1].astype("<f4").tobytes())


def _tiff(path: Path, values: npt.NDArray[np.float32]) -> None:
    import tifffile

    tifffile.imwrite(path, values, compression="zlib")


def _dpt(path: Path, values: npt.NDArray[np.float32]) -> None:
    path.write_bytes(struct.pack("<fii", 202021.25, WIDTH, HEIGHT) + values.astype("<f4").tobytes())


def _hdf5(path: Path, values: npt.NDArray[np.float32]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["depth"] = values


WRITERS: dict[str, Callable[[Path, npt.NDArray[np.float32]], object]] = {
    "npy": np.save,
    "npz": _npz,
    "exr": _exr,
    "pfm": _pfm,
    "tiff": _tiff,
    "dpt": _dpt,
    "float32": lambda path, values: path.write_bytes(values.astype("<f4").tobytes()),
    "hdf5": _hdf5,
}


def written(folder: Path, encoding: str, values: npt.NDArray[np.float32] = HOLES, **more: object) -> Label:
    path = folder / f"label.{encoding}"
    WRITERS[encoding](path, values)
    return Label.model_validate({"file": str(path), "kind": "metric", "encoding": encoding, **more})


def png(folder: Path, steps: npt.NDArray[np.generic], name: str = "label.png") -> str:
    cv2.imwrite(str(folder / name), steps)
    return str(folder / name)


@pytest.mark.parametrize("encoding", WRITERS)
def test_what_was_stored_is_read_and_what_is_no_depth_is_not_measured(encoding: str, tmp_path: Path) -> None:
    found = load_label(written(tmp_path, encoding), CAMERA)
    assert found.dtype == np.float32
    assert np.isnan(found[0, :4]).all()
    assert np.array_equal(found.ravel()[4:], DEPTH.ravel()[4:])


@pytest.mark.parametrize("encoding", WRITERS)
def test_a_damaged_label_is_named_whatever_is_cut_off(encoding: str, tmp_path: Path) -> None:
    label = written(tmp_path, encoding)
    path = Path(label.file)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 20, 3, 0):
        path.write_bytes(whole[:length])
        if length == len(whole) - 1 and encoding in ("tiff", "npz", "hdf5"):
            continue  # these end in what nobody needs
        with pytest.raises(DataError, match=rf"^{re.escape(str(path))}[^\n]*$"):
            load_label(label, CAMERA)
    path.unlink()
    with pytest.raises(DataError, match="No such file"):
        load_label(label, CAMERA)


@pytest.mark.parametrize("encoding", WRITERS)
def test_garbage_is_no_label(encoding: str, tmp_path: Path) -> None:
    label = written(tmp_path, encoding)
    Path(label.file).write_bytes(bytes(range(256)) * 5)
    with pytest.raises(DataError, match="label"):
        load_label(label, CAMERA)


def test_steps_scale_and_offset(tmp_path: Path) -> None:
    steps = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    file = png(tmp_path, steps)
    metres = load_label(Label(file=file, kind="metric", scale=0.25, offset=1.0))
    assert np.isnan(metres[0, 0])
    np.testing.assert_allclose(metres.ravel()[1:], steps.ravel()[1:] * 0.25 + 1.0)
    behind = load_label(Label(file=file, kind="metric", scale=1.0, offset=-10.0))
    assert np.isnan(behind.ravel()[:11]).all()
    assert np.isfinite(behind.ravel()[11:]).all()
    shifted = load_label(Label(file=file, kind="affine", quantity="disparity", offset=-10.0))
    assert shifted[0, 1] == -9.0  # disparity of unknown shift may be negative


@pytest.mark.parametrize(("suffix", "trusted"), [(".png", 255), (".npy", True), (".npy", 2)])
def test_a_mask_takes_measurements_out(suffix: str, trusted: int, tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool if trusted is True else np.uint8)
    mask[2:4] = trusted
    path = tmp_path / f"mask{suffix}"
    cv2.imwrite(str(path), mask) if suffix == ".png" else np.save(path, mask)
    label = written(tmp_path, "npy", DEPTH, mask=str(path), mask_at_least=int(trusted))
    measured = np.isfinite(load_label(label))
    assert measured[2:4].all()
    assert measured.sum() == 2 * WIDTH
    too_much = label.model_copy(update={"mask_at_least": int(trusted) + 1})
    assert not np.isfinite(load_label(too_much)).any()


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    mask = png(tmp_path, np.ones((HEIGHT, WIDTH + 1), np.uint8), "mask.png")
    with pytest.raises(DataError, match=r"mask\.png: the mask is .6, 9., its label .6, 8."):
        load_label(written(tmp_path, "npy", mask=mask))


def test_an_8_bit_picture_is_no_depth_but_may_be_disparity(tmp_path: Path) -> None:
    file = png(tmp_path, np.full((HEIGHT, WIDTH), 7, np.uint8))
    with pytest.raises(DataError, match=r"found uint8 .6, 8.; an 8-bit picture is no depth.*kind affine"):
        load_label(Label(file=file, kind="metric"))
    assert (load_label(Label(file=file, kind="affine")) == 7).all()
    assert (load_label(Label(file=file, kind="metric", quantity="disparity")) == 7).all()
    colour = png(tmp_path, np.ones((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(DataError, match="expected one 16-bit channel"):
        load_label(Label(file=colour, kind="affine"))


# --- What the numbers mean ---


def record(label: Label, camera: Camera | None = CAMERA) -> Record:
    return Record(id="a", image="a.jpg", label=label, camera=camera)


def test_distance_becomes_depth_along_the_axis(tmp_path: Path) -> None:
    plane = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    rays = CAMERA.rays()
    distance = np.linalg.norm(rays * plane[..., None], axis=-1).astype(np.float32)
    label = written(tmp_path, "npy", distance, quantity="distance")
    np.testing.assert_allclose(load_depth(record(label)), plane, rtol=1e-6)
    with pytest.raises(DataError, match="only with a camera"):
        load_depth(record(label, None))
    half = written(tmp_path, "npy", distance, quantity="distance", kind="coarse")
    wide = CAMERA.resize(2 * WIDTH, 2 * HEIGHT)
    found = load_depth(record(half, wide), (2 * WIDTH, 2 * HEIGHT))
    np.testing.assert_allclose(found, 2.0, rtol=1e-6)


def test_disparity_becomes_depth_and_back(tmp_path: Path) -> None:
    """Stereo: z = f B / (d + doffs), here f = 100 px, B = 0.2 m, doffs = 3 px."""
    disparity = np.full((HEIGHT, WIDTH), 7.0, np.float32)
    label = written(tmp_path, "pfm", disparity, quantity="disparity", scale=1 / 20, offset=3 / 20)
    np.testing.assert_allclose(load_depth(record(label)), 2.0, rtol=1e-6)
    np.testing.assert_allclose(load_disparity(record(label)), 0.5, rtol=1e-6)


def test_affine_labels_are_disparity_and_nothing_else(tmp_path: Path) -> None:
    label = written(tmp_path, "npy", DEPTH, kind="affine", quantity="disparity")
    assert np.array_equal(load_disparity(record(label)), DEPTH)
    with pytest.raises(DataError, match="no depth follows"):
        load_depth(record(label))
    inverse = label.model_copy(update={"quantity": "depth"})
    np.testing.assert_allclose(load_disparity(record(inverse)), 1 / DEPTH)


def test_a_record_without_label_says_so() -> None:
    with pytest.raises(DataError, match=r"a\.jpg: has no label"):
        load_depth(Record(id="a", image="a.jpg"))


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_a_coarse_label_is_enlarged_cell_by_cell(factor: int, tmp_path: Path) -> None:
    label = written(tmp_path, "npy", HOLES, kind="coarse")
    found = load_depth(record(label), (WIDTH * factor, HEIGHT * factor))
    cells = np.repeat(np.repeat(load_label(label), factor, 0), factor, 1)
    assert np.array_equal(found, cells, equal_nan=True)


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("metric", (16, 12), "label is 8x6, its image 16x12; list it as kind coarse"),
        ("coarse", (4, 3), "label is 8x6, its image 4x3; a label must not be larger"),
        ("metric", (8, 5), "must not be larger"),
        ("coarse", (16, 18), "another aspect"),
    ],
)
def test_labels_of_another_size_are_explained(
    kind: str, size: tuple[int, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load_depth(record(written(tmp_path, "npy", DEPTH, kind=kind)), size)
