"""Frames with depth and a path become one surface. Needs Open3D: `pip install onedepth[geometry]`."""
