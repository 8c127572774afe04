"""Estimate this person's own brain, so that the guard does not rest on the template's alone."""

from typing import Final

import numpy as np

from fivesafes.data.face.itk import Bools, Volume, carry, closed, dilated, largest, opened
from fivesafes.data.face.locate import Pose, flattened
from fivesafes.data.face.pack import Template

DEEP_MM: Final = 8.0
REACH_MM: Final = 8.0
DARKEST, BRIGHTEST = 2.0, 99.0  # percentiles of what lies deep in the brain


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
    alike = (even.data >= 0.8 * low) & (even.data <= 1.15 * high) & (to_brain.data < REACH_MM)
    core = largest(opened(alike, 2))
    return closed(dilated(core, (1, 1, 1)) & alike, 2) & (to_brain.data < REACH_MM)
