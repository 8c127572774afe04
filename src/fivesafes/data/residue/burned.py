"""Look for text that was drawn into an image: many marks of one brightness, as high as letters, in a line.

Only text drawn near the image's greatest value is seen, as viewers and secondary captures draw it; there is no reading
of letters.  In scans few voxels come near the greatest value, so the look costs little there.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fivesafes.data.model import Residue
from fivesafes.data.residue.place import Place

_LEVELS: Final = (1.0, 0.7)
"""Of the greatest value; letters with smooth edges reach it only in their middle."""
_FEWEST_VOXELS: Final = 40
_LARGEST_SHARE: Final = 0.02
_HEIGHTS: Final = range(5, 33)
_MOSTLY_TEXT: Final = 0.5
_FEWEST_MARKS: Final = 4
_LONGEST: Final = 1.6
_FILLED: Final = (0.12, 0.75)
_TALL: Final = 0.5
_MOST_TALL: Final = 0.6

Slice = NDArray[np.bool_]


def find(voxels: NDArray[np.integer[Any] | np.floating[Any]], place: Place) -> Iterator[Residue]:
    """Yield one finding when some slice of a volume, (I, J, K), shows a line of text."""
    if voxels.ndim != len("ijk") or voxels.dtype.kind not in "iuf":
        return
    top = float(np.nanmax(voxels))
    if top > 0 and any(_any_slice(voxels >= level * top) for level in _LEVELS):
        yield place.residue("burned_in_text", "file")


def _any_slice(brightest: NDArray[np.bool_]) -> bool:
    """Whether most of what is so bright lies in slices, along some axis, that show a line of text."""
    marked = int(brightest.sum())
    if not _FEWEST_VOXELS <= marked <= _LARGEST_SHARE * brightest.size:
        return False
    for axis in range(brightest.ndim):
        counts = np.moveaxis(brightest, axis, 0).reshape(brightest.shape[axis], -1).sum(axis=1)
        full = np.flatnonzero(counts >= _FEWEST_VOXELS).tolist()
        written = sum(int(counts[index]) for index in full if shows_text(np.take(brightest, index, axis=axis)))
        if written >= _MOSTLY_TEXT * marked:
            return True
    return False


def shows_text(marks: Slice) -> bool:
    """Whether marks in a slice, (rows, columns), form a line of letters along either side."""
    return _is_line(marks) or _is_line(marks.T)


def _is_line(marks: Slice) -> bool:
    """Whether some band of rows, empty above and below, holds letters side by side."""
    return any(_holds_letters(marks[top:bottom]) for top, bottom in _runs(np.asarray(marks.any(axis=1))))


def _holds_letters(band: Slice) -> bool:
    height = band.shape[0]
    letters = _runs(np.asarray(band.any(axis=0)))
    if height not in _HEIGHTS or len(letters) < _FEWEST_MARKS:
        return False
    if any(end - start > _LONGEST * height for start, end in letters):
        return False
    tall = [band[:, start:end].any(axis=1).sum() >= _TALL * height for start, end in letters]
    filled = band[:, letters[0][0] : letters[-1][1]].mean()
    return sum(tall) >= _MOST_TALL * len(letters) and _FILLED[0] <= float(filled) <= _FILLED[1]


def _runs(present: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give begin and end of each run of what is present."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], present, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
