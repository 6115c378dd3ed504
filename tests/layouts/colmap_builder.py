"""A small COLMAP model with known points, as text and as bytes."""

import struct
from pathlib import Path

import numpy as np
from pictures import picture, text

WIDTH, HEIGHT, FOCAL = 16, 12, 10.0
POINTS = {7: (0.0, 0.0, 4.0), 3: (-1.0, 0.5, 5.0), 9: (1.5, -1.0, 8.0)}  # id -> where, in units of the model
ERRORS = {7: 0.4, 3: 0.9, 9: 5.0}  # the last is not to be trusted
POSES = {  # name -> quaternion w x y z and translation, world to camera
    "a b.png": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "sub/c.png": (1.0, 0.0, 0.0, 0.0, 0.5, 0.0, 1.0),
}


def seen(name: str) -> list[tuple[float, float, int]]:
    """Pixel and id of each point in an image (rotation is the identity), and a keypoint without point."""
    shift = np.array(POSES[name][4:])
    keypoints = []
    for identifier, position in POINTS.items():
        x, y, z = np.array(position) + shift
        keypoints.append((FOCAL * x / z + WIDTH / 2, FOCAL * y / z + HEIGHT / 2, identifier))
    return [*keypoints, (1.0, 1.0, -1)]


def photos(root: Path) -> None:
    for name in POSES:
        picture(root / "images" / name, WIDTH, HEIGHT)


def as_text(root: Path) -> Path:
    """Write sparse/0/*.txt and the photos."""
    photos(root)
    folder = root / "sparse/0"
    text(
        folder / "cameras.txt",
        f"# head\n1 SIMPLE_PINHOLE {WIDTH} {HEIGHT} {FOCAL} {WIDTH / 2} {HEIGHT / 2}\n",
    )
    lines = []
    for number, (name, pose) in enumerate(POSES.items(), start=1):
        lines.append(f"{number} {' '.join(map(repr, pose))} 1 {name}")
        lines.append(" ".join(f"{x} {y} {identifier}" for x, y, identifier in seen(name)))
    text(folder / "images.txt", "# head\n" + "\n".join(lines) + "\n")
    rows = (f"{n} {x} {y} {z} 9 9 9 {ERRORS[n]} 1 0 2 0 3 0" for n, (x, y, z) in POINTS.items())
    text(folder / "points3D.txt", "\n".join(rows) + "\n")
    return folder


def as_bytes(root: Path) -> Path:
    """Write sparse/0/*.bin and the photos."""
    photos(root)
    folder = root / "sparse/0"
    folder.mkdir(parents=True)
    camera = struct.pack("<iiQQ3d", 1, 0, WIDTH, HEIGHT, FOCAL, WIDTH / 2, HEIGHT / 2)
    (folder / "cameras.bin").write_bytes(struct.pack("<Q", 1) + camera)
    images = struct.pack("<Q", len(POSES))
    for number, (name, pose) in enumerate(POSES.items(), start=1):
        keypoints = seen(name)
        images += struct.pack("<i7di", number, *pose, 1) + name.encode() + b"\0"
        images += struct.pack("<Q", len(keypoints)) + b"".join(struct.pack("<ddq", *k) for k in keypoints)
    (folder / "images.bin").write_bytes(images)
    points = struct.pack("<Q", len(POINTS))
    for n, position in POINTS.items():
        points += struct.pack("<Q3d3BdQ6i", n, *position, 9, 9, 9, ERRORS[n], 3, 1, 0, 2, 0, 3, 0)
    (folder / "points3D.bin").write_bytes(points)
    return folder
