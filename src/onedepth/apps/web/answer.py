"""From the bytes of a photo to the bytes of an answer; runs in a thread of the pool."""

from __future__ import annotations

import io
import json
import math
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.apps.summary import summarise
from onedepth.apps.web.errors import RequestError
from onedepth.apps.web.options import DepthOptions
from onedepth.apps.web.pool import GivenUp
from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError, DepthMapError, ImageError, OneDepthError
from onedepth.files.depth_formats import FORMATS, write_depth
from onedepth.files.image_kinds import open_image
from onedepth.files.images import Photo, photo_from
from onedepth.measure.ruler import Ruler
from onedepth.predict.depth_errors import DEFAULT_ERRORS
from onedepth.predict.predictor import Prediction, Predictor

MEDIA_TYPES = {
    "png16": "image/png",
    "npz": "application/x-npz",
    "exr": "image/x-exr",
    "tiff": "image/tiff",
    "pfm": "image/x-portable-floatmap",
    "ply": "application/x-ply",
    "glb": "model/gltf-binary",
    "picture": "image/png",
    "json": "application/json",
}
FACTS_HEADER = "OneDepth-Facts"
"""Header of every answer that is a file: the JSON that `format=json` gives, on one line of ASCII."""

_ENOUGH = 256  # pixels each way for median and range; sorting all would cost a tenth of the network
_UPLOAD = Path("upload")  # how messages call the photo, whatever the client calls it


@dataclass(frozen=True)
class Answer:
    """What a client gets.

    Attributes:
        body: The file.
        media_type: Its type.
        filename: What a browser may call it; never the client's own name.
        facts: The prediction in numbers.
        seconds: Stage -> how long it took.
    """

    body: bytes
    media_type: str
    filename: str
    facts: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


def answer(
    predictor: Predictor,
    data: bytes,
    options: DepthOptions,
    max_pixels: int,
    given_up: GivenUp = lambda: False,
) -> Answer:
    """Decode, predict, encode.

    Args:
        predictor: The model.
        data: The photo.
        options: What the client asked for.
        max_pixels: Largest photo.
        given_up: Asked between the stages; where it says so the rest is left undone.

    Raises:
        OneDepthError: The photo cannot be read or is too large, the camera is impossible, or the format
            cannot hold the result.
        RequestError: The temporary folder cannot be written, or nobody waits any more.
    """
    start = time.perf_counter()
    photo = decode(data, max_pixels)
    decoded = time.perf_counter()
    _go_on(given_up)
    prediction = predictor.predict_view(photo, _camera(photo, options))
    predicted = time.perf_counter()
    _go_on(given_up)
    if not prediction.depth.valid.any():
        raise ImageError("not a single pixel got a depth; check the focal length")
    if options.side is not None:
        prediction = thinned(prediction, options.side)
    facts = _facts(prediction, predictor, options)
    body = json.dumps(facts).encode() if options.format == "json" else _encoded(prediction, options)
    stages = {
        "decode": decoded - start,
        "model": predicted - decoded,
        "encode": time.perf_counter() - predicted,
    }
    ending = ".json" if options.format == "json" else FORMATS[options.format].ending
    return Answer(body, MEDIA_TYPES[options.format], f"depth{ending}", facts, stages)


def _go_on(given_up: GivenUp) -> None:
    if given_up():
        raise RequestError(503, "nobody waits for this answer any more")


def decode(data: bytes, max_pixels: int) -> Photo:
    """Read a photo from memory, as `read_photo` does from a file.

    Raises:
        ImageError: Not an image, damaged, or of more than `max_pixels`, which the header tells.
    """
    image = open_image(io.BytesIO(data), _UPLOAD)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{width}x{height} pixels are more than the limit of {max_pixels / 1e6:.4g} megapixels"
        )
    return photo_from(image)


def thinned(prediction: Prediction, side: int) -> Prediction:
    """The same view, at most `side` pixels each way: the middle one of each block, so no edge is blurred."""
    depth, camera = prediction.depth, prediction.depth.camera
    height, width = depth.shape
    factor = max(width, height) / side
    if factor <= 1:
        return prediction
    columns, rows = (max(1, round(size / factor)) for size in (width, height))
    at = np.ix_(_middles(height, rows), _middles(width, columns))
    assert camera is not None  # a prediction always has one
    small = DepthMap(
        depth.values[at], depth.kind, camera.resize(columns, rows), depth.valid[at], depth.source
    )
    return replace(prediction, depth=small, pixels=np.ascontiguousarray(prediction.pixels[at]))


def _middles(size: int, count: int) -> Any:
    return ((np.arange(count) + 0.5) * (size / count)).astype(np.intp)


def _camera(photo: Photo, options: DepthOptions) -> Camera | None:
    if options.focal is not None:
        return Camera.from_focal(options.focal, *photo.size)
    return None if options.fov is None else Camera.from_fov(options.fov, *photo.size)


def _facts(prediction: Prediction, predictor: Predictor, options: DepthOptions) -> dict[str, Any]:
    """What `format=json` answers: plain numbers and ASCII."""
    depth, camera = prediction.depth, prediction.depth.camera
    assert camera is not None  # a prediction always has one
    summary = summarise(thinned(prediction, _ENOUGH))
    facts: dict[str, Any] = {
        "width": depth.shape[1],
        "height": depth.shape[0],
        "kind": summary.kind,
        "unit": depth.unit,
        "near": _rounded(summary.near),
        "median": _rounded(summary.median),
        "far": _rounded(summary.far),
        "camera": {
            **{name: _rounded(getattr(camera, name)) for name in ("fx", "fy", "cx", "cy")},
            "focal_source": camera.focal_source,
            "focal_uncertainty": _rounded(camera.focal_uncertainty),
        },
        "photo": {"width": prediction.photo.size[0], "height": prediction.photo.size[1]},
        "notes": list(summary.notes),
        "model": predictor.source,
    }
    if options.point:
        facts["points"] = [_point(depth, x, y) for x, y in options.points()]
    if len(options.point) == 2 and depth.kind == "metric":
        facts["length"] = _length(prediction, predictor, options.points())
    return facts


def _point(depth: DepthMap, x: float, y: float) -> dict[str, Any]:
    height, width = depth.shape
    if not (x < width and y < height):
        raise ImageError(f"point {x:g},{y:g} lies outside the {width}x{height} map")
    row, column = math.floor(y), math.floor(x)
    found: dict[str, Any] = {"x": x, "y": y, "depth": None, "xyz": None}
    if depth.valid[row, column]:
        z = float(depth.values[row, column])
        found["depth"] = _rounded(z)
        if depth.kind != "affine_disparity" and depth.camera is not None:
            xyz = depth.camera.unproject([[x, y]], [z])[0]
            found["xyz"] = [_rounded(float(value)) for value in xyz]
    return found


def _length(prediction: Prediction, predictor: Predictor, ends: list[tuple[float, float]]) -> dict[str, Any]:
    """The length between two points with its uncertainty, or why there is none."""
    ruler = Ruler(prediction.depth, predictor.info.depth_errors or DEFAULT_ERRORS)
    first, second = ((math.floor(x), math.floor(y)) for x, y in ends)
    try:
        length = ruler.distance(first, second)
    except DepthMapError as error:
        return {"metres": None, "uncertainty": None, "reason": str(error)}
    return {"metres": _rounded(length.metres), "uncertainty": _rounded(length.uncertainty), "reason": None}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _encoded(prediction: Prediction, options: DepthOptions) -> bytes:
    """The result as a file: the writers want one, so it gets a name of ours in a folder of ours, briefly."""
    extra: dict[str, Any] = {}
    if options.format in ("ply", "glb"):
        extra["image"] = prediction.pixels
        if options.vertices is not None:
            extra["max_vertices"] = options.vertices
    if options.format == "picture":
        extra |= {"colormap": options.colormap, "bar": options.bar}
    with tempfile.TemporaryDirectory(prefix="onedepth-") as folder:
        path = Path(folder) / f"depth{FORMATS[options.format].ending}"
        try:
            write_depth(prediction.depth, path, options.format, **extra)
        except OneDepthError as error:
            if isinstance(error.__cause__, OSError):  # a full disk is no fault of the client's
                text = "the server cannot write its temporary files"
                raise RequestError(503, text, {"Retry-After": "30"}) from error
            raise DepthFileError(str(error).replace(str(path), path.name)) from error
        return path.read_bytes()
