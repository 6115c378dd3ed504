"""Small copies of data sets, for experiments that change cameras or cannot wait for large photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from onedepth.camera import Camera
from onedepth.data.sample import Sample
from onedepth.data.sources import SourceConfig, open_source
from onedepth.data.transforms import crop, fit_aspect, resize
from onedepth.manifest.manifest import write_manifest
from onedepth.manifest.record import Label, Record

SIZE = (200, 160)
STEP = 2e-3  # metres per step of the copied labels


def write_copies(
    data: Path,
    source: SourceConfig,
    path: Path,
    *,
    count: int,
    zooms: tuple[float, ...] = (1.0,),
    blind: float,
) -> None:
    """Write small copies of the photos of a source, as true records and as records of a blindfolded camera.

    Args:
        data: Data root.
        source: Which photos; of its held-out part if it has one and `path` names a test set.
        path: Manifest of the copies with their true cameras. The one beside it, whose name ends in `_blind`,
            gives every photo one and the same camera, so that a network learns metres without a camera.
        count: So many photos at most, evenly spread.
        zooms: Each photo is copied once for each, its centre enlarged so much.
        blind: Focal length of the one camera, in pixels of the copies.
    """
    if path.exists():
        return
    held_out = source.holdout is not None and "test" in path.stem
    opened = open_source(source, data, held_out=held_out)
    total = len(opened.records)
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    true: list[Record] = []
    for index in np.unique(np.linspace(0, total - 1, min(total, count)).round().astype(int)):
        sample = opened.load(int(index))
        for zoom in zooms:
            true.append(_write(_centre(sample, zoom), folder, f"{index:05d}_{zoom:g}"))
    one = Camera.from_focal(blind, *SIZE)
    write_manifest([record.model_copy(update={"camera": one}) for record in true], blinded(path))
    write_manifest(true, path)


def blinded(path: Path) -> Path:
    """The manifest beside `path` in which every photo has the same camera."""
    return path.with_stem(f"{path.stem}_blind")


def _centre(sample: Sample, zoom: float) -> Sample:
    width, height = fit_aspect(*sample.camera.size, SIZE[0] / SIZE[1])
    width, height = round(width / zoom), round(height / zoom)
    left, top = (sample.camera.width - width) // 2, (sample.camera.height - height) // 2
    return resize(crop(sample, left, top, width, height), *SIZE)


def _write(sample: Sample, folder: Path, name: str) -> Record:
    image, label = folder / f"{name}.jpg", folder / f"{name}.png"
    cv2.imwrite(str(image), sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(label), np.rint(np.nan_to_num(sample.label) / STEP).clip(0, 65535).astype(np.uint16))
    told = Label(file=str(label), kind="metric", scale=STEP)
    return Record(id=name, image=str(image), label=told, camera=sample.camera)
