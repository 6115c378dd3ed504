"""Four clients at once, for as many seconds as `ONEDEPTH_LOAD_SECONDS` says: no error, bounded memory."""

import os
import threading
import time
from pathlib import Path

import httpx
import pytest
from web_cases import metric, noisy, serving

from onedepth.apps.web.server import make_app
from onedepth.predict.predictor import Predictor

SECONDS = float(os.environ.get("ONEDEPTH_LOAD_SECONDS", "10"))
CLIENTS = 4
WARM = 20  # photos per client, after which memory may not grow much
STATM = Path("/proc/self/statm")


def _resident() -> float:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not STATM.exists(), reason="reads /proc")
def test_four_clients_at_once(predictor: Predictor) -> None:
    photo = noisy("JPEG", (640, 480))
    expected: set[bytes] = set()
    errors: list[str] = []
    warm = threading.Barrier(CLIENTS + 1, timeout=120)
    stop = threading.Event()

    def ask(url: str) -> None:
        with httpx.Client(timeout=60) as client:
            count = 0
            while not stop.is_set():
                answer = client.post(url, params={"format": "npz"}, content=photo)
                if answer.status_code != 200:
                    errors.append(answer.text)
                expected.add(answer.content[:4096])
                count += 1
                if count == WARM:
                    warm.wait()

    with serving(make_app(predictor)) as address:
        clients = [threading.Thread(target=ask, args=[f"{address.url}/v1/depth"]) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        warm.wait()
        before = _resident()
        time.sleep(SECONDS)
        grown = _resident() - before
        stop.set()
        for client in clients:
            client.join(60)
        text = httpx.get(f"{address.url}/metrics").text
    assert errors == []
    assert len(expected) == 1  # nobody got somebody else's answer
    assert grown < 100
    assert metric(text, "onedepth_photos_pending") == metric(text, "onedepth_upload_bytes") == 0
    assert metric(text, "onedepth_request_seconds_count") >= CLIENTS * WARM
