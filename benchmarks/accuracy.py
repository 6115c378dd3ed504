"""How right are the metres, against FastDepth in the same run?

Every image of a set is predicted by every model and scored at the truth's size: AbsRel, delta 1 and RMSE per
image, then the mean over images; without alignment, and with the median of each image aligned. OneDepth is
told the true focal length. FastDepth, trained on NYU Depth v2 alone, takes the whole photo and no camera.
"""

import argparse
import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _machine import ROOT, SHARED, cpu_name, print_header, version
from _scoring import ELSEWHERE, PROTOCOLS, Array, Protocol, Scores, mean_scores, score
from numpy.typing import NDArray

import onedepth
from onedepth.camera import Camera
from onedepth.data.load import load_sample
from onedepth.data.sample import Sample
from onedepth.errors import ModelFileError, OneDepthError
from onedepth.files.atomic import write_bytes
from onedepth.manifest.manifest import open_records
from onedepth.manifest.record import Record
from onedepth.predict.modelfile import find_model

NYU_TEST = "nyu_v2/test"
FASTDEPTH_FILE = SHARED / "peers" / "fastdepth_nyu.onnx"
PACKAGES = ["onedepth", "onnxruntime", "numpy", "opencv-python-headless", "pillow"]
SHOWN = {"abs_rel": "AbsRel ↓", "delta1": "delta1 ↑", "rmse": "RMSE ↓ (m)"}

Predict = Callable[[NDArray[np.uint8], Camera], Array]


@dataclass(frozen=True)
class Contender:
    """A model to be scored, the file it comes from, and how it predicts metres of the photo's size."""

    name: str
    file: Path
    predict: Predict


def ours(model: str | None) -> Contender:
    """OneDepth as a user calls it."""
    predictor = onedepth.load(model)

    def predict(image: NDArray[np.uint8], camera: Camera) -> Array:
        return predictor.predict(image, camera).depth

    return Contender(predictor.source, predictor.path, predict)


def fastdepth() -> Contender:
    """FastDepth (Wofk et al. 2019): the whole photo resized (bicubic) to 224x224, its metres resized back."""
    import cv2
    import onnxruntime
    from PIL import Image

    session = onnxruntime.InferenceSession(FASTDEPTH_FILE, providers=["CPUExecutionProvider"])

    def predict(image: NDArray[np.uint8], camera: Camera) -> Array:
        small = np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC))
        network_input = small.transpose(2, 0, 1)[None].astype(np.float32) / 255
        depth = session.run(None, {"image": network_input})[0][0, 0]
        return np.asarray(cv2.resize(depth, camera.size, interpolation=cv2.INTER_LINEAR), np.float32)

    return Contender("FastDepth", FASTDEPTH_FILE, predict)


def contenders(model: str | None, *, with_fastdepth: bool) -> list[Contender]:
    """Whoever is there; what is missing is said and left out, but a model asked for must exist."""
    found = []
    try:
        find_model(model)
    except ModelFileError as error:
        if model is not None:
            raise
        print(f"  left out  OneDepth: {error}")
    else:
        found.append(ours(model))
    if with_fastdepth and FASTDEPTH_FILE.exists():
        found.append(fastdepth())
    elif with_fastdepth:
        print("  left out  FastDepth: set ONEDEPTH_SHARED to a folder with peers/fastdepth_nyu.onnx")
    return found


def samples(records: list[Record], protocol: Protocol) -> Iterator[Sample]:
    """The frames of a set, with a bar that shows how far it is."""
    from rich.console import Console
    from rich.progress import track

    shown = track(records, "  predicting", console=Console(stderr=True), transient=True)
    return (load_sample(record, "metric", protocol.cap) for record in shown)


def run(
    records: list[Record], models: list[Contender], protocol: Protocol
) -> dict[str, list[dict[str, Scores]]]:
    """Scores of every image, by model."""
    results: dict[str, list[dict[str, Scores]]] = {model.name: [] for model in models}
    for sample in samples(records, protocol):
        for model in models:
            prediction = model.predict(sample.image, sample.camera)
            results[model.name].append(score(prediction, sample.label, protocol))
    return results


def open_set(name: str, stride: int) -> list[Record]:
    """Frames with metric truth and a camera, every `stride`-th of them."""
    records = open_records(SHARED / "data" / name)
    usable = [r for r in records if r.label and r.label.kind == "metric" and r.camera is not None]
    if not usable:
        raise OneDepthError(f"{name}: has no frame with metric depth and a camera")
    return usable[::stride]


def digest(files: list[Path]) -> str:
    """SHA-256 of the files' own SHA-256, in order."""
    return hashlib.sha256(b"".join(hashlib.sha256(f.read_bytes()).digest() for f in files)).hexdigest()


def table(means: dict[str, dict[str, Scores]]) -> Iterator[str]:
    """A Markdown table: one row per alignment and model."""
    yield "| alignment | model | " + " | ".join(SHOWN.values()) + " |"
    yield "|---|---|" + "---|" * len(SHOWN)
    for alignment in ("none", "median"):
        for model, scores in means.items():
            numbers = " | ".join(f"{scores[alignment][metric]:.3f}" for metric in SHOWN)
            yield f"| {alignment} | {model} | {numbers} |"


def verdict(means: dict[str, dict[str, Scores]]) -> Iterator[str]:
    """Error ratios of the first model over the second; below 1 the first is better."""
    (first, one), (second, other) = means.items()
    for alignment in ("none", "median"):
        ratio = one[alignment]["abs_rel"] / other[alignment]["abs_rel"]
        gain = one[alignment]["delta1"] - other[alignment]["delta1"]
        yield f"  ratio     {first} / {second}, alignment {alignment}: AbsRel {ratio:.2f}, delta1 {gain:+.3f}"


def result(
    options: argparse.Namespace,
    records: list[Record],
    protocol: Protocol,
    models: list[Contender],
    means: dict[str, dict[str, Scores]],
) -> dict[str, Any]:
    """Everything needed to trust, or to repeat, the numbers."""
    files = [Path(file) for r in records if r.label for file in (r.image, r.label.file)]
    return {
        "command": f"python benchmarks/accuracy.py {shlex.join(sys.argv[1:])}".strip(),
        "machine": f"{cpu_name()}, {os.cpu_count()} cores",
        "versions": [version(package) for package in PACKAGES],
        "protocol": {
            **asdict(protocol),
            "average": "per image, then over images",
            "focal": "true focal length given to OneDepth",
            "resize": "predictions bilinearly to the truth's size",
        },
        "data": {
            "set": options.set,
            "images": len(records),
            "stride": options.stride,
            "sha256": digest(files),
        },
        "models": {
            model.name: {"file": model.file.name, "sha256": digest([model.file]), "scores": means[model.name]}
            for model in models
        },
    }


def print_protocol(protocol: Protocol, images: int) -> None:
    """Print what must be known beside the numbers."""
    window = "whole frame"
    if protocol.window is not None:
        window = "rows {}:{}, columns {}:{}".format(*protocol.window)
    print(f"  protocol  {images} images, {window}, {protocol.floor:g}-{protocol.cap:g} m, mean over images,")
    print("            bilinear to the truth's size, clamped after alignment; true focal length given;")
    print("            no time is measured, so a busy machine does no harm\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="model file or name; the shipped one unless said")
    parser.add_argument(
        "--set", default=NYU_TEST, help=f"folder below data/, say kitti/odometry_04 ({NYU_TEST})"
    )
    parser.add_argument(
        "--fastdepth", action=argparse.BooleanOptionalAction, help=f"on for {NYU_TEST} unless said"
    )
    parser.add_argument("--stride", type=int, default=1, help="every how many frames")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args()
    protocol = PROTOCOLS.get(Path(options.set).parts[0], ELSEWHERE)
    print_header(f"Accuracy on {options.set}", PACKAGES)
    if not (SHARED / "data" / options.set).is_dir():
        print(f"  left out  everything: set ONEDEPTH_SHARED to a folder with data/{options.set}")
        return
    records = open_set(options.set, options.stride)
    with_fastdepth = options.set == NYU_TEST if options.fastdepth is None else options.fastdepth
    models = contenders(options.model, with_fastdepth=with_fastdepth)
    per_image = run(records, models, protocol)
    scored = sum(map(bool, next(iter(per_image.values()), [])))
    print_protocol(protocol, scored)
    if not scored:
        print("  nothing could be scored")
        return
    means = {name: mean_scores(scores) for name, scores in per_image.items()}
    print("\n".join(table(means)) + "\n")
    if len(means) > 1:
        print("\n".join(verdict(means)))
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        report = result(options, records, protocol, models, means)
        write_bytes(options.output, (json.dumps(report, indent=2) + "\n").encode())
        print(f"  written   {os.path.relpath(options.output, ROOT)}")


if __name__ == "__main__":
    try:
        main()
    except OneDepthError as error:
        sys.exit(f"error: {error}")
