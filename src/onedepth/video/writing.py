"""Where the frames of a clip go: a video file with the sound of the clip, or a folder of depth files."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError, OneDepthError
from onedepth.files.atomic import atomic_path
from onedepth.files.output_formats import ENDINGS, write_output

OUTPUT_SUFFIXES = (".mp4", ".mov", ".mkv")
TIMES = "times.csv"

_TICKS = 90_000  # per second: divides the usual rates, also 30000/1001
_OURS = re.compile(r"\d{6,}(" + "|".join(map(re.escape, ENDINGS.values())) + r"|\.json)")


class Sink(Protocol):
    """What takes the frames."""

    def put(self, depth: DepthMap, pixels: npt.NDArray[np.uint8], time: Fraction) -> None:
        """Take the next frame."""

    def put_sound(self, packet: Any) -> None:
        """Take a packet of sound."""


class _FilmSink:
    """Encodes pictures of depth as H.264 at the times of the clip's frames."""

    def __init__(self, container: Any, sound: Any, rate: Fraction, render: Any) -> None:
        self._container, self._rate, self._render = container, rate, render
        self._video = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        self._sound = None if sound is None else container.add_stream_from_template(sound)
        self._size: tuple[int, int] | None = None
        self._early: list[Any] = []

    def put(self, depth: DepthMap, pixels: npt.NDArray[np.uint8], time: Fraction) -> None:
        from av import VideoFrame

        picture = _even(self._render(depth, pixels))
        if self._size is None:
            self._open(picture)
        frame = VideoFrame.from_ndarray(picture, "rgb24")
        # Rows of 709 are what players assume of untagged HD; tags make it certain for every size.
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = round(time * _TICKS), Fraction(1, _TICKS)
        self._container.mux(self._video.encode(frame))

    def put_sound(self, packet: Any) -> None:
        if self._sound is None:
            return
        if self._size is None:  # the header is written with the first frame
            self._early.append(packet)
            return
        packet.stream = self._sound
        self._container.mux(packet)

    def finish(self) -> None:
        self._container.mux(self._video.encode())

    def _open(self, picture: npt.NDArray[np.uint8]) -> None:
        height, width = picture.shape[:2]
        context = self._video.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, _TICKS)
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1
        self._size = width, height
        early, self._early = self._early, []
        for packet in early:
            self.put_sound(packet)


@contextlib.contextmanager
def film(path: Path, sound: Any, rate: Fraction, render: Any) -> Iterator[Sink]:
    """Write a video file, whole or not at all.

    Args:
        path: .mp4, .mov or .mkv.
        sound: PyAV stream whose packets are copied, or None.
        rate: frames a second on average.
        render: (depth map, pixels) -> uint8 (H, W, 3), always of one size.

    Raises:
        ConfigError: another suffix.
        OneDepthError: the file cannot be written.
    """
    import av

    check_film(path)
    with atomic_path(path) as temporary, _named_errors(path):
        container: Any = av.open(str(temporary), "w")
        try:
            sink = _FilmSink(container, sound, rate, render)
            yield sink
            sink.finish()
        except BaseException:
            with contextlib.suppress(OSError, ValueError):
                container.close()
            raise
        container.close()


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise OneDepthError(f"{path}: cannot be written ({error.strerror or error})") from error


def check_film(path: Path) -> None:
    """Refuse names that no video can be written to.

    Raises:
        ConfigError: another suffix than .mp4, .mov or .mkv.
    """
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        raise ConfigError(f"-o {path}: videos are written as {', '.join(OUTPUT_SUFFIXES)}; or give a folder")


def can_copy(path: Path, sound: Any) -> bool:
    """Whether the format of `path` holds the codec of a stream of sound as it is."""
    import av

    if sound is None:
        return False
    try:
        with av.open(os.devnull, "w", format=_MUXERS[path.suffix.lower()]) as container:
            container.add_stream_from_template(sound)
            return sound.codec_context.name in container.supported_codecs
    except (OSError, ValueError):
        return False


_MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}


class _FolderSink:
    """One set of files per frame, named by its number, and a table of their times."""

    def __init__(self, folder: Path, formats: Mapping[str, Mapping[str, Any]]) -> None:
        self._folder, self._formats, self._count = folder, formats, 0
        self._times = (folder / TIMES).open("w", encoding="utf-8")
        self._times.write("frame,seconds\n")

    def put(self, depth: DepthMap, pixels: npt.NDArray[np.uint8], time: Fraction) -> None:
        for name, options in self._formats.items():
            write_output(depth, self._folder / f"{self._count:06d}{ENDINGS[name]}", name, pixels, **options)
        self._times.write(f"{self._count:06d},{float(time):.6f}\n")
        self._count += 1

    def put_sound(self, packet: Any) -> None:
        """Sound has no place in a folder."""

    def close(self) -> None:
        self._times.close()


@contextlib.contextmanager
def frame_folder(folder: Path, formats: Mapping[str, Mapping[str, Any]]) -> Iterator[Sink]:
    """Write `000000.png`, `000001.png`, ... and `times.csv` into a folder that appears when all is done.

    Args:
        folder: one that does not exist, is empty, or holds nothing but frames of an earlier run, which are
            replaced.
        formats: name of a depth format -> options of its writer.

    Raises:
        ConfigError: the folder holds other files.
        OneDepthError: it cannot be written.
    """
    target = Path(os.path.realpath(folder))
    check_frame_folder(folder)
    building = target.with_name(f".onedepth-{secrets.token_hex(6)}")
    try:
        building.mkdir(parents=True)
        sink = _FolderSink(building, formats)
        try:
            yield sink
        finally:
            sink.close()
        _swap(building, target)
    except OSError as error:
        raise OneDepthError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def check_frame_folder(folder: Path) -> None:
    """Refuse a folder with files that are not frames of ours: it would be replaced.

    Raises:
        ConfigError: it holds other files, or is none.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"-o {folder}: is a file; give a folder, or a name ending in .mp4")
    names = sorted(os.listdir(folder)) if folder.exists() else []
    other = next((name for name in names if name != TIMES and not _OURS.fullmatch(name)), None)
    if other is not None:
        raise ConfigError(f"-o {folder}: holds other files ({other}); frames need a folder of their own")


def _swap(building: Path, target: Path) -> None:
    """Put the new folder where the old one was; only that is then removed."""
    if not target.exists():
        building.rename(target)
        return
    old = target.with_name(f".onedepth-{secrets.token_hex(6)}")
    target.rename(old)
    building.rename(target)
    shutil.rmtree(old)


def _even(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Repeat the last column and row where their number is odd: H.264 has colours at half the size."""
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(picture)
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
