"""What a person wants to know about one prediction, in a few numbers and words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onedepth.camera import Camera
from onedepth.predict.predictor import Prediction

_PERCENTILES = (2.0, 50.0, 98.0)
_SAMPLE = 200_000
_NEARLY_ALL = 0.99

SOURCES = {"given": "given", "exif": "from EXIF", "assumed": "assumed"}
"""How the source of a focal length is called in texts."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One prediction in numbers.

    Attributes:
        width: Width of the depth map in pixels.
        height: Height of the depth map in pixels.
        camera: Camera of the depth map.
        near: 2nd percentile of the depth in metres, 0 when no pixel has one.
        median: Median depth in metres.
        far: 98th percentile in metres.
        notes: What reading the photo had to do, and how much of it has depth when that is not all.
    """

    width: int
    height: int
    camera: Camera
    near: float
    median: float
    far: float
    notes: tuple[str, ...]

    @property
    def focal_text(self) -> str:
        """The focal length with its source, such as `512 px (assumed, ±30 %)`."""
        return f"{self.camera.focal:.4g} px ({source_text(self.camera)})"

    @property
    def range_text(self) -> str:
        """The depth range, such as `0.82–6.40 m (median 2.10 m)`."""
        if self.near <= 0:
            return "no depth"
        return f"{metres_text(self.near)}–{metres_text(self.far)} m (median {metres_text(self.median)} m)"


def summarise(prediction: Prediction) -> Summary:
    """Return the numbers of a prediction, from a sample of its pixels when there are many."""
    depth = prediction.depth
    height, width = depth.shape
    step = max(1, int((width * height / _SAMPLE) ** 0.5))
    known = depth.depth[::step, ::step][depth.valid[::step, ::step]]
    near, median, far = (
        (float(z) for z in np.percentile(known, _PERCENTILES)) if known.size else (0.0, 0.0, 0.0)
    )
    assert depth.camera is not None  # a prediction always has one
    notes = (*prediction.photo.notes, *_coverage(float(depth.valid.mean())))
    return Summary(width, height, depth.camera, near, median, far, notes)


def _coverage(share: float) -> tuple[str, ...]:
    """What there is to note about the share of pixels with depth."""
    if share >= _NEARLY_ALL:
        return ()
    return (f"{f'{100 * share:.0f}' if share >= 0.01 else 'less than 1'} % of pixels have depth",)


def source_text(camera: Camera) -> str:
    """Return where a focal length comes from and how far it is known, such as `from EXIF, ±3 %`."""
    text = SOURCES[camera.focal_source]
    if camera.focal_uncertainty > 0:
        text += f", ±{100 * camera.focal_uncertainty:.2g} %"
    return text


def metres_text(metres: float) -> str:
    """Return metres with as many digits as a depth estimate deserves."""
    return f"{metres:.2f}" if metres < 10 else f"{metres:.1f}" if metres < 100 else f"{metres:.0f}"
