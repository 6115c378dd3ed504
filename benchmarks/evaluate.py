"""How many maps a second can be scored, against straightforward NumPy code?

All standard metrics of 640x480 maps with two alignments, by one thread: the mask of the NYU protocol, depths
clamped to 1 mm to 10 m, a number per metric, alignment and image. The straightforward code is what scripts
hold: index by the mask, align, clip, then one expression per metric, on the maps as they are (float32) and in
double precision. All give the same numbers, which is checked. Time is that of the processor.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is loaded

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from _machine import print_header
from numpy.typing import NDArray

from onedepth.evaluate.align import align
from onedepth.evaluate.metrics import METRICS, Case, compute
from onedepth.evaluate.metrics.standard import standard

Raster = NDArray[np.float32]
Scores = dict[str, dict[str, float]]  # alignment -> metric -> value

FLOOR, CAP = 1e-3, 10.0
STANDARD = tuple(name for name, metric in METRICS.items() if metric.function is standard)
PAIRS = (["none", "median"], ["median", "scale_shift"], ["median", "scale_shift_disparity"])
AGREE = 2e-6  # relative; float32 maps have seven digits


@dataclass(frozen=True)
class Image:
    """One prediction with its truth."""

    prediction: Raster
    truth: Raster
    mask: NDArray[np.bool_]


def make(seed: int, width: int, height: int) -> Image:
    """Smooth rooms, 2 % of the truth missing, the Eigen crop; the prediction is off by a tenth."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.5, 10.0, (12, 16)).astype(np.float32)
    truth = np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0.5, 10.0)
    error = cv2.resize(rng.standard_normal((24, 32)).astype(np.float32), (width, height))
    prediction = 0.8 * truth * np.exp(0.1 * error + 0.02 * rng.standard_normal(truth.shape))
    mask = np.zeros(truth.shape, np.bool_)
    mask[height * 45 // 480 : height * 471 // 480, width * 41 // 640 : width * 601 // 640] = True
    mask &= rng.random(truth.shape) > 0.02
    return Image(prediction.astype(np.float32), truth.astype(np.float32), mask)


def ours(image: Image, alignments: list[str]) -> Scores:
    """As `onedepth eval` does it."""
    case = Case(image.prediction, image.truth, image.mask)
    found = {}
    for name in alignments:
        fit = align(name, case.predicted_pixels, case.true_pixels, cap=CAP)
        found[name] = compute(STANDARD, case.aligned(fit, FLOOR, CAP))
    return found


def plain_align(name: str, prediction: Raster, truth: Raster) -> Raster:
    """The alignments of evaluation scripts."""
    if name == "median":
        return prediction * (np.median(truth) / np.median(prediction))
    if name == "scale_shift":
        scale, shift = np.polyfit(prediction, truth, 1)
        return np.asarray(scale * prediction + shift, np.float32)
    if name == "scale_shift_disparity":
        disparity = 1 / prediction
        columns = np.stack([disparity, np.ones_like(disparity)], axis=1)
        scale, shift = np.linalg.lstsq(columns, 1 / truth, rcond=None)[0]
        return np.asarray(1 / np.maximum(scale * disparity + shift, 1 / CAP), np.float32)
    return prediction


def plain_metrics(pred: Raster, gt: Raster) -> dict[str, float]:
    """One expression per metric."""
    thresh = np.maximum(gt / pred, pred / gt)
    log_difference = np.log(pred) - np.log(gt)
    silog = np.sqrt(np.mean(log_difference**2) - np.mean(log_difference) ** 2)
    return {
        "abs_rel": np.mean(np.abs(gt - pred) / gt),
        "sq_rel": np.mean((gt - pred) ** 2 / gt),
        "sq_rel_squared": np.mean((gt - pred) ** 2 / gt**2),
        "mae": np.mean(np.abs(gt - pred)),
        "rmse": np.sqrt(np.mean((gt - pred) ** 2)),
        "rmse_log": np.sqrt(np.mean((np.log(gt) - np.log(pred)) ** 2)),
        "log10": np.mean(np.abs(np.log10(gt) - np.log10(pred))),
        "silog": 100 * silog,
        "rmse_log_scale_invariant": silog,
        "imae": 1000 * np.mean(np.abs(1 / gt - 1 / pred)),
        "irmse": 1000 * np.sqrt(np.mean((1 / gt - 1 / pred) ** 2)),
        "kitti_abs_rel": 100 * np.mean(np.abs(gt - pred) / gt),
        "kitti_sq_rel": 100 * np.mean((gt - pred) ** 2 / gt**2),
        "delta_1.05": np.mean(thresh < 1.05),
        "delta_1.10": np.mean(thresh < 1.10),
        "delta1": np.mean(thresh < 1.25),
        "delta2": np.mean(thresh < 1.25**2),
        "delta3": np.mean(thresh < 1.25**3),
        "bad_1.25": 100 * np.mean(thresh > 1.25),
    }


def plain(image: Image, alignments: list[str]) -> Scores:
    """As evaluation scripts do it."""
    found = {}
    for name in alignments:
        pred, gt = image.prediction[image.mask], image.truth[image.mask]
        pred = np.clip(plain_align(name, pred, gt), FLOOR, CAP)
        found[name] = plain_metrics(pred, gt)
    return found


def in_double(image: Image, alignments: list[str]) -> Scores:
    """The straightforward code on float64 maps: the reference for the check."""
    exact = Image(image.prediction.astype(np.float64), image.truth.astype(np.float64), image.mask)
    return plain(exact, alignments)


def worst(found: Scores, expected: Scores) -> float:
    """Largest difference of any metric, relative; absolute for shares, where a pixel may sit on a bound."""
    difference = 0.0
    for alignment, scores in expected.items():
        for name, value in scores.items():
            scale = 100.0 if name.startswith(("delta", "bad")) else abs(value)
            difference = max(difference, abs(found[alignment][name] - value) / scale)
    return difference


def stream(images: list[Image], number: int) -> Iterator[Image]:
    """That many maps, fresh copies as a reader would give them."""
    for index in range(number):
        image = images[index % len(images)]
        yield Image(image.prediction.copy(), image.truth.copy(), image.mask.copy())


def seconds(
    score: Callable[[Image, list[str]], Scores], images: list[Image], number: int, alignments: list[str]
) -> float:
    """Processor seconds per image, the copies not counted."""
    total = 0.0
    for image in stream(images, number):
        start = time.process_time()
        score(image, alignments)
        total += time.process_time() - start
    return total / number


def peak_mb(images: list[Image], number: int, alignments: list[str]) -> float:
    """Most memory held at once while that many images are scored, beside the image itself, in MB."""
    most = 0.0
    for image in stream(images, number):
        tracemalloc.start()
        ours(image, alignments)
        most = max(most, tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
    return most


def compare(images: list[Image], number: int, alignments: list[str]) -> None:
    """Print the check, the rates and the ratios for one pair of alignments."""
    print(f"\n  alignments {' and '.join(alignments)}")
    difference = max(worst(ours(image, alignments), in_double(image, alignments)) for image in images)
    verdict = "the same numbers" if difference < AGREE else "OTHER NUMBERS"
    print(f"    check    {verdict}, to {difference:.0e} of NumPy in double precision")
    rates = {}
    for name, score in (("plain NumPy", plain), ("plain NumPy, float64", in_double), ("onedepth", ours)):
        score(images[0], alignments)
        rates[name] = 1 / seconds(score, images, number, alignments)
        print(f"    {name:<20} {rates[name]:7.1f} images/s   {1000 / rates[name]:6.2f} ms an image")
    for rival in ("plain NumPy", "plain NumPy, float64"):
        print(f"    ratio    onedepth / {rival}: {rates['onedepth'] / rates[rival]:.2f}")
    few, many = (peak_mb(images, n, alignments) for n in (1, min(20, number)))
    print(f"    memory   {few:.1f} MB beside one image, {many:.1f} MB beside {min(20, number)} in turn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=654)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print_header("Scoring of depth maps, one thread", ["onedepth", "numpy", "opencv-python-headless"])
    width, height = options.size
    print(
        f"  protocol  {options.images} maps of {width}x{height}, {len(STANDARD)} metrics, processor seconds"
    )
    images = [make(seed, width, height) for seed in range(min(8, options.images))]
    for alignments in PAIRS:
        compare(images, options.images, alignments)


if __name__ == "__main__":
    main()
