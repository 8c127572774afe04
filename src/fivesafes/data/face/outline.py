"""Find the outline of this person's brain in any contrast: good enough to keep the brain and let all else go.

A network tells brain from head (``network.py``).  It was trained on T1-weighted scans, so each brightness of the scan
is first shown as what the template, a T1-weighted head that lies over it, has there on the average; this is done twice,
as the scan is, and with a coil's shading evened out and left and right swapped.  What either takes for brain is kept;
how far both agree says how sure it is.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.core.verdict import Verdict, review
from fivesafes.data.face.itk import (
    FAINTEST,
    Bools,
    Floats,
    Grid,
    Volume,
    around,
    carry,
    carry_slabs,
    distance,
    filled,
    largest,
    opened,
)
from fivesafes.data.face.locate import Pose, flattened
from fivesafes.data.face.network import brain_odds
from fivesafes.data.face.pack import template
from fivesafes.data.face.stored import Box

STEP: Final = 1.6
SHAPE: Final = (128, 160, 128)
CENTRE: Final = (0.0, 0.0, -15.0)
"""Where the network looks: template space, mm, about the brain; wide enough that it sees the head around it."""

NEAR_MM: Final = 15.0
"""How far around the template's brain brightness is compared with the template's."""

NOT_SEEN: Final = -1.0
"""Stands for what lies outside of the field of view; a prepared scan has nothing below 0."""

BINS: Final = 64
SMOOTH_BINS: Final = 1.5
BRIGHTEST: Final = 0.998

FARTHEST_MM: Final = 10.0
"""No brain lies farther outside of the template's than this, and none is missing deeper inside it than DEEP_MM."""

DEEP_MM: Final = 2.0

MARGINS: Final = ((0.992, 4.0), (0.987, 5.0), (0.0, 6.0))
"""What is kept around the outline, mm, if both estimates agree (Dice) by at least so much."""

UNSURE: Final = 0.85
"""Dice of the two estimates below which a person must look."""

UNLIKE: Final = 0.83
"""Dice of what was found and the template's brain below which one of both lies wrong; right ones: .86 to .95."""

RATIO: Final = (0.75, 1.4)
"""This person's brain by the template's laid over it, in volume."""

LEAST_ML, MOST_ML = 250.0, 3000.0
"""A newborn's brain is larger than this, and a grown-up's smaller."""

SOURCE: Final = "fivesafes skull-stripping, docs/decisions/0027"


@frozen(kw_only=True, eq=False)
class Outline:
    """Where the brain is: ``to_edge``, mm of the scan to its outline, negative inside, in template space.

    ``agreement``: Dice of two estimates, 0 to 1; ``likeness``: of what was found and the template's brain.  ``ml``: the
    brain's volume, as far as it is in view; ``ratio``: by that of the template's brain there.  ``in_view``: the share
    of the template's brain that the scan shows.
    """

    to_edge: Volume
    agreement: float
    likeness: float
    ml: float
    ratio: float
    in_view: float

    @property
    def margin(self) -> float:
        """How much to keep around it, mm."""
        return next(margin for least, margin in MARGINS if self.agreement >= least)

    def box(self, grid: Grid, pose: Pose) -> Box:
        """Give the box of a scan's voxels that holds all that is kept; all of them, where it can't be told.

        Its rows are whole: where a voxel lies is reckoned from the ends of its row, and so the last bits are as well.
        """
        ends = around(self.to_edge.data <= self.margin, 1)
        at_rim = any(not 0 < end.start < end.stop < size for end, size in zip(ends, SHAPE, strict=True))
        if at_rim:  # beyond its border the outline goes on
            return grid.whole
        corners = np.array(np.meshgrid(*[(end.start, end.stop - 1) for end in ends], indexing="ij")).reshape(3, -1)
        hop = np.linalg.inv(grid.affine) @ pose.affine @ self.to_edge.affine
        places = hop[:3, :3] @ corners + hop[:3, 3:]
        low = np.clip(np.floor(places.min(axis=1)), 0, grid.shape).astype(int)
        high = np.clip(np.ceil(places.max(axis=1)) + 1, low, grid.shape).astype(int)
        return grid.whole[0], slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2]))

    def onto(self, grid: Grid, pose: Pose, box: Box | None = None) -> Iterator[tuple[slice, Floats]]:
        """Measure to the outline from a scan's own voxels, or a box of them, mm: some slices at a time, with which."""
        return carry_slabs(
            self.to_edge, onto=grid, box=box or grid.whole, through=np.linalg.inv(pose.affine), beyond=None
        )


def outline_brain(scan: Volume, pose: Pose) -> Outline:
    """Find the brain in a prepared scan over which the template lies as ``pose`` says."""
    grid, to_brain = _grid(), _template_brain()
    seen, covered = _seen(scan, pose, to_brain)
    even = flattened(Volume(data=seen, affine=grid.affine), (to_brain < 0) & covered).data
    near = (to_brain < NEAR_MM) & covered
    as_template = carry(template().head, onto=grid)[near]
    one = np.asfortranarray(brain_odds(_as_template(seen, near, as_template)) > 0)
    other = np.asfortranarray(brain_odds(_as_template(even, near, as_template)[::-1])[::-1] > 0)
    agreement = _dice(one & covered, other & covered)
    mask = _whole(one | other, to_brain)
    own, expected = mask & covered, (to_brain < 0) & covered
    to_edge = distance(mask, STEP) * np.float32(pose.scale)
    return Outline(
        to_edge=Volume(data=to_edge, affine=grid.affine),
        agreement=agreement,
        likeness=_dice(own, expected),
        ml=float(own.sum()) * grid.voxel_ml * abs(pose.determinant),
        ratio=float(own.sum()) / max(1.0, float(expected.sum())),
        in_view=float(expected.sum()) / float((to_brain < 0).sum()),
    )


def _seen(scan: Volume, pose: Pose, to_brain: Floats) -> tuple[Floats, Bools]:
    """Show the scan where the network looks, and say where it has voxels.

    What is cut goes on at the border, near the brain: a cut through the brain is no edge of it.
    """
    seen = carry(scan, onto=_grid(), through=pose.affine, beyond=NOT_SEEN)
    covered = seen > NOT_SEEN / 2
    goes_on = ~covered & (to_brain < NEAR_MM)
    if goes_on.any():
        seen[goes_on] = carry(scan, onto=_grid(), through=pose.affine, beyond=None)[goes_on]
    seen[~covered & ~goes_on] = 0
    return seen, covered


def judge_outline(outline: Outline) -> Verdict:
    """Judge whether what was found can be this person's brain."""
    found = []
    fix = "look at the pictures; if the brain is whole and nothing else is left, approve it"
    if outline.agreement < UNSURE:
        why = f"two estimates of where the brain ends agree by only {outline.agreement:.0%}"
        found.append(review("data.face.brain-unsure", why=why, fix=fix, source=SOURCE))
    if outline.likeness < UNLIKE:
        why = "what was found to be brain is not where the head has it"
        found.append(review("data.face.brain-misplaced", why=why, fix=fix, source=SOURCE))
    if not (RATIO[0] < outline.ratio < RATIO[1]):
        why = f"the brain that was found is {outline.ratio:.0%} of what a head of this size holds"
        found.append(review("data.face.brain-size", why=why, fix=fix, source=SOURCE))
    elif not (LEAST_ML * outline.in_view < outline.ml < MOST_ML):
        why = f"the brain that was found has {outline.ml:.0f} ml: no brain has, so the voxel size may be wrong"
        found.append(review("data.face.brain-size", why=why, fix=fix, source=SOURCE))
    return Verdict.all_of(found)


def _whole(mask: Bools, to_brain: Floats) -> Bools:
    """Make one piece of it, without threads to what lies beside it and without holes."""
    mask = largest(opened(mask & (to_brain < FARTHEST_MM), 1))
    return filled(mask | (to_brain < -DEEP_MM))


def _as_template(seen: Floats, near: Bools, shown: Floats) -> Floats:
    """Show each brightness as what the template has, on the average, where the scan has it; near the brain.

    ``shown``: the template there.
    """
    if not near.any():
        return seen
    values = seen[near]
    top = max(float(np.quantile(values, BRIGHTEST)), FAINTEST)
    bins = np.minimum((values * np.float32(BINS / top)).astype(np.intp), BINS - 1)
    counts = np.bincount(bins, minlength=BINS).astype(np.float64)
    sums = np.bincount(bins, shown.astype(np.float64), minlength=BINS)
    reach = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (reach / SMOOTH_BINS) ** 2)
    curve = np.convolve(sums, kernel, "same") / np.maximum(np.convolve(counts, kernel, "same"), 1e-6)
    like, middles = np.empty_like(seen), (np.arange(BINS) + 0.5) * top / BINS
    for plane, given in zip(like.T, seen.T, strict=True):  # slice by slice: as a whole it takes much memory
        plane[:] = np.interp(given, middles, curve)
    return like


def _dice(one: Bools, other: Bools) -> float:
    """Twice what both hold by what each holds; 0 where neither holds anything."""
    total = int(one.sum()) + int(other.sum())
    return 2 * float((one & other).sum()) / total if total else 0.0


@cache
def _grid() -> Grid:
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = np.array(CENTRE) - STEP * (np.array(SHAPE) - 1) / 2
    return Grid(shape=SHAPE, affine=affine)


def _template_brain() -> Floats:
    return carry(Volume(data=template().to_brain, affine=template().affine), onto=_grid(), beyond=None)
