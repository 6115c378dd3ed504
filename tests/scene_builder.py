"""Tiny scene folders, written as a user writes them: pixel centres at integers, labels in whole steps."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, UNIT = 24, 18, 0.01
CAMERA = {"width": WIDTH, "height": HEIGHT, "fx": 20.0, "fy": 21.0, "cx": 11.0, "cy": 9.0}


def steps(index: int = 0, share: float = 1.0) -> npt.NDArray[np.uint16]:
    """Label steps of a frame, all different and none 0; of a sparse label only this share is measured."""
    rng = np.random.default_rng([9, index])
    values = (100 + index + rng.permutation(WIDTH * HEIGHT)).reshape(HEIGHT, WIDTH)
    return np.where(rng.random(values.shape) < share, values, 0).astype(np.uint16)


def photo(index: int = 0) -> npt.NDArray[np.uint8]:
    """A smooth BGR photo, so that JPEG keeps it, of a colour of its own."""
    u, v = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return np.stack([u * 8, v * 10, np.full_like(u, 40 + 20 * (index % 10))], axis=-1).astype(np.uint8)


def write_scene(
    folder: Path,
    label: str | None = "metric",
    frames: int = 3,
    *,
    share: float = 1.0,
    clips: Sequence[str] = (),
    without_camera: Sequence[int] = (),
    **fields: Any,
) -> Path:
    """Write a scene folder and return it.

    `clips` names the clip of every frame and makes a video; `fields` go into scene.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frames = len(clips) or frames
    listed: list[dict[str, Any]] = [{"id": f"{i:06d}", "camera": CAMERA} for i in range(frames)]
    for i, frame in enumerate(listed):
        cv2.imwrite(str(folder / f"{i:06d}.jpg"), photo(i), [cv2.IMWRITE_JPEG_QUALITY, 100])
        if label is not None:
            cv2.imwrite(str(folder / f"{i:06d}.png"), steps(i, share))
        if clips:
            frame["scene"] = clips[i]
        if i in without_camera:
            del frame["camera"]
    scene = {"label": label, "depth_unit_m": UNIT, "video": bool(clips), "frames": listed, **fields}
    (folder / "scene.json").write_text(json.dumps(scene))
    return folder
