"""Descriptions of models that are not ours, as YAML: what goes in, what comes out, and what it means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from onedepth.depthmap import Kind
from onedepth.evaluate.strict import Strict

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Three = tuple[float, float, float]
Filter = Literal[
    "pil-nearest",
    "pil-bilinear",
    "pil-bicubic",
    "pil-lanczos",
    "cv2-nearest",
    "cv2-linear",
    "cv2-area",
    "cv2-cubic",
]


class Side(Strict):
    """A network size that keeps the photo's aspect.

    Attributes:
        side: Which side is set.
        pixels: To how many pixels.
        multiple: Both sides become the nearest multiple of it.
    """

    side: Literal["longer", "shorter"]
    pixels: Count
    multiple: Count

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height for a photo."""
        scale = self.pixels / (max if self.side == "longer" else min)(width, height)
        wide, high = (
            max(1, round(extent * scale / self.multiple)) * self.multiple for extent in (width, height)
        )
        return wide, high


class Input(Strict):
    """The image input of a graph.

    Attributes:
        name: Of the graph's input.
        layout: Order of its axes.
        channels: RGB or BGR.
        size: [width, height], or a rule that keeps the aspect, or null for the photo's own size.
        resize: Library and filter; they differ visibly (the ones of PIL smooth when they shrink).
        divide: Pixels are divided by this first.
        mean: Then subtracted, per channel in the order of `channels`.
        std: Then divided by.
        dtype: Of the input.
    """

    name: str
    layout: Literal["NCHW", "NHWC", "CHW", "HWC"]
    channels: Literal["RGB", "BGR"]
    size: tuple[Count, Count] | Side | None
    resize: Filter
    divide: Positive
    mean: Three
    std: tuple[Positive, Positive, Positive]
    dtype: Literal["float32", "uint8"] = "float32"


class Focal(Strict):
    """A focal length input.

    Attributes:
        name: Of the graph's input.
        form: The two focal lengths [fx, fy], their geometric mean [f], or the 3x3 matrix, first axis 1.
        at: Whether it is that of the photo or of the resized image.
    """

    name: str
    form: Literal["fx,fy", "f", "matrix"]
    at: Literal["photo", "network"]


class Output(Strict):
    """The output of a graph.

    Attributes:
        name: Of the graph's output; null for its only one.
        quantity: Depth or disparity (inverse depth); what is `affine_disparity` is disparity.
        scale: Numbers times this are metres (or 1/metres, or units).
        canonical_focal: The graph answers for this focal length at network size; depth is multiplied by the
            photo's own over it. Null where the graph takes the focal length itself or none.
    """

    name: str | None = None
    quantity: Literal["depth", "disparity"]
    scale: Positive
    canonical_focal: Positive | None = None


class OnnxAdapter(Strict):
    """An ONNX file of somebody else.

    Attributes:
        type: `onnx`.
        name: In tables.
        kind: What the output is known up to.
        file: The ONNX file, relative to this description; `--model DESCRIPTION=FILE` comes before it.
        input: The image input.
        focal: The focal length input, if there is one.
        output: The output.
        source: Where it comes from, and under which licence.
    """

    type: Literal["onnx"]
    name: str
    kind: Kind
    file: str | None = None
    input: Input
    focal: Focal | None = None
    output: Output
    source: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> OnnxAdapter:
        if self.kind == "affine_disparity" and self.output.quantity != "disparity":
            raise ValueError("output.quantity: kind affine_disparity is disparity; depth would be `scaled`")
        if self.output.canonical_focal is not None and self.kind != "metric":
            raise ValueError("output.canonical_focal: gives metres, so kind must be metric")
        return self


class TransformersAdapter(Strict):
    """A depth model of `transformers`, where its kind cannot be read from its configuration.

    Attributes:
        type: `transformers`.
        name: In tables.
        kind: What its output is known up to.
        quantity: Depth or disparity.
        folder: Of the weights, relative to this description; `--model DESCRIPTION=FOLDER` comes before it.
    """

    type: Literal["transformers"]
    name: str
    kind: Kind
    quantity: Literal["depth", "disparity"]
    folder: str | None = None


class PredictionsAdapter(Strict):
    """A folder of predictions of another program.

    Attributes:
        type: `predictions`.
        name: In tables.
        kind: Of the maps, which do not say it themselves.
        steps: Steps per metre (or unit), a number or a name such as `mm`; 1 where numbers are metres.
        quantity: Depth, or disparity (1/metres times `steps`); affine disparity is disparity anyhow.
        folder: Relative to this description; `--model DESCRIPTION=FOLDER` comes before it.
    """

    type: Literal["predictions"]
    name: str
    kind: Kind
    steps: Positive | str
    quantity: Literal["depth", "disparity"] = "depth"
    folder: str | None = None


Adapter = OnnxAdapter | TransformersAdapter | PredictionsAdapter
ADAPTER: TypeAdapter[Adapter] = TypeAdapter(Annotated[Adapter, Field(discriminator="type")])
