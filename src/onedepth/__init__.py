"""OneDepth: metric depth from a single image, for any camera, learnt from whatever depth data people have.

>>> import onedepth
>>> depth = onedepth.load().predict("photo.jpg").depth  # float32 (H, W), metres  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from onedepth.errors import OneDepthError

if TYPE_CHECKING:
    from onedepth.camera import Camera
    from onedepth.depthmap import DepthMap
    from onedepth.files.images import Photo, read_photo
    from onedepth.predict import Predictor, load

__version__ = "0.1.0"

__all__ = ["Camera", "DepthMap", "OneDepthError", "Photo", "Predictor", "__version__", "load", "read_photo"]

_HOME = {
    "Camera": "onedepth.camera",
    "DepthMap": "onedepth.depthmap",
    "Photo": "onedepth.files.images",
    "Predictor": "onedepth.predict",
    "load": "onedepth.predict",
    "read_photo": "onedepth.files.images",
}
"""Where each public name lives; its module is imported at first use, which keeps `import onedepth` quick."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
