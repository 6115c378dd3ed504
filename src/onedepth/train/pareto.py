"""Pareto mixing: a descent direction common to several objectives (MGDA; Sener & Koltun 2018).

With one data set per objective the inputs differ, so the cheap upper bound on feature gradients does not
hold; this is plain MGDA over full parameter gradients, one backward pass per source (MiDaS, eq. 13).
"""

import torch
from torch import Tensor

_TOLERANCE = 1e-10  # relative to the largest squared norm
_LIMIT = 250  # iterations; the exact method needs a few per objective


def min_norm_weights(gram: Tensor) -> Tensor:
    """Weights on the simplex that minimise the norm of the weighted sum of vectors.

    Wolfe's method (1976) finds the exact point in finitely many steps: it keeps a set of vectors whose
    weights are positive, solves the problem on their affine hull, and lets vectors in and out.

    Args:
        gram: (L, L) inner products of the vectors, symmetric positive semi-definite.

    Returns:
        (L,) weights >= 0 that sum to 1; argmin a of a' G a. Equal ones where a product is not finite.
    """
    g = gram.detach().to("cpu", torch.float64)
    if not g.isfinite().all():
        return torch.full_like(gram[0], 1.0 / len(gram))
    scale = g.diagonal().max().clamp_min(torch.finfo(torch.float64).tiny)
    g = g / scale
    active = [int(g.diagonal().argmin())]
    weights = torch.zeros(len(g), dtype=torch.float64)
    weights[active] = 1.0
    for _ in range(_LIMIT):
        slope = g @ weights
        entering = int(slope.argmin())
        if weights @ slope - slope[entering] <= _TOLERANCE or entering in active:
            break
        active.append(entering)
        weights = _settle(g, weights, active)
    return weights.to(gram)


def _settle(g: Tensor, weights: Tensor, active: list[int]) -> Tensor:
    """Move to the minimum on the affine hull of the active vectors, dropping those whose weight ends at 0."""
    while True:
        best = _affine_minimum(g[active][:, active])
        now = weights[active]
        if (best > 0).all():
            settled = torch.zeros_like(weights)
            settled[active] = best
            return settled
        falling = best < now
        share = torch.where(falling, now / (now - best).clamp_min(1e-300), torch.inf).min().clamp_max(1.0)
        moved = now + share * (best - now)
        weights = torch.zeros_like(weights)
        weights[active] = moved
        gone = active[int(torch.where(best <= 0, moved, torch.inf).argmin())]
        weights[gone] = 0.0
        weights = weights / weights.sum()
        active.remove(gone)


def _affine_minimum(g: Tensor) -> Tensor:
    """Weights that sum to 1, of any sign, with the smallest weighted norm."""
    size = len(g)
    system = torch.ones(size + 1, size + 1, dtype=g.dtype)
    system[:size, :size] = g
    system[size, size] = 0.0
    right = torch.zeros(size + 1, dtype=g.dtype)
    right[size] = 1.0
    # Least squares, because parallel gradients make the system singular.
    solution: Tensor = torch.linalg.lstsq(system, right.unsqueeze(1), driver="gelsd").solution
    return solution[:size, 0]
