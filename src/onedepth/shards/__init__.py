"""Shards: depth data packed into WebDataset tar files with an index, read locally or over a network.

A shard set is a folder (or URL) that holds

* `000000.tar`, `000001.tar`, ...: for every record `KEY.jpg` (the image), `KEY.label.png` (or `.npz`, ...),
  `KEY.json` (the record) and, where there are any, `KEY.mask.*`, `KEY.right.*`, `KEY.neighbour0.*`;
* `index.jsonl`: a manifest whose locators say where in which tar file a member lies, and its checksum;
* `index.json`: a header with sizes and checksums of all the others.

So a record is read by one range request per member, in any order: sampling, splitting over processes and
exact resumption are those of every manifest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onedepth.shards.index import ShardSet


def open_shards(path: str | os.PathLike[str]) -> ShardSet:
    """Open a shard set by its header `index.json`; see `onedepth.shards.index.open_shards`."""
    from onedepth.shards import index  # storage needs this package early; the index needs storage

    return index.open_shards(os.fspath(path))
