"""Whatever comes: an answer in JSON or a file, never a traceback, never a server that is gone.

`ONEDEPTH_FUZZ_IMAGES` sets how many mutated images are sent.
"""

import os
import struct

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.openapi import from_asgi
from schemathesis.specs.openapi.checks import response_schema_conformance
from starlette.testclient import TestClient
from web_cases import mutated, noisy

from onedepth.apps.web.server import make_app
from onedepth.apps.web.settings import Limits, Settings
from onedepth.predict.predictor import Predictor

COUNT = int(os.environ.get("ONEDEPTH_FUZZ_IMAGES", "100"))
KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")
FORMATS = ("json", "png16", "npz", "ply")


def test_mutated_images_get_an_answer(client: TestClient) -> None:
    whole = {kind: noisy(kind) for kind in KINDS}
    statuses = {200: 0, 400: 0}
    for seed in range(COUNT):
        data = mutated(whole[KINDS[seed % len(KINDS)]], seed)
        answer = client.post("/v1/depth", params={"format": FORMATS[seed % 3]}, content=data)
        assert answer.status_code in statuses, f"seed {seed}: {answer.status_code} {answer.text}"
        statuses[answer.status_code] += 1
        if answer.status_code == 400:
            assert set(answer.json()) == {"error"}, f"seed {seed}"
            assert "Traceback" not in answer.text
            assert "\n" not in answer.json()["error"]
    assert min(statuses.values()) > COUNT / 20  # the mutations are neither harmless nor all deadly
    assert client.get("/healthz").status_code == 200


def test_a_frame_larger_than_its_picture_is_told(client: TestClient) -> None:
    screen = struct.pack("<6sHHBBB", b"GIF89a", 8, 8, 0x80, 0, 0) + bytes(6)
    frame = struct.pack("<cHHHHB", b",", 0, 0, 40_000, 40_000, 0)
    answer = client.post("/v1/depth", content=screen + frame + b"\x02\x02\x44\x01\0;")
    assert answer.status_code == 400
    assert "pixels" in answer.json()["error"]


def test_the_api_keeps_to_its_description(predictor: Predictor) -> None:
    app = make_app(predictor, Settings(hosts=None, limits=Limits(pixels=1_000_000)))
    operations = [found.ok() for found in from_asgi("/openapi.json", app).get_all_operations()]
    assert len(operations) == 4
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=25,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        def check(case: schemathesis.Case) -> None:
            answer = case.call()
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                assert set(answer.json()) == {"error"}
            case.validate_response(answer, checks=[response_schema_conformance])

        check()
