"""Photos to calibrate an int8 model on: from manifests, scenes or plain photos, some of them held back."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.errors import ConfigError
from onedepth.files.image_search import find_images
from onedepth.files.images import DEFAULT_MAX_PIXELS, Photo, read_photo
from onedepth.manifest.manifest import open_records
from onedepth.manifest.record import Record
from onedepth.predict.metadata import INPUT_FOCAL, INPUT_IMAGE
from onedepth.predict.predictor import choose_camera
from onedepth.predict.records import lists_records, read_record

FEWEST = 8
HOLD_BACK = 4  # every so many photos one is not calibrated on, but compared on

Inputs = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class CalibrationPhoto:
    """A photo that is read when it is needed.

    Attributes:
        name: Path or id.
        read: Gives the photo.
    """

    name: str
    read: Callable[[], Photo]

    def inputs(self) -> Inputs:
        """What a model file takes: pixels, and the focal lengths known of them or assumed.

        Raises:
            OneDepthError: The photo cannot be read.
        """
        photo = self.read()
        camera = choose_camera(photo, None)
        return {INPUT_IMAGE: photo.pixels, INPUT_FOCAL: np.array([camera.fx, camera.fy], np.float32)}


@dataclass(frozen=True)
class CalibrationSet:
    """Photos to calibrate on, and photos held back to compare on."""

    used: tuple[CalibrationPhoto, ...]
    held_back: tuple[CalibrationPhoto, ...]


def find_photos(paths: Sequence[str | os.PathLike[str]], count: int) -> CalibrationSet:
    """Choose photos evenly from each path, and every fourth to be held back.

    Args:
        paths: Manifests, shards, folders of scenes, or photos as `find_images` takes them.
        count: How many photos, all paths together; of what has fewer, all.

    Raises:
        ConfigError: There are too few photos.
        OneDepthError: A path is nothing of the kind.
    """
    share = -(-count // max(1, len(paths)))
    found = [photo for path in paths for photo in _spread(_list(os.fspath(path)), share)]
    if len(found) < FEWEST:
        where = ", ".join(os.fspath(path) for path in paths)
        raise ConfigError(
            f"{where}: {len(found)} photos to calibrate on, expected at least {FEWEST}; name more with "
            "--calibrate, or raise --calibration-images"
        )
    return CalibrationSet(
        used=tuple(photo for place, photo in enumerate(found) if place % HOLD_BACK != HOLD_BACK - 1),
        held_back=tuple(found[HOLD_BACK - 1 :: HOLD_BACK]),
    )


def _list(path: str) -> list[CalibrationPhoto]:
    if lists_records(path) or _has_scenes(Path(path)):
        return [CalibrationPhoto(record.id, _reader(record)) for record in open_records(path)]
    return [CalibrationPhoto(str(file), _file_reader(file)) for file in find_images([path])]


def _has_scenes(path: Path) -> bool:
    return path.is_dir() and any("scene.json" in files for _, _, files in os.walk(path))


def _reader(record: Record) -> Callable[[], Photo]:
    return lambda: read_record(record, max_pixels=DEFAULT_MAX_PIXELS)


def _file_reader(file: Path) -> Callable[[], Photo]:
    return lambda: read_photo(file)


def _spread(photos: Sequence[CalibrationPhoto], count: int) -> Iterator[CalibrationPhoto]:
    """At most `count` photos at even distances, the first and the last among them."""
    places = np.linspace(0, len(photos) - 1, min(count, len(photos))).round().astype(int)
    return (photos[place] for place in np.unique(places))
