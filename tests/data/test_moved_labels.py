"""Labels through resize and zoom: values never change, none is invented, none is lost unless hidden."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_builder import Raster, check_same_points, sample_of, unique_label

from onedepth.data.transforms import resize, resize_label, zoom

sides = st.integers(4, 40)
zooms = st.floats(1.0, 2.0)


def scatter_slowly(label: Raster, width: int, height: int, disparity: bool) -> Raster:
    """Each measurement falls into the pixel that holds it; of several the nearest surface stays."""
    result = np.full((height, width), np.nan, np.float32)
    for row in range(label.shape[0]):
        for column in range(label.shape[1]):
            value = label[row, column]
            if np.isnan(value):
                continue
            x = (2 * column + 1) * width // (2 * label.shape[1])
            y = (2 * row + 1) * height // (2 * label.shape[0])
            there = result[y, x]
            nearer = value > there if disparity else value < there
            if np.isnan(there) or nearer:
                result[y, x] = value
    return result


@settings(max_examples=60, deadline=None)
@given(sides, sides, sides, sides, st.floats(0, 0.45), st.booleans(), st.integers(0, 99))
def test_sparse_labels_lose_only_what_a_nearer_one_hides(
    width: int, height: int, to_width: int, to_height: int, share: float, disparity: bool, seed: int
) -> None:
    label = unique_label(width, height, share, seed)
    if np.isfinite(label).mean() >= 0.5:
        return
    moved = resize_label(label, to_width, to_height, disparity=disparity)
    assert np.array_equal(moved, scatter_slowly(label, to_width, to_height, disparity), equal_nan=True)
    assert np.isfinite(moved).sum() <= np.isfinite(label).sum()  # none is invented


@pytest.mark.parametrize(("disparity", "kept"), [(False, 2.0), (True, 5.0)])
def test_resize_keeps_the_nearest_of_what_the_sample_holds(disparity: bool, kept: float) -> None:
    label = np.full((8, 8), np.nan, np.float32)
    label[2, 3], label[3, 2] = 5.0, 2.0
    sample = replace(sample_of(8, 8), label=label, disparity=disparity)
    assert resize(sample, 4, 4).label[1, 1] == kept
    assert np.isfinite(resize(sample, 4, 4).label).sum() == 1


@settings(max_examples=40, deadline=None)
@given(zooms, zooms, st.integers(0, 99))
def test_zooming_a_sparse_label_copies_no_measurement(x: float, y: float, seed: int) -> None:
    before = sample_of(30, 20, 0.2, seed)
    after = zoom(before, x, y)
    values = after.label[np.isfinite(after.label)]
    assert len(np.unique(values)) == len(values)
    check_same_points(before, after, False, (0.5, 0.5))
    rows, columns = np.nonzero(np.isfinite(before.label))
    seen = after.camera.project(
        before.camera.unproject(np.stack([columns, rows], -1) + 0.5, before.label[rows, columns])
    )
    inside = ((seen > 0.01) & (seen < np.array([29.99, 19.99]))).all(-1)
    assert len(values) >= len(np.unique(seen[inside].astype(int), axis=0))  # none in view is lost


def test_dense_labels_are_picked_at_pixel_centres() -> None:
    label = np.arange(1, 82, dtype=np.float32).reshape(9, 9)
    assert np.array_equal(resize_label(label, 3, 3), label[1::3, 1::3])
    assert np.array_equal(resize_label(label, 27, 27)[1::3, 1::3], label)
    assert np.array_equal(resize_label(label, 27, 9), label.repeat(3, axis=1))


def test_holes_of_dense_labels_stay_holes() -> None:
    label = np.arange(1, 82, dtype=np.float32).reshape(9, 9)
    label[1, 1] = label[4, 7] = np.nan
    assert np.array_equal(resize_label(label, 3, 3), label[1::3, 1::3], equal_nan=True)


@pytest.mark.parametrize("label", [np.full((6, 8), np.nan, np.float32), np.ones((1, 1), np.float32)])
def test_empty_and_tiny_labels(label: Raster) -> None:
    assert np.isfinite(resize_label(label, 5, 7)).all() == np.isfinite(label).all()
