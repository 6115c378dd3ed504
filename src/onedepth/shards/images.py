"""Where the images of all records of a set lie, in some thirty bytes each."""

from __future__ import annotations

from array import array

from onedepth.errors import DataError
from onedepth.manifest.storage import join_locator, split_locator
from onedepth.shards.content import key_of
from onedepth.shards.place import Place, split_place


class ImagePlaces:
    """Locators of images by the number of their record; added in order."""

    def __init__(self) -> None:
        self._starts, self._sizes, self._checksums = array("q"), array("q"), array("Q")
        self._files, self._suffixes = array("q"), array("q")
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []  # of files and suffixes, by number

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, locator: str) -> None:
        """Add the image of the next record.

        Raises:
            DataError: The locator is not what a pack writes.
        """
        path, item = split_locator(locator)
        place = split_place(item or "")
        key = key_of(len(self))
        if place is None or not place.name.startswith(key):
            raise DataError(
                f"{locator[:200]!r}: is no image of record {key}; remove the shards and pack again"
            )
        self._starts.append(place.start)
        self._sizes.append(place.size)
        self._checksums.append(place.checksum)
        self._files.append(self._number(path))
        self._suffixes.append(self._number(place.name.removeprefix(key)))

    def __getitem__(self, number: int) -> str:
        name = key_of(number) + self._names[self._suffixes[number]]
        place = Place(name, self._starts[number], self._sizes[number], self._checksums[number])
        return join_locator(self._names[self._files[number]], str(place))

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
        return self._numbers[name]
