"""The min-norm point of a convex hull, against a solver that tries every face of the simplex."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from onedepth.train.pareto import min_norm_weights

Matrix = npt.NDArray[np.float64]


def smallest_norm(gram: Matrix) -> float:
    """The minimum of a' G a over the simplex: the best of the minima inside each of its faces."""
    best = np.inf
    for size in range(1, len(gram) + 1):
        for face in combinations(range(len(gram)), size):
            g = gram[np.ix_(face, face)]
            system = np.block([[g, np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
            weights = (np.linalg.pinv(system, rcond=1e-13) @ np.append(np.zeros(size), 1.0))[:size]
            if weights.min() >= -1e-12 and abs(weights.sum() - 1) < 1e-6:
                best = min(best, weights @ g @ weights)
    return float(best)


@st.composite
def gradients(draw: st.DrawFn) -> Matrix:
    """Up to five vectors: of full or low rank, some of them zero, parallel, opposite or of another scale."""
    number, size = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    vectors = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).standard_normal((number, size))
    vectors += draw(st.sampled_from([0.0, 0.0, 2.0]))  # often pull them to one side
    for row in range(number):
        other = vectors[draw(st.integers(0, number - 1))]
        table = {"zero": 0 * other, "copy": other, "opposite": -other, "parallel": 3 * other}
        table |= {"none": vectors[row], "large": 1e3 * vectors[row], "small": 1e-3 * vectors[row]}
        vectors[row] = table[draw(st.sampled_from(["none", *table]))]
    return vectors


@settings(max_examples=300, deadline=None)
@given(gradients())
def test_is_on_the_simplex_as_short_as_can_be_and_descends_for_all(vectors):
    gram = vectors @ vectors.T
    weights = min_norm_weights(torch.tensor(gram)).numpy()
    scale = gram.diagonal().max()
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    norm = weights @ gram @ weights
    assert norm <= smallest_norm(gram) + 1e-8 * scale
    # The common direction g has <g, g_l> >= |g|^2 for every objective l: a step along -g raises none of them.
    assert (gram @ weights >= norm - 1e-8 * scale).all()


@settings(max_examples=50, deadline=None)
@given(gradients(), st.floats(1e-6, 1e6), st.randoms())
def test_depends_neither_on_units_nor_on_order(vectors, unit, random):
    gram = torch.tensor(vectors @ vectors.T)
    order = list(range(len(vectors)))
    random.shuffle(order)
    here = min_norm_weights(gram)
    there = torch.empty_like(here)
    there[order] = min_norm_weights(unit * gram[order][:, order])
    scale = float(gram.diagonal().max())
    # Several weights may give the same vector; the vector itself is unique.
    difference = here - there
    assert float(difference @ gram @ difference) <= 1e-7 * scale


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        ([[3.0, 4.0]], [1.0]),
        ([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5]),
        ([[2.0, 0.0], [0.0, 1.0]], [0.2, 0.8]),
        ([[1.0, 0.0], [5.0, 0.0]], [1.0, 0.0]),  # parallel: the shorter one
        ([[1.0, 0.0], [-3.0, 0.0]], [0.75, 0.25]),  # opposite: they cancel
        ([[1.0, 1.0], [0.0, 0.0]], [0.0, 1.0]),  # one objective is done: no step can please both
        ([[0.0, 0.0], [0.0, 0.0]], None),
    ],
)
def test_known_answers(vectors, expected):
    stacked = torch.tensor(vectors)
    weights = min_norm_weights(stacked @ stacked.T)
    assert weights.dtype == stacked.dtype
    assert float(weights.sum()) == pytest.approx(1)
    if expected is not None:
        torch.testing.assert_close(weights, torch.tensor(expected))


def test_twelve_objectives_of_which_few_matter():
    vectors = np.random.default_rng(3).standard_normal((12, 40)) + 1.0
    gram = vectors @ vectors.T
    weights = min_norm_weights(torch.tensor(gram)).numpy()
    assert (gram @ weights >= weights @ gram @ weights - 1e-8 * gram.max()).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (0, 1)])
def test_gives_weights_for_numbers_that_are_none(bad, place):
    gram = torch.eye(3)
    gram[place] = gram[place[::-1]] = bad
    assert float(min_norm_weights(gram).sum()) == pytest.approx(1)
