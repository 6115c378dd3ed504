"""Boundary F1 against a twin that walks over neighbours one by one."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_scenes import Raster, boxes, case_of

from onedepth.evaluate.metrics import boundary_recall_matte, compute

NAMES = ["boundary_precision", "boundary_recall", "boundary_f1"]
STEPS = [(0, 1), (1, 0), (0, -1), (-1, 0)]


def directed(
    depth: Raster, mask: npt.NDArray[np.bool_], step: tuple[int, int], t: float
) -> set[tuple[int, int]]:
    """Pixels whose neighbour is valid too and farther by a factor above t."""
    found = set()
    for i in range(depth.shape[0]):
        for j in range(depth.shape[1]):
            k, m = i + step[0], j + step[1]
            inside = 0 <= k < depth.shape[0] and 0 <= m < depth.shape[1]
            if inside and mask[i, j] and mask[k, m] and float(depth[k, m]) / float(depth[i, j]) > t:
                found.add((i, j))
    return found


def slowly(prediction: Raster, truth: Raster, mask: npt.NDArray[np.bool_]) -> dict[str, float]:
    total, weight = np.zeros(3), 0.0
    for n in range(10):
        t = 1.05 + n * 0.2 / 9
        precision = recall = 0.0
        for step in STEPS:
            p, q = directed(prediction, mask, step, t), directed(truth, mask, step, t)
            precision += len(p & q) / max(len(p), 1) / 4
            recall += len(p & q) / max(len(q), 1) / 4
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        total += t * np.array([precision, recall, f1])
        weight += t
    return dict(zip(NAMES, total / weight, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = boxes(seed, noise=0.03)[:20, :25]
    prediction = boxes(seed // 2, noise=0.04)[:20, :25]
    mask = rng.random(truth.shape) > 0.1
    case = case_of(prediction, truth, mask=mask)
    assert compute(NAMES, case) == pytest.approx(slowly(prediction, truth, mask), rel=1e-9)


def test_by_hand() -> None:
    """Truth: the right column is farther by half. Prediction: below by half, above by 10 %."""
    truth, prediction = np.array([[2, 3], [2, 3]], np.float32), np.array([[2, 2.2], [2, 3]], np.float32)
    t = np.linspace(1.05, 1.25, 10)
    top = t < 1.1  # thresholds at which the prediction has the upper edge
    down = t < 3 / 2.2  # a vertical edge, which the truth does not have: always
    assert down.all()
    precision = np.where(top, 1.0, 1.0) / 4
    recall = np.where(top, 1.0, 0.5) / 4
    f1 = 2 * precision * recall / (precision + recall)
    expected = {
        name: np.sum(t * value) / t.sum() for name, value in zip(NAMES, (precision, recall, f1), strict=True)
    }
    assert compute(NAMES, case_of(prediction, truth)) == pytest.approx(expected)


def test_a_perfect_prediction_is_perfect_at_any_scale() -> None:
    truth = boxes(3)
    for scale in (1.0, 0.25, 8.0):
        assert compute(NAMES, case_of(np.float32(scale) * truth, truth)) == pytest.approx(
            dict.fromkeys(NAMES, 1.0)
        )


def test_a_truth_without_edges_gives_no_number_and_a_flat_prediction_none_right() -> None:
    flat = np.full((36, 48), 2, np.float32)
    assert compute(NAMES, case_of(boxes(0), flat)) == {}
    assert compute(NAMES, case_of(flat, boxes(0))) == dict.fromkeys(NAMES, 0.0)


@given(st.integers(0, 3), st.integers(0, 3))
def test_turning_both_maps_is_nothing(seed: int, turns: int) -> None:
    truth, prediction = boxes(seed), boxes(seed + 1, noise=0.02)
    turned = [np.ascontiguousarray(np.rot90(raster, turns)) for raster in (prediction, truth)]
    assert compute(NAMES, case_of(*turned)) == pytest.approx(compute(NAMES, case_of(prediction, truth)))


def matte_slowly(depth: Raster, matte: Raster) -> float:
    """One row or column at a time, one run at a time."""
    total = weight = 0.0
    for n in range(10):
        t = 1.05 + n * 0.2 / 9
        for step in STEPS:
            flip = -1 if sum(step) < 0 else 1
            z, front = (raster[::flip, ::flip] for raster in (depth, matte > 0.1))
            if step[0]:
                z, front = z.T, front.T
            right = there = 0
            for line, mask in zip(z, front, strict=True):
                ratio = line[1:].astype(float) / line[:-1]
                true = mask[:-1] & ~mask[1:]
                there += int(true.sum())
                # Runs are read in the order of the raster, so its first largest is the last one of a flip.
                order = range(len(ratio))[::flip]
                run: list[int] = []
                for i in [*order, -1]:
                    if i != -1 and ratio[i] > t:
                        run.append(i)
                    elif run:
                        right += bool(true[max(run, key=lambda k: ratio[k])])
                        run = []
            total += t * right / max(there, 1) / 4
        weight += t
    return total / weight


@pytest.mark.parametrize("seed", range(4))
def test_matte_recall_is_that_of_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = boxes(seed)[:20, :25]
    matte = np.clip((6 - truth) / 3, 0, 1)
    blurred = np.minimum(truth, np.roll(truth, 1, axis=1)) * np.exp(0.03 * rng.standard_normal(truth.shape))
    depth = blurred.astype(np.float32)
    assert boundary_recall_matte(depth, matte) == pytest.approx(matte_slowly(depth, matte), rel=1e-9)


def test_matte_recall_of_a_cut_out_is_one_and_of_no_outline_none() -> None:
    matte = np.zeros((12, 12))
    matte[4:8, 3:9] = 1
    depth = np.where(matte > 0, 2.0, 4.0).astype(np.float32)
    assert boundary_recall_matte(depth, matte) == pytest.approx(1.0)
    assert boundary_recall_matte(np.full((12, 12), 3, np.float32), matte) == 0
    assert boundary_recall_matte(depth, np.ones((12, 12))) is None
