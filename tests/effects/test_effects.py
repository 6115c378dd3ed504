"""Effects: what each must leave alone, what undoes what, and what moves more."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onedepth import Camera, DepthMap
from onedepth.effects import anaglyph, defog, fog, parallax, refocus, shifted, stereo
from onedepth.effects.bokeh import blur_radius
from onedepth.effects.haze import add_haze, density_of, remove_haze, transmission
from onedepth.effects.light import to_linear, to_srgb
from onedepth.errors import ConfigError, DepthMapError

HEIGHT, WIDTH, FOCAL = 60, 90, 100.0
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
CAMERA = Camera.from_focal(FOCAL, WIDTH, HEIGHT)
Pixels = npt.NDArray[np.uint8]


def _map(values: npt.ArrayLike, **rest: object) -> DepthMap:
    full = np.broadcast_to(np.asarray(values, np.float32), (HEIGHT, WIDTH))
    return DepthMap(full, "metric", CAMERA, **rest)  # type: ignore[arg-type]


DEPTH = _map(1 + 9 * RNG.random((HEIGHT, WIDTH)))
BOARD = np.zeros((HEIGHT, WIDTH), bool)
BOARD[20:40, 35:55] = True
STEP = _map(np.where(BOARD, 2.0, 10.0))
"""A board at 2 m before a wall at 10 m."""


# Nothing in, nothing changed


@pytest.mark.parametrize(
    "nothing",
    [
        lambda pixels: refocus(pixels, DEPTH, 3.0, 0.0),
        lambda pixels: refocus(pixels, _map(4.0), 4.0, 0.05),
        lambda pixels: fog(pixels, DEPTH, 0.0),
        lambda pixels: defog(pixels, DEPTH, 0.0),
        lambda pixels: shifted(pixels, DEPTH, 0.0, 3.0),
        lambda pixels: shifted(pixels, _map(4.0), 0.1, 4.0),
        lambda pixels: anaglyph(pixels, DEPTH, 0.0, 3.0),
        lambda pixels: stereo(pixels, DEPTH, 0.0, 3.0)[:, :WIDTH],
        lambda pixels: stereo(pixels, DEPTH, 0.0, 3.0)[:, WIDTH:],
        lambda pixels: next(parallax(pixels, DEPTH, 0.05, 3.0, 8)),
    ],
)
def test_an_effect_of_zero_gives_the_photo_back(nothing: Callable[[Pixels], Pixels]) -> None:
    before = NOISE.copy()
    np.testing.assert_array_equal(nothing(NOISE), before)
    np.testing.assert_array_equal(NOISE, before)


def test_linear_light_goes_back_and_forth() -> None:
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_srgb(to_linear(codes)), codes)
    assert to_linear(codes)[188] == pytest.approx(0.5, abs=0.01)  # where sRGB has half of the light


# Haze


@given(density=st.floats(0, 0.3), light=st.tuples(*[st.floats(0, 1)] * 3), seed=st.integers(0, 99))
def test_taking_fog_out_undoes_putting_it_in(density: float, light: tuple[float, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    linear = rng.random((HEIGHT, WIDTH, 3)).astype(np.float32)
    through, colour = transmission(DEPTH, density), np.array(light, np.float32)
    np.testing.assert_allclose(
        remove_haze(add_haze(linear, through, colour), through, colour), linear, atol=1e-4
    )


def test_fog_of_a_photo_is_undone_up_to_its_rounding() -> None:
    photo = np.clip(NOISE, 60, 250)
    light = (226, 229, 232)
    back = defog(fog(photo, DEPTH, 0.05, light), DEPTH, 0.05, light)
    assert np.abs(back.astype(int) - photo).mean() < 1
    assert np.abs(back.astype(int) - photo).max() <= 6


def test_far_things_take_the_colour_of_the_fog() -> None:
    black = np.zeros_like(NOISE)
    foggy = fog(black, STEP, density_of(10), (200, 100, 50))
    assert (foggy[~BOARD].mean(0) > foggy[BOARD].mean(0)).all()
    far = fog(black, _map(1000.0), density_of(10), (200, 100, 50))
    assert (far == (200, 100, 50)).all()


def test_contrast_is_five_percent_at_the_visibility() -> None:
    through = transmission(DepthMap(np.full((HEIGHT, WIDTH), 50, np.float32), "metric"), density_of(50))
    assert through == pytest.approx(0.05)
    assert density_of(float("inf")) == 0


def test_fog_counts_the_way_of_the_light_not_the_depth() -> None:
    through = transmission(_map(10.0), 0.1)
    corner = np.linalg.norm(CAMERA.rays()[0, 0])
    assert through[0, 0] == pytest.approx(np.exp(-corner), rel=1e-5)
    assert through[0, 0] < through[HEIGHT // 2, WIDTH // 2]


def test_the_colour_of_the_fog_is_found_where_it_is_thickest() -> None:
    truth = np.clip(NOISE, 80, 240)
    foggy = fog(truth, STEP, 0.5, (210, 200, 190))
    back = defog(foggy, STEP, 0.5)
    assert np.abs(back[BOARD].astype(int) - truth[BOARD]).mean() < 6


def test_pixels_without_depth_count_as_far() -> None:
    sky = np.zeros((HEIGHT, WIDTH), bool)
    sky[:10] = True
    depth = _map(np.where(BOARD, 2.0, 10.0), valid=~sky)
    foggy = fog(np.zeros_like(NOISE), depth, 0.3)
    assert foggy[5, 45, 0] >= foggy[15, 45, 0]


# Blur


def test_what_is_in_focus_stays_and_the_rest_loses_contrast() -> None:
    blurred = refocus(NOISE, STEP, 2.0, 0.2)
    np.testing.assert_array_equal(blurred[BOARD], NOISE[BOARD])
    far = ~BOARD
    assert blurred[far].std() < 0.5 * NOISE[far].std()
    assert to_linear(blurred)[far].mean() == pytest.approx(to_linear(NOISE)[far].mean(), rel=0.05)


def test_blur_in_front_spreads_over_what_is_behind() -> None:
    photo = np.zeros_like(NOISE)
    photo[BOARD] = 255
    blurred = refocus(photo, STEP, 10.0, 0.2)
    assert blurred[30, 32].min() > 20  # beside the board
    assert blurred[30, 45].min() > 250  # its middle stays white
    assert blurred[5, 5].max() == 0
    behind = refocus(photo, STEP, 2.0, 0.2)
    assert behind[30, 33].max() == 0  # a sharp board does not shine on the wall


def test_blur_is_that_of_a_thin_lens() -> None:
    radius = blur_radius(STEP, 5.0, 0.1)
    assert radius[0, 0] == pytest.approx(FOCAL * 0.1 / 2 * (1 / 10 - 1 / 5))
    assert radius[30, 45] == pytest.approx(FOCAL * 0.1 / 2 * (1 / 2 - 1 / 5))


@given(aperture=st.floats(0.01, 0.5), focus=st.floats(1, 12))
def test_even_light_stays_even(aperture: float, focus: float) -> None:
    grey = np.full_like(NOISE, 120)
    assert np.abs(refocus(grey, STEP, focus, aperture).astype(int) - 120).max() <= 1


# Other views


def _column(view: Pixels, row: int = 30) -> float:
    """Where the white thing of a row is."""
    weights = view[row, :, 0].astype(float)
    return float((np.arange(WIDTH) * weights).sum() / weights.sum())


@pytest.mark.parametrize("baseline", [0.1, -0.1, 0.05])
def test_things_move_by_focal_times_baseline_over_depth(baseline: float) -> None:
    photo = np.zeros_like(NOISE)
    photo[BOARD] = 255
    moved = _column(photo) - _column(shifted(photo, STEP, baseline, np.inf))
    assert moved == pytest.approx(FOCAL * baseline / 2, abs=0.3)


def test_nearer_things_move_more() -> None:
    moves = []
    for metres in (2.0, 4.0, 8.0):
        photo = np.zeros_like(NOISE)
        photo[BOARD] = 255
        depth = _map(np.where(BOARD, metres, 20.0))
        moves.append(_column(photo) - _column(shifted(photo, depth, 0.1, np.inf)))
    assert moves[0] > moves[1] + 1 > moves[2] + 1
    assert moves[2] > 0


def test_the_screen_stays_and_both_sides_of_it_move_apart() -> None:
    left, right = np.hsplit(
        stereo(np.where(BOARD[..., None], 255, 0).repeat(3, 2).astype(np.uint8), STEP, 0.1, 2.0), 2
    )
    np.testing.assert_array_equal(left[BOARD], 255)
    np.testing.assert_array_equal(right[BOARD], 255)


def test_the_near_covers_the_far_and_what_it_uncovers_is_wall() -> None:
    photo = np.full_like(NOISE, 60)
    photo[BOARD] = 255
    view = shifted(photo, STEP, 0.2, np.inf)
    row = view[30, :, 0]
    assert (row > 200).sum() == pytest.approx(20, abs=2)  # the board keeps its width
    assert row[50:].max() < 130  # uncovered: wall, not a smear of the board


def test_a_red_cyan_picture_is_made_of_both_views() -> None:
    left, right = np.hsplit(stereo(NOISE, STEP, 0.1, 5.0), 2)
    both = anaglyph(NOISE, STEP, 0.1, 5.0)
    np.testing.assert_array_equal(both[..., 0], left[..., 0])
    np.testing.assert_array_equal(both[..., 1:], right[..., 1:])


def test_a_sway_goes_to_both_sides_and_back() -> None:
    photo = np.zeros_like(NOISE)
    photo[BOARD] = 255
    where = [_column(view) for view in parallax(photo, STEP, 0.2, np.inf, 8)]
    assert where[0] == where[4] == _column(photo)
    assert where[2] == pytest.approx(where[0] - FOCAL * 0.1 / 2, abs=0.3)
    assert where[6] == pytest.approx(where[0] + FOCAL * 0.1 / 2, abs=0.3)


# What is refused


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: refocus(NOISE, DEPTH, 0.0, 0.1),
        lambda: refocus(NOISE, DEPTH, 2.0, -0.1),
        lambda: fog(NOISE, DEPTH, -1.0),
        lambda: fog(NOISE, DEPTH, float("inf")),
        lambda: density_of(0.0),
        lambda: shifted(NOISE, DEPTH, 5.0, 3.0),
        lambda: shifted(NOISE, DEPTH, 0.1, 0.0),
        lambda: list(parallax(NOISE, DEPTH, 0.1, 3.0, 1)),
    ],
)
def test_impossible_numbers_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ConfigError):
        wrong()


def test_maps_without_metres_or_camera_are_refused() -> None:
    affine = DepthMap(np.ones((HEIGHT, WIDTH)), "affine_disparity")
    with pytest.raises(DepthMapError, match="not metres"):
        fog(NOISE, affine, 0.1)
    with pytest.raises(DepthMapError, match="no camera"):
        shifted(NOISE, DepthMap(np.ones((HEIGHT, WIDTH)), "metric"), 0.1, 2.0)
    with pytest.raises(DepthMapError, match="no pixel"):
        fog(NOISE, DepthMap(np.zeros((HEIGHT, WIDTH)), "metric"), 0.1)
    with pytest.raises(DepthMapError, match="expected uint8"):
        fog(NOISE[:5], DEPTH, 0.1)
