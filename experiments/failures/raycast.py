"""A small ray caster: boxes and balls with procedural textures, soft light, mirrors and glass; exact depth.

OpenCV axes (x right, y down, z forward), metres. Everything is computed for many rays at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera

Floats = npt.NDArray[np.float32]
Texture = Callable[[Floats, Floats], Floats]
"""Points (N, 3) relative to the shape and its normals (N, 3) there -> colours (N, 3), 0 to 1."""

FAR = np.float32(1e6)
_EPSILON = 1e-4
_AT_ONCE = 40_000  # rays
_CLUSTER = 6  # shapes that share a box


@dataclass(frozen=True)
class Material:
    """How a surface looks: a texture; `glow` shines by itself; part of the light may mirror or pass."""

    texture: Texture
    glow: float = 0.0
    mirror: float = 0.0
    clear: float = 0.0


@dataclass(frozen=True)
class Shape:
    """A box (half sizes), or a ball (radius) where `half` is None; turned by `yaw` about the vertical."""

    centre: tuple[float, float, float]
    material: Material
    half: tuple[float, float, float] | None = None
    radius: float = 0.0
    yaw: float = 0.0
    inside: bool = False

    def local(self, vectors: Floats) -> Floats:
        """Turn directions into the shape's axes."""
        return vectors @ _turn(self.yaw).T if self.yaw else vectors

    def distance(self, origins: Floats, rays: Floats) -> Floats:
        """Distance along each ray in multiples of its vector; FAR where it misses."""
        origin, ray = self.local(origins - np.array(self.centre, np.float32)), self.local(rays)
        if self.half is None:
            a, b = np.sum(ray * ray, 1), np.sum(origin * ray, 1)
            root = b * b - a * (np.sum(origin * origin, 1) - self.radius**2)
            t = (-b - np.sqrt(np.maximum(root, 0))) / a
            return np.where((root > 0) & (t > _EPSILON), t, FAR)
        near, far = _slabs(origin, _inverse(ray), -np.array(self.half), np.array(self.half))
        if self.inside:
            return np.where(far > _EPSILON, far, FAR)
        return np.where((near <= far) & (near > _EPSILON), near, FAR)

    def bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest corner in the world."""
        half = np.full(3, self.radius) if self.half is None else np.abs(_turn(self.yaw)).T @ self.half
        return np.float32(self.centre) - np.float32(half), np.float32(self.centre) + np.float32(half)

    def surface(self, points: Floats) -> tuple[Floats, Floats]:
        """Points on it in its own axes, and normals in the world's."""
        local = self.local(points - np.array(self.centre, np.float32))
        if self.half is None:
            return local, (local / self.radius) @ _turn(self.yaw)
        share = local / np.array(self.half, np.float32)
        axis = np.abs(share).argmax(1)
        normal = np.zeros_like(local)
        rows = np.arange(len(local))
        normal[rows, axis] = np.sign(share[rows, axis]) * (-1 if self.inside else 1)
        return local, normal @ _turn(self.yaw)


@dataclass(frozen=True)
class Lamp:
    """A rectangle that shines: centre, two half edges, colour times power."""

    centre: tuple[float, float, float]
    edges: tuple[tuple[float, float, float], tuple[float, float, float]]
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """Shapes, lamps, and the light that comes from everywhere."""

    shapes: Sequence[Shape]
    lamps: Sequence[Lamp] = ()
    ambient: tuple[float, float, float] = (0.13, 0.13, 0.14)
    samples: int = 2
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))


def pose(pitch: float, yaw: float = 0.0) -> Floats:
    """Camera to world rotation, angles in degrees; positive pitch looks down."""
    angle = np.radians(pitch)
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]])
    return (_turn(np.radians(yaw)).T @ tilt).astype(np.float32)


def render(scene: Scene, camera: Camera, rotation: Floats, place: Sequence[float]) -> Floats:
    """Linear light (H, W, 3) of a view; four rays per pixel."""
    fine = camera.resize(2 * camera.width, 2 * camera.height)
    rays = fine.rays().reshape(-1, 3) @ rotation.T
    light = _in_parts(lambda part: _shade(scene, _same(place, part), part, bounces=2), rays)
    return light.reshape(camera.height, 2, camera.width, 2, 3).mean((1, 3))


def depth(
    scene: Scene, camera: Camera, rotation: Floats, place: Sequence[float]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Exact z-depth in metres at pixel centres, and the index of the shape seen, both (H, W)."""
    rays = camera.rays().reshape(-1, 3) @ rotation.T
    t, index = _hit(scene.shapes, _same(place, rays), rays)
    size = (camera.height, camera.width)
    return t.reshape(size), index.reshape(size)  # rays have z = 1 in the camera's axes


def _same(place: Sequence[float], rays: Floats) -> Floats:
    return np.broadcast_to(np.array(place, np.float32), rays.shape)


def _hit(shapes: Sequence[Shape], origins: Floats, rays: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Distance to the nearest shape, and its index; neighbours in the list share a box, tried first."""
    best, index = np.full(len(rays), FAR), np.full(len(rays), -1)
    inverse = _inverse(rays)
    for low, high, members in _clusters(tuple(shapes)):
        near, far = _slabs(origins, inverse, low, high)
        rows = np.flatnonzero((near <= far) & (far > 0) & (near < best))
        for number in members if len(rows) else ():
            t = shapes[number].distance(origins[rows], rays[rows])
            nearer = t < best[rows]
            best[rows[nearer]], index[rows[nearer]] = t[nearer], number
    return best, index


def _inverse(rays: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.where(np.abs(rays) < 1e-9, np.float32(1e9), 1 / rays)


def _slabs(origins: Floats, inverse: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Where rays enter and leave a box; columns one by one, which is much faster than along short axes."""
    near, far = np.full(len(origins), -FAR), np.full(len(origins), FAR)
    for axis in range(3):
        one = (np.float32(low[axis]) - origins[:, axis]) * inverse[:, axis]
        other = (np.float32(high[axis]) - origins[:, axis]) * inverse[:, axis]
        np.maximum(near, np.minimum(one, other), out=near)
        np.minimum(far, np.maximum(one, other), out=far)
    return near, far


@lru_cache(maxsize=16)
def _clusters(shapes: tuple[Shape, ...]) -> list[tuple[Floats, Floats, list[int]]]:
    """Box around every few shapes; neighbours in a list are neighbours in the room."""
    groups = [list(range(i, min(i + _CLUSTER, len(shapes)))) for i in range(0, len(shapes), _CLUSTER)]
    corners = [[shapes[number].bounds() for number in group] for group in groups]
    return [
        (np.min([low for low, _ in found], 0), np.max([high for _, high in found], 0), group)
        for found, group in zip(corners, groups, strict=True)
    ]


def _shade(scene: Scene, origins: Floats, rays: Floats, bounces: int) -> Floats:
    """Light that arrives along rays from what they hit."""
    t, index = _hit(scene.shapes, origins, rays)
    light = np.zeros_like(rays)
    for number in np.unique(index[index >= 0]):
        rows = np.flatnonzero(index == number)
        shape = scene.shapes[number]
        points = origins[rows] + rays[rows] * t[rows, None]
        local, normals = shape.surface(points)
        material = shape.material
        colour = material.texture(local, normals)
        seen = colour * material.glow
        share = 1 - material.mirror - material.clear
        if share > 0 and material.glow == 0:
            seen = seen + share * colour * _light(scene, points + normals * 2e-3, normals)
        if material.mirror and bounces:
            mirrored = rays[rows] - 2 * np.sum(rays[rows] * normals, 1, keepdims=True) * normals
            seen = seen + material.mirror * _shade(scene, points + normals * 2e-3, mirrored, bounces - 1)
        if material.clear and bounces:
            behind = _shade(scene, points + rays[rows] * 0.02, rays[rows], bounces - 1)
            seen = seen + material.clear * behind
        light[rows] = seen
    return light


def _light(scene: Scene, points: Floats, normals: Floats) -> Floats:
    """Lamps with soft shadows, and ambient light that corners get less of."""
    total = np.zeros_like(points)
    solid = [shape for shape in scene.shapes if not shape.material.clear and not shape.material.glow]
    for lamp in scene.lamps:
        edges = np.array(lamp.edges, np.float32)
        for _ in range(scene.samples):
            spread = scene.rng.uniform(-1, 1, (len(points), 2)).astype(np.float32)
            ray = np.array(lamp.centre, np.float32) + spread @ edges - points
            square = np.sum(ray * ray, 1)
            facing = np.sum(ray * normals, 1) / np.sqrt(square)
            free = _hit(solid, points, ray)[0] > 0.98
            total += (np.maximum(facing, 0) * free / square / scene.samples)[:, None] * np.array(lamp.colour)
    for _ in range(scene.samples):
        ray = scene.rng.normal(size=points.shape).astype(np.float32)
        ray = ray / np.linalg.norm(ray, axis=1, keepdims=True) + normals * 1.001
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        openness = np.minimum(_hit(solid, points, ray)[0], 1.2) / 1.2
        total += (0.25 + 0.75 * openness)[:, None] * np.array(scene.ambient) / scene.samples
    return total


def _in_parts(function: Callable[[Floats], Floats], rays: Floats) -> Floats:
    return np.concatenate([function(rays[i : i + _AT_ONCE]) for i in range(0, len(rays), _AT_ONCE)])


def _turn(yaw: float) -> Floats:
    """World to local rotation about the vertical axis, radians."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32)


_TABLE = np.random.default_rng(1).random((32, 32, 32), np.float32)


def noise(points: Floats, frequency: float | Sequence[float] = 1.0) -> Floats:
    """Smooth random values, 0 to 1, (N,), that change `frequency` times per metre."""
    place = points * np.asarray(frequency, np.float32)
    cell = np.floor(place).astype(np.int64)
    part = place - cell
    part = part * part * (3 - 2 * part)
    value = np.zeros(len(points), np.float32)
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(np.array(corner), part, 1 - part), axis=1)
        x, y, z = ((cell + corner) % 32).T
        value += weight * _TABLE[x, y, z]
    return value


def random_of(*cells: Floats) -> Floats:
    """A random value, 0 to 1, for every cell, given by one to three whole numbers per point."""
    whole = [np.asarray(cell).astype(np.int64) for cell in cells]
    x, y, z = (whole + [np.zeros_like(whole[0])] * 2)[:3]
    return _TABLE[(x + 7 * z) % 32, (y + 13 * x) % 32, (z + 5 * y + 11 * x) % 32]
