"""Both ways into the canonical camera give the same metres, whatever was done to the photo before."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onedepth.camera import Camera
from onedepth.data.sample import Sample
from onedepth.data.transforms import Augment, augment
from onedepth.networks.config import STRIDE, NetworkConfig
from onedepth.train.export.verify import metres_from_resized

ROUTES = ("cstm_label", "cstm_image")
PHOTO = Camera(width=640, height=480, fx=520.0, fy=500.0, cx=310.0, cy=250.0)
CHANGES = {
    "as it is": lambda c: c,
    "resized": lambda c: c.resize(901, 507),
    "cropped": lambda c: c.crop(100, 40, 400, 300),
    "padded": lambda c: c.pad(64, 0, 32, 48),
    "flipped": lambda c: c.flip(),
    "zoomed": lambda c: c.zoom(1.7),
}


def inverse_plane(camera: Camera) -> np.ndarray:
    """A slanted plane n.X = 1 as 1/z = n.ray, which a camera sees as an affine map of its pixels."""
    return camera.rays() @ np.array([0.05, 0.1, 0.25], np.float32)


def metres_through(config: NetworkConfig, photo: Camera) -> np.ndarray:
    """Metres of the plane by an oracle that answers exactly what the canonical camera would see."""

    def oracle(resized: torch.Tensor) -> torch.Tensor:
        seen = photo.resize(resized.shape[3], resized.shape[2])
        canonical = config.canonical_focal / seen.focal / inverse_plane(seen)
        return torch.from_numpy(canonical.astype(np.float32))[None, None]

    oracle.config = config
    width, height = config.input_size(photo.width, photo.height, photo.focal)
    resized = torch.zeros(1, 3, height, width, dtype=torch.uint8)
    return metres_from_resized(oracle, resized, (photo.height, photo.width), (photo.fx, photo.fy)).numpy()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("change", CHANGES)
def test_an_oracle_gives_the_true_metres_by_either_route(route, change):
    photo = CHANGES[change](PHOTO)
    config = NetworkConfig(canonical=route, canonical_focal=300.0)
    metres = metres_through(config, photo)
    inside = (slice(16, -16), slice(16, -16))  # the last resize has nothing to interpolate with at the border
    np.testing.assert_allclose(metres[inside] * inverse_plane(photo)[inside], 1.0, atol=2e-3)


def test_a_zoomed_photo_has_the_metres_of_the_window_it_shows():
    config = NetworkConfig()
    whole, zoomed = metres_through(config, PHOTO), metres_through(config, PHOTO.zoom(2.0))
    # The zoomed photo's centre pixel block (2 x 2) is one pixel of the plain photo.
    plain = whole[200:280, 270:370]
    shown = zoomed[160:320, 220:420].reshape(80, 2, 100, 2).mean((1, 3))
    np.testing.assert_allclose(shown, plain, rtol=3e-3)


@given(
    width=st.integers(64, 4000),
    height=st.integers(64, 4000),
    focal=st.floats(50, 8000),
    budget=st.integers(64 * 64, 512 * 512),
)
def test_image_route_brings_the_focal_to_the_canonical_one_within_its_budget(width, height, focal, budget):
    config = NetworkConfig(canonical="cstm_image", canonical_focal=250.0, pixel_budget=budget)
    wide, high = config.input_size(width, height, focal)
    assert wide % STRIDE == high % STRIDE == 0
    ratio = min(250.0 / focal, math.sqrt(budget / (width * height)))
    for side, exact in ((wide, width * ratio), (high, height * ratio)):
        assert side == STRIDE or abs(side - exact) <= STRIDE / 2 + 1e-6


@pytest.mark.parametrize("focal", [150.0, 260.0, 400.0])
def test_training_crops_towards_the_canonical_focal(focal):
    camera = Camera.from_focal(focal, 384, 288)
    flat = np.ones((288, 384), np.float32)
    sample = Sample("a", np.zeros((288, 384, 3), np.uint8), flat, camera)
    still = Augment(whole=1, flip=0, colour=0, blur=0, noise=0)
    out = augment(sample, (128, 96), still, np.random.default_rng(0), canonical_focal=200.0)
    largest = min(384 / 128, 288 / 96)  # of the windows that fit, the widest one makes the focal this small:
    assert out.camera.focal == pytest.approx(max(200.0, focal / largest), rel=0.02)
    assert np.all(out.label == 1.0)


def test_routes_differ_in_what_the_network_sees():
    sizes = {NetworkConfig(canonical=route).input_size(640, 480, 900.0) for route in ROUTES}
    assert len(sizes) == 2
