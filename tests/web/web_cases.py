"""A server in a thread, photos of known grey, and mutated files."""

import io
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import uvicorn
from PIL import Image

GREY = 128


def photo(size: tuple[int, int] = (80, 60), kind: str = "PNG", **options: Any) -> bytes:
    """A photo all of one grey, of which the tiny model's metres are known."""
    file = io.BytesIO()
    Image.new("RGB", size, (GREY,) * 3).save(file, kind, **options)
    return file.getvalue()


def noisy(kind: str, size: tuple[int, int] = (48, 32)) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def mutated(data: bytes, seed: int) -> bytes:
    """A file with some bytes changed, cut off, doubled or put in."""
    chance = random.Random(seed)
    out = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(out)) if out else 0
        change = chance.choice(("flip", "flip", "head", "cut", "double", "insert", "extreme"))
        if change == "flip" and out:
            out[at] ^= 1 << chance.randrange(8)
        elif change == "head" and out:  # sizes and kinds of parts stand there
            out[chance.randrange(min(64, len(out)))] = chance.randrange(256)
        elif change == "cut":
            del out[at:]
        elif change == "double":
            out[at:at] = out[at : at + chance.randint(1, 64)]
        elif change == "insert":
            out[at:at] = chance.randbytes(chance.randint(1, 16))
        elif change == "extreme":
            out[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"))
    return bytes(out)


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=30)


@contextmanager
def serving(app: Any) -> Iterator[Address]:
    """A real server on loopback, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield Address(*listener.getsockname()[:2])
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def metric(text: str, name: str) -> float:
    """The number behind a name in Prometheus' text."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[-1])
