"""MiDaS, losses under bad labels: trimmed, absolute and squared losses up to scale and shift, and plain L1.

    python experiments/midas_losses.py --data DATA [--steps 200] [--seeds 0 1 2]

NYU Depth v2 with disparity labels that were stretched and shifted by another amount for every image, and of
which 0 or 30 % of the pixels were replaced by gross errors (rectangles of any disparity).
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from claims.common import NYU, SMALL
from claims.harness import Experiment, Values, Variant, main
from claims.scoring import TestSet

from onedepth.data.sample import Kind, Raster
from onedepth.data.sources import SourceConfig, open_source
from onedepth.data.transforms import resize
from onedepth.manifest.manifest import write_manifest
from onedepth.manifest.record import Label, Record

SIZE = (192, 144)
SHARES = (0, 30)  # per cent of pixels with gross errors
FULL = 65535
LOSSES: dict[str, tuple[Kind, Values]] = {
    "trimmed": ("affine", {"ssi_trim": 1.0}),
    "absolute": ("affine", {"ssi_mae": 1.0}),
    "squared": ("affine", {"ssi_mse": 1.0}),
    "trimmed + 0.1 gradient": ("affine", {"ssi_trim": 1.0, "ssi_gradient": 0.1}),
    "absolute + 0.1 gradient": ("affine", {"ssi_mae": 1.0, "ssi_gradient": 0.1}),
    "squared + 0.1 gradient": ("affine", {"ssi_mse": 1.0, "ssi_gradient": 0.1}),
    "trimmed + 0.5 gradient": ("affine", {"ssi_trim": 1.0, "ssi_gradient": 0.5}),
    "absolute + 0.5 gradient": ("affine", {"ssi_mae": 1.0, "ssi_gradient": 0.5}),
    "squared + 0.5 gradient": ("affine", {"ssi_mse": 1.0, "ssi_gradient": 0.5}),
    "plain L1": ("metric", {"log_l1": 1.0}),
}


def spoil(disparity: Raster, share: float, rng: np.random.Generator) -> Raster:
    """Replace a share of the pixels by rectangles of any disparity, then stretch and shift the whole."""
    spoilt = disparity / disparity.max()
    height, width = spoilt.shape
    wrong = np.zeros(spoilt.shape, np.bool_)
    while wrong.mean() < share:
        high, wide = rng.integers(4, height // 4), rng.integers(4, width // 4)
        top, left = rng.integers(height - high), rng.integers(width - wide)
        wrong[top : top + high, left : left + wide] = True
        spoilt[top : top + high, left : left + wide] = rng.random()
    return np.asarray(rng.uniform(0.3, 0.8) * spoilt + rng.uniform(0.02, 0.2), np.float32)


def prepare(data: Path, work: Path, names: Sequence[str]) -> None:
    """Write the photos once, and the labels of each share of errors."""
    if (work / f"errors_{SHARES[-1]}.jsonl").exists():
        return
    source = open_source(SourceConfig(name="nyu", path="nyu_v2/train", max_depth=10, holdout=NYU), data)
    records: dict[int, list[Record]] = {share: [] for share in SHARES}
    for index in range(0, len(source.records), 2):
        sample = resize(source.load(index), *SIZE)
        image = work / f"{index:04d}.jpg"
        cv2.imwrite(str(image), sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        disparity = 1.0 / np.nan_to_num(sample.label, nan=10.0)
        for share in SHARES:
            label = work / f"{index:04d}_{share}.png"
            spoilt = spoil(disparity, share / 100, np.random.default_rng((share, index)))
            cv2.imwrite(str(label), np.rint(spoilt * FULL).astype(np.uint16))
            told = Label(file=str(label), kind="metric", quantity="disparity", scale=1 / FULL)
            records[share].append(Record(id=str(index), image=str(image), label=told, camera=sample.camera))
    for share, some in records.items():
        write_manifest(some, work / f"errors_{share}.jsonl")


def variant(loss: str, share: int) -> Variant:
    """A loss on labels of which a share is wrong."""
    kind, losses = LOSSES[loss]
    path = f"{{work}}/errors_{share}.jsonl"
    source = {"name": "nyu", "path": path, "kind": kind, "losses": losses, "max_depth": 100}
    return Variant({"sources": [source]})


EXPERIMENT = Experiment(
    name="midas_losses",
    question="Which loss survives labels of unknown scale and shift with gross errors?",
    common=SMALL,
    variants={f"{loss}, {share} %": variant(loss, share) for share in SHARES for loss in LOSSES},
    tests=(TestSet("nyu held out", "nyu_v2/train", count=75, holdout=NYU),),
    prepare=prepare,
)

if __name__ == "__main__":
    main(EXPERIMENT)
