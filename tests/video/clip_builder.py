"""Small clips for tests: pictures, their times, a tone and a rotation."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
MILLISECOND = Fraction(1, 1000)


def texture(height: int, width: int, seed: int = 0) -> Pixels:
    """A picture in which flow finds its way."""
    import cv2

    coarse = np.random.default_rng(seed).integers(0, 255, (height // 6 + 2, width // 6 + 2, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def write_clip(
    path: Path,
    pictures: Sequence[Pixels],
    *,
    times: Sequence[int] | None = None,
    rotation: int = 0,
    audio: str | None = None,
    pixel_aspect: Fraction = Fraction(1),
) -> Path:
    """Write a clip; `times` in milliseconds, every 40 by default."""
    height, width = pictures[0].shape[:2]
    times = times if times is not None else [40 * number for number in range(len(pictures))]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "4", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv444p"
        video.codec_context.time_base = MILLISECOND
        video.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation:
            video.set_display_rotation(rotation)
        sound: Any = None if audio is None else container.add_stream(audio, rate=8000, layout="mono")
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = time, MILLISECOND
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None:
            size = sound.codec_context.frame_size or 320
            layout = sound.codec_context.format.name
            for start in range(8 * times[0], 8 * times[-1], size):
                wave = np.sin(np.arange(start, start + size) / 3.0)[None]
                samples = wave.astype(np.float32) if "flt" in layout else (9000 * wave).astype(np.int16)
                piece = av.AudioFrame.from_ndarray(samples, layout, "mono")
                piece.sample_rate, piece.pts, piece.time_base = 8000, start, Fraction(1, 8000)
                container.mux(sound.encode(piece))
            container.mux(sound.encode())
    return path


def packets(path: Path, kind: str) -> list[bytes]:
    """Stored packets of the first stream of a kind (audio or video)."""
    with av.open(str(path)) as container:
        streams = getattr(container.streams, kind)
        return [bytes(packet) for packet in container.demux(streams[0]) if packet.size] if streams else []


def decoded(path: Path) -> tuple[list[Pixels], list[float]]:
    """Frames and their times in seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        times = [float(frame.time or 0) for frame in frames]
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames], times


def sound_begins(path: Path) -> float:
    """Seconds from the first frame to the first packet of sound."""
    with av.open(str(path)) as container:
        first: dict[str, float] = {}
        for packet in container.demux():
            if packet.pts is not None and packet.size:
                time = float(packet.pts * packet.time_base)
                first[packet.stream.type] = min(time, first.get(packet.stream.type, time))
    return first["audio"] - first["video"]
