"""A small data set of rooms with a floor, and one record for every fault that a check names."""

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, FOCAL = 128, 96, 110.0
CAMERA = {"width": WIDTH, "height": HEIGHT, "fx": FOCAL, "fy": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2}
Line = dict[str, Any]


def depth(index: int = 0) -> npt.NDArray[np.float32]:
    """Metres of a room seen from 1.4 m above its floor; its far wall differs from room to room."""
    wall = 5 + 0.25 * (index % 12)
    v = np.arange(HEIGHT) + 0.5 - HEIGHT / 2
    floor = np.where(v > 0, 1.4 * FOCAL / np.maximum(v, 1e-6), np.inf)
    return np.repeat(np.minimum(floor, wall)[:, None], WIDTH, axis=1).astype(np.float32)


def photo(index: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> npt.NDArray[np.uint8]:
    """Soft coloured spots, of each index others; BGR."""
    rng = np.random.default_rng([31, index])
    spots = rng.integers(20, 230, (7, 9, 3)).astype(np.float32)
    return np.clip(cv2.resize(spots, size, interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def millimetres(index: int = 0) -> npt.NDArray[np.uint16]:
    return np.rint(depth(index) * 1000).astype(np.uint16)


def line(folder: Path, index: int, **changes: Any) -> Line:
    """Write image and label of a faultless record, and return its line."""
    name = f"{index:03}"
    cv2.imwrite(str(folder / f"{name}.jpg"), photo(index), [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(folder / f"{name}.png"), millimetres(index))
    label = {"file": f"{name}.png", "kind": "metric", "scale": 0.001}
    values = {"id": name, "image": f"{name}.jpg", "label": label, "camera": CAMERA, "scene": name}
    return {**values, "split": "train", "source": "made", **changes}


def write_lines(folder: Path, lines: list[Line]) -> Path:
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(values) + "\n" for values in lines), "utf-8")
    return path


def floats(folder: Path, values: Line, array: npt.NDArray[np.float32]) -> None:
    """Let the label of a line be these numbers in a .npy file."""
    name = f"{values['id']}.npy"
    np.save(folder / name, array)
    values["label"] = {"file": name, "kind": "metric", "encoding": "npy"}


def claim(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"0")),
    )
    body = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _image(folder: Path, values: Line) -> Path:
    return folder / str(values["image"])


def _label(folder: Path, values: Line) -> Path:
    return folder / str(values["label"]["file"])


def _loop(folder: Path, values: Line) -> None:
    path = _image(folder, values)
    path.unlink()
    path.symlink_to(path.name)


def _pipe(folder: Path, values: Line) -> None:
    path = _label(folder, values)
    path.unlink()
    os.mkfifo(path)


def _mixed(folder: Path, values: Line, odd: float) -> None:
    array = depth(int(values["id"]))
    array[:3, :5] = odd
    floats(folder, values, array)


def _write(path: Path, picture: npt.NDArray[Any]) -> None:
    cv2.imwrite(str(path), picture)


def _inverted(folder: Path, values: Line) -> None:
    _write(_label(folder, values), np.rint(20_000 / depth(int(values["id"]))).astype(np.uint16))


def _distance(values: Line) -> None:
    del values["camera"]
    values["label"]["quantity"] = "distance"


FAULTS: list[tuple[str, Callable[[Path, Line], object]]] = [
    ("bad_record", lambda _, v: v["label"].update(scale=-1)),
    ("bad_record", lambda _, v: v.update(image="../../outside.jpg")),
    ("missing", lambda f, v: _image(f, v).unlink()),
    ("missing", lambda f, v: _label(f, v).unlink()),
    ("unreadable", _loop),
    ("unreadable", _pipe),
    ("unreadable", lambda _, v: v.update(image=".")),
    ("corrupt", lambda f, v: _cut(_image(f, v))),
    ("corrupt", lambda f, v: _cut(_label(f, v))),
    ("corrupt", lambda f, v: _image(f, v).write_bytes(b"")),
    ("too_large", lambda f, v: _label(f, v).write_bytes(claim(100_000, 100_000))),
    ("too_large", lambda f, v: _image(f, v).write_bytes(claim(1 << 30, 1 << 30))),
    ("eight_bit", lambda f, v: _write(_label(f, v), (depth() * 20).astype(np.uint8))),
    ("eight_bit", lambda f, v: _write(_label(f, v), photo(77))),
    ("mis_sized", lambda f, v: _write(_label(f, v), millimetres()[::2, ::2])),
    ("mis_sized", lambda f, v: _write(_label(f, v), cv2.resize(millimetres(), None, fx=2, fy=2))),
    ("camera_size", lambda _, v: v.update(camera={**CAMERA, "width": HEIGHT, "height": WIDTH})),
    ("camera_needed", lambda _, v: _distance(v)),
    ("empty", lambda f, v: _write(_label(f, v), np.zeros((HEIGHT, WIDTH), np.uint16))),
    ("constant", lambda f, v: _write(_label(f, v), np.full((HEIGHT, WIDTH), 2500, np.uint16))),
    ("duplicate_id", lambda _, v: v.update(id="000")),
    ("image_in_splits", lambda f, v: _write(_image(f, v), cv2.imread(str(f / "test.png")))),
    ("scene_in_splits", lambda _, v: v.update(scene="cellar")),
    ("neighbour_missing", lambda _, v: v.update(neighbours=["000.jpg", "gone.jpg"])),
    ("right_missing", lambda _, v: v.update(right="gone.jpg", baseline=0.1)),
    ("unit", lambda _, v: v["label"].update(scale=1.0)),
    ("unit", lambda f, v: floats(f, v, depth() / 1000)),
    ("inverted", _inverted),
    ("negative", lambda f, v: _mixed(f, v, -1.0)),
    ("camera", lambda _, v: v.update(camera={**CAMERA, "cx": 4.0 * WIDTH})),
    ("camera", lambda _, v: v.update(camera={**CAMERA, "fx": 1e5, "fy": 1e5})),
    ("camera", lambda _, v: v.update(camera={**CAMERA, "fy": 3 * FOCAL})),
    ("blank_image", lambda f, v: _write(_image(f, v), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))),
    ("similar_in_splits", lambda f, v: _write(_image(f, v), cv2.imread(str(f / "alike.png")))),
    ("not_finite", lambda f, v: _mixed(f, v, np.nan)),
    ("not_finite", lambda f, v: _mixed(f, v, np.inf)),
    ("no_camera", lambda _, v: v.pop("camera")),
]
"""Kind of finding -> what to do to a faultless record that it has this fault, and no other."""


def faulty_set(folder: Path) -> tuple[Path, dict[int, str]]:
    """Write a data set: faultless records, two to test on, then one for each fault, then faultless ones.

    Returns:
        The manifest, and the kind of finding by number of the record.
    """
    lines = [line(folder, index) for index in range(4)]
    lines += [
        line(folder, 4, split="test", image="test.png"),
        line(folder, 5, split="test", scene="cellar"),
    ]
    _write(folder / "test.png", photo(200))
    _write(folder / "alike.png", cv2.convertScaleAbs(cv2.imread(str(folder / "005.jpg")), alpha=0.9))
    expected = {}
    for kind, spoil in FAULTS:
        index = len(lines)
        lines.append(line(folder, index))
        if kind == "image_in_splits":  # the same pixels, which JPEG would not keep
            lines[index]["image"] = f"{index:03}.copy.png"
        spoil(folder, lines[index])
        expected[index] = kind
    lines += [line(folder, index) for index in range(len(lines), len(lines) + 3)]
    return write_lines(folder, lines), expected
