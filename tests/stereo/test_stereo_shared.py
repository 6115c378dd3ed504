"""Labels of real pairs against measured truth."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from stereo_cases import moved_rows

from onedepth.manifest.pixels import load_image
from onedepth.stereo.label import Calibration, Labelled, Rejected, StereoOptions, label_pair

pytestmark = pytest.mark.shared_data

PAIRS = [
    ("kitti/drive_0009", 25),
    ("kitti/odometry_04", 30),
    ("middlebury_2014/training", 0),
    ("middlebury_2014/training", 13),
]


def views(folder: Path, number: int):
    name = f"{number:06d}.jpg"
    return load_image(str(folder / name)), load_image(str(folder / "right" / name))


@pytest.fixture(scope="module")
def data(shared_folder) -> Path:
    return shared_folder / "data"


def truth_of(folder: Path, number: int):
    """Disparity in pixels by the measured depth (0 = none), and fx and baseline."""
    scene = json.loads((folder / "scene.json").read_text())
    frame = scene["frames"][number]
    depth = cv2.imread(str(folder / f"{number:06d}.png"), cv2.IMREAD_UNCHANGED) * scene["depth_unit_m"]
    focal, baseline = frame["camera"]["fx"], frame["baseline_m"]
    return np.divide(focal * baseline, depth, out=np.zeros_like(depth), where=depth > 0), focal, baseline


@pytest.mark.parametrize(("where", "number"), PAIRS)
@pytest.mark.parametrize(("method", "most_bad"), [("sgbm", 0.09), ("flow", 0.13)])
def test_disparity_agrees_with_truth_up_to_scale_and_shift(data, where, number, method, most_bad):
    found = label_pair(*views(data / where, number), StereoOptions(method=method))
    assert isinstance(found, Labelled), found
    truth, *_ = truth_of(data / where, number)
    both = (truth > 0) & np.isfinite(found.disparity)
    x, y = found.disparity[both], truth[both]
    fit = np.polyfit(x, y, 1)
    kept = np.abs(np.polyval(fit, x) - y) < 5
    fit = np.polyfit(x[kept], y[kept], 1)
    assert fit[0] == pytest.approx(1, abs=0.05)  # the scale is free for a label, but it is that of pixels
    error = np.abs(np.polyval(fit, x) - y)
    assert np.median(error) < 0.7
    assert (error > 3).mean() < most_bad


def test_a_calibrated_drive_gives_metres(data):
    folder = data / "kitti/odometry_04"
    truth, focal, baseline = truth_of(folder, 30)
    found = label_pair(*views(folder, 30), StereoOptions(calibration=Calibration(focal, baseline)))
    assert isinstance(found, Labelled)
    both = (truth > 0) & np.isfinite(found.disparity)
    ratio = truth[both] / (found.disparity[both] * focal * baseline)
    assert np.mean(np.abs(1 / ratio - 1)) < 0.08


@pytest.mark.parametrize(("where", "number"), PAIRS)
def test_faults_put_into_real_pairs_are_found(data, where, number):
    left, right = views(data / where, number)
    _, other = views(data / "stereo_raw/sid_mini", 0)
    other = cv2.resize(other, left.shape[1::-1])
    mirrored = [np.ascontiguousarray(view[:, ::-1]) for view in (left, right)]
    faults = {"vertical": (left, moved_rows(right, 4)), "unlike": (left, other), "no parallax": (left, left)}
    for kind, pair in faults.items():
        result = label_pair(*pair)
        assert isinstance(result, Rejected), kind
        assert result.reason.startswith(kind)
    for pair in ((right, left), mirrored):
        result = label_pair(*pair)
        assert isinstance(result, Rejected)
        assert result.reason.startswith("eyes")


def test_uncalibrated_street_pairs_in_three_weathers_run(data):
    for number in range(3):
        result = label_pair(*views(data / "stereo_raw/sid_mini", number))
        assert isinstance(result, Labelled), result
        assert np.isfinite(result.disparity).mean() > 0.7
