"""Hand depth maps with their cameras and poses over to COLMAP, nerfstudio, Open3D and rerun."""

from onedepth.interop.colmap import write_colmap
from onedepth.interop.nerfstudio import write_nerfstudio
from onedepth.interop.open3d_objects import to_open3d, to_open3d_rgbd
from onedepth.interop.rerun_log import to_rerun
from onedepth.interop.view import View

__all__ = ["View", "to_open3d", "to_open3d_rgbd", "to_rerun", "write_colmap", "write_nerfstudio"]
