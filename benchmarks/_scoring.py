"""What counts in accuracy.py, and how a prediction is scored against it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onedepth.evaluate.align import align
from onedepth.evaluate.metrics import depth_metrics

Array = NDArray[np.float32]
Scores = dict[str, float]  # metric -> value


@dataclass(frozen=True)
class Protocol:
    """What counts: truth within the range, in a window; predictions are clamped to the range after alignment.

    Attributes:
        cap: Largest depth in metres.
        window: Rows and columns [top, bottom, left, right) of the stored frame; None for all of it.
        floor: Smallest depth in metres.
    """

    cap: float
    window: tuple[int, int, int, int] | None = None
    floor: float = 1e-3


def eigen_crop(width: int = 384, height: int = 287) -> tuple[int, int, int, int]:
    """The crop of Eigen et al. 2014, rows 45:471 and columns 41:601 of 640x480, in stored NYU frames.

    Those are rows 8:472 and columns 10:630 of the original, resized.
    """
    top, bottom = ((row - 8) * height / 464 for row in (45, 471))
    left, right = ((column - 10) * width / 620 for column in (41, 601))
    return round(top), round(bottom), round(left), round(right)


PROTOCOLS = {  # by the first folder of a set
    "nyu_v2": Protocol(10.0, eigen_crop()),
    "tum_rgbd": Protocol(10.0),
    "seven_scenes": Protocol(10.0),
    "kitti": Protocol(80.0),
}
ELSEWHERE = Protocol(80.0)


def score(prediction: Array, truth: Array, protocol: Protocol) -> dict[str, Scores]:
    """Metrics of one image by alignment; empty where no pixel counts.

    Args:
        prediction: (H, W) metres.
        truth: (H, W) metres, NaN where unmeasured.
        protocol: What counts.
    """
    if protocol.window is not None:
        top, bottom, left, right = protocol.window
        prediction, truth = prediction[top:bottom, left:right], truth[top:bottom, left:right]
    counts = (truth >= protocol.floor) & (truth <= protocol.cap)
    z, target = prediction[counts], truth[counts]
    if not target.size:
        return {}
    fits = {name: align(name, z, target) for name in ("none", "median")}
    return {
        name: depth_metrics(np.clip(fit.apply(z), protocol.floor, protocol.cap), target)
        for name, fit in fits.items()
    }


def mean_scores(per_image: list[dict[str, Scores]]) -> dict[str, Scores]:
    """Mean over the images that have a score."""
    scored = [scores for scores in per_image if scores]
    return {
        alignment: {
            name: float(np.mean([s[alignment][name] for s in scored])) for name in scored[0][alignment]
        }
        for alignment in scored[0]
    }
