"""Metres follow the camera, and the camera comes from where it should."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onedepth
from onedepth import Camera
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.errors import CameraError, DepthMapError, OneDepthError
from onedepth.predict import Predictor
from tiny_model import METADATA, metres, write_tiny_model

WIDTH, HEIGHT = 120, 80


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    return onedepth.load(tiny_model, "cpu", threads=1)


def _grey(level: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def _slope() -> np.ndarray:
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    return np.rint(np.stack([u, v, u + v], axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("level", [0, 51, 255])
def test_metres_are_those_computed_by_hand(predictor: Predictor, level: int) -> None:
    camera = Camera(width=WIDTH, height=HEIGHT, fx=90, fy=160, cx=60, cy=40)
    depth = predictor.predict(_grey(level), camera)
    assert depth.kind == "metric"
    assert depth.depth.shape == (HEIGHT, WIDTH)
    assert depth.depth.dtype == np.float32
    assert depth.depth == pytest.approx(metres(level / 255, 90, 160, WIDTH, HEIGHT), rel=1e-5)
    assert depth.valid.all()
    assert depth.camera == camera
    assert depth.source == "tiny 1.0"


def test_double_focal_length_is_double_depth(predictor: Predictor) -> None:
    one = predictor.predict(_slope(), Camera.from_focal(100, WIDTH, HEIGHT)).depth
    two = predictor.predict(_slope(), Camera.from_focal(200, WIDTH, HEIGHT)).depth
    assert two == pytest.approx(2 * one, rel=1e-5)


def test_only_the_product_of_unequal_focal_lengths_counts(predictor: Predictor) -> None:
    square = Camera.from_focal(100, WIDTH, HEIGHT)
    flat = Camera(width=WIDTH, height=HEIGHT, fx=50, fy=200, cx=60, cy=40)
    assert predictor.predict(_slope(), flat).depth == pytest.approx(
        predictor.predict(_slope(), square).depth, rel=1e-5
    )


def test_a_resized_photo_has_the_same_metres(predictor: Predictor) -> None:
    camera = Camera.from_focal(100, WIDTH, HEIGHT)
    large = predictor.predict(_grey(99, 3 * WIDTH, 2 * HEIGHT), camera.resize(3 * WIDTH, 2 * HEIGHT))
    assert large.depth[0, 0] == pytest.approx(predictor.predict(_grey(99), camera).depth[0, 0], rel=1e-5)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 50), (3, 2), (333, 77)])
def test_photos_of_any_size(predictor: Predictor, width: int, height: int) -> None:
    depth = predictor.predict(_grey(128, width, height))
    assert depth.depth.shape == (height, width)
    assert depth.valid.all()


def _photo(path: Path, *, film: int | None = None, orientation: int | None = None) -> Path:
    exif = Image.Exif()
    if film:
        exif.get_ifd(0x8769)[0xA405] = film
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(_slope()).save(path, exif=exif.tobytes())
    return path


def test_given_before_exif_before_assumed(predictor: Predictor, tmp_path: Path) -> None:
    plain, told = _photo(tmp_path / "plain.png"), _photo(tmp_path / "told.png", film=50)
    given = Camera.from_focal(77, WIDTH, HEIGHT)
    cameras = [
        predictor.predict(plain).camera,
        predictor.predict(told).camera,
        predictor.predict(told, given).camera,
    ]
    assert [camera and camera.focal_source for camera in cameras] == ["assumed", "exif", "given"]
    assert [camera and camera.focal_uncertainty for camera in cameras] == [0.30, 0.03, 0.0]
    assert cameras[0] == Camera.assumed(WIDTH, HEIGHT)
    assert cameras[2] == given


def test_depth_uses_the_focal_length_it_reports(predictor: Predictor, tmp_path: Path) -> None:
    plain = predictor.predict(_photo(tmp_path / "plain.png"))
    told = predictor.predict(_photo(tmp_path / "told.png", film=56))
    assert plain.camera is not None
    assert told.camera is not None
    assert told.camera.focal > 1.5 * plain.camera.focal
    assert told.depth / plain.depth == pytest.approx(told.camera.focal / plain.camera.focal, rel=1e-4)


@pytest.mark.parametrize("tag", range(1, 9))
def test_a_turned_photo_is_the_upright_one(predictor: Predictor, tmp_path: Path, tag: int) -> None:
    from onedepth.files.exif import orient_pixels

    turned = predictor.predict(_photo(tmp_path / "turned.png", film=35, orientation=tag))
    Image.fromarray(orient_pixels(_slope(), tag)).save(tmp_path / "upright.png")
    assert turned.camera is not None
    upright = predictor.predict(tmp_path / "upright.png", turned.camera)
    assert (turned.depth == upright.depth).all()


def test_all_forms_of_an_image_agree(predictor: Predictor, tmp_path: Path) -> None:
    path = _photo(tmp_path / "photo.png")
    expected = predictor.predict(path).depth
    forms = (str(path), Image.open(path), _slope(), _slope() / 255, (_slope() / 255).astype(np.float32))
    for form in forms:
        assert (predictor.predict(form).depth == expected).all()


def test_a_camera_of_another_size_is_refused(predictor: Predictor) -> None:
    with pytest.raises(CameraError, match=r"120x80 .*30x20"):
        predictor.predict(_slope(), Camera.from_focal(100, 30, 20))


@pytest.mark.parametrize(
    ("camera", "reason"),
    [
        (500, r"camera is a int.*Camera\.from_focal"),
        ("x.json", r"camera is a str.*read_camera"),
        (Path("x.json"), r"camera is a .*Path.*read_camera"),
        ({"fx": 500}, r"camera is a dict.*camera_from_dict"),
    ],
)
def test_what_is_no_camera_is_explained(predictor: Predictor, camera: Any, reason: str) -> None:
    with pytest.raises(CameraError, match=reason):
        predictor.predict(_slope(), camera)


def test_wrong_arguments_of_load_are_explained(tiny_model: Path) -> None:
    wrong: Any = 123
    with pytest.raises(OneDepthError, match=r"model is a int \(123\), expected the path"):
        onedepth.load(wrong)
    for threads in (0, -2, True, "4", 1.5):
        wrong = threads
        with pytest.raises(OneDepthError, match=r"threads is .*, expected a whole number above 0"):
            onedepth.load(tiny_model, "cpu", threads=wrong)


LENSES = [RadialTangential(-0.2, 0.03, 0.001, -0.001), Fisheye(0.05, -0.01, 0.0, 0.0)]


@pytest.mark.parametrize("lens", LENSES)
def test_distortion_is_undone_first(predictor: Predictor, lens: RadialTangential | Fisheye) -> None:
    camera = Camera(width=WIDTH, height=HEIGHT, fx=90, fy=90, cx=60, cy=40, distortion=lens)
    view = predictor.predict_view(_grey(100), camera)
    assert view.depth.camera is not None
    assert view.depth.camera.is_pinhole
    assert view.depth.camera.matrix == pytest.approx(camera.matrix)
    assert view.pixels.shape == (HEIGHT, WIDTH, 3)
    inside = predictor.predict(view.pixels, view.depth.camera)
    assert (view.depth.depth[view.depth.valid] == inside.depth[view.depth.valid]).all()


@pytest.mark.parametrize("lens", LENSES)
def test_depth_maps_back_to_the_distorted_photo(
    predictor: Predictor, lens: RadialTangential | Fisheye
) -> None:
    camera = Camera(width=WIDTH, height=HEIGHT, fx=90, fy=90, cx=60, cy=40, distortion=lens)
    view = predictor.predict_view(_slope(), camera)
    back = predictor.predict_view(_slope(), camera, map_back=True)
    assert back.depth.camera == camera
    assert (back.pixels == _slope()).all()
    assert back.depth.valid.mean() > 0.5
    # The same point of the world: the depth at a photo pixel is that of the pinhole view along the same ray.
    pinhole = view.depth.camera
    assert pinhole is not None
    rows, columns = np.nonzero(back.depth.valid)
    rays = camera.unproject(np.stack([columns + 0.5, rows + 0.5], axis=-1), 1.0)
    at = np.floor(pinhole.project(rays)).astype(int)
    u, v = at[:, 0].clip(0, WIDTH - 1), at[:, 1].clip(0, HEIGHT - 1)
    known = view.depth.valid[v, u]
    found, expected = back.depth.depth[rows, columns][known], view.depth.depth[v, u][known]
    assert np.median(np.abs(found / expected - 1)) < 0.005
    assert np.abs(found / expected - 1).max() < 0.05


def test_map_back_changes_nothing_for_a_pinhole(predictor: Predictor) -> None:
    camera = Camera.from_focal(100, WIDTH, HEIGHT)
    assert (
        predictor.predict(_slope(), camera, map_back=True).depth == predictor.predict(_slope(), camera).depth
    ).all()


def test_many_threads_may_share_a_predictor(predictor: Predictor) -> None:
    from concurrent.futures import ThreadPoolExecutor

    levels = list(range(0, 250, 10))
    one: Callable[[int], float] = lambda level: float(predictor.predict(_grey(level)).depth[0, 0])  # noqa: E731
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, levels)) == [one(level) for level in levels]


def test_pixels_without_a_depth_are_invalid(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    path = write_tiny_model(tmp_path / "negative.onnx", METADATA)
    model = onnx.load(path)
    (one,) = [tensor for tensor in model.graph.initializer if tensor.name == "1"]
    one.CopyFrom(numpy_helper.from_array(np.array(-0.5, np.float32), "1"))
    path.write_bytes(model.SerializeToString())
    half = _grey(0)
    half[:, WIDTH // 2 :] = 255
    depth = onedepth.load(path, "cpu").predict(half)
    assert not depth.valid[:, :10].any()
    assert depth.valid[:, -10:].all()
    assert (depth.depth[:, :10] == 0).all()


@pytest.mark.parametrize("kind", ["scaled", "affine_disparity"])
def test_without_metres_the_map_says_what_it_is(tmp_path: Path, kind: str) -> None:
    model = write_tiny_model(tmp_path / "relative.onnx", {**METADATA, "kind": kind})
    grey = np.full((HEIGHT, WIDTH, 3), 51, np.uint8)
    depth = onedepth.load(model).predict(grey, Camera.from_focal(80, WIDTH, HEIGHT))
    expected = metres(0.2, 80, 80, WIDTH, HEIGHT)
    assert depth.kind == kind
    np.testing.assert_allclose(
        depth.values, 1 / expected if kind == "affine_disparity" else expected, rtol=1e-6
    )
    with pytest.raises(DepthMapError, match="not metres"):
        _ = depth.depth
