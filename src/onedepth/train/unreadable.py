"""Samples that cannot be read: passed over and counted, up to a share of those that were drawn."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from onedepth.data.sample import SourceBatch
from onedepth.errors import DataError

_NAMED = 5  # files in the message that ends a run
_log = logging.getLogger(__name__)


class DataErrors(BaseModel):
    """How many samples a run may be unable to read.

    Attributes:
        share: Of the samples drawn; 0 ends the run at the first.
        after: Samples that are counted as drawn from the start, so that the first one is not too much yet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Annotated[float, Field(ge=0, le=1)] = 0.01
    after: Annotated[int, Field(ge=1)] = 1000


class Unreadable:
    """Counts what this process could not read since it started, and ends the run when it is too much."""

    def __init__(self, limit: DataErrors) -> None:
        self._limit = limit
        self._drawn = 0
        self._found: Counter[str] = Counter()

    def add(self, batches: Sequence[SourceBatch]) -> dict[str, int]:
        """Count the samples of a step; a file is warned of once.

        Returns:
            Samples that were passed over, by source, where there are any.

        Raises:
            DataError: They are more than the recipe allows; the files are named.
        """
        for batch in batches:
            self._drawn += len(batch.ids) + len(batch.unreadable)
            for reason in batch.unreadable:
                if reason not in self._found:
                    _log.warning("sample of source %s passed over: %s", batch.source, reason)
                self._found[reason] += 1
        failed = self._found.total()
        if failed > self._limit.share * max(self._drawn, self._limit.after):
            raise DataError(self._message(failed))
        return {batch.source: len(batch.unreadable) for batch in batches if batch.unreadable}

    def _message(self, failed: int) -> str:
        named = [
            f"{reason} ({times} times)" if times > 1 else reason
            for reason, times in self._found.most_common(_NAMED)
        ]
        more = f"; and {len(self._found) - _NAMED} more" if len(self._found) > _NAMED else ""
        return (
            f"{failed} of {self._drawn} samples could not be read, more than data_errors.share "
            f"{self._limit.share:g} allows; `onedepth data check --fix` finds and leaves out all of them. "
            f"{'; '.join(named)}{more}"
        )
