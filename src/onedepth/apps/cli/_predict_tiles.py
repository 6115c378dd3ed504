"""`onedepth predict --tiles`: what its options mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onedepth.errors import ConfigError

if TYPE_CHECKING:
    from onedepth.predict.predictor import Predictor
    from onedepth.predict.tiles import TileOptions


def tile_options(wanted: bool, size: int | None, *, photos: bool) -> TileOptions | None:
    """Return how photos are cut, or None if they are not.

    Raises:
        ConfigError: A size without tiles, an impossible one, or tiles for other things than photos.
    """
    if size is not None and not wanted:
        raise ConfigError("--tile-size is for tiles; add --tiles")
    if not wanted:
        return None
    if not photos:
        raise ConfigError("--tiles is for photos that are predicted here, not for videos or --runner ray")
    from onedepth.predict.tiles import TileOptions

    return TileOptions() if size is None else TileOptions(size)


def in_tiles(predictor: Predictor, options: TileOptions | None) -> Predictor:
    """Return a predictor that cuts photos, or the same one without options."""
    if options is None:
        return predictor
    from onedepth.predict.tiles import TiledPredictor

    return TiledPredictor(predictor, options)
