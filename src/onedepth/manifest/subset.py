"""Some of the records of a longer list, by their numbers: eight bytes each, whatever a record takes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from onedepth.manifest.record import Record


class Records(Sequence[Record]):
    """What a list of records that parses them on demand has in common: negative indices and slices.

    A sub-class defines `__len__` and `at`.
    """

    @abstractmethod
    def at(self, index: int) -> Record:
        """The record at 0 <= index < len(self)."""

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Subset: ...

    def __getitem__(self, index: int | slice) -> Record | Subset:
        if isinstance(index, slice):
            return Subset(self, np.arange(len(self), dtype=np.int64)[index])
        number = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        return self.at(number)


class Subset(Records):
    """The records of a list at these places.

    Args:
        records: The whole list.
        places: (N,) int64 numbers of records, in the order wanted.
    """

    def __init__(self, records: Sequence[Record], places: npt.NDArray[np.int64]) -> None:
        self.records, self.places = records, places

    def __len__(self) -> int:
        return len(self.places)

    def at(self, index: int) -> Record:
        """The record at 0 <= index < len(self)."""
        return self.records[int(self.places[index])]
