"""Standard depth metrics of one image, on valid pixels only."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


def depth_metrics(prediction: Array, truth: Array) -> dict[str, float]:
    """AbsRel, RMSE, log10, SILog and delta 1 to 3 of matching depths.

    Args:
        prediction: (N,) depths in metres, > 0.
        truth: (N,) true depths in metres, > 0; only valid pixels.

    Returns:
        Metric name to value; empty when there is no pixel, because no number is not a perfect number.
    """
    if truth.size == 0:
        return {}
    prediction, truth = prediction.astype(np.float64), truth.astype(np.float64)
    error = prediction - truth
    log_error = np.log(prediction) - np.log(truth)
    ratio = np.maximum(prediction / truth, truth / prediction)
    return {
        "abs_rel": float(np.mean(np.abs(error) / truth)),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "log10": float(np.mean(np.abs(log_error)) / np.log(10.0)),
        "silog": float(np.std(log_error) * 100.0),
        "delta1": float(np.mean(ratio < 1.25)),
        "delta2": float(np.mean(ratio < 1.25**2)),
        "delta3": float(np.mean(ratio < 1.25**3)),
    }
