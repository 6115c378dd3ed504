"""COLMAP's THIN_PRISM_FISHEYE cameras (ETH3D) as our fisheye, which lacks their smallest terms.

The model bends the ray angle by theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8), exactly our
`Fisheye`, and adds tangential and thin-prism terms 2 p1 u v + p2 (r^2 + 2 u^2) + sx1 r^2 (and for v), with
(u, v) the ray's direction times theta (COLMAP, `sensor/models.h`; eth3d.net/documentation). These are left
out. For the cameras of ETH3D that is a shift of at most 0.1 % of the width, towards the corners; a camera for
which it could be more than 0.3 % is refused.
"""

from __future__ import annotations

import math

from onedepth.camera import Camera
from onedepth.distortion import Fisheye
from onedepth.errors import CameraError

THIN_PRISM = "THIN_PRISM_FISHEYE"
LARGEST_SHIFT = 0.003  # of the width


def thin_prism_as_fisheye(words: list[str]) -> Camera:
    """Camera of width, height and fx fy cx cy k1 k2 p1 p2 k3 k4 sx1 sy1.

    Raises:
        CameraError: Another number of words, no numbers, or terms too large to leave out.
    """
    if len(words) != 14:
        raise CameraError(f"{THIN_PRISM} needs width, height and 12 numbers, found {len(words)}")
    try:
        width, height = (int(word) for word in words[:2])
        fx, fy, cx, cy, k1, k2, p1, p2, k3, k4, sx1, sy1 = (float(word) for word in words[2:])
    except ValueError as error:
        raise CameraError(f"{THIN_PRISM} needs numbers, found {' '.join(words)}") from error
    camera = Camera(
        width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy, distortion=Fisheye(k1, k2, k3, k4)
    )
    across, down = max(cx, width - cx) / fx, max(cy, height - cy) / fy
    square = min(math.hypot(across, down), math.pi / 2) ** 2  # theta^2 of the farthest corner, from above
    shift = (
        max(abs(p1) + 3 * abs(p2) + abs(sx1), abs(p2) + 3 * abs(p1) + abs(sy1)) * square * max(fx, fy) / width
    )
    if not shift <= LARGEST_SHIFT:
        raise CameraError(
            f"{THIN_PRISM} with tangential terms of up to {shift:.1%} of the width is not supported; "
            "undistort the images (colmap image_undistorter)"
        )
    return camera
