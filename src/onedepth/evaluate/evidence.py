"""Signs that a truth is in another unit than metres. Never a correction: a warning, with the evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from onedepth.evaluate.models.base import Model, Raster
from onedepth.evaluate.protocol import Protocol
from onedepth.evaluate.scoring import Pair

_UNITS = {100.0: "centimetres", 256.0: "KITTI's steps", 1000.0: "millimetres", 5000.0: "TUM's steps"}
_SUSPECT = 20.0  # ratio of medians that no metric model is wrong by
_NEAR = 1.5  # a ratio this near to a unit's names it
_OUTSIDE = 0.9
_SAMPLE = 20_000


@dataclass
class UnitWatch:
    """Looks at medians of truth and predictions as they pass."""

    protocol: Protocol
    truths: list[float] = field(default_factory=list)
    above: list[float] = field(default_factory=list)
    below: list[float] = field(default_factory=list)
    ratios: dict[str, list[float]] = field(default_factory=dict)

    def see_truth(self, truth: Raster) -> None:
        """Count in the truth of an image (H, W), NaN = not measured."""
        sample = truth.ravel()[:: max(1, truth.size // _SAMPLE)]
        known = sample[np.isfinite(sample) & (sample > 0)]
        if known.size:
            self.truths.append(float(np.median(known)))
            self.above.append(float(np.mean(known > self.protocol.range.cap)))
            self.below.append(float(np.mean(known < self.protocol.range.floor)))

    def see_prediction(self, model: Model, pair: Pair) -> None:
        """Count in the ratio of medians, truth over prediction, of a metric model."""
        if model.kind != "metric":
            return
        both = np.isfinite(pair.truth) & np.isfinite(pair.prediction) & (pair.prediction > 0)
        truth, predicted = pair.truth[both], pair.prediction[both]
        step = max(1, truth.size // _SAMPLE)
        if truth.size:
            ratio = float(np.median(truth[::step]) / np.median(predicted[::step]))
            self.ratios.setdefault(model.name, []).append(ratio)

    def warnings(self) -> list[str]:
        """One line per sign."""
        found = [self._outside()] + [self._ratio(name, ratios) for name, ratios in self.ratios.items()]
        return [line for line in found if line]

    def _outside(self) -> str:
        if not self.truths:
            return ""
        span = self.protocol.range
        for share, what in ((np.mean(self.above), f"above the cap of {span.cap:g} m"),
                            (np.mean(self.below), f"below the floor of {span.floor:g} m")):  # fmt: skip
            if share > _OUTSIDE:
                return (
                    f"truth may not be in metres: {100 * share:.1f} % of it is {what} (median "
                    f"{np.median(self.truths):.4g} over {len(self.truths)} images); check the label's scale"
                )
        return ""

    def _ratio(self, name: str, ratios: list[float]) -> str:
        ratio = float(np.median(ratios))
        if 1 / _SUSPECT < ratio < _SUSPECT:
            return ""
        factor = max(ratio, 1 / ratio)
        unit = next((unit for steps, unit in _UNITS.items() if 1 / _NEAR < factor / steps < _NEAR), "")
        guess = f"; the {'truth' if ratio > 1 else 'prediction'} looks like {unit}" if unit else ""
        blame = "the label's scale" if ratio > 1 else f"the scale of {name} (`steps` of a description)"
        return (
            f"truth or prediction may not be in metres: the truth's median is {ratio:.4g} times that of "
            f"{name} (median over {len(ratios)} images){guess}; check {blame}"
        )
