"""Local, virtual and pair-wise normals."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from loss_cases import HEIGHT, WIDTH, generator, pinhole, planes_of, scene, smooth_scene

from onedepth import losses
from onedepth.errors import DataError
from onedepth.losses.draws import draw_valid
from onedepth.losses.geometry import strided, unproject
from onedepth.losses.normals import normals_at
from onedepth.losses.pairwise_normal import compare_pairs, draw_edge_pairs, guides, sobel, sparse_guides
from onedepth.losses.plane_normal import draw_plane_triplets
from onedepth.losses.virtual_normal import spans_plane


def plane_depth(normal, offset, intrinsics, height=HEIGHT, width=WIDTH):
    """Depth of the plane normal . p = offset at every pixel."""
    fx, fy, cx, cy = intrinsics.tolist()
    u, v = torch.meshgrid(
        torch.arange(width, dtype=torch.float64) + 0.5,
        torch.arange(height, dtype=torch.float64) + 0.5,
        indexing="xy",
    )
    rays = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)], -1)
    return offset / (rays @ torch.tensor(normal, dtype=torch.float64))


def points_of(depth, intrinsics):
    fx, fy, cx, cy = intrinsics.tolist()
    points = np.zeros((*depth.shape, 3))
    for i, j in np.ndindex(*depth.shape):
        z = depth[i, j]
        points[i, j] = (j + 0.5 - cx) / fx * z, (i + 0.5 - cy) / fy * z, z
    return points


def slow_normals(depth, valid, intrinsics, half=2):
    points = points_of(depth, intrinsics)
    normals, usable = np.zeros_like(points), np.zeros(depth.shape, bool)
    for i, j in np.ndindex(*depth.shape):
        window = [
            points[a, b]
            for a, b in itertools.product(range(i - half, i + half + 1), range(j - half, j + half + 1))
            if 0 <= a < depth.shape[0] and 0 <= b < depth.shape[1] and valid[a, b]
        ]
        if valid[i, j] and len(window) >= 13:
            solution = np.linalg.lstsq(np.array(window), np.ones(len(window)), rcond=None)[0]
            normals[i, j], usable[i, j] = solution / np.linalg.norm(solution), True
    return normals, usable


def test_local_normals_are_least_squares_on_points():
    depth, _, mask = smooth_scene()
    normals, usable = losses.surface_normals(depth, mask, pinhole())
    for k in range(2):
        expected, ok = slow_normals(depth[k, 0].numpy(), mask[k, 0].numpy(), pinhole()[k])
        np.testing.assert_array_equal(usable[k, 0].numpy(), ok)
        np.testing.assert_allclose(normals[k].permute(1, 2, 0).numpy()[ok], expected[ok], atol=1e-8)


def test_normals_at_chosen_pixels_are_the_dense_ones():
    depth, _, mask = smooth_scene()
    index = torch.arange(HEIGHT * WIDTH).flip(0).expand(2, -1)
    normals, usable = losses.surface_normals(depth, mask, pinhole())
    chosen, chosen_usable = normals_at(depth, mask, index, pinhole())
    assert torch.equal(chosen_usable, usable.flatten(1).flip(1))
    expected = normals.flatten(2).flip(2).movedim(1, 2)
    torch.testing.assert_close(chosen.movedim(1, 2)[chosen_usable], expected[chosen_usable])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("distance", [0.5, 80.0])
def test_local_normals_of_a_plane_are_its_normal(dtype, distance):
    normal = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    intrinsics = torch.tensor([[500.0, 450.0, 7.0, 6.0]], dtype=torch.float64)
    depth = plane_depth(normal, distance, intrinsics[0])[None, None].to(dtype)
    normals, usable = losses.surface_normals(depth, depth > 0, intrinsics.to(dtype))
    error = (normals.double() - torch.tensor(normal)[None, :, None, None]).abs().masked_select(usable)
    assert error.max() < (2e-3 if dtype == torch.float32 else 1e-9)


def slow_virtual_normal(z, truth, valid, intrinsics, triplets):
    ours, theirs = points_of(z, intrinsics).reshape(-1, 3), points_of(truth, intrinsics).reshape(-1, 3)
    terms = []
    for triple in triplets.tolist():
        if not valid.flat[triple].all():
            continue
        a, b, c = theirs[triple]
        sides = np.array([b - a, c - a, c - b])
        lengths = np.linalg.norm(sides, axis=1)
        cosines = (sides @ sides.T) / (np.outer(lengths, lengths) + 1e-8)
        if (np.abs(cosines) > 0.867).sum() > 3:
            continue
        if all((np.abs(sides[:, axis]) < 0.005).any() for axis in range(3)):
            continue
        found = []
        for points in (ours, theirs):
            p, q, r = points[triple]
            n = np.cross(q - p, r - p)
            found.append(n / np.linalg.norm(n))
        terms.append(np.abs(found[0] - found[1]).sum())
    terms.sort()
    return np.mean(terms[int(0.25 * len(terms)) :])


def test_virtual_normal_as_the_code_reads():
    prediction, target, mask = scene()
    triplets = torch.randint(0, HEIGHT * WIDTH, (2, 80, 3), generator=generator())
    found = losses.virtual_normal(prediction, target, mask, pinhole(), triplets=triplets)
    for k in range(2):
        expected = slow_virtual_normal(
            prediction[k, 0].numpy(), target[k, 0].numpy(), mask[k, 0].numpy(), pinhole()[k], triplets[k]
        )
        assert found[k].item() == pytest.approx(expected)


def test_virtual_normal_ignores_a_global_scale():
    prediction, target, mask = scene()
    triplets = torch.randint(0, HEIGHT * WIDTH, (2, 80, 3), generator=generator())
    torch.testing.assert_close(
        losses.virtual_normal(3 * prediction, target, mask, pinhole(), triplets=triplets),
        losses.virtual_normal(prediction, target, mask, pinhole(), triplets=triplets),
    )


def test_triplets_on_a_line_or_in_one_spot_are_rejected():
    line = torch.tensor([[0.0, 0, 1], [1, 1, 2], [2, 2, 3.1]])
    spot = torch.tensor([[0.0, 0, 1], [0.003, 0, 1], [0, 0.004, 1]])
    good = torch.tensor([[0.0, 0, 1], [1, 0, 1], [0.5, 1, 1]])
    points = torch.stack([line, spot, good])  # triangle, corner, coordinate
    assert spans_plane(points.permute(2, 1, 0)).tolist() == [False, False, True]


def test_drawn_pixels_are_valid_and_even():
    mask = torch.rand(3, 40, generator=generator()) < 0.3
    mask[1] = False
    index = draw_valid(mask, 20_000, generator())
    for k in (0, 2):
        counts = torch.bincount(index[k], minlength=40)
        assert not counts[~mask[k]].any()
        share = counts[mask[k]] / 20_000 * mask[k].sum()
        assert ((share - 1).abs() < 0.15).all()
    assert not index[1].any()


def test_normal_losses_need_no_scale_and_vanish_for_a_scaled_scene():
    _, target, mask = smooth_scene()
    for loss in (losses.virtual_normal, losses.pairwise_normal):
        assert loss(4 * target, target, mask, pinhole(), generator=generator()).abs().max() < 1e-6


def test_pairs_compare_angles():
    ours, theirs = (F.normalize(torch.randn(1, 3, 4, 2, generator=generator(k)), dim=1) for k in (1, 2))
    error, cosine = compare_pairs(ours, theirs)
    for k in range(4):
        expected, found = (abs(float(n[0, :, k, 0] @ n[0, :, k, 1])) for n in (theirs, ours))
        assert cosine[0, k].item() == pytest.approx(expected, abs=1e-6)
        assert error[0, k].item() == pytest.approx(abs(found - expected), abs=1e-6)


def corner(height=40, width=60):
    """Two walls that meet in an upright edge at column 30, a quarter turn apart."""
    u = (torch.arange(width, dtype=torch.float64) + 0.5 - 30) / 60
    depth = (2 / (1 + u.abs())).expand(1, 1, height, width).clone()
    intrinsics = torch.tensor([[60.0, 60.0, 30.0, 20.0]], dtype=torch.float64)
    return depth, torch.ones_like(depth, dtype=torch.bool), intrinsics


def test_edges_of_the_normals_guide_across_the_edge():
    depth, mask, intrinsics = corner()
    normals, usable = losses.surface_normals(depth, mask, intrinsics)
    anchors, directions = guides(depth, mask, normals, usable, None)
    columns = anchors[0, 0].nonzero()[:, 1]
    assert columns.min() >= 26
    assert columns.max() <= 33
    assert (directions[0, 0][anchors[0, 0]].abs() > 0.99).all()
    pairs, inside = draw_edge_pairs((anchors, directions), 50, generator(), size=(40, 60))
    assert inside.all()
    column = (pairs % 60).view(50, 3, 2)
    row = (pairs // 60).view(50, 3, 2)
    assert (row == row[:, :1, :1]).all()
    points = torch.cat([column[:, :, 0], column[:, 2:, 1]], 1)
    steps = points.diff(dim=1)
    assert ((steps >= 0).all(1) | (steps <= 0).all(1)).all()
    middle = steps[:, 1].abs()
    assert middle.min() >= 6
    assert middle.max() <= 38


def test_every_second_row_and_column_find_the_same_edge():
    depth, mask, intrinsics = corner()
    guide = sparse_guides(depth, mask, intrinsics, None, window=5, stride=2)
    pairs, inside = draw_edge_pairs(guide, 200, generator(), size=(40, 60))
    column = (pairs % 60)[inside].view(-1, 2)
    assert len(column) > 300
    middle = column[1::3]  # of a, b, c, d the pair b, c: one on either wall, up to two pixels off
    assert ((middle < 33).any(1) & (middle > 26).any(1)).all()


def test_strided_intrinsics_see_the_same_rays():
    intrinsics = torch.tensor([[60.0, 50.0, 30.0, 20.0]], dtype=torch.float64)
    rays = unproject(torch.ones(1, 1, 41, 61, dtype=torch.float64), intrinsics)
    fewer = unproject(torch.ones(1, 1, 14, 21, dtype=torch.float64), strided(intrinsics, 3))
    torch.testing.assert_close(fewer, rays[..., ::3, ::3])


def test_image_edges_guide_too_but_depth_jumps_do_not():
    depth, mask, intrinsics = corner()
    flat = torch.full_like(depth, 2.0)
    image = (torch.arange(40)[:, None] >= 20).double().expand(1, 3, 40, 60)
    normals, usable = losses.surface_normals(flat, mask, intrinsics)
    anchors, directions = guides(flat, mask, normals, usable, image)
    assert set(anchors[0, 0].nonzero()[:, 0].tolist()) == {19, 20}
    assert (directions[0, 1][anchors[0, 0]] > 0.99).all()
    jump = torch.where(torch.arange(40)[:, None] >= 20, flat, 2 * flat)
    normals, usable = losses.surface_normals(jump, mask, intrinsics)
    anchors, _ = guides(jump, mask, normals, usable, image)
    assert not anchors[0, 0, 17:23].any()


def test_rounded_edge_costs_more_than_a_sharp_one():
    depth, mask, intrinsics = corner()
    u = (torch.arange(60, dtype=torch.float64) + 0.5 - 30) / 60
    rounded = (2 / (1 + (u**2 + 0.04).sqrt())).expand_as(depth).clone()
    costs = losses.pairwise_normal(rounded, depth, mask, intrinsics, generator=generator(), number=300)
    assert costs.item() > 0.1
    scaled = losses.pairwise_normal(3 * depth, depth, mask, intrinsics, generator=generator(), number=300)
    assert scaled.item() < 1e-6


def slow_plane_normal(depth, intrinsics, triplets):
    points = points_of(depth, intrinsics).reshape(-1, 3)
    rays = points_of(np.ones_like(depth), intrinsics).reshape(-1, 3)
    normals = []
    for triple in triplets.tolist():
        a, b, c = rays[triple][:, :2]
        sides = np.array([b - a, c - a, c - b])
        lengths = np.linalg.norm(sides, axis=1)
        cosines = (sides @ sides.T) / (np.outer(lengths, lengths) + 1e-12)
        if (np.abs(cosines) > 0.867).sum() > 3 or all((np.abs(sides[:, k]) < 0.007).any() for k in (0, 1)):
            continue
        p, q, r = points[triple]
        n = np.cross(q - p, r - p)
        n /= np.linalg.norm(n)
        normals.append(-n if n @ p > 0 else n)
    mean = np.mean(normals, axis=0)
    mean /= np.linalg.norm(mean)
    return np.mean([1 - n @ mean for n in normals])


def test_plane_normal_as_written():
    depth, _, mask = smooth_scene()
    planes = planes_of(mask)
    triplets, image, total = draw_plane_triplets(planes, mask, 40, 3, generator())
    found = losses.plane_normal(depth, planes, mask, pinhole(), generator=generator(), number=40, smallest=3)
    assert image.tolist() == [0, 0, 1, 1]
    assert total.tolist() == [2, 2]
    each = [
        slow_plane_normal(depth[k, 0].numpy(), pinhole()[k], t) for k, t in zip(image, triplets, strict=True)
    ]
    np.testing.assert_allclose(found.numpy(), [np.mean(each[:2]), np.mean(each[2:])])


def test_plane_triplets_stay_on_their_plane():
    _, _, mask = smooth_scene()
    planes = torch.randint(0, 4, mask.shape, generator=generator())
    planes[0][planes[0] == 2] = 0
    triplets, image, total = draw_plane_triplets(planes, mask, 200, 3, generator())
    assert total.tolist() == [2, 3]
    labels = planes.flatten(1)[image[:, None, None], triplets]
    assert mask.flatten(1)[image[:, None, None], triplets].all()
    assert labels.flatten(1).amin(1).tolist() == [1, 3, 1, 2, 3]
    assert labels.flatten(1).amax(1).tolist() == [1, 3, 1, 2, 3]


def test_true_planes_cost_nothing_and_bent_ones_do():
    mask = torch.ones(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    intrinsics = pinhole(1)
    depth = torch.stack([plane_depth([0.3, 0.6, 0.7], 2.0, intrinsics[0])])[None]
    options = {"generator": generator(), "number": 300, "smallest": 3}
    flat = losses.plane_normal(depth, mask.long(), mask, intrinsics, **options)
    assert flat.item() < 1e-12
    bent = losses.plane_normal(depth**2, mask.long(), mask, intrinsics, **options)
    assert bent.item() > 1e-4


def test_images_without_planes_cost_nothing():
    depth, _, mask = smooth_scene()
    depth.requires_grad_()
    for planes in (torch.zeros_like(mask).long(), planes_of(mask)):
        value = losses.plane_normal(depth, planes, mask, pinhole(), generator=generator(), smallest=1000)
        assert value.tolist() == [0, 0]


def test_randomness_of_triplets_must_be_given():
    with pytest.raises(DataError, match="generator"):
        losses.virtual_normal(*scene(), pinhole())


def test_sobel_as_everybody_knows_it():
    values = torch.rand(1, 2, 4, 5, generator=generator(), dtype=torch.float64)
    right, down = sobel(values)
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate").transpose(0, 1)
    torch.testing.assert_close(right.transpose(0, 1), F.conv2d(padded, kernel[None, None]))
    torch.testing.assert_close(down.transpose(0, 1), F.conv2d(padded, kernel.T[None, None]))
