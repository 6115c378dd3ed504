"""Side-by-side and top-bottom films: decoding, and the two views of a frame."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.errors import DataError
from onedepth.manifest.decoders.video import raw_kind
from onedepth.stereo.matching import Grey
from onedepth.stereo.pairs import Pair
from onedepth.stereo.shots import Chosen, Selection, select
from onedepth.stereo.views import Box, Image, common_content, grey

THUMBNAIL = (320, 180)
"""Width and height at which frames are compared to find cuts."""

_SAMPLES = 12  # key frames in which bars are looked for


def _side_by_side(frame: Image) -> tuple[Image, Image]:
    half = frame.shape[1] // 2
    return frame[:, :half], frame[:, half : 2 * half]


def _top_bottom(frame: Image) -> tuple[Image, Image]:
    half = frame.shape[0] // 2
    return frame[:half], frame[half : 2 * half]


def _stretched(image: Image, x: int, y: int) -> Image:
    import cv2

    size = (image.shape[1] * x, image.shape[0] * y)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


Split = Callable[[Image], tuple[Image, Image]]

LAYOUTS: dict[str, tuple[Split, tuple[int, int]]] = {
    "side-by-side": (_side_by_side, (1, 1)),
    "half-side-by-side": (_side_by_side, (2, 1)),
    "top-bottom": (_top_bottom, (1, 1)),
    "half-top-bottom": (_top_bottom, (1, 2)),
}
"""Name -> how a frame is split, and by how much views are stretched (x, y): `half` ones are squeezed."""


@dataclass(frozen=True)
class Frame:
    """A decoded frame; its colours are converted when they are asked for.

    Attributes:
        time: Seconds from the start of the film.
        index: Number of the frame, from 0.
        raw: The frame of PyAV.
    """

    time: float
    index: int
    raw: Any

    @cached_property
    def thumbnail(self) -> Grey:
        """Small grey picture, uint8 (180, 320)."""
        small = self.raw.reformat(*THUMBNAIL, format="gray")
        return np.asarray(small.to_ndarray(), np.uint8)

    def image(self) -> Image:
        """The frame, uint8 (H, W, 3) RGB."""
        return np.asarray(self.raw.to_ndarray(format="rgb24"), np.uint8)


def frames(path: Path, rate: float | None = None) -> Iterator[Frame]:
    """Decode a film.

    Args:
        path: The film.
        rate: Frames per second to count by, in place of the film's own times.

    Raises:
        DataError: It cannot be read or holds no video; it has no times and no rate was given; or it is
            damaged, which is said after the frames that could be decoded.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        _check_raw(container, rate, path)
        for index, raw in enumerate(container.decode(stream)):
            yield Frame(_time(raw, index, rate, path), index, raw)


def _check_raw(container: Any, rate: float | None, path: Path) -> None:
    """Refuse a raw stream of unknown rate, and one whose headers a plain copy has left behind."""
    kind = raw_kind(container)
    if kind is None:
        return
    if rate is None:
        raise DataError(
            f"{path}: its frames have no time (a raw {kind} stream, which does not tell its rate); give the "
            "frames per second with --rate"
        )
    if not container.streams.video[0].codec_context.width:
        raise DataError(
            f"{path}: a raw {kind} stream without the header that tells the size of its frames, so it cannot "
            "be decoded; copy it again from its source: ffmpeg -i FILM -c copy -bsf:v dump_extra "
            f"OUT.{kind}"
        )


def _time(raw: Any, index: int, rate: float | None, path: Path) -> float:
    if rate is not None:
        return index / rate
    if raw.pts is None or raw.time_base is None:
        raise DataError(f"{path}: frame {index} has no time; give the frames per second with --rate")
    return float(raw.pts * Fraction(raw.time_base))


def duration(path: Path) -> float | None:
    """Seconds of a film as its header says, for the progress bar; None if it does not.

    Raises:
        DataError: It cannot be opened, or holds no video.
    """
    av = _pyav()
    with _opened(path) as container:
        return None if container.duration is None else float(container.duration / av.time_base)


def split_views(frame: Image, layout: str, *, right_first: bool = False) -> tuple[Image, Image]:
    """Left and right view of a frame, in their true proportions.

    Args:
        frame: uint8 (H, W, 3).
        layout: A name of `LAYOUTS`.
        right_first: Whether the right eye's view lies left or on top.
    """
    split, stretch = LAYOUTS[layout]
    first, second = (_stretched(view, *stretch) if stretch != (1, 1) else view for view in split(frame))
    return (second, first) if right_first else (first, second)


def film_pairs(
    path: Path, layout: str, how: Selection, *, right_first: bool = False, rate: float | None = None
) -> Iterator[Pair]:
    """The chosen frames of a film as pairs, cropped to what lies inside the black bars of the film.

    Raises:
        DataError: As `frames`.
    """
    box = find_picture(path, layout)
    for chosen in select(frames(path, rate), how):
        views = split_views(chosen.frame.image(), layout, right_first=right_first)
        yield _pair(path.stem, chosen, views if box is None else (box.of(views[0]), box.of(views[1])))


def find_picture(path: Path, layout: str) -> Box | None:
    """The part of a view inside the bars of the film, from key frames all over it.

    A dark frame shows less of the picture than there is, so the largest part seen in any of them counts. None
    for a film that cannot be searched (no times, no duration), or is black in all of them.

    Raises:
        DataError: It cannot be opened, or holds no video.
    """
    box: Box | None = None
    for frame in _samples(path):
        seen = common_content(*(grey(view) for view in split_views(frame, layout)))
        if not seen.too_small:
            box = seen if box is None else box.around(seen)
    return None if box is None else _even(box)


def _samples(path: Path) -> Iterator[Image]:
    av = _pyav()
    with _opened(path) as container:
        stream = container.streams.video[0]
        for part in range(_SAMPLES if container.duration else 0):
            try:
                container.seek(container.duration * (2 * part + 1) // (2 * _SAMPLES))
                yield np.asarray(next(container.decode(stream)).to_ndarray(format="rgb24"), np.uint8)
            except (av.error.FFmpegError, StopIteration):
                continue  # some containers cannot seek everywhere; the other samples tell enough


def _pyav() -> Any:
    try:
        import av
    except ImportError as error:
        raise DataError(
            "films need PyAV, which is not installed; run `pip install 'onedepth[data]'`"
        ) from error
    return av


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An opened film with at least one video stream; what FFmpeg has to say becomes a DataError."""
    av = _pyav()
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a video")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path}: holds no video stream")
            yield container
    except av.error.FFmpegError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be decoded ({reason}); not a video, or damaged") from error


def _pair(film: str, chosen: Chosen[Frame], views: tuple[Image, Image]) -> Pair:
    return Pair(
        name=f"{film}/{chosen.frame.index:07d}",
        load=lambda: views,
        scene=f"{film}/shot{chosen.shot:04d}",
        time=chosen.frame.time,
        follows=chosen.follows,
    )


def _even(box: Box) -> Box:
    width, height = (side // 2 * 2 for side in (box.right - box.left, box.bottom - box.top))
    return Box(box.left, box.top, box.left + width, box.top + height)
