"""From a distorted photo to its pinhole view, and a depth map of that view back onto the photo."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import CameraError

Pixels = npt.NDArray[np.float32]

_WHOLE_ANGLE = math.radians(60)
_GRID = 129  # points along each side by which the reach of a photo is found
_POINTS_AT_ONCE = 65536  # temporaries stay in the cache
_NOWHERE = -1000.0  # a position outside every image
_LARGEST_SIDE = 32766  # cv2.remap counts pixels in 16 bits


def undistort_image(
    pixels: npt.NDArray[np.uint8], camera: Camera, *, whole: bool = False
) -> tuple[npt.NDArray[np.uint8], Camera, npt.NDArray[np.bool_]]:
    """Resample a distorted photo to the pinhole view with the same focal length.

    The view shows what a distortion-free lens of that focal length would have seen: what a barrel or fisheye
    lens saw outside it (everything from 90 degrees off the axis on, whatever the field of view) is not in it.
    Where the view reaches beyond the photo or the rays of the model, it is black and marked invalid. A view
    of the photo's size loses the corners of barrel and fisheye photos; `whole` makes it as large as their
    rays need, up to 60 degrees to each side, so that depth can be mapped back onto (nearly) all of the photo.

    Args:
        pixels: (H, W) or (H, W, C) uint8, distorted.
        camera: The photo's camera.
        whole: Enlarge the view to hold the whole photo; otherwise size and principal point are the photo's.

    Returns:
        The view (uint8), its pinhole camera and the (H, W) mask of its pixels that the photo covers. A
        pinhole photo comes back as it is.

    Raises:
        CameraError: When the photo does not have the camera's size.
    """
    _check_size(pixels, camera, "photo")
    pinhole = replace(camera, distortion=None)
    if camera.distortion is None:
        return pixels, pinhole, np.ones(pixels.shape[:2], dtype=np.bool_)
    import cv2

    pinhole = pinhole.pad(*_margins(camera)) if whole else pinhole
    x, y = _positions(pinhole, camera)
    valid = _inside(x, y, camera)
    view = np.asarray(cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    view[~valid] = 0
    return view, pinhole, valid


def distort_map(
    values: npt.NDArray[np.float32],
    pinhole: Camera,
    camera: Camera,
    *,
    valid: npt.NDArray[np.bool_] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Resample a z-depth map of the pinhole view onto the distorted photo.

    Both views share the camera centre and the optical axis, so the values themselves do not change. Between
    pixels they are interpolated linearly; a pixel is valid only when everything it is interpolated from is.

    Args:
        values: (H, W) float32 of the pinhole view.
        pinhole: Camera of `values`.
        camera: Camera of the distorted photo, of any size.
        valid: (H, W) mask of the usable values; None means all finite ones.

    Returns:
        The (camera.height, camera.width) float32 map, 0 where invalid, and its mask.

    Raises:
        CameraError: When the map does not have the pinhole camera's size.
    """
    import cv2

    _check_size(values, pinhole, "depth map")
    x, y = _positions(camera, pinhole)
    known = np.isfinite(values) if valid is None else np.isfinite(values) & valid
    clean = np.where(known, values, 0).astype(np.float32)
    out = cv2.remap(clean, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.remap(known.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = _inside(x, y, pinhole) & (share > 1 - 1e-4)
    return np.where(mask, out, np.float32(0)), mask


def _margins(camera: Camera) -> tuple[int, int, int, int]:
    """Pixels to add left, top, right and bottom until the pinhole view holds the rays of all pixels."""
    limit = math.tan(_WHOLE_ANGLE)
    grid = np.meshgrid(np.linspace(0, camera.width, _GRID), np.linspace(0, camera.height, _GRID))
    rays = np.clip(np.nan_to_num(camera.unproject(np.stack(grid, axis=-1), 1.0)), -limit, limit)
    u, v = rays[..., 0] * camera.fx + camera.cx, rays[..., 1] * camera.fy + camera.cy
    needed = (-u.min(), -v.min(), u.max() - camera.width, v.max() - camera.height)
    left, top, right, bottom = (max(0, math.ceil(float(pixels))) for pixels in needed)
    return left, top, right, bottom


def _positions(to: Camera, source: Camera) -> tuple[Pixels, Pixels]:
    """Where each pixel of `to` is in `source`: (H, W) x and y, centres at integers as cv2 wants them."""
    x, y = np.empty((2, to.height, to.width), dtype=np.float32)
    u = np.arange(to.width) + 0.5
    rows = max(1, _POINTS_AT_ONCE // to.width)
    for top in range(0, to.height, rows):
        v = np.arange(top, min(top + rows, to.height)) + 0.5
        points = to.unproject(np.stack(np.meshgrid(u, v), axis=-1), 1.0)
        at = np.nan_to_num(source.project(points) - 0.5, nan=_NOWHERE)
        x[top : top + rows], y[top : top + rows] = at[..., 0], at[..., 1]
    return x, y


def _inside(x: Pixels, y: Pixels, camera: Camera) -> npt.NDArray[np.bool_]:
    in_x = (x >= -0.5) & (x <= camera.width - 0.5)
    inside: npt.NDArray[np.bool_] = in_x & (y >= -0.5) & (y <= camera.height - 0.5)
    return inside


def _check_size(array: npt.NDArray[np.generic], camera: Camera, what: str) -> None:
    height, width = array.shape[:2]
    if (width, height) != camera.size:
        raise CameraError(
            f"{what} is {width}x{height} pixels but its camera says {camera.width}x{camera.height}; "
            f"use Camera.resize or Camera.crop to follow what was done to the image"
        )
    if max(width, height) > _LARGEST_SIDE:
        raise CameraError(
            f"{what} of {width}x{height} pixels: sides above {_LARGEST_SIDE} cannot be undistorted"
        )
