"""The check of a whole list: looks in parallel, collected in the list's order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from onedepth.check.look import Look, look, unusable_line
from onedepth.check.report import Collector, Report
from onedepth.errors import DataError
from onedepth.manifest.record import Record

_AHEAD = 4  # looks in flight or waiting to be collected, per worker


def default_workers() -> int:
    """As many as there are processors, and at least two, so that one reads while the other decodes.

    Threads, not processes: decoding runs outside the interpreter's lock, nothing is copied, and a tar file's
    list of members or a video's is read once for all.
    """
    return max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2)


def check_records(
    records: Sequence[Record],
    *,
    workers: int | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Open every record and say what is wrong. The report is the same for any number of workers.

    Args:
        records: As `open_records` gives them.
        workers: Threads; one per processor unless given.
        advance: Called after each record.

    Raises:
        DataError: There are no records.
    """
    if not len(records):
        raise DataError("the list holds no records, so there is nothing to check")
    collector = Collector(records)
    for index, (record, seen) in enumerate(_looks(records, workers or default_workers())):
        collector.add(index, record, seen)
        advance()
    return collector.report()


def _looks(records: Sequence[Record], workers: int) -> Iterator[tuple[Record | None, Look]]:
    """Looks in the order of the list; only a few are under way at any time."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="check")
    waiting: deque[tuple[Record | None, Future[Look]]] = deque()
    try:
        for index in range(len(records)):
            waiting.append(_begin(pool, records, index))
            if len(waiting) >= _AHEAD * workers:
                record, future = waiting.popleft()
                yield record, future.result()
        for record, future in waiting:
            yield record, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(
    pool: ThreadPoolExecutor, records: Sequence[Record], index: int
) -> tuple[Record | None, Future[Look]]:
    try:
        record = records[index]
    except DataError as error:
        done: Future[Look] = Future()
        done.set_result(unusable_line(error))
        return None, done
    return record, pool.submit(look, record)
