"""Plan a run over many photos: which file is written for which photo, before anything is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onedepth.errors import ConfigError
from onedepth.files.image_search import FoundImage

if TYPE_CHECKING:
    from onedepth.manifest.record import Record


@dataclass(frozen=True, slots=True)
class Job:
    """One photo and the files to write for it.

    Attributes:
        photo: The photo's file; of a record its name.
        name: Relative name of the results, unique in the run.
        outputs: Format name -> file to write.
        record: Where the photo is listed, if it is: its image and camera are read from there.
    """

    photo: Path
    name: Path
    outputs: Mapping[str, Path]
    record: Record | None = None


def plan_jobs(images: Iterable[FoundImage], folder: Path, endings: Mapping[str, str]) -> list[Job]:
    """Give every photo its output files.

    Results are named `FOLDER/NAME` + ending, where NAME keeps the sub-folders of a folder that was searched.
    Photos whose results would clash keep their suffix in the name: `a.jpg` and `a.png` become `a_jpg` and
    `a_png`, `a.jpg` and `a_picture.jpg` become `a_jpg` and `a_picture_jpg`.

    Args:
        images: Photos; one that comes twice is taken once.
        folder: Output folder.
        endings: Format name -> what is put behind the name, such as `_picture.png`.

    Raises:
        ConfigError: If two photos would write the same file, a result would replace a photo, or results would
            come to lie among photos of a searched folder, where the next run would take them for photos.
    """
    once: dict[Path, FoundImage] = {}
    for image in images:
        once.setdefault(image.path.resolve(), image)
    jobs = _named(list(once.values()), folder, endings)
    _refuse_mixing([image for image in once.values() if not image.named], jobs)
    _refuse_clashes(jobs)
    return jobs


def _named(images: Sequence[FoundImage], folder: Path, endings: Mapping[str, str]) -> list[Job]:
    names = [image.name for image in images]
    while True:
        jobs = [_job(image, name, folder, endings) for image, name in zip(images, names, strict=True)]
        count = Counter(output for job in jobs for output in job.outputs.values())
        clashing = [any(count[output] > 1 for output in job.outputs.values()) for job in jobs]
        longer = [
            _with_suffix(image) if clashes else name
            for image, name, clashes in zip(images, names, clashing, strict=True)
        ]
        if longer == names:
            return jobs
        names = longer


def _with_suffix(image: FoundImage) -> Path:
    return image.name.with_name(f"{image.name.name}_{image.path.suffix[1:].lower()}")


def _job(image: FoundImage, name: Path, folder: Path, endings: Mapping[str, str]) -> Job:
    outputs = {kind: folder / name.with_name(f"{name.name}{ending}") for kind, ending in endings.items()}
    return Job(image.path, name, outputs)


def _refuse_mixing(searched: Sequence[FoundImage], jobs: Sequence[Job]) -> None:
    folders = {image.path.parent.resolve() for image in searched}
    for job in jobs:
        for output in job.outputs.values():
            if output.parent.resolve() in folders:
                raise ConfigError(
                    f"{output.parent}: holds photos, and the next run would take results for photos; "
                    "choose another output folder with -o"
                )


def _refuse_clashes(jobs: Sequence[Job]) -> None:
    photos = {job.photo.resolve(): job.photo for job in jobs}
    writers: dict[Path, Path] = {}
    for job in jobs:
        for output in job.outputs.values():
            if output.resolve() in photos:
                raise ConfigError(f"{output}: would replace a photo; choose another output folder with -o")
            other = writers.setdefault(output, job.photo)
            if other is not job.photo:
                raise ConfigError(
                    f"{other} and {job.photo} would both write {output}; rename one, or give the folder "
                    "above them, whose sub-folders are kept"
                )
