"""Decide which voxels go: the template's zones, laid over the scan, less this person's brain with a margin."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.data.face.brain import Brain, find_brain
from fivesafes.data.face.itk import Affine, Bools, Floats, Grid, Volume, above, carry, carry_smooth, distance
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.outline import Outline, outline_brain
from fivesafes.data.face.pack import Template, template
from fivesafes.data.face.stored import Box, within
from fivesafes.data.model import FaceMode

GUARD_MM: Final = 6.0
"""Around the template's brain, in template space, so that it grows and shrinks with the head."""

OWN_GUARD_MM: Final = 3.0
"""Around the brain as it was found in this scan: with 2 mm single voxels of its rim went, .01 to .1 ml."""

WRAPPED_MM: Final = 10.0
"""How far around the mean head's face a part of this one's may lie that the field of view folded over."""

FOLD_RIM_MM: Final = 3.0
"""How far under the mean head's surface a face is still removed that comes in again from below."""

UPRIGHT: Final = 0.7

OPEN_MM: Final = 20.0
FAR_MM: Final = 1.0  # outside, for sure
EDGE_MM: Final = 3.0
"""How far outside a zone, mm, its box is drawn."""

FEW: Final = 2
"""Each second voxel is asked whether a fold brings it in, and where a box begins and ends."""


@frozen(kw_only=True, eq=False)
class Zones:
    """What goes from a scan: ``removed`` (of the shape of ``box``) True where voxels are set to background.

    ``brain``: the same shape, True where this person's brain is.  ``brain_known``: whether it was found in the scan,
    not only guessed from the template.  ``outline``: of the brain, where all but the brain goes.
    """

    box: Box
    removed: Bools
    brain: Bools
    brain_known: bool
    outline: Outline | None = None


def lay_zones(
    grid: Grid,
    *,
    scan: Volume,
    pose: Pose,
    mode: FaceMode,
    brain: Brain | None = None,
    outline: Outline | None = None,
) -> Zones:
    """Carry the zones to the scan's own grid.

    ``scan``: the prepared 2 mm volume, in which the brain is looked for when it is not given; the zones are laid there,
    as depths in mm, and brought to the voxels in one go.  In the modes ``remove`` and ``mask`` face and ears go; in
    ``skull-strip`` all but the brain goes, in ``reface-plus`` all but the guarded brain.  ``outline``: of the brain,
    when it is known already.
    """
    if mode is FaceMode.SKULL_STRIP:
        return _all_but_brain(grid, outline or outline_brain(scan, pose), pose=pose)
    brain = brain or find_brain(scan, pose)
    guard = brain.to_template - np.float32(GUARD_MM * pose.scale)
    if brain.to_own is not None:
        guard = np.minimum(guard, brain.to_own - np.float32(OWN_GUARD_MM))
    to_brain = Volume(data=brain.to_either, affine=scan.affine)
    known = brain.to_own is not None
    if mode is FaceMode.REFACE_PLUS:
        bare = _all_but_brain(grid, outline or outline_brain(scan, pose), pose=pose)
        bare.removed[...] &= above(Volume(data=guard, affine=scan.affine), 0, onto=grid)
        _mark_brain(bare.brain, bare.box, to_brain, grid)
        return bare
    depth = Volume(data=np.minimum(_depth(scan.grid, pose, _folds(grid, pose)), guard), affine=scan.affine)
    box = _box(depth.data > -EDGE_MM, scan.grid, within=grid)
    removed = above(depth, 0, onto=grid.cropped(box))
    return Zones(box=box, removed=removed, brain=_brain_in(box, to_brain, grid), brain_known=known)


def _all_but_brain(grid: Grid, outline: Outline, *, pose: Pose) -> Zones:
    """Let all go but this person's brain and a margin; how sure it is, is told."""
    box = outline.box(grid, pose)
    removed, brain = np.ones(grid.shape, bool, order="F"), np.zeros(grid.shape, bool, order="F")
    for part, away in outline.onto(grid, pose, box):
        removed[box][..., part], brain[box][..., part] = away > outline.margin, away < 0
    return Zones(box=grid.whole, removed=removed, brain=brain, brain_known=True, outline=outline)


@cache
def _field() -> Volume:
    """Give the depth inside the removal zone less the guarded brain, mm in template space; positive is removed."""
    pack: Template = template()
    inside: Floats = -distance(pack.removal, pack.grid.steps[0])
    return Volume(data=np.minimum(inside, pack.to_brain - np.float32(GUARD_MM)), affine=pack.affine)


def _near_field() -> Volume:
    """Give the same where the mean head and a margin are, negative elsewhere."""
    field, near = _field(), np.float32(WRAPPED_MM) - template().to_head
    return Volume(data=np.minimum(field.data, near), affine=field.affine)


def _depth(onto: Grid, pose: Pose, folds: Iterable[Affine]) -> Floats:
    """Give the depth inside what goes, mm of the template: the zone as it lies, and as it comes in again by a fold.

    What comes in again from below goes from the air above the head and from its rim only: that way hardly a scan is
    folded, neck and brain would lie upon one another, and a scan that ends above the mouth keeps its forehead so.
    """
    pack, to_template = template(), np.linalg.inv(pose.affine)
    depth, near = carry(_field(), onto=onto, through=to_template, beyond=None), _near_field()
    for fold in folds:
        again = carry(near, onto=onto, through=to_template @ fold, beyond=-FAR_MM)
        shift = to_template[:3, :3] @ fold[:3, 3]
        if abs(shift[2]) > UPRIGHT * float(np.linalg.norm(shift)):
            air = Volume(data=pack.to_head, affine=pack.affine)
            outside = carry(air, onto=onto, through=to_template, beyond=OPEN_MM)
            again = np.minimum(again, outside + np.float32(FOLD_RIM_MM))
        depth = np.maximum(depth, again)
    return depth


def _folds(grid: Grid, pose: Pose) -> Iterator[Affine]:
    """List how a scan is wrapped: what is beyond one side of the field of view comes in on the other.

    A nose that was not in the field of view then stands behind the head, and is as good a nose there.
    """
    near = _near_field()
    x, y, z = np.nonzero(near.data[::FEW, ::FEW, ::FEW] > 0)
    face = np.c_[FEW * np.c_[x, y, z], np.ones(len(x))] @ (pose.affine @ near.affine).T
    index = face @ np.linalg.inv(grid.affine).T
    for axis, size in enumerate(grid.shape):
        for way in (-1, 1):
            there = index[:, :3] - way * size * np.eye(3)[axis]
            if ((there >= -1) & (there <= grid.shape)).all(axis=1).any():
                fold = np.eye(4)
                fold[:3, 3] = way * size * grid.affine[:3, axis]
                yield fold


def _box(inside: Bools, scan: Grid, *, within: Grid) -> Box:
    """Find the box of a grid around what is marked on the prepared one; of one voxel when that is nothing."""
    x, y, z = np.nonzero(inside[::FEW, ::FEW, ::FEW])
    if not x.size:
        return slice(0, 1), slice(0, 1), slice(0, 1)
    hop = np.linalg.inv(within.affine) @ scan.affine @ np.diag([FEW, FEW, FEW, 1])
    place = np.c_[x, y, z] @ hop[:3, :3].T + hop[:3, 3]
    wide = np.ceil(np.abs(hop[:3, :3]).sum(axis=1))
    low = np.clip(np.floor(place.min(axis=0) - wide), 0, np.array(within.shape) - 1).astype(int)
    high = np.clip(np.ceil(place.max(axis=0) + wide), low, np.array(within.shape) - 1).astype(int) + 1
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2]))


def _brain_in(box: Box, to_brain: Volume, grid: Grid) -> Bools:
    """Mark the brain in a box of the grid."""
    brain = np.zeros(grid.cropped(box).shape, bool, order="F")
    _mark_brain(brain, box, to_brain, grid)
    return brain


def _mark_brain(brain: Bools, box: Box, to_brain: Volume, grid: Grid) -> None:
    """Mark it in addition to what is marked there."""
    around = _box(to_brain.data < EDGE_MM, to_brain.grid, within=grid)
    both = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, around, strict=True)]
    if all(part.start < part.stop for part in both):
        shared: Box = (both[0], both[1], both[2])
        inner = brain[within(shared, box)]
        for part, mm in carry_smooth(to_brain, onto=grid.cropped(shared)):
            inner[..., part] |= mm < 0
