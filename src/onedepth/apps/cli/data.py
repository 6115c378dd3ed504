"""`onedepth data ...`: make, check and pack lists of depth data."""

import typer

from onedepth.apps.cli._data_from_stereo import from_stereo
from onedepth.apps.cli._data_from_video import from_video
from onedepth.apps.cli._data_index import index, layouts

app = typer.Typer(no_args_is_help=True, help="Make, check and pack lists of depth data (manifests).")
data = app

app.command()(index)
app.command()(layouts)
app.command()(from_stereo)
app.command()(from_video)
