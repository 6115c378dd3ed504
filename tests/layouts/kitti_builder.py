"""A tiny KITTI recording: one day, drives of a few frames, LiDAR points whose depth is known."""

from pathlib import Path

import numpy as np
from pictures import numbers, picture, text

DAY = "2011_09_26"
WIDTH, HEIGHT = 48, 30
FOCAL, CX, CY = 40.0, 22.5, 14.0  # pixel centres at integers, as KITTI writes them
TO_LEFT, BASELINE = 0.06, 0.54  # camera 2 lies 6 cm left of camera 0, camera 3 to its right


def turn(x: float, y: float, z: float) -> np.ndarray:
    """A rotation about three axes, in radians."""
    (a, b, c), (d, e, f) = np.cos([x, y, z]), np.sin([x, y, z])
    about_x = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    about_y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    return np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]]) @ about_y @ about_x


# LiDAR (x forward, y left, z up) to camera (x right, y down, z forward), and a little of both.
VELO_R = turn(0.01, -0.02, 0.005) @ np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
VELO_T = np.array([-0.004, -0.076, -0.27])
RECT = turn(0.008, 0.01, -0.007)
IMU_R, IMU_T = turn(0.001, 0.002, -0.015), np.array([-0.81, 0.32, -0.8])


def projection(shift: float) -> np.ndarray:
    """P = K [I | t] of a camera that lies `shift` metres left of camera 0."""
    k = np.array([[FOCAL, 0, CX], [0, FOCAL, CY], [0, 0, 1]])
    return k @ np.column_stack([np.eye(3), [shift, 0.002, 0.003]])


PROJECTIONS = {2: projection(TO_LEFT), 3: projection(TO_LEFT - BASELINE)}


def scan(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A few LiDAR points (N, 4) far apart in the image, and (N, 3) column, row, depth in camera 2."""
    rng = np.random.default_rng(seed)
    cells = np.stack(np.meshgrid(np.arange(4, WIDTH, 12), np.arange(3, HEIGHT, 9)), -1).reshape(-1, 2)
    depth = rng.uniform(9.6, 10.4, len(cells))  # so alike that none hides another
    seen = np.column_stack([(cells + rng.uniform(-0.3, 0.3, cells.shape)) * depth[:, None], depth])
    rectified = (seen - PROJECTIONS[2][:, 3]) @ np.linalg.inv(PROJECTIONS[2][:, :3]).T
    points = (rectified @ RECT - VELO_T) @ VELO_R
    return np.column_stack([points, np.ones(len(points))]).astype("<f4"), np.column_stack([cells, depth])


def write_day(root: Path, *, imu: bool = True) -> Path:
    """Calibration files of a day."""
    day = root / DAY
    lines = ["calib_time: 09-Jan-2012 13:57:47", f"R_rect_00: {numbers(RECT)}"]
    for side, matrix in PROJECTIONS.items():
        lines += [f"S_rect_0{side}: {WIDTH:e} {HEIGHT:e}", f"P_rect_0{side}: {numbers(matrix)}"]
    text(day / "calib_cam_to_cam.txt", "\n".join(lines) + "\n")
    text(day / "calib_velo_to_cam.txt", f"R: {numbers(VELO_R)}\nT: {numbers(VELO_T)}\n")
    if imu:
        text(day / "calib_imu_to_velo.txt", f"R: {numbers(IMU_R)}\nT: {numbers(IMU_T)}\n")
    return day


def write_drive(
    root: Path, number: int = 1, frames: int = 3, *, suffix: str = ".png", without_scan: tuple[int, ...] = ()
) -> Path:
    """Images of both cameras, scans and timestamps of a drive."""
    folder = root / DAY / f"{DAY}_drive_{number:04d}_sync"
    for frame in range(frames):
        for side in (2, 3):
            picture(folder / f"image_0{side}" / "data" / f"{frame:010d}{suffix}", WIDTH, HEIGHT)
        if frame not in without_scan:
            path = folder / "velodyne_points" / "data" / f"{frame:010d}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(scan(frame)[0].tobytes())
    stamps = "".join(f"2011-09-26 13:02:{25 + frame / 10:012.9f}\n" for frame in range(frames))
    for side in (2, 3):
        text(folder / f"image_0{side}" / "timestamps.txt", stamps)
    return folder
