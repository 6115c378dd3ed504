"""Models under evaluation: whatever makes depth or disparity of a photo, and says which of the two it is."""

from onedepth.evaluate.models.base import Model, View
from onedepth.evaluate.models.opening import open_model, open_models

__all__ = ["Model", "View", "open_model", "open_models"]
