"""What makes two depth numbers comparable, as a record: nothing in it has a default that nobody stated."""

from __future__ import annotations

import difflib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from onedepth.depthmap import Kind
from onedepth.errors import ConfigError
from onedepth.evaluate.align import ALIGNMENTS
from onedepth.evaluate.align.fit import Space
from onedepth.evaluate.crops import Crop
from onedepth.evaluate.metrics import METRICS
from onedepth.evaluate.pooling import POOLED
from onedepth.evaluate.strict import Strict, nearest, parse, read_yaml
from onedepth.manifest.record import LabelKind

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SUFFIXES = (".yaml", ".yml")


class Aligned(Strict):
    """An alignment and the space it is done in; a number without both means nothing.

    Attributes:
        name: One of `onedepth.evaluate.align.ALIGNMENTS`.
        space: Where scale and shift are fitted; must be what the alignment does.
    """

    name: str
    space: Space

    @model_validator(mode="after")
    def _known(self) -> Aligned:
        if self.name not in ALIGNMENTS:
            raise ValueError(f"alignment {self.name!r} is unknown; {nearest(self.name, ALIGNMENTS)}")
        if ALIGNMENTS[self.name].space != self.space:
            raise ValueError(
                f"alignment {self.name!r} is done in {ALIGNMENTS[self.name].space}, not in {self.space}"
            )
        return self


class Range(Strict):
    """Truth that counts, in metres; pixels outside are left out, not clamped.

    Attributes:
        floor: Smallest depth.
        cap: Largest depth.
        ends: Whether depths equal to the two bounds count (`closed`) or not (`open`).
    """

    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cap: Positive
    ends: Literal["closed", "open"]

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.floor >= self.cap:
            raise ValueError(f"floor {self.floor:g} is not below cap {self.cap:g}")
        return self


class Truth(Strict):
    """What predictions are compared with.

    Attributes:
        kinds: Labels that may serve as truth.
        what: How it was measured, such as `one LiDAR sweep` or `improved LiDAR, 11 sweeps`.
    """

    kinds: Annotated[tuple[LabelKind, ...], Field(min_length=1)]
    what: Annotated[str, Field(min_length=1)]


class Unusable(Strict):
    """What becomes of predicted values that are no depth; they never take part in a fit, and are counted.

    Attributes:
        not_finite: NaN, infinite or missing: they count as the cap, are left out (`drop`), or cost the whole
            image its number (`refuse`).
        not_positive: Depths at or below 0: count as the floor, `drop` or `refuse`.
    """

    not_finite: Literal["cap", "drop", "refuse"]
    not_positive: Literal["floor", "drop", "refuse"]


class Protocol(Strict):
    """How predictions are compared with truth.

    Attributes:
        name: As `--protocol` takes it.
        title: For people.
        source: Publication or code it follows.
        images: How many images its authors report on; None where that is open.
        outputs: Kinds of prediction it takes.
        alignments: Each gives a set of numbers; the first is the one that rankings use.
        average: Mean over images of per-image numbers, over all pixels of the set, or over scenes of the
            means over their images.
        range: Truth that counts.
        clamp: Whether predictions are clamped to the range after alignment.
        crop: Windows, applied one after the other; none for the whole frame.
        resize: How predictions reach the truth's size (in the quantity the model puts out); `refuse` takes
            none of another size.
        truth: What predictions are compared with.
        camera: Whether models are told the true camera: it must be known (`required`), is told where it is
            known (`told`), or is kept from them (`withheld`).
        unusable: What becomes of predicted values that are no depth.
        metrics: Names of `onedepth.evaluate.metrics.METRICS`; the first is the one that rankings use.
        notes: What else a reader should know.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    title: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    images: Annotated[int, Field(ge=1)] | None
    outputs: Annotated[tuple[Kind, ...], Field(min_length=1)]
    alignments: Annotated[tuple[Aligned, ...], Field(min_length=1)]
    average: Literal["image", "pixel", "scene"]
    range: Range
    clamp: bool
    crop: tuple[Crop, ...]
    resize: Literal["bilinear", "nearest", "refuse"]
    truth: Truth
    camera: Literal["required", "told", "withheld"]
    unusable: Unusable
    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    notes: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Protocol:
        for name in self.metrics:
            if name not in METRICS:
                raise ValueError(f"metrics: {name!r} is unknown; {nearest(name, METRICS)}")
            if self.average == "pixel" and name not in POOLED:
                raise ValueError(f"metrics: {name!r} cannot be averaged over pixels; {nearest(name, POOLED)}")
            if "camera" in METRICS[name].needs and self.camera != "required":
                raise ValueError(f"metrics: {name!r} needs a camera, so `camera` must be required")
            if beyond := METRICS[name].needs - {"camera"}:
                raise ValueError(f"metrics: {name!r} needs {', '.join(beyond)}, which no manifest holds")
        alignments = tuple(aligned.name for aligned in self.alignments)
        for what, names in (("metrics", self.metrics), ("alignments", alignments)):
            if len(set(names)) < len(names):
                raise ValueError(f"{what}: {list(names)} names one twice")
        return self


def accepted(protocol: Protocol, kind: Kind) -> list[str]:
    """The alignments of a protocol that make sense for a kind of prediction.

    Raises:
        ConfigError: There is none, or the protocol does not take this kind.
    """
    fitting = [a.name for a in protocol.alignments if kind in ALIGNMENTS[a.name].kinds]
    if kind in protocol.outputs and fitting:
        return fitting
    why = _WHY.get(kind, "its alignments make no sense for it")
    names = ", ".join(f"{a.name} in {a.space}" for a in protocol.alignments)
    raise ConfigError(
        f"protocol {protocol.name} aligns by {names} and takes {', '.join(protocol.outputs)}, not {kind}: "
        f"{why}"
    )


_WHY: dict[Kind, str] = {
    "affine_disparity": "disparity known up to scale and shift is no depth and is never treated as one; "
    "choose a protocol that aligns in disparity, such as midas-nyu",
    "scaled": "depth known up to a factor needs an alignment that finds the factor, such as median",
}


def protocol_names() -> list[str]:
    """Names of the protocols that come with the package, sorted."""
    folder = files("onedepth.evaluate").joinpath("protocols")
    return sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(SUFFIXES))


def load_protocol(name: str) -> Protocol:
    """A protocol by name, or from a YAML file.

    Raises:
        ConfigError: There is none of that name, or the file is missing, no YAML, or has a key that is
            unknown, missing or impossible.
    """
    if name.endswith(SUFFIXES):
        return parse(Protocol, read_yaml(Path(name)), name)
    known = protocol_names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose one of {', '.join(known)}"
        raise ConfigError(f"--protocol {name}: unknown; {hint} (or give a YAML file)")
    path = files("onedepth.evaluate").joinpath("protocols", f"{name}.yaml")
    return parse(Protocol, read_yaml(Path(str(path))), f"{name}.yaml")
