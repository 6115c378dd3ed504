"""A pair becomes files of a folder: the label as PNG, the views where they are new, and a record of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from onedepth.camera import Camera
from onedepth.checks import positive, whole
from onedepth.errors import CameraError, ConfigError, DataError, OneDepthError
from onedepth.files.atomic import atomic_path
from onedepth.manifest.record import Record
from onedepth.manifest.storage import join_locator
from onedepth.stereo.encode import write_label
from onedepth.stereo.label import Calibration, Rejected, StereoOptions, label_pair
from onedepth.stereo.matching import Floats
from onedepth.stereo.pairs import Pair
from onedepth.stereo.results import Outcome
from onedepth.stereo.views import Image

_QUALITY = 95  # of the JPEGs that frames of films become


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What is known of the cameras.

    Attributes:
        camera_of: From (width, height) to the left camera, which has no distortion.
        baseline: Metres; None if only the camera is known, which gives no metres.
        offset: As in `Calibration`.
    """

    camera_of: Callable[[tuple[int, int]], Camera]
    baseline: float | None = None
    offset: float = 0.0

    def __post_init__(self) -> None:
        if self.baseline is not None:
            positive(self.baseline, "baseline", ConfigError)

    def camera(self, image: Image) -> Camera:
        """The camera of the left view.

        Raises:
            CameraError: It is for another size.
            ConfigError: It has lens distortion, so the pair is not rectified.
        """
        width, height = image.shape[1], image.shape[0]
        try:
            camera = self.camera_of((width, height))
        except CameraError as error:
            said, cut, _ = str(error).partition("; on the command line give")
            if not cut:
                raise
            raise CameraError(f"{said}; give --camera for the left view as it is") from error
        if camera.distortion is not None:
            raise ConfigError(
                "the camera has lens distortion; give undistorted, rectified pairs and their camera"
            )
        return camera


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Turns pairs into files of one folder.

    Attributes:
        folder: Where; sub-folders are made as needed.
        stereo: How pairs are matched and judged.
        rig: The cameras, or None.
        copy: Whether views that are files are written into the folder as well.
        shrink: Views and labels that are written become this many times smaller (MiDaS: 2).
        licence: Of the data, for the manifest.
        source: Name of the data set, likewise.
        split: Likewise.
    """

    folder: Path
    stereo: StereoOptions
    rig: Rig | None = None
    copy: bool = False
    shrink: int = 1
    licence: str | None = None
    source: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        whole(self.shrink, "shrink", 1, ConfigError)
        if self.rig is not None and self.rig.baseline is not None and self.stereo.rectify:
            raise ConfigError(
                "--rectify and --baseline exclude each other: aligned views have no known baseline"
            )

    def make(self, pair: Pair) -> Outcome:
        """Label one pair and write its files; what is wrong with it is in the outcome."""
        try:
            return self._make(pair)
        except ConfigError:
            raise  # wrong for every pair
        except OneDepthError as error:
            return Outcome(pair, None, str(error), failed=True)

    def _make(self, pair: Pair) -> Outcome:
        left, right = pair.load()
        camera = self.rig.camera(left) if self.rig is not None else None
        options, metric = self.stereo, False
        if camera is not None and self.rig is not None and self.rig.baseline is not None:
            calibration = Calibration(camera.fx, self.rig.baseline, self.rig.offset)
            options, metric = replace(options, calibration=calibration), True
        result = label_pair(left, right, options, pair.name)
        if isinstance(result, Rejected):
            return Outcome(pair, None, result.reason, result.measured)
        written = self.copy or pair.left is None or self.shrink > 1
        if written:
            left, right = _shrunk(left, self.shrink), _shrunk(right, self.shrink)
            camera = camera.resize(left.shape[1], left.shape[0]) if camera is not None else None
        moved = result.right if result.right is None else _shrunk(result.right, self.shrink)
        disparity = _thinned(result.disparity, self.shrink, metric)
        path = self._place("labels", pair.name, ".png")
        label = write_label(disparity, path, metric=metric, source=f"OneDepth {options.method}")
        keep_right = pair.right is not None and not written and moved is None
        record = Record(
            id=pair.name,
            image=self._save("left", pair.name, left) if written else str(pair.left),
            right=str(pair.right)
            if keep_right
            else self._save("right", pair.name, right if moved is None else moved),
            label=label,
            camera=camera,
            baseline=self.rig.baseline if self.rig is not None else None,
            scene=pair.scene,
            split=self.split,
            time=pair.time,
            licence=self.licence,
            source=self.source,
        )
        return Outcome(pair, record, None, result.measured)

    def _place(self, kind: str, name: str, suffix: str) -> Path:
        path = self.folder / kind / f"{name}{suffix}"
        make_folder(path.parent)
        return path

    def _save(self, side: str, name: str, image: Image) -> str:
        from PIL import Image as Pictures

        path = self._place(side, name, ".jpg")
        with atomic_path(path) as temporary:
            Pictures.fromarray(image).save(temporary, "JPEG", quality=_QUALITY, subsampling=0)
        return join_locator(path.absolute())


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        OneDepthError: The system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OneDepthError(f"{folder}: cannot be made ({error.strerror or error})") from error


def _shrunk(image: Image, factor: int) -> Image:
    if factor == 1:
        return image
    import cv2

    height, width = (side // factor for side in image.shape[:2])
    whole_image = np.ascontiguousarray(image[: height * factor, : width * factor])
    return np.asarray(cv2.resize(whole_image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _thinned(disparity: Floats, factor: int, metric: bool) -> Floats:
    """Every `factor`-th measurement, none invented; disparity in (now larger) pixels shrinks as well."""
    height, width = (side // factor for side in disparity.shape)
    if min(height, width) == 0:
        raise DataError(f"views of {disparity.shape[1]}x{disparity.shape[0]} cannot shrink by {factor}")
    thin = disparity[factor // 2 :: factor, factor // 2 :: factor][:height, :width]
    return np.ascontiguousarray(thin if metric else thin / np.float32(factor))
