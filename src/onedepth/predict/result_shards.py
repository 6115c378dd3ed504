"""Results in tar files instead of a file each: one shard per block of records, there whole or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from onedepth.files.cameras.ours import camera_to_dict
from onedepth.predict.batch import BatchOptions, Outcome, run_batch
from onedepth.predict.jobs import Job
from onedepth.predict.predictor import Prediction, Predictor
from onedepth.predict.records import RecordJobs
from onedepth.shards.content import key_of
from onedepth.shards.tar import TarWriter
from onedepth.shards.target import Target

T = TypeVar("T")


def predict_shard(
    jobs: RecordJobs,
    start: int,
    shard: Path,
    predictor: Predictor,
    options: BatchOptions,
    summarise: Callable[[Job, Prediction], T],
) -> list[Outcome[T]]:
    """Predict a block of records into a shard, unless it is there.

    The members of a record are `KEY.FORMAT.SUFFIX` (`000000012.png16.png`) and `KEY.json`: its id, image and
    camera, the model, and why there is no result where there is none.

    Args:
        jobs: Of the block.
        start: Number of its first record.
        shard: The tar file.
        predictor: The model.
        options: How photos are treated; `overwrite` replaces the shard.
        summarise: As in `run_batch`.

    Raises:
        OneDepthError: The shard cannot be written.
    """
    if shard.exists() and not options.overwrite:
        return [Outcome(job, kept=(shard,)) for job in jobs]
    with tempfile.TemporaryDirectory() as folder:
        outcomes = list(run_batch(jobs.within(Path(folder)), predictor, options, summarise))
        with Target(str(shard.parent)).writing(shard.name) as file:
            tar = TarWriter(file)
            for number, outcome in enumerate(outcomes, start):
                for name, data in sorted(_members(outcome, key_of(number), predictor.source).items()):
                    tar.add(name, data)
            tar.close()
    return [
        replace(outcome, job=job, written=(shard,) if outcome.error is None else ())
        for outcome, job in zip(outcomes, jobs, strict=True)
    ]


def _members(outcome: Outcome[T], key: str, model: str) -> Mapping[str, bytes]:
    record = outcome.job.record
    assert record is not None
    camera = None if record.camera is None else camera_to_dict(record.camera)
    told = {"id": record.id, "image": record.image, "camera": camera, "model": model, "error": outcome.error}
    members = {f"{key}.json": json.dumps({k: v for k, v in told.items() if v is not None}).encode()}
    if outcome.error is None:
        for kind, path in outcome.job.outputs.items():
            members[f"{key}.{kind}{path.suffix}"] = path.read_bytes()
    return members
