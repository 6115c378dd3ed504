"""Small scenes, and one table of every loss on maps, for the properties all of them share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from onedepth import losses

HEIGHT, WIDTH = 12, 14
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(
    batch: int = 2, height: int = HEIGHT, width: int = WIDTH, seed: int = 0, share: float = 0.85
) -> tuple[Tensor, Tensor, Tensor]:
    """Prediction and target in (1, 4), without ties, and a mask; double precision."""
    random = generator(seed)
    prediction, target = (
        1 + 3 * torch.rand(batch, 1, height, width, generator=random, dtype=torch.float64) for _ in range(2)
    )
    mask = torch.rand(batch, 1, height, width, generator=random) < share
    return prediction, target, mask


def smooth_scene(batch: int = 2, height: int = HEIGHT, width: int = WIDTH) -> tuple[Tensor, Tensor, Tensor]:
    """Two walls that meet in an upright edge: surfaces with normals and edges to speak of."""
    u = torch.arange(width, dtype=torch.float64) + 0.5 - width / 2
    v = torch.arange(height, dtype=torch.float64)[:, None] + 0.5 - height / 2
    slope = torch.arange(1, batch + 1, dtype=torch.float64)[:, None, None]
    target = 1 / (0.4 + 0.02 * slope * u.abs() + 0.004 * v)
    waves = 1 + 0.05 * torch.sin(1.3 * u + 0.7 * v) * torch.cos(0.4 * u * slope)
    mask = torch.rand(batch, height, width, generator=generator(1)) < 0.95
    return (target * waves).unsqueeze(1), target.unsqueeze(1), mask.unsqueeze(1)


def pinhole(batch: int = 2, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """fx and fy differ and the principal point is off centre, so that a swapped axis shows."""
    row = [0.9 * width, 1.3 * height, 0.5 * width + 0.7, 0.5 * height - 0.4]
    return torch.tensor([row] * batch, dtype=torch.float64)


def planes_of(mask: Tensor) -> Tensor:
    """Left half is plane 1, right half plane 2."""
    right = torch.arange(mask.shape[-1]) >= mask.shape[-1] // 2
    return (1 + right.long()).expand(mask.shape)


@dataclass(frozen=True)
class Case:
    name: str
    loss: Loss
    zero_if_equal: bool = True
    smooth: bool = False  # needs surfaces


def _intrinsics(mask: Tensor) -> Tensor:
    return pinhole(*[mask.shape[k] for k in (0, 2, 3)])


def _coarse(loss: Callable[..., Tensor], **options: str) -> Loss:
    def run(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        target, mask = losses.downsample(target, mask, 2)
        return loss(prediction, target, mask, **options)

    return run


def _consistency(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    low, low_mask = losses.downsample(target, mask, 2)
    return losses.consistency(low, prediction, low_mask)


CASES = [
    Case("silog", losses.silog),
    Case("log_gradient", losses.log_gradient),
    Case("multiscale_gradient", losses.multiscale_gradient),
    Case("ssi_mse", losses.ssi_mse),
    Case("ssi_mae", losses.ssi_mae),
    Case("ssi_trim", losses.ssi_trim),
    Case("ssi_gradient", losses.ssi_gradient),
    Case("scale_invariant_log", losses.scale_invariant_log),
    Case("si_mse", losses.si_mse),
    Case("normalised_gradient", losses.normalised_gradient),
    Case("ordinal", lambda p, t, m: losses.ordinal(p, t, m, generator=generator(), number=40), False),
    Case(
        "random_proposals", lambda p, t, m: losses.random_proposals(p, t, m, generator=generator(), number=4)
    ),
    Case(
        "random_proposals_grid",
        lambda p, t, m: losses.random_proposals(p, t, m, generator=generator(), number=6, grid=3),
    ),
    Case("whole_image", losses.whole_image),
    Case(
        "random_ranges",
        lambda p, t, m: losses.random_ranges(p, t, m, generator=generator(), number=3, stride=1),
    ),
    Case(
        "virtual_normal",
        lambda p, t, m: losses.virtual_normal(p, t, m, _intrinsics(m), generator=generator()),
    ),
    Case(
        "pairwise_normal",
        lambda p, t, m: losses.pairwise_normal(
            p,
            t,
            m,
            _intrinsics(m),
            image=t.nan_to_num(1.0).expand(-1, 3, -1, -1),
            generator=generator(),
            number=30,
        ),
        smooth=True,
    ),
    Case(
        "plane_normal",
        lambda p, t, m: losses.plane_normal(
            p, planes_of(m), m, _intrinsics(m), generator=generator(), number=25, smallest=3
        ),
        zero_if_equal=False,
        smooth=True,
    ),
    Case("l1", losses.l1),
    Case("log_l1", losses.log_l1),
    Case("low_resolution", losses.low_resolution),
    Case("downsampled_high", _coarse(losses.downsampled_high), zero_if_equal=False),
    Case(
        "downsampled_high_disparity",
        _coarse(losses.downsampled_high, domain="disparity"),
        zero_if_equal=False,
    ),
    Case("downsampled_high_nearest", _coarse(losses.downsampled_high, mode="nearest"), zero_if_equal=False),
    Case("consistency", _consistency, zero_if_equal=False),
]


def maps(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    return smooth_scene() if case.smooth else scene()
