"""Decide which voxels go: the template's zones, laid over the scan, less this person's brain with a margin."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.data.face.brain import find_brain
from fivesafes.data.face.itk import Affine, Bools, Floats, Grid, Volume, carry, distance
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import Template, template
from fivesafes.data.face.stored import Box
from fivesafes.data.model import FaceMode

GUARD_MM: Final = 6.0
"""Around the template's brain, in template space, so that it grows and shrinks with the head."""

OWN_GUARD_MM: Final = 2.0
"""Around the brain as it was found in this scan; also what a skull-strip leaves around it."""

WRAPPED_MM: Final = 10.0
"""How far around the mean head's face a part of this one's may lie that the field of view folded over."""

COARSE: Final = 4
MARGIN: Final = 8
"""Voxels: where the box of a zone is first looked for, and how much wider it is then taken."""


@frozen(kw_only=True, eq=False)
class Zones:
    """What goes from a scan: ``removed`` (of the shape of ``box``) True where voxels are set to background.

    ``brain``: the same shape, True where this person's brain is.  ``brain_known``: whether it was found in the scan,
    not only guessed from the template.
    """

    box: Box
    removed: Bools
    brain: Bools
    brain_known: bool

    def whole(self, grid: Grid) -> Bools:
        """Give the removal on the whole grid."""
        mask = np.zeros(grid.shape, bool)
        mask[self.box] = self.removed
        return mask


def lay_zones(grid: Grid, *, scan: Volume, pose: Pose, mode: FaceMode) -> Zones:
    """Carry the zones to the scan's own grid.

    ``scan``: the prepared 2 mm volume, in which the brain is looked for.  In most modes face and ears go;
    in ``skull-strip`` all but the brain, in ``reface-plus`` all but the guarded brain.
    """
    brain = find_brain(scan, pose)
    guard = brain.to_template - np.float32(GUARD_MM * pose.scale)
    if brain.to_own is not None:
        guard = np.minimum(guard, brain.to_own - np.float32(OWN_GUARD_MM))
    to_brain = Volume(data=brain.to_either, affine=scan.affine)
    known = brain.to_own is not None
    guarded = Volume(data=guard, affine=scan.affine)
    if mode is FaceMode.SKULL_STRIP:
        box: Box = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
        far = carry(to_brain, onto=grid, beyond=None)
        return Zones(box=box, removed=far > OWN_GUARD_MM, brain=far < 0, brain_known=known)
    if mode is FaceMode.REFACE_PLUS:
        box = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
        removed = carry(guarded, onto=grid, beyond=None) > 0
        return Zones(box=box, removed=removed, brain=carry(to_brain, onto=grid, beyond=None) < 0, brain_known=known)
    coarse = _coarse(grid)
    folds = [fold for fold in _folds(grid) if _folded(coarse, pose, fold).any()]
    box = _box(grid, pose, folds)
    part = grid.cropped(box)
    removed = _zone(part, pose, folds)
    removed &= carry(guarded, onto=part, beyond=None) > 0
    return Zones(box=box, removed=removed, brain=carry(to_brain, onto=part, beyond=None) < 0, brain_known=known)


@cache
def _field() -> Volume:
    """Give the depth inside the removal zone less the guarded brain, mm in template space; positive is removed."""
    pack: Template = template()
    inside: Floats = -distance(pack.removal > 0, pack.grid.steps)
    return Volume(data=np.minimum(inside, pack.to_brain - np.float32(GUARD_MM)), affine=pack.affine)


@cache
def _near_field() -> Volume:
    """Give the same where the mean head and a margin are, negative elsewhere."""
    field, near = _field(), np.float32(WRAPPED_MM) - template().to_head
    return Volume(data=np.minimum(field.data, near), affine=field.affine)


def _zone(part: Grid, pose: Pose, folds: Sequence[Affine]) -> Bools:
    """Mark what goes from a grid: the zone as it lies, and as it comes in again by each of the folds."""
    inside = carry(_field(), onto=part, through=np.linalg.inv(pose.affine), beyond=None) > 0
    for fold in folds:
        inside |= _folded(part, pose, fold)
    return inside


def _folded(part: Grid, pose: Pose, fold: Affine) -> Bools:
    """Mark where the face comes in again by a fold."""
    return carry(_near_field(), onto=part, through=np.linalg.inv(pose.affine) @ fold, beyond=-1.0) > 0


def _folds(grid: Grid) -> Iterator[Affine]:
    """List how a scan can be wrapped: what is beyond one side of the field of view comes in on the other.

    A nose that was not in the field of view then stands behind the head, and is as good a nose there.
    """
    for axis, size in enumerate(grid.shape):
        for way in (-1, 1):
            fold = np.eye(4)
            fold[:3, 3] = way * size * grid.affine[:3, axis]
            yield fold


def _coarse(grid: Grid) -> Grid:
    """Take every fourth voxel, and the last."""
    counts = [max(2, -(-size // COARSE)) for size in grid.shape]
    steps = [(size - 1) / (count - 1) if size > 1 else 1.0 for size, count in zip(grid.shape, counts, strict=True)]
    return Grid(shape=(counts[0], counts[1], counts[2]), affine=grid.affine @ np.diag([*steps, 1.0]))


def _box(grid: Grid, pose: Pose, folds: Sequence[Affine]) -> Box:
    """Find the part of the grid that the removal zone touches."""
    coarse = _coarse(grid)
    inside = _zone(coarse, pose, folds)
    if not inside.any():
        return slice(0, 1), slice(0, 1), slice(0, 1)
    ends = []
    for axis in range(3):
        step = (grid.shape[axis] - 1) / (coarse.shape[axis] - 1)
        hit = np.flatnonzero(inside.any(axis=tuple(set(range(3)) - {axis}))) * step
        low, high = int(hit[0]) - MARGIN, int(hit[-1]) + MARGIN + 1
        ends.append(slice(max(0, low), min(grid.shape[axis], high)))
    return ends[0], ends[1], ends[2]
