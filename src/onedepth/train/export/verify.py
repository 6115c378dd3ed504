"""Compare a model file with torch on photos: the whole path, from uint8 pixels to metres at full size."""

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from torch import Tensor
from torch.nn import functional as F

from onedepth.camera import Camera
from onedepth.errors import ModelFileError
from onedepth.networks import DepthNet
from onedepth.networks.config import NetworkConfig, Size
from onedepth.networks.depthnet import canonical_scale
from onedepth.networks.resize import resize
from onedepth.predict.metadata import INPUT_FOCAL, INPUT_IMAGE, OUTPUT_DEPTH
from onedepth.predict.modelfile import open_session
from onedepth.train.export.graph import RESIZED

Pixels = npt.NDArray[np.uint8]
Metres = npt.NDArray[np.float32]

TOLERANCE = 1e-3
"""Largest relative difference of the metres of any pixel.

Two runtimes add float32 numbers in different orders and round the weights of interpolation differently, which
changes metres by 1e-6 to 5e-4, most where depth jumps. A mistake in the graph (pixel centres, filter, focal
length, padding) changes some by 1e-2 and more.
"""

GREY_LEVELS = 2
"""Largest difference of the resized photo. Both runtimes resize uint8 in integers, with 22 and with 15 bits
of weight, and round after each of the two axes, where values half-way between two grey levels may go either
way; a network can amplify that beyond any useful tolerance, therefore the metres are compared from the same
resized photo."""

_SIZES = ((1, 1), (3, 2), (40, 97), (97, 40), (480, 640), (640, 480), (1000, 250), (1600, 1200))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far a model file is from torch on one photo.

    Attributes:
        photo: Name or description of the photo.
        metres: Largest |file - torch| / torch of any pixel.
        grey_levels: Largest difference of the resized photo, in grey levels of 255.
    """

    photo: str
    metres: float
    grey_levels: int

    def within(self, tolerance: float) -> bool:
        """Whether the file may be shipped; a NaN never is."""
        return self.metres <= tolerance and self.grey_levels <= GREY_LEVELS


def torch_reference(network: DepthNet, image: Tensor, focal: tuple[float, float]) -> Tensor:
    """What a model file computes, in torch.

    Args:
        network: In evaluation mode.
        image: uint8 (H, W, 3), RGB.
        focal: (fx, fy) of the image in pixels.

    Returns:
        float32 (H, W), z-depth in metres.
    """
    return metres_from_resized(network, resize_photo(network.config, image, focal), image.shape[:2], focal)


def resize_photo(config: NetworkConfig, image: Tensor, focal: tuple[float, float]) -> Tensor:
    """Resize a uint8 photo (H, W, 3) to the size at which the network sees it, (1, 3, h, w), uint8."""
    width, height = config.input_size(image.shape[1], image.shape[0], math.sqrt(focal[0] * focal[1]))
    return resize(image.permute(2, 0, 1)[None], (height, width))


def metres_from_resized(
    network: DepthNet, resized: Tensor, shape: Sequence[int], focal: tuple[float, float]
) -> Tensor:
    """Run the network on a resized photo, and give metres at the size of the photo.

    Args:
        network: In evaluation mode.
        resized: uint8 (1, 3, h, w).
        shape: (H, W) of the photo.
        focal: (fx, fy) of the photo in pixels.

    Returns:
        float32 (H, W), z-depth in metres.
    """
    height, width = shape
    camera = Camera(width=width, height=height, fx=focal[0], fy=focal[1], cx=width / 2, cy=height / 2)
    seen = torch.tensor([camera.resize(resized.shape[3], resized.shape[2]).focal], dtype=torch.float32)
    with torch.inference_mode():
        canonical = network(resized.float() / 255)
        metres = canonical * canonical_scale(seen, network.config.canonical_focal)
        return resize(metres, (height, width))[0, 0]


def compare(path: Path, network: DepthNet, photos: Sequence[tuple[str, Pixels]]) -> Iterator[Difference]:
    """Run a model file and torch on photos.

    Args:
        path: The model file.
        network: What it was exported from, in evaluation mode.
        photos: Names and pixels, uint8 (H, W, 3).

    Raises:
        ModelFileError: The file cannot be run on a photo, or chooses another input size than torch.
    """
    session, probe = open_session(path, "cpu"), _probe(path)
    for name, pixels in photos:
        focal = (0.9 * max(pixels.shape), 0.8 * max(pixels.shape))
        inputs = {INPUT_IMAGE: pixels, INPUT_FOCAL: np.array(focal, np.float32)}
        try:
            depth: Metres = session.run([OUTPUT_DEPTH], inputs)[0]
            resized: Pixels = probe.run([RESIZED], inputs)[0]
        except (errors.Fail, errors.InvalidArgument, errors.RuntimeException) as error:
            raise ModelFileError(f"{name}: the exported graph cannot be run on it ({error})") from error
        wanted = resize_photo(network.config, torch.tensor(pixels), focal)
        if resized.shape != wanted.shape:
            raise ModelFileError(
                f"{name}: the model file chose input size {resized.shape}, torch {wanted.shape}"
            )
        metres = metres_from_resized(network, torch.from_numpy(resized), pixels.shape[:2], focal).numpy()
        yield Difference(
            photo=name,
            metres=float(np.max(np.abs(depth - metres) / metres)),
            grey_levels=int(np.abs(resized.astype(int) - wanted.numpy()).max()),
        )


def _probe(path: str | os.PathLike[str]) -> ort.InferenceSession:
    """The same graph with one more output: the photo as the network gets it."""
    model = onnx.load(path)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(RESIZED, TensorProto.UINT8, [1, 3, None, None]))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def generated_photos(config: NetworkConfig) -> list[tuple[str, Pixels]]:
    """Textured pictures of many sizes: tiny, tall, wide, large, and every input size itself."""
    sizes = list(itertools.chain(_SIZES, config.input_sizes))
    return [(f"generated {w}x{h}", textured_photo((w, h), seed)) for seed, (w, h) in enumerate(sizes)]


def textured_photo(size: Size, seed: int) -> Pixels:
    """A picture, uint8 (height, width, 3), with structure at all scales: noise of several cell sizes."""
    width, height = size
    generator = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, height, width)
    for octave in range(1, 8):
        cells = tuple(min(side, 2**octave) for side in (height, width))
        noise = torch.rand(1, 3, *cells, generator=generator) - 0.5
        mode = "nearest" if octave % 2 else "bilinear"  # edges as well as slopes
        picture += F.interpolate(noise, (height, width), mode=mode) * 0.7**octave
    pixels: Pixels = (picture[0].permute(1, 2, 0) * 220 + 127).clamp(0, 255).byte().contiguous().numpy()
    return pixels
