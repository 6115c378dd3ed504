"""Point clouds, normals and planes: by brute force, by geometry, and by hand."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_scenes import CAMERA, Raster, boxes, case_of

from onedepth.camera import Camera
from onedepth.evaluate.metrics import Plane, cloud_metrics, compute
from onedepth.evaluate.metrics.normals import surface_normals

Points = npt.NDArray[np.float64]
CLOUD = ["chamfer", "precision_10cm", "recall_10cm", "f_score_10cm", "iou_10cm", "f_score_20cm"]
NORMAL = ["normal_mean", "normal_median", "normal_rmse", "normal_5", "normal_11.25", "normal_30"]
PLANAR = ["pe_plan", "pe_ori"]
EVERYWHERE = np.ones((36, 48), np.bool_)


def plane_depth(normal: tuple[float, float, float], distance: float, camera: Camera = CAMERA) -> Raster:
    """Depth of the plane n . p = distance."""
    return (distance / (camera.rays().astype(np.float64) @ np.array(normal))).astype(np.float32)


def unit(*vector: float) -> tuple[float, float, float]:
    x, y, z = np.array(vector) / np.linalg.norm(vector)
    return float(x), float(y), float(z)


def cloud_slowly(predicted: Points, true: Points) -> dict[str, float]:
    between = np.sqrt(((predicted[:, None] - true[None]) ** 2).sum(-1))
    there, back = between.min(1), between.min(0)
    found = {"chamfer": there.mean() + back.mean()}
    for name, radius in (("10cm", 0.1), ("20cm", 0.2)):
        p, r = float(np.mean(there < radius)), float(np.mean(back < radius))
        found[f"precision_{name}"], found[f"recall_{name}"] = 100 * p, 100 * r
        found[f"f_score_{name}"] = 100 * 2 * p * r / (p + r) if p + r else 0.0
        found[f"iou_{name}"] = 100 * p * r / (p + r - p * r) if p + r else 0.0
    return found


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
def test_clouds_are_compared_as_by_brute_force(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, true = rng.uniform(0, 0.6, (n, 3)), rng.uniform(0, 0.6, (m, 3))
    assert cloud_metrics(predicted, true) == pytest.approx(cloud_slowly(predicted, true))


def test_clouds_by_hand() -> None:
    """Nearest distances 0, 0.15 and 1 forth, 0 and 0.15 back."""
    predicted = np.array([[0, 0, 1], [0, 0, 2.15], [0, 1, 1]], float)
    true = np.array([[0, 0, 1], [0, 0, 2]], float)
    found = cloud_metrics(predicted, true)
    assert found["chamfer"] == pytest.approx(1.15 / 3 + 0.15 / 2)
    assert (found["precision_10cm"], found["recall_10cm"]) == pytest.approx((100 / 3, 50))
    assert (found["precision_20cm"], found["recall_20cm"]) == pytest.approx((200 / 3, 100))
    assert found["f_score_20cm"] == pytest.approx(80)
    assert found["iou_20cm"] == pytest.approx(100 * 2 / 3)
    assert cloud_metrics(predicted, true[:0]) == {}


def test_a_cloud_is_the_valid_pixels_on_their_rays() -> None:
    truth, prediction = boxes(0), boxes(0, noise=0.05)
    mask = np.random.default_rng(1).random(truth.shape) < 0.15
    rows, columns = np.nonzero(mask)
    x, y = (columns + 0.5 - CAMERA.cx) / CAMERA.fx, (rows + 0.5 - CAMERA.cy) / CAMERA.fy
    rays = np.stack([x, y, np.ones_like(x)], -1)
    expected = cloud_slowly(rays * prediction[mask][:, None], rays * truth[mask][:, None])
    found = compute(CLOUD, case_of(prediction, truth, mask=mask, camera=CAMERA))
    assert found == pytest.approx({name: expected[name] for name in CLOUD}, rel=1e-5)


def test_scipy_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from onedepth.errors import OneDepthError

    monkeypatch.setitem(sys.modules, "scipy.spatial", None)
    with pytest.raises(OneDepthError, match=r"pip install 'onedepth\[eval\]'"):
        cloud_metrics(np.ones((1, 3)), np.ones((1, 3)))


@pytest.mark.parametrize("normal", [(0, 0, -1), (0.3, 0, -1), (0, -0.8, -1), (-0.4, 0.7, -1)])
def test_normals_of_a_plane_are_its_own(normal: tuple[float, float, float]) -> None:
    expected = unit(*normal)
    normals, has = surface_normals(plane_depth(expected, -3), EVERYWHERE, CAMERA)
    assert has[1:-1, 1:-1].all()
    assert not has[0].any()
    assert not has[:, -1].any()
    np.testing.assert_allclose(normals[has], np.broadcast_to(expected, normals[has].shape), atol=1e-4)


@pytest.mark.parametrize("degrees", [0.5, 4.0, 10.0, 20.0, 25.0, 40.0])
def test_a_tilted_wall_is_off_by_its_tilt(degrees: float) -> None:
    angle = math.radians(degrees)
    truth = plane_depth((0, 0, 1), 4)
    prediction = plane_depth((math.sin(angle), 0, math.cos(angle)), 4)
    found = compute(NORMAL, case_of(prediction, truth, camera=CAMERA))
    for name in NORMAL[:3]:
        assert found[name] == pytest.approx(degrees, rel=1e-2)
    shares = {5: "normal_5", 11.25: "normal_11.25", 30: "normal_30"}
    assert all(found[name] == 100.0 * (degrees < bound) for bound, name in shares.items())


def normals_slowly(depth: Raster, mask: npt.NDArray[np.bool_]) -> dict[tuple[int, int], Points]:
    def point(i: int, j: int) -> Points:
        z = float(depth[i, j])
        return np.array([z * (j + 0.5 - CAMERA.cx) / CAMERA.fx, z * (i + 0.5 - CAMERA.cy) / CAMERA.fy, z])

    found = {}
    for i in range(1, depth.shape[0] - 1):
        for j in range(1, depth.shape[1] - 1):
            if mask[i, j] and mask[i, j - 1] and mask[i, j + 1] and mask[i - 1, j] and mask[i + 1, j]:
                across, down = point(i, j + 1) - point(i, j - 1), point(i + 1, j) - point(i - 1, j)
                x = across[1] * down[2] - across[2] * down[1]
                y = across[2] * down[0] - across[0] * down[2]
                z = across[0] * down[1] - across[1] * down[0]
                found[i, j] = -np.array([x, y, z])
    return found


@pytest.mark.parametrize("seed", range(3))
def test_angles_are_those_of_a_plain_loop(seed: int) -> None:
    truth, prediction = boxes(seed, noise=0.01), boxes(seed, noise=0.02)
    mask = np.random.default_rng(seed).random(truth.shape) > 0.05
    true, predicted = normals_slowly(truth, mask), normals_slowly(prediction, mask)
    angles = []
    for key, a in true.items():
        b = predicted[key]
        cosine = sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(a * a) * sum(b * b))
        angles.append(math.degrees(math.acos(min(max(cosine, -1), 1))))
    expected = {
        "normal_mean": sum(angles) / len(angles),
        "normal_median": float(np.median(angles)),
        "normal_rmse": math.sqrt(sum(a * a for a in angles) / len(angles)),
        "normal_5": 100 * sum(a < 5 for a in angles) / len(angles),
        "normal_11.25": 100 * sum(a < 11.25 for a in angles) / len(angles),
        "normal_30": 100 * sum(a < 30 for a in angles) / len(angles),
    }
    found = compute(NORMAL, case_of(prediction, truth, mask=mask, camera=CAMERA))
    assert found == pytest.approx(expected, rel=1e-4, abs=0.2)


def test_the_scale_of_depth_does_not_turn_normals() -> None:
    truth, prediction = boxes(0), boxes(0, noise=0.02)
    one, other = (
        compute(NORMAL, case_of(np.float32(s) * prediction, truth, camera=CAMERA)) for s in (1.0, 4.0)
    )
    assert one == pytest.approx(other, rel=1e-4)


def test_no_pixel_with_four_neighbours_has_no_normal() -> None:
    mask = EVERYWHERE.copy()
    mask[::2] = False
    assert compute(NORMAL, case_of(boxes(0), boxes(0), mask=mask, camera=CAMERA)) == {}


def wall(left: int, right: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros((36, 48), np.bool_)
    mask[:, left:right] = True
    return mask


def test_a_plane_is_flat_and_turned_by_its_angle_at_any_scale() -> None:
    truth = plane_depth((0, 0, 1), 4)
    planes = (Plane(wall(0, 30), np.array([0, 0, -2.0])),)  # the other side, not of unit length
    for degrees in (0.0, 3.0, 30.0):
        angle = math.radians(degrees)
        prediction = np.float32(0.5) * plane_depth((0, math.sin(angle), math.cos(angle)), 4)
        found = compute(PLANAR, case_of(prediction, truth, camera=CAMERA, planes=planes))
        assert found == pytest.approx({"pe_plan": 0, "pe_ori": degrees}, abs=1e-3)


def test_flatness_is_the_deviation_in_centimetres() -> None:
    """A wall at 4 m of which every other column stands out by 2 cm on either side."""
    truth = np.full((36, 48), 4, np.float32)
    prediction = truth + 0.02 * np.where(np.arange(48) % 2, 1, -1).astype(np.float32)
    planes = (Plane(wall(8, 40), np.array([0, 0, 1.0])),)
    camera = Camera.from_focal(10_000, 48, 36)  # rays almost parallel
    found = compute(PLANAR, case_of(np.float32(0.25) * prediction, truth, camera=camera, planes=planes))
    points = camera.rays()[:, 8:40].reshape(-1, 3) * (prediction * 4 / np.median(prediction))[
        :, 8:40
    ].reshape(-1, 1)
    _, _, axes = np.linalg.svd(points - points.mean(0), full_matrices=False)
    assert found["pe_plan"] == pytest.approx(100 * np.std(points @ axes[2]), rel=1e-3)
    normal = np.abs(axes[2][2])
    assert found["pe_ori"] == pytest.approx(math.degrees(math.acos(min(normal, 1.0))), abs=0.05)


def test_planes_are_averaged_and_small_ones_left_out() -> None:
    truth = plane_depth((0, 0, 1), 4)
    prediction = truth.copy()
    angle = math.radians(10)
    prediction[:, 30:] = plane_depth((0, math.sin(angle), math.cos(angle)), 4)[:, 30:]
    forward = np.array([0, 0, 1.0])
    planes = tuple(Plane(wall(a, b), forward) for a, b in ((0, 30), (30, 48), (47, 48)))
    found = compute(PLANAR, case_of(prediction, truth, camera=CAMERA, planes=planes))
    assert found["pe_ori"] == pytest.approx(5, abs=1e-2)  # the column of 2 % does not count
    assert compute(PLANAR, case_of(prediction, truth, camera=CAMERA, planes=planes[2:])) == {}
    assert compute(PLANAR, case_of(prediction, truth, camera=CAMERA, planes=())) == {}
    hidden = case_of(prediction, truth, camera=CAMERA, planes=planes[:1], mask=wall(30, 48))
    assert compute(PLANAR, hidden) == {}
