"""Predict many photos: reading, the network and writing overlap, and one bad photo does not stop the rest."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from onedepth.camera import Camera
from onedepth.errors import ConfigError, ImageError, OneDepthError
from onedepth.files.images import DEFAULT_MAX_PIXELS, Photo, read_photo
from onedepth.files.output_formats import write_output
from onedepth.predict.jobs import Job
from onedepth.predict.predictor import Prediction, Predictor

T = TypeVar("T")

_READ_AHEAD = 2  # photos in memory that wait for the network, and results that wait to be written
_NO_MORE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

CameraOf = Callable[[int, int], Camera | None]
"""Width and height of an upright photo -> the camera the user gave, or None."""


def _no_camera(width: int, height: int) -> Camera | None:
    return None


@dataclass(frozen=True)
class BatchOptions:
    """How all photos of a run are treated.

    Attributes:
        camera_of: Camera the user gave for a photo of some size, or None for that of EXIF or the assumed one.
        map_back: As in `Predictor.predict`.
        overwrite: Replace files that exist; otherwise they are kept and only missing ones are written.
        max_pixels: As in `read_photo`.
        writer_options: Format name -> keyword arguments of its writer.
    """

    camera_of: CameraOf = _no_camera
    map_back: bool = False
    overwrite: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS
    writer_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What became of one photo.

    Attributes:
        job: The photo and its files.
        written: Files that were written.
        kept: Files that existed and were left alone.
        summary: What `summarise` made of the prediction; None if there was none.
        error: Why there is no result, in one line; None if all is well.
    """

    job: Job
    written: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    summary: T | None = None
    error: str | None = None

    @property
    def skipped(self) -> bool:
        """Whether nothing had to be done, because all files existed."""
        return self.error is None and not self.written


class OutputFullError(ConfigError):
    """The output folder takes no more files; further photos are not tried."""


def run_batch(
    jobs: Iterable[Job],
    predictor: Predictor,
    options: BatchOptions,
    summarise: Callable[[Job, Prediction], T],
) -> Generator[Outcome[T], None, None]:
    """Predict every job and yield its outcome, in order.

    One thread reads ahead and one writes behind while this one runs the network (two each with more than two
    cores); at most a few photos are in memory at any time.

    Args:
        jobs: Photos and the files to write for them.
        predictor: The model.
        options: How they are treated.
        summarise: Called in the writing thread with each prediction; its answer goes into the outcome.

    Raises:
        OutputFullError: If a disk is full or read-only.
    """
    workers = 1 if (os.cpu_count() or 1) <= 2 else 2
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(workers) as writers:
        try:
            behind: deque[Future[Outcome[T]]] = deque()
            for job, photo in _read_ahead(jobs, readers, options):
                prediction = _attempt(_predict, photo, predictor, options)
                behind.append(writers.submit(_finish, job, prediction, options, summarise))
                while len(behind) > _READ_AHEAD:
                    yield behind.popleft().result()
                del photo, prediction
            while behind:
                yield behind.popleft().result()
        finally:
            readers.shutdown(wait=False, cancel_futures=True)
            writers.shutdown(wait=True, cancel_futures=True)


_Read = Photo | OneDepthError | None
"""A photo, why it could not be read, or None when nothing has to be done for it."""


def _read_ahead(
    jobs: Iterable[Job], readers: ThreadPoolExecutor, options: BatchOptions
) -> Iterator[tuple[Job, _Read]]:
    ahead: deque[tuple[Job, Future[_Read]]] = deque()
    for job in jobs:
        ahead.append((job, readers.submit(_read, job, options)))
        if len(ahead) > _READ_AHEAD:
            first, future = ahead.popleft()
            yield first, future.result()
    while ahead:
        first, future = ahead.popleft()
        yield first, future.result()


def _read(job: Job, options: BatchOptions) -> _Read:
    if not _wanted(job, options):
        return None
    if job.record is not None:
        from onedepth.predict.records import read_record

        return _attempt(read_record, job.record, max_pixels=options.max_pixels)
    return _attempt(read_photo, job.photo, max_pixels=options.max_pixels)


def _wanted(job: Job, options: BatchOptions) -> dict[str, Path]:
    """Return the outputs that are to be written."""
    return {kind: path for kind, path in job.outputs.items() if options.overwrite or not path.exists()}


def _predict(photo: _Read, predictor: Predictor, options: BatchOptions) -> Prediction | OneDepthError | None:
    if not isinstance(photo, Photo):
        return photo
    prediction = predictor.predict_view(photo, options.camera_of(*photo.size), map_back=options.map_back)
    if not prediction.depth.valid.any():
        raise ImageError(f"{photo.path}: not a single pixel got a depth{_why_empty(prediction)}")
    return prediction


def _why_empty(prediction: Prediction) -> str:
    if prediction.pixels.any():
        return "; check focal length and lens distortion of its camera, and the model"
    return ": the pinhole view of its camera shows nothing of the photo; check focal length and distortion"


def _finish(
    job: Job,
    prediction: Prediction | OneDepthError | None,
    options: BatchOptions,
    summarise: Callable[[Job, Prediction], T],
) -> Outcome[T]:
    """Write the files of one photo."""
    if isinstance(prediction, OneDepthError):
        return Outcome(job, error=str(prediction))
    wanted = _wanted(job, options)
    kept = tuple(path for path in job.outputs.values() if path not in wanted.values())
    if prediction is None:
        return Outcome(job, kept=kept)
    written: list[Path] = []
    for kind, path in wanted.items():
        error = _attempt(_write, prediction, kind, path, options.writer_options.get(kind, {}))
        if error is not None:
            if _is_full(error):
                raise OutputFullError(str(error)) from error
            return Outcome(job, tuple(written), kept, error=str(error))
        written.append(path)
    return Outcome(job, tuple(written), kept, summarise(job, prediction))


def _write(prediction: Prediction, kind: str, path: Path, writer_options: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_output(prediction.depth, path, kind, prediction.pixels, **writer_options)


def _attempt(function: Callable[..., T], *arguments: Any, **options: Any) -> T | OneDepthError:
    """Call a function; an error that its input caused is returned, so that the run goes on."""
    try:
        return function(*arguments, **options)
    except OneDepthError as error:
        return error
    except MemoryError:
        return ImageError(f"{arguments[0]}: not enough memory")
    except OSError as error:
        wrapped = ConfigError(f"{error.filename}: {error.strerror}")
        wrapped.__cause__ = error
        return wrapped


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_MORE:
            return True
        error = error.__cause__
    return False
