"""Our own models: a model file as users run it, or a checkpoint before it is exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from onedepth.camera import Camera
from onedepth.evaluate.models.base import Model, Raster, View
from onedepth.predict.predictor import load


def open_model_file(spec: str, path: str, device: str) -> Model:
    """A model file (.onnx), predicting as `onedepth predict` does; without a camera it assumes one.

    Raises:
        ModelFileError: It is missing, damaged, or not ours.
    """
    predictor = load(path, device)

    def predict(view: View) -> Raster:
        depth = predictor.predict(view.pixels, view.camera, map_back=True)
        return np.where(depth.valid, depth.depth, np.float32(np.nan))

    return Model(predictor.source, "metric", spec, (predictor.path,), predict)


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
