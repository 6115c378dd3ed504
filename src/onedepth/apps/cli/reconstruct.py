"""`onedepth reconstruct`: frames and their path become one mesh."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onedepth.apps.cli._app import say
from onedepth.apps.cli._options import CameraFile, CameraName, Device, Focal, Fov, ModelFile, Overwrite

_LITTLE = 0.5  # share of the depth in reach below which the user hears of it
_SAME = 0.01  # relative difference of two focal lengths that are still the same


def reconstruct(
    frames: Annotated[
        str,
        typer.Argument(help="A video, a folder of frames, a scene folder or a manifest.", metavar="FRAMES"),
    ],
    path: Annotated[
        Path, typer.Option("--path", help="Path of the camera, TUM or KITTI (`onedepth track`).")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Mesh: .ply, .glb, .obj or .stl.")] = Path(
        "mesh.ply"
    ),
    depth: Annotated[str, typer.Option(help="predicted, or labels (true depth).")] = "predicted",
    voxel: Annotated[float, typer.Option(help="Edge of a voxel in metres.")] = 0.02,
    max_depth: Annotated[float, typer.Option(help="Depth beyond it is not used, metres.")] = 5.0,
    max_memory: Annotated[float, typer.Option(help="Megabytes that the volume may take.")] = 2000.0,
    every: Annotated[int, typer.Option(help="Use every n-th frame.", min=1)] = 1,
    focal: Focal = None,
    fov: Fov = None,
    camera: CameraFile = None,
    camera_name: CameraName = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second, as given to `track`.")] = None,
    scene: Annotated[str | None, typer.Option(help="Scene of a manifest with several.")] = None,
    model: ModelFile = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Fuse the depth of frames along a path into one mesh (TSDF), in metres; lost frames are left out."""
    from onedepth.apps.cli._clip import is_kept, open_clip
    from onedepth.apps.cli._predict_options import camera_chooser
    from onedepth.apps.cli._progress import progress
    from onedepth.errors import ConfigError
    from onedepth.predict.predictor import load
    from onedepth.reconstruct.fuse import FuseOptions, check_mesh_path, write_mesh
    from onedepth.reconstruct.run import fuse
    from onedepth.track.run import depth_source
    from onedepth.track.trajectory import read_trajectory

    check_mesh_path(output)
    options = FuseOptions(voxel=voxel, max_depth=max_depth, max_memory=max_memory)
    if depth == "none":
        raise ConfigError("--depth none: a surface needs depth; expected predicted or labels")
    trajectory = read_trajectory(path)
    camera_of = camera_chooser(focal, fov, camera, camera_name)
    if is_kept(output, overwrite):
        return
    clip = open_clip(frames, camera_of, fps, scene)
    focal = clip.at(0).camera.focal
    if trajectory.focal is not None and abs(trajectory.focal / focal - 1) > _SAME:
        say(
            f"warning: {path} was made with a focal length of {trajectory.focal:.4g} px, the frames are "
            f"taken for {focal:.4g} px; give both commands the same --focal, --fov or --camera",
            err=True,
        )
    depth_of = depth_source(depth, lambda: load(model, device))
    assert depth_of is not None
    with progress("Fusing", -(-len(clip) // every), "frames/s") as advance:
        fusion = fuse(clip, trajectory, depth_of, options, every, advance)
    mesh = fusion.mesh()
    write_mesh(mesh, output)
    size = f"{len(mesh.vertices)} vertices, {len(mesh.triangles)} triangles"
    if fusion.within < _LITTLE:
        share = f"{100 * fusion.within:.0f} %" if fusion.within >= 0.01 else "less than 1 %"
        say(f"note: {share} of the depth was within --max-depth {max_depth:g}; the rest was not used")
    say(f"{output}: {size} from {fusion.frames} frames ({fusion.megabytes:.0f} MB of voxels)")
