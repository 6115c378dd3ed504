"""Run an ONNX file of somebody else as its description says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onedepth.errors import CameraError, ConfigError, ModelFileError
from onedepth.evaluate.models.adapter import Focal, Input, OnnxAdapter, Side
from onedepth.evaluate.models.base import Model, Pixels, Raster, View, depth_of
from onedepth.predict.devices import providers_for

if TYPE_CHECKING:
    import onnxruntime

    from onedepth.camera import Camera

_PIL = {
    "pil-nearest": "NEAREST",
    "pil-bilinear": "BILINEAR",
    "pil-bicubic": "BICUBIC",
    "pil-lanczos": "LANCZOS",
}
_CV2 = {"cv2-nearest": "NEAREST_EXACT", "cv2-linear": "LINEAR", "cv2-area": "AREA", "cv2-cubic": "CUBIC"}


def open_onnx(spec: str, adapter: OnnxAdapter, path: Path, device: str) -> Model:
    """Open the file of a description.

    Raises:
        ModelFileError: It is missing or no ONNX file.
        ConfigError: The description names an input or output that the graph does not have.
    """
    session = _session(path, device)
    inputs, outputs = ({v.name for v in values} for values in (session.get_inputs(), session.get_outputs()))
    named = {adapter.input.name, *([adapter.focal.name] if adapter.focal else [])}
    if named != inputs:
        raise ConfigError(f"{adapter.name}: describes inputs {sorted(named)}, {path} has {sorted(inputs)}")
    output = adapter.output.name
    if output not in outputs and (output is not None or len(outputs) != 1):
        raise ConfigError(f"{adapter.name}: describes output {output!r}, {path} has {sorted(outputs)}")

    def predict(view: View) -> Raster:
        tensor, (width, height) = network_input(view.pixels, adapter.input)
        feed = {adapter.input.name: tensor}
        seen = view.camera.resize(width, height) if view.camera is not None else None
        if adapter.focal is not None:
            feed[adapter.focal.name] = _focal(view, adapter.focal, seen)
        raw = np.squeeze(_answer(session, output, feed, path))
        if raw.ndim != 2:
            raise ModelFileError(f"{path}: put out shape {raw.shape}, expected one map (h, w)")
        return _metres(np.asarray(raw, np.float32), adapter, seen, view)

    return Model(adapter.name, adapter.kind, spec, (path,), predict)


def _answer(
    session: onnxruntime.InferenceSession, output: str | None, feed: dict[str, Any], path: Path
) -> npt.NDArray[Any]:
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    try:
        answer: npt.NDArray[Any] = session.run([output] if output else None, feed)[0]
    except (errors.Fail, errors.InvalidArgument, errors.RuntimeException) as error:
        reason = str(error).splitlines()[0][:200]
        raise ModelFileError(f"{path}: cannot be run as its description says ({reason})") from error
    return answer


def network_input(pixels: Pixels, given: Input) -> tuple[npt.NDArray[Any], tuple[int, int]]:
    """The image as a graph takes it, and its (width, height).

    Args:
        pixels: uint8 (H, W, 3) RGB.
        given: The description.
    """
    height, width = pixels.shape[:2]
    size = given.size.size(width, height) if isinstance(given.size, Side) else given.size or (width, height)
    image = _resized(pixels, size, given.resize)
    if given.channels == "BGR":
        image = image[..., ::-1]
    tensor: npt.NDArray[Any] = image
    if given.dtype == "float32":
        mean, std = (np.asarray(three, np.float32) for three in (given.mean, given.std))
        tensor = (image.astype(np.float32) / np.float32(given.divide) - mean) / std
    if given.layout.endswith("CHW"):
        tensor = tensor.transpose(2, 0, 1)
    if given.layout.startswith("N"):
        tensor = tensor[None]
    return np.ascontiguousarray(tensor), size


def _resized(pixels: Pixels, size: tuple[int, int], method: str) -> Pixels:
    if pixels.shape[1::-1] == size:
        return pixels
    if method in _PIL:
        from PIL import Image

        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling[_PIL[method]]))
    import cv2

    return np.asarray(cv2.resize(pixels, size, interpolation=getattr(cv2, f"INTER_{_CV2[method]}")), np.uint8)


def _focal(view: View, given: Focal, seen: Camera | None) -> npt.NDArray[np.float32]:
    camera = view.camera if given.at == "photo" else seen
    if camera is None:
        raise CameraError(f"{view.id}: has no camera, and the model needs a focal length")
    forms = {"fx,fy": [camera.fx, camera.fy], "f": [camera.focal], "matrix": [camera.matrix]}
    return np.asarray(forms[given.form], np.float32)


def _metres(raw: Raster, adapter: OnnxAdapter, seen: Camera | None, view: View) -> Raster:
    """Numbers of the graph as what the kind promises: depth, or disparity for affine disparity."""
    values = raw * np.float32(adapter.output.scale)
    if adapter.output.quantity == "disparity" and adapter.kind != "affine_disparity":
        values = depth_of(values)
    if adapter.output.canonical_focal is not None:
        if seen is None:
            raise CameraError(
                f"{view.id}: has no camera, and metres of {adapter.name} follow from its focal length"
            )
        values = values * np.float32(seen.focal / adapter.output.canonical_focal)
    return np.asarray(values, np.float32)


def _session(path: Path, device: str) -> onnxruntime.InferenceSession:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; give it as --model DESCRIPTION=FILE")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=providers_for(device))
    except (
        errors.InvalidProtobuf, errors.NoModel, errors.InvalidGraph, errors.InvalidArgument, errors.Fail,
        errors.NotImplemented,
    ) as error:  # fmt: skip
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"{path}: cannot be run as ONNX ({reason[:160]})") from error
