"""What 8 bits cost and save: a float and an int8 model file on the same held-out photos, in the same run.

    python experiments/int8_gain.py DATA --calibration list.jsonl
    onedepth export CHECKPOINT -o int8.onnx --int8 --calibrate list.jsonl
    python experiments/int8_gain.py DATA onedepth_v1 int8.onnx

The first call lists the photos of NYU Depth v2's training split that the shipped recipes do not hold out; the
last one scores both files on those that they do (no test photo is used), and alternates their runs for time.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.data.sample import Sample
from onedepth.data.sources import Holdout, Source, SourceConfig, open_source
from onedepth.files.atomic import write_bytes
from onedepth.manifest.manifest import write_manifest
from onedepth.predict import Predictor, load

ROOT = Path(__file__).resolve().parents[1]
NYU = SourceConfig(name="nyu", path="nyu_v2/train", max_depth=10, holdout=Holdout(block=20, every=10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="the float file, then the int8 file")
    parser.add_argument("--calibration", type=Path, help="write the list of photos to calibrate on")
    parser.add_argument("--result", type=Path, default=ROOT / "results" / "int8.json")
    options = parser.parse_args()
    if options.calibration:
        print(write_manifest(open_source(NYU, options.data).records, options.calibration), "photos")
    if len(options.models) != 2:
        return
    models = [load(model, "cpu", threads=1) for model in options.models]
    result = _compare(models, open_source(NYU, options.data, held_out=True))
    print(json.dumps(result, indent=1))
    write_bytes(options.result, json.dumps(result, indent=1).encode() + b"\n")


def _compare(models: list[Predictor], source: Source) -> dict[str, Any]:
    scores: list[list[tuple[float, float]]] = [[], []]
    seconds: list[list[float]] = []
    differences = []
    for number in range(len(source.records)):
        sample = source.load(number)
        depths = [model.run(sample.image, sample.camera) for model in models]
        differences.append(float(np.mean(np.abs(depths[1] / depths[0] - 1))))
        for part, metres in zip(scores, depths, strict=True):
            part.append(_score(metres, sample))
        seconds.append([_seconds(model, sample) for model in models])
    times = np.array(seconds)
    return {
        "what": f"{len(source.records)} photos of NYU Depth v2's training split not trained or calibrated on",
        "command": f"python experiments/int8_gain.py DATA {' '.join(model.path.name for model in models)}",
        "alignment": "none",
        "mean_relative_difference": round(float(np.mean(differences)), 5),
        "models": [
            {
                "name": model.info.name,
                "sha256": hashlib.sha256(model.path.read_bytes()).hexdigest(),
                "megabytes": round(model.path.stat().st_size / 1e6, 2),
                "abs_rel": round(float(np.mean([score[0] for score in part])), 4),
                "delta1": round(float(np.mean([score[1] for score in part])), 4),
                "median_cpu_ms": round(float(np.median(times[:, place])) * 1e3, 2),
            }
            for place, (model, part) in enumerate(zip(models, scores, strict=True))
        ],
        "speed_ratio": round(float(np.median(times[:, 0] / times[:, 1])), 3),
    }


def _score(metres: np.ndarray, sample: Sample) -> tuple[float, float]:
    """AbsRel and delta1 where there is a label."""
    known = np.isfinite(sample.label)
    ratio = (metres[known] / sample.label[known]).astype(np.float64)
    return float(np.mean(np.abs(ratio - 1))), float(np.mean(np.maximum(ratio, 1 / ratio) < 1.25))


def _seconds(model: Predictor, sample: Sample) -> float:
    """Processor time of one run, photo in memory to metres; it does not count what others take."""
    start = time.process_time()
    model.run(sample.image, sample.camera)
    return time.process_time() - start


if __name__ == "__main__":
    main()
