"""Is an int8 model good enough? Compare its metres with those of the float model on photos held back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto
from onnxruntime import InferenceSession

from onedepth.predict.metadata import OUTPUT_DEPTH
from onedepth.train.export.calibration import CalibrationPhoto, Inputs
from onedepth.train.export.int8 import session
from onedepth.train.export.verify import Metres

INT8_TOLERANCE = 0.03
"""Largest mean relative difference of metres. 8 bits move those of the shipped network by 1 to 2 percent, a
tenth of its error; twice as much begins to show in AbsRel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Report:
    """How an int8 model compares with the float one.

    Attributes:
        difference: Mean over the photos held back of the mean of |int8 - float| / float.
        worst: Of the photo that differs most.
        worst_photo: Its name.
        calibrated: Photos calibrated on.
        held_back: Photos compared on.
        speed: Seconds of float over seconds of int8 on this machine, one core, photo in memory to metres.
    """

    difference: float
    worst: float
    worst_photo: str
    calibrated: int
    held_back: int
    speed: float

    def within(self, tolerance: float) -> bool:
        """Whether the file may be written; NaN never is within."""
        return self.difference <= tolerance


def compare_int8(
    quantised: ModelProto, model: ModelProto, photos: Sequence[CalibrationPhoto], calibrated: int
) -> Int8Report:
    """Run both models on photos.

    Args:
        quantised: In 8 bits.
        model: In float.
        photos: That `quantised` was not calibrated on, at least one.
        calibrated: How many photos it was calibrated on.
    """
    before, after = session(model), session(quantised)
    differences: list[float] = []
    seconds: list[tuple[float, float]] = []
    for photo in photos:
        inputs = photo.inputs()
        wanted, found = _run(before, inputs)[0], _run(after, inputs)[0]  # the first run of a size is slow
        differences.append(float(np.mean(np.abs(found / wanted - 1), dtype=np.float64)))
        seconds.append((_run(before, inputs)[1], _run(after, inputs)[1]))
    in_float, in_int8 = np.median(seconds, axis=0)
    worst = int(np.argmax(differences))
    return Int8Report(
        difference=float(np.mean(differences)),
        worst=differences[worst],
        worst_photo=photos[worst].name,
        calibrated=calibrated,
        held_back=len(photos),
        speed=float(in_float / in_int8),
    )


def _run(model: InferenceSession, inputs: Inputs) -> tuple[Metres, float]:
    start = time.perf_counter()
    metres: Metres = model.run([OUTPUT_DEPTH], inputs)[0]
    return metres, time.perf_counter() - start
