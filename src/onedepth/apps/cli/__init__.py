"""The command line: `onedepth COMMAND`, one file of this folder per command.

Every module of this folder whose name does not start with an underscore is a command: the module `predict`
defines the function `predict` (or a `typer.Typer` of that name, for a command with sub-commands). A module is
imported only when its command runs or help is shown, and imports heavy libraries inside its functions.

Exit codes: 0 all done; 1 some of several inputs failed; 2 wrong usage, or nothing could be processed;
130 interrupted. An `OneDepthError` becomes one line on stderr; there is no traceback for what a user did.

This module itself imports nothing that takes time, so that Ctrl-C finds `main` ready from the start.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onedepth.apps.cli._app import app as app

FAILED_SOME, FAILED, INTERRUPTED = 1, 2, 130


def main() -> None:
    """Run the command line; the entry point of the `onedepth` script."""
    try:
        from onedepth.apps.cli._app import run

        run()
    except KeyboardInterrupt:  # before a command began; later ones say how far they came
        sys.stderr.write("error: interrupted\n")
        sys.exit(INTERRUPTED)


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from onedepth.apps.cli import _app

    return _app.app
