"""Whether a camera can belong to its image."""

from __future__ import annotations

from collections.abc import Iterator

from onedepth.camera import Camera
from onedepth.check.kinds import Finding

_FOCAL = (0.15, 15.0)  # of the larger side: 147 to 4 degrees
_ASPECT = (0.8, 1.25)  # fy / fx; anamorphic lenses are rarer than swapped numbers


def camera_findings(camera: Camera, size: tuple[int, int]) -> Iterator[Finding]:
    """What disagrees between a camera and the size (width, height) of its image, in pixels."""
    if camera.size != size:
        hint = "; the image lies on its side (EXIF is not applied)" if camera.size == size[::-1] else ""
        text = f"camera is for {camera.width}x{camera.height}, the image is {size[0]}x{size[1]}{hint}"
        yield Finding("camera_size", text)
        return
    odd = list(_oddities(camera))
    if odd:
        yield Finding("camera", "; ".join(odd))


def _oddities(camera: Camera) -> Iterator[str]:
    if not (0 <= camera.cx <= camera.width and 0 <= camera.cy <= camera.height):
        yield f"principal point ({camera.cx:.5g}, {camera.cy:.5g}) lies outside the image"
    share = camera.focal / max(camera.size)
    if not _FOCAL[0] <= share <= _FOCAL[1]:
        sizes = f"{camera.focal:.5g} px for {max(camera.size)} px of image"
        yield f"focal length of {sizes} ({camera.fov:.3g} degrees)"
    aspect = camera.fy / camera.fx
    if not _ASPECT[0] <= aspect <= _ASPECT[1]:
        yield f"fy is {aspect:.3g} times fx"
