"""From a clip to a film or a folder of depth: decode, predict, steady and write, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.errors import ImageError
from onedepth.files.images import DEFAULT_MAX_PIXELS, Photo
from onedepth.files.pictures import PERCENTILES, render_picture
from onedepth.predict.batch import CameraOf
from onedepth.predict.predictor import Prediction, Predictor
from onedepth.video.reading import Clip, VideoFrame
from onedepth.video.stabilize import Mode, Shown, stabilize
from onedepth.video.writing import Sink, can_copy, check_film, film, frame_folder

SAMPLED = 16
"""Frames of the first pass, from which the colour range of all is taken."""

_VALUES = 20_000  # per sampled frame


@dataclass(frozen=True)
class VideoOptions:
    """How a clip is treated.

    Attributes:
        camera_of: Width and height of an upright frame -> its camera, or None for the assumed one.
        map_back: As in `Predictor.predict`.
        stabilize: What is made steady.
        formats: Depth format -> options of its writer, for a folder.
        colormap: Colours of a film.
        side_by_side: Show the clip left of its depth in a film.
        limits: Depths (near, far) of the two end colours of a film, or of pictures in a folder; None to find
            them in a first pass.
        max_pixels: Largest frame, width times height.
    """

    camera_of: CameraOf = lambda width, height: None
    map_back: bool = False
    stabilize: Mode = "full"
    formats: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"png16": {}})
    colormap: str = "Spectral_r"
    side_by_side: bool = False
    limits: tuple[float, float] | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class VideoResult:
    """What became of a clip.

    Attributes:
        frames: Number of frames written.
        seconds: Time of the last one.
        size: Width and height of the depth maps.
        limits: (near, far) of the colours of a film or of pictures, else None.
        sound: Whether sound was copied; None if the clip has none, or the output is a folder.
        damage: Why the clip ended early, or None.
    """

    frames: int
    seconds: float
    size: tuple[int, int]
    limits: tuple[float, float] | None
    sound: bool | None
    damage: str | None


def predict_video(
    source: str | Path,
    output: str | Path,
    predictor: Predictor,
    options: VideoOptions | None = None,
    advance: Callable[[], None] = lambda: None,
) -> VideoResult:
    """Predict the depth of every frame of a clip.

    Memory does not depend on the length: the frames that the stabilisation looks at are held, and no others.

    Args:
        source: The clip.
        output: A film (.mp4, .mov, .mkv) of coloured depth with the clip's times and sound; any other name is
            a folder for depth files. It appears when all frames are done.
        predictor: The model.
        options: How the clip is treated.
        advance: Called after each frame.

    Raises:
        ImageError: The clip cannot be read.
        OneDepthError: The output cannot be written.
    """
    options, output = options or VideoOptions(), Path(output)
    with Clip(source, max_pixels=options.max_pixels) as clip:
        sound, limits = None, None
        if output.suffix:
            check_film(output)
            limits = options.limits or colour_range(clip, predictor, options)
            sound = clip.audio if can_copy(output, clip.audio) else None
            opened = film(output, sound, clip.rate, _renderer(options, limits))
        else:
            formats = dict(options.formats)
            if "picture" in formats:
                limits = options.limits or colour_range(clip, predictor, options)
                formats["picture"] = {**formats["picture"], "limits": limits}
            opened = frame_folder(output, formats)
        with opened as sink:
            count, last = _pump(clip, predictor, options, sink, advance)
        copied = None if clip.audio is None or not output.suffix else sound is not None
        size = last.prediction.depth.shape[::-1]
        return VideoResult(count, float(last.time), size, limits, copied, clip.damage)


def _pump(
    clip: Clip, predictor: Predictor, options: VideoOptions, sink: Sink, advance: Callable[[], None]
) -> tuple[int, Shown]:
    """Move all frames from the clip to the sink."""
    count = 0
    for shown in stabilize(_predictions(clip, predictor, options, sink), options.stabilize):
        sink.put(shown.prediction.depth, shown.prediction.pixels, shown.time)
        count += 1
        advance()
    return count, shown


def _predictions(clip: Clip, predictor: Predictor, options: VideoOptions, sink: Sink) -> Iterator[Shown]:
    for item in clip.packets():
        if isinstance(item, VideoFrame):
            yield Shown(item.time, _predict(item, clip, predictor, options))
        else:
            sink.put_sound(item)


def _predict(frame: VideoFrame, clip: Clip, predictor: Predictor, options: VideoOptions) -> Prediction:
    photo = Photo(frame.pixels, path=clip.path)
    return predictor.predict_view(photo, options.camera_of(*photo.size), map_back=options.map_back)


def colour_range(clip: Clip, predictor: Predictor, options: VideoOptions) -> tuple[float, float]:
    """Values (near, far) for the end colours of all frames, from a first pass over a few of them.

    The 2nd and 98th percentile of the disparities of `SAMPLED` frames spread over the clip. A running range
    would save their time, but the same wall would change its colour as the clip goes on.

    Raises:
        ImageError: no frame can be decoded, or none of them gets a depth.
    """
    values = []
    for frame in clip.sample(SAMPLED):
        disparity = _disparities(_predict(frame, clip, predictor, options).depth)
        values.append(disparity[:: max(1, disparity.size // _VALUES)])
    if not values or not sum(map(len, values)):
        raise ImageError(f"{clip.path}: no frame that was tried got a depth; is it a whole video?")
    kind = predictor.info.kind
    far, near = (float(x) for x in np.percentile(np.concatenate(values), PERCENTILES))
    if near - far <= 1e-3 * abs(near):  # all at one distance
        margin = 0.1 * abs(near) or 1.0
        far, near = far - margin, near + margin
    return (near, far) if kind == "affine_disparity" else (1 / near, 1 / far)


def _disparities(depth: DepthMap) -> npt.NDArray[np.float64]:
    return depth.disparity()[depth.valid].astype(np.float64)


def _renderer(options: VideoOptions, limits: tuple[float, float]) -> Any:
    def render(depth: DepthMap, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        picture = render_picture(depth, options.colormap, limits=limits)
        return np.hstack([pixels, picture]) if options.side_by_side else picture

    return render
