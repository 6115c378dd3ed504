"""Our own models: a model file as users run it, or a checkpoint before it is exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from onedepth.camera import Camera
from onedepth.errors import ModelFileError
from onedepth.evaluate.models.base import Model, Raster, View
from onedepth.predict.modelfile import METADATA_KEY
from onedepth.predict.predictor import load


def open_model_file(spec: str, path: str, device: str) -> Model:
    """A model file (.onnx), predicting as `onedepth predict` does; without a camera it assumes one.

    Raises:
        ModelFileError: It is missing, damaged, or not ours.
    """
    try:
        predictor = load(path, device)
    except ModelFileError as error:
        if _is_foreign(path):
            raise ModelFileError(
                f"{path}: is an ONNX file, but not one of ours; say what goes in and comes out: --model "
                f"DESCRIPTION.yaml={path}, or --model fastdepth={path} with a description that --list names "
                "(docs/evaluation.md)"
            ) from error
        raise

    def predict(view: View) -> Raster:
        depth = predictor.predict(view.pixels, view.camera, map_back=True)
        return np.where(depth.valid, depth.depth, np.float32(np.nan))

    return Model(predictor.source, "metric", spec, (predictor.path,), predict)


def _is_foreign(path: str) -> bool:
    """Whether a file that we cannot open is a sound ONNX file of somebody else."""
    if not Path(path).is_file():
        return False
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except (errors.InvalidProtobuf, errors.InvalidGraph, errors.NotImplemented, errors.Fail):
        return False
    return METADATA_KEY not in session.get_modelmeta().custom_metadata_map


def open_checkpoint(spec: str, path: str, device: str) -> Model:
    """A checkpoint (.safetensors) of `onedepth train`, with its averaged weights where it has them.

    The photo is resized and the metres are computed as the exported file would. Runs on the CPU unless
    `device` is one that torch knows.

    Raises:
        ModelFileError: It is no checkpoint of ours.
        ModuleNotFoundError: Without `onedepth[train]`.
    """
    import torch

    from onedepth.networks import load_checkpoint
    from onedepth.train.export.verify import torch_reference

    network = load_checkpoint(path)

    def predict(view: View) -> Raster:
        height, width = view.pixels.shape[:2]
        camera = view.camera or Camera.assumed(width, height)
        depth = torch_reference(network, torch.from_numpy(view.pixels.copy()), (camera.fx, camera.fy))
        return np.asarray(depth.numpy(), np.float32)

    return Model(Path(path).stem, "metric", spec, (Path(path),), predict)
