"""A slow, obvious twin of the standard metrics: one sum after the other, in the words of the formulas."""

import math
from collections.abc import Iterable

THRESHOLDS = {"delta_1.05": 1.05, "delta_1.10": 1.1, "delta1": 1.25, "delta2": 1.5625, "delta3": 1.953125}


def standard_slowly(prediction: Iterable[float], truth: Iterable[float]) -> dict[str, float]:
    pairs = [(float(z), float(t)) for z, t in zip(prediction, truth, strict=True)]

    def mean(values: Iterable[float]) -> float:
        return math.fsum(values) / len(pairs)

    log_mean = mean(math.log(z / t) for z, t in pairs)
    variance = mean((math.log(z / t) - log_mean) ** 2 for z, t in pairs)
    found = {
        "abs_rel": mean(abs(z - t) / t for z, t in pairs),
        "sq_rel": mean((z - t) ** 2 / t for z, t in pairs),
        "sq_rel_squared": mean((z - t) ** 2 / t**2 for z, t in pairs),
        "mae": mean(abs(z - t) for z, t in pairs),
        "rmse": math.sqrt(mean((z - t) ** 2 for z, t in pairs)),
        "rmse_log": math.sqrt(mean(math.log(z / t) ** 2 for z, t in pairs)),
        "log10": mean(abs(math.log10(z / t)) for z, t in pairs),
        "silog": 100 * math.sqrt(variance),
        "rmse_log_scale_invariant": math.sqrt(variance),
        "imae": mean(abs(1000 / z - 1000 / t) for z, t in pairs),
        "irmse": math.sqrt(mean((1000 / z - 1000 / t) ** 2 for z, t in pairs)),
        "kitti_abs_rel": mean(100 * abs(z - t) / t for z, t in pairs),
        "kitti_sq_rel": mean(100 * (z - t) ** 2 / t**2 for z, t in pairs),
        "bad_1.25": 100 * mean(max(z / t, t / z) > 1.25 for z, t in pairs),
    }
    for name, bound in THRESHOLDS.items():
        found[name] = mean(max(z / t, t / z) < bound for z, t in pairs)
    return found
