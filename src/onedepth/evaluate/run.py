"""Predict and score every image of a set by every model, one image in memory at a time."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from onedepth.errors import OneDepthError
from onedepth.evaluate.align import ALIGNMENTS, Fit, align_sequence
from onedepth.evaluate.evidence import UnitWatch
from onedepth.evaluate.loading import Item, fingerprint, load_item
from onedepth.evaluate.models.base import Model, Raster, View
from onedepth.evaluate.protocol import Protocol, accepted
from onedepth.evaluate.scoring import Pair, Score, pair, score
from onedepth.evaluate.table import Table
from onedepth.manifest.record import Record

OnImage = Callable[[], None]
OnPair = Callable[[Model, Record, Item, Pair, dict[str, Score]], None]
Fits = dict[tuple[str, str, str], Fit]
"""Model, alignment, scene -> the one fit of the scene."""


@dataclass
class Outcome:
    """What a run found.

    Attributes:
        table: All numbers.
        data_sha256: Of everything the numbers depend on besides the models, in order.
        failures: Images (with the model, where it is the model's) that an error kept from a number.
        warnings: What looks wrong with the data as a whole, with the evidence.
    """

    table: Table
    data_sha256: str = ""
    failures: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def evaluate(
    records: Sequence[Record],
    models: Sequence[Model],
    protocol: Protocol,
    *,
    on_image: OnImage = lambda: None,
    on_pair: OnPair | None = None,
) -> Outcome:
    """Score models on a set.

    Args:
        records: The images.
        models: Whose kinds the protocol takes.
        protocol: How they are compared with the truth.
        on_image: Called after each image.
        on_pair: Called with each prediction beside its truth and its scores; must not keep the rasters.

    Raises:
        ConfigError: The protocol has no alignment that makes sense for a model's output.
    """
    for model in models:
        accepted(protocol, model.kind)
    outcome = Outcome(Table(protocol.metrics))
    watch, hashed = UnitWatch(protocol), hashlib.sha256()
    with ExitStack() as stack:
        fits: Fits = {}
        if any(ALIGNMENTS[a.name].per_sequence for a in protocol.alignments):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onedepth-eval-")))
            models = [_kept(model, folder / str(index)) for index, model in enumerate(models)]
            fits = _sequence_fits(records, models, protocol)
        for record in records:
            scores = _score_image(record, models, protocol, fits, outcome, watch, on_pair)
            outcome.table.add(record.id, record.scene, scores)
            hashed.update(_fingerprint(record))
            on_image()
    outcome.data_sha256 = hashed.hexdigest()
    outcome.warnings += watch.warnings() + _another_set(outcome.table, protocol)
    return outcome


def _another_set(table: Table, protocol: Protocol) -> list[str]:
    """One line per number of scored images that is not that of the published set."""
    counts: dict[int, dict[str, None]] = {}
    for (model, _), column in table.columns.items():
        numbers = np.array([column.of(name) for name in table.metrics])
        counts.setdefault(int(np.isfinite(numbers).any(axis=0).sum()), {})[model] = None
    if protocol.images is None:
        return []
    return [
        f"{', '.join(models)}: {count} images scored, {protocol.images} in the published set of protocol "
        f"{protocol.name}: numbers do not compare with published ones"
        for count, models in counts.items()
        if count not in (0, protocol.images)
    ]


def _score_image(
    record: Record,
    models: Sequence[Model],
    protocol: Protocol,
    fits: Fits,
    outcome: Outcome,
    watch: UnitWatch,
    on_pair: OnPair | None,
) -> dict[str, dict[str, Score]]:
    try:
        item = load_item(record, protocol)
    except OneDepthError as error:
        outcome.failures[record.id] = str(error)
        return {model.name: _without(protocol, model, str(error)) for model in models}
    watch.see_truth(item.truth)
    found = {}
    for model in models:
        try:
            both = pair(model.predict(item.view), model.kind, item.truth, item.camera, protocol)
            own = {a.name: fits.get((model.name, a.name, record.scene)) for a in protocol.alignments}
            scores = score(both, protocol, {name: fit for name, fit in own.items() if fit is not None})
        except OneDepthError as error:
            outcome.failures[f"{record.id}, {model.name}"] = str(error)
            found[model.name] = _without(protocol, model, str(error))
            continue
        watch.see_prediction(model, both)
        if on_pair is not None:
            on_pair(model, record, item, both, scores)
        found[model.name] = scores
    return found


def _without(protocol: Protocol, model: Model, reason: str) -> dict[str, Score]:
    return {name: Score(reason=f"error: {reason}") for name in accepted(protocol, model.kind)}


def _fingerprint(record: Record) -> bytes:
    """Of a record; of one that cannot be read, its name, for it has no number."""
    try:
        return fingerprint(record)
    except OneDepthError:
        return record.id.encode()


def _sequence_fits(records: Sequence[Record], models: Sequence[Model], protocol: Protocol) -> Fits:
    """Fit what is fitted to whole scenes; predictions are made here and wait on disk."""
    scenes: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        scenes.setdefault(record.scene, []).append(index)
    fits: Fits = {}
    for model in models:
        for name in accepted(protocol, model.kind):
            if ALIGNMENTS[name].per_sequence:
                for scene, indices in scenes.items():
                    frames = _frames([records[index] for index in indices], model, protocol)
                    fits[model.name, name, scene] = align_sequence(
                        name, frames, kind=model.kind, cap=protocol.range.cap
                    )
    return fits


def _frames(records: Sequence[Record], model: Model, protocol: Protocol) -> Iterator[tuple[Raster, Raster]]:
    """Usable pixels of prediction and truth, image by image; those with an error are left to the scoring."""
    for record in records:
        try:
            item = load_item(record, protocol)
            both = pair(model.predict(item.view), model.kind, item.truth, item.camera, protocol)
        except OneDepthError:
            continue
        usable = both.mask & ~both.not_finite & ~both.not_positive
        yield both.prediction[usable], both.truth[usable]


def _kept(model: Model, folder: Path) -> Model:
    """The model, keeping each prediction on disk for the second time it is asked."""
    folder.mkdir()

    def predict(view: View) -> Raster:
        path = folder / f"{hashlib.sha256(view.id.encode()).hexdigest()}.npy"
        if not path.exists():
            np.save(path, model.predict(view))
        values: Raster = np.load(path, allow_pickle=False)
        return values

    return replace(model, predict=predict)
