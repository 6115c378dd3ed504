"""One frame of a video, by its number in the order of display."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from onedepth.errors import DataError
from onedepth.manifest.claims import check_pixels
from onedepth.manifest.storage import local_path, open_file

_BACK = (0, 16, 64, 1 << 40)
"""Frames before the wanted one from which on it is looked for; H.264 and H.265 reorder 16 at most."""


_NO_TIME_STAMPS = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS


def read_frame(path: str, item: str, max_pixels: int) -> npt.NDArray[np.uint8]:
    """Decode a frame: seek to the key frame before it, then decode up to it.

    Args:
        path: Of the video.
        item: Number of the frame, from 0.
        max_pixels: Largest width times height.

    Returns:
        (H, W, 3) uint8 RGB as stored (no rotation).

    Raises:
        DataError: Missing, damaged, without time stamps, or shorter.
    """
    if not item.isdecimal():
        raise DataError(f"{path}#{item}: expected the number of a frame after #")
    local = local_path(path)
    stamp = os.stat(local).st_mtime_ns if local is not None and local.is_file() else 0
    times = frame_times(path, stamp)
    number = int(item)
    if number >= len(times):
        raise DataError(f"{path}#{item}: the video has {len(times)} frames")
    with open_file(path) as file, _container(file, path) as container:
        stream = container.streams.video[0]
        check_pixels(stream.codec_context.width, stream.codec_context.height, path, max_pixels)
        stream.thread_type = "NONE"  # loaders run in parallel anyway
        try:
            for back in _BACK:
                found = _decode(container, stream, times[max(0, number - back)], times[number])
                if found is not None:
                    return found
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path}#{item}: cannot be decoded ({str(error)[:120]})") from error
    raise DataError(f"{path}#{item}: this frame cannot be found in the video; it is damaged")


def _decode(container: Any, stream: Any, start: int, wanted: int) -> npt.NDArray[np.uint8] | None:
    """The frame of a time, or None if decoding from the key frame before `start` does not come by it.

    MP4 looks for key frames by the time at which they are decoded. One that is shown after the wanted frame
    may be found, if other frames are shown before it.
    """
    container.seek(start, stream=stream, backward=True)
    for frame in container.decode(stream):
        if frame.pts is not None and frame.pts >= wanted:
            return (
                cast("npt.NDArray[np.uint8]", frame.to_ndarray(format="rgb24"))
                if frame.pts == wanted
                else None
            )
    return None


@lru_cache(maxsize=64)
def frame_times(path: str, stamp: int = 0) -> tuple[int, ...]:
    """Time stamps of all frames of a video in the order of display, found without decoding any.

    Args:
        path: Of the video.
        stamp: When the file changed; a part of the key under which the answer is kept.

    Returns:
        Ticks of the stream's time base.

    Raises:
        DataError: Missing, damaged, no video, or without time stamps.
    """
    del stamp
    with open_file(path) as file, _container(file, path) as container:
        if not container.streams.video:
            raise DataError(f"{path}: has no picture in it, only {len(container.streams)} other streams")
        stream = container.streams.video[0]
        kind = raw_kind(container)
        if kind is not None:
            raise DataError(
                f"{path}: has frames without time stamps (a raw {kind} stream tells no rate); put it "
                "into a container at the rate you know: ffmpeg -r RATE -i IN -c:v libx264 -crf 15 OUT.mp4"
            )
        try:
            times = [packet.pts for packet in container.demux(stream) if packet.size]
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path}: is damaged ({str(error)[:120]})") from error
    if not times or any(time is None for time in times):
        what = "no frame" if not times else "frames without time stamps"
        raise DataError(f"{path}: has {what}; make a plain copy: ffmpeg -i IN -c:v libx264 -crf 15 OUT.mp4")
    return tuple(sorted(times))


def raw_kind(container: Any) -> str | None:
    """Format of a raw stream (m4v, h264, hevc, ...), or None for a container that stores time stamps.

    FFmpeg counts the frames of raw streams at a guessed rate, mostly 25 per second: its times mean nothing.
    """
    return str(container.format.name) if container.format.flags & _NO_TIME_STAMPS else None


def _container(file: Any, path: str) -> Any:
    try:
        import av
    except ImportError as error:
        raise DataError(f"{path}: needs PyAV; run `pip install 'onedepth[data]'`") from error
    try:
        return av.open(file, mode="r", options={"protocol_whitelist": "file"})
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: is no video, or damaged ({str(error)[:120]})") from error
