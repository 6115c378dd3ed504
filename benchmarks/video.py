"""How much does depth flicker, before and after stabilisation? And: is memory flat over ten minutes of video?

    python benchmarks/video.py flicker [--frames 250] [--output results/video_flicker.json]
    python benchmarks/video.py memory [--minutes 10] [--size 640x360]

`flicker` needs the folder named by ONEDEPTH_SHARED. Temporal alignment error (TAE) needs poses, which
7-Scenes and KITTI odometry have; flow flicker is measured for all. AbsRel against sensor depth shows that
steadiness is not bought with wrong metres. `memory` makes a clip, predicts it with a model file through the
command line, once for a tenth of its length and once for all, and compares the peaks of resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _machine import ONEDEPTH, SHARED, cpu_name, print_header, run_child, version

from onedepth import Camera, Predictor
from onedepth.evaluate.metrics import Frame, flow_flicker, temporal_alignment_error
from onedepth.files.atomic import write_bytes
from onedepth.files.images import read_photo
from onedepth.video.flow import flow_both_ways, grey_picture
from onedepth.video.stabilize import Shown, stabilize

CLIPS = {
    "7-Scenes redkitchen": "seven_scenes/redkitchen",
    "KITTI odometry 04": "kitti/odometry_04",
    "KITTI drive 0009": "kitti/drive_0009",
}
MODES = ("off", "scale", "full")
PACKAGES = ("onnxruntime", "opencv-python-headless", "numpy", "av")
GROWTH_ALLOWED = 1.10


def predicted(folder: Path, frames: list[dict[str, Any]], predictor: Predictor) -> Iterator[Shown]:
    """Depth of every frame by itself."""
    for number, frame in enumerate(frames):
        photo = read_photo(folder / f"{frame['id']}.jpg")
        k = dict(frame["camera"])
        k["cx"], k["cy"] = k["cx"] + 0.5, k["cy"] + 0.5  # stored with pixel centres at integers
        yield Shown(Fraction(number), predictor.predict_view(photo, Camera(**k)))


def measure(folder: Path, frames: list[dict[str, Any]], unit: float, shown: list[Shown]) -> dict[str, float]:
    """Flicker and accuracy of one clip; percent but for AbsRel."""
    depths = [one.prediction.depth for one in shown]
    numbers: dict[str, float] = {}
    if "camera_to_world" in frames[0]:
        posed = [
            Frame(depth.values, depth.camera, np.array(frame["camera_to_world"]))
            for depth, frame in zip(depths, frames, strict=True)
        ]
        numbers["tae"] = temporal_alignment_error(posed)["tae"]
    flicker, greys = [], [grey_picture(one.prediction.pixels) for one in shown]
    for number in range(len(shown) - 1):
        flows = flow_both_ways(greys[number], greys[number + 1])
        if flows is None:
            continue
        size = depths[number].shape[::-1]
        stretch = np.array(size, np.float32) / flows[0].seen.shape[::-1]
        motion = cv2.resize(flows[0].motion, size) * stretch
        seen = cv2.resize(flows[0].seen.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        flicker.append(flow_flicker(depths[number].values, depths[number + 1].values, motion, seen))
    numbers["flow_flicker"] = float(np.mean([pair["flow_flicker"] for pair in flicker if pair]))
    errors = []
    for depth, frame in zip(depths, frames, strict=True):
        truth = cv2.imread(str(folder / f"{frame['id']}.png"), cv2.IMREAD_UNCHANGED) * unit
        known = (truth > 0) & (truth < 80)
        errors.append(float(np.mean(np.abs(depth.values[known] - truth[known]) / truth[known])))
    numbers["abs_rel"] = float(np.mean(errors))
    return {name: round(number, 4) for name, number in numbers.items()}


def flicker(args: argparse.Namespace) -> None:
    """Measure all clips in all modes."""
    print_header("How much does depth flicker, before and after stabilisation?", PACKAGES)
    predictor, clips = Predictor(args.model), {}
    for title, name in CLIPS.items():
        folder = SHARED / "data" / name
        scene = json.loads((folder / "scene.json").read_text())
        frames = scene["frames"][: args.frames]
        raw = list(predicted(folder, frames, predictor))
        rows = {}
        for mode in MODES:
            start = time.perf_counter()
            steady = list(stabilize(raw, mode))
            spent = 1000 * (time.perf_counter() - start) / len(raw)
            rows[mode] = measure(folder, frames, scene["depth_unit_m"], steady)
            print(f"  {title}, {mode:5}  {rows[mode]}  {spent:.0f} ms per frame")
        clips[title] = {"frames": len(frames), "stabilize": rows}
    if args.output:
        command = " ".join(["python", "benchmarks/video.py", *sys.argv[1:]])
        result = {
            "command": command, "model": predictor.source, "machine": cpu_name(),
            "versions": [version(package) for package in PACKAGES], "clips": clips,
            "units": {"tae": "%", "flow_flicker": "%", "abs_rel": "share"},
        }  # fmt: skip
        write_bytes(Path(args.output), (json.dumps(result, indent=2) + "\n").encode())


def make_clip(path: Path, seconds: float, width: int, height: int) -> None:
    """Write a moving pattern with 30 frames a second and a tone."""
    import av

    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.integers(0, 255, (40, 80, 3), np.uint8), (2 * width, height))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("aac", rate=16000, layout="mono")
        for number in range(round(seconds * 30)):
            left = round(width * (0.5 + 0.5 * np.sin(number / 200)))
            picture = np.ascontiguousarray(wall[:, left : left + width])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            tone = np.zeros((1, 16000 // 30), np.float32)
            sound = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            sound.sample_rate, sound.time_base, sound.pts = 16000, Fraction(1, 16000), number * tone.size
            container.mux(audio.encode(sound))
        container.mux(video.encode())
        container.mux(audio.encode())


def memory(args: argparse.Namespace) -> None:
    """Compare peak memory of a short and a long clip."""
    print_header("Does memory depend on the length of a clip?", PACKAGES)
    width, height = map(int, args.size.split("x"))
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (args.minutes / 10, args.minutes):
            clip, output = Path(folder, f"{minutes}.mp4"), Path(folder, f"{minutes}_depth.mp4")
            make_clip(clip, 60 * minutes, width, height)
            model = ["--model", args.model] if args.model else []
            run = run_child([ONEDEPTH, "predict", str(clip), "-o", str(output), *model])
            peaks[minutes] = run.peak_mb
            rate = 1800 * minutes / run.seconds
            print(f"  {minutes:g} minutes: peak {run.peak_mb:.0f} MB, {rate:.1f} frames/s", flush=True)
            os.remove(clip)
    ratio = peaks[args.minutes] / peaks[args.minutes / 10]
    print(f"  ratio     {ratio:.3f} (allowed {GROWTH_ALLOWED})")
    if ratio > GROWTH_ALLOWED:
        sys.exit("error: memory grows with the length of the clip")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("flicker", "memory"))
    parser.add_argument("--model", help="model file; by default the shipped one")
    parser.add_argument("--frames", type=int, default=250, help="of each clip at most")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--output", help="JSON file for the numbers")
    args = parser.parse_args()
    {"flicker": flicker, "memory": memory}[args.what](args)


if __name__ == "__main__":
    main()
