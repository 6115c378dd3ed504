"""One prediction against one truth: what counts, what is clamped, and what becomes of bad values."""

import numpy as np
import pytest
from eval_cases import HEIGHT, WIDTH, protocol, ramp
from hypothesis import given
from hypothesis import strategies as st

from onedepth.camera import Camera
from onedepth.depthmap import Kind
from onedepth.errors import DataError
from onedepth.evaluate.metrics import METRICS
from onedepth.evaluate.protocol import Protocol, load_protocol, protocol_names
from onedepth.evaluate.scoring import Score, pair, resized, score

NAN = float("nan")


def _scores(prediction: object, truth: object, rules: Protocol, kind: Kind = "metric") -> dict[str, Score]:
    arrays = (np.asarray(values, np.float32) for values in (prediction, truth))
    first, second = arrays
    camera = Camera.from_fov(60, *second.shape[::-1])
    return score(pair(first, kind, second, camera, rules), rules)


def _numbers(prediction: object, truth: object, **changes: object) -> dict[str, Score]:
    return _scores(prediction, truth, protocol(**({"metrics": ["abs_rel"]} | changes)))


def test_only_truth_in_range_and_window_counts_and_predictions_are_clamped() -> None:
    prediction = [[4.0, 30.0, 1.0, 1.0], [-3.0, 1.0, 1.0, 1.0]]
    truth = [[4.0, 9.0, NAN, 12.0], [4.0, 4.0, 4.0, 4.0]]
    span = {"floor": 0.001, "cap": 10, "ends": "closed"}
    first_row = [{"rows": [0, 1], "of": "pixels", "rounding": "nearest"}]
    found = _numbers(prediction, truth, range=span, crop=first_row)
    assert found["none"].values["abs_rel"] == pytest.approx((0 + 1 / 9) / 2)  # 30 m count as 10 m
    assert found["median"].values["abs_rel"] == pytest.approx((abs(4 * 6.5 / 17 - 4) / 4 + 1 / 9) / 2)
    assert found["none"].pixels == 2
    whole = _numbers(prediction[1:], truth[1:], range=span)
    assert whole["none"].values["abs_rel"] == pytest.approx((3.999 + 3 * 3) / 4 / 4)  # -3 m count as 1 mm
    assert whole["none"].not_positive == 1


def test_an_empty_mask_gives_no_number_and_says_so() -> None:
    found = _numbers(np.ones((2, 2)), np.full((2, 2), NAN))
    assert {name: s.values for name, s in found.items()} == {"none": {}, "median": {}}
    assert found["none"].reason == "no truth between 0.001 and 80 m"


def test_the_ends_of_the_range_count_as_stated() -> None:
    truth = [[1.0, 2.0, 3.0]]
    for ends, pixels in (("closed", 3), ("open", 1)):
        span = {"floor": 1, "cap": 3, "ends": ends}
        assert _numbers(truth, truth, range=span)["none"].pixels == pixels


@pytest.mark.parametrize(
    ("rule", "expected", "pixels"), [("cap", (9.0 + 0) / 2, 2), ("drop", 0.0, 1), ("refuse", None, 0)]
)
@pytest.mark.parametrize("bad", [NAN, np.inf, -np.inf])
def test_values_that_are_not_finite_cost_what_the_protocol_says(
    bad: float, rule: str, expected: float | None, pixels: int
) -> None:
    found = _numbers(
        [[bad, 8.0]],
        [[8.0, 8.0]],
        unusable={"not_finite": rule, "not_positive": "floor"},
    )["none"]
    assert found.not_finite == 1
    assert found.pixels == pixels
    if expected is None:
        assert found.values == {}
        assert found.reason == "prediction is not finite at 1 pixels"
    else:
        assert found.values["abs_rel"] == pytest.approx(expected)  # 80 m for 8 m is an error of 9


@pytest.mark.parametrize(("rule", "expected"), [("floor", 0.5 * 0.999875), ("drop", 0.0)])
def test_depths_at_or_below_zero_cost_what_the_protocol_says(rule: str, expected: float) -> None:
    rules = {"not_finite": "cap", "not_positive": rule}
    for bad in (0.0, -2.0):
        found = _numbers([[bad, 8.0]], [[8.0, 8.0]], unusable=rules)
        assert found["none"].values["abs_rel"] == pytest.approx(expected)
        assert found["none"].not_positive == 1
        assert found["median"].values["abs_rel"] == pytest.approx(expected)  # and take no part in the fit
        assert found["median"].fit is not None
        assert found["median"].fit.scale == pytest.approx(1)


def test_a_prediction_without_one_usable_value_has_no_number() -> None:
    assert _numbers([[NAN, NAN]], [[1.0, 1.0]])["none"].reason == "not one predicted value is usable"


def test_a_better_number_is_never_to_be_had_by_predicting_nothing() -> None:
    """Under every shipped protocol: pixels left open cost at least as much as a guess of the right order."""
    truth = ramp()
    whole = truth * np.float32(1.1)
    holes = whole.copy()
    holes[:, : WIDTH // 2] = NAN
    for name in protocol_names():
        rules = load_protocol(name)
        if rules.crop or "metric" not in rules.outputs or name.startswith("video"):
            continue
        for alignment, complete in _scores(whole, truth, rules).items():
            partial = _scores(holes, truth, rules)[alignment]
            if partial.values:
                metric = METRICS[rules.metrics[0]]
                worse = complete.values[rules.metrics[0]] - partial.values[rules.metrics[0]]
                assert (worse >= -1e-6) == metric.higher_is_better or worse <= 1e-6


@pytest.mark.parametrize("name", [n for n in protocol_names() if not n.startswith("video")])
def test_a_perfect_prediction_of_every_kind_scores_perfectly(name: str) -> None:
    rules = load_protocol(name)
    rules = rules.model_copy(update={"crop": ()})
    truth = ramp(4.0, 8.0)
    truth[10:30, 20:40] = 2.0  # an edge for every threshold of the boundary metrics
    perfect = {"metric": truth, "scaled": truth * 0.37, "affine_disparity": 5 - 3 + 7 / truth}
    for kind in rules.outputs:
        for alignment, found in _scores(perfect[kind], truth, rules, kind).items():
            assert found.reason is None, (kind, alignment)
            for metric, value in found.values.items():
                best = (100.0 if METRICS[metric].unit == "%" else 1.0) * METRICS[metric].higher_is_better
                assert value == pytest.approx(best, abs=2e-3), (kind, alignment, metric)


def test_disparity_taken_for_depth_would_have_scored_badly() -> None:
    """What the refusal protects from: a perfect disparity map, aligned as if it were depth."""
    truth = np.geomspace(1, 60, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    rules = protocol("midas-kitti", metrics=["abs_rel", "delta1"])
    right = _scores(1 / truth, truth, rules, "affine_disparity")["scale_shift_disparity"].values
    assert right == pytest.approx({"abs_rel": 0, "delta1": 1}, abs=1e-3)
    as_depth = protocol("metric3d-affine-eth3d", metrics=["abs_rel", "delta1"])
    wrong = _scores(1 / truth, truth, as_depth, "scaled")["scale_shift_else_median"].values
    assert wrong["abs_rel"] > 0.5
    assert wrong["delta1"] < 0.5


def test_sizes_that_differ_are_resized_as_stated_or_refused() -> None:
    small = np.array([[2.0, 4.0]], np.float32)
    bilinear = [[2.0, 2.5, 3.5, 4.0], [2.0, 2.5, 3.5, 4.0]]
    np.testing.assert_allclose(resized(small, (2, 4), "bilinear"), bilinear)
    np.testing.assert_allclose(resized(small, (2, 4), "nearest"), [[2, 2, 4, 4], [2, 2, 4, 4]])
    assert resized(small, (1, 2), "refuse") is small
    with pytest.raises(DataError, match="prediction is 2x1, the truth 4x2, and the protocol does not resize"):
        resized(small, (2, 4), "refuse")
    with pytest.raises(DataError, match="expected"):
        resized(small[None], (2, 4), "bilinear")


@given(st.floats(0.1, 10), st.integers(0, 2**32 - 1))
def test_median_alignment_forgets_any_factor(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 9, (6, 8)).astype(np.float32)
    prediction = truth * rng.uniform(0.8, 1.25, truth.shape).astype(np.float32)
    rules = protocol(alignments=[{"name": "median", "space": "depth"}])
    one = _scores(prediction, truth, rules)["median"].values
    other = _scores(prediction * np.float32(factor), truth, rules)["median"].values
    assert one == pytest.approx(other, rel=1e-3, abs=1e-4)


def test_clamping_happens_only_where_it_is_stated() -> None:
    for clamp, expected in ((True, 9.0), (False, 19.0)):
        assert _numbers([[160.0]], [[8.0]], clamp=clamp)["none"].values["abs_rel"] == pytest.approx(expected)
