"""Pictures with depth: blur, haze and other views of a photo, as functions of its pixels and depth map."""

from onedepth.effects.bokeh import refocus
from onedepth.effects.haze import defog, fog
from onedepth.effects.views import anaglyph, parallax, shifted, stereo

__all__ = ["anaglyph", "defog", "fog", "parallax", "refocus", "shifted", "stereo"]
