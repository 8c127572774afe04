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

sitk: Final[Any] = SimpleITK
"""SimpleITK carries no types: what comes from it is given its type here."""

Affine = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

IDENTITY: Final[Affine] = np.eye(4)
COARSE_MM: Final = 2.0
FARTHEST: Final = 8
"""Voxels up to which a distance is measured."""


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
    """Make SimpleITK add up in one order: with two threads the last bits, and so the files, differ between runs."""
    process = sitk.ProcessObject
    before = process.GetGlobalDefaultNumberOfThreads()
    process.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        process.SetGlobalDefaultNumberOfThreads(before)


def carry(volume: Volume, *, onto: Grid, through: Affine = IDENTITY, beyond: float | None = 0.0) -> Floats:
    """Resample linearly: the value at each point of ``onto`` is read at ``through @ point`` in the volume.

    Outside of the volume stands ``beyond``; None goes on with the value at the border.
    """
    return _carry(volume.data, volume.affine, onto=onto, through=through, beyond=beyond, kind=sitk.sitkLinear)


def carry_smooth(volume: Volume, *, onto: Grid, through: Affine = IDENTITY) -> Floats:
    """Resample what changes slowly, a distance, at about each 2 mm of ``onto``, and linearly between; border goes on.

    On a grid of fine voxels that takes a tenth of the time of ``carry``.
    """
    factors = [max(1, round(COARSE_MM / step - 0.25)) for step in onto.steps]
    counts = [-(-(size - 1) // factor) + 1 for size, factor in zip(onto.shape, factors, strict=True)]
    coarse = Grid(shape=(counts[0], counts[1], counts[2]), affine=onto.affine @ np.diag([*factors, 1.0]))
    data = carry(volume, onto=coarse, through=through, beyond=None)
    for axis, factor in enumerate(factors):
        data = _enlarged(data, axis, factor=factor, size=onto.shape[axis])
    return data


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
    return from_itk(resample.Execute(to_itk(data)))


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
    """Grow by the ellipsoid of those radii, voxels."""
    wide = np.pad(mask, [(far, far) for far in radius])
    grown = np.zeros_like(mask)
    for x, y, z in _ball(radius):
        grown |= wide[x : x + mask.shape[0], y : y + mask.shape[1], z : z + mask.shape[2]]
    return grown


@cache
def _ball(radius: tuple[int, int, int]) -> tuple[tuple[int, int, int], ...]:
    """List what an ellipsoid of voxels covers, counted from its lowest corner."""
    place = np.indices([2 * far + 1 for far in radius]).reshape(3, -1).T
    off = (place - radius) / (np.array(radius) + 0.5)
    return tuple((int(x), int(y), int(z)) for x, y, z in place[(off**2).sum(axis=1) <= 1])


def filled(mask: Bools) -> Bools:
    """Fill holes that have no way out."""
    return from_itk(sitk.BinaryFillhole(to_itk(mask))) > 0


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
    outermost = mask & ~_eroded(mask)
    far = np.sqrt(np.arange(FARTHEST**2 + 1, dtype=np.float32)) * np.float32(step)
    found = far.take(np.minimum(_squares(outermost), FARTHEST**2))
    return np.where(mask, -found, found)


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
