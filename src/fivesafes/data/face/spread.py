"""Carry what is known at some voxels of a grid to all of them: blurring, and averages of blocks to do it cheaply.

A blur along one axis is linear: what SimpleITK's recursive filter makes of each single voxel, laid side by side, is a
matrix, and to multiply by it takes a quarter of the time that the filter takes.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.itk import Floats, Grid, from_itk, sitk

Indices = NDArray[np.intp]
Factors = tuple[int, int, int]

NOTHING: Final = 1e-12
"""A weight so small is 0: with numbers near the smallest that there are, processors reckon slowly."""


@frozen(kw_only=True, eq=False)
class Reach:
    """How values are carried over one distance: ``factors``, how many voxels make a block; ``blurs``, by axis.

    ``share``: what of the weight comes to each block, not quite 0 at the least.  ``sure``: how much of what is carried
    to a voxel counts there, 0 to 1.
    """

    factors: Factors
    blurs: tuple[Floats, Floats, Floats]
    share: Floats
    sure: Floats


@frozen(kw_only=True, eq=False)
class Spread:
    """A way from where a weight is to everywhere: what is near counts, and what is far where nothing is near."""

    weight: Floats
    reaches: tuple[Reach, ...]

    def of(self, values: Floats) -> Floats:
        """Carry values."""
        known = values * self.weight
        found = np.zeros(known.shape, np.float32, order="F")
        for reach in self.reaches:
            mean = _blurred(blocks(known, reach.factors), reach.blurs)
            mean /= reach.share
            mean = _widened(mean, reach.factors, known.shape)
            mean -= found
            mean *= reach.sure
            found += mean
        return found


def spread_from(weight: Floats, grid: Grid, reaches: Sequence[float]) -> Spread:
    """Make ready to carry values from where ``weight`` is.

    ``reaches``: mm, the longest first; the longer it is, the coarser the blocks in which it is worked out.
    """
    return Spread(weight=weight, reaches=tuple(_reach(weight, grid, reach) for reach in reaches))


def _reach(weight: Floats, grid: Grid, reach: float) -> Reach:
    counts = [
        max(1, min(int(reach / step / 2), size // 6)) for step, size in zip(grid.steps, weight.shape, strict=True)
    ]
    factors = (counts[0], counts[1], counts[2])
    coarse = block_grid(grid, factors)
    blurs = _blurs(coarse, reach)
    share = np.maximum(_blurred(blocks(weight, factors), blurs), 0)
    sure = _widened(np.clip(share * np.float32(20), 0, 1), factors, weight.shape)
    return Reach(factors=factors, blurs=blurs, share=np.maximum(share, np.float32(1e-4)), sure=sure)


def smoothed(data: Floats, grid: Grid, reach: float) -> Floats:
    """Blur over so many mm."""
    return _blurred(data, _blurs(grid, reach))


def _blurs(grid: Grid, reach: float) -> tuple[Floats, Floats, Floats]:
    x, y, z = (_blur(size, step, reach) for size, step in zip(grid.shape, grid.steps, strict=True))
    return x, y, z


def _blur(size: int, step: float, reach: float) -> Floats:
    """Say how much of each voxel (row) comes to each (column) along an axis; at the ends the last value goes on."""
    each = sitk.GetImageFromArray(np.eye(size, dtype=np.float32))
    each.SetSpacing([step, 1.0])
    blur = from_itk(sitk.RecursiveGaussian(each, sigma=reach, direction=0)).T
    return np.where(np.abs(blur) < NOTHING, np.float32(0), blur)


def _blurred(data: Floats, blurs: tuple[Floats, Floats, Floats]) -> Floats:
    """Blur along each axis; (I, J, K), stored with the first axis fastest."""
    back = np.asarray(data.T, order="C")
    count, deep, across = back.shape
    back = (back.reshape(-1, across) @ blurs[0]).reshape(back.shape)
    back = np.matmul(blurs[1].T, back)
    return np.asarray((blurs[2].T @ back.reshape(count, -1)).reshape(count, deep, across).T)


def _widened(data: Floats, factors: Factors, shape: tuple[int, ...]) -> Floats:
    """Interpolate between blocks, at each voxel."""
    if factors == (1, 1, 1):
        return data
    for axis, (factor, size) in enumerate(zip(factors, shape, strict=True)):
        data = stretched(data, axis, factor, 0, size)
    return data


def blocks(data: Floats, factors: Factors) -> Floats:
    """Average whole blocks of voxels; a rest at the end, narrower than a block, is left out."""
    for axis in (2, 1, 0):  # as voxels are stored, whole slices are added first
        factor = factors[axis]
        if factor > 1:
            ends = [slice(number, data.shape[axis] // factor * factor, factor) for number in range(factor)]
            parts = [data[tuple(end if number == axis else slice(None) for number in range(3))] for end in ends]
            total = parts[0] + parts[1]
            for part in parts[2:]:
                total += part
            total *= np.float32(1 / factor)
            data = total
    return data


def stretched(data: Floats, axis: int, factor: int, first: int, size: int) -> Floats:
    """Interpolate along one axis of blocks: values at voxels ``first`` to ``first + size``; the ends go on."""
    low, high, share = between(data.shape[axis], factor, first, size)
    share = share.reshape([-1 if number == axis else 1 for number in range(3)])
    back = data.T  # stored with the first axis fastest
    one, other = (np.take(back, at, axis=2 - axis).T for at in (low, high))
    other -= one
    other *= share
    other += one
    return np.asarray(other)


def between(count: int, factor: int, first: int, size: int) -> tuple[Indices, Indices, Floats]:
    """Say between which of the blocks each voxel lies, and how near to the second: 0 to 1."""
    places = np.clip((np.arange(first, first + size) + 0.5) / factor - 0.5, 0, count - 1)
    low = np.minimum(places.astype(np.intp), max(0, count - 2))
    return low, np.minimum(low + 1, count - 1), (places - low).astype(np.float32)


def block_grid(grid: Grid, factors: Factors) -> Grid:
    """Say where whole blocks of voxels lie."""
    affine = grid.affine @ np.diag([*factors, 1.0])
    affine[:3, 3] = grid.affine[:3, :3] @ ((np.array(factors) - 1) / 2) + grid.affine[:3, 3]
    counts = [size // factor for size, factor in zip(grid.shape, factors, strict=True)]
    return Grid(shape=(counts[0], counts[1], counts[2]), affine=affine)
