"""`onedepth predict --tiles`: what its options mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onedepth.errors import ConfigError

if TYPE_CHECKING:
    from onedepth.predict.predictor import Predictor
    from onedepth.predict.tiles import TileOptions


def tile_options(wanted: bool, size: int | None, paths: Sequence[str], *, local: bool) -> TileOptions | None:
    """Return how photos are cut, or None if they are not.

    Args:
        wanted: Whether --tiles is given.
        size: --tile-size.
        paths: What is predicted.
        local: Whether it is predicted in this process.

    Raises:
        ConfigError: A size without tiles, an impossible one, or tiles for other things than photos.
    """
    from onedepth.video.reading import is_video

    if size is not None and not wanted:
        raise ConfigError("--tile-size is for tiles; add --tiles")
    if not wanted:
        return None
    video = next(filter(is_video, paths), None)
    if video is not None:
        raise ConfigError(f"--tiles: {video} is a video, and tiles are for photos; leave it out")
    if not local:
        raise ConfigError("--tiles is for photos that are predicted here, not for --runner ray")
    from onedepth.predict.tiles import TileOptions

    return TileOptions(size)


def in_tiles(predictor: Predictor, options: TileOptions | None) -> Predictor:
    """Return a predictor that cuts photos, or the same one without options."""
    if options is None:
        return predictor
    from onedepth.predict.tiles import TiledPredictor

    return TiledPredictor(predictor, options)
