"""Videos without depth, for self-supervision: `clip.mp4#FRAME` with the frames before and after it.

Frames are counted from 0 in the order of display; their times are the stream's time stamps, found without
decoding a frame. Frames of full rate hardly differ: listed are those that lie at least 0.125 s apart, so
that neighbours are 0.125 to 0.2 s away at all usual rates (every 4th frame at 30 per second, every 3rd at
24). Where frames are more than 0.5 s apart the clip counts as cut. Cuts within a film are not looked for
here.

A video without time stamps is refused: a frame rate written in the file does not tell which frames are
missing. Frames are as stored: the rotation that phones note beside is not applied. `--camera` gives all
videos one camera.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, locate, with_neighbours
from onedepth.layouts.walking import data_root, files_in, walk
from onedepth.manifest.decoders.video import frame_times
from onedepth.manifest.pixels import VIDEO_SUFFIXES
from onedepth.manifest.record import Record

STRIDE = 0.125
"""Seconds that listed frames are at least apart."""

LONGEST_GAP = 0.5
"""Seconds between listed frames above which a clip is cut."""

_ROUNDING = 1e-3  # seconds: time stamps of Matroska are whole milliseconds


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield frames of a video, or of every video at or below a folder.

    Raises:
        DataError: There is no video, or one is damaged, empty, without time stamps, or of another size than
            the camera.
    """
    accept_only(options, "video", "camera")
    if root.is_file():
        yield from _video(root.absolute(), root.name, options.camera)
        return
    root = data_root(root)
    videos = [path for folder in walk(root) for path in files_in(folder, VIDEO_SUFFIXES, root=root)]
    if not videos:
        raise DataError(f"{root}: no video in it or below it; expected {', '.join(VIDEO_SUFFIXES)}")
    for path in videos:
        yield from _video(path, path.relative_to(root).as_posix(), options.camera)


def choose_frames(times: list[float]) -> list[int]:
    """Indices of frames at least `STRIDE` apart, beginning with the first.

    Args:
        times: Seconds, ascending.
    """
    chosen: list[int] = []
    for index, time in enumerate(times):
        if not chosen or time - times[chosen[-1]] >= STRIDE - _ROUNDING:
            chosen.append(index)
    return chosen


def _video(path: Path, name: str, camera: Camera | None) -> Iterator[Record]:
    times = _seconds(path, camera)
    records = [
        Record(
            id=f"{name}/{index:06d}",
            image=locate(path, index),
            camera=camera,
            scene=name,
            time=times[index] - times[0],
            source="video",
        )
        for index in choose_frames(times)
    ]
    yield from with_neighbours(records, longest_gap=LONGEST_GAP)


def _seconds(path: Path, camera: Camera | None) -> list[float]:
    """Times of all frames; the size is compared on the way."""
    ticks = frame_times(str(path), path.stat().st_mtime_ns)  # first, for its complaints
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = (stream.codec_context.width, stream.codec_context.height)
        base = float(stream.time_base or 0)
    if camera is not None and camera.size != size:
        raise DataError(
            f"{path}: frames are {size[0]}x{size[1]}, but the camera is for {camera.width}x{camera.height}"
        )
    return [tick * base for tick in ticks]
