"""How often does a measured length agree with the truth to within its stated uncertainty?

    python benchmarks/measure.py [--images 40] [--lengths 100] [--model onedepth_v1]

Needs the folder named by ONEDEPTH_SHARED. Of each image 100 pairs of pixels away from depth edges are drawn,
and the length between them is compared with the one by true depth; cameras are the true ones. Of normal
errors 68 % lie within one standard deviation and 95 % within two. The table of depth errors was not measured
on NYU's test images; Middlebury and TUM are among the training data; odometry 04 is behind the table's rows
beyond 8 m. The castle of Sceaux was reconstructed from photos, so its truth has no metres: one length of each
photo is told, in the units of the reconstruction, and the others are compared in these.

Heights are those of the same pixels above the floor that is found, against those above the floor of the true
depth, where that one is clear: at least a tenth of the points, tilted by at most 30 degrees.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from _machine import SHARED, print_header

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.manifest.labels import load_depth
from onedepth.manifest.manifest import open_records
from onedepth.manifest.pixels import load_image
from onedepth.measure import Ruler, calibrate
from onedepth.predict import Predictor, load
from onedepth.predict.depth_errors import DEFAULT_ERRORS

SETS = {
    "NYU Depth v2, test": "nyu_v2/test",
    "Middlebury 2014": "middlebury_2014/training",
    "TUM RGB-D": "tum_rgbd",
    "KITTI odometry 04": "kitti/odometry_04",
    "SfM, castle of Sceaux": "sfm/sceaux_castle",
}
WITHOUT_METRES = ("sfm/sceaux_castle",)
WITH_FLOORS = ("nyu_v2/test", "tum_rgbd", "kitti/odometry_04")


def unsure(ruler: Ruler, first: tuple[int, int], second: tuple[int, int]) -> float:
    """Relative uncertainty that stays with the scale if this length is known."""
    length = ruler.distance(first, second)
    return float(np.hypot(length.depth, length.pick) / length.metres)


def rulers(predictor: Predictor, folder: str, images: int) -> Iterator[tuple[Ruler, Ruler]]:
    """A ruler in the true depth and one in the predicted depth of images spread over a set."""
    records = open_records(str(SHARED / "data" / folder))
    errors = predictor.info.depth_errors or DEFAULT_ERRORS
    for index in np.linspace(0, len(records) - 1, min(images, len(records))).astype(int):
        record = records[int(index)]
        truth = np.nan_to_num(np.asarray(load_depth(record), np.float32))
        guess = predictor.predict(load_image(record.image), record.camera)
        yield Ruler(DepthMap(truth, "metric", record.camera)), Ruler(guess, errors)


def lengths(
    predictor: Predictor, folder: str, images: int, pairs: int, calibrated: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Errors in standard deviations, and relative ones."""
    draw, deviations, relative = np.random.default_rng(0), [], []
    errors = predictor.info.depth_errors or DEFAULT_ERRORS
    for true, guess in rulers(predictor, folder, images):
        usable = np.argwhere(true.usable & guess.usable)[:, ::-1]
        drawn = [(tuple(a), tuple(b)) for a, b in draw.choice(usable, (pairs, 2)).tolist() if a != b]
        if calibrated:  # by the length that promises to leave the scale least uncertain
            a, b = min(drawn, key=lambda pair: unsure(guess, *pair))
            known = calibrate(guess.depthmap, true.distance(a, b).metres, a, b, errors=errors)
            guess = Ruler(known, errors)
        for a, b in drawn:
            found, metres = guess.distance(a, b), true.distance(a, b).metres
            deviations.append(abs(found.metres - metres) / found.uncertainty)
            relative.append(abs(found.metres - metres) / metres)
    return np.array(deviations), np.array(relative)


def heights(predictor: Predictor, folder: str, images: int, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors in standard deviations, and in metres."""
    draw, deviations, wrong = np.random.default_rng(0), [], []
    for true, guess in rulers(predictor, folder, images):
        try:
            clear = true.floor.share >= 0.1 and true.floor.tilt <= 30
            guess.floor  # noqa: B018 - found at first use
        except DepthMapError:
            continue
        usable = np.argwhere(true.usable & guess.usable)[:, ::-1]
        for column, row in draw.choice(usable, pixels).tolist() if clear else ():
            found, metres = guess.height((column, row)), true.height((column, row)).metres
            deviations.append(abs(found.metres - metres) / found.uncertainty)
            wrong.append(abs(found.metres - metres))
    return np.array(deviations), np.array(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40, help="images of each set, at most")
    parser.add_argument("--lengths", type=int, default=100, help="pairs of pixels of an image")
    parser.add_argument("--model", help="model file or name")
    given = parser.parse_args()
    print_header("How often do lengths lie within their uncertainty?", ("onnxruntime", "numpy"))
    if not (SHARED / "data").is_dir():
        print("left out: ONEDEPTH_SHARED names no folder with data")
        return
    predictor = load(given.model, "cpu")
    print("| set | scale | lengths | median error | within 1 sd | within 2 sd |\n|---|---|---|---|---|---|")
    for title, folder in SETS.items():
        for calibrated in (True,) if folder in WITHOUT_METRES else (False, True):
            deviations, relative = lengths(predictor, folder, given.images, given.lengths, calibrated)
            print(
                f"| {title} | {'one known length' if calibrated else 'as predicted'} | {len(deviations)} | "
                f"{np.median(relative):.1%} | {np.mean(deviations < 1):.0%} | {np.mean(deviations < 2):.0%} |"
            )
    print("\n| set | heights | median error | within 1 sd | within 2 sd |\n|---|---|---|---|---|")
    for title, folder in SETS.items():
        if folder not in WITH_FLOORS:
            continue
        deviations, wrong = heights(predictor, folder, given.images, given.lengths)
        print(
            f"| {title} | {len(deviations)} | {np.median(wrong):.2f} m | {np.mean(deviations < 1):.0%} | "
            f"{np.mean(deviations < 2):.0%} |"
        )


if __name__ == "__main__":
    main()
