"""Depth of large photos in tiles, each brought into line with the depth of the whole photo.

The network sees a photo at a fixed small size, so a large photo loses its details. A tile keeps them, but
each has a scale of its own. So the whole photo is predicted once, small; every tile is predicted with the
camera of its window (`Camera.crop`: same focal length, same principal point), brought to the whole by a scale
and a shift of log depth, and blended with its neighbours by smooth weights that add up to one. Scale and
shift are found robustly and on means over blocks, because a tile and the whole differ most where the tile has
more detail; the scale is drawn towards 1, so that a tile that shows a bare wall keeps it.

(Miangoleh et al., CVPR 2021, merge patches into a whole estimate by a network; a line per tile needs none and
cannot invent depth.) Beside photo and result, memory holds a few tiles, however large the photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap, Kind
from onedepth.errors import ConfigError
from onedepth.predict.predictor import Predictor
from onedepth.rasters import Floats

Run = Callable[[npt.NDArray[np.uint8], Camera], DepthMap]
"""Pixels (H, W, 3) of a pinhole view and its camera -> their depth."""

_LEAST = 512  # pixels: default tiles are not smaller
_BLOCKS = 48  # along the longer side of a tile: where it is compared with the whole
_APART = 7  # blocks between two whose difference is compared: near, so that both lie on one thing
_ROUNDS = 8  # of reweighting
_DRAWN = 0.05**2  # variance of log depth at which data and the wish for scale 1 weigh the same
_SCALES = (0.5, 2.0)
_STEP = 16  # every how many pixels tiles are compared with each other


@dataclass(frozen=True)
class TileOptions:
    """How a photo is cut.

    Attributes:
        size: Longer and shorter sides of tiles are at most this many pixels; None for half the longer side of
            the photo, but not below 512. Smaller tiles show too little of the scene: from about a third of
            the photo on, their differences outweigh their details.
        overlap: Part of its side that a tile shares with a neighbour, at least; above 0 and below 1.

    Raises:
        ConfigError: Tiles below 32 pixels, or an impossible overlap.
    """

    size: int | None = None
    overlap: float = 0.25

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 32:
            raise ConfigError(f"tile size {self.size}: expected at least 32 pixels")
        if not 0 < self.overlap < 1:
            raise ConfigError(f"tile overlap {self.overlap:g}: expected a part between 0 and 1")

    def side(self, width: int, height: int) -> int:
        """Side of the tiles of a photo in pixels."""
        return max(_LEAST, -(-max(width, height) // 2)) if self.size is None else self.size


@dataclass(frozen=True, eq=False)
class Tiled:
    """Depth in tiles.

    Attributes:
        values: float32 (H, W), of the model's kind; NaN where unknown.
        tiles: Number of tiles; 1 if the photo was small enough to be taken whole.
        seam: Mean difference between tiles where they overlap, after they were brought into line and before
            they were blended: of log depth (of affine disparity: in parts of its range). 0 for one tile.
    """

    values: Floats
    tiles: int
    seam: float


class TiledPredictor(Predictor):
    """A predictor that takes photos larger than a tile in tiles; all else is as in `Predictor`.

    Attributes:
        options: How photos are cut.
    """

    def __init__(self, predictor: Predictor, options: TileOptions | None = None) -> None:
        """Share the model of an open predictor."""
        self.path, self.info, self._session = predictor.path, predictor.info, predictor._session
        self.options = options or TileOptions()

    def _depth(
        self, pixels: npt.NDArray[np.uint8], camera: Camera, valid: npt.NDArray[np.bool_] | None
    ) -> DepthMap:
        plain = super()._depth
        tiled = predict_tiles(lambda part, view: plain(part, view, None), pixels, camera, self.options)
        kind, values = self.info.kind, tiled.values
        known = np.isfinite(values) & ((kind == "affine_disparity") | (values > 0))
        known = known if valid is None else known & valid
        return DepthMap(values, kind, camera, known, self.source)


def predict_tiles(
    run: Run, pixels: npt.NDArray[np.uint8], camera: Camera, options: TileOptions | None = None
) -> Tiled:
    """Predict a photo whole and in tiles, and put the tiles together.

    Args:
        run: The model.
        pixels: uint8 (H, W, 3) RGB of a pinhole view.
        camera: Its camera.
        options: How it is cut.

    Returns:
        The depth. A photo that fits into one tile is answered by `run` alone.
    """
    options = options or TileOptions()
    height, width = pixels.shape[:2]
    side = options.side(width, height)
    columns, rows = _Axis(width, side, options.overlap), _Axis(height, side, options.overlap)
    if columns.count * rows.count == 1:
        depth = run(pixels, camera)
        return Tiled(np.where(depth.valid, depth.values, np.nan).astype(np.float32), 1, 0.0)
    whole, kind = _whole(run, pixels, camera, side)
    unit = 1.0 if kind != "affine_disparity" else max(float(np.nanmax(whole) - np.nanmin(whole)), 1e-12)
    result = np.zeros((height, width), np.float32)
    seams = _Seams(height, width)
    for (top, down), (left, across) in _grid(rows, columns):
        window = np.s_[top : top + rows.size, left : left + columns.size]
        view = camera.crop(left, top, columns.size, rows.size)
        tile = _domain(run(np.ascontiguousarray(pixels[window]), view))
        guide = _window(whole, (width, height), (left, top), (columns.size, rows.size))
        tile = fit_to(tile, guide, unit)
        seams.add(tile, top, left)
        tile *= down[:, None]
        tile *= across
        result[window] += tile
    if kind != "affine_disparity":
        np.exp(result, out=result)
    return Tiled(result, columns.count * rows.count, seams.mean() / unit)


def fit_to(tile: Floats, guide: Floats, unit: float = 1.0) -> Floats:
    """Bring a tile to its part of the whole by the best a * tile + b, found by reweighted least squares.

    Tukey's biweight at 4.7 times the deviation (Beaton and Tukey, 1974) from a start by medians, and a
    penalty on (a - 1)^2 that decides where the tile is flat. Pixels that the tile does not know are taken
    from the guide.

    Args:
        tile: float32 (h, w) log depth or affine disparity; NaN where unknown.
        guide: The same of the whole.
        unit: What counts as a large difference: 1 for log depth, the range for affine disparity.

    Returns:
        float32 (h, w).
    """
    small, goal = _blocks(tile), _blocks(guide)
    known = np.isfinite(small) & np.isfinite(goal)
    if known.sum() < 16:
        return np.array(guide)
    a, b = _line(small[known].astype(np.float64), goal[known].astype(np.float64), _DRAWN * unit**2)
    fitted = np.float32(a) * tile + np.float32(b)
    return np.asarray(np.where(np.isfinite(fitted), fitted, guide), np.float32)


def _line(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], drawn: float) -> tuple[float, float]:
    """Scale and shift from x to y."""
    run, rise = x[_APART:] - x[:-_APART], y[_APART:] - y[:-_APART]
    steep = np.abs(run) > np.median(np.abs(run))
    a = float(np.clip(np.median(rise[steep] / run[steep]), *_SCALES)) if steep.any() else 1.0
    b = float(np.median(y - a * x))
    for _ in range(_ROUNDS):
        residual = np.abs(a * x + b - y)
        limit = 4.7 * max(float(np.median(residual)) / 0.6745, 1e-9)
        weights = np.where(residual < limit, (1 - (residual / limit) ** 2) ** 2, 0)
        weights /= weights.sum()
        mean_x, mean_y = weights @ x, weights @ y
        spread, common = weights @ (x - mean_x) ** 2, weights @ ((x - mean_x) * (y - mean_y))
        a = float(np.clip((common + drawn) / (spread + drawn), *_SCALES))
        b = float(mean_y - a * mean_x)
    return a, b


def _blocks(values: Floats) -> Floats:
    """Means over blocks, `_BLOCKS` along the longer side; NaN where a value is unknown."""
    import cv2

    height, width = values.shape
    shrink = min(1.0, _BLOCKS / max(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


class _Axis:
    """Where tiles lie along one side of the photo, and their weights there, which add up to 1."""

    def __init__(self, length: int, side: int, overlap: float) -> None:
        self.size = min(length, side)
        step = max(1, int(self.size * (1 - overlap)))
        self.count = 1 if length <= self.size else 2 + (length - self.size - 1) // step
        self.starts = np.rint(np.linspace(0, length - self.size, self.count)).astype(int)
        ramp = max(1, int(self.size * overlap))
        rise = np.sin(np.pi / 2 * np.minimum(1, (np.arange(self.size) + 0.5) / ramp)) ** 2
        total = np.zeros(length)
        hats = [self._hat(number, rise) for number in range(self.count)]
        for start, hat in zip(self.starts, hats, strict=True):
            total[start : start + self.size] += hat
        self.weights = [
            (hat / total[start : start + self.size]).astype(np.float32)
            for start, hat in zip(self.starts, hats, strict=True)
        ]

    def _hat(self, number: int, rise: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        hat = np.ones(self.size)
        if number > 0:
            hat = hat * rise
        if number < self.count - 1:
            hat = hat * rise[::-1]
        return hat

    def __iter__(self) -> Iterator[tuple[int, Floats]]:
        return iter([(int(start), weight) for start, weight in zip(self.starts, self.weights, strict=True)])


def _grid(rows: _Axis, columns: _Axis) -> Iterator[tuple[tuple[int, Floats], tuple[int, Floats]]]:
    return ((row, column) for row in rows for column in columns)


class _Seams:
    """How far tiles differ where they overlap, compared at every `_STEP`-th pixel."""

    def __init__(self, height: int, width: int) -> None:
        shape = -(-height // _STEP), -(-width // _STEP)
        self._count = np.zeros(shape, np.uint8)
        self._low, self._high = np.full(shape, np.inf, np.float32), np.full(shape, -np.inf, np.float32)

    def add(self, tile: Floats, top: int, left: int) -> None:
        first_row, first_column = -top % _STEP, -left % _STEP
        part = tile[first_row::_STEP, first_column::_STEP]
        row, column = (top + first_row) // _STEP, (left + first_column) // _STEP
        here = np.s_[row : row + part.shape[0], column : column + part.shape[1]]
        self._count[here] += 1
        np.fmin(self._low[here], part, out=self._low[here])
        np.fmax(self._high[here], part, out=self._high[here])

    def mean(self) -> float:
        shared = (self._count > 1) & np.isfinite(self._low)
        return float((self._high[shared] - self._low[shared]).mean()) if shared.any() else 0.0


def _whole(run: Run, pixels: npt.NDArray[np.uint8], camera: Camera, size: int) -> tuple[Floats, Kind]:
    import cv2

    height, width = pixels.shape[:2]
    shrink = size / max(height, width)
    small = max(1, round(width * shrink)), max(1, round(height * shrink))
    view: Any = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    depth = run(view, camera.resize(*small))
    return _domain(depth), depth.kind


def _window(whole: Floats, full: tuple[int, int], corner: tuple[int, int], size: tuple[int, int]) -> Floats:
    """A window of the photo of size `full` (width, height), seen in the small `whole`; bilinear."""
    import cv2

    x, y = whole.shape[1] / full[0], whole.shape[0] / full[1]
    matrix = np.array([[x, 0, (corner[0] + 0.5) * x - 0.5], [0, y, (corner[1] + 0.5) * y - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(whole, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(part, np.float32)


def _domain(depth: DepthMap) -> Floats:
    """Log depth, or affine disparity; NaN where invalid."""
    values = np.full(depth.shape, np.nan, np.float32)
    if depth.kind == "affine_disparity":
        values[depth.valid] = depth.values[depth.valid]
    else:
        np.log(depth.values, out=values, where=depth.valid)
    return values
