"""Many pairs through several threads, in their order (OpenCV computes outside Python's lock)."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def default_workers() -> int:
    """One thread per core that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def in_order(function: Callable[[A], B], items: Iterable[A], workers: int = 1) -> Iterator[B]:
    """Apply `function` to all items in `workers` threads; results come in the order of the items.

    At most two items per worker are taken ahead, so that a film never lies in memory. When `items` raises,
    the results of what came before are given first. When the caller stops, what has not begun is dropped.
    """
    pending: deque[Future[B]] = deque()
    source = iter(items)
    stopped: Exception | None = None
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            while stopped is None:
                try:
                    pending.append(pool.submit(function, next(source)))
                except StopIteration as end:
                    stopped = end
                except Exception as error:  # noqa: BLE001 - raised again below, after the results before it
                    stopped = error
                while pending and (stopped is not None or len(pending) > 2 * workers):
                    yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
    if stopped is not None and not isinstance(stopped, StopIteration):
        raise stopped
