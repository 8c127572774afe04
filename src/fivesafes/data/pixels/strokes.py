"""Tell cheaply whether a grey picture can hold text at all: letters are edges, up and down, close together."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fivesafes.data.pixels.render import WHITE, Grey

_STEP: Final = 0.12
"""Of the whole range of greys: fainter letters are not read by the engines that were measured."""
_HIGH: Final = 8
_WIDE: Final = 24
_FEWEST_EDGES: Final = 5
"""Two letters have more in a window of so many pixels; the smallest of 242 drawn texts had 10 in the plain view."""


def may_hold_text(image: Grey) -> bool:
    """Whether somewhere rising and falling edges lie as close together as those of letters, along either side."""
    greys = image.astype(np.float32) / np.float32(WHITE)
    return any(_most_edges(view) >= _FEWEST_EDGES for view in (greys, greys.T))


def _most_edges(greys: NDArray[np.float32]) -> int:
    """Give the largest number of pairs of a rising and a falling edge in any window."""
    steps = np.diff(greys, axis=1)
    if not steps.size:
        return 0
    return int(np.minimum(_sums(steps > _STEP), _sums(steps < -_STEP)).max())


def _sums(marks: NDArray[np.bool_]) -> NDArray[np.signedinteger[Any]]:
    """Count marks in each window."""
    sums = np.cumsum(np.cumsum(np.pad(marks, ((1, 0), (1, 0))), axis=0, dtype=np.int32), axis=1, dtype=np.int32)
    high, wide = min(_HIGH, marks.shape[0]), min(_WIDE, marks.shape[1])
    counts: NDArray[np.signedinteger[Any]] = (
        sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    )
    return counts
