"""Small sets and models for the tests of `onedepth eval`, whose numbers can be worked out by hand."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.depthmap import Kind
from onedepth.evaluate.models import Model, View
from onedepth.evaluate.protocol import Protocol, load_protocol

Raster = npt.NDArray[np.float32]

WIDTH, HEIGHT, UNIT = 64, 48, 0.01
CAMERA = {"width": WIDTH, "height": HEIGHT, "fx": 150.0, "fy": 150.0, "cx": 31.5, "cy": 23.5}


def flat(metres: float) -> Raster:
    """A wall."""
    return np.full((HEIGHT, WIDTH), metres, np.float32)


def ramp(near: float = 1.0, far: float = 8.0) -> Raster:
    """Depth from `near` at the left edge to `far` at the right one, with 1 cm steps."""
    columns = np.linspace(near, far, WIDTH, dtype=np.float32).round(2)
    return np.broadcast_to(columns, (HEIGHT, WIDTH)).copy()


def write_set(
    folder: Path,
    truths: Sequence[Raster],
    *,
    greys: Sequence[int] = (),
    camera: dict[str, Any] | None = CAMERA,
    label: str | None = "metric",
    clips: Sequence[str] = (),
    unit: float = UNIT,
    steps: float = 1 / UNIT,
) -> Path:
    """A scene folder of flat grey photos with these truths (NaN = not measured); returns it."""
    folder.mkdir(parents=True)
    frames = []
    for index, truth in enumerate(truths):
        grey = greys[index] if greys else 51
        cv2.imwrite(str(folder / f"{index:06d}.jpg"), np.full((*truth.shape, 3), grey, np.uint8))
        stored = np.where(np.isfinite(truth), np.round(truth * steps), 0).astype(np.uint16)
        cv2.imwrite(str(folder / f"{index:06d}.png"), stored)
        frame: dict[str, Any] = {"id": f"{index:06d}"}
        frame |= {"camera": camera} if camera else {}
        frame |= {"scene": clips[index]} if clips else {}
        frames.append(frame)
    scene = {"label": label, "depth_unit_m": unit, "frames": frames}
    (folder / "scene.json").write_text(json.dumps(scene))
    return folder


def saying(answer: Callable[[View], Raster] | Raster, kind: Kind = "metric", name: str = "saying") -> Model:
    """A model with a fixed answer, or a function of the view."""
    if callable(answer):
        return Model(name, kind, name, (), answer)
    fixed = answer
    return Model(name, kind, name, (), lambda view: fixed)


def protocol(base: str = "kitti-odometry", **changes: Any) -> Protocol:
    """A shipped protocol with other values in it, checked like any other."""
    values = load_protocol(base).model_dump(mode="json") | changes
    return Protocol.model_validate(values)
