"""Where frames come from: a folder or list of photos, a video, or a manifest; one at a time in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap, Kind
from onedepth.errors import ConfigError, DataError
from onedepth.manifest.manifest import SUFFIXES, open_records
from onedepth.manifest.pixels import VIDEO_SUFFIXES, load_image
from onedepth.manifest.record import Record

Pixels = npt.NDArray[np.uint8]
CameraOf = Callable[[int, int], Camera | None]
"""From (width, height) to the camera that the user gave, or None."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        name: For messages.
        time: Seconds.
        pixels: uint8 (H, W, 3) RGB of a pinhole view.
        camera: Its pinhole camera.
        seen: bool (H, W), where an undistorted view shows something; None = everywhere.
        record: The line of the manifest, or None.
    """

    name: str
    time: float
    pixels: Pixels
    camera: Camera
    seen: npt.NDArray[np.bool_] | None = None
    record: Record | None = None

    def label(self) -> DepthMap:
        """The true depth of the frame.

        Raises:
            DataError: It has no label, its label is no depth, or the photo had lens distortion.
        """
        from onedepth.manifest.labels import load_depth

        if self.record is None or self.record.label is None:
            raise DataError(f"{self.name}: has no label; true depth comes from a manifest or scene folder")
        if self.seen is not None:
            raise DataError(f"{self.name}: its camera has lens distortion; labels need undistorted photos")
        kind: Kind = "scaled" if self.record.label.kind == "scaled" else "metric"
        depth = load_depth(self.record, self.camera.size)
        return DepthMap(np.nan_to_num(depth), kind, self.camera, np.isfinite(depth), "label")


class Frames:
    """Frames of one clip, loaded one by one.

    Attributes:
        name: What was opened.
        times: (N,) seconds of the frames, strictly rising.
        timed: Whether the times are more than a count of frames.
    """

    def __init__(
        self,
        name: str,
        records: Sequence[Record],
        times: npt.NDArray[np.float64],
        camera_of: CameraOf,
        timed: bool = True,
    ) -> None:
        self.name, self.times, self.timed = name, times, timed
        self._records, self._camera_of = records, camera_of

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Frame]:
        return (self.at(index) for index in range(len(self)))

    def at(self, index: int) -> Frame:
        """Load a frame; a photo with lens distortion is undistorted.

        Raises:
            OneDepthError: It cannot be read.
        """
        record = self._records[index]
        pixels, camera = self._load(record)
        if camera.is_pinhole:
            return Frame(record.id, float(self.times[index]), pixels, camera, None, record)
        from onedepth.undistort import undistort_image

        flat, pinhole, seen = undistort_image(pixels, camera)
        return Frame(record.id, float(self.times[index]), flat, pinhole, seen, record)

    def _load(self, record: Record) -> tuple[Pixels, Camera]:
        if record.source == _PHOTOS:
            from onedepth.files.images import read_photo

            photo = read_photo(record.id)
            given = self._camera_of(*photo.size)
            return photo.pixels, given or photo.camera or Camera.assumed(*photo.size)
        pixels = load_image(record.image)
        width, height = pixels.shape[1], pixels.shape[0]
        camera = self._camera_of(width, height) or record.camera or Camera.assumed(width, height)
        if camera.size != (width, height):
            raise DataError(
                f"{record.id}: is {width}x{height} pixels, its camera is for {camera.width}x{camera.height}"
            )
        return pixels, camera


_PHOTOS = "photos named by the user"


def open_frames(
    path: str | os.PathLike[str],
    *,
    camera_of: CameraOf = lambda width, height: None,
    rate: float | None = None,
    scene: str | None = None,
) -> Frames:
    """Open a clip.

    Args:
        path: A video; a manifest or scene folder with one scene (or choose one); a folder or glob pattern of
            photos, in the order of their names.
        camera_of: The camera, if it is given; else that of the manifest, else of EXIF, else the assumed one.
        rate: Frames per second, where there are no times; without it time counts frames.
        scene: Of a manifest with several scenes.

    Raises:
        ConfigError: An impossible rate, or a scene that does not exist or has to be chosen.
        OneDepthError: Nothing of the kind, or it cannot be read.
    """
    if rate is not None and not 0 < rate < float("inf"):
        raise ConfigError(f"--fps {rate:g}: expected frames per second above 0")
    name = os.fspath(path)
    if name.lower().endswith(VIDEO_SUFFIXES):
        return _video(name, camera_of, rate)
    if name.lower().endswith(SUFFIXES) or _lists(Path(name)):
        return _listed(name, camera_of, rate, scene)
    from onedepth.files.image_search import find_images

    records = [Record(id=str(p), image=str(p), source=_PHOTOS) for p in find_images([name])]
    return Frames(name, records, _counted(len(records), rate), camera_of, timed=rate is not None)


def _lists(path: Path) -> bool:
    names = ("scene.json", "index.json", *(f"manifest{suffix}" for suffix in SUFFIXES))
    return path.is_dir() and any((path / name).is_file() for name in names)


def _counted(number: int, rate: float | None) -> npt.NDArray[np.float64]:
    return np.arange(number) / (rate or 1.0)


def _listed(name: str, camera_of: CameraOf, rate: float | None, scene: str | None) -> Frames:
    records = list(open_records(name))
    scenes = list(dict.fromkeys(record.scene for record in records))
    if not records:
        raise DataError(f"{name}: lists no frame")
    if scene is None and len(scenes) > 1:
        shown = ", ".join(scenes[:6]) + (", ..." if len(scenes) > 6 else "")
        raise ConfigError(f"{name}: has {len(scenes)} scenes; choose one with --scene: {shown}")
    chosen = records if scene is None else [record for record in records if record.scene == scene]
    if not chosen:
        raise ConfigError(
            f"--scene {scene}: {name} has no such scene; expected one of {', '.join(scenes[:6])}"
        )
    given = [record.time for record in chosen]
    times = np.array([time for time in given if time is not None])
    timed = len(times) == len(chosen) and bool((np.diff(times) > 0).all())
    if rate is not None or not timed:
        times = _counted(len(chosen), rate)
    return Frames(name, chosen, times, camera_of, timed=timed or rate is not None)


def _video(name: str, camera_of: CameraOf, rate: float | None) -> Frames:
    from onedepth.manifest.storage import join_locator
    from onedepth.stereo.film import duration

    if not Path(name).is_file():
        raise DataError(f"{name}: no such file")
    from onedepth.manifest.decoders.video import frame_times

    number = len(frame_times(str(Path(name).absolute())))
    seconds = duration(Path(name))
    rate = rate or (number / seconds if seconds else None)
    where = Path(name).absolute()
    records = [Record(id=f"{name}#{i}", image=join_locator(where, str(i))) for i in range(number)]
    return Frames(name, records, _counted(number, rate), camera_of, timed=rate is not None)
