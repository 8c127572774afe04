"""An image made of a known head, and what makers of such images share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK
from attrs import field, frozen
from numpy.random import Generator
from numpy.typing import NDArray
from tests.heads.truth import Affine, KnownHead

sitk: Any = SimpleITK  # neither library has types
nib: Any = nibabel
Numbers = NDArray[Any]


@frozen(kw_only=True, eq=False)
class Made:
    """An image made of a head.  ``moved``: from the head's world to the image's, RAS mm; None when no head is in it.

    ``skin``, ``brain``: the truth on the image's grid.  ``stored``: how it is written (see ``write``).
    """

    data: Numbers
    affine: Affine
    moved: Affine | None
    skin: NDArray[np.uint8]
    brain: NDArray[np.bool_]
    stored: Mapping[str, Any] = field(factory=dict)


Maker = Callable[[KnownHead, Generator], Made]


def lay(
    head: KnownHead,
    *,
    moved: Affine,
    grid: Affine,
    shape: tuple[int, int, int],
    data: NDArray[np.float32] | None = None,
    thick: tuple[int, int, int] = (1, 1, 1),
) -> Made:
    """Sample the moved head on another grid; ``thick``: how many samples make a voxel, along each axis."""
    hop = np.linalg.inv(head.affine) @ np.linalg.inv(moved) @ grid
    source = head.data if data is None else data
    total = np.zeros(shape, np.float32)
    for part in np.ndindex(*thick):
        within = np.eye(4)
        within[:3, 3] = (np.array(part) + 0.5) / thick - 0.5
        total += _resampled(source, hop @ within, shape, sitk.sitkLinear)
    labels = _resampled(head.skin, hop, shape, sitk.sitkNearestNeighbor)
    brain = _resampled(head.brain.astype(np.uint8), hop, shape, sitk.sitkNearestNeighbor)
    return Made(data=total / np.prod(thick), affine=grid, moved=moved, skin=labels, brain=brain > 0)


def _resampled(data: Numbers, hop: Affine, shape: tuple[int, int, int], kind: int) -> Numbers:
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(hop[:3, :3].ravel().tolist())
    transform.SetTranslation(hop[:3, 3].tolist())
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(image, list(shape), transform, kind))).T


def grid_around(head: KnownHead, moved: Affine, steps: tuple[float, float, float]) -> tuple[Affine, Any]:
    """Lay a grid along RAS around the whole of the moved head."""
    ends = np.array(np.meshgrid(*[(0, size - 1) for size in head.data.shape], indexing="ij")).reshape(3, -1)
    corners = (moved @ head.affine @ np.vstack([ends, np.ones(8)]))[:3]
    low, high = corners.min(axis=1), corners.max(axis=1)
    grid = np.diag([*steps, 1.0])
    grid[:3, 3] = low
    return grid, tuple(int(size) for size in np.ceil((high - low) / steps) + 1)


def unchanged(head: KnownHead, _: Generator) -> Made:
    """Take the head as it is."""
    return Made(data=head.data, affine=head.affine, moved=np.eye(4), skin=head.skin, brain=head.brain)


def brightness(head: KnownHead) -> float:
    """Say how bright its brightest tissue is."""
    return float(np.percentile(head.data[head.data > head.data.mean()], 98))


def rician(data: NDArray[np.float32], sigma: float, rng: Generator) -> NDArray[np.float32]:
    """Add noise as a magnitude image has it (Gudbjartsson & Patz 1995)."""
    real, other = (rng.normal(0, sigma, data.shape).astype(np.float32) for _ in range(2))
    return np.asarray(np.hypot(data + real, other), dtype=np.float32)


def shift(x: float, y: float, z: float) -> Affine:
    """Move by so many millimetres."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def rotation(pitch: float, roll: float, yaw: float) -> Affine:
    """Turn about x, then y, then z; degrees."""
    matrix = np.eye(4)
    for axis, angle in ((0, pitch), (1, roll), (2, yaw)):
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        one, other = [(1, 2), (2, 0), (0, 1)][axis]
        turn = np.eye(4)
        turn[one, one] = turn[other, other] = cosine
        turn[one, other], turn[other, one] = -sine, sine
        matrix = turn @ matrix
    return matrix


def write(made: Made, folder: Path, name: str) -> Path:
    """Write it as a NIfTI file, or a pair of them, and give the path of the image."""
    how = dict(made.stored)
    dtype = np.dtype(how.get("dtype", "<f4"))
    data, slope, inter = made.data, float(how.get("slope", 1.0)), float(how.get("inter", 0.0))
    stored = (data - inter) / slope
    if dtype.kind in "iu":
        stored = np.clip(np.rint(stored), np.iinfo(dtype).min, np.iinfo(dtype).max)
    kind = nib.Nifti2Image if how.get("version") == 2 else nib.Nifti1Pair if how.get("pair") else nib.Nifti1Image
    order = ">" if dtype.byteorder == ">" else "<"
    empty = (nib.Nifti2Header if how.get("version") == 2 else nib.Nifti1Header)(endianness=order)
    empty.set_data_dtype(dtype)
    image = kind(stored.astype(dtype), made.affine, empty)
    image.header.set_slope_inter(slope, inter)
    code = int(how.get("code", 1))
    image.set_sform(made.affine, code)
    image.set_qform(None if code == 0 else made.affine, code)
    if "extension" in how:
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", how["extension"]))
    path = folder / (f"{name}.img" if how.get("pair") else f"{name}.nii" if how.get("plain") else f"{name}.nii.gz")
    nib.save(image, path)
    return path
