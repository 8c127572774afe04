"""A second search, for a head that a coil's strong shading hides: in the scan evened out over what is tissue.

Shading drowns what scan and template tell of each other, even where the head was found to a few millimetres, and what
the evening leaves of it does so still: evened heads came to .06 to .23 nats, phantoms to .15.  What is small
withstands it: ventricles, deep nuclei and white matter beside one another.  So each is divided by its own mean over
less than a centimetre, deep in the brain, and it is asked how much they tell of each other then.
"""

from typing import Final

import numpy as np
from attrs import evolve

from fivesafes.data.face.itk import IDENTITY, Affine, Bools, Volume, carry, largest
from fivesafes.data.face.locate import INNER_MM, Pose, flattened, locate, mutual_information
from fivesafes.data.face.pack import Template

DETAIL_MM: Final = 7.0
"""Over how far that mean is taken (a Gaussian's sigma): no shading is as short."""

INSIDE_MM, DEEP_MM = -6.0, -15.0
"""How deep in the template's brain the mean is taken, and what is asked: nearer to its border any ball with a bright or
a dark rim would fit."""

IN_VIEW: Final = 0.5
"""The share of that brain that the scan must hold: of fewer voxels, chance tells much."""

LEAST: Final = 0.09
"""Nats: 39 heads had .14 and more; phantoms .04 at most, heads laid 20 mm and more beside their place .06."""


def locate_shaded(scan: Volume, template: Template, *, tissue: Bools, first: Pose | None) -> Pose | None:
    """Lay the template over a scan in which the first search saw no head.  None when none is seen now either.

    ``scan``: 2 mm, RAS axes, air near 0.  ``tissue``: what is brighter than air, however little.  ``first``: where the
    first search ended; it may be right.  Of that and what is found in the evened scan the one is taken that tells more.
    The pose tells the mutual information of the scan as it is, as any does.
    """
    even = flattened(scan, largest(tissue))
    found = [pose for pose in (locate(even, template), first) if pose is not None and pose.plausible]
    told = [(detail(even, template, pose.affine), pose) for pose in found]
    most, best = max(told, key=lambda pair: pair[0], default=(0.0, None))
    if best is None or most < LEAST:
        return None
    still = Volume(data=template.head.data * (template.to_head <= 0), affine=template.affine)
    in_shade = mutual_information(scan, still, best.affine, template.to_head <= -INNER_MM)
    return evolve(best, mutual_information=in_shade, evened=most)


def detail(scan: Volume, template: Template, affine: Affine) -> float:
    """Measure how much scan and template tell of each other in what is small, deep in the brain, nats.

    0 where the scan holds less than half of it.
    """
    seen = carry(scan, onto=template.grid, through=affine, beyond=-1.0)
    inside, deep = template.to_brain <= INSIDE_MM, template.to_brain <= DEEP_MM
    shown = np.asarray(inside & (seen >= 0))
    if (shown & deep).sum() < IN_VIEW * deep.sum():
        return 0.0
    one = flattened(Volume(data=seen, affine=template.affine), shown, over=DETAIL_MM)
    other = flattened(template.head, shown, over=DETAIL_MM)
    return mutual_information(one, other, IDENTITY, shown & deep)
