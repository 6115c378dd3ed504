"""COLMAP `cameras.txt`: one camera a line, `CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]`.

COLMAP puts the centre of the first pixel at (0.5, 0.5), as we do: nothing to convert.
"""

from __future__ import annotations

from onedepth.camera import Camera
from onedepth.distortion import Distortion, Fisheye, RadialTangential
from onedepth.errors import CameraError
from onedepth.files.cameras.thin_prism import THIN_PRISM, thin_prism_as_fisheye

_BROWN = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
_MODELS: dict[str, tuple[type[Distortion], str]] = {  # the lens, and the order of the parameters
    "SIMPLE_PINHOLE": (RadialTangential, "f cx cy"),
    "PINHOLE": (RadialTangential, "fx fy cx cy"),
    "SIMPLE_RADIAL": (RadialTangential, "f cx cy k1"),
    "RADIAL": (RadialTangential, "f cx cy k1 k2"),
    "OPENCV": (RadialTangential, "fx fy cx cy k1 k2 p1 p2"),
    "FULL_OPENCV": (RadialTangential, "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6"),
    "SIMPLE_RADIAL_FISHEYE": (Fisheye, "f cx cy k1"),
    "RADIAL_FISHEYE": (Fisheye, "f cx cy k1 k2"),
    "OPENCV_FISHEYE": (Fisheye, "fx fy cx cy k1 k2 k3 k4"),
}


def parse(text: str, name: str | None, size: tuple[int, int] | None) -> Camera:
    """Camera of the text of a file; `name` is its id, needed when there are several."""
    lines = (line.split() for line in text.splitlines())
    cameras = {words[0]: words[1:] for words in lines if words and not words[0].startswith("#")}
    ids = ", ".join(list(cameras)[:10]) + (", ..." if len(cameras) > 10 else "")
    if name is None and len(cameras) > 1:
        raise CameraError(
            f"holds {len(cameras)} cameras ({ids}); say which by its id: --camera-name ID on the command "
            "line, name= in Python"
        )
    if name is not None and name not in cameras:
        raise CameraError(f"has no camera {name!r}; its ids are {ids}")
    identifier = next(iter(cameras)) if name is None else name
    try:
        return _camera(cameras[identifier])
    except CameraError as error:
        raise CameraError(f"camera {identifier}: {error}") from error.__cause__


def _camera(words: list[str]) -> Camera:
    """Camera of the words of a line behind the id."""
    model, numbers = words[0] if words else "", words[1:]
    if model == THIN_PRISM:
        return thin_prism_as_fisheye(numbers)
    if model not in _MODELS:
        known = ", ".join((*_MODELS, THIN_PRISM))
        raise CameraError(f"camera model {model or 'missing'} is not supported; expected {known}")
    lens, order = _MODELS[model]
    names = order.split()
    if len(numbers) != 2 + len(names):
        raise CameraError(f"{model} needs width, height and {len(names)} numbers, found {len(numbers)}")
    try:
        width, height = (int(number) for number in numbers[:2])
        values = {name: float(number) for name, number in zip(names, numbers[2:], strict=True)}
    except ValueError as error:
        raise CameraError(f"{model} needs numbers, found {' '.join(numbers)}") from error
    fx, fy = values.get("fx", values.get("f", 0.0)), values.get("fy", values.get("f", 0.0))
    distortion = _lens(lens, values)
    return Camera(
        width=width, height=height, fx=fx, fy=fy, cx=values["cx"], cy=values["cy"], distortion=distortion
    )


def _lens(lens: type[Distortion], values: dict[str, float]) -> Distortion | None:
    if lens is Fisheye:  # even with all coefficients 0 a fisheye is not a pinhole
        return Fisheye(*(values.get(key, 0.0) for key in ("k1", "k2", "k3", "k4")))
    coefficients = [values.get(key, 0.0) for key in _BROWN]
    return RadialTangential(*coefficients) if any(coefficients) else None
