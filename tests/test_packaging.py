"""What a user downloads: the right files, no torch, nothing of the machine it was made on."""

import email
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "onedepth"
MODEL = "onedepth/models/onedepth_v1.onnx"
TRAINING_FLOORS = ("onedepth.losses", "onedepth.networks", "onedepth.data", "onedepth.train")
LARGE_FILES = {"src/onedepth/models/*.onnx": 16 * 2**20, "weights/onedepth_*": 16 * 2**20}
LARGEST_FILE = 2**20
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/(?:root|work|home|Users|mnt|media)/[\w.]+")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_wheel_holds_every_source_file_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    sources = {path.relative_to(ROOT / "src") for path in SOURCES.rglob("*") if path.is_file()}
    assert {path.as_posix() for path in sources if path.parent.name != "__pycache__"} <= inside
    assert {"onedepth/py.typed", MODEL} <= inside
    assert all(name.startswith("onedepth/") for name in inside)
    assert not [name for name in inside if "__pycache__" in name or name.endswith((".ckpt", ".safetensors"))]


def test_wheel_carries_the_licence(wheel: zipfile.ZipFile, metadata: Message) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    (licence,) = [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
    assert b"Apache License" in wheel.read(licence)


def test_base_install_asks_for_no_training_library(metadata: Message) -> None:
    base = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    names = {re.split(r"[^\w.-]", line)[0].lower() for line in base}
    assert "onnxruntime" in names
    assert not names & {"torch", "torchvision", "timm", "onnx", "lightning-fabric", "transformers", "scipy"}


def test_versions_agree(metadata: Message) -> None:
    import onedepth

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert metadata["Version"] == declared == onedepth.__version__
    assert f"## [{declared}]" in (ROOT / "CHANGELOG.md").read_text()


def test_console_script_is_the_command_line() -> None:
    (script,) = entry_points(group="console_scripts", name="onedepth")
    assert script.value == "onedepth.apps.cli:main"


def _python(code: str, *arguments: str) -> str:
    """Run `code` in a fresh interpreter in which torch cannot be imported."""
    blocked = f"import sys; sys.modules['torch'] = None\n{code}"
    run = subprocess.run(
        [sys.executable, "-c", blocked, *arguments], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_base_floor_imports_without_torch() -> None:
    imported = _python(
        "import importlib, pkgutil, onedepth\n"
        "for module in pkgutil.walk_packages(onedepth.__path__, 'onedepth.'):\n"
        f"    if not module.name.startswith({TRAINING_FLOORS}):\n"
        "        print(importlib.import_module(module.name).__name__)\n"
    )
    assert "onedepth.predict" in imported.split()


def test_prediction_runs_without_torch(tmp_path: Path) -> None:
    photo = sorted((ROOT / "examples").glob("*.jpg"))[0]
    command = "from onedepth.apps.cli import main; sys.argv[0] = 'onedepth'; sys.exit(main())"
    _python(command, "predict", str(photo), "-o", str(tmp_path / "out"))
    assert list((tmp_path / "out").iterdir())


def test_import_is_light() -> None:
    heavy = {"cv2", "PIL", "onnxruntime", "trimesh", "tifffile", "OpenEXR", "typer", "rich", "pydantic"}
    loaded = _python("import onedepth; print(*sys.modules)")
    assert not heavy & set(loaded.split())


def test_no_tracked_file_is_large(tracked: list[str]) -> None:
    def limit(name: str) -> int:
        return next((size for glob, size in LARGE_FILES.items() if Path(name).match(glob)), LARGEST_FILE)

    too_large = {name: size for name in tracked if (size := (ROOT / name).stat().st_size) > limit(name)}
    assert not too_large


def test_no_tracked_file_names_a_path_of_somebodys_machine(tracked: list[str]) -> None:
    found = []
    for name in tracked:
        content = (ROOT / name).read_bytes()
        if b"\0" not in content[:8192]:
            found += [f"{name}: {hit}" for hit in MACHINE_PATH.findall(content.decode("utf-8", "replace"))]
    assert not found


def test_a_machine_path_would_be_found() -> None:
    assert MACHINE_PATH.search("open('" + os.sep.join(["", "home", "ann", "x.png"]) + "')")
    assert not MACHINE_PATH.search("https://example.org/home/page and ./home/x")
