"""How good are labels made from pairs, and which pairs are rejected? SGBM beside DIS flow, against truth.

    python benchmarks/stereo.py [--every 5] [--output results/stereo_pipeline.json]

Needs the folder named by ONEDEPTH_SHARED: KITTI drive 0009 and odometry 04 (sparse LiDAR), Middlebury 2014
(structured light). Truth is turned into disparity in pixels, fx * baseline / z. Labels are compared where
both exist, after a scale and a shift per picture (least squares, fitted again on the better 80 %): that is
what an affine label promises. For KITTI, whose pairs are calibrated, metres are compared too, unaligned.
Rejected pairs are scored too, to see whether rejection hits the right ones. Then faults are put into the
accepted pairs, to see which are found.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _machine import SHARED, cpu_name, print_header, version

from onedepth.files.atomic import write_bytes
from onedepth.stereo.checks import Limits, fault
from onedepth.stereo.label import Calibration, Labelled, StereoOptions, label_pair
from onedepth.stereo.matching import MATCHERS

SETS = {
    "KITTI drive 0009": ("kitti/drive_0009", True),
    "KITTI odometry 04": ("kitti/odometry_04", True),
    "Middlebury 2014": ("middlebury_2014/training", False),
}
"""Title -> folder, and whether `fx * baseline / (disparity)` is depth (Middlebury's offset is not stored)."""

PACKAGES = ("opencv-python-headless", "numpy")
OPEN = Limits(left_right=2.0, vertical=2.0, vertical_share=1.0, range=0.0, valid_share=0.0)


@dataclass(frozen=True)
class Score:
    """One pair: why it would be rejected, how much is labelled, and how wrong that is."""

    reason: str | None
    coverage: float
    abs_rel: float  # of disparity, after alignment
    bad3: float  # share of pixels off by more than 3 px, after alignment
    median_px: float
    metres_abs_rel: float | None


def read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def aligned(disparity: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`disparity` after the scale and shift that bring it nearest to `truth`."""
    design = np.column_stack([disparity, np.ones_like(disparity)])
    fit = np.linalg.lstsq(design, truth, rcond=None)[0]
    error = np.abs(design @ fit - truth)
    best = error <= np.quantile(error, 0.8)
    return design @ np.linalg.lstsq(design[best], truth[best], rcond=None)[0]


def score(folder: Path, frame: dict[str, Any], unit: float, method: str, calibrated: bool) -> Score:
    """Label one pair with every threshold open, and compare it with its truth."""
    left, right = read(folder / f"{frame['id']}.jpg"), read(folder / "right" / f"{frame['id']}.jpg")
    depth = cv2.imread(str(folder / f"{frame['id']}.png"), cv2.IMREAD_UNCHANGED) * unit
    pixels_metres = frame["camera"]["fx"] * frame["baseline_m"]
    found = label_pair(left, right, StereoOptions(method=method, limits=OPEN))
    if not isinstance(found, Labelled):
        return Score(found.reason, 0.0, np.nan, np.nan, np.nan, None)
    both = (depth > 0) & np.isfinite(found.disparity)
    truth = pixels_metres / depth[both]
    error = np.abs(aligned(found.disparity[both], truth) - truth)
    metres = None
    if calibrated:
        inverse = Calibration(frame["camera"]["fx"], frame["baseline_m"]).inverse_metres(found.disparity)[
            both
        ]
        metres = float(np.nanmean(np.abs(1 / inverse / depth[both] - 1)[depth[both] < 80]))
    return Score(
        reason=fault(found.measured, Limits()),
        coverage=float(np.isfinite(found.disparity).mean()),
        abs_rel=float((error / truth).mean()),
        bad3=float((error > 3).mean()),
        median_px=float(np.median(error)),
        metres_abs_rel=metres,
    )


def faulty(
    left: np.ndarray, right: np.ndarray, other: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The pair with one fault each; black bars (an eighth above and below) are no reason to reject it."""
    down = np.roll(right, 4, 0)
    bars = [view.copy() for view in (left, right)]
    for view in bars:
        view[: len(view) // 8] = view[-(len(view) // 8) :] = 0
    return {
        "as it is": (left, right),
        "right view 4 rows lower": (left, down),
        "eyes exchanged": (right, left),
        "other scene on the right": (left, cv2.resize(other, left.shape[1::-1])),
        "left view twice": (left, left),
        "black bars": (bars[0], bars[1]),
    }


def count_faults(folder: Path, frames: list[dict[str, Any]], other: np.ndarray) -> dict[str, dict[str, int]]:
    """Fault -> what became (SGBM) of the pairs that are labelled without it: `labelled`, or why not."""
    counts: dict[str, Counter[str]] = {}
    for frame in frames:
        views = read(folder / f"{frame['id']}.jpg"), read(folder / "right" / f"{frame['id']}.jpg")
        for name, pair in faulty(*views, other).items():
            found = label_pair(*pair)
            accepted = isinstance(found, Labelled)
            if name == "as it is" and not accepted:
                break
            counts.setdefault(name, Counter())["labelled" if accepted else found.reason.split(":")[0]] += 1
    return {name: dict(count) for name, count in counts.items()}


def summary(scores: list[Score]) -> dict[str, Any]:
    """Means over pairs; None where there are none."""

    def mean(name: str) -> float | None:
        values = [getattr(one, name) for one in scores]
        known = [value for value in values if value is not None and np.isfinite(value)]
        return round(float(np.mean(known)), 4) if known else None

    names = ("coverage", "abs_rel", "bad3", "median_px", "metres_abs_rel")
    return {"pairs": len(scores), **{name: mean(name) for name in names}}


def run(every: int) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for title, (where, calibrated) in SETS.items():
        folder = SHARED / "data" / where
        scene = json.loads((folder / "scene.json").read_text())
        frames = scene["frames"] if not calibrated else scene["frames"][::every]
        for method in MATCHERS:
            start = time.process_time()
            scores = [score(folder, frame, scene["depth_unit_m"], method, calibrated) for frame in frames]
            kinds = Counter(one.reason.split(":")[0] for one in scores if one.reason)
            results.setdefault(title, {})[method] = {
                "accepted": summary([one for one in scores if one.reason is None]),
                "rejected": summary([one for one in scores if one.reason is not None]),
                "reasons": dict(kinds),
                "cpu_seconds_per_pair": round((time.process_time() - start) / len(scores), 2),
            }
        other = read(SHARED / "data/stereo_raw/sid_mini/right/000000.jpg")
        results[title]["faults"] = count_faults(folder, frames[:: 1 if not calibrated else 2], other)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--every", type=int, default=5, help="take every n-th KITTI pair, for faults every 2n-th"
    )
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    print_header("Labels from pairs", PACKAGES)
    if not (SHARED / "data").is_dir():
        print("  left out  everything: set ONEDEPTH_SHARED to the folder with the data")
        return
    results = run(arguments.every)
    line = "{:20} {:5} {:>9} {:>6} {:>9} {:>7} {:>7} {:>8} {:>8} {:>6}"
    print(line.format("set", "with", "", "pairs", "coverage", "AbsRel", "bad-3", "median", "metres", "s"))
    for title, methods in results.items():
        for method in MATCHERS:
            result = methods[method]
            for group in ("accepted", "rejected"):
                row = result[group]
                cells = [
                    "-" if row[name] is None else f"{row[name]:.3f}"
                    for name in ("coverage", "abs_rel", "bad3", "median_px", "metres_abs_rel")
                ]
                seconds = f"{result['cpu_seconds_per_pair']:.2f}" if group == "accepted" else ""
                print(line.format(title, method, group, row["pairs"], *cells, seconds))
            print(f"{'':26} {result['reasons']}")
        for name, counts in methods["faults"].items():
            print(f"{'':26} {name}: {counts}")
    if arguments.output is not None:
        command = f"python benchmarks/stereo.py --every {arguments.every}"
        document = {
            "command": command,
            "machine": f"{cpu_name()}, {os.cpu_count()} cores",
            "versions": [version(package) for package in PACKAGES],
            "alignment": "scale and shift in disparity, per pair",
            "sets": results,
        }
        write_bytes(arguments.output, json.dumps(document, indent=1).encode() + b"\n")


if __name__ == "__main__":
    main()
