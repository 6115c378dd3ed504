"""What does the server add to the model, and does it hold out?

Clients ask `onedepth serve`, a process of its own on loopback, one photo after the other. The bare model is
what `Predictor.run` needs for the same pixels, with as many at a time as the server has workers. Two ratios:
seconds per photo, which holds HTTP, decoding, encoding and the clients, who share the machine; and CPU
seconds per photo of the server's process alone, which other work on the machine disturbs less. The run fails
at an answer that is not 200, or, if it lasts a minute or longer, when the server needs more memory at the end
than at half-time.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from _machine import EXAMPLES, ONEDEPTH, print_header

GROWTH_ALLOWED = 1.15
LEAST_SECONDS = 60  # in a shorter run memory is still finding its level


@dataclass
class Load:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def jpeg(size: tuple[int, int]) -> bytes:
    """The first example as a JPEG file of this size."""
    import io

    from PIL import Image

    file = io.BytesIO()
    with Image.open(sorted(EXAMPLES.glob("*.jpg"))[0]) as image:
        image.convert("RGB").resize(size).save(file, "JPEG", quality=92)
    return file.getvalue()


@dataclass(frozen=True)
class Rate:
    """Photos per second, and CPU seconds per photo."""

    photos: float
    cpu: float


def bare_rate(photo: bytes, workers: int, threads: int, seconds: float) -> Rate:
    """The model alone."""
    import onedepth
    from onedepth.apps.web.answer import decode
    from onedepth.camera import Camera

    predictor = onedepth.load(threads=threads)
    pixels = decode(photo, 10**9).pixels
    camera = Camera.assumed(pixels.shape[1], pixels.shape[0])
    predictor.run(pixels, camera)
    start, cpu = time.perf_counter(), time.process_time()

    def work() -> int:
        count = 0
        while time.perf_counter() < start + seconds:
            predictor.run(pixels, camera)
            count += 1
        return count

    with ThreadPoolExecutor(workers) as pool:
        done = sum(pool.map(lambda _: work(), range(workers)))
    return Rate(done / (time.perf_counter() - start), (time.process_time() - cpu) / done)


@contextmanager
def server(workers: int) -> Iterator[tuple[str, int]]:
    """A server process; yields its address and number."""
    command = [ONEDEPTH, "serve", "--port", "0", "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.match(r"http://\S+", process.stdout.readline())
            if found is None:
                sys.exit("error: the server did not start")
            yield found[0], process.pid
        finally:
            process.terminate()


def resident_mb(process: int) -> float:
    """Resident memory (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(process: int) -> float:
    """CPU seconds that a process has used (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(url: str, photo: bytes, load: Load, stop: threading.Event) -> None:
    """One client."""
    import httpx

    with httpx.Client(timeout=120) as client:
        while not stop.is_set():
            start = time.perf_counter()
            answer = client.post(url, content=photo)
            load.seconds.append(time.perf_counter() - start)
            if answer.status_code != 200:
                load.errors.append(answer.text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--format", default="json")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    options = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        sys.exit("error: this benchmark reads /proc; run it on Linux")
    from onedepth.apps.web.run import default_workers, threads_per_worker

    workers = options.workers or default_workers()
    print_header("Server under load", ["onedepth", "onnxruntime", "fastapi", "uvicorn"])
    width, height = options.size
    print(
        f"  protocol  {options.clients} clients, {width}x{height} JPEG to {options.format}, {workers} workers"
    )
    photo = jpeg((width, height))
    alone = max(1.0, options.seconds / 10)
    before = bare_rate(photo, workers, threads_per_worker(workers), alone)

    load, stop = Load(), threading.Event()
    with server(workers) as (url, process):
        query = f"{url}/v1/depth?format={options.format}"
        clients = [
            threading.Thread(target=ask, args=(query, photo, load, stop)) for _ in range(options.clients)
        ]
        for client in clients:
            client.start()
        time.sleep(options.seconds / 10)
        counted, start, cpu = len(load.seconds), time.perf_counter(), cpu_seconds(process)
        time.sleep(options.seconds / 2)
        mark = resident_mb(process)
        time.sleep(options.seconds / 2)
        done = max(1, len(load.seconds) - counted)
        found = Rate(done / (time.perf_counter() - start), (cpu_seconds(process) - cpu) / done)
        end = resident_mb(process)
        stop.set()
        for client in clients:
            client.join()
    after = bare_rate(photo, workers, threads_per_worker(workers), alone)
    bare = Rate((before.photos + after.photos) / 2, (before.cpu + after.cpu) / 2)
    times = sorted(load.seconds[counted:]) or [0.0]
    middle, p99 = (1000 * times[int(part * len(times))] for part in (0.5, 0.99))
    print(f"  bare      {bare.photos:.2f} photos/s, {1000 * bare.cpu:.0f} ms of CPU per photo")
    print(f"  server    {found.photos:.2f} photos/s, {1000 * found.cpu:.0f} ms of CPU per photo")
    print(f"  latency   p50 {middle:.0f} ms, p99 {p99:.0f} ms")
    print(
        f"  ratio     server / bare: {bare.photos / found.photos:.2f} in time, "
        f"{found.cpu / bare.cpu:.2f} in CPU seconds"
    )
    print(f"  memory    {mark:.0f} MB at half-time, {end:.0f} MB at the end; {len(load.errors)} errors")
    if load.errors:
        sys.exit(f"error: {load.errors[0]}")
    if options.seconds >= LEAST_SECONDS and end > mark * GROWTH_ALLOWED:
        sys.exit("error: memory grows")


if __name__ == "__main__":
    main()
