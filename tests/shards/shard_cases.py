"""A small list with every way in which images and labels are stored."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np

from onedepth import Camera
from onedepth.layouts import LayoutOptions
from onedepth.layouts.scenes import read
from onedepth.manifest.record import Label, Record
from scene_builder import write_scene

WIDTH, HEIGHT = 24, 18
CAMERA = Camera(width=WIDTH, height=HEIGHT, fx=20.0, fy=21.0, cx=11.5, cy=9.5)


def clip(root: Path, frames: int = 6) -> list[Record]:
    """Frames of a video with 16-bit labels, each with its neighbours."""
    return list(read(write_scene(root / "clip", clips="x" * frames), LayoutOptions()))


def odd_ones(root: Path) -> list[Record]:
    """Records that are no plain files: HDF5, LiDAR, raw numbers; and one with mask, right view and EXR."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    with h5py.File(root / "set.h5", "w") as file:
        file["images"] = rng.integers(0, 255, (2, HEIGHT, WIDTH, 3), np.uint8)
        file["depths"] = rng.uniform(1, 5, (2, HEIGHT, WIDTH)).astype(np.float32)
        file["steps"] = rng.integers(0, 60000, (2, HEIGHT, WIDTH), np.uint16)
    cv2.imwrite(str(root / "a.jpg"), rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    cv2.imwrite(str(root / "b.png"), rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    cv2.imwrite(str(root / "mask.png"), rng.integers(0, 2, (HEIGHT, WIDTH), np.uint8))
    np.save(root / "depth.npy", rng.uniform(1, 5, (HEIGHT, WIDTH)))
    rng.uniform(1, 5, (9, 12)).astype("<f4").tofile(root / "depth.bin")
    points = np.column_stack([rng.uniform(-1, 1, (200, 2)), rng.uniform(3, 9, 200), np.ones(200)])
    points.astype("<f4").tofile(root / "sweep.bin")
    forward = (1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0)
    a, b = str(root / "a.jpg"), str(root / "b.png")
    return [
        Record(
            id="float in HDF5",
            image=f"{root}/set.h5#images/0",
            label=Label(file=f"{root}/set.h5#depths/1", kind="metric", encoding="hdf5", scale=0.5),
        ),
        Record(
            id="whole numbers in HDF5",
            image=f"{root}/set.h5#images/1",
            label=Label(file=f"{root}/set.h5#steps/0", kind="metric", encoding="hdf5", scale=0.001),
        ),
        Record(
            id="../../sweep",
            image=a,
            camera=CAMERA,
            label=Label(file=f"{root}/sweep.bin", kind="metric", encoding="velodyne", to_camera=forward),
        ),
        Record(
            id="raw",
            image=b,
            camera=CAMERA,
            label=Label(file=f"{root}/depth.bin#12x9", kind="coarse", encoding="float32"),
        ),
        Record(
            id="pair",
            image=a,
            right=b,
            baseline=0.2,
            camera=CAMERA,
            neighbours=(b, f"{root}/set.h5#images/0"),
            pose=tuple(np.eye(4).ravel()),
            label=Label(
                file=f"{root}/depth.npy",
                kind="metric",
                encoding="npy",
                quantity="distance",
                mask=f"{root}/mask.png",
                sky_at=4.5,
            ),
        ),
        Record(id="no label", image=b, licence="CC0", time=1.5),
    ]


def all_bytes(folder: Path, names: Sequence[str] | None = None) -> dict[str, bytes]:
    """The files of a folder."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if names is None or p.name in names}
