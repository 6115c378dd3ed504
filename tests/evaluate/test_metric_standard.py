"""Standard metrics against numbers worked out by hand, a slow twin, and what must not change them."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from metric_slow import standard_slowly

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.evaluate.align import align
from onedepth.evaluate.metrics import METRICS, Case, compute, depth_metrics
from onedepth.evaluate.metrics.standard import standard

Depths = npt.NDArray[np.float64]
STANDARD = [name for name, metric in METRICS.items() if metric.function is standard]
PERFECT = {name: float(METRICS[name].higher_is_better) for name in STANDARD}
RELATIVE = {"sq_rel": 1, "mae": 1, "rmse": 1, "imae": -1, "irmse": -1}  # power of the unit of length

depths = st.floats(0.01, 200.0)
pairs = npst.arrays(np.float64, st.tuples(st.just(2), st.integers(1, 30)), elements=depths)

# 2x2 images, row by row: truth, prediction, and metrics worked out by hand.
BY_HAND = {
    # errors 0, 0.5, -2, 0; ratios 1, 1.25 (not below 1.25), 2, 1; ln ratios 0, ln 1.25, -ln 2, 0
    "near and far": (
        [1.0, 2.0, 4.0, 5.0],
        [1.0, 2.5, 2.0, 5.0],
        {
            "abs_rel": (0 + 0.25 + 0.5 + 0) / 4,
            "sq_rel": (0.25 / 2 + 4 / 4) / 4,
            "sq_rel_squared": (0.25 / 4 + 4 / 16) / 4,
            "mae": 2.5 / 4,
            "rmse": math.sqrt((0.25 + 4.0) / 4),
            "rmse_log": math.sqrt((0.0497930 + 0.4804530) / 4),
            "log10": (0.09691001 + 0.30103) / 4,
            "silog": 34.4607,  # 100 sqrt((0.0497930 + 0.4804530) / 4 - ((0.2231436 - 0.6931472) / 4)^2)
            "rmse_log_scale_invariant": 0.344607,
            "imae": (100 + 250) / 4,  # 1/km: 400 for 500, 500 for 250
            "irmse": math.sqrt((100**2 + 250**2) / 4),
            "kitti_abs_rel": 18.75,
            "kitti_sq_rel": 100 * (0.25 / 4 + 4 / 16) / 4,
            "delta_1.05": 0.5,
            "delta_1.10": 0.5,
            "delta1": 0.5,
            "delta2": 0.75,
            "delta3": 0.75,
            "bad_1.25": 25.0,  # 1.25 is neither below nor above
        },
    ),
    # everything twice as far: ln ratio ln 2 everywhere, so no variance
    "twice": (
        [1.0, 2.0, 3.0, 4.0],
        [2.0, 4.0, 6.0, 8.0],
        {
            "abs_rel": 1.0,
            "sq_rel": 2.5,
            "sq_rel_squared": 1.0,
            "rmse": math.sqrt((1 + 4 + 9 + 16) / 4),
            "rmse_log": math.log(2),
            "log10": 0.30103,
            "silog": 0.0,
            "imae": 1000 * (1 / 2 + 1 / 4 + 1 / 6 + 1 / 8) / 4,
            "delta3": 0.0,
            "bad_1.25": 100.0,
        },
    ),
    # ratios 1.2, 1.5, 1.9, 2.0: one below 1.25, two below 1.5625, three below 1.953125
    "thresholds": (
        [10.0, 10.0, 10.0, 10.0],
        [12.0, 15.0, 19.0, 20.0],
        {
            "abs_rel": (0.2 + 0.5 + 0.9 + 1.0) / 4,
            "log10": (0.0791812 + 0.1760913 + 0.2787536 + 0.30103) / 4,
            "silog": 20.3589,  # 100 sqrt(1.0900726 / 4 - (1.9227878 / 4)^2), of the four natural logarithms
            "delta_1.10": 0.0,
            "delta1": 0.25,
            "delta2": 0.5,
            "delta3": 0.75,
            "bad_1.25": 75.0,
        },
    ),
    "close": (
        [10.0, 10.0, 10.0, 10.0],
        [10.4, 9.6, 10.8, 9.0],  # ratios 1.04, 1.0417, 1.08, 1.1111
        {"delta_1.05": 0.5, "delta_1.10": 0.75, "delta1": 1.0, "mae": 0.65, "bad_1.25": 0.0},
    ),
}


def square(values: list[float]) -> npt.NDArray[np.float32]:
    return np.array(values, np.float32).reshape(2, 2)


@pytest.mark.parametrize("case", BY_HAND)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_metrics_are_what_they_are_by_hand(case: str, dtype: type) -> None:
    truth, prediction, expected = BY_HAND[case]
    found = depth_metrics(square(prediction).astype(dtype), square(truth).astype(dtype))
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(pairs)
def test_metrics_are_those_of_a_plain_loop(pair: Depths) -> None:
    assert depth_metrics(*pair) == pytest.approx(standard_slowly(*pair), rel=1e-9, abs=1e-5)


def test_a_float32_map_of_several_blocks_is_that_of_a_plain_loop_to_a_millionth() -> None:
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.5, 80, (301, 333)).astype(np.float32)
    prediction = (truth * rng.lognormal(0, 0.1, truth.shape)).astype(np.float32)
    slow = standard_slowly(prediction.ravel(), truth.ravel())
    assert depth_metrics(prediction, truth) == pytest.approx(slow, rel=1e-6)


@given(pairs)
def test_a_perfect_prediction_is_perfect(pair: Depths) -> None:
    assert depth_metrics(pair[0], pair[0]) == PERFECT
    assert depth_metrics(pair[0].astype(np.float32), pair[0].astype(np.float32)) == PERFECT


def test_no_pixel_gives_no_number() -> None:
    assert depth_metrics(np.empty(0), np.empty(0)) == {}
    nothing = Case(square([1, 2, 3, 4]), square([1, 2, 3, 4]), np.zeros((2, 2), np.bool_))
    assert nothing.empty
    assert compute(STANDARD, nothing) == {}


@given(pairs, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_lengths_scale_with_their_unit_and_nothing_else_does(pair: Depths, unit: float) -> None:
    before, after = depth_metrics(*pair), depth_metrics(*(pair * unit))
    expected = {name: value * unit ** RELATIVE.get(name, 0) for name, value in before.items()}
    assert after == pytest.approx(expected, rel=1e-6, abs=1e-5)


@given(pairs)
def test_ratios_and_logarithms_know_no_direction(pair: Depths) -> None:
    forth, back = depth_metrics(*pair), depth_metrics(*pair[::-1])
    for name in set(STANDARD) - {"abs_rel", "sq_rel", "sq_rel_squared", "kitti_abs_rel", "kitti_sq_rel"}:
        assert forth[name] == pytest.approx(back[name], rel=1e-9, abs=1e-5)


@given(pairs, st.floats(0.2, 5.0))
def test_silog_knows_no_scale(pair: Depths, scale: float) -> None:
    prediction, truth = pair
    one, other = (depth_metrics(p, truth)["silog"] for p in (prediction, scale * prediction))
    assert one == pytest.approx(other, abs=1e-3)


@given(pairs, st.integers(0, 99))
def test_the_order_of_pixels_is_nothing(pair: Depths, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(pair.shape[1])
    assert depth_metrics(*pair) == pytest.approx(depth_metrics(*pair[:, order]), rel=1e-9, abs=1e-5)


def test_float32_depths_are_averaged_in_double() -> None:
    truth = np.full(1_000_003, 10.0, np.float32)
    prediction = truth.copy()
    prediction[::7] += np.float32(0.5)
    exact = 0.05 * len(truth[::7]) / len(truth)
    assert depth_metrics(prediction, truth)["abs_rel"] == pytest.approx(exact, rel=1e-7)


@given(npst.arrays(np.float32, (3, 4, 5), elements=st.floats(0.5, 50, width=32)), st.integers(0, 2**20 - 1))
def test_what_is_masked_out_is_nothing(rasters: npt.NDArray[np.float32], bits: int) -> None:
    prediction, truth, noise = rasters
    mask = ((bits >> np.arange(20)) & 1).astype(bool).reshape(4, 5)
    expected = depth_metrics(prediction[mask], truth[mask])
    for rubbish in (noise, np.float32(np.nan), np.float32(0), np.float32(-1)):
        spoilt = Case(np.where(mask, prediction, rubbish), np.where(mask, truth, rubbish), mask)
        assert compute(STANDARD, spoilt) == expected


def test_a_case_is_aligned_then_clamped() -> None:
    truth, prediction = square([2, 4, 6, 8]), square([1, 2, 3, 40])
    case = Case(prediction, truth, np.ones((2, 2), np.bool_))
    fit = align("median", case.predicted_pixels, case.true_pixels)
    aligned = case.aligned(fit, 2.5, 10.0)  # factor 2
    np.testing.assert_array_equal(aligned.depth, square([2.5, 4, 6, 10]))
    np.testing.assert_array_equal(aligned.pixels, [2.5, 4, 6, 10])
    assert compute(["mae"], aligned) == {"mae": pytest.approx(2.5 / 4)}
    np.testing.assert_array_equal(case.depth, prediction)
    np.testing.assert_array_equal(prediction, square([1, 2, 3, 40]))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_depths_that_are_none_are_refused_and_counted(value: float) -> None:
    good, bad = square([1, 2, 3, 4]), square([1, value, 3, 4])
    everything = np.ones((2, 2), np.bool_)
    for case, what in ((Case(bad, good, everything), "prediction"), (Case(good, bad, everything), "truth")):
        with pytest.raises(DataError, match=f"{what}: 1 of 4 pixels"):
            compute(["abs_rel"], case)


def test_what_does_not_fit_together_is_refused() -> None:
    good, everything = square([1, 2, 3, 4]), np.ones((2, 2), np.bool_)
    with pytest.raises(DataError, match="prediction: has shape"):
        Case(np.ones((2, 3), np.float32), good, everything)
    with pytest.raises(DataError, match="mask: found uint8"):
        Case(good, good, everything.astype(np.uint8))
    with pytest.raises(DataError, match="camera: is for 9x9"):
        Case(good, good, everything, Camera.from_focal(5, 9, 9))
    with pytest.raises(DataError, match="metric: found 'absrel'"):
        compute(["absrel"], Case(good, good, everything))
    with pytest.raises(DataError, match="has shape"):
        depth_metrics(good, good[:1])


def test_a_case_of_several_blocks_is_that_of_its_pixels() -> None:
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.5, 20, (400, 500)).astype(np.float32)
    prediction = (0.3 * truth * rng.lognormal(0, 0.2, truth.shape)).astype(np.float32)
    case = Case(prediction, truth, rng.random(truth.shape) > 0.1)
    fit = align("scale_shift_disparity", case.predicted_pixels, case.true_pixels, cap=10)
    aligned = case.aligned(fit, 1.0, 9.0)
    expected = depth_metrics(np.clip(fit.apply(prediction[case.mask]), 1, 9), truth[case.mask])
    assert compute(STANDARD, aligned) == pytest.approx(expected, rel=1e-7)
    np.testing.assert_array_equal(aligned.depth[case.mask], aligned.pixels)
    assert aligned.depth.min() >= 1
