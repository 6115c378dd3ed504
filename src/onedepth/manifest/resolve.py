"""Locators of a manifest: relative to its folder on disk, absolute in memory.

A relative locator may not leave the folder (`../`), so that a folder can be moved or handed on as it is. An
absolute path or a URL may stand in a manifest of one's own. A manifest behind a URL names no local files: who
wrote it has no business with the disk of who reads it.
"""

from __future__ import annotations

import os
import posixpath
from typing import Any

from onedepth.errors import DataError
from onedepth.manifest.storage import check_scheme, is_url, join_locator, local_path

_TOP = ("image", "right")
_LABEL = ("file", "mask")


def base_of(path: str) -> str:
    """Folder or URL that the locators of a manifest are relative to, escaped as in locators."""
    local = local_path(path)
    return path.rpartition("/")[0] if local is None else join_locator(os.path.dirname(os.path.abspath(local)))


def resolve(values: dict[str, Any], base: str) -> dict[str, Any]:
    """The fields of a record with every locator absolute; what is no text is left for the validation to see.

    Raises:
        DataError: A locator leaves the folder, or a far-off manifest names a local file. The message begins
            with the field.
    """
    return _change(values, lambda field, locator: _absolute(field, locator, base))


def relate(values: dict[str, Any], base: str) -> dict[str, Any]:
    """The fields of a record with locators below a folder relative to it; `resolve` undoes it."""
    prefix = base.rstrip("/") + "/"
    return _change(values, lambda _, locator: locator.removeprefix(prefix))


def _change(values: dict[str, Any], change: Any) -> dict[str, Any]:
    changed = dict(values)
    for name in _TOP:
        if isinstance(values.get(name), str):
            changed[name] = change(name, values[name])
    neighbours = values.get("neighbours")
    if isinstance(neighbours, list | tuple):
        changed["neighbours"] = [change("neighbours", n) if isinstance(n, str) else n for n in neighbours]
    label = values.get("label")
    if isinstance(label, dict):
        changed["label"] = dict(label)
        for name in _LABEL:
            if isinstance(label.get(name), str):
                changed["label"][name] = change(f"label.{name}", label[name])
    return changed


def _absolute(field: str, locator: str, base: str) -> str:
    path, mark, item = locator.partition("#")
    if not path:
        return locator
    far = is_url(base) and local_path(base) is None
    if is_url(path):
        check_scheme(path)
        if far and local_path(path) is not None:
            raise DataError(f"{field}: {path!r} is a local file, which a manifest at {base} may not name")
        return locator
    if path.startswith("/"):
        if far:
            raise DataError(f"{field}: {path!r} is a local file, which a manifest at {base} may not name")
        return locator
    if ".." in path:
        path = posixpath.normpath(path)
        if path.split("/")[0] == "..":
            raise DataError(
                f"{field}: {locator!r} leaves the folder of the manifest; put the manifest above its files, "
                "or name them by absolute paths"
            )
    return f"{base}/{path}{mark}{item}"
