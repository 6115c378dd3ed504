"""A small world with exact depth, scene folders of it, and recipes that train on them in seconds."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from onedepth.camera import Camera
from onedepth.data.sample import Kind, SourceBatch
from onedepth.networks import NetworkConfig
from onedepth.train.recipe import Recipe

SIZE = (96, 64)  # (width, height) of stored photos
STEP = 0.15  # metres from one frame of a video to the next, to the right
PLAIN = {  # no change of the samples at all
    "zoom": 1.0,
    "whole": 1.0,
    "stretch": 0.0,
    "flip": 0.0,
    "colour": 0.0,
    "blur": 0.0,
    "noise": 0.0,
}
NETWORK = {"encoder": "test_resnet", "canonical_focal": 60.0, "input_sizes": [[64, 64]]}


@dataclass(frozen=True)
class View:
    """What a camera sees: image (H, W, 3) in 0..255 and depth (H, W) in metres."""

    image: np.ndarray
    depth: np.ndarray


def look(camera: Camera, x: float = 0.0, slope: float = 0.4, far: float = 4.0) -> View:
    """See the textured wall z = far + slope * x from a camera at (x, 0, 0) that looks along z."""
    rays = camera.rays().astype(np.float64)
    depth = (far + slope * x) / (1.0 - slope * rays[..., 0])
    place_x, place_y = x + depth * rays[..., 0], depth * rays[..., 1]
    waves = (
        np.sin(3.1 * place_x + 0.7) + np.sin(4.3 * place_y),
        np.sin(2.3 * place_x + 1.9 * place_y),
        np.sin(5.7 * place_x - 2.1 * place_y) + 0.5 * np.sin(1.3 * place_y),
    )
    return View(np.stack([127.5 + 55 * wave for wave in waves], -1), depth)


def camera_of(width: int, height: int, focal: float | None = None) -> Camera:
    focal = width * 0.8 if focal is None else focal
    return Camera(width=width, height=height, fx=focal, fy=focal, cx=width / 2, cy=height / 2)


def write_scene(
    folder: Path, *, frames: int = 4, label: str = "metric", camera: bool = True, video: bool = False
) -> Path:
    """Write a scene folder; `scaled` depth is in an unknown unit, `affine` labels are disparity."""
    folder.mkdir(parents=True)
    lens, unit = camera_of(*SIZE), 0.001
    listed = []
    for i in range(frames):
        view = look(lens, STEP * i, slope=0.4 if video else 0.1 * (i % 5))
        stored = {"metric": view.depth, "scaled": 1.7 * view.depth, "affine": 8.0 / view.depth}[label]
        cv2.imwrite(
            str(folder / f"{i:03d}.jpg"),
            view.image[..., ::-1].astype(np.uint8),
            [cv2.IMWRITE_JPEG_QUALITY, 98],
        )
        cv2.imwrite(str(folder / f"{i:03d}.png"), np.rint(stored / unit).astype(np.uint16))
        intrinsics = {"width": SIZE[0], "height": SIZE[1], "fx": lens.fx, "fy": lens.fy}
        intrinsics |= {"cx": lens.cx - 0.5, "cy": lens.cy - 0.5}
        listed.append({"id": f"{i:03d}", "camera": intrinsics if camera else None})
    scene = {"label": label, "depth_unit_m": unit, "video": video, "frames": listed}
    (folder / "scene.json").write_text(json.dumps(scene))
    return folder


def write_world(root: Path) -> Path:
    """Scene folders for every kind of supervision."""
    write_scene(root / "metric" / "one", frames=12)
    write_scene(root / "scaled" / "one", label="scaled", camera=False)
    write_scene(root / "affine" / "one", label="affine", camera=False)
    write_scene(root / "video" / "one", frames=6, video=True)
    return root


SOURCES: dict[Kind, dict[str, Any]] = {
    "metric": {"name": "metric", "path": "metric"},
    "scaled": {"name": "scaled", "path": "scaled", "kind": "scaled"},
    "affine": {"name": "affine", "path": "affine", "kind": "affine"},
    "coarse": {"name": "coarse", "path": "metric", "kind": "coarse", "factor": 4},
    "video": {"name": "video", "path": "video", "kind": "video"},
}


def recipe_values(*kinds: Kind, **changes: Any) -> dict[str, Any]:
    """A tiny recipe with one source per kind, as plain data."""
    values: dict[str, Any] = {
        "name": "tiny",
        "steps": 6,
        "batch": 4,
        "network": NETWORK,
        "pretrained": False,
        "pose_encoder": "test_resnet",
        "sources": [SOURCES[kind] for kind in kinds or ("metric",)],
        "optimiser": {"lr": 1e-3, "encoder_lr": 1e-3, "warmup": 2},
        "ema": 0.9,
        "validate_every": 0,
        "checkpoint_every": 2,
        "workers": 0,
    }
    return values | changes


def recipe_of(*kinds: Kind, **changes: Any) -> Recipe:
    return Recipe.model_validate(recipe_values(*kinds, **changes))


def config_of(**changes: Any) -> NetworkConfig:
    return NetworkConfig.model_validate(NETWORK | changes)


def batch_of(
    source: str = "metric",
    kind: Kind = "metric",
    number: int = 2,
    size: tuple[int, int] = (64, 64),
    **changes: Any,
) -> SourceBatch:
    """A sub-batch of walls of different slopes, images as float so that nothing is rounded."""
    lens = camera_of(*size)
    views = [look(lens, 0.1 * i, slope=0.1 + 0.1 * i, far=3.0 + i) for i in range(number)]
    depth = torch.tensor(np.stack([v.depth for v in views]), dtype=torch.float32).unsqueeze(1)
    values: dict[str, Any] = {
        "source": source,
        "kind": kind,
        "ids": tuple(f"{source}/{i}" for i in range(number)),
        "image": torch.tensor(np.stack([v.image for v in views]), dtype=torch.float32).permute(0, 3, 1, 2),
        "label": depth,
        "mask": torch.ones_like(depth, dtype=torch.bool),
        "intrinsics": torch.tensor([[lens.fx, lens.fy, lens.cx, lens.cy]] * number, dtype=torch.float32),
        "factor": 1,
        "sensor": "area",
        "frames": torch.empty(0, dtype=torch.uint8),
        "pose_frames": torch.empty(0, dtype=torch.uint8),
    }
    return SourceBatch(**(values | changes))


def video_batch(
    number: int = 2, size: tuple[int, int] = (64, 64), zoom: tuple[float, float] = (1.0, 1.0)
) -> SourceBatch:
    """Three frames of a camera that moves right; the true motion is (-STEP, 0, 0) from one to the next.

    With a zoom the depth network and the losses see through a longer lens, as camera zoom has it.
    """
    lens = camera_of(*size)
    closer = lens.zoom(*zoom)
    walls = [{"slope": 0.1 + 0.1 * i, "far": 3.0 + i} for i in range(number)]

    def frames(camera: Camera) -> torch.Tensor:
        seen = [[look(camera, STEP * k, **wall).image for k in (0, -1, 1)] for wall in walls]
        return torch.tensor(np.array(seen), dtype=torch.float32).permute(0, 1, 4, 2, 3)

    depth = torch.tensor(np.stack([look(closer, 0.0, **wall).depth for wall in walls]), dtype=torch.float32)
    clean = frames(closer)
    return batch_of(
        "video",
        "video",
        number,
        size,
        image=clean[:, 0],
        label=depth.unsqueeze(1),
        mask=torch.zeros(number, 1, size[1], size[0], dtype=torch.bool),
        intrinsics=torch.tensor([[closer.fx, closer.fy, closer.cx, closer.cy]] * number, dtype=torch.float32),
        frames=clean,
        pose_frames=frames(lens),
    )
