"""Where slices lie in the patient: the DICOM patient system (PS3.3 C.7.6.2), mm, +x left, +y back, +z up."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]


@frozen(kw_only=True)
class Grid:
    """Parallel slices of equal size.  ``along_row`` is where the column index grows, ``along_column`` the row index.

    ``first`` is the centre of the first voxel of the first slice; ``spacing`` is (between slices, rows, columns) in mm;
    ``shape`` is (slices, rows, columns).
    """

    first: Floats
    along_row: Floats
    along_column: Floats
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int]

    @property
    def normal(self) -> Floats:
        """The direction from each slice to the next."""
        return np.cross(self.along_row, self.along_column)

    def position(self, slice_index: int) -> Floats:
        """Give the centre of a slice's first voxel (ImagePositionPatient)."""
        return np.asarray(self.first + self.normal * self.spacing[0] * slice_index)

    def orientation(self) -> list[float]:
        """Give the six cosines of ImageOrientationPatient."""
        return [*self.along_row.tolist(), *self.along_column.tolist()]

    def affine_ras(self) -> Floats:
        """Give the NIfTI affine (RAS+) of an array indexed [column, row, slice]."""
        affine = np.eye(4)
        between, rows, columns = self.spacing
        affine[:3, 0] = self.along_row * columns
        affine[:3, 1] = self.along_column * rows
        affine[:3, 2] = self.normal * between
        affine[:3, 3] = self.first
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


_PLANES = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}


def centred(
    plane: str,
    *,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    centre: Sequence[float],
    tilt_degrees: float = 0.0,
) -> Grid:
    """Lay a grid with its middle at ``centre``, turned by ``tilt_degrees`` about the left-right axis."""
    along_row, along_column = (_tilted(np.array(way), tilt_degrees) for way in _PLANES[plane])
    normal = np.cross(along_row, along_column)
    half = (np.array(shape) - 1) / 2 * np.array(spacing)
    first = np.array(centre) - normal * half[0] - along_column * half[1] - along_row * half[2]
    return Grid(first=first, along_row=along_row, along_column=along_column, spacing=spacing, shape=shape)


def _tilted(way: Floats, degrees: float) -> Floats:
    angle = np.deg2rad(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    return np.asarray(turn @ way)
