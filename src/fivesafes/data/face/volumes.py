"""Does every volume of a series show the head where it was found?  One that does not keeps its face, or a part of it.

The zones are laid where the first bright volumes show the head.  A person who moved later, or a volume that was stored
in another direction, has the face elsewhere; no measure of the others tells.  So each volume is registered to the first
that was looked at, on a coarse grid, and what does not lie there, or is not like it, needs a person's eye.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.core.verdict import Verdict, review
from fivesafes.data.face.climb import Level, Stage, turning
from fivesafes.data.face.itk import IDENTITY, Affine, Bools, Floats, Grid, Volume, carry
from fivesafes.data.face.locate import INNER_MM, RIM_MM, SPARSE, Pose, mutual_information
from fivesafes.data.face.pack import template
from fivesafes.data.face.prepare import Prepared, binned, is_even, ras_grid
from fivesafes.data.face.stored import Stored
from fivesafes.data.face.verify import SOURCE

STEP_MM: Final = 4.0
COARSE: Final = Stage(shrink=2, samples=12_000, steps=30, first=8.0, last=0.3, moves=turning)
SAME: Final = 0.97
"""The correlation with a volume that lies right, from which on it need not be registered: 4 mm apart it is less."""

REMEMBERED: Final = 4
MOVED_MM: Final = 8.0
"""How far a face may have moved: less than the zone's margins.  In real series it was 4 at most, by distortion too."""

UNLIKE: Final = 0.25
"""Mutual information, nats: real volumes of one series had .35 and more, turned ones .1."""

SEEN: Final = 0.1
"""A volume that shows so little of what is inside the head shows no face."""

TOLD: Final = 5
OUT_OF_VIEW_MM: Final = 99.0


@frozen(kw_only=True, eq=False)
class Each:
    """The volumes of a series: ``real`` gives one in real units, (I, J, K), ``first`` the number of the reference."""

    real: Callable[[int], Floats]
    affine: Affine
    count: int
    first: int

    def coarse(self, real: Floats, scan: Prepared, grid: Grid) -> Volume:
        """Bring one to a coarse grid; air is 0."""
        data, affine = binned(real, self.affine)
        volume = Volume(data=np.maximum(data - np.float32(scan.background), 0), affine=affine)
        return Volume(data=carry(volume, onto=grid), affine=grid.affine)


@frozen(kw_only=True, eq=False)
class _First:
    """The first volume, coarse, and on its grid what is ``around`` the head and well ``inside``; ``face``: points."""

    volume: Volume
    around: Bools
    inside: Bools
    face: Affine
    floor: float

    def holds(self, volume: Volume) -> bool:
        """Tell whether another volume shows the head at the same place, or hardly shows it."""
        if float((volume.data[self.inside] > self.floor).mean()) < SEEN:
            return True
        reached = Level(self.volume, volume, self.around, COARSE).climb(IDENTITY)
        if reached is None:
            return False
        off = (self.face @ (reached[1] - IDENTITY).T)[:, :3]
        near = float(np.sqrt((off**2).sum(axis=1).mean())) <= MOVED_MM
        return near and mutual_information(volume, self.volume, reached[1], self.inside) >= UNLIKE


def judge_volumes(stored: Stored, scan: Prepared, pose: Pose | None) -> Verdict:
    """Look at each volume of a series; one that shows the head elsewhere needs review.  One volume alone never does."""
    each = Each(real=stored.real, affine=stored.grid.affine, count=stored.volumes, first=scan.volumes[0])
    return judge_each(each, scan, pose)


def judge_each(each: Each, scan: Prepared, pose: Pose | None) -> Verdict:
    """Do the same with volumes from anywhere.  ``scan``, ``pose``: of the first that was looked at."""
    if each.count == 1 or pose is None:
        return Verdict()
    first = _first(each, scan, pose)
    right, wrong = [first.volume.data[first.around]], []
    for number in range(each.count):
        real = each.real(number)
        if is_even(real):
            continue
        volume = each.coarse(real, scan, first.volume.grid)
        shown = volume.data[first.around]
        if any(_correlation(shown, one) >= SAME for one in right):
            continue
        if not first.holds(volume):
            wrong.append(number + 1)
        elif len(right) < REMEMBERED:
            right.append(shown)
    if not wrong:
        return Verdict()
    named = ", ".join(map(str, wrong[:TOLD])) + (f" and {len(wrong) - TOLD} more" if len(wrong) > TOLD else "")
    why = f"the head lies elsewhere, or can't be told, in {len(wrong)} of {each.count} volumes ({named})"
    fix = "look at them: what was removed lies where the first ones show the face; leave them out, or align them"
    return review("data.face.volumes", why=why, fix=fix, source=SOURCE)


def _first(each: Each, scan: Prepared, pose: Pose) -> _First:
    grid, pack, back = ras_grid(scan.volume.grid, STEP_MM), template(), np.linalg.inv(pose.affine)
    head = Volume(data=pack.to_head, affine=pack.affine)
    to_head = carry(head, onto=grid, through=back, beyond=OUT_OF_VIEW_MM)
    places = np.argwhere(pack.removal & (pack.to_head <= 0))[::SPARSE]
    return _First(
        volume=each.coarse(each.real(each.first), scan, grid),
        around=to_head <= RIM_MM,
        inside=to_head <= -INNER_MM,
        face=np.c_[places, np.ones(len(places))] @ (pose.affine @ pack.affine).T,
        floor=scan.floor,
    )


def _correlation(one: Floats, other: Floats) -> float:
    if not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
