"""A textured room with exact depth, seen from anywhere, and clips of it."""

import json
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.track.poses import inverse, rigid, turn
from onedepth.track.tracker import Step, Tracker, View

CAMERA = Camera.from_focal(180.0, 240, 180)
# normal . point = offset of each wall: floor, ceiling, left, right, back, front (behind the camera)
WALLS = [
    ((0, 1, 0), 1.2),
    ((0, -1, 0), 1.4),
    ((-1, 0, 0), 2.0),
    ((1, 0, 0), 2.2),
    ((0, 0, 1), 5.0),
    ((0, 0, -1), 4.0),
]
_TEXELS = 45.0  # per metre


@lru_cache
def _texture(wall: int) -> np.ndarray:
    noise = np.random.default_rng(wall).uniform(0, 255, (512, 512)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.6)
    return np.clip(127 + (smooth - 127) * 5.5, 0, 255)


def look(pose: np.ndarray, camera: Camera = CAMERA) -> tuple[np.ndarray, np.ndarray]:
    """Grey picture uint8 (H, W) and exact depth (H, W) in metres of a camera-to-world pose."""
    rays = camera.rays().astype(np.float64) @ pose[:3, :3].T
    depth = np.full(rays.shape[:2], np.inf)
    grey = np.zeros(depth.shape, np.float32)
    for wall, (normal, offset) in enumerate(WALLS):
        with np.errstate(divide="ignore"):
            z = (offset - np.dot(normal, pose[:3, 3])) / (rays @ np.array(normal, float))
        hit = (z > 0) & (z < depth)
        depth[hit] = z[hit]
        place = pose[:3, 3] + rays * np.where(hit, z, 1.0)[..., None]
        u, v = np.moveaxis(place[..., [i for i in range(3) if normal[i] == 0]] * _TEXELS, -1, 0)
        seen = cv2.remap(
            _texture(wall),
            *(np.mod(c, 512).astype(np.float32) for c in (u, v)),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        grey[hit] = seen[hit]
    return np.rint(grey).astype(np.uint8), depth


def walk(frames: int = 12, step: float = 0.05, yaw: float = 0.012) -> list[np.ndarray]:
    """Poses of a walk: forward and to the right, turning; the first is the world."""
    return [
        rigid(turn([0.3 * yaw * i, yaw * i, 0.1 * yaw * i]), [0.6 * step * i, 0.1 * step * i, step * i])
        for i in range(frames)
    ]


def view(pose: np.ndarray, scale: float = 1.0) -> View:
    grey, depth = look(pose)
    return View(grey, CAMERA, lambda: DepthMap(depth * scale, "metric", CAMERA))


def blank() -> View:
    """Nothing but one grey."""
    flat = np.full(CAMERA.size[::-1], 90, np.uint8)
    return View(flat, CAMERA, lambda: DepthMap(np.full(flat.shape, 3.0), "metric", CAMERA))


def track(views: list[View], tracker: Tracker | None = None) -> list[Step]:
    tracker = tracker or Tracker()
    return [tracker.step(one) for one in views]


def apart(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Metres and degrees between two poses."""
    motion = inverse(one) @ other
    cosine = (np.trace(motion[:3, :3]) - 1) / 2
    return float(np.linalg.norm(motion[:3, 3])), float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def write_clip(folder: Path, poses: list[np.ndarray], label: str = "metric") -> Path:
    """A scene folder of these views."""
    folder.mkdir(parents=True)
    listed = []
    for i, pose in enumerate(poses):
        grey, depth = look(pose)
        cv2.imwrite(str(folder / f"{i:03d}.jpg"), grey, [cv2.IMWRITE_JPEG_QUALITY, 97])
        cv2.imwrite(str(folder / f"{i:03d}.png"), np.rint(depth * 1000).astype(np.uint16))
        numbers = {"width": CAMERA.width, "height": CAMERA.height, "fx": CAMERA.fx, "fy": CAMERA.fy}
        numbers |= {"cx": CAMERA.cx - 0.5, "cy": CAMERA.cy - 0.5}
        listed.append({"id": f"{i:03d}", "camera": numbers, "camera_to_world": pose.tolist()})
    scene = {"label": label, "depth_unit_m": 0.001, "video": True, "frames": listed}
    (folder / "scene.json").write_text(json.dumps(scene))
    return folder
