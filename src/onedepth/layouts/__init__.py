"""Readers of data sets as they are downloaded: a layout's name -> a function from a folder to records."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from onedepth.camera import Camera
from onedepth.manifest.record import Encoding, LabelKind, Quantity, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutOptions:
    """What a reader may be told; a reader refuses an option that it has no use for.

    Attributes:
        split: Which part to list; every part when None.
        kind: What the labels mean, where the layout leaves it open.
        quantity: Depth, distance or disparity, where the layout leaves it open.
        encoding: How labels are stored, where the layout leaves it open.
        scale: Metres (or units) per stored step, where the layout leaves it open.
        scale_name: Which usual scale of whole numbers was named (`mm`), if `scale` was given by name.
        camera: Camera of every image, where the layout holds none.
    """

    split: str | None = None
    kind: LabelKind | None = None
    quantity: Quantity | None = None
    encoding: Encoding | None = None
    scale: float | None = None
    scale_name: str | None = None
    camera: Camera | None = None


Reader = Callable[[Path, LayoutOptions], Iterator[Record]]

# Name on the command line -> what it reads. The module of the same name (underscores) defines `read`.
LAYOUTS: dict[str, str] = {
    "scenes": "scene.json beside NNNNNN.jpg and 16-bit NNNNNN.png",
    "twin-folders": "images/ and depth/ with files of the same names; --scale, --kind, --camera",
    "nyu-v2": "NYU Depth v2: nyu_depth_v2_labeled.mat, or the exported rgb/ + depth/ layouts",
    "kitti-raw": "KITTI raw drives with LiDAR; --split eigen, eigen-zhou, ...",
    "kitti-depth": "KITTI depth prediction: proj_depth/groundtruth beside the raw drives, and the selection",
    "kitti-odometry": "KITTI odometry: sequences/NN with calib.txt, velodyne/ and poses/",
    "virtual-kitti-2": "Virtual KITTI 2: SceneNN/variant/frames",
    "tum-rgbd": "TUM RGB-D: rgb.txt, depth.txt, groundtruth.txt, joined by time",
    "scannet": "ScanNet exported: color/, depth/, pose/, intrinsic/",
    "seven-scenes": "7-Scenes: seq-NN/frame-NNNNNN.{color,depth,pose}.*",
    "diode": "DIODE: scene/scan with *_depth.npy and *_depth_mask.npy",
    "eth3d": "ETH3D high-resolution multi-view: images/, ground_truth_depth/, dslr_calibration_*",
    "sintel": "MPI Sintel: clean|final, depth/*.dpt, camdata_left/*.cam",
    "middlebury": "Middlebury stereo 2006, 2014 and 2021: im0/im1, calib.txt, disp*.pfm",
    "tartanair": "TartanAir: image_left/, depth_left/*.npy, pose_left.txt",
    "hypersim": "Hypersim: images/scene_cam_NN_final_preview + geometry_hdf5 (distance)",
    "megadepth": "MegaDepth v1: phoenix/S6/zl548/MegaDepth_v1/*/dense*/{imgs,depths}",
    "redweb": "ReDWeb v1: Imgs/ + RDs/ (relative disparity)",
    "colmap": "COLMAP reconstruction: sparse model (text or binary) + images -> scaled sparse depth",
    "nerfstudio": "nerfstudio transforms.json with depth_file_path",
    "arkitscenes": "ARKitScenes: lowres_wide/, lowres_depth/, confidence/ -> coarse",
    "record3d": "Record3D export: rgbd/N.jpg + N.depth -> coarse",
    "polycam": "Polycam raw export: keyframes/{images,depth,confidence,cameras} -> coarse",
    "ultralytics": "data set YAML in the Ultralytics manner: path, train, val; depth twins beside images",
    "moge": "MoGe evaluation folders: image.jpg, depth.png, meta.json",
    "video": "a video file, or a folder of them -> video",
}  # fmt: skip


def reader(name: str) -> Reader:
    """Find the reader of a layout.

    Raises:
        ConfigError: The name is unknown; the nearest known one is named.
    """
    import difflib

    from onedepth.errors import ConfigError

    if name not in LAYOUTS:
        close = difflib.get_close_matches(name, LAYOUTS, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(LAYOUTS)}"
        raise ConfigError(f"layout {name!r} is unknown; {hint}")
    read: Reader = importlib.import_module(f"onedepth.layouts.{name.replace('-', '_')}").read
    return read
