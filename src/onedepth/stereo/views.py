"""What is looked at before matching: bars at the borders, blank pictures, views that are the same."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onedepth.stereo.matching import Grey, Mask

Image = npt.NDArray[np.uint8]

BLACK = 24
"""Grey level up to which a border counts as black: video black is 0 or 16, and coding adds noise."""
LEAST_CONTRAST = 2.0
"""Grey levels of standard deviation below which a picture is blank: nothing can be matched in it."""

_STRAY = 0.02  # share of brighter pixels allowed in a bar (subtitles are wider, coding noise is not)
_SMALLEST = 32  # pixels a side of the picture must have inside the bars


@dataclass(frozen=True, slots=True)
class Box:
    """Rows `top` ... `bottom` - 1 and columns `left` ... `right` - 1 of an image."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The part of an image (H, W, ...) inside the box."""
        return np.ascontiguousarray(image[self.top : self.bottom, self.left : self.right])

    def mask(self, shape: tuple[int, ...]) -> Mask:
        """Bool (H, W), True inside the box."""
        inside = np.zeros(shape[:2], np.bool_)
        inside[self.top : self.bottom, self.left : self.right] = True
        return inside

    def common(self, other: "Box") -> "Box":
        """The part inside both boxes."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def around(self, other: "Box") -> "Box":
        """The smallest box around both boxes."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    @property
    def too_small(self) -> bool:
        """Whether hardly anything is left inside: the picture is black."""
        return min(self.right - self.left, self.bottom - self.top) < _SMALLEST


def grey(image: Image) -> Grey:
    """Luma of RGB uint8 (H, W, 3), uint8 (H, W)."""
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def content(view: Grey) -> Box:
    """The picture inside black bars; empty (0, 0, 0, 0) for a picture that is black all over."""
    bright = view > BLACK
    rows, columns = (np.flatnonzero(bright.mean(axis) > _STRAY) for axis in (1, 0))
    if rows.size == 0 or columns.size == 0:
        return Box(0, 0, 0, 0)
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def common_content(left: Grey, right: Grey) -> Box:
    """The picture inside the bars of both views; films shift bars of one eye to frame what pops out."""
    return content(left).common(content(right))


def fault_of_views(left: Image, right: Image) -> str | None:
    """Why two views cannot be a pair, seen before matching; None if they can."""
    if left.shape != right.shape:
        sizes = [f"{view.shape[1]}x{view.shape[0]}" for view in (left, right)]
        return f"sizes differ: left {sizes[0]}, right {sizes[1]}; expected one size"
    if min(left.shape[:2]) < _SMALLEST:
        return f"too small: {left.shape[1]}x{left.shape[0]}, expected sides of {_SMALLEST} or more"
    if np.array_equal(left, right):
        return "no parallax: both views are the same picture"
    box = common_content(grey(left), grey(right))
    if box.too_small:
        return "black: no picture inside the black borders"
    if min(float(box.of(view).std()) for view in (grey(left), grey(right))) < LEAST_CONTRAST:
        return "blank: a view of one colour; nothing can be matched"
    return None
