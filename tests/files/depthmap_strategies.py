"""Random depth maps of every kind for property-based tests."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from onedepth.camera import Camera
from onedepth.depthmap import KINDS, DepthMap
from onedepth.distortion import RadialTangential

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=7)


@st.composite
def cameras(draw: Any, width: int, height: int) -> Camera:
    focal = st.floats(0.3, 3).map(lambda f: f * max(width, height))
    lens = st.none() | st.builds(RadialTangential, *[st.floats(-1e-3, 1e-3)] * 4)
    return Camera(
        width=width,
        height=height,
        fx=draw(focal),
        fy=draw(focal),
        cx=draw(st.floats(0, width)),
        cy=draw(st.floats(0, height)),
        distortion=draw(lens),
        focal_source=draw(st.sampled_from(["given", "exif", "assumed"])),
        focal_uncertainty=draw(st.floats(0, 0.5)),
    )


@st.composite
def depthmaps(draw: Any, kinds: tuple[str, ...] = KINDS, span: float = 1e30) -> DepthMap:
    """Maps whose depths lie within a factor `span` of each other."""
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(kinds))
    if kind == "affine_disparity":
        numbers = st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=False)
    else:
        least = draw(st.floats(1e-3, 1e3)) if span < 1e30 else 1e-30
        low = float(np.float32(least))
        high = float(np.float32(min(least * span, 1e30)))
        numbers = st.floats(low, high, width=32)
    values = draw(hnp.arrays(np.float32, shape, elements=numbers))
    valid = draw(hnp.arrays(np.bool_, shape))
    camera = draw(st.none() | cameras(shape[1], shape[0]))
    return DepthMap(values, kind, camera, valid, draw(st.none() | st.text(max_size=20)))


def reload(depthmap: DepthMap, name: str, **options: Any) -> DepthMap:
    with tempfile.TemporaryDirectory() as folder:
        depthmap.save(Path(folder) / name, **options)
        return DepthMap.load(Path(folder) / name)


def assert_same_description(found: DepthMap, expected: DepthMap) -> None:
    assert found.kind == expected.kind
    assert found.unit == expected.unit
    assert found.camera == expected.camera
    assert found.source == expected.source
    np.testing.assert_array_equal(found.valid, expected.valid)


def metric(height: int = 4, width: int = 6, *, holes: bool = True) -> DepthMap:
    """A small fixed map, 1 m to 3 m, with one invalid pixel."""
    values = np.linspace(1, 3, height * width, dtype=np.float32).reshape(height, width)
    if holes:
        values[1, 2] = 0
    return DepthMap(values, "metric", Camera.from_fov(60, width, height), source="test")
