"""The API answers with the same depth as the library, in every format, and explains every refusal."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from web_cases import GREY, metric, noisy, photo

import tiny_model as tiny
from onedepth import Camera, DepthMap
from onedepth.apps.web import server
from onedepth.apps.web.answer import MEDIA_TYPES, thinned
from onedepth.apps.web.options import Colormap, Format
from onedepth.apps.web.settings import Limits, Settings
from onedepth.errors import ConfigError
from onedepth.files.colormaps import COLORMAPS
from onedepth.files.depth_formats import FORMATS
from onedepth.files.images import Photo
from onedepth.measure.ruler import Ruler
from onedepth.predict.depth_errors import DEFAULT_ERRORS
from onedepth.predict.predictor import Prediction, Predictor

URL = "/v1/depth"
METRES = tiny.metres(GREY / 255, 70, 70, 80, 60)


def test_every_format_is_offered() -> None:
    assert set(Format.__args__) == {*FORMATS, "json"} == set(MEDIA_TYPES)
    assert set(Colormap.__args__) == set(COLORMAPS)


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if row.read and name != "pfm"])
def test_files_hold_the_metres(client: TestClient, tmp_path: Path, name: str) -> None:
    answer = client.post(URL, params={"format": name, "focal": 70}, content=photo())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPES[name]
    file = tmp_path / f"depth{FORMATS[name].ending}"
    assert f'filename="{file.name}"' in answer.headers["content-disposition"]
    file.write_bytes(answer.content)
    found = DepthMap.load(file)
    assert found.shape == (60, 80)
    assert found.depth == pytest.approx(METRES, abs=0.001)
    assert found.camera == Camera.from_focal(70, 80, 60)


def test_pfm_holds_the_metres_from_the_bottom_up(client: TestClient) -> None:
    answer = client.post(URL, params={"format": "pfm", "focal": 70}, content=noisy("PNG"))
    head = b"Pf\n48 32\n-1.0\n"
    assert answer.content.startswith(head)
    values = np.frombuffer(answer.content[len(head) :], "<f4").reshape(32, 48)[::-1]
    points = [f"{x}.5,{y}.5" for x, y in ((0, 0), (40, 5), (47, 31))]
    told = client.post(
        URL, params={"format": "json", "focal": 70, "point": points}, content=noisy("PNG")
    ).json()
    assert [point["depth"] for point in told["points"]] == pytest.approx(
        [values[0, 0], values[5, 40], values[31, 47]], rel=1e-5
    )


@pytest.mark.parametrize(("name", "head"), [("ply", b"ply\n"), ("glb", b"glTF"), ("picture", b"\x89PNG")])
def test_geometry_and_pictures(client: TestClient, name: str, head: bytes) -> None:
    answer = client.post(URL, params={"format": name}, content=photo())
    assert answer.status_code == 200
    assert answer.content.startswith(head)


def test_vertices_bound_the_points(client: TestClient) -> None:
    answer = client.post(URL, params={"format": "ply", "vertices": 300}, content=photo())
    count = int(re.search(rb"element vertex (\d+)", answer.content)[1])
    assert 100 < count <= 300


def test_json_and_the_header_tell_the_same(client: TestClient) -> None:
    told = client.post(URL, params={"format": "json", "focal": 70}, content=photo()).json()
    assert told["median"] == pytest.approx(METRES, rel=1e-4)
    assert (told["kind"], told["unit"]) == ("metric", "m")
    assert told["camera"] == {
        "fx": 70, "fy": 70, "cx": 40, "cy": 30, "focal_source": "given", "focal_uncertainty": 0
    }  # fmt: skip
    header = client.post(URL, params={"focal": 70}, content=photo()).headers["OneDepth-Facts"]
    assert json.loads(header) == told


def test_focal_comes_from_the_client_or_exif_or_is_assumed(client: TestClient) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 35
    tagged = photo(kind="JPEG", exif=exif)

    def source(data: bytes, **query: Any) -> tuple[str, float]:
        camera = client.post(URL, params={"format": "json", **query}, content=data).json()["camera"]
        return camera["focal_source"], camera["fx"]

    assert source(photo())[0] == "assumed"
    assert source(tagged) == ("exif", pytest.approx(Camera.from_35mm(35, 80, 60).fx, rel=1e-4))
    assert source(tagged, focal=99) == ("given", 99)
    assert source(tagged, fov=90) == ("given", pytest.approx(40, rel=1e-4))


def test_points_are_metres_in_space(client: TestClient) -> None:
    query = {"format": "json", "focal": 70, "point": ["10.5,20.5", "40,30"]}
    first, second = client.post(URL, params=query, content=photo()).json()["points"]
    assert first["xyz"] == pytest.approx(
        [(10.5 - 40) / 70 * METRES, (20.5 - 30) / 70 * METRES, METRES], rel=1e-4
    )
    assert second["xyz"] == pytest.approx([0, 0, METRES], rel=1e-4)


def test_two_points_have_a_length(client: TestClient, predictor: Predictor) -> None:
    query = {"format": "json", "focal": 70, "point": ["10.5,20.5", "60.5,40.5"]}
    told = client.post(URL, params=query, content=photo()).json()["length"]
    depth = DepthMap(np.full((60, 80), METRES, np.float32), "metric", Camera.from_focal(70, 80, 60))
    length = Ruler(depth, predictor.info.depth_errors or DEFAULT_ERRORS).distance((10, 20), (60, 40))
    assert told["metres"] == pytest.approx(length.metres, rel=1e-4)
    assert told["uncertainty"] == pytest.approx(length.uncertainty, rel=1e-4)
    query["point"] = ["10,20", "10,20"]
    told = client.post(URL, params=query, content=photo()).json()["length"]
    assert told["metres"] is None
    assert "two points" in told["reason"]


def test_a_photo_upright_by_exif(client: TestClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    told = client.post(URL, params={"format": "json"}, content=photo(kind="JPEG", exif=exif)).json()
    assert (told["width"], told["height"]) == (60, 80)


def test_thinning_takes_the_middle_of_each_block() -> None:
    values = np.arange(1, 90 * 60 + 1, dtype=np.float32).reshape(60, 90)
    pixels = np.zeros((60, 90, 3), np.uint8)
    whole = Prediction(DepthMap(values, "metric", Camera.from_focal(90, 90, 60)), pixels, Photo(pixels))
    small = thinned(whole, 30)
    assert (small.depth.values == values[1::3, 1::3]).all()
    assert small.depth.camera == Camera.from_focal(30, 30, 20)
    assert small.pixels.shape == (20, 30, 3)
    assert thinned(whole, 90) is whole
    assert thinned(whole, 89).depth.shape == (59, 89)


def test_a_form_is_read_like_a_body(client: TestClient) -> None:
    nasty = '../../etc/<passwd>".png'
    form = client.post(URL, files={"image": (nasty, photo(), "image/png")})
    plain = client.post(URL, content=photo())
    assert form.status_code == 200
    assert form.content == plain.content
    assert form.headers["content-disposition"] == plain.headers["content-disposition"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"format": "bmp"}, "format: found 'bmp', expected 'png16', 'npz'"),
        ({"focal": 0}, "focal: found '0', expected at least 1"),
        ({"focal": "long"}, "focal: found 'long', expected a number"),
        ({"focal": "nan"}, "focal"),
        ({"focal": "-inf"}, "focal"),
        ({"focal": 70, "fov": 60}, "focal and fov"),
        ({"fov": 180}, "fov"),
        ({"side": 1}, "side: found '1', expected at least 16"),
        ({"side": "1.5"}, "a whole number"),
        ({"bar": "x"}, "true or false"),
        ({"point": "1,2"}, "format=json"),
        ({"format": "json", "point": ["1,2", "a,b"]}, "point: found 'a,b', expected x,y in pixels"),
        ({"format": "json", "point": ["1,2"] * 65}, "point: found 65, expected at most 64 of them"),
        ({"vertices": 1000}, "format=ply"),
        ({"colour": "magma"}, "colour: unknown; expected one of format, focal"),
    ],
)
def test_wrong_queries_are_told_in_one_line(client: TestClient, query: dict[str, Any], told: str) -> None:
    answer = client.post(URL, params=query, content=photo())
    assert answer.status_code == 422
    assert set(answer.json()) == {"error"}
    assert told in answer.json()["error"]


@pytest.mark.parametrize(
    ("send", "told"),
    [
        ({"content": b""}, "empty"),
        ({"content": b"hello"}, "not an image"),
        ({"content": photo()[:-40]}, "damaged"),
        ({"content": photo(), "params": {"format": "json", "point": "80,10"}}, "outside"),
        ({"files": {"other": ("a.png", photo())}}, "holds 'other', expected one file as 'image'"),
        ({"files": {"image": (None, b"text")}}, "'image' as text"),
        ({"files": {"image": ("a.png", photo())}, "data": {"format": "npz"}}, "'format' as text"),
        ({"files": {"image": ("a.png", photo()), "n" * 90: (None, b"")}}, f"'{'n' * 40}' as text"),
        ({"files": {"image": ("a.png", b"")}}, "empty"),
        ({"files": [("image", ("a", photo())), ("image", ("b", photo()))]}, "form"),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, "form"),
        ({"content": b"--x\r\n\0", "headers": {"content-type": "multipart/form-data; boundary=x"}}, "form"),
    ],
)
def test_what_is_no_photo_is_told_in_one_line(client: TestClient, send: dict[str, Any], told: str) -> None:
    answer = client.post(URL, **send)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}
    assert told in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_a_format_that_cannot_hold_it_names_no_folder(client: TestClient) -> None:
    answer = client.post(URL, params={"format": "glb"}, content=photo((1, 1)))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("depth.glb: ")


def test_a_full_disk_is_no_fault_of_the_client(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    answer = client.post(URL, content=photo())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_faults_of_ours_stay_in_the_log(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(server, "answer", broken)
    answer = client.post(URL, content=photo())
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "log" in answer.json()["error"]
    assert metric(client.get("/metrics").text, "onedepth_photos_pending") == 0


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/../server.py", "/static/%2e%2e/server.py", "/v1/depth"]
)
def test_other_paths_are_told_in_json(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 405)
    assert "/openapi.json" in answer.json()["error"]
    assert set(answer.json()) == {"error"}


def test_health_model_and_metrics(client: TestClient, predictor: Predictor) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/v1/model").json()["name"] == predictor.info.name
    client.post(URL, content=photo())
    client.get("/some/unknown/path")
    text = client.get("/metrics").text
    assert 'onedepth_requests_total{path="/v1/depth",status="200"} 1.0' in text
    assert 'onedepth_requests_total{path="other",status="404"} 1.0' in text
    assert metric(text, "onedepth_request_seconds_count") == 1
    assert metric(text, "onedepth_upload_bytes") == metric(text, "onedepth_photos_pending") == 0
    assert 'onedepth_stage_seconds_count{stage="model"} 1.0' in text


def test_a_token_guards_the_api_and_the_metrics(make_client: Any) -> None:
    client = make_client(Settings(token="sésame"))
    good = {"Authorization": "Bearer sésame".encode()}
    for method, path in (("POST", URL), ("GET", "/v1/model"), ("GET", "/metrics")):
        for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic sésame".encode()}):
            answer = client.request(method, path, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert ("wrong" in answer.json()["error"]) == bool(headers)
    assert client.get("/healthz").status_code == client.get("/").status_code == 200
    answer = client.post(URL, content=photo(), headers=good)
    assert answer.status_code == 401  # headers are latin-1 on the wire; UTF-8 bytes are no match
    client = make_client(Settings(token="sesame"))
    assert client.post(URL, content=photo(), headers={"Authorization": "bearer sesame"}).status_code == 200


def test_foreign_hosts_and_origins_are_refused(make_client: Any) -> None:
    client = make_client()
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/healthz", headers={"Host": "[::1]:8000"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "127.0.0.1:99"}).status_code == 200
    assert client.post(URL, content=photo(), headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post(URL, content=photo(), headers={"Origin": "null"}).status_code == 403
    assert client.post(URL, content=photo(), headers={"Origin": "http://localhost"}).status_code == 200
    anywhere = make_client(Settings(hosts=None))
    assert anywhere.get("/healthz", headers={"Host": "depth.example"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/static/app.js", URL])
def test_every_answer_carries_the_policy(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_names_only_files_of_its_own(client: TestClient) -> None:
    page = client.get("/").text
    assert "<style" not in page
    assert not re.search(r"""\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)""", page)
    links = re.findall(r"""(?:src|href)="([^"]+)\"""", page)
    scripts = ["/static/app.js"]
    for script in scripts:
        source = client.get(script).text
        names = re.findall(r"""(?:from|import\()\s*"\./([^"]+)\"""", source)
        scripts += [
            f"/static/{name}" for name in names if f"/static/{name}" not in scripts and "vendor" not in name
        ]
        assert "http://" not in source
        assert "https://" not in source
        links += [f"/static/{name}" for name in names]
    assert len(scripts) >= 7
    for link in {*links, *scripts}:
        assert link.startswith("/")
        assert client.get(link).status_code == 200, link


def test_vendored_code_has_its_licence_and_no_bare_imports() -> None:
    vendor = server.STATIC / "vendor" / "three"
    assert "MIT" in (vendor / "LICENSE").read_text()
    for file in vendor.glob("*.js"):
        assert all(name.startswith("./") for name in re.findall(r"^} from '([^']+)'", file.read_text(), re.M))


def test_openapi_describes_the_upload(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    post = schema["paths"][URL]["post"]
    assert "multipart/form-data" in post["requestBody"]["content"]
    assert {"200", "400", "413", "422", "503"} <= set(post["responses"])
    assert {parameter["name"] for parameter in post["parameters"]} >= {"format", "focal", "fov", "point"}
    assert client.get("/docs").status_code == 404  # that page would load scripts from elsewhere


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match="workers"):
        Limits(workers=0)
    with pytest.raises(ConfigError, match="at least"):
        Limits(upload_bytes=100, held_bytes=10)
