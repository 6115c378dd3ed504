"""Labels in OpenEXR files: one channel, named by the item or by what renderers call depth."""

from __future__ import annotations

import numpy as np

from onedepth.errors import DataError
from onedepth.files.exr import CHANNELS
from onedepth.manifest.claims import check_pixels
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.record import Label
from onedepth.manifest.storage import is_tar, join_locator, local_copy, split_locator


def decode(label: Label, view: View) -> Array:
    """The channel, float16 or float32 (h, w).

    Raises:
        DataError: Missing, damaged, or without such a channel.
    """
    import OpenEXR

    path, item = split_locator(label.file)
    with local_copy(label.file if is_tar(path) else join_locator(path)) as local:
        try:
            with OpenEXR.File(str(local), header_only=True) as head:
                low, high = head.header()["dataWindow"]
            width, height = (int(high[i]) - int(low[i]) + 1 for i in (0, 1))
            check_pixels(width, height, label.file, view.max_pixels)
            with OpenEXR.File(str(local), separate_channels=True) as file:
                channels = {name: channel.pixels for name, channel in file.channels().items()}
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{label.file}: is no OpenEXR file, or damaged ({str(error)[:120]})") from error
    wanted = [item] if item is not None and not is_tar(path) else [n for n in CHANNELS if n in channels]
    wanted = wanted or (list(channels) if len(channels) == 1 else _grey(channels))
    if not wanted or wanted[0] not in channels:
        held = ", ".join(list(channels)[:10]) or "no channel"
        raise DataError(f"{label.file}: has {held}; name the channel of depth after #")
    return np.asarray(channels[wanted[0]])


def _grey(channels: dict[str, Array]) -> list[str]:
    """Blender and others write depth three times, as R, G and B."""
    rgb = [channels.get(name) for name in "RGB"]
    same = all(c is not None and rgb[0] is not None and (c == rgb[0]).all() for c in rgb)
    return ["R"] if same else []
