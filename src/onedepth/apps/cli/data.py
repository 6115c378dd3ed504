"""`onedepth data ...`: make, check and pack lists of depth data."""

import typer

from onedepth.apps.cli._data_check import check
from onedepth.apps.cli._data_from_stereo import from_stereo
from onedepth.apps.cli._data_from_video import from_video
from onedepth.apps.cli._data_index import index, layouts
from onedepth.apps.cli._data_pack import pack

app = typer.Typer(no_args_is_help=True, help="Make, check and pack lists of depth data (manifests).")
data = app

app.command()(index)
app.command()(layouts)
app.command()(check)
app.command()(from_stereo)
app.command()(from_video)
app.command()(pack)
