"""From a distorted photo to its pinhole view, and a depth map of that view back onto the photo.

Both go a few rows at a time: of a large photo, whole maps of positions would take more than the network does.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import CameraError

Pixels = npt.NDArray[np.float32]

_THREADS = 4
_POINTS_AT_ONCE = 32768  # temporaries stay in the cache
_NOWHERE = -1000.0  # a position outside every image
_LARGEST_SIDE = 32766  # cv2.remap counts pixels in 16 bits


def undistort_image(
    pixels: npt.NDArray[np.uint8], camera: Camera
) -> tuple[npt.NDArray[np.uint8], Camera, npt.NDArray[np.bool_]]:
    """Resample a distorted photo to the pinhole view of the same size and focal length.

    The view shows what a distortion-free lens of that focal length would have seen: what a barrel or fisheye
    lens saw outside it (corners, and everything from 90 degrees off the axis on) is not in it. Where the view
    reaches beyond the photo or the rays of the model, it is black and marked invalid.

    Args:
        pixels: (H, W) or (H, W, C) uint8, distorted.
        camera: The photo's camera.

    Returns:
        The view (uint8), its pinhole camera and the (H, W) mask of its pixels that the photo covers. A
        pinhole photo comes back as it is.

    Raises:
        CameraError: When the photo does not have the camera's size.
    """
    _check_size(pixels, camera, "photo")
    pinhole = replace(camera, distortion=None)
    valid = np.ones(pixels.shape[:2], dtype=np.bool_)
    if camera.distortion is None:
        return pixels, pinhole, valid
    import cv2

    view = np.empty_like(pixels)

    def fill(rows: slice) -> None:
        x, y = _positions(rows, pinhole, camera)
        block = cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = _inside(x, y, camera)
        block[~inside] = 0
        view[rows], valid[rows] = block.reshape(view[rows].shape), inside

    _in_blocks(fill, pinhole)
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
    out = np.zeros((camera.height, camera.width), np.float32)
    mask = np.zeros(out.shape, np.bool_)

    def fill(rows: slice) -> None:
        x, y = _positions(rows, camera, pinhole)
        inside = _inside(x, y, pinhole)
        if not inside.any():
            return
        near = _rows_around(y[inside], pinhole.height)
        known = np.isfinite(values[near])
        if valid is not None:
            known &= valid[near]
        y -= near.start
        clean = np.where(known, values[near], np.float32(0))
        block = cv2.remap(clean, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.remap(known.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask[rows] = inside & (share > 1 - 1e-4)
        np.copyto(out[rows], block, where=mask[rows])

    _in_blocks(fill, camera)
    return out, mask


def _in_blocks(fill: Callable[[slice], None], to: Camera) -> None:
    """Call `fill` for blocks of rows that cover the image of `to`, in several threads."""
    step = max(1, _POINTS_AT_ONCE // to.width)
    blocks = [slice(top, min(top + step, to.height)) for top in range(0, to.height, step)]
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(fill, blocks):
            pass


def _positions(rows: slice, to: Camera, source: Camera) -> tuple[Pixels, Pixels]:
    """Where the pixels of rows of `to` are in `source`: x and y, centres at integers as cv2 wants them."""
    v, u = np.mgrid[rows, : to.width] + 0.5
    points = to.unproject(np.stack([u, v], axis=-1), 1.0)
    at = np.nan_to_num(source.project(points) - 0.5, nan=_NOWHERE).astype(np.float32)
    return np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])


def _rows_around(y: Pixels, height: int) -> slice:
    """The rows that linear interpolation at these positions reads."""
    first, last = int(np.floor(y.min())), int(np.floor(y.max())) + 1
    return slice(max(0, first), min(height, last + 1))


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
