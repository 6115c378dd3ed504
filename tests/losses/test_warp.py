"""Projection, motion, inverse warp, and what a camera zoom leaves unchanged."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import generator, pinhole, scene

from onedepth import losses
from onedepth.losses.geometry import points_at, rotation_matrix

vectors = st.lists(st.floats(-3, 3), min_size=3, max_size=3)


@given(vector=vectors)
@settings(max_examples=60, deadline=None)
def test_rotations_are_orthogonal_and_turn_by_their_length(vector):
    axis_angle = torch.tensor([vector], dtype=torch.float64)
    rotation = rotation_matrix(axis_angle)[0]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64))
    assert torch.linalg.det(rotation).item() == pytest.approx(1)
    torch.testing.assert_close(rotation @ axis_angle[0], axis_angle[0])
    assert rotation.trace().item() == pytest.approx(1 + 2 * np.cos(np.linalg.norm(vector)))


def test_rotation_turns_right_handed():
    quarter = rotation_matrix(torch.tensor([[0.0, 0.0, torch.pi / 2]]))[0]
    torch.testing.assert_close(
        quarter @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("vector", [[0.0, 0, 0], [1e-9, 0, 0], [0.4, -0.2, 1.1]])
def test_pose_gradient_is_smooth_through_zero(vector):
    axis_angle = torch.tensor([vector], dtype=torch.float64, requires_grad=True)
    translation = torch.tensor([[1.0, 2, 3]], dtype=torch.float64, requires_grad=True)
    for invert in (False, True):
        assert torch.autograd.gradcheck(
            lambda a, t, invert=invert: losses.pose_matrix(a, t, invert=invert), (axis_angle, translation)
        )


def test_inverted_pose_goes_back():
    axis_angle, translation = (torch.randn(4, 3, generator=generator(k), dtype=torch.float64) for k in (0, 1))
    there, back = (losses.pose_matrix(axis_angle, translation, invert=i) for i in (False, True))
    torch.testing.assert_close(there @ back, torch.eye(4, dtype=torch.float64).expand(4, 4, 4))


def test_projecting_points_returns_to_pixel_centres():
    depth, _, _ = scene()
    points = losses.unproject(depth, pinhole())
    pixels, front = losses.project(points, pinhole())
    assert front.all()
    u, v = torch.meshgrid(torch.arange(14) + 0.5, torch.arange(12) + 0.5, indexing="xy")
    torch.testing.assert_close(pixels, torch.stack([u, v]).double().expand(2, 2, 12, 14))
    index = torch.tensor([[0, 17, 160]] * 2)
    torch.testing.assert_close(
        points_at(depth, index, pinhole()), points.flatten(2)[..., [0, 17, 160]].transpose(1, 2)
    )


def slow_warp(source, depth, pose, intrinsics):
    """One pixel at a time, bilinear between pixel centres, border repeated."""
    fx, fy, cx, cy = intrinsics.tolist()
    channels, height, width = source.shape
    out, valid = np.zeros((channels, *depth.shape)), np.zeros(depth.shape, bool)
    for i, j in np.ndindex(*depth.shape):
        z = depth[i, j]
        x, y, z = pose[:3, :3] @ [(j + 0.5 - cx) / fx * z, (i + 0.5 - cy) / fy * z, z] + pose[:3, 3]
        u, v = fx * x / z + cx, fy * y / z + cy
        valid[i, j] = z > 0 and 0 <= u <= width and 0 <= v <= height
        a, b = np.clip(u - 0.5, 0, width - 1), np.clip(v - 0.5, 0, height - 1)
        left, top = int(a), int(b)
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        for c in range(channels):
            upper = source[c, top, left] * (1 - a + left) + source[c, top, right] * (a - left)
            lower = source[c, bottom, left] * (1 - a + left) + source[c, bottom, right] * (a - left)
            out[c, i, j] = upper * (1 - b + top) + lower * (b - top)
    return out, valid


def motion(size=0.15):
    axis_angle = torch.tensor([[0.05, -0.1, 0.08], [0.0, 0.2, -0.05]], dtype=torch.float64) * size * 5
    translation = torch.tensor([[0.3, -0.1, 0.2], [-0.4, 0.2, 0.0]], dtype=torch.float64) * size * 5
    return losses.pose_matrix(axis_angle, translation)


def images(height=12, width=14):
    return torch.rand(2, 3, height, width, generator=generator(4), dtype=torch.float64)


def test_warp_as_written():
    depth, _, _ = scene()
    warped, valid = losses.inverse_warp(images(), depth, motion(), pinhole())
    assert 0.2 < valid.double().mean() < 0.999
    for k in range(2):
        expected, ok = slow_warp(images()[k].numpy(), depth[k, 0].numpy(), motion()[k].numpy(), pinhole()[k])
        np.testing.assert_allclose(warped[k].numpy(), expected, atol=1e-10)
        np.testing.assert_array_equal(valid[k, 0].numpy(), ok)


def test_no_motion_is_the_source_itself_at_any_depth():
    depth, _, _ = scene()
    warped, valid = losses.inverse_warp(images(), depth, motion(0.0), pinhole())
    torch.testing.assert_close(warped, images())
    assert valid.all()


def test_sideways_motion_shifts_by_whole_pixels():
    """focal * baseline / depth = 2 pixels."""
    depth = torch.full((1, 1, 6, 10), 5.0)
    intrinsics = torch.tensor([[20.0, 20.0, 5.0, 3.0]])
    pose = losses.pose_matrix(torch.zeros(1, 3), torch.tensor([[0.5, 0.0, 0.0]]))
    source = torch.rand(1, 1, 6, 10, generator=generator())
    warped, valid = losses.inverse_warp(source, depth, pose, intrinsics)
    torch.testing.assert_close(warped[..., :8], source[..., 2:], atol=1e-5, rtol=0)
    torch.testing.assert_close(warped[..., 8:], source[..., 9:].expand(1, 1, 6, 2), atol=1e-5, rtol=0)
    assert valid[0, 0, 0].tolist() == [True] * 8 + [False] * 2


def test_source_may_have_its_own_camera_and_size():
    depth, _, _ = scene()
    double = torch.nn.functional.interpolate(images(), scale_factor=2, mode="nearest")
    warped, _ = losses.inverse_warp(double, depth, motion(0.0), pinhole(), 2 * pinhole())
    torch.testing.assert_close(warped, images())


def test_points_behind_the_camera_are_invalid_and_finite():
    depth = torch.full((2, 1, 12, 14), 1.0, dtype=torch.float64, requires_grad=True)
    pose = losses.pose_matrix(torch.zeros(2, 3), torch.tensor([[0.0, 0, -3], [0.0, 0, -1]])).double()
    warped, valid = losses.inverse_warp(images(), depth, pose, pinhole())
    warped.sum().backward()
    assert not valid.any()
    assert depth.grad.isfinite().all()


def test_warp_gradients():
    depth = scene(1, 4, 5)[0].requires_grad_()
    axis_angle = torch.tensor([[0.03, -0.05, 0.02]], dtype=torch.float64, requires_grad=True)
    translation = torch.tensor([[0.02, -0.03, 0.05]], dtype=torch.float64, requires_grad=True)
    source, intrinsics = images(4, 5)[:1, :1].clone().requires_grad_(), pinhole(1, 4, 5)

    def run(depth, axis_angle, translation, source):
        return losses.inverse_warp(source, depth, losses.pose_matrix(axis_angle, translation), intrinsics)[0]

    assert torch.autograd.gradcheck(run, (depth, axis_angle, translation, source))


# Camera zoom: crop the centre, enlarge it back, divide the focal lengths; depth stays.

SIZE = (40, 56)
CAMERA = torch.tensor([[60.0, 66.0, 28.0, 20.0]], dtype=torch.float64)
PLANE = torch.tensor([0.15, -0.25, 0.95], dtype=torch.float64)  # PLANE . p = 4
zooms = st.tuples(st.floats(0.5, 1.0), st.floats(0.5, 1.0))


def zoomed(camera, sx, sy):
    """The camera after its central sx * W x sy * H is enlarged to W x H; the centre stays."""
    fx, fy, cx, cy = camera.clone().unbind(1)
    return torch.stack([fx / sx, fy / sy, cx, cy], 1)


def plane_seen(camera, pose=None):
    """Depth of the plane and a smooth texture on it, seen by a camera at ``pose`` (target to camera)."""
    rays = losses.unproject(torch.ones(1, 1, *SIZE, dtype=torch.float64), camera).flatten(2)[0]
    pose = torch.eye(4, dtype=torch.float64) if pose is None else pose[0]
    back = torch.linalg.inv(pose)
    directions, centre = back[:3, :3] @ rays, back[:3, 3]
    depth = (4 - PLANE @ centre) / (PLANE @ directions)
    x, y, _ = (centre[:, None] + directions * depth).unbind(0)
    texture = torch.stack([torch.sin(2 * x + 0.3 * y), torch.cos(1.5 * y - x), torch.sin(x * y)])
    return depth.view(1, 1, *SIZE), (0.5 + 0.3 * texture).view(1, 3, *SIZE)


@given(zoom=zooms)
@settings(max_examples=25, deadline=None)
def test_zoomed_pixels_are_the_same_points_as_the_crop(zoom):
    """Pixel (u' + 0.5) of the zoom is (u' + 0.5) * sx + start of the whole image."""
    sx, sy = zoom
    depth, _ = plane_seen(zoomed(CAMERA, sx, sy))
    points = losses.unproject(depth, zoomed(CAMERA, sx, sy))
    pixels, _ = losses.project(points, CAMERA)
    height, width = SIZE
    u = (torch.arange(width, dtype=torch.float64) + 0.5) * sx + (1 - sx) * width / 2
    v = (torch.arange(height, dtype=torch.float64) + 0.5) * sy + (1 - sy) * height / 2
    torch.testing.assert_close(pixels[0, 0], u.expand(SIZE))
    torch.testing.assert_close(pixels[0, 1], v[:, None].expand(SIZE))
    on_plane = torch.einsum("c,bchw->bhw", PLANE, points)
    torch.testing.assert_close(on_plane, torch.full_like(on_plane, 4.0))


def photometric_of(camera, pose, depth_factor=1.0):
    depth, target = plane_seen(camera)
    _, source = plane_seen(camera, pose)
    warped, valid = losses.inverse_warp(source, depth * depth_factor, pose, camera)
    return losses.minimum_reprojection(target, warped.unsqueeze(1), None, valid.unsqueeze(1), difference="l1")


@pytest.mark.parametrize("zoom", [(1.0, 1.0), (0.5, 0.5), (0.6, 0.9)])
def test_true_depth_and_motion_explain_zoomed_and_plain_views_alike(zoom):
    pose = losses.pose_matrix(
        torch.tensor([[0.01, -0.02, 0.03]], dtype=torch.float64),
        torch.tensor([[0.5, 0.2, -0.3]], dtype=torch.float64),
    )
    camera = zoomed(CAMERA, *zoom)
    assert photometric_of(camera, pose).item() < 2e-3  # what is left is bilinear sampling
    assert photometric_of(camera, pose, 1.3).item() > 4 * photometric_of(camera, pose).item()


def test_keeping_the_old_camera_in_a_zoomed_view_is_noticed():
    pose = losses.pose_matrix(torch.zeros(1, 3), torch.tensor([[0.3, 0.0, 0.0]])).double()
    camera = zoomed(CAMERA, 0.5, 0.5)
    depth, target = plane_seen(camera)
    _, source = plane_seen(camera, pose)
    costs = []
    for assumed in (camera, CAMERA):
        warped, valid = losses.inverse_warp(source, depth, pose, assumed)
        costs.append(
            losses.minimum_reprojection(target, warped.unsqueeze(1), None, valid.unsqueeze(1)).item()
        )
    assert costs[1] > 10 * costs[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    depth, source = scene()[0].to(dtype), images().to(dtype)
    camera = motion().float(), pinhole().float()
    with torch.autocast("cpu", dtype=dtype):
        warped, _ = losses.inverse_warp(source, depth, *camera)
    expected, _ = losses.inverse_warp(source.float(), depth.float(), *camera)
    torch.testing.assert_close(warped, expected)
