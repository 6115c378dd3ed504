"""Alignment of a prediction to the truth before it is scored. Always name the one that was used."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


def align_median(prediction: Array, truth: Array) -> Array:
    """Multiply depths by median(truth) / median(prediction), the convention of self-supervised depth.

    Args:
        prediction: (N,) depths, > 0, any unit.
        truth: (N,) true depths in metres, > 0.

    Returns:
        (N,) depths in metres; unchanged when there is no pixel.
    """
    if truth.size == 0:
        return prediction
    aligned: Array = prediction * (np.median(truth) / np.median(prediction))
    return aligned
