"""`onedepth effect`: blur, haze and other views of a photo by its depth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onedepth.apps.cli._app import say
from onedepth.apps.cli._options import (
    CameraFile,
    CameraName,
    DepthScale,
    Device,
    Focal,
    Fov,
    ModelFile,
    Overwrite,
)
from onedepth.errors import ConfigError


def effect(
    name: Annotated[str, typer.Argument(help="bokeh, fog, defog, parallax, stereo or anaglyph.")],
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Picture (.jpg, .png, .webp); of parallax a .mp4.")
    ],
    depth: Annotated[
        Path | None, typer.Option(help="Its depth file; without it depth is predicted.", metavar="FILE")
    ] = None,
    depth_scale: DepthScale = None,
    focus: Annotated[float | None, typer.Option(help="bokeh: metres that stay sharp.", metavar="M")] = None,
    at: Annotated[
        tuple[float, float] | None,
        typer.Option(help="bokeh: what stays sharp; parallax, stereo, anaglyph: in place.", metavar="X Y"),
    ] = None,
    aperture: Annotated[
        float | None, typer.Option(help="bokeh: diameter of the lens; 40 by default.", metavar="MM")
    ] = None,
    visibility: Annotated[
        float | None, typer.Option(help="fog, defog: how far one sees.", metavar="M")
    ] = None,
    light: Annotated[
        tuple[int, int, int] | None, typer.Option(help="fog, defog: its colour, 0 to 255.", metavar="R G B")
    ] = None,
    baseline: Annotated[
        float | None, typer.Option(help="parallax, stereo, anaglyph: between the views.", metavar="MM")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="parallax: length; 3 by default.")] = None,
    focal: Focal = None,
    fov: Fov = None,
    camera: CameraFile = None,
    camera_name: CameraName = None,
    model: ModelFile = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Make a picture, or a clip, of a photo and its depth.

    Without numbers of its own every effect chooses some that suit the photo, and says them.
    """
    from onedepth.apps.cli import _effect_run as effects
    from onedepth.apps.cli._predict_options import camera_chooser

    words = effects.Words(focus, at, aperture, visibility, light, baseline, seconds)
    effects.check(name, words, output, photo)
    camera_of = camera_chooser(focal, fov, camera, camera_name)
    if output.exists() and not overwrite:
        say(f"{output}: exists (kept; --overwrite replaces it)")
        return
    if depth_scale is not None and depth is None:
        raise ConfigError("--depth-scale is for a depth file; give --depth FILE as well")
    scene = effects.open_scene(photo, depth, camera_of, model, device, depth_scale)
    say(f"{output}: {effects.make(name, words, scene, output)}")
