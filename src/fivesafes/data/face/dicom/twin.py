"""One NIfTI image that shows what a series shows, so that any defacer can say of it what goes."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.dicom.gather import Series
from fivesafes.data.face.dicom.pixels import Opened, open_instance, real_numbers, stored_numbers
from fivesafes.data.face.dicom.stack import Stack
from fivesafes.data.face.itk import Bools, Floats
from fivesafes.data.face.prepare import FIRST_VOLUMES, brightest
from fivesafes.data.face.stored import read_stored
from fivesafes.data.face.volumes import Each
from fivesafes.data.model import Defaced
from fivesafes.data.pixels.layout import WHOLE_BYTES

nib: Final[Any] = nibabel  # it carries no types


@frozen(kw_only=True, eq=False)
class Removal:
    """What a defacer removed from the twin, on the stack's grid, and the real numbers that it put there."""

    removed: Bools
    real: Floats

    @property
    def even(self) -> bool:
        """Whether one and the same number stands in all of it."""
        values = self.real[self.removed]
        return not values.size or bool((values == values[0]).all())


def write_twin(series: Series, stack: Stack, path: Path) -> None:
    """Write the twin: the stored integers of a single volume, or the mean of the bright ones among the first.

    Missing layers are filled from their neighbours.  Raises InvalidInput when pixels can't be read.
    """
    frames = [frame for one in series.instances for frame in one.frames]
    alike = len({(frame.slope, frame.intercept) for frame in frames}) == 1
    single = max(stack.volume.values()) == 0
    slope, intercept = 1.0, 0.0
    if single and alike:
        data, slope, intercept = _stored_volume(series, stack), frames[0].slope, frames[0].intercept
    else:
        data = _mean(series, stack, _bright(series, stack))
    image = nib.Nifti1Image(_filled(data, stack), stack.grid.affine)
    image.header.set_slope_inter(slope, intercept)
    image.header.set_xyzt_units("mm")
    image.set_sform(stack.grid.affine, 1)
    nib.save(image, path)  # slice by slice, so that no second copy of it is made


def each_volume(series: Series, stack: Stack) -> Each:
    """Give the volumes of a series one by one; the first of the bright ones is what the others are compared with."""

    def real(number: int) -> Floats:
        return np.asarray(_filled(_mean(series, stack, frozenset({number})), stack), dtype=np.float32)

    first = min(_bright(series, stack))
    return Each(real=real, affine=stack.grid.affine, count=max(stack.volume.values()) + 1, first=first)


def read_removal(defaced: Defaced) -> Removal | None:
    """Read what a defacer removed; None when it wrote no image or no mask."""
    if defaced.mask is None or defaced.image is None:
        return None
    removed = read_stored(defaced.mask).voxels[..., 0] > 0
    return Removal(removed=removed, real=read_stored(defaced.image).real(0))


def _looked_at(series: Series, stack: Stack, volumes: frozenset[int]) -> Iterator[tuple[Opened, Any, tuple[int, int]]]:
    """Yield the frames of some volumes, with the objects that hold them; objects without any are not read."""
    for number, instance in enumerate(series.instances):
        wanted = [key for key in range(len(instance.frames)) if stack.volume[number, key] in volumes]
        if not wanted:
            continue
        opened = open_instance(instance)
        for place, cells in enumerate(opened.frames()):
            if stack.volume[number, place] in volumes:
                yield opened, cells, (number, place)


def _stored_volume(series: Series, stack: Stack) -> NDArray[Any]:
    """Lay stored integers, as wide as they are, into the grid."""
    layout, floating = series.instances[0].layout, any(one.floating for one in series.instances)
    bits = max(one.layout.allocated for one in series.instances)
    signed = any(one.layout.signed for one in series.instances)
    if floating:
        dtype = np.dtype(f"f{bits // 8}")
    elif signed and not all(one.layout.signed for one in series.instances):
        dtype = np.dtype("i4" if bits < WHOLE_BYTES[-1] else "f8")
    else:
        dtype = np.dtype(f"{'i' if signed else 'u'}{bits // 8}")
    data = np.zeros((layout.columns, layout.rows, stack.grid.shape[2]), dtype, order="F")
    for opened, cells, key in _looked_at(series, stack, frozenset({0})):
        data[:, :, stack.layer[key]] = stored_numbers(opened, cells).T
    return data


def _bright(series: Series, stack: Stack) -> frozenset[int]:
    """Tell which of the first volumes are about as bright as the brightest, as of a NIfTI series of volumes."""
    if stack.volumes == 1:
        return frozenset({0})
    for first in range(0, stack.volumes, FIRST_VOLUMES):
        some = range(first, min(first + FIRST_VOLUMES, stack.volumes))
        sums = dict.fromkeys(some, 0.0)
        least, most = dict.fromkeys(some, math.inf), dict.fromkeys(some, -math.inf)
        for opened, cells, key in _looked_at(series, stack, frozenset(some)):
            real = real_numbers(opened, cells, series.instances[key[0]].frames[key[1]])
            number = stack.volume[key]
            sums[number] += float(real.mean())
            least[number], most[number] = min(least[number], float(real.min())), max(most[number], float(real.max()))
        shown = {
            number: total / int(stack.filled.sum()) for number, total in sums.items() if least[number] != most[number]
        }
        if shown:
            return frozenset(brightest(shown))
    return frozenset({0})


def _mean(series: Series, stack: Stack, volumes: frozenset[int]) -> NDArray[Any]:
    """Average some volumes in real units."""
    total = np.zeros(stack.grid.shape, np.float32, order="F")
    for opened, cells, key in _looked_at(series, stack, volumes):
        frame = series.instances[key[0]].frames[key[1]]
        total[:, :, stack.layer[key]] += real_numbers(opened, cells, frame).T
    return total / np.float32(len(volumes))


def _filled(data: NDArray[Any], stack: Stack) -> NDArray[Any]:
    """Fill layers without a slice by what lies between their neighbours."""
    there = np.flatnonzero(stack.filled)
    for layer in np.flatnonzero(~stack.filled):
        after = int(np.searchsorted(there, layer))
        if after in {0, len(there)}:  # beyond the first or last that was looked at
            data[:, :, layer] = data[:, :, there[min(after, len(there) - 1)]]
            continue
        low, high = there[after - 1], there[after]
        share = (layer - low) / (high - low)
        between = data[:, :, low] * (1 - share) + data[:, :, high] * share
        data[:, :, layer] = np.rint(between) if data.dtype.kind in "iu" else between
    return data
