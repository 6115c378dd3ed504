"""Decoders with a mind of their own: HDF5, raw numbers, LiDAR sweeps, and what hostile files try."""

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from onedepth import Camera
from onedepth.errors import DataError
from onedepth.manifest.decoders import DECODERS, decoder
from onedepth.manifest.labels import load_depth, load_label
from onedepth.manifest.projection import hide_occluded, nearest_points
from onedepth.manifest.record import Encoding, Label, Record

CAMERA = Camera(width=120, height=80, fx=100, fy=100, cx=60, cy=40)


def label(path: Path | str, encoding: str, **more: Any) -> Label:
    return Label.model_validate({"file": str(path), "kind": "metric", "encoding": encoding, **more})


def test_every_encoding_has_a_decoder() -> None:
    assert set(DECODERS) == set(get_args(Encoding))
    assert all(callable(decoder(encoding)) for encoding in DECODERS)


# --- HDF5 ---


def test_matlab_depth_is_turned_back(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    depth = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    with h5py.File(tmp_path / "nyu.mat", "w") as file:
        file["depths"] = np.stack([depth, depth * 2]).transpose(0, 2, 1)
        file["depths"].attrs["MATLAB_class"] = np.bytes_("single")
        file["plain"] = np.stack([depth, depth * 2])
    assert np.array_equal(load_label(label(f"{tmp_path}/nyu.mat#depths/1", "hdf5")), depth * 2)
    assert np.array_equal(load_label(label(f"{tmp_path}/nyu.mat#plain/0", "hdf5")), depth)


def test_hdf5_files_that_name_others_are_not_followed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["depth"] = np.ones((2, 2), np.float32)
    np.ones(4, np.float32).tofile(tmp_path / "secret.raw")
    layout = h5py.VirtualLayout((2, 2), np.float32)
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "depth", (2, 2))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/depth")
        file["group/deeper"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/")
        file.create_dataset("raw", (2, 2), np.float32, external=str(tmp_path / "secret.raw"))
        file.create_virtual_dataset("virtual", layout)
    for name in ("link", "group/deeper/depth", "raw", "virtual"):
        with pytest.raises(DataError, match="not followed"):
            load_label(label(f"{tmp_path}/a.h5#{name}", "hdf5"))


def test_hdf5_claims_and_names_are_checked(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("huge", (100_000, 100_000), np.float32, chunks=(100, 100))
        file["words"] = "text"
        file["line"] = np.ones(4, np.float32)
        file.create_group("group")
    cases = {
        "huge": "claims 10000000000x1 pixels",
        "words": "expected numbers",
        "line": r"of shape \(4,\)",
        "group": "is no data set",
        "none": "has no 'none'; it holds",
        "huge/x": "has no part 'x'",
    }
    for name, message in cases.items():
        with pytest.raises(DataError, match=message):
            load_label(label(f"{tmp_path}/a.h5#{name}", "hdf5"))
    with pytest.raises(DataError, match="name the data set after #"):
        load_label(label(tmp_path / "a.h5", "hdf5"))


# --- NumPy ---


def _npy(shape: tuple[int, ...], descr: str = "<f4", data: bytes = b"") -> bytes:
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def test_nothing_is_unpickled_and_no_claim_believed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (tmp_path.joinpath("ran").touch, ())

    cases = {
        _npy((2, 2), "|O", pickle.dumps(Bomb())): "holds object",
        _npy((100_000, 100_000)): "claims 100000x100000",
        _npy((4,), data=bytes(16)): r"of shape \(4,\); expected one channel",
        _npy((2, 2, 3), data=bytes(48)): r"of shape \(2, 2, 3\)",
        _npy((2, 2), data=bytes(12)): "ends in the middle",
        _npy((-2, -2)): "claims -2x-2",
        b"\x93NUMPY\x01\x00\x10\x00__import__('os') ": "no NumPy array",
    }
    for data, message in cases.items():
        (tmp_path / "a.npy").write_bytes(data)
        with pytest.raises(DataError, match=message):
            load_label(label(tmp_path / "a.npy", "npy"))
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("depth.npy", data)
        with pytest.raises(DataError, match=message):
            load_label(label(tmp_path / "a.npz", "npz"))
    assert not (tmp_path / "ran").exists()


def test_arrays_of_an_npz_by_name(tmp_path: Path) -> None:
    one, two = np.full((2, 3), 1.0, np.float32), np.full((2, 3), 2.0, np.float32)
    np.savez(tmp_path / "a.npz", left=one, right=two)
    assert (load_label(label(f"{tmp_path}/a.npz#right", "npz")) == 2).all()
    for name in ("a.npz", "a.npz#middle"):
        with pytest.raises(DataError, match="holds left, right; expected"):
            load_label(label(f"{tmp_path}/{name}", "npz"))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (1, 3, 4)])
def test_arrays_of_any_layout(shape: tuple[int, ...], order: Any, tmp_path: Path) -> None:
    values = np.arange(1, 13, dtype=np.float64).reshape(shape)
    np.save(tmp_path / "a.npy", np.asarray(values, order=order))
    assert np.array_equal(load_label(label(tmp_path / "a.npy", "npy")), values.reshape(3, 4))


# --- Raw numbers ---


def test_raw_files_have_the_size_that_is_stated_or_that_of_the_image(tmp_path: Path) -> None:
    values = np.arange(1, 13, dtype=np.float32)
    (tmp_path / "a.bin").write_bytes(values.astype("<f4").tobytes())
    assert np.array_equal(load_label(label(f"{tmp_path}/a.bin#4x3", "float32")), values.reshape(3, 4))
    camera = Camera(width=6, height=2, fx=1, fy=1, cx=1, cy=1)
    assert load_label(label(f"{tmp_path}/a.bin", "float32"), camera).shape == (2, 6)
    assert load_label(label(f"{tmp_path}/a.bin#4x6", "uint16")).shape == (6, 4)
    cases = {
        "": "state its size after #",
        "#4x4": "holds 48 bytes of pixels, expected 64",
        "#4": "such as #256x192",
    }
    for item, message in cases.items():
        with pytest.raises(DataError, match=message):
            load_label(label(f"{tmp_path}/a.bin{item}", "float32"))
    (tmp_path / "a.bin").write_bytes(b"bvx2" + bytes(40))
    with pytest.raises(DataError, match=r"compressed with LZFSE|LZFSE compression is damaged"):
        load_label(label(f"{tmp_path}/a.bin#4x3", "float32"))


# --- LiDAR ---

SENSOR_TO_CAMERA = (0, -1, 0, 0.1, 0, 0, -1, -0.2, 1, 0, 0, -0.3)  # x forward, y left, z up -> ours


def sweep(path: Path, points: npt.ArrayLike) -> None:
    xyz = np.asarray(points, np.float32).reshape(-1, 3)
    path.write_bytes(
        np.concatenate([xyz, np.zeros((len(xyz), 1), np.float32)], axis=1).astype("<f4").tobytes()
    )


def in_sensor(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    to_camera = np.array(SENSOR_TO_CAMERA).reshape(3, 4)
    return (points - to_camera[:, 3]) @ to_camera[:, :3]


def test_points_land_where_the_camera_sees_them(tmp_path: Path) -> None:
    pixels = np.array([[3.5, 4.5], [60.5, 40.5], [119.5, 79.5]])
    depth = np.array([2.0, 7.5, 30.0])
    points = CAMERA.unproject(pixels, depth)
    behind = np.array([[0, 0, -5.0], [0, 0, 0.0], [900.0, 0, 1.0], [np.nan, 0, 1]])
    sweep(tmp_path / "a.bin", in_sensor(np.concatenate([points, behind])))
    found = load_depth(
        Record(
            id="a",
            image="a",
            camera=CAMERA,
            label=label(tmp_path / "a.bin", "velodyne", to_camera=SENSOR_TO_CAMERA),
        )
    )
    assert found.shape == (80, 120)
    assert np.isfinite(found).sum() == 3
    for (u, v), z in zip(pixels, depth, strict=True):
        assert found[int(v), int(u)] == pytest.approx(z, rel=1e-4)


def test_a_sweep_needs_camera_and_transform(tmp_path: Path) -> None:
    sweep(tmp_path / "a.bin", [[1, 2, 3]])
    with pytest.raises(DataError, match="needs a camera"):
        load_label(label(tmp_path / "a.bin", "velodyne", to_camera=SENSOR_TO_CAMERA))
    with pytest.raises(DataError, match="needs to_camera"):
        load_label(label(tmp_path / "a.bin", "velodyne"), CAMERA)
    (tmp_path / "a.bin").write_bytes(b"x" * 17)
    with pytest.raises(DataError, match="multiple of 16"):
        load_label(label(tmp_path / "a.bin", "velodyne", to_camera=SENSOR_TO_CAMERA), CAMERA)


def test_the_nearest_point_in_a_pixel_wins() -> None:
    ray = CAMERA.unproject([60.5, 40.5], 1.0)
    for order in ([3.0, 1.5, 9.0], [9.0, 3.0, 1.5], [1.5, 3.0, 9.0]):
        found = nearest_points(np.outer(order, ray), CAMERA)
        assert found[40, 60] == pytest.approx(1.5)
        assert np.isfinite(found).sum() == 1


def test_what_the_camera_cannot_see_is_removed_and_the_rest_stays() -> None:
    """A sensor 0.3 m beside the camera sees the wall behind a post that hides it from the camera."""
    camera = Camera(width=200, height=100, fx=150, fy=150, cx=100, cy=50)
    u, v = np.meshgrid(np.arange(1, 200, 2) + 0.5, np.arange(2, 100, 4) + 0.5)
    sensor = np.array([0.3, 0.0, 0.0])
    rays = camera.unproject(np.stack([u, v], -1).reshape(-1, 2), np.ones(u.size))
    post = np.abs(rays[:, 0] * 2.0 + sensor[0]) < 0.2  # at z = 2, 0.4 m wide
    depth = np.where(post, 2.0, 20.0)
    points = rays * depth[:, None] + sensor
    bare = nearest_points(points, camera)
    columns = np.arange(200) + 0.5
    behind_post = np.abs((columns - 100) / 150 * 2.0) < 0.2
    leaked = (bare > 10) & behind_post
    assert leaked.sum() > 50
    kept = hide_occluded(bare, camera)
    assert ((kept > 10) & behind_post).sum() < 0.1 * leaked.sum()
    assert np.array_equal(kept[kept < 10], bare[bare < 10])
    seen = (bare > 10) & ~behind_post
    assert (kept[seen] > 10).mean() > 0.99


def test_a_slanted_floor_hides_nothing_of_itself() -> None:
    camera = Camera(width=200, height=100, fx=150, fy=150, cx=100, cy=20)
    depth = (1.6 / camera.rays()[..., 1].clip(1e-3)).astype(np.float32)
    depth[depth > 60] = np.nan
    depth[::2] = np.nan
    assert np.array_equal(hide_occluded(depth, camera), depth, equal_nan=True)
