"""`onedepth predict clip.mp4`: what its options mean for a video, the run, and what is said of it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onedepth.apps.cli import FAILED_SOME, INTERRUPTED
from onedepth.apps.cli._app import report_error, say
from onedepth.apps.cli._progress import progress
from onedepth.errors import ConfigError
from onedepth.predict.batch import BatchOptions
from onedepth.video.reading import Clip, is_video
from onedepth.video.run import VideoOptions, VideoResult, predict_video
from onedepth.video.stabilize import check_mode
from onedepth.video.writing import check_film, check_frame_folder


@dataclass(frozen=True)
class VideoWords:
    """What was said on the command line that concerns videos only.

    Attributes:
        stabilize: full, scale or off; None if nothing was said.
        side_by_side: Whether a film shows the clip left of its depth.
        limits: Depths of the two end colours, or None.
    """

    stabilize: str | None
    side_by_side: bool
    limits: tuple[float, float] | None


def names_video(paths: Sequence[str], words: VideoWords, *, page: bool) -> bool:
    """Whether a video is to be predicted, not photos.

    Raises:
        ConfigError: A video among other things, or words for videos without one, or for photos with one.
    """
    videos = [path for path in paths if is_video(path) and not Path(path).is_dir()]
    if videos and len(paths) > 1:
        raise ConfigError(f"{videos[0]}: give one video at a time, without photos beside it")
    if not videos and words != VideoWords(None, False, None):
        raise ConfigError("--stabilize, --side-by-side and --range are for a video (.mp4, ...); name one")
    if videos and page:
        raise ConfigError("--html is for photos; a video becomes a film (-o NAME.mp4) or a folder of frames")
    return bool(videos)


@dataclass(frozen=True)
class VideoRun:
    """A clip and what is made of it.

    Attributes:
        source: The clip.
        output: A film or a folder.
        colormap: Colours of a film.
        formats: Depth formats of a folder; None if nothing was said.
    """

    source: Path
    output: Path
    colormap: str
    formats: Sequence[str] | None


def predict_clip(
    run: VideoRun, photos: BatchOptions, words: VideoWords, model: str | None, device: str
) -> int:
    """Predict a clip and say what became of it.

    Returns:
        Exit code of the command.

    Raises:
        OneDepthError: Wrong options, a clip that cannot be read, or an output that cannot be written.
    """
    from onedepth.predict.predictor import load

    options = _options(run, photos, words)
    _check_output(run, film=bool(run.output.suffix))
    _check_words(run, words, film=bool(run.output.suffix))
    if _has_result(run.output) and not photos.overwrite:
        say(f"{run.output}: exists (kept; --overwrite replaces it)")
        return 0
    with Clip(run.source, max_pixels=photos.max_pixels) as clip:
        expected = clip.expected_frames
    predictor, done = load(model, device), 0
    with progress("Predicting", expected, "frames/s") as turn:

        def advance() -> None:
            nonlocal done
            done += 1
            turn()

        try:
            result = predict_video(run.source, run.output, predictor, options, advance)
        except KeyboardInterrupt:
            report_error(f"interrupted after {done} of about {expected} frames; nothing was written")
            return INTERRUPTED
    say(_line(run, result, options, unit=" m" if predictor.info.kind == "metric" else ""))
    if result.damage:
        frames = f"damaged after {result.frames} frames, which are written"
        report_error(f"{run.source}: {frames} ({result.damage})")
    return FAILED_SOME if result.damage else 0


def _options(run: VideoRun, photos: BatchOptions, words: VideoWords) -> VideoOptions:
    formats = run.formats or ["png16"]
    return VideoOptions(
        camera_of=photos.camera_of,
        map_back=photos.map_back,
        stabilize=check_mode(words.stabilize or "full"),
        formats={name: photos.writer_options.get(name, {}) for name in formats},
        colormap=run.colormap,
        side_by_side=words.side_by_side,
        limits=words.limits,
        max_pixels=photos.max_pixels,
    )


def _check_output(run: VideoRun, *, film: bool) -> None:
    if not film:
        check_frame_folder(run.output)
        if run.output.resolve() in run.source.resolve().parents:
            raise ConfigError(f"-o {run.output}: holds the video; frames need a folder of their own")
        return
    check_film(run.output)
    if run.formats:
        raise ConfigError(f"--format is for a folder of frames, and -o {run.output} is a film; give a folder")
    if run.output.exists() and run.source.exists() and run.output.samefile(run.source):
        raise ConfigError(f"-o {run.output}: would replace the video; give another name")
    if run.output.is_dir():
        raise ConfigError(f"-o {run.output}: is a folder; name a file inside it")
    if not run.output.absolute().parent.is_dir():
        raise ConfigError(f"-o {run.output}: its folder does not exist; create it first")


def _check_words(run: VideoRun, words: VideoWords, *, film: bool) -> None:
    """Refuse words that the output would ignore, and colours that cannot be."""
    if not film and words.side_by_side:
        raise ConfigError(f"--side-by-side is for a film, and -o {run.output} is a folder; give -o NAME.mp4")
    if not film and words.limits and "picture" not in (run.formats or ()):
        raise ConfigError("--range is for colours; give -o NAME.mp4, or --format picture")
    if words.limits is not None:
        near, far = words.limits
        if not 0 < near < far < math.inf:
            raise ConfigError(f"--range {near:g} {far:g}: expected metres, the first above 0 and the smaller")


def _has_result(output: Path) -> bool:
    return output.is_file() or (output.is_dir() and bool(os.listdir(output)))


def _line(run: VideoRun, result: VideoResult, options: VideoOptions, *, unit: str) -> str:
    width, height = result.size
    frames = "1 frame" if result.frames == 1 else f"{result.frames} frames"
    parts = [f"{frames} of {width}x{height}", f"stabilize {options.stabilize}"]
    if result.limits is not None:
        parts.append(f"colours from {result.limits[0]:.3g} to {result.limits[1]:.3g}{unit}")
    if result.sound is not None:
        left_out = f"sound left out ({run.output.suffix} cannot hold it; .mkv may)"
        parts.append("sound copied" if result.sound else left_out)
    return f"{run.source}: {', '.join(parts)}; in {run.output}"
