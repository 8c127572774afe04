"""Find the outline of this person's brain in any contrast: good enough to keep the brain and let all else go.

A network tells brain from head (``network.py``).  It was trained on T1-weighted scans, so each brightness of the scan
is first shown as what the template, a T1-weighted head that lies over it, has there on the average; this is done twice,
as the scan is, and with a coil's shading evened out and left and right swapped.  What either takes for brain is kept;
how far both agree says how sure it is.
"""

from functools import cache
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.core.verdict import Verdict, review
from fivesafes.data.face.itk import Bools, Floats, Grid, Volume, carry, distance, filled, largest, opened
from fivesafes.data.face.locate import Pose, flattened
from fivesafes.data.face.network import brain_odds
from fivesafes.data.face.pack import template

STEP: Final = 1.6
SHAPE: Final = (128, 160, 128)
CENTRE: Final = (0.0, 0.0, -15.0)
"""Where the network looks: template space, mm, about the brain; wide enough that it sees the head around it."""

NEAR_MM: Final = 15.0
"""How far around the template's brain brightness is compared with the template's."""

BINS: Final = 64
SMOOTH_BINS: Final = 1.5
BRIGHTEST: Final = 0.998

FARTHEST_MM: Final = 10.0
"""No brain lies farther outside of the template's than this, and none is missing deeper inside it than DEEP_MM."""

DEEP_MM: Final = 2.0

MARGINS: Final = ((0.988, 2.5), (0.97, 3.0), (0.0, 4.0))
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

    def onto(self, grid: Grid, pose: Pose) -> Floats:
        """Measure to the outline from a scan's own voxels, mm."""
        return carry(self.to_edge, onto=grid, through=np.linalg.inv(pose.affine), beyond=None)


def outline_brain(scan: Volume, pose: Pose) -> Outline:
    """Find the brain in a prepared scan over which the template lies as ``pose`` says."""
    grid, to_brain = _grid(), _template_brain()
    seen = carry(scan, onto=grid, through=pose.affine, beyond=None)
    covered = carry(Volume(data=np.ones_like(scan.data), affine=scan.affine), onto=grid, through=pose.affine) > 0
    seen *= covered | (
        to_brain < NEAR_MM
    )  # what is cut goes on at the border: a cut through the brain is no edge of it
    even = flattened(Volume(data=seen, affine=grid.affine), (to_brain < 0) & covered).data
    near = (to_brain < NEAR_MM) & covered
    odds = brain_odds(_as_template(seen, near))
    other = brain_odds(_as_template(even, near)[::-1])[::-1]
    agreement = _dice((odds > 0) & covered, (other > 0) & covered)
    mask = _whole(np.maximum(odds, other) > 0, to_brain)
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


def _as_template(seen: Floats, near: Bools) -> Floats:
    """Show each brightness as what the template has, on the average, where the scan has it; near the brain."""
    head = _template_head()
    if not near.any():
        return seen
    top = max(float(np.quantile(seen[near], BRIGHTEST)), 1e-6)
    bins = np.minimum((seen[near] * np.float32(BINS / top)).astype(np.intp), BINS - 1)
    counts = np.bincount(bins, minlength=BINS).astype(np.float64)
    sums = np.bincount(bins, head[near].astype(np.float64), minlength=BINS)
    reach = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (reach / SMOOTH_BINS) ** 2)
    curve = np.convolve(sums, kernel, "same") / np.maximum(np.convolve(counts, kernel, "same"), 1e-6)
    return np.asarray(np.interp(seen, (np.arange(BINS) + 0.5) * top / BINS, curve), dtype=np.float32)


def _dice(one: Bools, other: Bools) -> float:
    """Twice what both hold by what each holds; 0 where neither holds anything."""
    total = int(one.sum()) + int(other.sum())
    return 2 * float((one & other).sum()) / total if total else 0.0


@cache
def _grid() -> Grid:
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = np.array(CENTRE) - STEP * (np.array(SHAPE) - 1) / 2
    return Grid(shape=SHAPE, affine=affine)


@cache
def _template_brain() -> Floats:
    return carry(Volume(data=template().to_brain, affine=template().affine), onto=_grid(), beyond=None)


@cache
def _template_head() -> Floats:
    return carry(template().head, onto=_grid())
