"""The accuracy benchmark: what it counts, by hand, and that it reproduces the rival's known numbers."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from tiny_model import metres

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "accuracy.py"


@pytest.fixture(scope="module")
def scoring() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_scoring", BENCHMARK.with_name("_scoring.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_scoring"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def run(shared: Path, *arguments: str) -> str:
    environment = {**os.environ, "ONEDEPTH_SHARED": str(shared), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(BENCHMARK), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_set(folder: Path, truth: float, grey: int) -> None:
    """One flat grey photo of one depth, with a hole and a pixel beyond 80 m."""
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "0.jpg"), np.full((48, 64, 3), grey, np.uint8))
    label = np.full((48, 64), round(truth * 100), np.uint16)
    label[0, 0], label[1, 1] = 0, 9000
    cv2.imwrite(str(folder / "0.png"), label)
    camera = {"width": 64, "height": 48, "fx": 150.0, "fy": 150.0, "cx": 31.5, "cy": 23.5}
    frames = [{"id": "0", "camera": camera}]
    scene: dict[str, Any] = {"label": "metric", "depth_unit_m": 0.01, "frames": frames}
    (folder / "scene.json").write_text(json.dumps(scene))


def test_numbers_are_those_worked_out_by_hand(tmp_path: Path, tiny_model: Path) -> None:
    write_set(tmp_path / "data" / "mini", truth=2.0, grey=51)
    output = tmp_path / "out" / "mini.json"
    text = run(tmp_path, "--set", "mini", "--model", str(tiny_model), "--output", str(output))
    predicted = metres(0.2, 150.0, 150.0, 64, 48)  # 1.8 m
    error = abs(predicted - 2.0)
    assert f"| none | tiny 1.0 | {error / 2:.3f} | 1.000 | {error:.3f} |" in text
    assert "| median | tiny 1.0 | 0.000 | 1.000 | 0.000 |" in text
    assert "1 images, whole frame, 0.001-80 m" in text
    assert "benchmarks/accuracy.py --set mini" in text

    report = json.loads(output.read_text())
    assert report["data"]["images"] == 1
    assert report["protocol"]["cap"] == 80
    (found,) = report["models"].values()
    assert found["scores"]["none"]["abs_rel"] == pytest.approx(error / 2, rel=1e-5)
    inner = hashlib.sha256(tiny_model.read_bytes()).digest()
    assert found["sha256"] == hashlib.sha256(inner).hexdigest()


def test_without_data_it_says_so(tmp_path: Path) -> None:
    assert "left out  everything: set ONEDEPTH_SHARED" in run(tmp_path)


def test_the_eigen_crop_in_stored_coordinates(scoring: ModuleType) -> None:
    """Rows 45:471 less 8 are 22.9:286.4 of 287; columns 41:601 less 10 are 19.2:366.0 of 384."""
    assert scoring.eigen_crop() == (23, 286, 19, 366)
    assert scoring.eigen_crop(620, 464) == (37, 463, 31, 591)
    assert scoring.PROTOCOLS["nyu_v2"] == scoring.Protocol(10.0, (23, 286, 19, 366))


def test_only_truth_in_range_and_window_counts_and_predictions_are_clamped(scoring: ModuleType) -> None:
    truth = np.array([[4.0, 9.0, np.nan, 12.0], [4.0, 4.0, 4.0, 4.0]], np.float32)
    prediction = np.array([[4.0, 30.0, 1.0, 1.0], [-3.0, 1.0, 1.0, 1.0]], np.float32)
    scores = scoring.score(prediction, truth, scoring.Protocol(10.0, (0, 1, 0, 4)))
    assert scores["none"]["abs_rel"] == pytest.approx((0 + 1 / 9) / 2)  # 30 m count as 10 m
    assert scores["median"]["abs_rel"] == pytest.approx((abs(4 * 6.5 / 17 - 4) / 4 + 1 / 9) / 2)
    whole = scoring.score(prediction[1:], truth[1:], scoring.Protocol(10.0))
    assert whole["none"]["abs_rel"] == pytest.approx((3.999 + 3 * 3) / 4 / 4)  # -3 m count as 1 mm
    assert scoring.score(prediction, np.full_like(truth, np.nan), scoring.Protocol(10.0)) == {}


def test_images_count_alike_however_many_pixels_they_have(scoring: ModuleType) -> None:
    per_image = [{"none": {"abs_rel": 0.1}}, {}, {"none": {"abs_rel": 0.3}}]
    assert scoring.mean_scores(per_image) == {"none": {"abs_rel": pytest.approx(0.2)}}


@pytest.mark.shared_data
def test_fastdepth_scores_what_it_is_known_to(shared_folder: Path, tiny_model: Path, tmp_path: Path) -> None:
    """On every 8th image; on all 654 it is 0.169, 0.776 and 0.574, median-aligned 0.136, 0.826 and 0.516."""
    output = tmp_path / "nyu.json"
    run(shared_folder, "--model", str(tiny_model), "--stride", "8", "--output", str(output))
    scores = json.loads(output.read_text())["models"]["FastDepth"]["scores"]
    found = [
        scores[alignment][name] for alignment in ("none", "median") for name in ("abs_rel", "delta1", "rmse")
    ]
    assert found == pytest.approx([0.1668, 0.7908, 0.5774, 0.1352, 0.8375, 0.5122], abs=0.002)
