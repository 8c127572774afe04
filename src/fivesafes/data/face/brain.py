"""Estimate this person's own brain, so that the guard does not rest on the template's alone."""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

import numpy as np
from attrs import field, frozen

from fivesafes.data.face.itk import Bools, Floats, Volume, around, carry, closed, dilated, distance, largest, opened
from fivesafes.data.face.locate import Pose, flattened
from fivesafes.data.face.pack import Template, template

DEEP_MM: Final = 8.0
REACH_MM: Final = 8.0
DARKEST, BRIGHTEST = 2.0, 99.0  # percentiles of what lies deep in the brain
BRAIN_RATIO: Final = (0.75, 1.4)
"""This person's brain by the template's, in volume: outside of that range the estimate is not believed."""


@frozen(kw_only=True, eq=False)
class Brain:
    """Where the brain is, mm to its surface on the prepared grid, negative inside.

    ``to_template``: the template's, laid over the scan.  ``to_own``: this person's, None when it could not be told from
    its surroundings.
    """

    to_template: Floats
    to_own: Floats | None

    @property
    def to_either(self) -> Floats:
        """Measure to what is brain by either; it errs on the brain's side."""
        return self.to_template if self.to_own is None else np.minimum(self.to_template, self.to_own)


def find_brain(scan: Volume, pose: Pose) -> Brain:
    """Lay the template's brain over a prepared scan, and look for this person's own around it.

    The last scans are remembered: defacing and its pictures ask the same.
    """
    digest = blake2b(scan.data.tobytes() + scan.affine.tobytes() + pose.affine.tobytes()).digest()
    return _find_brain(_Asked(digest=digest, scan=scan, pose=pose))


@frozen(kw_only=True)
class _Asked:
    """A scan and where the head lies in it, equal to another when their numbers are."""

    digest: bytes
    scan: Volume = field(eq=False)
    pose: Pose = field(eq=False)


@lru_cache(maxsize=2)
def _find_brain(asked: _Asked) -> Brain:
    scan, pose = asked.scan, asked.pose
    to_brain = to_template_brain(scan, template(), pose)
    own = own_brain(scan, to_brain)
    ratio = float(own.sum()) / max(1.0, float((to_brain.data < 0).sum()))
    known = BRAIN_RATIO[0] < ratio < BRAIN_RATIO[1]
    return Brain(to_template=to_brain.data, to_own=distance(own, scan.grid.steps[0]) if known else None)


def to_template_brain(scan: Volume, template: Template, pose: Pose) -> Volume:
    """Measure to the template's brain laid over the scan: mm of the scan, negative inside."""
    field = Volume(data=template.to_brain, affine=template.affine)
    data = carry(field, onto=scan.grid, through=np.linalg.inv(pose.affine), beyond=None)
    return Volume(data=data * np.float32(pose.scale), affine=scan.affine)


def own_brain(scan: Volume, to_brain: Volume) -> Bools:
    """Mark what looks like brain: as bright as what lies deep inside, in one piece with it, and not far outside.

    A thin neck joins brain and orbit (the optic nerve); opening cuts it.  Works within any contrast, because the range
    of brightness is read off this scan.  Empty when the scan shows no brain where the template has one.
    """
    even = flattened(scan, to_brain.data < 0)
    deep = to_brain.data < -DEEP_MM
    values = even.data[deep & (scan.data > 0)]
    if values.size < 1000:  # noqa: PLR2004 - 8 ml: the brain lies outside of the field of view
        return np.zeros(scan.data.shape, bool)
    low, high = np.percentile(values, (DARKEST, BRIGHTEST))
    near = to_brain.data < REACH_MM
    found, box = np.zeros_like(near), around(near, 3)
    alike = (even.data[box] >= 0.8 * low) & (even.data[box] <= 1.15 * high) & near[box]
    core = largest(opened(alike, 2))
    found[box] = closed(dilated(core, (1, 1, 1)) & alike, 2) & near[box]
    return found
