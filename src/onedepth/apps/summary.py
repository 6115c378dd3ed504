"""What a person wants to know about one prediction, in a few numbers and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from onedepth.camera import Camera
from onedepth.depthmap import Kind
from onedepth.predict.predictor import Prediction

_PERCENTILES = (2.0, 50.0, 98.0)
_SAMPLE = 200_000
_NEARLY_ALL = 0.99

SOURCES = {"given": "given", "exif": "from EXIF", "assumed": "assumed"}
"""How the source of a focal length is called in texts."""

UNIT_TEXTS: Mapping[Kind, tuple[str, str]] = {
    "metric": (" m", ""),
    "scaled": ("", ", right up to one factor"),
    "affine_disparity": ("", ", disparity right up to scale and shift"),
}
"""What stands behind a number of each kind, and behind a range of them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One prediction in numbers.

    Attributes:
        width: Width of the depth map in pixels.
        height: Height of the depth map in pixels.
        camera: Camera of the depth map.
        kind: What the values below are.
        near: 2nd percentile of the depth (98th of a disparity), 0 when no pixel has one.
        median: Median value.
        far: 98th percentile of the depth (2nd of a disparity).
        notes: What reading the photo had to do, and how much of it has depth when that is not all.
    """

    width: int
    height: int
    camera: Camera
    kind: Kind
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
        """The range, such as `0.82–6.40 m (median 2.10 m)`; without metres it says what it is instead."""
        if self.near <= 0:
            return "no depth"
        unit, remark = UNIT_TEXTS[self.kind]
        near, median, far = (f"{number_text(z)}" for z in (self.near, self.median, self.far))
        return f"{near}–{far}{unit} (median {median}{unit}){remark}"


def summarise(prediction: Prediction) -> Summary:
    """Return the numbers of a prediction, from a sample of its pixels when there are many."""
    depth = prediction.depth
    height, width = depth.shape
    step = max(1, int((width * height / _SAMPLE) ** 0.5))
    known = depth.values[::step, ::step][depth.valid[::step, ::step]]
    percentiles = _PERCENTILES[::-1] if depth.kind == "affine_disparity" else _PERCENTILES
    near, median, far = (
        (float(z) for z in np.percentile(known, percentiles)) if known.size else (0.0, 0.0, 0.0)
    )
    assert depth.camera is not None  # a prediction always has one
    notes = (*prediction.photo.notes, *_coverage(float(depth.valid.mean())))
    return Summary(width, height, depth.camera, depth.kind, near, median, far, notes)


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


def number_text(depth: float) -> str:
    """Return a depth with as many digits as an estimate deserves."""
    return f"{depth:.2f}" if depth < 10 else f"{depth:.1f}" if depth < 100 else f"{depth:.0f}"
