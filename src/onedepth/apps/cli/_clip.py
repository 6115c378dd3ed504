"""A clip from the command line: opened, and told what its camera and its times are taken for."""

from __future__ import annotations

from pathlib import Path

from onedepth.apps.cli._app import say
from onedepth.apps.summary import source_text
from onedepth.track.frames import CameraOf, Frames, open_frames


def is_kept(output: Path, overwrite: bool) -> bool:
    """Whether a result is there already and stays; that is said."""
    if overwrite or not output.is_file():
        return False
    say(f"{output}: exists (kept; --overwrite replaces it)")
    return True


def open_clip(name: str, camera_of: CameraOf, fps: float | None, scene: str | None) -> Frames:
    """Open a clip and say its focal length: wrong metres mostly come from a wrong one.

    Raises:
        OneDepthError: As `open_frames`, and if the first frame cannot be read.
    """
    clip = open_frames(name, camera_of=camera_of, rate=fps, scene=scene)
    camera = clip.at(0).camera
    say(f"{name}: {len(clip)} frames, focal length {camera.focal:.4g} px ({source_text(camera)})")
    return clip
