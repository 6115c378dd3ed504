"""ROS `camera_info`: the YAML that camera_calibration writes, or a message printed by `ros topic echo`.

ROS follows OpenCV: the centre of the first pixel is (0, 0), so the principal point moves by + 0.5 here. K and
D describe the full-resolution raw image; region of interest and binning are applied as REP 104 says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from onedepth.camera import Camera
from onedepth.distortion import Distortion, Fisheye, RadialTangential
from onedepth.errors import CameraError

_KEYS = {  # what we need -> its names in calibration files, ROS 1 and ROS 2 messages
    "width": ("image_width", "width"),
    "height": ("image_height", "height"),
    "K": ("camera_matrix", "K", "k"),
    "D": ("distortion_coefficients", "D", "d"),
    "distortion_model": ("distortion_model",),
}


def parse(text: str, name: str | None, size: tuple[int, int] | None) -> Camera:
    """Camera of the text of a file; `name`, if given, must be its camera_name."""
    values = _document(text)
    if name is not None and name != values.get("camera_name"):
        raise CameraError(f"holds camera {values.get('camera_name')!r}, but camera {name!r} was asked for")
    width, height, model = (_value(values, key) for key in ("width", "height", "distortion_model"))
    k = _numbers(_value(values, "K"), "K")
    if len(k) != 9:
        raise CameraError(f"K must have 9 numbers, found {len(k)}")
    if k[0] == 0:
        raise CameraError("K is zero: the camera was not calibrated")
    lens = _lens(model, _numbers(_value(values, "D"), "D"))
    rows = [k[0:3], k[3:6], k[6:9]]
    camera = Camera.from_matrix(rows, width, height, first_centre=0.0, distortion=lens)
    return _binned(_region(camera, values), values)


def _document(text: str) -> Mapping[str, Any]:
    import yaml

    try:
        values = next(iter(yaml.safe_load_all(text)), None)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CameraError(f"not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, Mapping):
        raise CameraError("not a camera_info: expected image_width, image_height, camera_matrix, ...")
    return values


def _value(values: Mapping[str, Any], what: str) -> Any:
    names = _KEYS[what]
    for name in names:
        if name in values:
            return values[name]
    raise CameraError(f"camera_info lacks {' or '.join(names)}")


def _numbers(value: Any, what: str) -> list[float]:
    """The numbers of a list, or of a matrix written as {rows, cols, data}."""
    data = value.get("data") if isinstance(value, Mapping) else value
    if data is None:
        data = []
    if not isinstance(data, list) or any(isinstance(n, bool) or not isinstance(n, int | float) for n in data):
        raise CameraError(f"{what} must be a list of numbers, found {data!r}")
    return [float(n) for n in data]


def _brown(counts: tuple[int, ...]) -> Callable[[str, list[float]], Distortion | None]:
    def lens(model: str, d: list[float]) -> Distortion | None:
        if not any(d):
            return None
        while len(d) > counts[-1] and d[-1] == 0:
            d = d[:-1]
        if len(d) not in counts:
            raise CameraError(f"{model} needs {' or '.join(map(str, counts))} coefficients, found {len(d)}")
        return RadialTangential(*d)

    return lens


def _equidistant(model: str, d: list[float]) -> Distortion:
    """A lens even when all coefficients are 0: an ideal fisheye is not a pinhole."""
    if len(d) != 4:
        raise CameraError(f"{model} needs 4 coefficients, found {len(d)}")
    return Fisheye(*d)


_MODELS: dict[str, Callable[[str, list[float]], Distortion | None]] = {
    "plumb_bob": _brown((4, 5)),
    "rational_polynomial": _brown((4, 5, 8)),
    "equidistant": _equidistant,
    "fisheye": _equidistant,
}


def _lens(model: Any, coefficients: list[float]) -> Distortion | None:
    if model in list(_MODELS):
        return _MODELS[model](model, coefficients)
    if not model and not any(coefficients):
        return None
    raise CameraError(f"unknown distortion_model {model!r}; expected {', '.join(_MODELS)}")


def _region(camera: Camera, values: Mapping[str, Any]) -> Camera:
    roi = values.get("roi") or {}
    if not isinstance(roi, Mapping):
        raise CameraError(f"roi must have x_offset, y_offset, width and height, found {roi!r}")
    left, top, width, height = (roi.get(key, 0) for key in ("x_offset", "y_offset", "width", "height"))
    if (left, top, width, height) == (0, 0, 0, 0):
        return camera
    return camera.crop(left, top, width, height)


def _binned(camera: Camera, values: Mapping[str, Any]) -> Camera:
    across, down = (values.get(key) or 1 for key in ("binning_x", "binning_y"))
    if not (isinstance(across, int) and isinstance(down, int)) or min(across, down) < 1:
        raise CameraError(f"binning must be whole numbers >= 0, found {across!r} and {down!r}")
    whole = camera.crop(0, 0, camera.width // across * across, camera.height // down * down)
    return whole.resize(camera.width // across, camera.height // down)
