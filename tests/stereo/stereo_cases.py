"""Pairs of views with exactly known disparity, and films made of them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 320, 192
BOXES = ((40, 30, 70, 60, 14), (150, 20, 60, 90, 20), (230, 90, 60, 70, 26))  # left, top, width, height, d


def texture(seed: int, height: int, width: int, level: int = 128) -> Image:
    """Coloured noise with detail of several sizes around a grey level."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for size in (2, 6, 20):
        coarse = random.normal(size=(height // size + 2, width // size + 2, 3))
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(level + 28 * total, 0, 255).astype(np.uint8)


def pair(seed: int = 0, *, shift: int = 0) -> tuple[Image, Image, npt.NDArray[np.float32]]:
    """A floor that comes nearer towards the bottom, with boxes before it.

    Args:
        seed: Of the textures.
        shift: Added to every disparity, as films do when they move the screen.

    Returns:
        left, right, uint8 RGB, and the disparity x_left - x_right of the left view's pixels.
    """
    width, height, margin = WIDTH, HEIGHT, 80
    left, right = (np.zeros((height, width, 3), np.uint8) for _ in range(2))
    truth = np.zeros((height, width), np.float32)
    floor = texture(seed, height, width + 2 * margin, 110)
    for y in range(height):
        d = 2 + y * 10 // height + shift
        left[y], truth[y] = floor[y, margin : margin + width], d
        right[y] = floor[y, margin + d : margin + d + width]
    for number, (x, y, w, h, depth) in enumerate(BOXES):
        d = depth + shift
        paper = texture(seed + 50 + number, h, w, (70, 190, 150)[number])
        for view, at in ((left, x), (right, x - d)):
            begin, end = max(at, 0), min(at + w, width)
            view[y : y + h, begin:end] = paper[:, begin - at : end - at]
        truth[y : y + h, x : x + w] = d
    return left, right, truth


def moved_rows(view: Image, rows: float, turn: float = 0.0) -> Image:
    """A view moved down by `rows` and turned by `turn` degrees about its centre."""
    height, width = view.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1.0)
    matrix[1, 2] += rows
    return np.asarray(cv2.warpAffine(view, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def barred(view: Image, top: int = 20, side: int = 0) -> Image:
    """A view with black bars."""
    view = view.copy()
    view[:top] = view[view.shape[0] - top :] = 0
    if side:
        view[:, :side] = view[:, view.shape[1] - side :] = 0
    return view


def write_film(path: Path, frames: Sequence[Image], fps: int = 8) -> Path:
    """Encode frames so that hardly anything is lost."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv444p", {"crf": "4", "preset": "ultrafast"}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def beside(left: Image, right: Image) -> Image:
    """A side-by-side frame."""
    return np.concatenate([left, right], axis=1)
