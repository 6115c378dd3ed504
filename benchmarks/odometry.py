"""How far is the camera's path off with our depth, with true depth, and without any? And the fused surface?

    python benchmarks/odometry.py [--output results/odometry.json] [--sets "KITTI odometry 04"] [--model FILE]

Needs the folder named by ONEDEPTH_SHARED. ATE and RPE are those of `evo`: after a rigid alignment (no scale)
where the path is in metres, after a similarity (Sim(3)) where not. t_rel and r_rel are KITTI's, over the
sub-sequence lengths that fit (KITTI: 100 to 800 m; here shorter ones, named in the result). KITTI drive 0009
is stored without poses; its reference is the path with true depth, so that row is no measurement. The
surface of 7-Scenes is compared with the one fused from the sensor's depth and poses, in the same volume.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _machine import SHARED, cpu_name, print_header, version
from evo.core import metrics
from evo.core.trajectory import PoseTrajectory3D

from onedepth.evaluate.metrics.pointcloud import cloud_metrics
from onedepth.files.atomic import write_bytes
from onedepth.predict.predictor import Predictor, load
from onedepth.reconstruct.fuse import FuseOptions
from onedepth.reconstruct.run import fuse
from onedepth.track.frames import Frames, open_frames
from onedepth.track.poses import inverse, nearest_rotation, rigid
from onedepth.track.run import Followed, depth_source, follow
from onedepth.track.trajectory import Trajectory

SETS = {
    "KITTI odometry 04": ("kitti/odometry_04", 10.0),
    "KITTI drive 0009": ("kitti/drive_0009", 10.0),
    "7-Scenes redkitchen": ("seven_scenes/redkitchen", 15.0),
    "rendered rooms": ("synthetic/rooms_video", 10.0),
}
"""Title -> folder and frames per second."""

MORE = {"TartanAir hospital": ("tartanair/hospital", 10.0), "KITTI drive 0005": ("kitti/drive_0005", 10.0)}
"""Likewise, only if named by --sets: on these clips it is decided how the tracker works."""

DEPTHS = {"ours": "predicted", "true depth": "labels", "scale-free": "none"}
LENGTHS = (10.0, 20.0, 30.0, 40.0, 50.0)  # metres of KITTI's sub-sequences; ours are shorter than 100 m
FUSE = FuseOptions(voxel=0.03, max_depth=4.0)
EVERY = 5  # frames fused
PACKAGES = ("opencv-python-headless", "numpy", "evo", "open3d", "onnxruntime")


@dataclass(frozen=True)
class Clip:
    """Frames and the true path, or None."""

    frames: Frames
    truth: np.ndarray | None


def clips(folder: Path, rate: float) -> list[Clip]:
    from onedepth.manifest.manifest import open_records

    records = list(open_records(folder))
    found = []
    for scene in dict.fromkeys(record.scene for record in records):
        poses = [record.pose for record in records if record.scene == scene]
        truth = None
        if all(pose is not None for pose in poses):
            raw = np.array(poses).reshape(-1, 4, 4)
            truth = np.stack([rigid(nearest_rotation(p[:3, :3]), p[:3, 3]) for p in raw])
        found.append(Clip(open_frames(folder, rate=rate, scene=scene), truth))
    return found


def errors(found: Followed, truth: np.ndarray, rate: float) -> dict[str, float | None]:
    """ATE, RPE over a second, KITTI's relative errors, and the scale that would fit best."""
    times = np.arange(len(truth), dtype=float)
    reference = PoseTrajectory3D(poses_se3=list(truth), timestamps=times)
    free = PoseTrajectory3D(poses_se3=list(found.trajectory.poses), timestamps=times)
    _, _, scale = free.align(reference, correct_scale=True)
    path = free
    if not found.scale_free:
        path = PoseTrajectory3D(poses_se3=list(found.trajectory.poses), timestamps=times)
        path.align(reference)
    values: dict[str, float | None] = {
        "ate_m": rmse(metrics.APE(metrics.PoseRelation.translation_part), reference, path)
    }
    values["ate_sim3_m"] = rmse(metrics.APE(metrics.PoseRelation.translation_part), reference, free)
    for name, relation in (
        ("rpe_m", metrics.PoseRelation.translation_part),
        ("rpe_deg", metrics.PoseRelation.rotation_angle_deg),
    ):
        step = metrics.RPE(relation, round(rate), metrics.Unit.frames, all_pairs=True)
        values[name] = rmse(step, reference, path)
    values["t_rel_percent"], values["r_rel_deg_per_100m"] = kitti_errors(truth, np.array(path.poses_se3))
    values["scale"] = None if found.scale_free else float(scale)
    return values


def rmse(metric: Any, reference: PoseTrajectory3D, path: PoseTrajectory3D) -> float:
    metric.process_data((reference, path))
    return float(metric.get_statistic(metrics.StatisticsType.rmse))


def kitti_errors(truth: np.ndarray, path: np.ndarray) -> tuple[float | None, float | None]:
    """KITTI's average translation (percent) and rotation error (degrees per 100 m) over sub-sequences."""
    away = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1))])
    moved, turned = [], []
    for first in range(len(truth)):
        for length in LENGTHS:
            last = int(np.searchsorted(away, away[first] + length))
            if last >= len(truth):
                continue
            off = inverse(inverse(path[first]) @ path[last]) @ inverse(truth[first]) @ truth[last]
            angle = np.degrees(np.arccos(np.clip((np.trace(off[:3, :3]) - 1) / 2, -1, 1)))
            moved.append(100 * np.linalg.norm(off[:3, 3]) / length)
            turned.append(100 * angle / length)
    return (float(np.mean(moved)), float(np.mean(turned))) if moved else (None, None)


def paths_of(clip: Clip, rate: float, model: Predictor) -> dict[str, tuple[Followed, float]]:
    """Path and CPU milliseconds per frame with each kind of depth."""
    found = {}
    for title, name in DEPTHS.items():
        begun = time.process_time()
        path = follow(clip.frames, depth_source(name, lambda: model))
        found[title] = (path, 1e3 * (time.process_time() - begun) / len(clip.frames))
    return found


def measure(folder: Path, rate: float, model: Predictor) -> dict[str, Any]:
    """Mean errors over the clips of a set."""
    rows: dict[str, list[dict[str, float | None]]] = {title: [] for title in DEPTHS}
    frames, metres, from_labels = 0, 0.0, False
    for clip in clips(folder, rate):
        found = paths_of(clip, rate, model)
        from_labels = clip.truth is None
        truth = found["true depth"][0].trajectory.poses if clip.truth is None else clip.truth
        frames += len(truth)
        metres += float(np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1).sum())
        for title, (path, ms) in found.items():
            line = errors(path, truth, rate)
            line |= {"lost": float(len(path.trajectory.lost)), "keys": float(path.keys), "cpu_ms": ms}
            rows[title].append(line)
    methods = {
        title: mean(lines) for title, lines in rows.items() if not (from_labels and title == "true depth")
    }
    reference = "path with true depth" if from_labels else "poses of the data set"
    return {"frames": frames, "metres": round(metres, 2), "reference": reference, "methods": methods}


def mean(lines: list[dict[str, float | None]]) -> dict[str, float | None]:
    """Means over clips; lost frames and key-frames are summed."""
    found: dict[str, float | None] = {}
    for name in lines[0]:
        values = [value for line in lines if (value := line[name]) is not None]
        total = sum if name in ("lost", "keys") else np.mean
        found[name] = round(float(total(values)), 4) if values else None
    return found


def surfaces(folder: Path, rate: float, model: Predictor) -> dict[str, Any]:
    """Fused clouds against the one from sensor depth and true poses."""
    (clip,) = clips(folder, rate)
    assert clip.truth is not None
    poses = inverse(clip.truth[0]) @ clip.truth
    true_path = Trajectory(poses, clip.frames.times)
    ours, labels = (depth_source(name, lambda: model) for name in ("predicted", "labels"))
    assert ours is not None
    assert labels is not None
    sensor = fuse(clip.frames, true_path, labels, FUSE, EVERY)
    found = {}
    for title, depth_of, path in (
        ("our depth, true poses", ours, true_path),
        ("our depth, our path", ours, follow(clip.frames, ours).trajectory),
        ("true depth, its path", labels, follow(clip.frames, labels).trajectory),
    ):
        fusion = fuse(clip.frames, replace(path, lost=frozenset()), depth_of, FUSE, EVERY)
        scores = cloud_metrics(thinned(fusion.points()), thinned(sensor.points()))
        found[title] = {name: round(value, 4) for name, value in scores.items()} | {
            "mb": round(fusion.megabytes, 1)
        }
    return {"voxel_m": FUSE.voxel, "max_depth_m": FUSE.max_depth, "every": EVERY, "methods": found}


def thinned(points: np.ndarray, most: int = 100_000) -> np.ndarray:
    return points if len(points) <= most else points[np.random.default_rng(0).permutation(len(points))[:most]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=[*SETS, *MORE])
    parser.add_argument("--model", default=None)
    given = parser.parse_args()
    print_header(__doc__.splitlines()[0], PACKAGES)
    model = load(given.model)
    result: dict[str, Any] = {
        "command": "python benchmarks/odometry.py --output results/odometry.json",
        "machine": cpu_name(),
        "versions": [version(package) for package in PACKAGES],
        "model": model.source,
        "alignment": "rigid for metres, similarity for scale-free; RPE over one second",
        "kitti_lengths_m": LENGTHS,
        "sets": {},
    }
    for title in given.sets:
        folder, rate = (SETS | MORE)[title]
        if not (SHARED / "data" / folder).is_dir():
            print(f"  {title}: not there, left out")
            continue
        result["sets"][title] = found = measure(SHARED / "data" / folder, rate, model)
        print(f"\n{title}: {found['frames']} frames, {found['metres']} m, against {found['reference']}")
        for name, line in found["methods"].items():
            print(f"  {name:11}", " ".join(f"{key}={value}" for key, value in line.items()), flush=True)
        if "7-Scenes" in title:
            result["surfaces"] = {title: surfaces(SHARED / "data" / folder, rate, model)}
            for name, line in result["surfaces"][title]["methods"].items():
                print(f"  {name:22}", " ".join(f"{key}={value}" for key, value in line.items()), flush=True)
    if given.output:
        write_bytes(given.output, (json.dumps(result, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
