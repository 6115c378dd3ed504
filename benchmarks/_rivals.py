"""The rivals of throughput.py, each in a process of its own: `python _rivals.py NAME PHOTOS OUT`.

All do one job: decode every photo, predict, resize the depth to the photo's size, write a 16-bit PNG. They
get the overlap of decoding, inference and encoding that onedepth has, so that only the network differs.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from _machine import SHARED
from numpy.typing import NDArray

FASTDEPTH_FILE = SHARED / "peers" / "fastdepth_nyu.onnx"
FASTDEPTH, DEPTH_ANYTHING = "fastdepth", "depth-anything-v2-small"

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def fastdepth() -> Predict:
    """FastDepth (Wofk et al. 2019) as an ONNX file: the photo stretched to 224x224, metres out."""
    import onnxruntime

    session = onnxruntime.InferenceSession(FASTDEPTH_FILE, providers=["CPUExecutionProvider"])

    def predict(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        small = cv2.resize(rgb, (224, 224), interpolation=cv2.INTER_AREA)
        (depth,) = session.run(None, {"image": small.transpose(2, 0, 1)[None].astype(np.float32) / 255})
        return np.asarray(depth[0, 0], np.float32)

    return predict


def depth_anything_v2_small() -> Predict:
    """The architecture of Depth Anything V2 Small (Yang et al. 2024) with random weights: for speed only.

    Its own processing: shorter side to about 518, aspect kept, multiples of 14, bicubic, ImageNet statistics.
    """
    import torch
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(
        hidden_size=384,
        num_attention_heads=6,
        image_size=518,
        patch_size=14,
        out_indices=[3, 6, 9, 12],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    network = DepthAnythingForDepthEstimation(DepthAnythingConfig(backbone_config=backbone)).eval()
    mean, spread = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])

    @torch.inference_mode()
    def predict(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        scale = 518 / min(rgb.shape[:2])
        height, width = (round(side * scale / 14) * 14 for side in rgb.shape[:2])
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
        pixels = ((small / np.float32(255) - mean) / spread).transpose(2, 0, 1)[None]
        return network(torch.from_numpy(np.ascontiguousarray(pixels))).predicted_depth[0].numpy()

    return predict


RIVALS: dict[str, Callable[[], Predict]] = {
    FASTDEPTH: fastdepth,
    DEPTH_ANYTHING: depth_anything_v2_small,
}


def read(path: Path) -> NDArray[np.uint8]:
    """A photo as RGB."""
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def write(depth: NDArray[np.float32], size: tuple[int, int], path: Path) -> None:
    """Write millimetres as a 16-bit PNG of the photo's (width, height)."""
    full = cv2.resize(depth, size, interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(path), np.clip(full * 1000, 0, 65535).astype(np.uint16))


def main() -> None:
    name, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    predict = RIVALS[name]()
    paths = sorted(folder.iterdir())
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        pending = reader.submit(read, paths[0])
        for path, following in zip(paths, [*paths[1:], None], strict=True):
            photo = pending.result()
            if following is not None:
                pending = reader.submit(read, following)
            size = (photo.shape[1], photo.shape[0])
            writer.submit(write, predict(photo), size, out / f"{path.stem}.png")


if __name__ == "__main__":
    main()
