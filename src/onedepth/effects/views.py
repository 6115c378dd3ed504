"""Other views of a photo: a step to the side, a swaying clip, and pairs for two eyes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.effects.light import focal_of, full_depth
from onedepth.errors import ConfigError
from onedepth.rasters import Floats, as_image

Pixels = npt.NDArray[np.uint8]

_HOLE = 1.0  # pixels by which a place moves more than what should be there: that was hidden before
_WIDEST = 0.2  # of the width of the photo, by which anything may move


def motion(depth: DepthMap, baseline: float, screen: float) -> Floats:
    """Pixels by which things move to the left when the camera moves `baseline` metres to the right.

    focal * baseline * (1 / z - 1 / screen): what lies at the depth `screen` stays where it is.

    Returns:
        float32 (H, W).

    Raises:
        ConfigError: impossible baseline or screen, or a motion of more than a fifth of the width.
        DepthMapError: the map is not metric, is empty or has no camera.
    """
    if not (math.isfinite(baseline) and screen > 0):
        raise ConfigError(f"baseline {baseline:g} and screen {screen:g}: expected metres, the second above 0")
    most = widest(depth, screen)
    if abs(baseline) > most:
        raise ConfigError(
            f"baseline {baseline:g} m: something would move by more than a fifth of the photo; "
            f"at most {most:.2g} m to either side"
        )
    return np.asarray(np.float32(baseline) * _per_metre(depth, screen), np.float32)


def widest(depth: DepthMap, screen: float) -> float:
    """Metres of a step to the side by which nothing moves farther than a fifth of the photo's width.

    Infinite where all lies at the depth `screen`. Errors are those of `motion`.
    """
    most = float(np.abs(_per_metre(depth, screen)).max())
    return _WIDEST * depth.shape[1] / most if most > 0 else math.inf


def _per_metre(depth: DepthMap, screen: float) -> Floats:
    moves = np.float32(focal_of(depth)) * (1 / full_depth(depth) - np.float32(1 / screen))
    return np.asarray(moves, np.float32)


def shifted(pixels: Pixels, depth: DepthMap, baseline: float, screen: float) -> Pixels:
    """The photo as a camera `baseline` metres to the right sees it, turned so that `screen` stays in place.

    The motion is carried to the new view first, where the nearest wins; then each of its pixels looks up its
    colour between those of the photo. What was hidden is painted in the colours beside it that lie farther
    away.

    Args:
        pixels: uint8 (H, W, 3).
        depth: its depth, metric, with a camera.
        baseline: metres; negative is to the left, 0 gives the photo back.
        screen: depth in metres that does not move; infinity for parallel views.

    Raises:
        ConfigError: impossible baseline or screen.
        DepthMapError: the map is not metric, empty, without camera, or of another size.
    """
    import cv2

    moves = motion(depth, baseline, screen)
    image = as_image(pixels, depth.shape)
    if baseline == 0:
        return image.copy()
    there = _carried(moves, nearest_is_largest=baseline > 0)
    height, width = depth.shape
    x = np.arange(width, dtype=np.float32) + there
    y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], x.shape)
    view = cv2.remap(image, x, np.ascontiguousarray(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.remap(moves, x, np.ascontiguousarray(y), cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    hidden = np.abs(seen - there) > _HOLE
    return _from_behind(np.asarray(view, np.uint8), hidden, there * np.sign(np.float32(baseline)))


def _from_behind(view: Pixels, hidden: npt.NDArray[np.bool_], near: Floats) -> Pixels:
    """Paint what was hidden in the colour at that end of the gap, in its row, which is farther away."""
    if not hidden.any():
        return view
    columns = np.broadcast_to(np.arange(view.shape[1]), hidden.shape)
    left = np.maximum.accumulate(np.where(hidden, -1, columns), axis=1)
    right = np.minimum.accumulate(np.where(hidden, view.shape[1], columns)[:, ::-1], axis=1)[:, ::-1]
    nearness = [
        np.where(inside, np.take_along_axis(near, np.where(inside, side, 0), axis=1), np.inf)
        for side, inside in ((left, left >= 0), (right, right < view.shape[1]))
    ]
    source = np.where(nearness[0] <= nearness[1], left, right)
    source = np.where((source < 0) | (source >= view.shape[1]), columns, source)
    return np.take_along_axis(view, source[..., None], axis=1)


def _carried(moves: Floats, *, nearest_is_largest: bool) -> Floats:
    """For each pixel of the new view the motion of what is seen there; holes get that of what lies behind."""
    height, width = moves.shape
    sign = np.float32(1 if nearest_is_largest else -1)  # nearer = larger
    near = moves * sign
    target = np.clip(np.rint(np.arange(width) - moves), 0, width - 1).astype(np.intp)
    there = np.full((height, width), -np.inf, np.float32)
    rows = np.broadcast_to(np.arange(height)[:, None], target.shape)
    np.maximum.at(there, (rows, target), near)
    left, right = _last_known(there), _last_known(there[:, ::-1])[:, ::-1]
    behind = np.where(np.isinf(left), right, np.where(np.isinf(right), left, np.minimum(left, right)))
    return np.where(np.isinf(there), behind, there) * sign


def _last_known(values: Floats) -> Floats:
    """Each row with its gaps (-inf) filled from the left; -inf where nothing comes before."""
    at = np.where(np.isinf(values), 0, np.arange(values.shape[1]))
    return np.take_along_axis(values, np.maximum.accumulate(at, axis=1), axis=1)


def eyes(pixels: Pixels, depth: DepthMap, baseline: float, screen: float) -> tuple[Pixels, Pixels]:
    """Views of the left and the right eye, `baseline` metres apart, half of it to each side."""
    return tuple(shifted(pixels, depth, side * baseline / 2, screen) for side in (-1, 1))  # type: ignore[return-value]


def stereo(pixels: Pixels, depth: DepthMap, baseline: float, screen: float) -> Pixels:
    """Left and right view side by side, uint8 (H, 2 W, 3). Arguments and errors are those of `shifted`."""
    return np.hstack(eyes(pixels, depth, baseline, screen))


def anaglyph(pixels: Pixels, depth: DepthMap, baseline: float, screen: float) -> Pixels:
    """Both views in one picture for red-cyan glasses: red of the left view, green and blue of the right.

    Arguments and errors are those of `shifted`.
    """
    left, right = eyes(pixels, depth, baseline, screen)
    return np.concatenate([left[..., :1], right[..., 1:]], axis=2)


def parallax(
    pixels: Pixels, depth: DepthMap, baseline: float, screen: float, frames: int
) -> Iterator[Pixels]:
    """Frames of a clip in which the camera sways to both sides and back, once.

    Args:
        pixels: uint8 (H, W, 3).
        depth: its depth, metric, with a camera.
        baseline: width of the sway in metres.
        screen: depth that stays in place.
        frames: their number, at least 2.

    Raises:
        ConfigError: impossible numbers.
        DepthMapError: as `shifted`.
    """
    if frames < 2:
        raise ConfigError(f"frames {frames}: a clip has at least 2")
    for number in range(frames):
        yield shifted(pixels, depth, baseline / 2 * math.sin(2 * math.pi * number / frames), screen)
