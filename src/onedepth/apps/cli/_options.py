"""Options that several commands have, spelled and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Focal = Annotated[float | None, typer.Option("--focal", help="Focal length in pixels.", metavar="PX")]
Fov = Annotated[
    float | None, typer.Option("--fov", help="Horizontal field of view in degrees.", metavar="DEG")
]
CameraFile = Annotated[
    Path | None,
    typer.Option("--camera", help="Camera file: OneDepth JSON, ROS YAML, COLMAP cameras.txt or KITTI calib."),
]
CameraName = Annotated[
    str | None,
    typer.Option("--camera-name", help="Which camera of a COLMAP or KITTI file: its id, or P2, K_02, ..."),
]
ModelFile = Annotated[
    str | None, typer.Option("--model", help="Model file; without it the one that is shipped.")
]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, coreml, ... (see `onedepth doctor`).")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")]
DepthScale = Annotated[
    str | None,
    typer.Option(
        "--depth-scale",
        metavar="NAME",
        help="Of a depth file of another program: its steps per metre, mm, tum, kitti, ... or a number.",
    ),
]
