"""Which part of a frame counts: the window of a protocol, in whatever coordinates its authors gave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from onedepth.errors import ConfigError
from onedepth.evaluate.strict import Strict

Bound = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Span = tuple[Bound, Bound]
Window = tuple[int, int, int, int]
"""Rows [top, bottom) and columns [left, right) of a stored frame."""

_ROUND: dict[str, Callable[[float], int]] = {"truncate": int, "nearest": round}


class Part(Strict):
    """Rows and columns of a raster, [first, end)."""

    rows: Span
    columns: Span


class Crop(Strict):
    """A window of a frame.

    Attributes:
        rows: First and end row, in the coordinates named by `of`.
        columns: First and end column.
        of: `fractions` of the frame's height and width; `pixels` of the frame as it is stored; or the [width,
            height] of the original raster that the numbers refer to.
        stored: The part of that original raster that the stored frames show; the whole of it when left out.
        rounding: How a boundary becomes a whole pixel.
    """

    rows: Span | None = None
    columns: Span | None = None
    of: Literal["fractions", "pixels"] | tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    stored: Part | None = None
    rounding: Literal["truncate", "nearest"]

    @model_validator(mode="after")
    def _consistent(self) -> Crop:
        for name in ("rows", "columns"):
            span = getattr(self, name)
            if span is not None and span[0] >= span[1]:
                raise ValueError(f"{name}: {list(span)} is empty; expected [first, end] with first < end")
        if self.stored is not None and isinstance(self.of, str):
            raise ValueError("stored: needs `of: [width, height]`, the raster that it is a part of")
        return self

    def window(self, height: int, width: int) -> Window:
        """The window of a stored frame.

        Raises:
            ConfigError: The window reaches outside the frame, is empty, or its raster is not the frame's.
        """
        rows, columns = self._raster(height, width)
        top, bottom = self._bounds(self.rows, rows, height)
        left, right = self._bounds(self.columns, columns, width)
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise ConfigError(
                f"crop: rows {top}:{bottom}, columns {left}:{right} do not fit a frame of {width}x{height}; "
                "choose the protocol of these frames"
            )
        return top, bottom, left, right

    def _raster(self, height: int, width: int) -> tuple[Span, Span]:
        """Rows and columns, in the coordinates of `of`, that the whole stored frame shows."""
        if self.of == "fractions":
            return (0, 1), (0, 1)
        if self.of == "pixels":
            return (0, height), (0, width)
        if self.stored is not None:
            return self.stored.rows, self.stored.columns
        wide, high = self.of
        if (wide, high) != (width, height):
            raise ConfigError(
                f"crop: is given in a raster of {wide}x{high}, the frame is {width}x{height}; say in "
                "`stored` which part of the raster it shows"
            )
        return (0, high), (0, wide)

    def _bounds(self, span: Span | None, shown: Span, size: int) -> tuple[int, int]:
        if span is None:
            return 0, size
        first, end = ((bound - shown[0]) * size / (shown[1] - shown[0]) for bound in span)
        whole = _ROUND[self.rounding]
        return whole(first), whole(end)


def window_of(crops: tuple[Crop, ...], height: int, width: int) -> Window:
    """The window that is left when crops are applied one after the other, each to what the last one left.

    Raises:
        ConfigError: As `Crop.window`.
    """
    top, bottom, left, right = 0, height, 0, width
    for crop in crops:
        inner = crop.window(bottom - top, right - left)
        top, bottom = top + inner[0], top + inner[1]
        left, right = left + inner[2], left + inner[3]
    return top, bottom, left, right
