"""Many photos: in order, overlapping, in bounded memory, and one bad one does not stop the rest."""

import errno
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onedepth import Camera, DepthMap
from onedepth.errors import OneDepthError
from onedepth.files.image_search import search
from onedepth.predict import Prediction, Predictor, batch, load
from onedepth.predict.batch import BatchOptions, Outcome, OutputFullError, run_batch
from onedepth.predict.jobs import Job, plan_jobs

COUNT = 9


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    return load(tiny_model, "cpu", threads=1)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    (tmp_path / "in").mkdir()
    for index in range(COUNT):
        pixels = np.full((8 + index, 12, 3), 20 * index, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{index}.png")
    return plan_jobs(search(tmp_path / "in"), tmp_path / "out", {"npz": ".npz", "png16": ".png"})


def _run(jobs: list[Job], predictor: Predictor, **options: Any) -> list[Outcome[str]]:
    return list(run_batch(jobs, predictor, BatchOptions(**options), lambda job, prediction: job.photo.stem))


def test_all_photos_in_order(jobs: list[Job], predictor: Predictor) -> None:
    outcomes = _run(jobs, predictor)
    assert [outcome.summary for outcome in outcomes] == [str(index) for index in range(COUNT)]
    assert all(outcome.error is None for outcome in outcomes)
    for job, outcome in zip(jobs, outcomes, strict=True):
        assert set(outcome.written) == set(job.outputs.values())
        alone = predictor.predict(job.photo)
        assert (DepthMap.load(job.outputs["npz"]).depth == alone.depth).all()


def test_bad_photos_do_not_stop_the_rest(jobs: list[Job], predictor: Predictor) -> None:
    jobs[0].photo.write_bytes(b"no photo")
    jobs[4].photo.unlink()
    outcomes = _run(jobs, predictor)
    assert [index for index, outcome in enumerate(outcomes) if outcome.error] == [0, 4]
    assert not any(path.exists() for job in (jobs[0], jobs[4]) for path in job.outputs.values())
    assert all(path.exists() for job in jobs[5:] for path in job.outputs.values())


def test_existing_files_are_kept_and_missing_ones_added(jobs: list[Job], predictor: Predictor) -> None:
    _run(jobs[:1], predictor)
    kept, missing = jobs[0].outputs["npz"], jobs[0].outputs["png16"]
    kept.write_bytes(b"mine")
    missing.unlink()
    (outcome,) = _run(jobs[:1], predictor)
    assert (outcome.written, outcome.kept) == ((missing,), (kept,))
    assert kept.read_bytes() == b"mine"
    (outcome,) = _run(jobs[:1], predictor)
    assert outcome.skipped
    (outcome,) = _run(jobs[:1], predictor, overwrite=True)
    assert not outcome.skipped
    assert kept.read_bytes() != b"mine"


def test_photos_whose_results_exist_are_not_even_read(
    jobs: list[Job], predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(jobs, predictor)
    monkeypatch.setattr(batch, "read_photo", lambda *arguments, **options: pytest.fail("read"))
    assert all(outcome.skipped for outcome in _run(jobs, predictor))


def test_the_camera_is_chosen_by_size(jobs: list[Job], predictor: Predictor) -> None:
    sizes = []

    def camera_of(width: int, height: int) -> Camera:
        sizes.append((width, height))
        return Camera.from_focal(10 * height, width, height)

    _run(jobs[:3], predictor, camera_of=camera_of)
    assert sizes == [(12, 8), (12, 9), (12, 10)]
    camera = DepthMap.load(jobs[2].outputs["npz"]).camera
    assert camera is not None
    assert camera.focal == 100


def test_reading_inference_and_writing_overlap(
    jobs: list[Job], predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first photo's writing waits for the second's inference, and that for the third's reading."""
    third_read, second_run = threading.Event(), threading.Event()
    read, run, write = batch.read_photo, predictor.predict_view, batch.write_output

    def reading(path: Path, **options: Any) -> Any:
        if path.stem == "2":
            third_read.set()
        return read(path, **options)

    def running(photo: Any, *arguments: Any, **options: Any) -> Prediction:
        if photo.path.stem == "1":
            assert third_read.wait(20)
            second_run.set()
        return run(photo, *arguments, **options)

    def writing(depth: DepthMap, path: Path, *arguments: Any, **options: Any) -> None:
        if path.stem == "0":
            assert second_run.wait(20)
        write(depth, path, *arguments, **options)

    monkeypatch.setattr(batch, "read_photo", reading)
    monkeypatch.setattr(Predictor, "predict_view", lambda self, *rest, **options: running(*rest, **options))
    monkeypatch.setattr(batch, "write_output", writing)
    assert all(outcome.error is None for outcome in _run(jobs[:3], predictor))


def test_few_photos_are_in_memory_at_a_time(
    jobs: list[Job], predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0
    read = batch.read_photo

    def reading(path: Path, **options: Any) -> Any:
        nonlocal most
        photo = read(path, **options)
        alive.add(photo)
        most = max(most, len(alive))
        return photo

    monkeypatch.setattr(batch, "read_photo", reading)
    many = jobs * 4
    _run(many, predictor, overwrite=True)
    assert most <= 9 < len(many)


def test_a_full_disk_stops_the_run(
    jobs: list[Job], predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def writing(depth: DepthMap, path: Path, *arguments: Any, **options: Any) -> None:
        calls.append(path)
        full = OSError(errno.ENOSPC, "No space left on device")
        raise OneDepthError(f"{path}: cannot be written (No space left on device)") from full

    monkeypatch.setattr(batch, "write_output", writing)
    with pytest.raises(OutputFullError, match="No space left"):
        _run(jobs, predictor)
    assert len(calls) < COUNT


def test_stopping_early_leaves_no_thread_behind(jobs: list[Job], predictor: Predictor) -> None:
    before = threading.active_count()
    outcomes = run_batch(jobs, predictor, BatchOptions(), lambda job, prediction: None)
    next(outcomes)
    outcomes.close()
    assert threading.active_count() == before
