"""What evaluation needs to know about a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.depthmap import Kind

Raster = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class View:
    """What a model is shown.

    Attributes:
        id: Of the record.
        image: Locator of the photo.
        pixels: uint8 (H, W, 3) RGB.
        camera: Of the photo; None where it is unknown or withheld.
    """

    id: str
    image: str
    pixels: Pixels
    camera: Camera | None


@dataclass(frozen=True, eq=False)
class Model:
    """A model to be scored.

    Attributes:
        name: In tables.
        kind: What it puts out: metres, depth up to scale, or disparity up to scale and shift.
        spec: As `--model` takes it.
        files: What its numbers depend on, for the hash in the result; empty where nothing fixes them.
        predict: From a view to float32 (h, w) of the whole photo, in any size: depth, or disparity for
            `affine_disparity`. Raises a OneDepthError for a photo it has no answer to.
    """

    name: str
    kind: Kind
    spec: str
    files: tuple[Path, ...]
    predict: Callable[[View], Raster]


def depth_of(disparity: Raster) -> Raster:
    """Metres of metric disparity (1/metres); infinitely far where it is 0 or less."""
    with np.errstate(over="ignore"):
        depth = np.divide(np.float32(1), disparity, out=np.full_like(disparity, np.inf), where=disparity > 0)
    return np.asarray(depth, np.float32)
