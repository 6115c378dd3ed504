"""Read a clip: upright frames with their times one after the other, and sound as it is stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from onedepth.errors import ImageError
from onedepth.files.images import DEFAULT_MAX_PIXELS

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"),
    *(".mpg", ".mpeg", ".mts", ".m2ts", ".ts", ".wmv", ".3gp"),
)

_RATES = (Fraction(1), Fraction(240))  # frames a second that can be believed


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a name has the suffix of a video."""
    return os.path.splitext(os.fspath(path))[1].lower() in VIDEO_SUFFIXES


_STRETCHES = (0.25, 4.0)  # widths of a pixel, in heights, that can be believed


@dataclass(frozen=True, eq=False, slots=True)
class VideoFrame:
    """One frame.

    Attributes:
        pixels: uint8 (H, W, 3) RGB, upright, with square pixels.
        time: seconds from the beginning of the clip.
    """

    pixels: npt.NDArray[np.uint8]
    time: Fraction


class Clip:
    """An open video file; use it in a `with` block.

    Attributes:
        path: the file.
        rate: frames a second, on average.
        audio: the PyAV stream of its sound, or None.
        damage: why reading ended before the end of the clip, or None.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
        """Open a clip.

        Raises:
            ImageError: missing, no video, or frames of more than `max_pixels` pixels.
        """
        import av

        self.path, self._max_pixels = Path(path), max_pixels
        if not self.path.is_file():
            what = "is a folder, expected a video" if self.path.is_dir() else "no such file"
            raise ImageError(f"{self.path}: {what}")
        try:
            self._container: Any = av.open(str(self.path), options={"protocol_whitelist": "file"})
        except (OSError, ValueError, av.FFmpegError) as error:
            raise ImageError(f"{self.path}: is no video, or damaged ({_reason(error)})") from error
        try:
            self._stream = self._picture_stream()
        except ImageError:
            self.close()
            raise
        streams = self._container.streams
        self.audio: Any = streams.audio[0] if streams.audio else None
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.rate: Fraction = rate if rate and _RATES[0] <= rate <= _RATES[1] else Fraction(25)
        self.damage: str | None = None

    def _picture_stream(self) -> Any:
        if not self._container.streams.video:
            raise ImageError(f"{self.path}: has no picture, only sound")
        stream = self._container.streams.video[0]
        width, height = stream.codec_context.width, stream.codec_context.height
        if not 0 < width * height <= self._max_pixels:
            raise ImageError(
                f"{self.path}: frames of {width}x{height} pixels, expected 1 to {self._max_pixels}; "
                "shrink the clip, or raise the limit (--max-pixels)"
            )
        stream.thread_type = "AUTO"
        return stream

    @property
    def seconds(self) -> float:
        """Length by the file's header; 0 if it does not say."""
        if self._stream.duration:
            return float(self._stream.duration * self._stream.time_base)
        return float(self._container.duration or 0) / 1e6

    @property
    def expected_frames(self) -> int:
        """Number of frames by the file's header; 0 if it does not say."""
        return int(self._stream.frames or round(self.seconds * self.rate))

    def frames(self) -> Iterator[VideoFrame]:
        """All frames in the order of display, decoded as they are asked for; sound is passed over."""
        for item in self.packets(sound=False):
            if isinstance(item, VideoFrame):
                yield item

    def packets(self, *, sound: bool = True) -> Iterator[VideoFrame | Any]:
        """Frames, and between them packets of sound as they are stored, in the order of the file.

        Times of both count from the first frame.

        A clip that breaks off or is damaged ends early, and `damage` says why.

        Raises:
            ImageError: not a single frame can be decoded.
        """
        import av

        wanted = [self._stream, *([self.audio] if sound and self.audio is not None else [])]
        shaped = _Upright(self._stream, self.rate)
        try:
            for packet in self._container.demux(wanted):
                if packet.stream is not self._stream:
                    if packet.dts is not None:
                        yield self._from_first_frame(packet)
                    continue
                yield from map(shaped, packet.decode())
        except (OSError, ValueError, EOFError, av.FFmpegError) as error:
            self.damage = _reason(error)
        if not shaped.count:
            raise ImageError(f"{self.path}: not a single frame can be decoded ({self.damage or 'empty'})")

    def _from_first_frame(self, packet: Any) -> Any:
        """Count the time of a packet from where frames are counted from, or sound would lag behind them."""
        late = round((self._stream.start_time or 0) * self._stream.time_base / packet.time_base)
        packet.dts -= late
        if packet.pts is not None:
            packet.pts -= late
        return packet

    def sample(self, count: int) -> Iterator[VideoFrame]:
        """About `count` frames spread evenly over the clip: the key frames before evenly spaced times.

        The file is opened once more for it, so that nothing of this clip is passed over: going back to the
        beginning would lose the sound that lies before the first frame.
        """
        with Clip(self.path, max_pixels=self._max_pixels) as other:
            yield from other._seek_frames(count)

    def _seek_frames(self, count: int) -> Iterator[VideoFrame]:
        import av

        seen: set[Fraction] = set()
        start, base = self._stream.start_time or 0, self._stream.time_base
        for number in range(count):
            goal = start + int(self.seconds * (number + 0.5) / count / base)
            try:
                self._container.seek(goal, stream=self._stream, backward=True)
                frame = next(self.frames())
            except (OSError, ValueError, StopIteration, av.FFmpegError):
                continue
            if frame.time not in seen:
                seen.add(frame.time)
                yield frame

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Self:
        """The clip itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()


class _Upright:
    """Turns decoded frames upright, gives them one size and times that always grow."""

    def __init__(self, stream: Any, rate: Fraction) -> None:
        self._base: Fraction = stream.time_base
        self._start = stream.start_time or 0
        self._rate = rate
        # A camera has square pixels; clips of DVDs and of some camcorders say that theirs are not.
        stretch = float(stream.sample_aspect_ratio or 1)
        self._stretch = stretch if _STRETCHES[0] <= stretch <= _STRETCHES[1] else 1.0
        self._size: tuple[int, int] | None = None
        self._last: Fraction | None = None
        self.count = 0

    def __call__(self, frame: Any) -> VideoFrame:
        if self._size is None:
            self._size = round(frame.width * self._stretch), frame.height
        width, height = self._size
        pixels = frame.to_ndarray(format="rgb24", width=width, height=height)
        turns = round((frame.rotation or 0) / 90) % 4
        self.count += 1
        return VideoFrame(np.ascontiguousarray(np.rot90(pixels, turns)), self._time(frame))

    def _time(self, frame: Any) -> Fraction:
        after = Fraction(0) if self._last is None else self._last + 1 / self._rate
        time = after if frame.pts is None else (frame.pts - self._start) * self._base
        if self._last is not None and time <= self._last:
            time = after
        self._last = time
        return time


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
