"""Median alignment: what it brings about and what it does not see."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from onedepth.evaluate.align import align_median
from onedepth.evaluate.metrics import depth_metrics

Depths = npt.NDArray[np.float64]
depths = st.floats(0.01, 200.0)
pairs = npst.arrays(np.float64, st.tuples(st.just(2), st.integers(1, 25)), elements=depths)
scales = st.floats(0.01, 100.0)


def test_by_hand() -> None:
    aligned = align_median(np.array([[1.0, 3.0], [5.0, 100.0]]), np.array([[2.0, 6.0], [10.0, 11.0]]))
    assert aligned.tolist() == [[2.0, 6.0], [10.0, 200.0]]  # medians 4 and 8


@given(pairs)
def test_medians_agree_afterwards(pair: Depths) -> None:
    assert np.median(align_median(*pair)) == pytest.approx(np.median(pair[1]))


@given(pairs, scales)
def test_the_scale_of_the_prediction_is_nothing(pair: Depths, scale: float) -> None:
    prediction, truth = pair
    np.testing.assert_allclose(align_median(scale * prediction, truth), align_median(prediction, truth))


@given(pairs, scales)
def test_the_scale_of_the_truth_is_everything(pair: Depths, scale: float) -> None:
    prediction, truth = pair
    np.testing.assert_allclose(
        align_median(prediction, scale * truth), scale * align_median(prediction, truth)
    )


@given(pairs)
def test_only_the_scale_changes(pair: Depths) -> None:
    ratio = align_median(*pair) / pair[0]
    np.testing.assert_allclose(ratio, ratio[0])
    np.testing.assert_allclose(align_median(align_median(*pair), pair[1]), align_median(*pair))


@given(pairs, scales)
def test_right_up_to_scale_is_right(pair: Depths, scale: float) -> None:
    truth = pair[0]
    scores = depth_metrics(align_median(scale * truth, truth), truth)
    assert scores["abs_rel"] == pytest.approx(0, abs=1e-9)
    assert scores["delta1"] == 1


def test_no_pixel_stays_no_pixel() -> None:
    assert align_median(np.empty(0), np.empty(0)).size == 0
