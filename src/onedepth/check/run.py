"""The check of a whole list: looks in parallel, collected in the list's order."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

from onedepth.check.look import Look, look, unusable_line
from onedepth.check.report import Collector, Report
from onedepth.errors import DataError
from onedepth.manifest.record import Record

MANY = 2000
"""Records from which on starting processes is worth the seconds that it takes."""

_ERRORS_ONLY = 2
_AHEAD = 4  # looks in flight or waiting to be collected, per worker


def default_workers() -> int:
    """As many as there are processors, and at least two, so that one reads while the other decodes."""
    return max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2)


def check_records(
    records: Sequence[Record],
    *,
    workers: int | None = None,
    processes: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Open every record and say what is wrong. The report is the same for any number of workers.

    Args:
        records: As `open_records` gives them.
        workers: How many records are opened at once; one per processor unless given.
        processes: Open them in processes instead of threads. Decoding runs outside the interpreter's lock,
            but not all of the rest does, so that threads cannot keep many processors busy. Processes take
            seconds to start, and need a main module that can be imported.
        advance: Called after each record.

    Raises:
        DataError: There are no records, or a process died.
    """
    if not len(records):
        raise DataError("the list holds no records, so there is nothing to check")
    collector = Collector(records)
    workers = workers or default_workers()
    pool = _processes(workers) if processes else ThreadPoolExecutor(workers, thread_name_prefix="check")
    for index, (record, seen) in enumerate(_looks(records, pool, _AHEAD * workers)):
        collector.add(index, record, seen)
        advance()
    return collector.report()


def quiet_decoders() -> None:
    """Keep OpenCV from writing about damaged files to stderr, across the progress bar; the report has it."""
    import cv2

    cv2.utils.logging.setLogLevel(_ERRORS_ONLY)


def _processes(workers: int) -> Executor:
    context = multiprocessing.get_context("spawn")  # OpenCV's threads do not survive a fork
    return ProcessPoolExecutor(workers, context, initializer=_begin_process)


def _begin_process() -> None:
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's business
    cv2.setNumThreads(1)
    quiet_decoders()


def _looks(records: Sequence[Record], pool: Executor, ahead: int) -> Iterator[tuple[Record | None, Look]]:
    """Looks in the order of the list; only so many are under way at any time."""
    waiting: deque[tuple[Record | None, Future[Look]]] = deque()
    try:
        for index in range(len(records)):
            waiting.append(_begin(pool, records, index))
            if len(waiting) >= ahead:
                record, future = waiting.popleft()
                yield record, future.result()
        for record, future in waiting:
            yield record, future.result()
    except BrokenExecutor as error:
        raise DataError(
            "a process that opened records died, maybe for want of memory; give fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(pool: Executor, records: Sequence[Record], index: int) -> tuple[Record | None, Future[Look]]:
    try:
        record = records[index]
    except DataError as error:
        done: Future[Look] = Future()
        done.set_result(unusable_line(error))
        return None, done
    return record, pool.submit(look, record)
