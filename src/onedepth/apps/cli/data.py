"""`onedepth data ...`: make, check and pack lists of depth data."""

import typer

app = typer.Typer(no_args_is_help=True, help="Make, check and pack lists of depth data (manifests).")
data = app
