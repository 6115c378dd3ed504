"""Ordinal errors by hand, by a plain loop, and what must not change them."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from metric_scenes import boxes, case_of

from onedepth.errors import DataError
from onedepth.evaluate.metrics import compute, draw_pairs, relation_of, whdr, wkdr, wkdr_threshold

Values = npt.NDArray[np.float64]
lists = npst.arrays(np.float64, st.tuples(st.just(2), st.integers(1, 30)), elements=st.integers(1, 6))
signs = st.lists(st.sampled_from([-1, 0, 1]), min_size=30, max_size=30)


def test_whdr_by_hand() -> None:
    """Right, wrong, a tie (wrong), and one pair that has no order."""
    first, second = np.array([2.0, 2.0, 3.0, 1.0]), np.array([1.0, 1.0, 3.0, 1.0])
    relation = np.array([1, -1, 1, 0])
    assert whdr(first, second, relation) == pytest.approx(200 / 3)
    assert whdr(first, second, relation, weights=np.array([2.0, 1.0, 1.0, 99.0])) == pytest.approx(50)


@given(lists, signs)
def test_whdr_is_that_of_a_plain_loop(pair: Values, orders: list[int]) -> None:
    relation = np.array(orders[: pair.shape[1]])
    counted = [(a, b, r) for a, b, r in zip(*pair, relation, strict=True) if r]
    wrong = sum(not (a > b if r > 0 else a < b) for a, b, r in counted)
    expected = 100 * wrong / len(counted) if counted else None
    assert whdr(*pair, relation) == (pytest.approx(expected) if counted else None)


@given(lists, signs)
def test_disparity_says_the_same_as_depth(pair: Values, orders: list[int]) -> None:
    relation = np.array(orders[: pair.shape[1]])
    disparity = 3 / pair - 7
    assert whdr(*disparity, relation, kind="affine_disparity") == whdr(*pair, relation)


@given(lists, signs, st.floats(0.1, 10))
def test_no_growing_function_changes_an_order(pair: Values, orders: list[int], power: float) -> None:
    relation = np.array(orders[: pair.shape[1]])
    assert whdr(*pair**power, relation) == whdr(*pair, relation)


@given(lists, signs, st.integers(0, 4))
def test_wkdr_is_that_of_a_plain_loop(pair: Values, orders: list[int], threshold: int) -> None:
    relation = np.array(orders[: pair.shape[1]])

    def said(difference: float) -> int:
        return 1 if difference > threshold else -1 if difference < -threshold else 0

    wrong = [said(a - b) != r for a, b, r in zip(*pair, relation, strict=True)]
    equal = [w for w, r in zip(wrong, relation, strict=True) if r == 0]
    unequal = [w for w, r in zip(wrong, relation, strict=True) if r != 0]
    parts = {"wkdr": wrong, "wkdr_eq": equal, "wkdr_neq": unequal}
    expected = {name: 100 * sum(part) / len(part) for name, part in parts.items() if part}
    assert wkdr(*pair, relation, threshold=threshold) == pytest.approx(expected)
    assert wkdr(*-pair, relation, threshold=threshold, kind="affine_disparity") == pytest.approx(expected)


def test_the_threshold_balances_equal_and_unequal() -> None:
    first, second = np.array([1.0, 1.0, 2.0, 5.0]), np.array([1.3, 1.0, 1.0, 1.0])
    relation = np.array([0, 0, 1, 1])
    assert wkdr_threshold(first, second, relation, [0.0, 0.1, 0.5, 0.7, 2.0]) == 0.5
    with pytest.raises(DataError, match="equal and unequal"):
        wkdr_threshold(first, second, np.ones(4, int), [0.5])
    with pytest.raises(DataError, match="candidates"):
        wkdr_threshold(first, second, relation, [])


def test_relations_of_dense_truth() -> None:
    first, second = np.array([1.0, 2.0, 1.0, 1.01]), np.array([2.0, 1.0, 1.0, 1.0])
    assert relation_of(first, second).tolist() == [-1, 1, 0, 1]
    assert relation_of(first, second, 1.02).tolist() == [-1, 1, 0, 0]


@given(st.integers(2, 50), st.integers(0, 9))
def test_pairs_are_of_different_pixels_and_always_the_same(number: int, seed: int) -> None:
    first, second = draw_pairs(number, 200, seed)
    assert (first != second).all()
    assert set(first) | set(second) <= set(range(number))
    np.testing.assert_array_equal(draw_pairs(number, 200, seed), (first, second))


def test_every_pixel_is_drawn_alike() -> None:
    counts = np.bincount(np.concatenate(draw_pairs(10, 50_000)), minlength=10)
    assert abs(counts / 10_000 - 1).max() < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_the_ordinal_error_of_an_image(seed: int) -> None:
    truth, prediction = boxes(seed), boxes(seed + 1, noise=0.1)
    mask = np.random.default_rng(seed).random(truth.shape) < 0.5
    z, t = prediction[mask], truth[mask]
    pairs = [(i, j) for i, j in zip(*draw_pairs(len(t)), strict=True) if t[i] != t[j]]
    wrong = sum((z[i] > z[j]) != (t[i] > t[j]) or z[i] == z[j] for i, j in pairs)
    found = compute(["ordinal"], case_of(prediction, truth, mask=mask))
    assert found == {"ordinal": pytest.approx(100 * wrong / len(pairs))}
    assert len(pairs) > 5000


def test_perfect_reversed_and_flat() -> None:
    truth = boxes(0)
    assert compute(["ordinal"], case_of(7 * truth, truth)) == {"ordinal": 0.0}
    assert compute(["ordinal"], case_of(1 / truth, truth)) == {"ordinal": 100.0}
    flat = np.ones_like(truth)
    assert compute(["ordinal"], case_of(flat, truth)) == {"ordinal": 100.0}
    assert compute(["ordinal"], case_of(truth, flat)) == {}
    single = np.zeros(truth.shape, np.bool_)
    single[0, 0] = True
    assert compute(["ordinal"], case_of(truth, truth, mask=single)) == {}


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="kind: found 'disparity'"):
        whdr(np.ones(1), np.ones(1), np.ones(1, int), kind="disparity")  # type: ignore[arg-type]
