"""A head of which is known where its face and its brain are, and what of the face a mask leaves.

Nothing here comes from the defacer: the parts of the face were marked by eye, on the head's own surface, and the brain
by another program.  Arrays are (I, J, K); points are RAS millimetres.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np
import SimpleITK
from attrs import frozen
from numpy.typing import NDArray

sitk: Any = SimpleITK  # neither library has types
nib: Any = nibabel
Affine = NDArray[np.float64]

PARTS: Final = ("eyes", "nose", "mouth", "chin", "ears")
SKIN_MM: Final = 2.0
REACH_MM: Final = 1.3
"""Skin is still there when something was left so near to it."""

CLOSED: Final = 8
"""Voxels: half the width of nostrils and ear canals, which are no way in."""

AIR: Final = 0.12
"""Of the brightest tissue: what is darker is air."""


@frozen(kw_only=True)
class Patch:
    """A piece of the face: an ellipse seen from the front (ears: from the side), and how far back it reaches."""

    part: str
    centre: tuple[float, float]
    semi: tuple[float, float]
    beyond: float

    def holds(self, points: Affine, middle: float) -> NDArray[np.bool_]:
        """Tell which points (N, 3) belong to it; ``middle``: the x of the head's middle."""
        across, depth = (1, np.abs(points[:, 0] - middle)) if self.part == "ears" else (0, points[:, 1])
        shares = (points[:, across] - self.centre[0]) / self.semi[0], (points[:, 2] - self.centre[1]) / self.semi[1]
        return np.asarray((shares[0] ** 2 + shares[1] ** 2 <= 1) & (depth > self.beyond))


@frozen(kw_only=True, eq=False)
class KnownHead:
    """A head, its skin by part of the face (0 none, else 1 + the place in PARTS), and its brain."""

    data: NDArray[np.float32]
    affine: Affine
    skin: NDArray[np.uint8]
    brain: NDArray[np.bool_]
    marks: Affine
    """Points of brain and face, (N, 3), at which poses are compared."""


DS031: Final = (
    Patch(part="eyes", centre=(38.0, -22.0), semi=(20.0, 13.0), beyond=60.0),
    Patch(part="eyes", centre=(-30.0, -22.0), semi=(20.0, 13.0), beyond=60.0),
    Patch(part="nose", centre=(4.0, -42.0), semi=(17.0, 24.0), beyond=80.0),
    Patch(part="mouth", centre=(4.0, -92.0), semi=(28.0, 14.0), beyond=75.0),
    Patch(part="chin", centre=(4.0, -125.0), semi=(28.0, 16.0), beyond=60.0),
    Patch(part="ears", centre=(-27.0, -49.0), semi=(22.0, 33.0), beyond=71.0),
)
"""Read off pictures of the surface of ds000031's sub-01."""

DS031_MIDDLE: Final = 4.0
DS031_MARKS: Final = (
    (38.0, 72.0, -20.0), (-30.0, 72.0, -20.0), (4.0, 114.0, -54.0), (4.0, 93.0, -92.0), (4.0, 86.0, -122.0),
    (80.0, -27.0, -49.0), (-76.0, -27.0, -49.0), (4.0, 66.0, 20.0), (4.0, -98.0, 10.0), (68.0, -20.0, 20.0),
    (-60.0, -20.0, 20.0), (4.0, -15.0, 70.0), (4.0, -60.0, -50.0), (4.0, -15.0, -30.0),
)  # fmt: skip


def ds031(image: Path, brain: Path) -> KnownHead:
    """Load the one real head with its full face that can be had, and its brain as deepbet 1.0.2 drew it."""
    head, mask = (nib.as_closest_canonical(nib.load(path)) for path in (image, brain))
    data = np.asarray(head.dataobj, dtype=np.float32)
    affine = np.asarray(head.affine, dtype=np.float64)
    return KnownHead(
        data=data,
        affine=affine,
        skin=skin_of(data, affine, DS031, DS031_MIDDLE),
        brain=np.asarray(mask.dataobj) > 0,
        marks=np.array(DS031_MARKS),
    )


def skin_of(data: NDArray[np.float32], affine: Affine, patches: tuple[Patch, ...], middle: float) -> NDArray[np.uint8]:
    """Mark the outermost SKIN_MM of the head where the patches are."""
    depth = depth_in_head(data, affine)
    index = np.argwhere((depth >= 0) & (depth <= SKIN_MM))
    points = index @ affine[:3, :3].T + affine[:3, 3]
    labels = np.zeros(data.shape, np.uint8)
    for patch in patches:
        x, y, z = index[patch.holds(points, middle)].T
        labels[x, y, z] = 1 + PARTS.index(patch.part)
    return labels


def depth_in_head(data: NDArray[np.float32], affine: Affine) -> NDArray[np.float32]:
    """Measure from each voxel to the head's surface, mm, negative outside; mouth and nose are closed."""
    bright = np.percentile(data[data > data.mean()], 98)
    tissue = sitk.GetImageFromArray((data > AIR * bright).astype(np.uint8).T)
    tissue.SetSpacing(np.linalg.norm(affine[:3, :3], axis=0).tolist())
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(tissue), sortByObjectSize=True)
    closed = sitk.BinaryMorphologicalClosing(sitk.ConstantPad(pieces == 1, [CLOSED] * 3, [CLOSED] * 3), [CLOSED] * 3)
    whole = sitk.BinaryFillhole(sitk.Crop(closed, [CLOSED] * 3, [CLOSED] * 3))
    found = sitk.SignedMaurerDistanceMap(whole, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
    return np.asarray(sitk.GetArrayFromImage(found), dtype=np.float32).T


def left_of(kept: NDArray[np.bool_], skin: NDArray[np.uint8], steps: Affine) -> Mapping[str, float]:
    """Say of each part that is in view what share of its skin has something ``kept`` within REACH_MM."""
    reach = [int(REACH_MM / step) for step in steps]
    wide, near = np.pad(kept, [(far, far) for far in reach]), np.zeros(kept.shape, bool)
    for offset in np.ndindex(*(2 * far + 1 for far in reach)):
        if np.linalg.norm((np.array(offset) - reach) * steps) <= REACH_MM:
            near |= wide[tuple(slice(at, at + size) for at, size in zip(offset, kept.shape, strict=True))]
    counts = np.bincount(skin.ravel(), minlength=len(PARTS) + 1)
    left = np.bincount(skin[near], minlength=len(PARTS) + 1)
    return {part: float(left[label] / counts[label]) for label, part in enumerate(PARTS, start=1) if counts[label] > 20}
