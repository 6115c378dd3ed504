"""Forward + backward of every loss at 8 x 384 x 512, beside plain loops over images and crops.

    python benchmarks/losses.py [--size 8 384 512] [--repeat 3] [--threads 1] [--cpu-time]

The loops are written as public code is: index the valid pixels of one image (or crop), sort, take means.
Given choices (crops, ranges, pairs) are shared; triplets are drawn by each side. Prints milliseconds, peak
memory above the start, and the ratios (ours / loop). ``--cpu-time`` counts processor time, for machines with
other work.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth import losses
from onedepth.losses.draws import draw_valid
from onedepth.losses.ordinal import draw_pairs

Loss = Callable[[], Tensor]


def per_image(function: Callable[..., Tensor], *maps: Tensor) -> Tensor:
    return torch.stack([function(*(m[k, 0] for m in maps)) for k in range(maps[0].shape[0])])


# The loops: one image or crop at a time.


def loop_silog(p: Tensor, t: Tensor, m: Tensor) -> Tensor:
    d = torch.log(p[m]) - torch.log(t[m])
    return (d**2).mean() - 0.5 * d.mean() ** 2


def loop_gradient(r: Tensor, m: Tensor) -> Tensor:
    total = r.new_zeros(())
    for k in range(4):
        rk, mk = r[:: 2**k, :: 2**k], m[:: 2**k, :: 2**k]
        x = (rk[:, 1:] - rk[:, :-1]).abs()[mk[:, 1:] & mk[:, :-1]].sum()
        y = (rk[1:] - rk[:-1]).abs()[mk[1:] & mk[:-1]].sum()
        total = total + (x + y) / mk.sum()
    return total


def loop_normalise(values: Tensor) -> Tensor:
    values = values - values.median()
    return values / values.abs().mean().clamp_min(1e-6)


def loop_mse(p: Tensor, t: Tensor, m: Tensor) -> Tensor:
    d, truth = p[m], t[m]
    a00, a01, a11, b0, b1 = (d * d).sum(), d.sum(), m.sum(), (d * truth).sum(), truth.sum()
    det = a00 * a11 - a01 * a01
    s, shift = (a11 * b0 - a01 * b1) / det, (-a01 * b0 + a00 * b1) / det
    return 0.5 * ((s * d + shift - truth) ** 2).mean()


def loop_mae(p: Tensor, t: Tensor, m: Tensor) -> Tensor:
    return 0.5 * (loop_normalise(p[m]) - loop_normalise(t[m])).abs().mean()


def loop_trim(p: Tensor, t: Tensor, m: Tensor) -> Tensor:
    r = (loop_normalise(p[m]) - loop_normalise(t[m])).abs().sort().values
    return r[: int(0.8 * len(r))].sum() / (2 * len(r))


def loop_ssi_gradient(p: Tensor, t: Tensor, m: Tensor) -> Tensor:
    r = torch.zeros_like(p)
    r[m] = loop_normalise(p[m]) - loop_normalise(t[m])
    return loop_gradient(r, m)


def loop_si_mse(p: Tensor, t: Tensor, m: Tensor) -> Tensor:
    d, truth = p[m], t[m]
    return 0.5 * (((d * truth).sum() / (d * d).sum() * d - truth) ** 2).mean()


def loop_nmg(p: Tensor, t: Tensor, m: Tensor) -> Tensor:
    steps = []
    for k in (2, 8, 32, 64):
        for a, b in (
            ((slice(None), slice(k, None)), (slice(None), slice(None, -k))),
            (slice(k, None), slice(None, -k)),
        ):
            both = m[a] & m[b]
            steps.append(((p[a] - p[b])[both], (t[a] - t[b])[both]))
    s = sum(y.abs().sum() for _, y in steps) / sum(x.abs().sum() for x, _ in steps)
    return torch.stack([(s * x - y).abs().mean() for x, y in steps]).sum()


def loop_crops(p: Tensor, t: Tensor, m: Tensor, crops: Tensor) -> Tensor:
    terms = []
    for left, top, width, height in crops.tolist():
        window = slice(top, top + height), slice(left, left + width)
        valid = m[window]
        if valid.any():
            terms.append((loop_normalise(t[window][valid]) - loop_normalise(p[window][valid])).abs().mean())
    return torch.stack(terms).mean()


def loop_ranges(p: Tensor, t: Tensor, m: Tensor, ranges: Tensor) -> Tensor:
    low, high = t[m].min(), t[m].max()
    terms = []
    for a, b in ranges:
        chosen = m & (t >= low + a * (high - low)) & (t <= low + b * (high - low))
        if chosen.any():
            terms.append((loop_normalise(t[chosen]) - loop_normalise(p[chosen])).abs().mean())
    return torch.stack(terms).mean()


def loop_points(z: Tensor, k: Tensor) -> Tensor:
    v, u = torch.meshgrid(torch.arange(z.shape[0]) + 0.5, torch.arange(z.shape[1]) + 0.5, indexing="ij")
    return torch.stack([(u - k[2]) / k[0] * z, (v - k[3]) / k[1] * z, z], -1).reshape(-1, 3)


def loop_virtual_normal(p: Tensor, t: Tensor, m: Tensor, k: Tensor, ratio: float = 0.2) -> Tensor:
    ours, theirs = loop_points(p, k), loop_points(t, k)
    valid = m.flatten().nonzero()[:, 0]
    number = int(ratio * p.numel())
    pick = torch.stack([valid[torch.randperm(len(valid))[:number]] for _ in range(3)], 1)
    a, b = theirs[pick], ours[pick]
    sides = torch.stack([a[:, 1] - a[:, 0], a[:, 2] - a[:, 0], a[:, 2] - a[:, 1]], 1)
    length = sides.norm(dim=2, keepdim=True)
    cosine = (sides @ sides.transpose(1, 2)) / (length @ length.transpose(1, 2) + 1e-8)
    bad = ((cosine.abs() > 0.867).flatten(1).sum(1) > 3) | (sides.abs() < 0.005).any(1).all(1)
    normals = []
    for points in (a[~bad], b[~bad]):
        n = torch.linalg.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
        normals.append(n / n.norm(dim=1, keepdim=True).clamp_min(1e-8))
    error = (normals[0] - normals[1]).abs().sum(1).sort().values
    return error[int(0.25 * len(error)) :].mean()


def loop_local_normals(z: Tensor, k: Tensor) -> Tensor:
    """Least squares on 5 x 5 windows of points through the normal equations, as LeReS does."""
    points = loop_points(z, k).reshape(*z.shape, 3).permute(2, 0, 1)[None]
    windows = F.unfold(points, 5, padding=2).reshape(3, 25, -1).permute(2, 1, 0)
    gram = windows.transpose(1, 2) @ windows + 1e-6 * torch.eye(3)
    return F.normalize(torch.linalg.solve(gram, windows.sum(1)), dim=1)


def loop_pairwise_normal(p: Tensor, t: Tensor, m: Tensor, k: Tensor, number: int = 6000) -> Tensor:
    ours, theirs = loop_local_normals(p, k), loop_local_normals(t, k).detach()
    valid = m.flatten().nonzero()[:, 0]
    pairs = valid[torch.randint(len(valid), (number, 2))]
    cosine = [(n[pairs[:, 0]] * n[pairs[:, 1]]).sum(1).abs() for n in (ours, theirs)]
    return (cosine[0] - cosine[1]).abs().mean()


def loop_planes(p: Tensor, planes: Tensor, m: Tensor, k: Tensor, number: int = 5000) -> Tensor:
    points, terms = loop_points(p, k), []
    for label in planes.unique():
        place = ((planes == label) & m).flatten().nonzero()[:, 0]
        a = points[place[torch.randint(len(place), (number, 3))]]
        n = F.normalize(torch.linalg.cross(a[:, 1] - a[:, 0], a[:, 2] - a[:, 0]), dim=1)
        n = torch.where((n * a[:, 0]).sum(1, keepdim=True) > 0, -n, n)
        terms.append((1 - n @ F.normalize(n.mean(0), dim=0)).mean())
    return torch.stack(terms).mean()


def loop_ranking(p: Tensor, pairs: Tensor, relation: Tensor) -> Tensor:
    z = p.flatten()
    d = z[pairs[:, 0]] - z[pairs[:, 1]]
    return torch.cat([torch.log(1 + torch.exp(-(d * relation)[relation != 0])), d[relation == 0] ** 2]).mean()


def loop_downsampled(p: Tensor, t: Tensor, m: Tensor) -> Tensor:
    return (torch.log(F.avg_pool2d(p[None, None], 4)[0, 0][m]) - torch.log(t[m])).abs().mean()


def loop_affinity(x: Tensor, y: Tensor) -> Tensor:
    terms = []
    for a, b in zip(x, y, strict=True):
        a, b = (F.adaptive_max_pool2d(v, (32, 32)).flatten(1) for v in (a, b))
        a, b = (v / (v.norm(dim=0, keepdim=True) + 1e-8) for v in (a, b))
        terms.append(((a.T @ a - b.T @ b) ** 2).sum() / 1024**2)
    return torch.stack(terms)


def loop_ssim(x: Tensor, y: Tensor) -> Tensor:
    x, y = F.pad(x, (1, 1, 1, 1), mode="reflect"), F.pad(y, (1, 1, 1, 1), mode="reflect")
    pool = torch.nn.AvgPool2d(3, 1)
    mx, my = pool(x), pool(y)
    sx, sy, sxy = pool(x**2) - mx**2, pool(y**2) - my**2, pool(x * y) - mx * my
    n = (2 * mx * my + 0.01**2) * (2 * sxy + 0.03**2)
    return torch.clamp((1 - n / ((mx**2 + my**2 + 0.01**2) * (sx + sy + 0.03**2))) / 2, 0, 1)


def loop_reprojection(target: Tensor, warped: Tensor, sources: Tensor) -> Tensor:
    def error(a: Tensor) -> Tensor:
        colour = torch.sqrt((a - target) ** 2 + 0.001**2)
        return 0.85 * loop_ssim(a, target).mean(1, True) + 0.15 * colour.mean(1, True)

    candidates = [error(v[:, s]) for v in (sources, warped) for s in range(v.shape[1])]
    return torch.min(torch.cat(candidates, 1), dim=1).values.mean((1, 2))


def loop_smoothness(d: Tensor, image: Tensor) -> Tensor:
    def gradient(v: Tensor) -> tuple[Tensor, Tensor]:
        return v[:, :, 1:] - v[:, :, :-1], v[:, :, :, 1:] - v[:, :, :, :-1]

    d = d / (d.mean(2, True).mean(3, True) + 1e-7)
    first, edges = gradient(d), gradient(image)
    bends = [*first, *gradient(first[0]), *gradient(first[1])]
    steps = [*edges, *gradient(edges[0]), *gradient(edges[1])]
    terms = [
        (b.abs() * torch.exp(-0.5 * e.abs().mean(1, True))).mean((1, 2, 3))
        for b, e in zip(bends, steps, strict=True)
    ]
    return torch.stack(terms).sum(0)


def loop_warp(source: Tensor, depth: Tensor, pose: Tensor, k: Tensor) -> Tensor:
    height, width = depth.shape[-2:]
    out = []
    for b in range(depth.shape[0]):
        points = loop_points(depth[b, 0], k[b]).T
        points = torch.cat([points, torch.ones_like(points[:1])])
        x, y, z = (pose[b] @ points)[:3]
        u, v = k[b, 0] * x / (z + 1e-7) + k[b, 2], k[b, 1] * y / (z + 1e-7) + k[b, 3]
        grid = torch.stack([2 * u / width - 1, 2 * v / height - 1], -1).reshape(1, height, width, 2)
        out.append(F.grid_sample(source[b : b + 1], grid, padding_mode="border", align_corners=False))
    return torch.cat(out)


def table(batch: int, height: int, width: int) -> tuple[dict[str, tuple[Loss, Loss]], Tensor]:
    """Pairs of (ours, loop) by name, and the leaf all of them differentiate."""
    random = torch.Generator().manual_seed(0)

    def rand(*shape: int) -> Tensor:
        return torch.rand(shape, generator=random)

    size = (height, width)
    coarse = F.interpolate(rand(batch, 1, height // 32, width // 32), size, mode="bilinear")
    t = 1 + 4 * coarse + 0.02 * rand(batch, 1, *size)
    p = (t * (0.9 + 0.2 * rand(batch, 1, *size))).requires_grad_()
    m = rand(batch, 1, *size) < 0.9
    k = torch.tensor([[0.8 * width, 0.8 * width, width / 2, height / 2]] * batch)
    image, sources, other = rand(batch, 3, *size), rand(batch, 2, 3, *size), rand(batch, 64, 48, 64)
    planes = (rand(1, 1, height // 64, width // 64) * 8).long() + 1
    planes = F.interpolate(planes.float(), size, mode="nearest").long().expand(batch, 1, *size)
    low, low_mask = losses.downsample(t, m, 4)
    crops = losses.draw_crops(batch, *size, generator=random)
    ranges = torch.tensor([[0.05 * i, 0.05 * i + 0.5] for i in range(10)]).expand(batch, 10, 2)
    pairs, relation, _ = draw_pairs(t, m, 5000, 0.02, random)
    pose = losses.pose_matrix(torch.full((batch, 3), 0.02), torch.full((batch, 3), 0.1))
    number = int(0.2 * height * width)

    def features() -> Tensor:
        return F.interpolate(p, (48, 64)) * other

    def warped() -> Tensor:
        return sources * p.unsqueeze(1).clamp(0, 1)

    def triplets() -> Tensor:
        return draw_valid(m.flatten(1), 3 * number, random).reshape(batch, number, 3)

    def image_loop(function: Callable[..., Tensor], *extra: Tensor) -> Loss:
        return lambda: torch.stack(
            [function(p[b, 0], t[b, 0], m[b, 0], *(e[b] for e in extra)) for b in range(batch)]
        )

    rows: dict[str, tuple[Loss, Loss]] = {
        "silog": (lambda: losses.silog(p, t, m), image_loop(loop_silog)),
        "log_gradient": (
            lambda: losses.log_gradient(p, t, m),
            lambda: per_image(lambda a, b, c: loop_gradient(torch.log(a) - torch.log(b), c), p, t, m),
        ),
        "random_proposals (grid 32)": (
            lambda: losses.random_proposals(p, t, m, crops=crops),
            image_loop(loop_crops, crops),
        ),
        "random_proposals (exact)": (
            lambda: losses.random_proposals(p, t, m, crops=crops, grid=None),
            image_loop(loop_crops, crops),
        ),
        "random_ranges (stride 2)": (
            lambda: losses.random_ranges(p, t, m, ranges=ranges),
            image_loop(loop_ranges, ranges),
        ),
        "random_ranges (exact)": (
            lambda: losses.random_ranges(p, t, m, ranges=ranges, stride=1),
            image_loop(loop_ranges, ranges),
        ),
        "virtual_normal": (
            lambda: losses.virtual_normal(p, t, m, k, triplets=triplets()),
            image_loop(loop_virtual_normal, k),
        ),
        "pairwise_normal": (
            lambda: losses.pairwise_normal(p, t, m, k, image=image, generator=random),
            image_loop(loop_pairwise_normal, k),
        ),
        "plane_normal": (
            lambda: losses.plane_normal(p, planes, m, k, generator=random),
            lambda: torch.stack([loop_planes(p[b, 0], planes[b, 0], m[b, 0], k[b]) for b in range(batch)]),
        ),
        "whole_image": (
            lambda: losses.whole_image(p, t, m),
            lambda: 2 * per_image(loop_mae, p, t, m),
        ),
        "ssi_mse": (lambda: losses.ssi_mse(p, t, m), image_loop(loop_mse)),
        "ssi_mae": (lambda: losses.ssi_mae(p, t, m), image_loop(loop_mae)),
        "ssi_trim": (lambda: losses.ssi_trim(p, t, m), image_loop(loop_trim)),
        "ssi_gradient": (lambda: losses.ssi_gradient(p, t, m), image_loop(loop_ssi_gradient)),
        "si_mse": (lambda: losses.si_mse(p, t, m), image_loop(loop_si_mse)),
        "normalised_gradient": (lambda: losses.normalised_gradient(p, t, m), image_loop(loop_nmg)),
        "ranking": (
            lambda: losses.ranking(p, pairs, relation),
            lambda: torch.stack([loop_ranking(p[b, 0], pairs[b], relation[b]) for b in range(batch)]),
        ),
        "downsampled_high": (
            lambda: losses.downsampled_high(p, low, low_mask),
            lambda: torch.stack([loop_downsampled(p[b, 0], low[b, 0], low_mask[b, 0]) for b in range(batch)]),
        ),
        "affinity_distillation": (
            lambda: losses.affinity_distillation(features(), other),
            lambda: loop_affinity(features(), other),
        ),
        "minimum_reprojection": (
            lambda: losses.minimum_reprojection(image, warped(), sources),
            lambda: loop_reprojection(image, warped(), sources),
        ),
        "inverse_warp": (
            lambda: losses.inverse_warp(image, p, pose, k)[0],
            lambda: loop_warp(image, p, pose, k),
        ),
        "smoothness": (lambda: losses.smoothness(p, image), lambda: loop_smoothness(p, image)),
    }
    return rows, p


def peak_reset() -> int:
    """Give freed memory back, restart the kernel's peak counter, and return the resident bytes now."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def resident(field: str) -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(x for x in status.read_text().splitlines() if x.startswith(field))
    return int(line.split()[1]) * 1024


def measure(
    sides: tuple[Loss, Loss], leaf: Tensor, repeat: int, clock: Callable[[], float]
) -> list[tuple[float, float, float]]:
    """Milliseconds (median), peak MB and mean value of both sides, taken in turns."""
    times: list[list[float]] = [[], []]
    peaks, values = [0, 0], [0.0, 0.0]
    for _ in range(repeat + 1):  # the first round warms up
        for side, loss in enumerate(sides):
            leaf.grad = None
            start_memory = peak_reset()
            start = clock()
            value = loss().mean()
            value.backward()
            times[side].append((clock() - start) * 1e3)
            peaks[side] = max(peaks[side], resident("VmHWM") - start_memory)
            values[side] = value.item()
    return [(statistics.median(times[s][1:]), peaks[s] / 2**20, values[s]) for s in (0, 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=3, default=(8, 384, 512), metavar=("B", "H", "W"))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(f"$ python {' '.join(sys.argv)}")
    print(f"{platform.machine()} {platform.system()}, {options.threads} threads, torch {torch.__version__}")
    print(
        f"{'loss':28s}{'ours':>9s}{'loop':>9s}{'ratio':>7s}   {'ours':>8s}{'loop':>8s}{'ratio':>7s}   values"
    )
    clock = time.process_time if options.cpu_time else time.perf_counter
    rows, leaf = table(*options.size)
    for name, sides in rows.items():
        if options.only and not any(word in name for word in options.only):
            continue
        (ms, mb, value), (loop_ms, loop_mb, loop_value) = measure(sides, leaf, options.repeat, clock)
        print(
            f"{name:28s}{ms:6.0f} ms{loop_ms:6.0f} ms{ms / loop_ms:7.2f}   {mb:5.0f} MB{loop_mb:5.0f} MB"
            f"{mb / max(loop_mb, 1):7.2f}   {value:.4f} {loop_value:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
