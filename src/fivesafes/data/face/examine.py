"""Look at a prepared scan: is there a head, where, and how much of a face does it show?"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import numpy as np
from attrs import field, frozen

from fivesafes.data.face.blur import looks_blurred
from fivesafes.data.face.itk import Bools, Volume, carry, dilated
from fivesafes.data.face.locate import WEAK, WEAKEST, Pose, locate
from fivesafes.data.face.pack import FEATURES, template
from fivesafes.data.face.prepare import Prepared
from fivesafes.data.face.shaded import locate_shaded
from fivesafes.data.face.skin import expected_ml, find_skin, scalp_cover, surface

SCALP_SEEN: Final = 0.6
SCALP_NOT_SEEN: Final = 0.3
FACELESS: Final = 0.05
"""An image whose every part has less goes on as it is; defaced ones have 0.00, a diffusion series with a face 0.13."""

NO_SKIN: Final = 0.15
"""Of the skin an intact head would show: less than this is none."""

BRAIN_ALONE: Final = 0.25
"""Mutual information with the template's brain that a brain without skull exceeds, nats."""

FAINTEST_TISSUE: Final = 0.005
"""Of the brightest: what is darker is air, though it be without noise."""

AROUND_BRAIN: Final = (5, 5, 5)  # voxels of 2 mm
BLANK: Final = 0.95
"""A skull-strip leaves one and the same value outside of the brain; air in a scan is never so even."""

MOST_LEFT_ML: Final = 30.0
"""More tissue than this outside of the brain is left of a head, however large the field of view: a face that a brain
extraction left had 300 ml, skull-strips by this and another program 0."""


@frozen(kw_only=True, eq=False)
class Examined:
    """What a scan shows.

    ``pose``: where the head lies, None when nothing like a head was found.  ``to_surface``: mm to the head's surface on
    the prepared grid, None when air is not dark.  ``shares``: per part of the face, the skin seen by the skin an intact
    head would show.  ``scalp``: the share of the scalp that is seen.  ``brain_alone``: a brain, and nothing around it.
    ``blurred``: a face is seen, and its edge is softer than the scalp's.
    """

    pose: Pose | None
    to_surface: Volume | None
    shares: dict[str, float]
    scalp: float
    brain_alone: bool
    blurred: bool = False

    @property
    def faceless(self) -> bool:
        """Whether it is sure that no part of a face is there: no skin, in a scan where skin is seen elsewhere."""
        seen = self.to_surface is not None and self.scalp >= SCALP_SEEN
        return self.brain_alone or (seen and all(share < FACELESS for share in self.shares.values()))


def examine(scan: Prepared) -> Examined:
    """Find the head and its facial skin.  The last scans are remembered: defacing and its pictures ask the same."""
    digest = blake2b(scan.volume.data.tobytes() + scan.volume.affine.tobytes())
    digest.update(repr((scan.volume.data.shape, scan.floor, scan.bright)).encode())
    return _examine(_Key(digest=digest.digest(), scan=scan))


@frozen(kw_only=True)
class _Key:
    """A scan, equal to another when its voxels are, lie at the same places, and are read alike."""

    digest: bytes
    scan: Prepared = field(eq=False)


@lru_cache(maxsize=4)
def _examine(key: _Key) -> Examined:
    scan = key.scan
    pose = locate(scan.volume, template())
    if pose is None:
        seen = Examined(pose=None, to_surface=surface(scan), shares={}, scalp=0.0, brain_alone=False)
    else:
        seen = seen_with(scan, pose, surface_elsewhere=lambda: None)
    found = pose is not None and pose.mutual_information >= WEAKEST
    if found or seen.brain_alone or not scan.dark_air:
        return seen
    again = locate_shaded(scan.volume, template(), tissue=scan.volume.data > _faintest(scan), first=pose)
    return seen if again is None else seen_with(scan, again, surface_elsewhere=lambda: None)


def seen_with(scan: Prepared, pose: Pose, *, surface_elsewhere: Callable[[], Volume | None]) -> Examined:
    """Say what a scan shows of a head that lies there.

    ``surface_elsewhere``: where the head's surface is when this scan's air is not dark: what another image shows, mm.
    """
    to_surface = surface(scan)
    if to_surface is None:
        to_surface = surface_elsewhere()
    if to_surface is None:
        return Examined(pose=pose, to_surface=None, shares={}, scalp=0.0, brain_alone=False)
    scalp = scalp_cover(to_surface, pose)
    weak = pose.beside is None and pose.mutual_information < WEAK
    at_once = pose.evened is None  # else it was asked before, and shading bends edges too
    alone = at_once and (weak or not pose.plausible or scalp < SCALP_NOT_SEEN) and _brain_alone(scan)
    found = find_skin(_tissue(scan), scan.volume.grid, to_surface=to_surface, pose=pose).ml
    expected = expected_ml(pose)
    shares = {name: found[name] / max(expected[name], 1e-6) for name in FEATURES}
    told = at_once and scan.dark_air and scalp >= SCALP_SEEN
    blurred = told and looks_blurred(scan, to_surface=to_surface, pose=pose)
    return Examined(pose=pose, to_surface=to_surface, shares=shares, scalp=scalp, brain_alone=alone, blurred=blurred)


def _faintest(scan: Prepared) -> float:
    """Say from which brightness on it is tissue, where a coil's shading leaves hardly any light of it."""
    return max(scan.noise, FAINTEST_TISSUE * scan.bright)


def _tissue(scan: Prepared) -> Bools:
    """Mark what is brighter than air, or, where air is as bright, what is not blank."""
    return np.asarray(scan.volume.data > (scan.floor if scan.dark_air else 0))


def _brain_alone(scan: Prepared) -> bool:
    """Tell a skull-stripped brain: the template's brain fits, and around it nothing was left."""
    pack = template()
    pose = locate(scan.volume, pack, to_part=pack.to_brain)
    if pose is None or pose.mutual_information < BRAIN_ALONE or not pose.plausible:
        return False
    brain = Volume(data=pack.brain.astype(np.float32), affine=pack.affine)
    there = carry(brain, onto=scan.volume.grid, through=np.linalg.inv(pose.affine)) > 0.5  # noqa: PLR2004 - half way
    outside = scan.volume.data[~dilated(there, AROUND_BRAIN)]
    if not outside.size or float((outside > scan.floor).sum()) * scan.volume.grid.voxel_ml > MOST_LEFT_ML:
        return False
    return float((outside <= outside.min()).mean()) > BLANK
