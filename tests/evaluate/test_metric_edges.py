"""Edge metrics against twins written from the published definitions, with SciPy in place of OpenCV."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_scenes import Raster, boxes, case_of
from scipy import ndimage

from onedepth.errors import DataError
from onedepth.evaluate.metrics import compute
from onedepth.evaluate.metrics.canny import canny, distance_to
from onedepth.evaluate.metrics.edges import IBIMS, MDEC

Edges = npt.NDArray[np.bool_]
DBE, MDEC_NAMES = ["dbe_acc", "dbe_comp"], ["mdec_edge_acc", "mdec_edge_comp"]


def canny_slowly(values: npt.NDArray[np.float64], sigma: float, low: float, high: float) -> Edges:
    """Pixel by pixel; SciPy smooths, differentiates and labels."""
    ones = ndimage.gaussian_filter(np.ones_like(values), sigma, mode="constant", truncate=4.0)
    smooth = ndimage.gaussian_filter(values, sigma, mode="constant", truncate=4.0) / ones
    down, right = ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)
    size = np.hypot(down, right)
    thin = np.zeros(values.shape, bool)
    for i in range(1, values.shape[0] - 1):
        for j in range(1, values.shape[1] - 1):
            y, x = float(down[i, j]), float(right[i, j])
            if size[i, j] < low or size[i, j] == 0:
                continue
            dy, dx = (y > 0) - (y < 0), (x > 0) - (x < 0)
            greatest = True
            for way in (1, -1):
                corner = size[i + way * dy, j + way * dx]
                if abs(y) > abs(x):  # the gradient passes between the corner and the pixel below or above
                    beside, share = size[i + way * dy, j], abs(x) / abs(y)
                else:
                    beside, share = size[i, j + way * dx], abs(y) / abs(x)
                greatest &= bool(share * corner + (1 - share) * beside <= size[i, j] * (1 + 1e-9))
            thin[i, j] = greatest
    labels, number = ndimage.label(thin, np.ones((3, 3)))
    kept = [label for label in range(1, number + 1) if (size[labels == label] >= high).any()]
    return np.isin(labels, kept)


def distance_slowly(edges: Edges) -> npt.NDArray[np.float64]:
    rows, columns = np.nonzero(edges)
    grid_rows, grid_columns = np.indices(edges.shape)
    return np.sqrt((grid_rows[..., None] - rows) ** 2 + (grid_columns[..., None] - columns) ** 2).min(-1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "contrast", [1.0, 0.15]
)  # at the lower one many edges are weak, and some are dropped
@pytest.mark.parametrize("settings", [IBIMS, MDEC])
def test_edges_are_those_of_the_slow_detector(seed: int, contrast: float, settings: dict[str, float]) -> None:
    values = contrast * np.log(boxes(seed, noise=0.02)).astype(np.float64)
    found = canny(values, **settings)
    assert (10 if contrast == 1 else -1) < found.sum() < 600
    assert np.mean(found != canny_slowly(values, **settings)) < 0.002  # ties round either way


def test_weak_edges_live_on_strong_ones_even_across_a_corner() -> None:
    values = np.zeros((20, 60))
    values[10:, :] = np.linspace(0.005, 0.1, 60)  # a step that fades out
    values[:9, 20:26] = 0.03  # a faint block far from the strong part
    found = canny(values, sigma=1, low=0.05, high=0.2)
    strong = canny(values, sigma=1, low=0.2, high=0.2)
    weak = canny(values, sigma=1, low=0.05, high=0.05)
    assert 0 < strong.sum() < found.sum() < weak.sum()
    np.testing.assert_array_equal(found, canny_slowly(values, 1, 0.05, 0.2))
    rows, columns = np.mgrid[:40, :40]
    diagonal = np.where(rows > columns, 0.002 * rows, 0)  # a step that grows along the diagonal
    np.testing.assert_array_equal(
        canny(diagonal, sigma=1, low=0.02, high=0.15), canny_slowly(diagonal, 1, 0.02, 0.15)
    )


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_exact(seed: int) -> None:
    edges = np.random.default_rng(seed).random((20, 30)) < 0.02
    edges[3, 4] = True
    np.testing.assert_allclose(distance_to(edges), distance_slowly(edges), rtol=1e-5, atol=1e-5)
    assert np.isinf(distance_to(np.zeros((3, 3), np.bool_))).all()


def dbe_slowly(prediction: Raster, edges: Edges) -> dict[str, float]:
    stretched = prediction.astype(np.float64) - prediction.min()
    found = canny(stretched / stretched.max(), sigma=math.sqrt(2), low=0.15, high=0.3)
    if not found.any():
        return {"dbe_acc": 10, "dbe_comp": 10}
    to_true, to_found = distance_slowly(edges), distance_slowly(found)
    near = [to_true[p] for p in zip(*np.nonzero(found), strict=True) if to_true[p] < 10]
    if not near:
        return {"dbe_acc": 10, "dbe_comp": 10}
    total = sum(min(to_true[p], 10) for p in zip(*np.nonzero(found), strict=True))
    total += sum(min(to_found[p], 10) for p in zip(*np.nonzero(edges), strict=True))
    return {"dbe_acc": sum(near) / len(near), "dbe_comp": total / (found.sum() + edges.sum())}


def mdec_slowly(prediction: Raster, edges: Edges) -> dict[str, float]:
    found = canny(np.log(prediction.astype(np.float64)), sigma=1, low=0.1, high=0.2)
    to_true = distance_slowly(edges)
    near = [to_true[p] for p in zip(*np.nonzero(found), strict=True) if to_true[p] < 10]
    if not near:
        return dict.fromkeys(MDEC_NAMES, 10.0)
    return {
        "mdec_edge_acc": sum(near) / len(near),
        "mdec_edge_comp": float(np.mean(distance_slowly(found)[edges])),
    }


@pytest.mark.parametrize("seed", range(6))
def test_errors_are_those_of_a_plain_loop(seed: int) -> None:
    truth, prediction = boxes(seed), boxes(seed // 2, noise=0.05)
    edges = canny(np.log(truth), sigma=1, low=0.2, high=0.4)
    case = case_of(prediction, truth, edges=edges)
    assert compute(DBE, case) == pytest.approx(dbe_slowly(prediction, edges), rel=1e-5)
    assert compute(MDEC_NAMES, case) == pytest.approx(mdec_slowly(prediction, edges), rel=1e-5)


def test_by_hand() -> None:
    """A step of the prediction three pixels beside the true edge, both as high as the image."""
    depth = np.ones((40, 60), np.float32)
    depth[:, 30:] = 5
    found = canny((depth - 1) / 4, **IBIMS)
    assert np.unique(np.nonzero(found)[1]).tolist() == [29, 30]  # both sides of the step
    edges = np.zeros(depth.shape, np.bool_)
    edges[:, 26] = True
    scores = compute(DBE, case_of(depth, depth, edges=edges))
    assert scores["dbe_acc"] == pytest.approx(3.5)
    there = 38 * (3 + 4)  # no edge on the image's border
    back = 38 * 3 + 2 * math.hypot(1, 3)
    assert scores["dbe_comp"] == pytest.approx((there + back) / (38 * 2 + 40))


def test_a_perfect_prediction_is_perfect() -> None:
    truth = boxes(1)
    stretched = (truth - truth.min()) / np.ptp(truth)
    found = case_of(truth, truth, edges=canny(stretched, **IBIMS))
    assert compute(DBE, found) == {"dbe_acc": 0, "dbe_comp": 0}
    found = case_of(truth, truth, edges=canny(np.log(truth), **MDEC))
    assert compute(MDEC_NAMES, found) == {"mdec_edge_acc": 0, "mdec_edge_comp": 0}


@given(st.sampled_from([0.25, 0.5, 4.0]), st.sampled_from([0.0, 2.0]))
def test_scale_and_shift_move_no_edge_of_ibims(scale: float, shift: float) -> None:
    truth = boxes(2)
    edges = canny(np.log(truth), **MDEC)
    one, other = (
        compute(DBE, case_of(p.astype(np.float32), truth, edges=edges))
        for p in (truth, scale * truth + shift)
    )
    assert one == pytest.approx(other, abs=0.05)


def test_no_true_edge_gives_no_number_and_no_found_edge_gives_the_worst() -> None:
    truth, flat = boxes(0), np.full((36, 48), 3, np.float32)
    none = np.zeros(truth.shape, np.bool_)
    assert compute(DBE + MDEC_NAMES, case_of(truth, truth, edges=none)) == {}
    edges = canny(np.log(truth), **MDEC)
    assert set(compute(DBE + MDEC_NAMES, case_of(flat, truth, edges=edges)).values()) == {10.0}
    outside = case_of(truth, truth, edges=edges, mask=~edges)
    assert compute(MDEC_NAMES, outside) == {}
    assert set(compute(DBE, outside)) == set(DBE)  # iBims counts edges where depth is missing
    with pytest.raises(DataError, match="needs edges"):
        compute(DBE, case_of(truth, truth))


def test_holes_in_the_prediction_are_no_edges() -> None:
    prediction = boxes(0)
    mask = np.ones(prediction.shape, np.bool_)
    mask[5, 5] = False
    prediction[5, 5] = np.nan
    case = case_of(prediction, boxes(0), mask=mask, edges=mask)
    with pytest.raises(DataError, match="at every pixel"):
        compute(DBE, case)


def test_directed_depth_error_by_hand() -> None:
    prediction = np.array([[1, 4, 3, 1], [2, 9, 3, 8]], np.float32)
    truth = np.array([[2, 2, 4, 9], [5, 3.5, 3, 7]], np.float32)
    scores = compute(["dde_0", "dde_minus", "dde_plus"], case_of(prediction, truth))
    assert scores == {"dde_0": 50.0, "dde_minus": 37.5, "dde_plus": 12.5}  # 3 m is still near
