"""Lengths, heights and planes in metres from a depth map and its camera, each with its uncertainty."""

from onedepth.calibration import Calibration
from onedepth.measure.calibrate import calibrate
from onedepth.measure.edges import depth_edges
from onedepth.measure.length import Length
from onedepth.measure.planes import Plane, find_floor, fit_plane
from onedepth.measure.ruler import Ruler

__all__ = ["Calibration", "Length", "Plane", "Ruler", "calibrate", "depth_edges", "find_floor", "fit_plane"]
