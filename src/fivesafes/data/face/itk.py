"""SimpleITK, spoken in one place: volumes are (x, y, z) arrays with an affine to RAS millimetres.

SimpleITK orders axes the other way round and calls its world LPS.  Nothing here depends on which way its world runs,
so RAS is handed to it as it is; resampling goes through voxel indices, which also bears sheared affines.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import numpy as np
import SimpleITK
from attrs import frozen
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

sitk: Final[Any] = SimpleITK
"""SimpleITK carries no types: what comes from it is given its type here."""

Affine = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

IDENTITY: Final[Affine] = np.eye(4)
COARSE_MM: Final = 2.0
SLICES: Final = 32
FARTHEST: Final = 8
"""Voxels up to which a distance is measured."""


FAINTEST: Final = 1e-20
"""Real values are divided by no less: a scan's brightest may be 1e-15, and 1e15 by this is still a single float."""


@frozen(kw_only=True, eq=False)
class Grid:
    """Where voxels lie: ``shape`` (I, J, K) and the (4, 4) ``affine`` from index to RAS mm."""

    shape: tuple[int, int, int]
    affine: Affine

    @property
    def steps(self) -> tuple[float, float, float]:
        """The size of a voxel along each of its axes, mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def voxel_ml(self) -> float:
        """The volume of a voxel, ml."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    @property
    def whole(self) -> tuple[slice, slice, slice]:
        """The box that holds every voxel."""
        return slice(0, self.shape[0]), slice(0, self.shape[1]), slice(0, self.shape[2])

    def cropped(self, box: tuple[slice, slice, slice]) -> "Grid":
        """Give the grid of a part: ``box`` has a start and a stop along each axis."""
        affine = self.affine.copy()
        affine[:3, 3] = self.affine[:3, :3] @ [part.start for part in box] + self.affine[:3, 3]
        shape = tuple(part.stop - part.start for part in box)
        return Grid(shape=(shape[0], shape[1], shape[2]), affine=affine)


@frozen(kw_only=True, eq=False)
class Volume:
    """Numbers on a grid: ``data`` (I, J, K)."""

    data: Floats
    affine: Affine

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        shape = self.data.shape
        return Grid(shape=(shape[0], shape[1], shape[2]), affine=self.affine)


@contextmanager
def one_thread() -> Iterator[None]:
    """Make SimpleITK, and numpy's products, add up in one order: else the last bits, and so the files, differ.

    They differ between runs and between machines.  Threads that wait for one another take twice the CPU, too.
    """
    process = sitk.ProcessObject
    before = process.GetGlobalDefaultNumberOfThreads()
    process.SetGlobalDefaultNumberOfThreads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        process.SetGlobalDefaultNumberOfThreads(before)


def carry(volume: Volume, *, onto: Grid, through: Affine = IDENTITY, beyond: float | None = 0.0) -> Floats:
    """Resample linearly: the value at each point of ``onto`` is read at ``through @ point`` in the volume.

    Outside of the volume stands ``beyond``; None goes on with the value at the border.
    """
    return _carry(volume.data, volume.affine, onto=onto, through=through, beyond=beyond, kind=sitk.sitkLinear)


def carry_slabs(
    volume: Volume,
    *,
    onto: Grid,
    box: tuple[slice, slice, slice],
    through: Affine = IDENTITY,
    beyond: float | None = 0.0,
) -> Iterator[tuple[slice, Floats]]:
    """Resample linearly onto a box of a grid, some slices of the last axis at a time, with which of the box's they are.

    A whole takes much memory.
    """
    resample = _resampler(volume.affine, onto=onto, through=through, beyond=beyond, kind=sitk.sitkLinear)
    image = to_itk(volume.data)
    (left, right), (back, front), (low, high) = ((part.start, part.stop) for part in box)
    for start in range(low, high, SLICES):
        stop = min(start + SLICES, high)
        resample.SetSize([right - left, front - back, stop - start])
        resample.SetOutputOrigin([float(left), float(back), float(start)])
        yield slice(start - low, stop - low), from_itk(resample.Execute(image))


def carry_smooth(volume: Volume, *, onto: Grid, through: Affine = IDENTITY) -> Iterator[tuple[slice, Floats]]:
    """Resample what changes slowly, a distance, at about each 2 mm of ``onto``, and linearly between; border goes on.

    On a grid of fine voxels that takes a tenth of the time of ``carry``.  It comes some slices of the last axis at a
    time, with which they are: a whole fine grid of numbers takes much memory.
    """
    factors = _factors(onto)
    counts = [-(-(size - 1) // factor) + 1 for size, factor in zip(onto.shape, factors, strict=True)]
    coarse = Grid(shape=(counts[0], counts[1], counts[2]), affine=onto.affine @ np.diag([*factors, 1.0]))
    data = carry(volume, onto=coarse, through=through, beyond=None)
    steps = max(1, SLICES // factors[2])
    thick = steps * factors[2]
    for start in range(0, onto.shape[2], thick):
        first, stop = start // factors[2], min(start + thick, onto.shape[2])
        slab = data[..., first : first + steps + int(factors[2] > 1)]
        for axis, (factor, size) in enumerate(zip(factors, (*onto.shape[:2], stop - start), strict=True)):
            slab = _enlarged(slab, axis, factor=factor, size=size)
        yield slice(start, stop), slab


def _factors(grid: Grid) -> list[int]:
    return [max(1, round(COARSE_MM / step - 0.25)) for step in grid.steps]


def in_step(box: tuple[slice, slice, slice], grid: Grid) -> tuple[slice, slice, slice]:
    """Begin a box where ``carry_smooth`` looks at the whole grid: in the box it then finds the same."""
    x, y, z = (slice(part.start // every * every, part.stop) for part, every in zip(box, _factors(grid), strict=True))
    return x, y, z


def above(volume: Volume, level: float, *, onto: Grid) -> Bools:
    """Mark on a grid where what changes slowly is above a level."""
    marked = np.empty(onto.shape, bool, order="F")
    for part, slab in carry_smooth(volume, onto=onto):
        marked[..., part] = slab > level
    return marked


def _enlarged(data: Floats, axis: int, *, factor: int, size: int) -> Floats:
    """Put ``factor - 1`` values between each two along an axis, and stop after ``size``."""
    if factor == 1:
        return data
    shape = list(data.shape)
    shape[axis] = size
    larger = np.empty(shape, data.dtype, order="F")
    here, there = np.moveaxis(data, axis, 0), np.moveaxis(larger, axis, 0)
    for place in range(factor):
        part = there[place::factor]
        weight = np.float32(place / factor)
        if place == 0:
            part[:] = here[: len(part)]
        else:
            part[:] = (1 - weight) * here[: len(part)] + weight * here[1 : len(part) + 1]
    return larger


def carry_labels(labels: NDArray[np.uint8], affine: Affine, *, onto: Grid, through: Affine) -> NDArray[np.uint8]:
    """Take the nearest label at each point of ``onto``; beyond the border the border's label goes on."""
    kind = sitk.sitkNearestNeighbor
    carried = _carry(labels, affine, onto=onto, through=through, beyond=None, kind=kind)
    return carried.astype(np.uint8, copy=False)


def _carry(
    data: NDArray[Any], affine: Affine, *, onto: Grid, through: Affine, beyond: float | None, kind: int
) -> NDArray[Any]:
    return from_itk(_resampler(affine, onto=onto, through=through, beyond=beyond, kind=kind).Execute(to_itk(data)))


def _resampler(affine: Affine, *, onto: Grid, through: Affine, beyond: float | None, kind: int) -> Any:  # noqa: ANN401
    """Resample in index space; with ``beyond`` None values go on at the border."""
    hop = np.linalg.inv(affine) @ through @ onto.affine
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(hop[:3, :3].ravel().tolist())
    transform.SetTranslation(hop[:3, 3].tolist())
    resample = sitk.ResampleImageFilter()
    resample.SetSize(list(onto.shape))
    resample.SetInterpolator(kind)
    resample.SetTransform(transform)
    resample.SetDefaultPixelValue(0.0 if beyond is None else beyond)
    resample.SetUseNearestNeighborExtrapolator(beyond is None)
    return resample


def to_itk(data: NDArray[Any], grid: Grid | None = None) -> Any:  # noqa: ANN401 - a SimpleITK image has no type
    """Hand over an array: in index space, or placed on an axis-parallel RAS grid."""
    image = sitk.GetImageFromArray(np.ascontiguousarray((data.view(np.uint8) if data.dtype == bool else data).T))
    if grid is not None:
        image.SetSpacing(list(grid.steps))
        image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


def from_itk(image: Any) -> NDArray[Any]:  # noqa: ANN401 - a SimpleITK image has no type
    """Take an array back as (x, y, z)."""
    return np.asarray(sitk.GetArrayFromImage(image)).T


def opened(mask: Bools, radius: int) -> Bools:
    """Cut off what is thinner than the ball of that radius, voxels."""
    return dilated(~dilated(~mask, (radius,) * 3), (radius,) * 3)


def closed(mask: Bools, radius: int) -> Bools:
    """Fill what is narrower than the ball of that radius, voxels; the image's border counts as empty."""
    grown = dilated(np.pad(mask, radius), (radius,) * 3)
    return ~dilated(~grown, (radius,) * 3)[(slice(radius, -radius),) * 3]


def dilated(mask: Bools, radius: tuple[int, int, int]) -> Bools:
    """Grow by the ellipsoid of those radii, voxels.

    An ellipsoid is made of rows along an axis: first each voxel grows to rows of each length, then, eight voxels to a
    byte, rows are laid side by side.
    """
    if not mask.flags.c_contiguous:
        return dilated(np.ascontiguousarray(mask.T), (radius[2], radius[1], radius[0])).T
    far, (x, y, z) = radius[2], mask.shape
    wide = np.pad(mask, [(reach, reach) for reach in radius])
    row, grown = wide[..., far : far + z].copy(), np.packbits(np.zeros_like(mask), axis=2)
    for half, beside in enumerate(_rows(radius)):
        row |= wide[..., far - half : far - half + z] | wide[..., far + half : far + half + z]
        packed = np.packbits(row, axis=2)
        for i, j in beside:
            grown |= packed[i : i + x, j : j + y]
    return np.unpackbits(grown, axis=2, count=z).view(np.bool_)


@cache
def _rows(radius: tuple[int, int, int]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """List of an ellipsoid of voxels the rows along its last axis, by half their length: where on the others they are.

    They are counted from its lowest corner.
    """
    place = np.indices([2 * far + 1 for far in radius]).transpose(1, 2, 3, 0)
    off = (place - radius) / (np.array(radius) + 0.5)
    lengths = ((off**2).sum(axis=-1) <= 1).sum(axis=-1)
    return tuple(
        tuple((int(i), int(j)) for i, j in np.argwhere(lengths == 2 * half + 1)) for half in range(radius[2] + 1)
    )


def around(mask: Bools, margin: int) -> tuple[slice, slice, slice]:
    """Give the box of what is marked, with so many voxels around it, as far as the grid goes; empty where none is."""
    ends = []
    for axis, size in enumerate(mask.shape):
        there = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        ends.append(slice(max(0, there[0] - margin), min(size, there[-1] + 1 + margin)) if there.size else slice(0, 0))
    return ends[0], ends[1], ends[2]


def listed(mask: Bools) -> NDArray[np.intp]:
    """List what is marked, (N, 3), the first axis running fastest."""
    back = mask.T
    return np.column_stack(np.unravel_index(np.flatnonzero(back), back.shape)[::-1])


def filled(mask: Bools) -> Bools:
    """Fill holes that have no way out."""
    pieces = from_itk(sitk.ConnectedComponent(to_itk(~np.pad(mask, 1))))
    return np.asarray(pieces != pieces[0, 0, 0])[1:-1, 1:-1, 1:-1]


def largest(mask: Bools) -> Bools:
    """Keep the largest connected piece."""
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(to_itk(mask)), sortByObjectSize=True)
    return np.asarray(from_itk(pieces) == 1)


def touching(mask: Bools, seed: Bools) -> Bools:
    """Keep the connected pieces of ``mask`` that share a voxel with ``seed``."""
    pieces = from_itk(sitk.ConnectedComponent(to_itk(mask)))
    wanted = np.unique(pieces[seed & mask])
    return np.isin(pieces, wanted[wanted > 0])


def distance(mask: Bools, step: float) -> Floats:
    """Measure to the mask's border, mm: negative inside, 0 on its outermost voxels, positive outside.

    ``step``: the size of a voxel, mm, the same each way.  It is exact up to eight voxels, and further away says just
    that much: nothing here asks for more, and the nearest are found in a tenth of the time that all of them take.
    """
    far = np.sqrt(np.arange(FARTHEST**2 + 1, dtype=np.float32)) * np.float32(step)
    measured = np.full_like(mask, far[-1], dtype=np.float32)
    near = around(mask, FARTHEST)
    part = mask[near]
    found = far.take(np.minimum(_squares(part & ~_eroded(part)), FARTHEST**2))
    measured[near] = np.where(part, -found, found)
    return measured


def _squares(mask: Bools) -> NDArray[np.uint8]:
    """Give the square of the distance to the nearest marked voxel, in voxels; too large a number where that is far."""
    squares = np.where(mask, np.uint8(0), np.uint8(255 - FARTHEST**2))
    for axis in range(3):
        nearer = squares.copy(order="K")
        old, new = np.moveaxis(squares, axis, 0), np.moveaxis(nearer, axis, 0)
        for off in range(1, min(FARTHEST + 1, len(old))):
            further = old + np.uint8(off**2)
            np.minimum(new[off:], further[:-off], out=new[off:])
            np.minimum(new[:-off], further[off:], out=new[:-off])
        squares = nearer
    return squares


def _eroded(mask: Bools) -> Bools:
    """Take off a voxel all round, corners too; the image's border takes nothing off."""
    for axis in range(3):
        thinner = mask.copy(order="K")
        old, new = np.moveaxis(mask, axis, 0), np.moveaxis(thinner, axis, 0)
        new[1:] &= old[:-1]
        new[:-1] &= old[1:]
        mask = thinner
    return mask
