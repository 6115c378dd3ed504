"""The effects of `onedepth effect` by name: which words each knows, its defaults, and its making."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth import effects
from onedepth.apps.cli._depth_source import CameraOf, is_depth_file, open_depth
from onedepth.depthmap import DepthMap
from onedepth.effects.haze import FOG_LIGHT, density_of
from onedepth.effects.light import full_depth
from onedepth.effects.views import widest
from onedepth.errors import ConfigError, DepthMapError
from onedepth.files.atomic import write_bytes
from onedepth.files.images import read_photo

_RATE = 30
_PICTURES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
}


@dataclass(frozen=True)
class Words:
    """The numbers on the command line; None for those that were not said. Lengths as their options say."""

    focus: float | None = None
    at: tuple[float, float] | None = None
    aperture: float | None = None
    visibility: float | None = None
    light: tuple[int, int, int] | None = None
    baseline: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo and its depth, of one size."""

    pixels: npt.NDArray[np.uint8]
    depth: DepthMap


@dataclass(frozen=True)
class Effect:
    """One effect.

    Attributes:
        words: Names of the words it knows.
        make: (scene, words, output) -> what it says of its numbers.
        film: Whether it makes a clip.
    """

    words: tuple[str, ...]
    make: Callable[[Scene, Words, Path], str]
    film: bool = False


_RANGES: Mapping[str, tuple[float, float, str]] = {
    "focus": (0, math.inf, "metres above 0"),
    "aperture": (-1e-9, 1000, "millimetres from 0 to 1000 (a portrait lens has 50)"),
    "visibility": (0, math.inf, "metres above 0"),
    "seconds": (0, 600, "more than 0, at most 600"),
}
"""Word -> above what it must be, its largest value, and both in words."""


def check(name: str, words: Words, output: Path, photo: Path) -> None:
    """Refuse what cannot be made before anything is read.

    Raises:
        ConfigError: Unknown effect, a word of another effect, or a name that the effect cannot write to.
    """
    if name not in EFFECTS:
        raise ConfigError(f"{name}: unknown effect; expected one of {', '.join(EFFECTS)}")
    for field in fields(words):
        if getattr(words, field.name) is not None and field.name not in EFFECTS[name].words:
            known = ", ".join(f"--{word}" for word in EFFECTS[name].words)
            raise ConfigError(f"--{field.name} is not for {name}, which knows {known}")
    if words.focus is not None and words.at is not None:
        raise ConfigError("--focus and --at both say what stays sharp; give one of them")
    for word, (least, most, what) in _RANGES.items():
        value = getattr(words, word)
        if value is not None and not least < value <= most:
            raise ConfigError(f"--{word} {value:g}: expected {what}")
    if words.light is not None and not all(0 <= part <= 255 for part in words.light):
        shown = " ".join(map(str, words.light))
        raise ConfigError(f"--light {shown}: expected three numbers from 0 to 255")
    _check_name(output, EFFECTS[name].film)
    if output.exists() and photo.exists() and output.samefile(photo):
        raise ConfigError(f"-o {output}: would replace the photo; give another name")


def _check_name(output: Path, film: bool) -> None:
    if film:
        from onedepth.video.writing import check_film

        check_film(output)
    elif output.suffix.lower() not in _PICTURES:
        raise ConfigError(f"-o {output}: pictures are written as {', '.join(_PICTURES)}")
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise ConfigError(f"-o {output}: expected a file's name in a folder that exists")


def open_scene(
    photo: Path,
    depth: Path | None,
    camera_of: CameraOf,
    model: str | None,
    device: str,
    depth_scale: str | None = None,
) -> Scene:
    """Read a photo and its depth, or predict it.

    Raises:
        OneDepthError: Something cannot be read, or the sizes differ.
    """
    if is_depth_file(photo, None):
        raise ConfigError(f"{photo}: holds depth; give the photo, and this with --depth")
    image = read_photo(photo)
    if depth is None:
        from onedepth.predict.predictor import load

        prediction = load(model, device).predict_view(image, camera_of(*image.size))
        return Scene(prediction.pixels, prediction.depth)
    found = open_depth(depth, camera_of, depth_scale)
    if found.shape != image.pixels.shape[:2]:
        (height, width), (across, down) = found.shape, image.size
        raise DepthMapError(
            f"{depth}: is {width}x{height}, but {photo} is {across}x{down}; give its own depth"
        )
    if found.camera is None:
        raise ConfigError(f"{depth}: carries no camera; give --focal, --fov or --camera")
    return Scene(image.pixels, found)


def make(name: str, words: Words, scene: Scene, output: Path) -> str:
    """Make an effect, write it, and return what its numbers were.

    Raises:
        OneDepthError: Impossible numbers, or the output cannot be written.
    """
    return EFFECTS[name].make(scene, words, output)


def _bokeh(scene: Scene, words: Words, output: Path) -> str:
    focus = words.focus if words.focus is not None else _depth_at(scene, words.at)
    aperture = 40.0 if words.aperture is None else words.aperture
    _write(output, effects.refocus(scene.pixels, scene.depth, focus, aperture / 1000))
    return f"focus {focus:.3g} m, aperture {aperture:g} mm"


def _fog(scene: Scene, words: Words, output: Path) -> str:
    visibility = _visibility(scene, words)
    light = FOG_LIGHT if words.light is None else words.light
    _write(output, effects.fog(scene.pixels, scene.depth, density_of(visibility), light))
    return f"visibility {visibility:.3g} m"


def _defog(scene: Scene, words: Words, output: Path) -> str:
    visibility = _visibility(scene, words, 3.0)  # too little leaves some fog; too much leaves black
    _write(output, effects.defog(scene.pixels, scene.depth, density_of(visibility), words.light))
    return f"visibility {visibility:.3g} m"


def _pair(
    function: Callable[..., npt.NDArray[np.uint8]],
) -> Callable[[Scene, Words, Path], str]:
    def pair(scene: Scene, words: Words, output: Path) -> str:
        screen = _depth_at(scene, words.at)
        baseline = _baseline(scene, words, screen)
        _write(output, function(scene.pixels, scene.depth, baseline, screen))
        return f"baseline {1000 * baseline:.3g} mm, in place {screen:.3g} m"

    return pair


def _parallax(scene: Scene, words: Words, output: Path) -> str:
    from onedepth.video.writing import film

    screen = _depth_at(scene, words.at)
    baseline = _baseline(scene, words, screen)
    frames = max(2, round(_RATE * (3.0 if words.seconds is None else words.seconds)))
    views = effects.parallax(scene.pixels, scene.depth, baseline, screen, frames)
    with film(output, None, Fraction(_RATE), lambda depth, view: view) as sink:
        for number, view in enumerate(views):
            sink.put(scene.depth, view, Fraction(number, _RATE))
    return f"baseline {1000 * baseline:.3g} mm, in place {screen:.3g} m, {frames} frames"


EFFECTS: Mapping[str, Effect] = {
    "bokeh": Effect(("focus", "at", "aperture"), _bokeh),
    "fog": Effect(("visibility", "light"), _fog),
    "defog": Effect(("visibility", "light"), _defog),
    "parallax": Effect(("at", "baseline", "seconds"), _parallax, film=True),
    "stereo": Effect(("at", "baseline"), _pair(effects.stereo)),
    "anaglyph": Effect(("at", "baseline"), _pair(effects.anaglyph)),
}


def _depth_at(scene: Scene, at: tuple[float, float] | None) -> float:
    """Metres at a pixel, or the median depth of the middle of the photo."""
    depth = full_depth(scene.depth)
    height, width = depth.shape
    if at is None:
        return float(
            np.median(depth[height // 3 : -(height // 3) or None, width // 3 : -(width // 3) or None])
        )
    x, y = at
    if not (0 <= x < width and 0 <= y < height):
        raise ConfigError(f"--at {x:g} {y:g}: outside the photo of {width}x{height} pixels")
    return float(depth[int(y), int(x)])


def _visibility(scene: Scene, words: Words, times: float = 1.0) -> float:
    """The one said, or so many times that in which half of the light comes through from the median depth."""
    if words.visibility is not None:
        return words.visibility
    return times * float(np.median(full_depth(scene.depth))) / math.log(2) * -math.log(0.05)


def _baseline(scene: Scene, words: Words, screen: float) -> float:
    """Metres: the one said, or that at which the nearest things move by a fortieth of the width."""
    if words.baseline is not None:
        most = 2000 * widest(scene.depth, screen)  # half of it to each side
        if not abs(words.baseline) <= most:
            raise ConfigError(
                f"--baseline {words.baseline:g}: something would move by more than a fifth of the photo; "
                f"at most {most:.0f} mm in this one"
            )
        return words.baseline / 1000
    nearest = float(np.quantile(full_depth(scene.depth), 0.02))
    camera = scene.depth.camera
    focal = scene.depth.shape[1] if camera is None else camera.focal
    return scene.depth.shape[1] / 40 * nearest / focal


def _write(output: Path, pixels: npt.NDArray[np.uint8]) -> None:
    from PIL import Image

    name, options = _PICTURES[output.suffix.lower()]
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, name, **options)
    except (OSError, ValueError) as error:
        raise ConfigError(f"-o {output}: {name} cannot hold this picture; use .png ({error})") from error
    write_bytes(output, buffer.getbuffer())
