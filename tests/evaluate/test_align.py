"""Alignments: what they bring about, what they do not see, and what they refuse."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from onedepth.depthmap import Kind
from onedepth.errors import DataError
from onedepth.evaluate.align import ALIGNMENTS, Fit, align, align_sequence
from onedepth.evaluate.metrics import depth_metrics
from onedepth.evaluate.select import median

Depths = npt.NDArray[np.float64]
CAP = 1000.0
IMAGE = [name for name, alignment in ALIGNMENTS.items() if not alignment.per_sequence]
SEQUENCE = [name for name, alignment in ALIGNMENTS.items() if alignment.per_sequence]
ALIGNING = [name for name in IMAGE if name != "none"]
SHIFTING = [name for name in ALIGNING if "shift" in name]
DISPARITY = [name for name in IMAGE if ALIGNMENTS[name].space == "disparity"]

depths = st.floats(0.1, 100.0)
pairs = npst.arrays(np.float64, st.tuples(st.just(2), st.integers(3, 25)), elements=depths)
scales = st.floats(0.01, 100.0)


def _varied(seed: int, number: int) -> Depths:
    return np.exp(np.random.default_rng(seed).uniform(math.log(0.5), math.log(50.0), (2, number)))


# Depths that differ, so that even a robust spread is one.
varied_pairs = st.builds(_varied, st.integers(0, 2**32), st.integers(5, 25))


def depth_of(fit: Fit, values: Depths) -> Depths:
    return fit.apply(values).astype(np.float64)


def test_by_hand() -> None:
    prediction, truth = np.array([1.0, 3.0, 5.0, 100.0]), np.array([2.0, 6.0, 10.0, 11.0])
    expected = {
        "none": (1.0, 0.0),
        "median": (2.0, 0.0),  # medians 4 and 8
        "scale": ((2 + 18 + 50 + 1100) / (1 + 9 + 25 + 10000), 0.0),
        "log": ((2 * 2 * 2 * 0.11) ** 0.25, 0.0),
        "scale_l1": (0.11, 0.0),  # weights 1/2 three times and 100/11: the last ratio has over half of it
        # medians 4 and 8; mean deviations (3 + 1 + 1 + 96) / 4 and (6 + 2 + 2 + 3) / 4
        "scale_shift_robust": (13 / 101, 8 - 4 * 13 / 101),
    }
    for name, (scale, shift) in expected.items():
        fit = align(name, prediction, truth)
        assert (fit.scale, fit.shift) == pytest.approx((scale, shift)), name
        np.testing.assert_allclose(fit.apply(prediction), scale * prediction + shift, rtol=1e-6)


def test_disparity_by_hand() -> None:
    """Disparities 1, 2, 3 for true depths 1, 1/2, 1/4: slope 3/2, shift 7/3 - 3; then the floor of 1/cap."""
    fit = align(
        "scale_shift_disparity",
        np.array([1.0, 2, 3]),
        np.array([1, 0.5, 0.25]),
        kind="affine_disparity",
        cap=5,
    )
    assert (fit.scale, fit.shift) == pytest.approx((1.5, 7 / 3 - 3))
    expected = [1 / (1.5 - 2 / 3), 1 / (4.5 - 2 / 3), 5.0, 5.0]  # floor: 0.1 * 1.5 - 2/3 < 1/5
    np.testing.assert_allclose(fit.apply([1.0, 3.0, 0.1, -7.0]), expected, rtol=1e-6)


def test_depth_predictions_are_inverted_before_they_are_aligned_in_disparity() -> None:
    truth = np.array([1.0, 2.0, 4.0])
    fit = align("scale_shift_disparity", 1 / (3 / truth + 0.5), truth, kind="scaled", cap=80)
    assert (fit.scale, fit.shift) == pytest.approx((1 / 3, -0.5 / 3))
    np.testing.assert_allclose(fit.apply(1 / (3 / truth + 0.5)), truth, rtol=1e-5)
    assert np.isnan(fit.apply([0.0, -1.0])).all()


@given(varied_pairs)
def test_lines_are_those_of_numpy(pair: Depths) -> None:
    prediction, truth = pair
    for x, y, options in (
        (prediction, truth, ("scale_shift", "metric")),
        (prediction, 1 / truth, ("scale_shift_disparity", "affine_disparity")),
        (1 / prediction, 1 / truth, ("scale_shift_disparity", "scaled")),
    ):
        slope, shift = np.polyfit(x, y, 1)
        fit = align(options[0], prediction, truth, kind=options[1], cap=CAP)
        assert fit.ok == (slope > 0) or abs(slope) < 1e-9
        if fit.ok:
            assert (fit.scale, fit.shift) == pytest.approx((slope, shift), rel=1e-6, abs=1e-6)


@given(pairs)
def test_least_squares_factors_are_those_of_numpy(pair: Depths) -> None:
    prediction, truth = pair
    expected = np.linalg.lstsq(prediction[:, None], truth, rcond=None)[0][0]
    assert align("scale", prediction, truth).scale == pytest.approx(expected)
    expected = np.exp(np.mean(np.log(truth) - np.log(prediction)))
    assert align("log", prediction, truth).scale == pytest.approx(expected)


@given(pairs, scales)
def test_no_factor_has_a_lower_abs_rel_than_scale_l1(pair: Depths, other: float) -> None:
    prediction, truth = pair
    fit = align("scale_l1", prediction, truth)

    def abs_rel(scale: float) -> float:
        return float(np.mean(np.abs(scale * prediction - truth) / truth))

    for factor in (other, 0.99, 1.01, 0.9, 1.1):
        assert abs_rel(fit.scale) <= abs_rel(factor * fit.scale) + 1e-9


@pytest.mark.parametrize("name", SHIFTING)
@given(pair=varied_pairs, scale=st.floats(0.1, 10), shift=st.floats(-1, 1))
def test_an_affine_change_of_a_right_prediction_is_undone(
    name: str, pair: Depths, scale: float, shift: float
) -> None:
    truth = pair[0]
    disparity = name in DISPARITY
    prediction = scale * (1 / truth if disparity else truth) + shift
    kind: Kind = "affine_disparity" if disparity else "scaled"
    fit = align(name, prediction, truth, kind=kind, cap=CAP)
    assert fit.ok, fit.reason
    np.testing.assert_allclose(fit.apply(prediction), truth, rtol=2e-3)


@pytest.mark.parametrize("name", ALIGNING)
@given(pair=varied_pairs, scale=scales)
def test_the_scale_of_the_prediction_is_nothing(name: str, pair: Depths, scale: float) -> None:
    prediction, truth = pair
    one, other = (align(name, p, truth, kind="scaled", cap=CAP) for p in (prediction, scale * prediction))
    assert one.ok == other.ok or abs(one.scale) < 1e-6 or math.isnan(one.scale)
    if one.ok and other.ok:
        np.testing.assert_allclose(
            other.apply(scale * prediction), one.apply(prediction), rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize("name", ALIGNING)
def test_a_right_prediction_stays_as_it_is(name: str) -> None:
    truth = np.random.default_rng(1).uniform(1, 20, 500)
    for kind in sorted(ALIGNMENTS[name].kinds):
        prediction = 1 / truth if kind == "affine_disparity" else truth
        fit = align(name, prediction, truth, kind=kind, cap=CAP)
        assert (fit.scale, fit.shift) == pytest.approx((1, 0), abs=1e-9)
        scores = depth_metrics(fit.apply(prediction), truth.astype(np.float32))
        assert scores["abs_rel"] == pytest.approx(0, abs=1e-6)
        assert scores["delta_1.05"] == 1


@pytest.mark.parametrize("name", [name for name in SHIFTING if "trimmed" in name])
def test_a_fifth_of_rubbish_does_not_move_a_trimmed_fit(name: str) -> None:
    truth = np.random.default_rng(2).uniform(1, 20, 1000)
    disparity = name in DISPARITY
    prediction = 2 * (1 / truth if disparity else truth) + 0.25
    prediction[:190] = np.random.default_rng(3).uniform(prediction.min(), prediction.max(), 190)
    kind: Kind = "affine_disparity" if disparity else "scaled"
    fit = align(name, prediction, truth, kind=kind, cap=CAP)
    assert (fit.scale, fit.shift) == pytest.approx((0.5, -0.125), rel=1e-6)
    plain = align(name.replace("_trimmed", ""), prediction, truth, kind=kind, cap=CAP)
    assert abs(plain.scale - 0.5) > 0.01


def test_disparity_aligned_as_depth_is_refused_and_would_be_wrong() -> None:
    """A perfect affine disparity, depths log-uniform in 1 to 80 m, as depth toolkits would score it."""
    truth = np.exp(np.random.default_rng(0).uniform(0, np.log(80), 5000))
    disparity = 3 / truth + 0.7
    right = align("scale_shift_disparity", disparity, truth, kind="affine_disparity", cap=80)
    assert depth_metrics(right.apply(disparity), truth)["abs_rel"] < 1e-4
    for name in set(IMAGE) - set(DISPARITY):
        with pytest.raises(DataError, match="makes no sense for a prediction of kind affine_disparity"):
            align(name, disparity, truth, kind="affine_disparity")
    wrong = np.clip(np.polyval(np.polyfit(disparity, truth, 1), disparity), 1e-3, 80)
    assert depth_metrics(wrong, truth)["abs_rel"] > 0.5


@pytest.mark.parametrize("name", IMAGE)
def test_no_pixel_is_no_fit(name: str) -> None:
    fit = align(name, np.empty(0), np.empty(0), cap=CAP)
    assert not fit.ok
    assert fit.reason == "no valid pixel"
    with pytest.raises(DataError, match="no valid pixel"):
        fit.apply(np.ones(3))


@pytest.mark.parametrize(
    ("name", "prediction", "truth", "reason"),
    [
        ("median", [0.0, 0.0], [1.0, 2.0], "median is 0, not above 0"),
        ("median", [-1.0, -2.0], [1.0, 2.0], "median is -1.5, not above 0"),
        ("median", [1.0, np.nan], [1.0, 2.0], "NaN or infinite at 1 of 2 pixels"),
        ("none", [1.0, np.inf], [1.0, 2.0], "NaN or infinite at 1 of 2 pixels"),
        ("scale", [0.0, 0.0], [1.0, 2.0], "0 everywhere"),
        ("scale", [-1.0, -1.0], [1.0, 2.0], "not above 0"),
        ("log", [1.0, 0.0], [1.0, 2.0], "above 0 everywhere"),
        ("scale_l1", [1.0, 0.0], [1.0, 2.0], "above 0 everywhere"),
        ("scale_shift", [1.0], [1.0], "2 pixels, found 1"),
        ("scale_shift", [3.0, 3.0, 3.0], [1.0, 2.0, 3.0], "prediction is the same everywhere"),
        ("scale_shift", [1.0, 2.0, 3.0], [3.0, 3.0, 3.0], "truth is the same everywhere"),
        ("scale_shift", [1.0, 2.0, 3.0], [3.0, 2.0, 1.0], "scale is -1, not above 0"),
        ("scale_shift_robust", [1.0], [1.0], "2 pixels"),
        ("scale_shift_robust", [3.0, 3.0], [1.0, 2.0], "prediction is the same everywhere"),
        ("scale_shift_trimmed", [3.0, 3.0], [1.0, 2.0], "prediction is the same everywhere"),
        ("scale_shift_disparity", [1.0, 0.0], [1.0, 2.0], "not above 0 everywhere"),
        ("scale_shift_disparity", [1.0, 2.0, 3.0], [3.0, 2.0, 1.0], "not above 0"),
        ("scale_shift_disparity", [0.1, 0.1, 0.1], [3.0, 2.0, 1.0], "prediction is the same everywhere"),
    ],
)
def test_what_has_no_fit_says_why(
    name: str, prediction: list[float], truth: list[float], reason: str
) -> None:
    fit = align(name, np.array(prediction, np.float32), np.array(truth, np.float32), cap=80)
    assert not fit.ok
    assert reason in fit.reason
    assert math.isnan(fit.scale)


def test_a_fallback_is_stated() -> None:
    truth = np.array([3.0, 2.0, 1.0])
    fit = align("scale_shift_else_median", np.array([1.0, 2.0, 3.0]), truth)
    assert (fit.ok, fit.scale, fit.shift) == (True, 1.0, 0.0)
    assert "fell back: the scale is -1" in fit.reason
    assert align("scale_shift_else_median", truth, truth).reason == ""
    hopeless = align("scale_shift_else_median", -truth, truth)
    assert not hopeless.ok
    assert "median" in hopeless.reason


def test_wrong_questions_are_refused() -> None:
    one = np.ones(3)
    for arguments, message in (
        (("median", one, np.ones(4)), "has 3 pixels but the truth has 4"),
        (("median", one, np.array([1.0, 0.0, 1.0])), "truth: has pixels that are not"),
        (("median", one, np.array([1.0, np.nan, 1.0])), "truth: has pixels that are not"),
        (("affine", one, one), "found 'affine', expected one of none, median"),
        (("scale_shift_disparity", one, one), "needs the largest depth in metres as cap, found None"),
        (("sequence_median", one, one), "use align_sequence"),
    ):
        with pytest.raises(DataError, match=message):
            align(*arguments)
    with pytest.raises(DataError, match="only for metric"):
        align("none", one, one, kind="scaled")
    with pytest.raises(DataError, match="use align"):
        align_sequence("median", [(one, one)])


@pytest.mark.parametrize("name", SEQUENCE)
@given(pair=varied_pairs, cut=st.integers(1, 24))
def test_a_sequence_is_its_pixels_pooled(name: str, pair: Depths, cut: int) -> None:
    prediction, truth = pair
    frames = [(prediction[:cut], truth[:cut]), (np.empty(0), np.empty(0)), (prediction[cut:], truth[cut:])]
    fit = align_sequence(name, iter(frames), kind="scaled", cap=CAP)
    if name == "sequence_median":
        ratios = [np.median(t) / np.median(p) for p, t in frames if p.size]
        assert fit.scale == pytest.approx(np.median(ratios))
        return
    pooled = align(name.removeprefix("sequence_"), prediction, truth, kind="scaled", cap=CAP)
    assert fit.ok == pooled.ok or abs(pooled.scale) < 1e-9
    if pooled.ok:
        assert (fit.scale, fit.shift) == pytest.approx((pooled.scale, pooled.shift), rel=1e-6, abs=1e-9)


def test_an_empty_or_unusable_sequence_has_no_fit() -> None:
    for name in SEQUENCE:
        assert align_sequence(name, [], cap=CAP).reason == "no valid pixel"
        frames = [(np.ones(2), np.ones(2)), (np.array([1.0, np.nan]), np.ones(2))]
        assert "NaN or infinite" in align_sequence(name, frames, cap=CAP).reason


@pytest.mark.parametrize("number", [0, 1, 2, 7, 20_000, 20_001])
@pytest.mark.parametrize("how", ["random", "sorted", "same", "two", "far"])
def test_the_median_is_that_of_numpy(number: int, how: str) -> None:
    values = np.random.default_rng(number).lognormal(0, 1, number).astype(np.float32)
    if how == "sorted":
        values.sort()
    elif how == "same":
        values[:] = 3
    elif how == "two":
        values[:] = np.where(np.arange(number) % 2, 1, 2)
    elif how == "far":  # the sample, every 4th or 5th value, sees none of the middle
        values[:: max(number // 4096, 1)] = 1000
    expected = np.median(values.astype(np.float64)) if number else np.nan
    np.testing.assert_equal(median(values), expected)
