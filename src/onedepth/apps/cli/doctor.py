"""`onedepth doctor`: what is installed here, and whether prediction can work."""

from __future__ import annotations

import importlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from onedepth import __version__
from onedepth.apps.cli import FAILED_SOME
from onedepth.apps.cli._app import report_error
from onedepth.errors import OneDepthError

_BASE = {
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "opencv-python-headless": "cv2",
    "openexr": "OpenEXR",
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "pydantic": "pydantic",
    "pyyaml": "yaml",
    "rich": "rich",
    "tifffile": "tifffile",
    "trimesh": "trimesh",
    "typer": "typer",
}
"""Distribution -> module of everything the base install needs."""

_EXTRAS = {
    "train": ("torch", "torchvision", "timm", "lightning-fabric", "onnx", "safetensors", "tensorboard"),
    "data": ("av", "fsspec", "h5py", "pyarrow", "scipy"),
    "eval": ("pyarrow", "scipy"),
    "video": ("av",),
    "geometry": ("open3d", "rerun-sdk", "laspy"),
    "serve": ("fastapi", "prometheus-client", "python-multipart", "uvicorn"),
    "ray": ("ray",),
}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show versions, threads, devices and the model.

    Exit code 1 if prediction cannot work.
    """
    from onedepth.apps.cli._table import print_facts, print_json

    problems: list[str] = []
    facts: dict[str, Any] = {
        "onedepth": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": _libraries(problems),
        "extras": {name: _extra(packages) for name, packages in _EXTRAS.items()},
    }
    facts.update(_runtime(problems))
    if as_json:
        print_json({**facts, "problems": problems})
    else:
        print_facts("OneDepth", facts)
        for problem in problems:
            report_error(problem)
    raise typer.Exit(FAILED_SOME if problems else 0)


def _libraries(problems: list[str]) -> dict[str, str]:
    """Import every library of the base install, because an installed one may still not load."""
    found = {}
    for package, module in _BASE.items():
        found[package] = _installed(package) or "unknown version"
        try:
            importlib.import_module(module)
        except ImportError as error:
            found[package] = "missing" if _installed(package) is None else "does not load"
            problems.append(
                f"{package} {found[package]} ({error}); install OneDepth again "
                "(in a checkout: `pip install --upgrade .`)"
            )
    return found


def _extra(packages: tuple[str, ...]) -> str:
    missing = [package for package in packages if _installed(package) is None]
    if not missing:
        return "installed: " + ", ".join(f"{package} {_installed(package)}" for package in packages)
    return "not installed" if len(missing) == len(packages) else f"lacks {', '.join(missing)}"


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _runtime(problems: list[str]) -> dict[str, Any]:
    """Threads, devices and the model; a problem with one does not hide the others."""
    from onedepth.predict.devices import available_devices
    from onedepth.predict.modelfile import find_model, open_session, read_info, usable_cores

    facts: dict[str, Any] = {"threads": usable_cores(), "devices": [], "model": None}
    try:
        facts["devices"] = available_devices()
        path = find_model()
        facts["model"] = str(path)
        session = open_session(path)
        model = read_info(session, path)
        facts["model"] = f"{model.title}, {path}"
        facts["providers"] = session.get_providers()
    except ImportError:
        pass  # already among the problems of the libraries
    except OneDepthError as error:
        problems.append(str(error))
    return facts
