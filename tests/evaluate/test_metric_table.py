"""What holds for every metric: perfect is perfect, nothing is no number, a missing need is said."""

import re
from pathlib import Path

import numpy as np
import pytest
from metric_scenes import CAMERA, boxes, case_of

from onedepth.depthmap import KINDS, Kind
from onedepth.errors import DataError
from onedepth.evaluate.align import ALIGNMENTS, align
from onedepth.evaluate.metrics import METRICS, Case, Plane, compute
from onedepth.evaluate.metrics.canny import canny
from onedepth.evaluate.metrics.edges import IBIMS, MDEC

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
BEST = {name: 0.0 for name, metric in METRICS.items() if not metric.higher_is_better}
BEST |= {name: 100.0 for name, metric in METRICS.items() if metric.higher_is_better and metric.unit == "%"}
BEST |= {name: 1.0 for name, metric in METRICS.items() if metric.higher_is_better and not metric.unit}


def scene() -> dict[str, object]:
    """Truth that has a value for every metric: edges, planes, a camera."""
    truth = boxes(4)
    below = np.zeros(truth.shape, np.bool_)
    below[:3] = True
    truth[:3] = 6  # a fronto-parallel strip
    return {"truth": truth, "camera": CAMERA, "planes": (Plane(below, np.array([0, 0, 1.0])),)}


@pytest.mark.parametrize(
    "alignment", [n for n, alignment in ALIGNMENTS.items() if not alignment.per_sequence]
)
def test_a_perfect_prediction_of_any_kind_is_perfect(alignment: str) -> None:
    parts = scene()
    truth = parts.pop("truth")
    assert isinstance(truth, np.ndarray)
    predictions: dict[Kind, np.ndarray] = {
        "metric": truth,
        "scaled": np.float32(3) * truth,
        "affine_disparity": np.float32(2) / truth - np.float32(0.5),
    }
    for kind in ALIGNMENTS[alignment].kinds:
        prediction = predictions[kind]
        case = case_of(prediction, truth, edges=np.zeros(truth.shape, np.bool_), **parts)
        fit = align(alignment, case.predicted_pixels, case.true_pixels, kind=kind, cap=80)
        assert fit.ok
        aligned = case.aligned(fit, 1e-3, 80)
        stretched = (aligned.depth - aligned.depth.min()) / np.ptp(aligned.depth)
        found = {}
        for names, edges in (
            ([n for n in METRICS if not n.startswith("mdec")], canny(stretched, **IBIMS)),
            ([n for n in METRICS if n.startswith("mdec")], canny(np.log(aligned.depth), **MDEC)),
        ):
            with_edges = Case(aligned.prediction, truth, case.mask, CAMERA, edges, case.planes, fit, 1e-3, 80)
            found |= compute(names, with_edges)
        assert found.keys() == METRICS.keys()
        tolerance = {name: 0.02 if name.startswith(("normal", "pe_")) else 1e-3 for name in METRICS}
        tolerance |= {"irmse": 0.01, "ordinal": 0.1, "normal_rmse": 0.1}
        for name, value in found.items():
            assert value == pytest.approx(BEST[name], abs=tolerance[name]), (alignment, kind, name)


def test_the_kinds_are_all_tried() -> None:
    tried = {
        kind for alignment in ALIGNMENTS.values() if not alignment.per_sequence for kind in alignment.kinds
    }
    assert tried == set(KINDS)


def test_an_empty_mask_gives_no_number_at_all() -> None:
    truth, nothing = boxes(0), np.zeros((36, 48), np.bool_)
    case = case_of(
        truth, truth, mask=nothing, camera=CAMERA, edges=~nothing, planes=(Plane(~nothing, np.ones(3)),)
    )
    assert compute(list(METRICS), case) == {}


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.needs])
def test_what_is_missing_is_said(name: str) -> None:
    with pytest.raises(DataError, match=f"metric {re.escape(name)}: needs "):
        compute([name], case_of(boxes(0), boxes(0)))


def test_the_order_asked_for_is_kept() -> None:
    names = ["rmse", "abs_rel", "ordinal", "delta1"]
    assert list(compute(names, case_of(boxes(1), boxes(0)))) == names


@pytest.mark.parametrize("name", [n for n, metric in METRICS.items() if not metric.needs])
def test_no_metric_changes_its_case(name: str) -> None:
    prediction, truth = boxes(1), boxes(0)
    case = case_of(prediction, truth)
    compute([name], case)
    np.testing.assert_array_equal(prediction, boxes(1))
    np.testing.assert_array_equal(truth, boxes(0))


def test_the_documentation_has_every_metric_with_its_unit_and_direction_and_every_alignment() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name, metric in METRICS.items():
        row = re.search(rf"^\|[^|\n]*`{re.escape(name)}`.*$", text, re.MULTILINE)
        assert row is not None, f"docs/metrics.md: no row for {name}"
        cells = [cell.strip() for cell in row.group().split("|")]
        assert (metric.unit or "-") in cells, f"docs/metrics.md: {name} has unit {metric.unit or '-'}"
        assert ("↑" if metric.higher_is_better else "↓") in cells, f"docs/metrics.md: direction of {name}"
    for name, alignment in ALIGNMENTS.items():
        row = re.search(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        assert row is not None, f"docs/metrics.md: no row for alignment {name}"
        assert f"| {alignment.space} |" in row.group()
