"""Run `onedepth measure`: open what is measured in, measure, print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onedepth.apps.cli._app import say
from onedepth.apps.cli._depth_source import CameraOf, is_depth_file, open_depth
from onedepth.apps.cli._table import print_json
from onedepth.apps.summary import source_text
from onedepth.calibration import Pixel
from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError, OneDepthError
from onedepth.files.depth_formats import FORMATS
from onedepth.measure.calibrate import calibrate
from onedepth.measure.length import Length, decimals
from onedepth.measure.ruler import SMOOTH, Ruler
from onedepth.predict.depth_errors import DEFAULT_ERRORS, SENSOR_ERRORS, ErrorRange
from onedepth.predict.metadata import ModelInfo

_SAVED = tuple(suffix for row in FORMATS.values() if row.read for suffix in row.suffixes)
_STEEP = 45
"""Degrees of tilt beyond which a floor is doubted."""

_PARTS = ("scale", "depth", "focal", "pick")


@dataclass(frozen=True)
class Wanted:
    """What is to be measured."""

    pairs: Sequence[tuple[Pixel, Pixel]]
    heights: Sequence[Pixel]
    known: tuple[float, Pixel, Pixel] | None
    save: Path | None
    overwrite: bool = False

    def check(self) -> None:
        """Refuse a command that asks for nothing, or for a file that cannot be measured in or exists.

        Raises:
            ConfigError: Naming the option.
        """
        if self.save is not None:
            if self.save.suffix.lower() not in _SAVED:
                raise ConfigError(f"--save {self.save}: to measure in again it must be {', '.join(_SAVED)}")
            if self.save.exists() and not self.overwrite:
                raise ConfigError(f"--save {self.save}: exists; give another name, or --overwrite")
        if not self.pairs and not self.heights and self.known is None:
            raise ConfigError(
                "nothing to measure; give --points X,Y X,Y, --height X,Y or --known LENGTH X,Y X,Y"
            )


@dataclass(frozen=True)
class Scene:
    """What is measured in.

    Attributes:
        depthmap: The map, before calibration.
        errors: Error of its depth by range.
        basis: Where these errors come from, in words.
        modelled: Whether a model predicted it; otherwise a sensor measured it.
    """

    depthmap: DepthMap
    errors: Sequence[ErrorRange]
    basis: str
    modelled: bool

    @property
    def nature(self) -> tuple[Sequence[ErrorRange], bool, float]:
        """`errors`, `follows_focal` and `smooth` of `Ruler`."""
        return self.errors, self.modelled, SMOOTH if self.modelled else 0.0


@dataclass(frozen=True)
class Measured:
    """All results."""

    ruler: Ruler
    basis: str
    distances: list[tuple[tuple[Pixel, Pixel], Length]]
    heights: list[tuple[Pixel, Length]]
    saved: Path | None


def open_scene(
    file: Path, camera_of: CameraOf, model: str | None, device: str, sensor: bool, depth_scale: str | None
) -> Scene:
    """Predict a photo, or read a depth file.

    Raises:
        OneDepthError: It cannot be read, or --sensor is given for a photo.
    """
    if is_depth_file(file, depth_scale):
        depthmap = open_depth(file, camera_of, depth_scale, measured=sensor)
        if sensor:
            return Scene(depthmap, SENSOR_ERRORS, "a sensor's: 0.5 % of scale, 1 % of noise", False)
        return Scene(depthmap, *_errors_behind(depthmap.source, model), True)
    if sensor:
        raise ConfigError(f"--sensor: {file} is a photo, whose depth a model predicts; give a depth file")
    from onedepth.files.images import read_photo
    from onedepth.predict.predictor import load

    photo = read_photo(file)
    predictor = load(model, device)
    depthmap = predictor.predict(photo, camera_of(*photo.size), map_back=True)
    return Scene(depthmap, *_errors_of(predictor.info), True)


def _errors_behind(source: str | None, model: str | None) -> tuple[Sequence[ErrorRange], str]:
    """The table of the model that a file names as its source, if that is the one given or shipped."""
    from onedepth.predict.modelfile import find_model, open_session, read_info

    try:
        path = find_model(model)
        info = read_info(open_session(path, "cpu"), path)
    except OneDepthError:
        if model is not None:
            raise
        return DEFAULT_ERRORS, _DEFAULT_BASIS
    if model is None and source != f"{info.name} {info.version}":
        return DEFAULT_ERRORS, _DEFAULT_BASIS
    return _errors_of(info)


_DEFAULT_BASIS = "the default, measured for onedepth_v0"


def _errors_of(info: ModelInfo) -> tuple[Sequence[ErrorRange], str]:
    if info.depth_errors:
        return info.depth_errors, f"measured for {info.title}"
    return DEFAULT_ERRORS, _DEFAULT_BASIS


def measure(scene: Scene, wanted: Wanted) -> Measured:
    """Calibrate if a length is known, then measure, then save.

    Raises:
        OneDepthError: A pixel cannot be used, there is no floor, or the file cannot be written.
    """
    depthmap = scene.depthmap
    if wanted.known is not None:
        errors, follows_focal, smooth = scene.nature
        depthmap = calibrate(
            depthmap, *wanted.known, errors=errors, follows_focal=follows_focal, smooth=smooth
        )
    ruler = Ruler(depthmap, *scene.nature)
    distances = [(pair, ruler.distance(*pair)) for pair in wanted.pairs]
    heights = [(pixel, ruler.height(pixel)) for pixel in wanted.heights]
    if wanted.save is not None:
        depthmap.save(wanted.save)
    return Measured(ruler, scene.basis, distances, heights, wanted.save)


def show(measured: Measured, as_json: bool) -> None:
    """Print the results."""
    if as_json:
        print_json(_facts(measured))
        return
    for (first, second), length in measured.distances:
        say(f"{_name(first)} to {_name(second)}: {_line(length)}")
    for pixel, length in measured.heights:
        say(f"{_name(pixel)} above the floor: {_line(length)}")
    if measured.heights:
        floor = measured.ruler.floor
        say(
            f"floor: {floor.offset:.2f} m below the camera, tilted by {floor.tilt:.0f}°, "
            f"{floor.share:.0%} of the points"
        )
        if floor.tilt > _STEEP:
            say("note: a floor that steep is rarely one; --points from foot to top tells a height without it")
    known = measured.ruler.depthmap.calibration
    if known is not None:
        ends = " to ".join(map(_name, known.pixels))
        say(
            f"calibrated: {known.length:g} m from {ends}, depths times {known.factor:.4g} "
            f"(scale left uncertain by {known.uncertainty:.1%})"
        )
    say(f"focal length: {measured.ruler.camera.focal:.4g} px ({source_text(measured.ruler.camera)})")
    say(f"depth errors: {measured.basis}")
    if measured.saved is not None:
        say(f"saved: {measured.saved}")


def _name(pixel: Pixel) -> str:
    return f"{pixel[0]},{pixel[1]}"


def _line(length: Length) -> str:
    digits = 1 + decimals(length.uncertainty)
    parts = ", ".join(f"{name} {getattr(length, name):.{digits}f}" for name in _PARTS)
    return f"{length}  ({parts})"


def _facts(measured: Measured) -> dict[str, Any]:
    ruler = measured.ruler
    known = ruler.depthmap.calibration
    facts: dict[str, Any] = {
        "distances": [
            {"pixels": [list(pixel) for pixel in pair], **_numbers(length)}
            for pair, length in measured.distances
        ],
        "heights": [{"pixel": list(pixel), **_numbers(length)} for pixel, length in measured.heights],
        "floor": None,
        "calibration": None if known is None else known.to_dict(),
        "focal": ruler.camera.focal,
        "focal_source": ruler.camera.focal_source,
        "focal_uncertainty": ruler.camera.focal_uncertainty,
        "depth_errors": measured.basis,
    }
    if measured.heights:
        floor = ruler.floor
        facts["floor"] = {
            "normal": list(floor.normal),
            "offset": floor.offset,
            "tilt": floor.tilt,
            "share": floor.share,
        }
    return facts


def _numbers(length: Length) -> dict[str, Any]:
    parts = {name: getattr(length, name) for name in _PARTS}
    return {"metres": length.metres, "uncertainty": length.uncertainty, "parts": parts}
