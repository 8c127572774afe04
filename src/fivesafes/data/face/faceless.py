"""An image of which what is replaced is never looked at."""

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.itk import Bools, Floats
from fivesafes.data.face.prepare import mean_of
from fivesafes.data.face.stored import Box, Stored, within


@frozen(kw_only=True, eq=False)
class Faceless:
    """An image of which no voxel that is ``removed``, in the face's box, is ever given: ``fill`` stands there."""

    stored: Stored
    box: Box
    removed: Bools
    fill: float

    def real(self, volume: int, box: Box) -> Floats:
        """Give a box of one volume in real units; beside the last axis it holds that of the face, or all of it."""
        real = self.stored.real(volume, box)
        low, high = max(box[2].start, self.box[2].start), min(box[2].stop, self.box[2].stop)
        if low < high:
            gone = self.removed[..., low - self.box[2].start : high - self.box[2].start]
            real[within((self.box[0], self.box[1], slice(low, high)), box)][gone] = self.fill
        return real

    def at(self, volume: int, index: NDArray[np.intp]) -> Floats:
        """Give one volume at voxels ``index`` (N, 3)."""
        real = self.stored.real_at(volume, index)
        real[~self.stays(index)] = self.fill
        return real

    def stays(self, index: NDArray[np.intp]) -> Bools:
        """Tell of voxels ``index`` (N, 3) whether they stay."""
        place = index - [part.start for part in self.box]
        there = ((place >= 0) & (place < self.removed.shape)).all(axis=1)
        there[there] = self.removed[tuple(place[there].T)]
        return np.asarray(~there)

    def means(self, volumes: Sequence[int], box: Box, thick: int) -> Iterator[Floats]:
        """Average some volumes in a box, as ``real`` gives them, so many slices of the last axis at a time."""
        for start in range(box[2].start, box[2].stop, thick):
            slab = (box[0], box[1], slice(start, min(start + thick, box[2].stop)))
            yield mean_of(self.real(number, slab) for number in volumes)
