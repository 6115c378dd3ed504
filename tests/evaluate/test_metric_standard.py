"""Metrics against numbers worked out by hand, a slow twin, and what must not change them."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from onedepth.evaluate.metrics import depth_metrics

Depths = npt.NDArray[np.float64]
PERFECT = {"abs_rel": 0, "rmse": 0, "log10": 0, "silog": 0, "delta1": 1, "delta2": 1, "delta3": 1}

depths = st.floats(0.01, 200.0)
pairs = npst.arrays(np.float64, st.tuples(st.just(2), st.integers(1, 30)), elements=depths)

# 2x2 images, row by row: truth, prediction, and every metric worked out by hand.
BY_HAND = {
    # errors 0, 0.5, -2, 0; ratios 1, 1.25 (not below 1.25), 2, 1; ln ratios 0, ln 1.25, -ln 2, 0
    "near and far": (
        [1.0, 2.0, 4.0, 5.0],
        [1.0, 2.5, 2.0, 5.0],
        {
            "abs_rel": (0 + 0.25 + 0.5 + 0) / 4,
            "rmse": math.sqrt((0.25 + 4.0) / 4),
            "log10": (0.09691001 + 0.30103) / 4,
            "silog": 34.4607,  # 100 sqrt((0.0497930 + 0.4804530) / 4 - ((0.2231436 - 0.6931472) / 4)^2)
            "delta1": 0.5,
            "delta2": 0.75,
            "delta3": 0.75,
        },
    ),
    # everything twice as far: ln ratio ln 2 everywhere, so no variance
    "twice": (
        [1.0, 2.0, 3.0, 4.0],
        [2.0, 4.0, 6.0, 8.0],
        {
            "abs_rel": 1.0,
            "rmse": math.sqrt((1 + 4 + 9 + 16) / 4),
            "log10": 0.30103,
            "silog": 0.0,
            "delta1": 0.0,
            "delta2": 0.0,
            "delta3": 0.0,
        },
    ),
    # ratios 1.2, 1.5, 1.9, 2.0: one below 1.25, two below 1.5625, three below 1.953125
    "thresholds": (
        [10.0, 10.0, 10.0, 10.0],
        [12.0, 15.0, 19.0, 20.0],
        {
            "abs_rel": (0.2 + 0.5 + 0.9 + 1.0) / 4,
            "rmse": math.sqrt((4 + 25 + 81 + 100) / 4),
            "log10": (0.0791812 + 0.1760913 + 0.2787536 + 0.30103) / 4,
            "silog": 20.3589,  # 100 sqrt(1.0900726 / 4 - (1.9227878 / 4)^2), of the four natural logarithms
            "delta1": 0.25,
            "delta2": 0.5,
            "delta3": 0.75,
        },
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_metrics_are_what_they_are_by_hand(case: str) -> None:
    truth, prediction, expected = BY_HAND[case]
    found = depth_metrics(np.array(prediction).reshape(2, 2), np.array(truth).reshape(2, 2))
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-12)


def metrics_slowly(prediction: Depths, truth: Depths) -> dict[str, float]:
    n = len(truth)
    total = dict.fromkeys(PERFECT, 0.0)
    logs = [math.log(z) - math.log(t) for z, t in zip(prediction, truth, strict=True)]
    for z, t in zip(prediction, truth, strict=True):
        total["abs_rel"] += abs(z - t) / t / n
        total["rmse"] += (z - t) ** 2 / n
        total["log10"] += abs(math.log10(z) - math.log10(t)) / n
        for k in (1, 2, 3):
            total[f"delta{k}"] += (max(z / t, t / z) < 1.25**k) / n
    mean = sum(logs) / n
    total["silog"] = 100 * math.sqrt(sum((value - mean) ** 2 for value in logs) / n)
    total["rmse"] = math.sqrt(total["rmse"])
    return total


@given(pairs)
def test_metrics_are_those_of_a_plain_loop(pair: Depths) -> None:
    assert depth_metrics(*pair) == pytest.approx(metrics_slowly(*pair), rel=1e-6, abs=1e-4)


@given(pairs)
def test_a_perfect_prediction_is_perfect(pair: Depths) -> None:
    assert depth_metrics(pair[0], pair[0]) == PERFECT
    assert depth_metrics(pair[0].astype(np.float32), pair[0].astype(np.float32)) == PERFECT


def test_no_pixel_gives_no_number() -> None:
    assert depth_metrics(np.empty(0), np.empty(0)) == {}


@given(pairs, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_only_rmse_has_a_unit(pair: Depths, unit: float) -> None:
    before, after = depth_metrics(*pair), depth_metrics(*(pair * unit))
    assert after.pop("rmse") == pytest.approx(unit * before.pop("rmse"))
    assert after == pytest.approx(before, rel=1e-6, abs=1e-5)


@given(pairs)
def test_ratios_and_logarithms_know_no_direction(pair: Depths) -> None:
    forth, back = depth_metrics(*pair), depth_metrics(*pair[::-1])
    for name in ("rmse", "log10", "silog", "delta1", "delta2", "delta3"):
        assert forth[name] == pytest.approx(back[name], abs=1e-5)


@given(pairs, st.floats(0.2, 5.0))
def test_silog_knows_no_scale(pair: Depths, scale: float) -> None:
    prediction, truth = pair
    one, other = (depth_metrics(p, truth)["silog"] for p in (prediction, scale * prediction))
    assert one == pytest.approx(other, abs=1e-3)


@given(pairs, st.integers(0, 99))
def test_the_order_of_pixels_is_nothing(pair: Depths, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(pair.shape[1])
    assert depth_metrics(*pair) == pytest.approx(depth_metrics(*pair[:, order]), rel=1e-9, abs=1e-6)


def test_float32_depths_are_averaged_in_double() -> None:
    truth = np.full(1_000_003, 10.0, np.float32)
    prediction = truth.copy()
    prediction[::7] += np.float32(0.5)
    exact = 0.05 * len(truth[::7]) / len(truth)
    assert depth_metrics(prediction, truth)["abs_rel"] == pytest.approx(exact, rel=1e-9)
