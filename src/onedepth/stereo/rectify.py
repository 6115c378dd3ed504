"""Bring the rows of a slightly misaligned pair together, by moving the right view alone.

MiDaS does not rectify: a frame whose rows do not agree is rejected, and so it is here unless asked otherwise.
When asked, the right view is turned, scaled and shifted vertically (three numbers, fitted to the rows of
matched features), which undoes roll, zoom and pitch between two cameras to first order. The left view, whose
label is wanted, stays as it is, and no shift along the rows is made: the disparity keeps its unknown shift.
Full uncalibrated rectification (a homography for both views) is not used, because it also bends the left
picture, and the label with it, by a projective map that the affine kind of label cannot absorb.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onedepth.stereo.matching import Grey, opencv
from onedepth.stereo.views import Image

FEWEST_FEATURES = 30
"""Features whose rows must agree after the fit."""
ROW_PX = 1.5
"""Rows by which a matched feature may be off and still support the fit."""

_RATIO = 0.8  # Lowe's ratio test
_DRAWS = 500
_FEATURES = 3000
_MOST_TURN = 0.15  # radians, about 9 degrees
_MOST_SCALE = 1.25


@dataclass(frozen=True, slots=True)
class Alignment:
    """y_left = p * x_right + q * y_right + r, with the coordinates counted from the centre of the view.

    Attributes:
        p: Sine of the turn, times the scale.
        q: Cosine of the turn, times the scale.
        r: Rows of shift, pixels.
    """

    p: float
    q: float
    r: float

    def apply(self, right: Image) -> Image:
        """Turn, scale and shift the right view, uint8 (H, W, 3); what comes from outside is black."""
        import cv2

        height, width = right.shape[:2]
        cx, cy = (width - 1) / 2, (height - 1) / 2
        p, q, r = self.p, self.q, self.r
        matrix = np.array([[q, -p, cx - q * cx + p * cy], [p, q, cy - p * cx - q * cy + r]])
        return np.asarray(cv2.warpAffine(right, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def find_alignment(left: Grey, right: Grey, seed: int = 0) -> Alignment | None:
    """Fit an alignment to the rows of features seen in both views (SIFT, ratio test, RANSAC).

    Args:
        left: uint8 (H, W).
        right: uint8 (H, W).
        seed: Of RANSAC's draws; the same views and seed give the same alignment.

    Returns:
        None when there are too few features that agree, or they ask for a turn of more than 9 degrees or a
        scale beyond 1.25, which is no pair of eyes.
    """
    points = _matched(left, right)
    if len(points) < FEWEST_FEATURES:
        return None
    centre = (np.array(left.shape[::-1]) - 1) / 2
    target = points[:, 1] - centre[1]
    source = np.column_stack([points[:, 2:] - centre, np.ones(len(points))])
    draws = np.random.default_rng(seed).integers(0, len(points), (_DRAWS, 3))
    systems = source[draws]
    usable = np.abs(np.linalg.det(systems)) > 1.0  # three features in a line fix nothing
    if not usable.any():
        return None
    guesses = np.linalg.solve(systems[usable], target[draws[usable], None])[..., 0]
    support = np.abs(source @ guesses.T - target[:, None]) <= ROW_PX
    inliers = support[:, support.sum(0).argmax()]
    if inliers.sum() < FEWEST_FEATURES:
        return None
    p, q, r = (float(value) for value in np.linalg.lstsq(source[inliers], target[inliers], rcond=None)[0])
    sane = abs(np.arctan2(p, q)) <= _MOST_TURN and 1 / _MOST_SCALE <= np.hypot(p, q) <= _MOST_SCALE
    return Alignment(p, q, r) if sane else None


def _matched(left: Grey, right: Grey) -> npt.NDArray[np.float64]:
    """Matched features, (N, 4): x_left, y_left, x_right, y_right."""
    cv2 = opencv()
    sift = cv2.SIFT_create(_FEATURES)
    (at_left, of_left), (at_right, of_right) = (sift.detectAndCompute(view, None) for view in (left, right))
    if of_left is None or of_right is None or len(of_right) < 2:
        return np.empty((0, 4))
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(of_left, of_right, k=2)
    good = [best for best, second in pairs if best.distance < _RATIO * second.distance]
    return np.array(
        [(*at_left[match.queryIdx].pt, *at_right[match.trainIdx].pt) for match in good], np.float64
    ).reshape(-1, 4)
