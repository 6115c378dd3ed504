"""Tiles: they agree with the whole, leave no seams, and memory does not grow with the photo."""

import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onedepth import Camera, DepthMap, Predictor
from onedepth.depthmap import Kind
from onedepth.distortion import RadialTangential
from onedepth.errors import ConfigError
from onedepth.predict.tiles import TiledPredictor, TileOptions, _Axis, fit_to, predict_tiles

SMALL = TileOptions(size=96, overlap=0.25)
Pixels = npt.NDArray[np.uint8]


def _hills(height: int, width: int) -> Pixels:
    """A picture whose brightness is its depth, with hills of many sizes."""
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / 61) + np.sin(y / 47 + x / 90) + 0.3 * np.sin(x / 9) * np.sin(y / 11)
    return np.repeat(np.clip(128 + 45 * waves, 5, 250).astype(np.uint8)[..., None], 3, axis=2)


def _truth(pixels: Pixels) -> npt.NDArray[np.float64]:
    return 1 + pixels[..., 0] / 50.0


class Moody:
    """A model that knows the depth, but answers with another scale and contrast each time."""

    def __init__(self, mood: float, kind: Kind = "metric") -> None:
        self.mood, self.kind = mood, kind
        self.rng = np.random.default_rng(5)
        self.cameras: list[Camera] = []

    def __call__(self, pixels: Pixels, camera: Camera) -> DepthMap:
        assert camera.size == pixels.shape[1::-1]
        first = not self.cameras  # the whole
        self.cameras.append(camera)
        scale, shift = (0.0, 0.0) if first else self.mood * self.rng.uniform(-1, 1, 2)
        truth = _truth(pixels)
        if self.kind == "affine_disparity":
            return DepthMap((1 + scale) / truth + shift, self.kind, camera)
        return DepthMap(np.exp((1 + scale) * np.log(truth) + shift), self.kind, camera)


def _camera(pixels: Pixels) -> Camera:
    return Camera.from_focal(200, pixels.shape[1], pixels.shape[0])


@pytest.mark.parametrize("kind", ["metric", "scaled", "affine_disparity"])
def test_moods_of_tiles_leave_no_seam(kind: Kind) -> None:
    """Tiles that are off by up to 35 % and their neighbours agree within 1 % once aligned."""
    pixels = _hills(240, 330)
    tiled = predict_tiles(Moody(0.3, kind), pixels, _camera(pixels), SMALL)
    assert tiled.tiles > 9
    assert tiled.seam < 0.01
    truth = _truth(pixels)
    expected = 1 / truth if kind == "affine_disparity" else truth
    assert np.abs(tiled.values / expected - 1).mean() < 0.02


def test_there_is_no_step_where_tiles_end() -> None:
    pixels = _hills(240, 330)
    tiled = predict_tiles(Moody(0.3), pixels, _camera(pixels), SMALL)
    wrong = np.log(tiled.values / _truth(pixels))
    ends = [
        int(start + shift)
        for start in _Axis(330, 96, 0.25).starts
        for shift in (0, 96)
        if 0 < start + shift < 330
    ]
    steps = np.abs(np.diff(wrong, axis=1)).max(axis=0)
    assert max(steps[end - 1] for end in ends) < 0.01


def test_the_seam_is_measured() -> None:
    """Without overlap in what tiles know, the number says how far they are apart."""
    calls = 0

    def stubborn(pixels: Pixels, camera: Camera) -> DepthMap:
        nonlocal calls
        calls += 1
        rng = np.random.default_rng(calls)
        return DepthMap(2 * np.exp(0.2 * rng.standard_normal(pixels.shape[:2])), "metric", camera)

    pixels = _hills(200, 200)
    tiled = predict_tiles(stubborn, pixels, _camera(pixels), SMALL)
    assert 0.05 < tiled.seam < 0.4


def test_details_come_from_tiles() -> None:
    """What the small whole cannot show is there in the end."""
    height, width = 200, 300
    fine = np.where((np.arange(width) // 2) % 2, 200, 60).astype(np.uint8)
    pixels = np.repeat(np.broadcast_to(fine, (height, width))[..., None], 3, axis=2)
    pixels = np.maximum(pixels, _hills(height, width) // 2)
    values = predict_tiles(Moody(0.2), pixels, _camera(pixels), SMALL).values
    assert np.corrcoef(values.ravel(), _truth(pixels).ravel())[0, 1] > 0.99


def test_every_tile_keeps_focal_length_and_rays() -> None:
    pixels = _hills(200, 300)
    camera = Camera(width=300, height=200, fx=210, fy=190, cx=120, cy=90)
    model = Moody(0)
    predict_tiles(model, pixels, camera, SMALL)
    whole, *tiles = model.cameras
    assert whole.fx == pytest.approx(210 * 96 / 300)
    corners = set()
    for view in tiles:
        assert (view.fx, view.fy) == (210, 190)
        left, top = round(120 - view.cx), round(90 - view.cy)
        corners.add((left, top))
        np.testing.assert_allclose(
            view.rays(), camera.rays()[top : top + view.height, left : left + view.width], atol=1e-6
        )
    assert len(corners) == len(tiles)


def test_a_photo_no_larger_than_a_tile_is_predicted_once(tiny_model: Path) -> None:
    predictor = Predictor(tiny_model, threads=1)
    pixels = _hills(60, 80)
    tiled = TiledPredictor(predictor, TileOptions(size=80))
    np.testing.assert_array_equal(tiled.predict(pixels).values, predictor.predict(pixels).values)


def test_the_predictor_answers_as_the_plain_one_does(tiny_model: Path) -> None:
    predictor = Predictor(tiny_model, threads=1)
    lens = RadialTangential(-0.1, 0.0, 0.0, 0.0)
    camera = Camera(width=200, height=150, fx=160, fy=160, cx=100, cy=75, distortion=lens)
    pixels = np.full((150, 200, 3), 90, np.uint8)
    tiled = TiledPredictor(predictor, SMALL)
    for back in (False, True):
        one, other = (each.predict(pixels, camera, map_back=back) for each in (predictor, tiled))
        assert one.camera == other.camera
        assert (one.kind, one.source) == (other.kind, other.source)
        assert (one.valid == other.valid).mean() > 0.99
        both = one.valid & other.valid
        assert np.median(other.values[both] / one.values[both]) == pytest.approx(1, abs=0.02)


def test_working_memory_is_flat_in_the_size_of_the_photo() -> None:
    """Beside the result itself, nine times the pixels take no more room."""

    def flat(pixels: Pixels, camera: Camera) -> DepthMap:
        return DepthMap(np.full(pixels.shape[:2], 2, np.float32), "metric", camera)

    extra = []
    for side in (600, 1800):
        pixels = np.zeros((side, side, 3), np.uint8)
        camera = _camera(pixels)
        predict_tiles(flat, pixels[:200, :200], camera.crop(0, 0, 200, 200), SMALL)  # imports
        tracemalloc.start()
        tiled = predict_tiles(flat, pixels, camera, SMALL)
        extra.append(tracemalloc.get_traced_memory()[1] - tiled.values.nbytes)
        tracemalloc.stop()
    assert extra[1] - extra[0] < 0.15 * (
        1800**2 - 600**2
    )  # bytes: the coarse grid on which tiles are compared


@given(
    length=st.integers(1, 3000),
    size=st.integers(32, 900),
    overlap=st.floats(0.05, 0.9),
)
def test_weights_add_up_to_one_everywhere(length: int, size: int, overlap: float) -> None:
    axis = _Axis(length, size, overlap)
    total = np.zeros(length)
    for start, weight in axis:
        assert (weight >= 0).all()
        total[start : start + axis.size] += weight
    np.testing.assert_allclose(total, 1, atol=1e-5)
    if axis.count > 1:
        assert np.diff(axis.starts).max() <= max(1, size * (1 - overlap)) + 1


@given(a=st.floats(0.5, 1.8), b=st.floats(-2, 2), seed=st.integers(0, 99))
def test_a_line_is_found_among_outliers(a: float, b: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    guide = rng.uniform(0, 3, (40, 40)).astype(np.float32)
    tile = ((guide - b) / a).astype(np.float32)
    tile[:8] += 3  # a fifth is something that the whole does not see
    fitted = fit_to(tile, guide)
    assert np.abs(fitted[8:] - guide[8:]).max() < 0.05


def test_a_flat_tile_keeps_its_details() -> None:
    """No contrast in the whole is no reason to take that of the tile away."""
    detail = 0.01 * np.random.default_rng(0).standard_normal((60, 60)).astype(np.float32)
    fitted = fit_to(1 + detail, np.full((60, 60), 2, np.float32))
    assert fitted.mean() == pytest.approx(2, abs=0.01)
    assert fitted.std() > 0.8 * detail.std()


def test_what_a_tile_does_not_know_comes_from_the_whole() -> None:
    guide = np.random.default_rng(0).uniform(0, 1, (40, 40)).astype(np.float32)
    tile = guide + 1
    tile[5:10] = np.nan
    np.testing.assert_allclose(fit_to(tile, guide), guide, atol=1e-3)
    np.testing.assert_array_equal(fit_to(np.full_like(guide, np.nan), guide), guide)


@pytest.mark.parametrize("options", [{"size": 8}, {"overlap": 0}, {"overlap": 1.0}])
def test_impossible_tiles_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        TileOptions(**options)  # type: ignore[arg-type]


def test_tiles_of_large_photos_grow_with_them() -> None:
    """Tiles of a few degrees show too little of a scene to be told apart from any other."""
    seen: list[tuple[int, int]] = []

    def flat(pixels: Pixels, camera: Camera) -> DepthMap:
        seen.append(pixels.shape[:2])
        return DepthMap(np.full(pixels.shape[:2], 2, np.float32), "metric", camera)

    for width, height, side in ((1800, 1200, 900), (800, 600, 512)):
        seen.clear()
        pixels = np.zeros((height, width, 3), np.uint8)
        tiled = predict_tiles(flat, pixels, _camera(pixels))
        assert 2 <= tiled.tiles <= 6
        assert set(seen[1:]) == {(side, side)}
        assert max(seen[0]) == side  # the whole, small
    seen.clear()
    assert predict_tiles(flat, pixels[:500, :512], _camera(pixels).crop(0, 0, 512, 500)).tiles == 1
