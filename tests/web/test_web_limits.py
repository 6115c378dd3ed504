"""Too much, too large, too slow, gone away: the server says so and goes on."""

import resource
import socket
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from web_cases import Address, metric, noisy, photo, serving, wait_until

from onedepth.apps.web import server
from onedepth.apps.web.answer import answer
from onedepth.apps.web.errors import RequestError
from onedepth.apps.web.options import DepthOptions
from onedepth.apps.web.server import make_app
from onedepth.apps.web.settings import Limits, Settings
from onedepth.predict.predictor import Predictor

URL = "/v1/depth"


@contextmanager
def limited(predictor: Predictor, **limits: Any) -> Iterator[Address]:
    with serving(make_app(predictor, Settings(limits=Limits(**limits)))) as address:
        yield address


class Gate:
    """Takes the place of the work; jobs wait until it opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.begun, real = threading.Event(), 0, server.answer
        self.given_up: list[bool] = []

        def wait(*given: Any) -> Any:
            self.begun += 1
            assert self.opened.wait(60)
            self.given_up.append(given[-1]())
            return real(*given)

        monkeypatch.setattr(server, "answer", wait)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(monkeypatch)
    yield made
    made.opened.set()


def request(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [f"POST {URL} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length or len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def everything(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def numbers(address: Address, name: str) -> float:
    return metric(httpx.get(f"{address.url}/metrics").text, name)


def is_well(address: Address) -> bool:
    return httpx.post(f"{address.url}{URL}", content=photo()).status_code == 200


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *parts: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in [(b"IHDR", header), *parts, (b"IEND", b"")]
    )


ZEROS = zlib.compress(bytes(60_000_000), 9)  # a thousand times smaller than what it becomes


def test_a_huge_declared_size_is_refused_before_the_body(predictor: Predictor) -> None:
    with limited(predictor, upload_bytes=100_000) as address, address.connect() as connection:
        connection.sendall(request(b"", length=10**15))
        answer = everything(connection)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'{"error":"the upload is larger' in answer
        assert is_well(address)


@pytest.mark.parametrize("length", ["-5", "abc", "1e9", "5, 6"])
def test_a_senseless_declared_size_is_refused(predictor: Predictor, length: str) -> None:
    with limited(predictor) as address, address.connect() as connection:
        connection.sendall(
            f"POST {URL} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        assert everything(connection).startswith(b"HTTP/1.1 400 ")
        assert is_well(address)


def test_an_undeclared_size_is_counted(predictor: Predictor) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield bytes(10_000)

    with limited(predictor, upload_bytes=100_000) as address:
        with httpx.Client() as client:
            try:
                answer = client.post(f"{address.url}{URL}", content=endless())
                assert answer.status_code == 413
            except httpx.TransportError:
                pass  # the server closed while we were still sending, which is fair
        wait_until(lambda: numbers(address, "onedepth_upload_bytes") == 0)
        assert is_well(address)


def test_a_slow_upload_is_ended(predictor: Predictor) -> None:
    with limited(predictor, upload_seconds=0.5) as address, address.connect() as connection:
        connection.sendall(request(b"\x89PNG", length=5000))
        answer = everything(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"4 bytes came" in answer
        assert is_well(address)


def test_slow_uploads_keep_nobody_else_waiting(predictor: Predictor) -> None:
    with limited(predictor, jobs=2, workers=1) as address:
        slow = [address.connect() for _ in range(20)]
        for connection in slow:
            connection.sendall(request(b"\x89PNG", length=5000))
        wait_until(lambda: numbers(address, "onedepth_upload_bytes") == 80)
        assert is_well(address)
        for connection in slow:
            connection.close()
        wait_until(lambda: numbers(address, "onedepth_upload_bytes") == 0)


def test_memory_for_uploads_is_bounded(predictor: Predictor) -> None:
    with limited(predictor, upload_bytes=10_000, held_bytes=15_000) as address, address.connect() as first:
        first.sendall(request(bytes(9_000), length=10_000))
        wait_until(lambda: numbers(address, "onedepth_upload_bytes") == 9_000)
        second = httpx.post(f"{address.url}{URL}", content=bytes(9_000))
        assert (second.status_code, second.headers["retry-after"]) == (503, "2")
        first.close()
        wait_until(lambda: numbers(address, "onedepth_upload_bytes") == 0)
        assert is_well(address)


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (3000, 2000)])
def test_a_png_bomb_is_not_decoded(predictor: Predictor, size: tuple[int, int]) -> None:
    data = png(*size, (b"IDAT", ZEROS))
    assert len(data) < 100_000
    with limited(predictor, pixels=1_000_000) as address:
        answer = httpx.post(f"{address.url}{URL}", content=data)
        assert answer.status_code == 400
        assert "megapixels" in answer.json()["error"]
        assert is_well(address)


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_bomb_in_another_part_of_a_png_is_not_unpacked(predictor: Predictor, name: bytes) -> None:
    with limited(predictor) as address:
        data = png(8, 8, (name, b"a\0\0" + ZEROS), (b"IDAT", zlib.compress(bytes(25 * 8))))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answers = [httpx.post(f"{address.url}{URL}", content=data).status_code for _ in range(3)]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert set(answers) <= {200, 400}
        assert grown < 50_000  # kilobytes
        assert is_well(address)


def test_a_full_queue_says_when_to_come_back(predictor: Predictor, gate: Gate) -> None:
    with limited(predictor, jobs=3, workers=1) as address:
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(httpx.post(f"{address.url}{URL}", content=photo(), timeout=60).status_code)

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        wait_until(lambda: numbers(address, "onedepth_photos_pending") == 3)
        refused = httpx.post(f"{address.url}{URL}", content=photo())
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "busy" in refused.json()["error"]
        assert httpx.get(f"{address.url}/healthz").status_code == 200  # busy is not ill
        gate.opened.set()
        for client in clients:
            client.join(60)
        assert statuses == [200] * 3
        assert numbers(address, "onedepth_photos_pending") == 0


def test_clients_that_hang_up_are_not_worked_for(predictor: Predictor, gate: Gate) -> None:
    with limited(predictor, jobs=8, workers=1) as address:
        connections = [address.connect() for _ in range(5)]
        for connection in connections:
            connection.sendall(request(photo()))
        wait_until(lambda: numbers(address, "onedepth_photos_pending") == 5)
        for connection in connections:
            connection.close()
        wait_until(lambda: numbers(address, "onedepth_photos_pending") == 1)  # the one that had begun
        gate.opened.set()
        wait_until(lambda: numbers(address, "onedepth_photos_pending") == 0)
        assert gate.begun == 1
        assert numbers(address, "onedepth_upload_bytes") == 0
        text = httpx.get(f"{address.url}/metrics").text
        assert 'onedepth_requests_total{path="/v1/depth",status="499"} 5.0' in text
        assert is_well(address)


def test_clients_that_hang_up_in_the_middle_of_the_upload(predictor: Predictor) -> None:
    with limited(predictor) as address:
        for sent in (0, 1, 30):
            with address.connect() as connection:
                connection.sendall(request(photo()[:sent], length=5000))
        wait_until(lambda: numbers(address, "onedepth_upload_bytes") == 0)
        assert is_well(address)


def test_no_answer_in_time_is_said(predictor: Predictor, gate: Gate) -> None:
    with limited(predictor, answer_seconds=0.3, workers=1) as address:
        late = [httpx.post(f"{address.url}{URL}", content=photo()) for _ in range(2)]
        assert [answer.status_code for answer in late] == [503, 503]
        assert "0.3 s" in late[0].json()["error"]
        gate.opened.set()
        wait_until(lambda: numbers(address, "onedepth_photos_pending") == 0)
        assert gate.begun == 1  # the second had not begun, and never does
        assert gate.given_up == [True]  # and the first learns that nobody waits
        assert is_well(address)
        assert gate.given_up == [True, False]


def test_nothing_more_is_done_for_nobody() -> None:
    asked: list[bool] = []

    def given_up() -> bool:
        asked.append(True)
        return True

    nobody: Any = None  # a predictor that would fail
    with pytest.raises(RequestError, match="nobody"):
        answer(nobody, photo(), DepthOptions(), 10**6, given_up)
    assert asked == [True]


def test_uploads_never_touch_a_disk(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an upload was rolled over to a file")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    large = noisy("BMP", (1000, 800))
    assert len(large) > 2 * 2**20
    with limited(predictor) as address:
        url = f"{address.url}{URL}"
        assert (
            httpx.post(url, params={"format": "json"}, files={"image": ("a.bmp", large)}).status_code == 200
        )
        assert httpx.post(url, params={"format": "json"}, content=large).status_code == 200


def test_nothing_is_left_on_the_disk(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with limited(predictor) as address:
        for form in ("png16", "glb", "pfm"):
            url = f"{address.url}{URL}"
            assert httpx.post(url, params={"format": form}, content=photo()).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_shutting_down_answers_who_waits(predictor: Predictor, gate: Gate) -> None:
    answers: list[int] = []
    with limited(predictor, workers=1) as address:
        client = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{address.url}{URL}", content=photo()).status_code)
        )
        client.start()
        wait_until(lambda: gate.begun == 1)
        threading.Timer(0.2, gate.opened.set).start()
        time.sleep(0)
    client.join(30)
    assert answers == [200]
