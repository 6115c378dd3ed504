"""Predict the metric depth of one photo with a model file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.errors import CameraError, ModelFileError
from onedepth.predict.modelfile import (
    INPUT_FOCAL,
    INPUT_IMAGE,
    OUTPUT_DEPTH,
    ModelInfo,
    find_model,
    open_session,
    read_info,
)

if TYPE_CHECKING:
    from onedepth.files.images import Photo


@dataclass(frozen=True, eq=False)
class Prediction:
    """A depth map and the photo as the depth map sees it.

    Attributes:
        depth: The depth map, with its camera.
        pixels: uint8 (H, W, 3), the same view as `depth`: of a distorted photo the undistorted one, unless
            the depth was mapped back.
        photo: The photo as it was read.
    """

    depth: DepthMap
    pixels: npt.NDArray[np.uint8]
    photo: Photo


class Predictor:
    """A model file, opened once, that turns photos into depth maps. Safe to use from several threads.

    Attributes:
        info: What the model file says about itself.
        path: The model file.
    """

    info: ModelInfo
    path: Path

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        device: str = "auto",
        *,
        threads: int | None = None,
    ) -> None:
        """Open a model file; the arguments and errors are those of `load`."""
        self.path = find_model(model)
        self._session = open_session(self.path, device, threads=threads)
        self.info = read_info(self._session, self.path)

    @property
    def source(self) -> str:
        """Name and version of the model, as every depth map carries it."""
        return f"{self.info.name} {self.info.version}"

    def predict(self, image: object, camera: Camera | None = None, *, map_back: bool = False) -> DepthMap:
        """Predict the depth of a photo.

        The camera given comes before the one that EXIF tells, and that before the assumed one (28 mm
        equivalent, known to 30 percent); `DepthMap.camera.focal_source` says which it was. A photo with lens
        distortion is undistorted first, so its depth map is that of the pinhole view.

        Args:
            image: A path; a PIL image; or an RGB array (H, W, 3), uint8 or floating point in [0, 1].
            camera: Camera of the upright photo.
            map_back: With a distorted camera, return the depth of the photo's own pixels.

        Returns:
            A depth map of the model's kind, float32 (H, W), in metres for a metric model, with the camera of
            its view.

        Raises:
            ImageError: If the image cannot be read, or the array is of another shape, type or range.
            CameraError: If the camera is no `Camera`, or for another size than the photo's.
        """
        return self.predict_view(image, camera, map_back=map_back).depth

    def predict_view(
        self, image: object, camera: Camera | None = None, *, map_back: bool = False
    ) -> Prediction:
        """Like `predict`, and also return the pixels of the depth map's view, for colours and pictures."""
        from onedepth.files.images import photo_from

        _check_camera(camera)
        photo = photo_from(image)
        camera = choose_camera(photo, camera)
        if camera.is_pinhole:
            return Prediction(self._depth(photo.pixels, camera, None), photo.pixels, photo)

        from onedepth.undistort import distort_map, undistort_image

        pixels, pinhole, valid = undistort_image(photo.pixels, camera)
        depth = self._depth(pixels, pinhole, valid)
        if not map_back:
            return Prediction(depth, pixels, photo)
        values, valid = distort_map(depth.values, pinhole, camera, valid=depth.valid)
        return Prediction(DepthMap(values, self.info.kind, camera, valid, self.source), photo.pixels, photo)

    def _depth(
        self, pixels: npt.NDArray[np.uint8], camera: Camera, valid: npt.NDArray[np.bool_] | None
    ) -> DepthMap:
        values = self.run(pixels, camera)
        if valid is not None:
            valid = valid & np.isfinite(values) & (values > 0)
        if self.info.kind == "affine_disparity":
            with np.errstate(divide="ignore"):
                values = np.reciprocal(values)
        return DepthMap(values, self.info.kind, camera, valid, self.source)  # type: ignore[arg-type]

    def run(self, pixels: npt.NDArray[np.uint8], camera: Camera) -> npt.NDArray[np.float32]:
        """Run the model file's graph and nothing else.

        Args:
            pixels: uint8 (H, W, 3) RGB of a pinhole view.
            camera: Its camera.

        Returns:
            float32 (H, W) depth: metres, or what the model's kind says of it.
        """
        focal = np.array([camera.fx, camera.fy], np.float32)
        inputs = {INPUT_IMAGE: pixels, INPUT_FOCAL: focal}
        values: npt.NDArray[np.float32] = self._session.run([OUTPUT_DEPTH], inputs)[0]
        if values.shape != pixels.shape[:2]:
            raise ModelFileError(
                f"{self.path}: answered {values.shape} to a photo of {pixels.shape[:2]}; export it again"
            )
        return values


def _check_camera(given: object) -> None:
    if given is None or isinstance(given, Camera):
        return
    hint = "make one with Camera.from_focal(focal, width, height)"
    if isinstance(given, str | os.PathLike):
        hint = "read the file with onedepth.files.cameras.read_camera(path)"
    elif isinstance(given, Mapping):
        hint = "make one with onedepth.files.cameras.camera_from_dict(values)"
    raise CameraError(f"camera is a {type(given).__name__}, expected a onedepth.Camera or None; {hint}")


def choose_camera(photo: Photo, given: Camera | None) -> Camera:
    """Return the camera of a photo: the one given, else that of its EXIF, else the assumed one.

    Raises:
        CameraError: If the given camera is for another size.
    """
    if given is None:
        return photo.camera or Camera.assumed(*photo.size)
    if given.size != photo.size:
        width, height = photo.size
        raise CameraError(
            f"{photo.path or 'photo'}: is {width}x{height} pixels (upright), but the camera given is for "
            f"{given.width}x{given.height}; do to the camera what was done to the photo: "
            f"Camera.resize({width}, {height}), Camera.crop or Camera.orient"
        )
    return given


def load(
    model: str | os.PathLike[str] | None = None, device: str = "auto", *, threads: int | None = None
) -> Predictor:
    """Open a model for prediction.

    Args:
        model: A model file, the name of a shipped model, or None for the one of the environment variable
            `ONEDEPTH_MODEL` or else the one that comes with the package.
        device: `auto`, `cpu`, `cuda`, `coreml` or another name of `onedepth.predict.devices.PROVIDERS`.
        threads: Threads per operator; by default as many as this process may use cores.

    Raises:
        ModelFileError: If the file is missing, damaged, not a OneDepth model, or of a newer format version.
        ConfigError: If the device is unknown or not available, or `threads` no whole number above 0.
    """
    return Predictor(model, device, threads=threads)
