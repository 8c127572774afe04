"""Draw a picture's numbers as grey pictures in which text can be seen, however it was drawn.

A window shows what a person would see.  Text that was drawn in one value stands out when exactly that value is shown:
beyond the window, in the padding value, or one grey level beside an even ground.  Bits that hold no pixel are shown one
by one.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Numbers = NDArray[np.int64]

_WINDOW: Final = (0.5, 99.5)
_BEYOND: Final = 3.0
_FEWEST: Final = 24
_MOST_VALUES: Final = 4
_AROUND: Final = 6
_STANDS_OUT: Final = 3.0
_THICKEST: Final = 9
WHITE: Final = 255
UNUSED: Final = "unused bit"


@frozen(kw_only=True)
class Rendering:
    """One way to see a picture: its name, and the picture in 256 greys, (rows, columns)."""

    name: str
    image: Grey = field(repr=False)


def renderings(numbers: Numbers, unused: NDArray[Any] | None = None) -> Iterator[Rendering]:
    """Yield the ways to see one plane of numbers, (rows, columns); ``unused`` holds the cells' bits without a pixel."""
    low, high = np.percentile(numbers, _WINDOW)
    least, most = int(numbers.min()), int(numbers.max())
    if least == most:
        yield from _planes(unused)
        return
    yield Rendering(name="window", image=_scaled(numbers, low, max(high, low + 1)))
    reach = max(high - low, 1)
    if most > high + _BEYOND * reach or least < low - _BEYOND * reach:
        yield Rendering(name="range", image=_scaled(numbers, least, most))
    for value in frequent_values(numbers):
        strokes = thin(numbers == value)
        if strokes.sum() >= _FEWEST:
            yield Rendering(name="value", image=np.where(strokes, WHITE, 0).astype(np.uint8))
    yield from _planes(unused)


def frequent_values(numbers: Numbers) -> list[int]:
    """Name the values that more pixels have than values near by: drawn ones, and those at the ends of the scale."""
    values, counts = np.unique(numbers, return_counts=True)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(counts, _AROUND), 2 * _AROUND + 1)
    reference = np.median(near, axis=1)
    gaps = np.diff(values, prepend=values[0] - 1, append=values[-1] + 1)
    alone = np.minimum(gaps[:-1], gaps[1:]) > 1
    expected = np.where(alone, 0.0, reference)
    excess = counts - expected - _STANDS_OUT * np.sqrt(reference)
    likely = np.flatnonzero((excess > 0) & (counts >= _FEWEST))
    best = likely[np.argsort(-excess[likely], kind="stable")][:_MOST_VALUES]
    return [int(values[at]) for at in best]


def thin(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the marks without what is thicker than a stroke of a letter."""
    solid = _spread(~_spread(~marks, _THICKEST), _THICKEST)
    return marks & ~solid


def _spread(marks: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Spread marks by half of ``size`` to all sides; nothing comes in from outside."""
    for axis in (0, 1):
        widths = [(0, 0), (0, 0)]
        widths[axis] = (size // 2 + 1, size // 2)
        sums = np.cumsum(np.pad(marks, widths), axis=axis, dtype=np.int32)
        ahead, behind = (sums[size:], sums[:-size]) if axis == 0 else (sums[:, size:], sums[:, :-size])
        marks = ahead > behind
    return marks


def _planes(unused: NDArray[Any] | None) -> Iterator[Rendering]:
    if unused is None:
        return
    for bit in range(unused.dtype.itemsize * 8):
        plane = (unused >> bit) & 1
        if plane.any() and not plane.all():
            yield Rendering(name=UNUSED, image=(plane * WHITE).astype(np.uint8))


def _scaled(numbers: Numbers, low: float, high: float) -> Grey:
    scaled: Grey = (np.clip((numbers - low) / (high - low), 0, 1) * WHITE).astype(np.uint8)
    return scaled
