"""Replace a face by the mean head's, so that pipelines that need a face find one: nobody's.

What is painted depends on what stays of the scan, on the pose and on the template, and on nothing else: no voxel of the
zone is looked at, so none can shine through.
"""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.data.face.apply import apply, blanked_parts
from fivesafes.data.face.band import band_of
from fivesafes.data.face.cut import Look
from fivesafes.data.face.examine import NO_SKIN
from fivesafes.data.face.faceless import Faceless
from fivesafes.data.face.itk import Floats, Grid, listed
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import CORE, FEATURES, template
from fivesafes.data.face.paint import FEWEST, Ground, painted, told_by
from fivesafes.data.face.shell import COVER_MM, HALF, coarse_in, lay_shell, rest_in, wider
from fivesafes.data.face.stored import Stored
from fivesafes.data.face.zones import Zones

IN_VIEW: Final = 0.85
"""Of the mean head's eyes, nose and mouth, laid over this head: with less in the field of view a face is cut."""

MISFIT_MM: Final = 7.0
MET: Final = 0.8
SKIN_MM: Final = 1.5


def irreplaceable(look: Look, *, pose: Pose, doubtful: bool) -> str | None:
    """Say why a face can't be replaced, or None.  ``doubtful``: whether the pose needs a person's eye."""
    cut = cut_by_view(look.stored.grid, pose)
    if cut is not None:
        return cut
    if look.seen.to_surface is None:
        return "air is as bright as tissue, so the outline of the head can't be seen"
    if doubtful:
        return "the head was found with little certainty"
    unseen = [name for name in CORE if look.seen.shares[name] < NO_SKIN]
    if unseen:
        return f"no skin of {' and '.join(unseen)} is seen"
    return None


def cut_by_view(grid: Grid, pose: Pose) -> str | None:
    """Say which part of the face lies outside of the field of view, or None."""
    pack = template()
    hop = np.linalg.inv(grid.affine) @ pose.affine @ pack.affine
    missing, skin = [], np.abs(pack.to_shell) < SKIN_MM
    for name in CORE:
        index = listed(skin & (pack.features == 1 + FEATURES.index(name)))
        place = index @ hop[:3, :3].T + hop[:3, 3]
        seen = ((place >= -HALF) & (place <= np.array(grid.shape) - HALF)).all(axis=1)
        if seen.mean() < IN_VIEW:
            missing.append(name)
    return f"the field of view cuts {' and '.join(missing)}" if missing else None


@frozen(kw_only=True, eq=False)
class Refacing:
    """A shell laid over a scan, ready to be painted into each of its volumes, once.

    ``doubt``: why the shell does not fit this head, or None.  ``volumes``: what is painted into each, slice by slice;
    what that is worked out from takes much memory, and is let go with the last one.
    """

    look: Look
    zones: Zones
    doubt: str | None
    volumes: Iterator[Iterator[Floats]]

    def painted(self) -> Stored:
        """Paint each volume."""
        first = next(self.volumes)  # before there is a copy of the image to paint in: both take much memory
        whole = apply(self.look.stored, self.zones, self.look.scan)
        whole.paint(self.zones.removed, box=self.zones.box, real=chain([first], self.volumes))
        return whole


def lay(look: Look, zones: Zones, *, face: Zones, pose: Pose) -> Refacing:
    """Lay the shell over a scan; ``zones``: what is replaced; ``face``: the face alone (the same, when that is all).

    What is in ``face`` is blanked before anything else is looked at.
    """
    stored, scan, grid = look.stored, look.scan, look.stored.grid
    faceless = Faceless(stored=stored, box=face.box, removed=face.removed, fill=stored.blank(scan.background))
    seen = rest_in(wider(grid, zones.box), grid, face)
    where = coarse_in(seen if face is zones else rest_in(seen.box, grid, zones), grid)
    means = seen.means(faceless, scan.volumes)
    tissue = means > scan.floor + scan.background
    shell = lay_shell(where, tissue, pose=pose, cover=None if face is zones else COVER_MM)
    ground = Ground(
        scan=faceless,
        where=where,
        shell=shell,
        seen=seen,
        volumes=scan.volumes,
        means=means,
        told=told_by(seen, shell, tissue),
        box=zones.box,
        removed=zones.removed,
        band=band_of(where, shell, zones.box, zones.removed),
    )
    return Refacing(look=look, zones=zones, doubt=_doubt(ground), volumes=_volumes(look, zones, ground))


def _doubt(ground: Ground) -> str | None:
    shell = ground.shell
    if ground.told.sum() < FEWEST:
        return "too little is seen around the face to match it"
    if shell.met < MET:
        return f"the head ends at the border of the face: tissue goes on along {shell.met:.0%} of it"
    if shell.misfit > MISFIT_MM:
        return f"the mean head does not fit: around the face the outlines are {shell.misfit:.0f} mm apart"
    return None


def _volumes(look: Look, zones: Zones, ground: Ground) -> Iterator[Iterator[Floats]]:
    """Work out what is painted into each volume; the noise is seeded by what stays of the scan."""
    stays = blake2b(digest_size=16)
    for part in blanked_parts(look.stored, zones, look.scan):
        stays.update(part)
    seed = stays.digest()
    count = look.stored.volumes
    for number in range(count):
        one = painted(ground, number, np.random.default_rng([number, *seed]))
        if number == count - 1:
            del ground  # of what it holds most is done with before the last one is painted
        yield one
