"""Skips tests whose needs this machine cannot meet, unless ONEDEPTH_REQUIRE (say `browser`) forbids it."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(os.environ.get("ONEDEPTH_SHARED") or Path(__file__).parents[2] / "shared")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


# A busy machine is no failure: examples may take their time. The same examples are tried every time, so that
# a change is judged by what it changed; HYPOTHESIS_PROFILE=search looks for new ones (`make soak` does).
settings.register_profile("patient", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))

# A job that a script starts in the background (`make test &`) is deaf to Ctrl-C, and so is every program that
# a test starts there, unless hearing is given back.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "shared_data": (lambda: (SHARED / "data").is_dir(), "the folder named by ONEDEPTH_SHARED"),
    "browser": (lambda: any(map(shutil.which, BROWSERS)), "Chromium"),
    "gpu": (_has_gpu, "a CUDA or MPS device"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    required = set(filter(None, os.environ.get("ONEDEPTH_REQUIRE", "").split(",")))
    if unknown := required - NEEDS.keys():
        raise pytest.UsageError(f"ONEDEPTH_REQUIRE names {sorted(unknown)}; known are {sorted(NEEDS)}")
    for marker, (available, what) in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        if not marked or available():
            continue
        if marker in required:
            raise pytest.UsageError(f"ONEDEPTH_REQUIRE names {marker}, but {what} is missing")
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=f"needs {what}"))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The read-only folder of real data and rival models; only for tests marked `shared_data`."""
    return SHARED


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid model file whose metres `tiny_model.metres` computes by hand."""
    from tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
