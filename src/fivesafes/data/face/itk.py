"""SimpleITK, spoken in one place: volumes are (x, y, z) arrays with an affine to RAS millimetres.

SimpleITK orders axes the other way round and calls its world LPS.  Nothing here depends on which way its world runs,
so RAS is handed to it as it is; resampling goes through voxel indices, which also bears sheared affines.
"""

from collections.abc import Iterator
from contextlib import contextmanager
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
    return from_itk(sitk.BinaryMorphologicalOpening(to_itk(mask), [radius] * 3)) > 0


def closed(mask: Bools, radius: int) -> Bools:
    """Fill what is narrower than the ball of that radius, voxels; the image's border counts as empty."""
    return from_itk(sitk.BinaryMorphologicalClosing(to_itk(mask), [radius] * 3)) > 0


def dilated(mask: Bools, radius: tuple[int, int, int]) -> Bools:
    """Grow by the ellipsoid of those radii, voxels."""
    return from_itk(sitk.BinaryDilate(to_itk(mask), list(radius))) > 0


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


def distance(mask: Bools, steps: tuple[float, float, float]) -> Floats:
    """Measure to the mask's border, mm: negative inside, positive outside."""
    image = to_itk(mask)
    image.SetSpacing(list(steps))
    found = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    return from_itk(found).astype(np.float32, copy=False)
