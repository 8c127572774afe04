"""The copy of an image that an outside tool is given: one volume, upright axes, plain numbers, and nothing else.

A tool is told neither the file's name nor its header's texts, nor where in the scanner the head lay.  Each tool has its
own troubles with series, scaling, negative air, missing values, byte orders and unusual axes; this copy has none.
"""

from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.core.errors import EngineFailed, InvalidInput
from fivesafes.data.face.cut import Look
from fivesafes.data.face.itk import Affine, Bools, Grid, closed
from fivesafes.data.face.prepare import mean_volume
from fivesafes.data.face.stored import Stored, read_stored, write_aside

orientations: Final[Any] = nibabel.orientations  # it has no types

AXES: Final = "LAS"
"""The order that FSL keeps its own images in: its programs then turn nothing about."""

TISSUE: Final = 2000.0
"""The stored number of the brightest tissue; spots may be brighter, up to what int16 holds."""

AIR: Final = 1
"""What air becomes: no voxel of the copy is 0, so that each one that a tool sets to 0 is seen."""

CHANGED: Final = 0.01 * TISSUE
"""A tool that stores its answer with another scaling rounds; what it replaced differs by more."""

SAME_MM: Final = 0.5
SCANNER: Final = 1


@frozen(kw_only=True, eq=False)
class Neutral:
    """An image as a tool is given it.

    ``data``: int16 (I, J, K), axes as AXES says, air 1, brightest tissue about 2000.  ``affine``: steps in mm, the
    middle of the image at the origin.  ``back``: how its axes are turned to lie as the original's (nibabel's way).
    ``grid``: the same voxels where they really lie.
    """

    data: NDArray[np.int16]
    affine: Affine
    back: NDArray[Any]
    grid: Grid

    def returned(self, mask: Bools) -> Bools:
        """Lay a mask over the original's voxels."""
        return np.ascontiguousarray(orientations.apply_orientation(mask, self.back).astype(bool))


def neutral(look: Look) -> Neutral:
    """Make the copy: of a series, the mean of the volumes that show the head best."""
    stored, scan = look.stored, look.scan
    real = mean_volume(stored, scan.volumes) - np.float32(scan.background)
    scaled = np.rint(real * np.float32(TISSUE / scan.bright)) + AIR
    kept = np.clip(scaled, AIR, np.iinfo(np.int16).max).astype(np.int16)
    here = orientations.io_orientation(stored.grid.affine)
    turn = orientations.ornt_transform(here, orientations.axcodes2ornt(AXES))
    data = np.ascontiguousarray(orientations.apply_orientation(kept, turn))
    lies = stored.grid.affine @ orientations.inv_ornt_aff(turn, stored.grid.shape)
    grid = Grid(shape=(data.shape[0], data.shape[1], data.shape[2]), affine=lies)
    signs = np.array([-1.0, 1.0, 1.0])
    affine = np.diag([*(signs * grid.steps), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(data.shape) - 1) / 2)
    back = orientations.ornt_transform(orientations.axcodes2ornt(AXES), here)
    return Neutral(data=data, affine=affine, back=back, grid=grid)


def write_neutral(data: NDArray[np.int16] | NDArray[np.uint8], affine: Affine, path: Path) -> None:
    """Write numbers as a NIfTI-1 file whose header says where they lie and nothing more."""
    kind: Any = nibabel.Nifti1Image
    image = kind(data, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, SCANNER)
    image.set_qform(affine, SCANNER)
    write_aside(image.to_bytes(), path)


def marked_kept(path: Path, copy: Neutral) -> Bools:
    """Read a mask of what stays (1, or more than a half where it was resampled); give what goes."""
    return ~(_answer(path, copy) >= 0.5)  # noqa: PLR2004 - half way; what is no number does not stay


def marked_zero(path: Path, copy: Neutral) -> Bools:
    """Read an image in which what goes was set to 0."""
    return np.asarray(_answer(path, copy) == 0)


def marked_nonzero(path: Path, copy: Neutral) -> Bools:
    """Read an image that is 0 where nothing goes.  AFNI's shell is positive in the face, negative in the air before."""
    return np.asarray(_answer(path, copy) != 0)


def marked_changed(path: Path, copy: Neutral) -> Bools:
    """Read an image in which what goes was replaced: it is where it differs from the copy.

    Where the new value happens to be the old one a hole is left; holes of a voxel or two are closed.
    """
    changed = np.pad(np.abs(_answer(path, copy) - copy.data) > CHANGED, 2, mode="edge")
    return closed(changed, 1)[2:-2, 2:-2, 2:-2]


def _answer(path: Path, copy: Neutral) -> NDArray[np.floating[Any]]:
    """Read what a tool wrote.  Raises EngineFailed when it is missing, unreadable, or not on the copy's grid."""
    if not path.is_file():
        what = "the tool ended without its result"
        raise EngineFailed(what, fix="run the tool by hand on an image of a phantom, and see what it says")
    try:
        written: Stored = read_stored(path)
    except InvalidInput as error:
        what = f"the tool's result can't be read: {error.what}"
        raise EngineFailed(what, fix="update the tool, or use another engine") from error
    if written.volumes != 1 or not _same_place(written.grid, copy):
        what = "the tool's result does not lie on the grid of the image it was given"
        raise EngineFailed(what, fix="update the tool, or use another engine")
    return written.real(0)


def _same_place(grid: Grid, copy: Neutral) -> bool:
    """Compare where the corners lie: a result that was turned, flipped or resampled marks other voxels."""
    if grid.shape != copy.data.shape:
        return False
    ends = np.array(np.meshgrid(*[(0, size - 1) for size in grid.shape], indexing="ij")).reshape(3, -1)
    apart = (grid.affine - copy.affine)[:3]
    return bool(np.abs(apart[:, :3] @ ends + apart[:, 3:]).max() < SAME_MM)
