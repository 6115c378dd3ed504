"""How small may tiles be? Accuracy and seams by the side of the tile, in parts of the photo's longer side.

    python benchmarks/tiles.py [--images 8] [--model onedepth_v1]

Needs the folder named by ONEDEPTH_SHARED. Seams are the mean difference of log depth where tiles overlap,
before they are blended. Both sets are training data of the shipped model: compare the numbers only with
each other.
"""

from __future__ import annotations

import argparse

import numpy as np
from _machine import SHARED, print_header

from onedepth.manifest.labels import load_depth
from onedepth.manifest.manifest import open_records
from onedepth.manifest.pixels import load_image
from onedepth.predict import Predictor, load
from onedepth.predict.tiles import TileOptions, predict_tiles

SETS = {"Middlebury 2014": "middlebury_2014/training", "NYU Depth v2, training": "nyu_v2/train"}
PARTS = (1.0, 0.66, 0.5, 0.4, 0.3, 0.2)


def score(predictor: Predictor, folder: str, images: int, part: float) -> tuple[float, float]:
    """Mean AbsRel and mean seam; a part of 1 is the photo taken whole."""
    records, errors, seams = open_records(str(SHARED / "data" / folder)), [], []
    for index in np.linspace(0, len(records) - 1, images).astype(int):
        record = records[int(index)]
        pixels = load_image(record.image)
        truth = np.nan_to_num(np.asarray(load_depth(record), np.float32))
        side = int(part * max(pixels.shape)) if part < 1 else max(pixels.shape)
        tiled = predict_tiles(predictor.predict, pixels, record.camera, TileOptions(side))
        known = (truth > 0) & np.isfinite(tiled.values)
        errors.append(float(np.mean(np.abs(tiled.values[known] / truth[known] - 1))))
        seams.append(tiled.seam)
    return float(np.mean(errors)), float(np.mean(seams))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=8, help="images of each set")
    parser.add_argument("--model", help="model file or name")
    given = parser.parse_args()
    print_header("How small may tiles be?", ("onnxruntime", "numpy"))
    if not (SHARED / "data").is_dir():
        print("left out: ONEDEPTH_SHARED names no folder with data")
        return
    predictor = load(given.model, "cpu")
    for title, folder in SETS.items():
        for part in PARTS:
            error, seam = score(predictor, folder, given.images, part)
            print(f"{title}: side {part:g}: AbsRel {error:.3f}, tiles {seam:.1%} apart", flush=True)


if __name__ == "__main__":
    main()
