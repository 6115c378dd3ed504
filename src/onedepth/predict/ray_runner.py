"""Predict the records of a manifest or of shards with Ray: on all cores here, or on a cluster.

Workers get numbers of records, never pictures: each opens manifest and model itself, runs the batch runner of
one machine over its block, and writes its results. So nothing large travels, and a result is the one that a
local run gives. A record is done when its files exist, and they appear whole or not at all; what a killed run
has left is found in the next. Ray Data would move the pictures through its object store and knows nothing of
results that exist, which is why this is built on actors.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from onedepth.errors import ConfigError, OneDepthError
from onedepth.predict.batch import BatchOptions, Outcome, run_batch
from onedepth.predict.jobs import Job
from onedepth.predict.predictor import Prediction, load
from onedepth.predict.records import RecordJobs, open_jobs
from onedepth.predict.result_shards import predict_shard

T = TypeVar("T")

_AHEAD = 2  # blocks that a worker has before it: one to work on and one to go on with
_RESTARTS = 3  # of a worker that died, and attempts at a block


@dataclass(frozen=True)
class RayRun:
    """What every worker has to know.

    Attributes:
        records: Manifest or shards, readable by every worker.
        folder: Of the results, which every worker must be able to write to.
        endings: Format name -> what is put behind the name.
        options: How photos are treated.
        model: As in `load`.
        device: As in `load`; with `cuda` each worker takes a GPU.
        workers: How many; None for one per core of the cluster.
        block: Records that are handed out at a time.
        shards: Write the results of each block into one tar file, instead of a file per format and record.
    """

    records: str
    folder: Path
    endings: dict[str, str]
    options: BatchOptions
    model: str | None = None
    device: str = "auto"
    workers: int | None = None
    block: int = 16
    shards: bool = False

    def jobs(self) -> RecordJobs:
        """All jobs, the same ones in every process."""
        return open_jobs(self.records, self.folder, self.endings)


def run_with_ray(run: RayRun, summarise: Callable[[Job, Prediction], T]) -> Generator[Outcome[T], None, None]:
    """Predict every record and yield its outcome, in order.

    Args:
        run: What is to be done.
        summarise: As in `run_batch`; it is sent to the workers.

    Raises:
        ConfigError: Ray is not installed, or no cluster can be reached.
        OutputFullError: A disk is full or read-only.
        OneDepthError: The model cannot be used.
    """
    jobs = run.jobs()
    load(run.model, "cpu", threads=1)  # for its errors; nobody wants them from a worker
    ray = _start(run.workers)
    workers = run.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    blocks = [(start, min(start + run.block, len(jobs))) for start in range(0, len(jobs), run.block)]
    actor = ray.remote(
        num_cpus=1,
        num_gpus=1 if run.device == "cuda" else 0,
        max_restarts=_RESTARTS,
        max_task_retries=_RESTARTS,
    )(Worker)
    actors = [actor.remote(run, summarise) for _ in range(min(workers, len(blocks)))]
    try:
        for (start, stop), found in zip(blocks, _in_order(ray, actors, blocks), strict=True):
            if isinstance(found, str):
                yield from (Outcome(job, error=found) for job in jobs[start:stop])
            else:
                yield from found
    finally:
        for one in actors:
            ray.kill(one)


class Worker:
    """One process of a run, with the model open."""

    def __init__(self, run: RayRun, summarise: Callable[[Job, Prediction], Any]) -> None:
        self._run, self._summarise = run, summarise
        self._jobs = run.jobs()
        self._predictor = load(run.model, run.device, threads=1)

    def predict(self, start: int, stop: int) -> list[Outcome[Any]]:
        """Predict the records start to stop - 1."""
        block = self._jobs[start:stop]
        if self._run.shards:
            shard = self._run.folder / f"{start // self._run.block:06d}.tar"
            return predict_shard(block, start, shard, self._predictor, self._run.options, self._summarise)
        return list(run_batch(block, self._predictor, self._run.options, self._summarise))


def _in_order(
    ray: Any, actors: list[Any], blocks: list[tuple[int, int]]
) -> Iterator[list[Outcome[Any]] | str]:
    """Outcomes of the blocks in order, or why there are none; blocks are handed to whoever is free."""
    waiting = iter(enumerate(blocks))
    busy: dict[Any, tuple[int, Any]] = {}
    done: dict[int, list[Outcome[Any]] | str] = {}

    def hand_out(actor: Any) -> None:
        number, block = next(waiting, (-1, (0, 0)))
        if number >= 0:
            busy[actor.predict.remote(*block)] = (number, actor)

    for _ in range(_AHEAD):
        for actor in actors:
            hand_out(actor)
    for wanted in range(len(blocks)):
        while wanted not in done:
            (ready,), _ = ray.wait(list(busy), num_returns=1)
            number, actor = busy.pop(ready)
            done[number] = _outcomes(ray, ready)
            hand_out(actor)
        yield done.pop(wanted)


def _outcomes(ray: Any, future: Any) -> list[Outcome[Any]] | str:
    try:
        found: list[Outcome[Any]] = ray.get(future)
        return found
    except ray.exceptions.RayActorError as error:
        reason = str(error).splitlines()[0][:200]
        return f"its worker died {_RESTARTS + 1} times ({reason}); not enough memory?"
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, OneDepthError):
            raise error.cause from None
        raise


def _start(workers: int | None) -> Any:
    """Ray, connected to the cluster of `RAY_ADDRESS`, or started here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--runner ray needs Ray; run `pip install 'onedepth[ray]'`") from error
    if not ray.is_initialized():
        cores = None if os.environ.get("RAY_ADDRESS") else workers
        try:
            ray.init(
                include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, num_cpus=cores
            )
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            reason = str(error).splitlines()[0][:200]
            raise ConfigError(f"Ray cannot be started or reached ({reason})") from error
    return ray
