"""How many samples a second does one core read and augment, and how much memory does a long list take?

    python benchmarks/data.py [--seconds 4] [--lines 1000000] [--frame 640x480]

Samples are JPEG + 16-bit PNG, made 384x288. Processor seconds of this process are counted, so that what else
the machine does matters little; the web server is another process. The rival is a plain Pillow/torchvision
data set that does the same work (`_plain_dataset.py`).
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _machine import EXAMPLES, print_header

FRAMES, SIZE, BATCH, STEP = 48, (384, 288), 8, 0.001

SERVER = """
import os, re, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
os.chdir(sys.argv[1])

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self, body=True):
        with open(self.path.lstrip("/"), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            wanted = re.fullmatch(r"bytes=(\\d+)-(\\d+)", self.headers.get("Range") or "")
            start, stop = (int(wanted[1]), int(wanted[2]) + 1) if wanted else (0, size)
            file.seek(start)
            data = file.read(stop - start)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def do_HEAD(self):
        self.do_GET(False)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""

OPEN_LIST = """
import resource, sys, time
import numpy as np
from onedepth.manifest.manifest import open_records
from onedepth.manifest.overview import overview
def held():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
before = held()
records = open_records(sys.argv[1])
opened = held()
for index in np.random.default_rng(0).integers(len(records), size=5000):
    records[int(index)]
drawn = held()
seen = overview(records)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(before, opened, drawn, held(), int(status["VmHWM"].split()[0]) * 1024 / 1e6)
"""


def write_data(folder: Path, frame: tuple[int, int]) -> list[tuple[Path, Path]]:
    """Photos with made-up depth: a floor, some boxes, and the noise of a sensor in every fourth pixel."""
    import cv2
    import numpy as np

    from onedepth.camera import Camera
    from onedepth.manifest.manifest import write_manifest
    from onedepth.manifest.record import Label, Record

    photos = [cv2.resize(cv2.imread(str(path)), frame) for path in sorted(EXAMPLES.glob("*.jpg"))]
    rng = np.random.default_rng(0)
    camera = Camera.from_focal(0.8 * frame[0], *frame)
    pairs, records = [], []
    for index in range(FRAMES):
        depth = np.linspace(6000, 1000, frame[1])[:, None] + np.zeros((1, frame[0]))
        for _ in range(12):
            left, top = (int(rng.integers(0, side * 3 // 4)) for side in frame)
            depth[top : top + frame[1] // 4, left : left + frame[0] // 4] = rng.uniform(800, 5000)
        depth += rng.normal(0, 3, depth.shape) * (rng.random(depth.shape) < 0.25)
        image, label = folder / f"{index:04d}.jpg", folder / f"{index:04d}.png"
        cv2.imwrite(str(image), photos[index % len(photos)], [cv2.IMWRITE_JPEG_QUALITY, 92])
        cv2.imwrite(str(label), depth.astype(np.uint16))
        pairs.append((image, label))
        records.append(
            Record(
                id=f"{index}",
                image=str(image),
                camera=camera,
                label=Label(file=str(label), kind="metric", scale=STEP),
            )
        )
    write_manifest(records, folder / "manifest.jsonl")
    return pairs


def ours(path: str) -> Callable[[int], Any]:
    """Batches of the training loop."""
    from onedepth.data.mixture import Mixture
    from onedepth.data.sources import SourceConfig, open_source
    from onedepth.data.transforms import Augment

    source = open_source(SourceConfig(name="one", path=path), Path("/"))
    return Mixture((source,), BATCH, (SIZE,), (1.0,), Augment(), 0).__getitem__


def plain(pairs: list[tuple[Path, Path]]) -> Callable[[int], Any]:
    """Batches of the rival, in the random order that shuffling gives."""
    from _plain_dataset import PlainDataset
    from torch.utils.data import default_collate

    data = PlainDataset(pairs, SIZE, STEP)
    return lambda _: default_collate([data[random.randrange(len(data))] for _ in range(BATCH)])


def rates(ways: dict[str, Callable[[int], Any]], seconds: float) -> dict[str, float]:
    """Samples per processor second of each way; they take turns, batch by batch."""
    used = dict.fromkeys(ways, 0.0)
    for batch in ways.values():
        batch(0)
    count, until = 0, time.monotonic() + seconds * len(ways)
    while time.monotonic() < until or not count:
        count += 1
        for name, batch in ways.items():
            start = time.process_time()
            batch(count)
            used[name] += time.process_time() - start
    return {name: count * BATCH / spent for name, spent in used.items()}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a folder on a web server in another process."""
    child = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.kill()
        child.wait()


def speed(options: argparse.Namespace) -> None:
    import cv2
    import torch

    from onedepth.manifest.manifest import open_records
    from onedepth.shards.pack import pack

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    width, height = map(int, options.frame.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = write_data(folder, (width, height))
        pack(open_records(folder / "manifest.jsonl"), str(folder / "shards"))
        size = sum(path.stat().st_size for pair in pairs for path in pair) / len(pairs) / 1e3
        print(f"  samples   {width}x{height} to {SIZE[0]}x{SIZE[1]}, {size:.0f} kB each")
        with served(folder / "shards") as url:
            ways = {
                "plain Pillow/torchvision": plain(pairs),
                "ours, files": ours(str(folder / "manifest.jsonl")),
                "ours, shards": ours(str(folder / "shards")),
                "ours, shards over HTTP": ours(url),
            }
            found = rates(ways, options.seconds)
    slowest = found["plain Pillow/torchvision"]
    for way, rate in found.items():
        print(f"  {way:26}{rate:7.1f} samples/s per core   {rate / slowest:5.2f}x")


def memory(lines: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.jsonl"
        camera = {"width": 640, "height": 480, "fx": 500.0, "fy": 500.0, "cx": 320.0, "cy": 240.0}
        shown = json.dumps(camera)
        with path.open("w") as file:
            for i in range(lines):
                file.write(
                    f'{{"id":"{i}","image":"images/{i:07d}.jpg","camera":{shown},"label":{{"file":'
                    f'"depth/{i:07d}.png","kind":"metric","scale":0.001}},"scene":"room {i // 100}",'
                    f'"neighbours":["images/{i - 1:07d}.jpg","images/{i + 1:07d}.jpg"]}}\n'
                )
        size = path.stat().st_size / 1e6
        done = subprocess.run(
            [sys.executable, "-c", OPEN_LIST, str(path)], check=True, capture_output=True, text=True
        )
    before, opened, drawn, seen, most = map(float, done.stdout.split())
    print(f"  manifest  {lines:,} lines of {size:.0f} MB; memory of the process {before:.0f} MB before it,")
    print(f"            {opened:.0f} MB with it open, {drawn:.0f} MB after 5,000 draws,")
    print(f"            {seen:.0f} MB when all kinds and splits are known, {most:.0f} MB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="for each way of reading")
    parser.add_argument("--lines", type=int, default=1_000_000, help="of the manifest; 0 leaves it out")
    parser.add_argument("--frame", default="640x480", help="size of the stored photos")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print_header(
        "Reading and augmenting samples", ["opencv-python-headless", "pillow", "torchvision", "fsspec"]
    )
    speed(options)
    if options.lines:
        memory(options.lines)


if __name__ == "__main__":
    main()
