"""Planes by RANSAC (Fischler & Bolles, 1981), and the floor among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onedepth.checks import positive
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.measure.edges import depth_edges
from onedepth.rasters import Mask

Points = npt.NDArray[np.float64]

TOLERANCE = 0.02
"""How far from a plane its points may be, relative to their distance from the camera: noise grows with it."""

_TRIALS = 400
_SAMPLE = 5000  # points that vote
_REFITS = 10
_TRUST = 3.0  # times the median distance of the inliers
_CANDIDATES = 4  # planes looked at for the floor
_RIVAL = 0.25  # share of the best one's points that a lower plane needs to be the floor instead
_UP = (0.0, -1.0, 0.0)
_STEEPEST = 60.0  # degrees between the floor's normal and the photo's upward direction
_LEAST = 0.02  # share of the points that a floor holds at least


@dataclass(frozen=True, slots=True)
class Plane:
    """The points P with normal . P + offset = 0, and the share of the points given that lie on it.

    Attributes:
        normal: Unit vector (x, y, z), towards the camera, in camera axes (x right, y down, z forward).
        offset: Distance of the camera from the plane in metres, >= 0.
        share: Inliers among the points looked at, 0 to 1.
    """

    normal: tuple[float, float, float]
    offset: float
    share: float

    def height(self, points: npt.ArrayLike) -> Points:
        """Distances (...) in metres of points (..., 3) from the plane, > 0 on the camera's side."""
        heights: Points = np.asarray(points, np.float64) @ np.array(self.normal) + self.offset
        return heights

    @property
    def tilt(self) -> float:
        """Degrees between the normal and the photo's upward direction: 0 for the floor of a level camera."""
        return math.degrees(math.acos(min(1.0, max(-1.0, -self.normal[1]))))


def fit_plane(
    points: npt.ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    towards: npt.ArrayLike | None = None,
    within: float = 180.0,
    seed: int = 0,
) -> Plane | None:
    """The plane through most of the points: RANSAC, then least squares over its inliers.

    Args:
        points: (N, 3) metres, camera axes.
        tolerance: Largest distance of an inlier from the plane, relative to its distance from the camera.
        towards: Direction that the normal must have, to `within` degrees; any if left out.
        within: Degrees, used with `towards`.
        seed: Of the random choices: the same points give the same plane.

    Returns:
        The plane, or None where no three points make one.

    Raises:
        DepthMapError: The tolerance is not above 0, or the points are not (N, 3).
    """
    tolerance = positive(tolerance, "tolerance", DepthMapError)
    xyz = np.asarray(points, np.float64)
    if xyz.ndim != 2 or xyz.shape[1] != 3:
        raise DepthMapError(f"points: found shape {xyz.shape}, expected (N, 3)")
    if len(xyz) < 3:
        return None
    draw = np.random.default_rng(seed)
    voters = xyz if len(xyz) <= _SAMPLE else xyz[draw.choice(len(xyz), _SAMPLE, replace=False)]
    reach = tolerance * np.linalg.norm(voters, axis=1)
    normals, offsets = _hypotheses(voters, draw)
    if towards is not None:
        way = np.asarray(towards, np.float64)
        kept = normals @ (way / np.linalg.norm(way)) >= math.cos(math.radians(within))
        normals, offsets = normals[kept], offsets[kept]
    if len(normals) == 0:
        return None
    far = np.abs(voters.astype(np.float32) @ normals.T.astype(np.float32) + offsets.astype(np.float32))
    votes = (far <= reach[:, None].astype(np.float32)).sum(axis=0)
    best = int(np.argmax(votes))
    normal, offset = normals[best], float(offsets[best])
    for _ in range(_REFITS):
        away = np.abs(voters @ normal + offset) / reach
        inliers = away <= 1
        if inliers.sum() < 3:
            break
        # Points of other planes that begin at this one lie within the tolerance too; they are its farthest.
        near = inliers & (away <= _TRUST * np.median(away[inliers]) + 1e-6)
        normal, offset = _least_squares(voters[near if near.sum() >= 3 else inliers])
    share = float(np.mean(np.abs(voters @ normal + offset) <= reach))
    return Plane((float(normal[0]), float(normal[1]), float(normal[2])), offset, share)


def find_floor(depthmap: DepthMap, *, tolerance: float = TOLERANCE, edges: Mask | None = None) -> Plane:
    """The floor: the lowest of the large planes that face up in the photo, to 60 degrees.

    A table can hold more pixels than the floor below it, so up to four planes are looked for, each among the
    points that the ones before left over, and the one farthest below the camera wins if it has a quarter of
    the points of the largest.

    Args:
        depthmap: A metric map with a camera that was held more or less upright.
        tolerance: As in `fit_plane`.
        edges: Pixels to leave out; by default those of `depth_edges`.

    Raises:
        DepthMapError: There is no such plane, or the map is not metric or has no camera.
    """
    edges = depth_edges(depthmap) if edges is None else edges
    stride = max(1, math.isqrt(depthmap.values.size // 40_000))
    usable = DepthMap(depthmap.depth, "metric", depthmap.camera, depthmap.valid & ~edges)
    points = usable.points(stride=stride).astype(np.float64)
    total, found = len(points), []
    for _ in range(_CANDIDATES):
        plane = fit_plane(points, tolerance=tolerance, towards=_UP, within=_STEEPEST)
        if plane is None:
            break
        if plane.tilt <= _STEEPEST:  # the fit may have turned away from where it was looked for
            found.append((plane, plane.share * len(points) / total))
        left = np.abs(plane.height(points)) > 2 * tolerance * np.linalg.norm(points, axis=1)
        points = points[left]
    most = max((share for _, share in found), default=0.0)
    rivals = [(plane, share) for plane, share in found if share >= max(_RIVAL * most, _LEAST)]
    if not rivals:
        raise DepthMapError("floor: no plane faces up in this photo; heights need a visible floor or table")
    plane, share = max(rivals, key=lambda row: row[0].offset)
    return Plane(plane.normal, plane.offset, share)


def _hypotheses(points: Points, draw: np.random.Generator) -> tuple[Points, Points]:
    """Normals (T, 3), towards the camera, and offsets (T,) of planes through three random points each."""
    corners = points[draw.integers(0, len(points), (_TRIALS, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    sides = np.linalg.norm(corners[:, 1:] - corners[:, :1], axis=2).prod(axis=1)
    wide = lengths > 0.05 * sides  # three points nearly on a line make no plane
    normals, corners = normals[wide] / lengths[wide, None], corners[wide]
    offsets = -np.einsum("ij,ij->i", normals, corners[:, 0])
    sign = np.where(offsets < 0, -1.0, 1.0)
    return normals * sign[:, None], offsets * sign


def _least_squares(points: Points) -> tuple[Points, float]:
    """Normal and offset of the least squared distances, each relative to the point's from the camera."""
    weights = 1 / np.maximum(np.linalg.norm(points, axis=1), 1e-9) ** 2
    centre = np.average(points, axis=0, weights=weights)
    spread = (points - centre) * np.sqrt(weights)[:, None]
    normal = np.linalg.svd(spread, full_matrices=False)[2][-1]
    offset = -float(normal @ centre)
    return (normal, offset) if offset >= 0 else (-normal, -offset)
