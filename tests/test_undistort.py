import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from onedepth import undistort
from onedepth.camera import Camera
from onedepth.distortion import Distortion, Fisheye
from onedepth.errors import CameraError
from onedepth.undistort import distort_map, undistort_image
from test_distortion import LENSES, WIDE


def camera_with(lens: Distortion | None, focal: float = 80.0) -> Camera:
    return Camera(width=120, height=90, fx=focal, fy=focal * 1.1, cx=63, cy=44, distortion=lens)


def painted(camera: Camera) -> np.ndarray:
    """A smooth colour for every direction; black where there is no ray."""
    x, y, z = np.moveaxis(camera.rays().astype(np.float64), -1, 0) / np.linalg.norm(camera.rays(), axis=-1)
    colours = np.stack([np.sin(3 * x), np.cos(2 * y), (x * y + z - 1) / 2], axis=-1)
    return np.nan_to_num(128 + 100 * colours).astype(np.uint8)


def plane(camera: Camera) -> np.ndarray:
    """z-depth of a slanted plane in metres; 0 where there is no ray."""
    rays = camera.rays().astype(np.float64)
    return np.nan_to_num(4.0 / (rays @ (0.1, 0.2, 1.0))).astype(np.float32)


@pytest.mark.parametrize("lens", LENSES)
def test_undistorting_shows_the_pinhole_view(lens: Distortion) -> None:
    camera = camera_with(lens)
    view, pinhole, valid = undistort_image(painted(camera), camera)
    assert pinhole == replace(camera, distortion=None)
    assert valid.mean() > 0.6
    assert np.abs(view.astype(int) - painted(pinhole))[valid].max() <= 3
    assert not view[~valid].any()


@pytest.mark.parametrize("lens", LENSES)
def test_the_mask_is_where_the_photo_is(lens: Distortion) -> None:
    """Slow twin of the mask: follow every pixel of the view into the photo."""
    camera = camera_with(lens, focal=45)
    view, pinhole, valid = undistort_image(np.full((90, 120, 3), 255, np.uint8), camera)
    np.testing.assert_array_equal(view[..., 0] == 255, valid)
    for v, u in np.argwhere(np.ones((30, 40))) * 3:
        ray = pinhole.unproject((u + 0.5, v + 0.5), 1.0)
        x, y = camera.project(ray)
        margin = min(x, y, 120 - x, 90 - y)
        if not np.isfinite(margin) or abs(margin) > 1e-3:
            assert valid[v, u] == (margin >= 0), (u, v)


@pytest.mark.parametrize("lens", LENSES)
def test_depth_goes_back_onto_the_photo(lens: Distortion) -> None:
    camera = camera_with(lens)
    pinhole = replace(camera, distortion=None)
    depth, valid = distort_map(plane(pinhole), pinhole, camera)
    assert depth.dtype == np.float32
    assert valid.mean() > 0.6
    assert valid[45, 60]
    np.testing.assert_allclose(depth[valid], plane(camera)[valid], rtol=0.01)
    assert not depth[~valid].any()
    inside = np.isfinite(pinhole.project(camera.rays())).all(-1)
    assert (valid <= inside).all()


def test_blocks_of_rows_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = camera_with(WIDE)
    pinhole = replace(camera, distortion=None)
    values, known = plane(pinhole), np.ones((90, 120), bool)
    known[30:50, 40:70] = False
    whole = [
        *undistort_image(painted(camera), camera)[::2],
        *distort_map(values, pinhole, camera, valid=known),
    ]
    monkeypatch.setattr(undistort, "_POINTS_AT_ONCE", 7 * 120)
    rows = [
        *undistort_image(painted(camera), camera)[::2],
        *distort_map(values, pinhole, camera, valid=known),
    ]
    for one, other in zip(whole, rows, strict=True):
        np.testing.assert_array_equal(one, other)


def test_large_photos_need_little_more_memory_than_their_results() -> None:
    camera = Camera.from_focal(1600, 2000, 1500, distortion=WIDE)
    pinhole = replace(camera, distortion=None)
    photo, values = np.zeros((1500, 2000, 3), np.uint8), np.ones((1500, 2000), np.float32)
    tracemalloc.start()
    undistort_image(photo, camera)
    view = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    distort_map(values, pinhole, camera)
    back = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pixels = 2000 * 1500
    assert view < 4 * pixels + 30e6
    assert back < 5 * pixels + 30e6


def test_depth_goes_back_onto_a_photo_of_another_size() -> None:
    camera = camera_with(WIDE)
    pinhole = replace(camera, distortion=None).resize(60, 45)
    depth, valid = distort_map(plane(pinhole), pinhole, camera)
    assert depth.shape == (90, 120)
    np.testing.assert_allclose(depth[valid], plane(camera)[valid], rtol=0.03)


def test_depth_beside_a_hole_is_not_invented() -> None:
    camera = camera_with(WIDE)
    pinhole = replace(camera, distortion=None)
    values, known = plane(pinhole), np.ones((90, 120), bool)
    known[30:50, 40:70] = False
    values[~known] = 1e6
    depth, valid = distort_map(values, pinhole, camera, valid=known)
    assert (valid < distort_map(values, pinhole, camera)[1]).sum() > 300
    np.testing.assert_allclose(depth[valid], plane(camera)[valid], rtol=0.01)
    values[~known] = np.nan
    np.testing.assert_array_equal(distort_map(values, pinhole, camera)[0], depth)


def test_a_whole_hemisphere_is_masked_not_wrong() -> None:
    camera = Camera.from_focal(100 / np.pi, 120, 120, distortion=Fisheye(0, 0, 0, 0))  # 216 degrees wide
    rays = camera.rays()
    u, v = np.meshgrid(np.arange(120) + 0.5 - 60, np.arange(120) + 0.5 - 60)
    angle = np.degrees(np.hypot(u, v) / camera.focal)
    assert (np.isfinite(rays).all(-1) == (angle <= 89.9)).all()
    view, pinhole, valid = undistort_image(painted(camera), camera)
    assert valid.all()
    assert np.abs(view.astype(int) - painted(pinhole)).max() <= 12  # strongly stretched at the rim
    _, back = distort_map(plane(pinhole), pinhole, camera)
    assert not back[angle > 89.9].any()
    assert back[angle < 60].all()


def test_a_pinhole_photo_comes_back_as_it_is() -> None:
    camera = camera_with(None)
    view, pinhole, valid = undistort_image(painted(camera), camera)
    np.testing.assert_array_equal(view, painted(camera))
    assert pinhole == camera
    assert valid.all()
    depth, back = distort_map(plane(camera), camera, camera)
    np.testing.assert_allclose(depth, plane(camera), rtol=1e-5)
    assert back.all()


@pytest.mark.parametrize("lens", LENSES)
def test_undistorting_commutes_with_mirroring(lens: Distortion) -> None:
    camera = camera_with(lens)
    photo = painted(camera)
    view, _, valid = undistort_image(photo, camera)
    mirrored, _, mirrored_valid = undistort_image(np.ascontiguousarray(photo[:, ::-1]), camera.flip())
    assert np.abs(mirrored[:, ::-1].astype(int) - view)[valid & mirrored_valid[:, ::-1]].max() <= 2
    assert (valid == mirrored_valid[:, ::-1]).mean() > 0.999


def test_gray_images_keep_their_shape() -> None:
    camera = camera_with(WIDE)
    assert undistort_image(painted(camera)[..., 0], camera)[0].shape == (90, 120)


def test_another_size_is_refused() -> None:
    camera = camera_with(WIDE)
    with pytest.raises(
        CameraError, match=r"photo is 120x80 pixels but its camera says 120x90.*Camera\.resize"
    ):
        undistort_image(painted(camera)[:80], camera)
    with pytest.raises(CameraError, match="depth map is 120x80"):
        distort_map(plane(camera)[:80], camera, camera)
    long = Camera.from_focal(50, 40000, 1, distortion=WIDE)
    with pytest.raises(CameraError, match="sides above 32766"):
        undistort_image(np.zeros((1, 40000, 3), np.uint8), long)
