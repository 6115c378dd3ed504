"""A few threads that predict, and a queue before them that has an end.

The graph of a model file takes one image, so there is nothing to gain from collecting requests into batches:
the time of a photo is the same alone and in company. What pays is one photo per core instead of one photo on
all cores, because decoding and encoding, which use one core, then overlap with other photos' networks.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from onedepth.apps.web.errors import RequestError, busy
from onedepth.apps.web.settings import Limits

T = TypeVar("T")
GivenUp = Callable[[], bool]
"""Whether nobody waits for the answer any more."""

_MEMORY = 0.1  # weight of the newest job in the mean time that Retry-After is made of
_LONGEST_WAIT = 60


class Pool:
    """Runs jobs in threads; says 503 rather than let the queue grow."""

    def __init__(self, limits: Limits) -> None:
        self.pending = 0
        self._limits = limits
        self._lock = threading.Lock()
        self._mean = 0.2
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="onedepth")

    async def run(self, work: Callable[[GivenUp], T], request: Request) -> T:
        """Run `work` in a thread and wait for it, as long as the client does.

        Args:
            work: The job; one that waits when its client goes, or its time is up, is never begun. One that
                has begun may ask the function it is given whether anybody still waits.
            request: Whose body has been read.

        Raises:
            RequestError: The queue is full (503), or there was no answer in time (503).
            ClientDisconnect: The client has gone.
            Exception: Whatever `work` raises.
        """
        left = threading.Event()
        job = self._submit(partial(work, left.is_set))
        answer = asyncio.wrap_future(job)
        gone = asyncio.ensure_future(_until_gone(request))
        try:
            waiting: set[asyncio.Future[Any]] = {answer, gone}
            await asyncio.wait(
                waiting,
                timeout=self._limits.answer_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if answer.done():
                return answer.result()
            if gone.done():
                raise ClientDisconnect
            text = f"no answer within {self._limits.answer_seconds:g} s"
            raise RequestError(503, text, {"Retry-After": str(self._wait())})
        finally:
            left.set()
            gone.cancel()
            answer.cancel()
            job.cancel()

    def close(self) -> None:
        """Finish what is begun, drop what waits."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            if self.pending >= self._limits.jobs:
                waiting = "1 photo is" if self.pending == 1 else f"{self.pending} photos are"
                raise busy(self._wait(), f"{waiting} waiting or worked on")
            self.pending += 1
        job = self._threads.submit(self._timed, work)
        job.add_done_callback(self._done)
        return job

    def _timed(self, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            return work()
        finally:
            self._mean += _MEMORY * (time.perf_counter() - start - self._mean)

    def _done(self, job: Future[T]) -> None:
        with self._lock:
            self.pending -= 1

    def _wait(self) -> int:
        """Seconds until the queue has room, as far as one can tell."""
        seconds = self.pending * self._mean / self._limits.workers
        return min(_LONGEST_WAIT, max(1, math.ceil(seconds)))


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
