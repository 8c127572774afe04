"""Find where the template's head lies in a scan: many coarse starts, a few refined, the best one stretched to fit.

The measure is mutual information (see climb.py), so T1, T2, FLAIR and others fit the same T1 template.
"""

from itertools import permutations, product
from typing import Final

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from fivesafes.data.face.climb import BINS, Level, Stage, apart, centre_of, ranked, scaling, stretching
from fivesafes.data.face.itk import FAINTEST, Affine, Bools, Floats, Volume, carry
from fivesafes.data.face.pack import Template
from fivesafes.data.face.spread import spread_from

TILT: Final = 25.0
"""Degrees between neighbouring coarse starts about each axis."""

SURROUND_MM: Final = 12.0
"""How much of the air around the head takes part at first: where a head ends is the best clue to where it is."""

RIM_MM: Final = 6.0
THIN_RIM_MM: Final = 2.0
"""How much of it takes part once the head is nearly found: with more, the outline outweighs what is inside."""

STIFF: Final = -90.0
"""Above this height, mm in template space, a head moves as one; below it jaw and neck go their own ways."""

INNER_MM: Final = 4.0
WEAKEST: Final = 0.15
"""Mutual information, nats: heads of any contrast were above .23, phantoms below .09."""

WEAK: Final = 0.20
SMALLEST, LARGEST = 0.55, 1.6
"""How much shorter or longer than the template, in any direction, a head can be."""

SMOOTH_MM: Final = 30.0
"""How far a receive coil's shading reaches, at the least."""


COARSE: Final = Stage(shrink=4, samples=12_000, steps=12, first=16.0, last=0.5)
MIDDLE: Final = Stage(shrink=2, samples=25_000, steps=30, first=6.0, last=0.2)
FREE: Final = Stage(shrink=2, samples=30_000, steps=120, first=3.0, last=0.05, relax=0.8, moves=stretching)
FINE: Final = Stage(shrink=1, samples=30_000, steps=50, first=1.5, last=0.02, relax=0.8, moves=stretching)
SECOND: Final = Stage(shrink=2, samples=20_000, steps=40, first=6.0, last=0.1, relax=0.7)
WHOLE: Final = 0.95
"""What share of a head the field of view must hold for it to be fitted with shear too: where a side of it is cut off,
shear makes up for what is not seen (4.0 instead of 2.3 mm in a head without its back).  Whole heads had .99 and more,
cut ones at most .89, but one without the tip of its nose."""

BRAIN_RIM_MM: Final = 2.0
SPARSE: Final = 40
KEPT: Final = 3
SURE: Final = -0.62
"""The search's measure at a coarse place from which on it can be the head's own: in variants of a head of several
contrasts, wrong places came to -.56; where a cut leaves little of it to -.9, but then no three starts agreed on one."""

SAME_MM: Final = 10.0
"""How far apart the coarse search leaves a head that two starts both found."""

CLEAR: Final = 0.37
"""Mutual information, nats, of a head that needs no evening out of a coil's shading first: a shaded one that had .34
was found 2.7 mm off, and 1.2 in the evened scan."""


@frozen(kw_only=True, eq=False)
class Pose:
    """Where the template lies in the scan: ``affine`` (4, 4) from template space to the scan's, both RAS mm.

    ``mutual_information``: nats, 32 bins, well inside the template's head, where the scan covers it.  ``beside``: the
    same between the scan and the image of the same session from which the head was carried here; None when it was not.
    ``second_mm``: how far from here a second search puts face and brain, that looks at nothing but the brain; None when
    it was not asked, or found nothing.  ``evened``: of a head that was seen only with a coil's shading evened out,
    how much scan and template tell of each other in what is small, nats (shaded.py); None when it was seen at once.
    """

    affine: Affine
    mutual_information: float
    beside: float | None = None
    second_mm: float | None = None
    evened: float | None = None

    @property
    def determinant(self) -> float:
        """How much larger the scan's head is than the template's, by volume."""
        return float(np.linalg.det(self.affine[:3, :3]))

    @property
    def scales(self) -> tuple[float, float, float]:
        """How much larger along its three main directions, smallest first."""
        values = np.sort(np.linalg.svd(self.affine[:3, :3], compute_uv=False))
        return float(values[0]), float(values[1]), float(values[2])

    @property
    def plausible(self) -> bool:
        """Whether a head could have that size."""
        return self.determinant > 0 and self.scales[0] > SMALLEST and self.scales[2] < LARGEST

    @property
    def scale(self) -> float:
        """How much larger in length, on the average."""
        return float(np.cbrt(abs(self.determinant)))


def locate(scan: Volume, template: Template, *, to_part: Floats | None = None) -> Pose | None:
    """Lay the template over the scan.  None when they can't be brought to overlap at all.

    ``scan``: 2 mm, RAS axes, air near 0.  ``to_part``: mm to what of the template to look for, negative inside
    (default: the whole head).
    Same scan, same pose, to the last bit: one thread, fixed starts, a fixed choice of samples.
    """
    to_part = template.to_head if to_part is None else to_part
    still = Volume(data=template.head.data * (to_part <= 0), affine=template.affine)
    inner = to_part <= -INNER_MM
    where = (to_part <= SURROUND_MM) & _above(template, template.floor)
    coarse = _until_sure(Level(still, scan, where, COARSE), _starts(scan=scan, still=still))
    middle = Level(still, scan, where, MIDDLE).ranked(coarse[:KEPT])
    if not middle:
        return None
    stiff = _above(template, STIFF)
    whole = _covered((to_part <= 0) & stiff, template, scan, middle[0]) > WHOLE
    free, last = (stage if whole else evolve(stage, moves=scaling) for stage in (FREE, FINE))
    image, found = _freed(still, scan, middle[0], free, where=(to_part <= RIM_MM) & stiff, inner=inner)
    fine = Level(still, image, (to_part <= THIN_RIM_MM) & stiff, last).ranked(found)
    if not fine:
        return None
    told = mutual_information(scan, still, fine[0], inner)
    if told >= WEAKEST and image is not scan:  # a head; how surely it lies there, shading may hide
        told = max(told, mutual_information(image, still, fine[0], inner))
    second = _second_opinion(still, image, fine[0], template) if told >= WEAKEST else None
    return Pose(affine=fine[0], mutual_information=told, second_mm=second)


def _covered(part: Bools, template: Template, scan: Volume, pose: Affine) -> float:
    """Say what share of a part of the template lies in the scan's field of view."""
    every = np.argwhere(part)[::SPARSE]
    places = np.c_[every, np.ones(len(every))] @ (np.linalg.inv(scan.affine) @ pose @ template.affine).T
    return float(((places[:, :3] > -1) & (places[:, :3] < scan.data.shape)).all(axis=1).mean())


def _freed(
    still: Volume, scan: Volume, start: Affine, stage: Stage, *, where: Bools, inner: Bools
) -> tuple[Volume, list[Affine]]:
    """Stretch it, where need be in the scan without its shading too; give the image that was fitted better."""
    found = Level(still, scan, where, stage).ranked([start])
    told = mutual_information(scan, still, found[0], inner) if found else 0.0
    if told > CLEAR:
        return scan, found
    flat = flattened(scan, _laid(still, scan, start))
    other = Level(still, flat, where, stage).ranked([start])
    better = bool(other) and mutual_information(flat, still, other[0], inner) > told
    return (flat, other) if better else (scan, found)


def _second_opinion(still: Volume, scan: Volume, pose: Affine, template: Template) -> float | None:
    """Fit the brain alone, without stretching, and say how far that moves face and brain, mm (root mean square).

    Outline and scalp, which lead the first search, have no part in it.  From a place up to 20 mm wrong it comes back to
    within 8 mm of the head's own; beside the right one it stays within 7, of ten kinds of image.
    """
    reached = Level(still, scan, template.to_brain <= BRAIN_RIM_MM, SECOND).climb(pose)
    if reached is None:
        return None
    every = np.argwhere(template.brain | (template.removal & (template.to_head <= 0)))[::SPARSE]
    places = np.c_[every, np.ones(len(every))] @ template.affine.T
    moved = places @ (reached[1] - pose).T
    return float(np.sqrt((moved[:, :3] ** 2).sum(axis=1).mean()))


def flattened(scan: Volume, inside: Bools, *, over: float = SMOOTH_MM) -> Volume:
    """Even out a coil's shading, as it is where ``inside`` is True: beside one bright side all else drowns.

    ``over``: mm over which the mean is taken (a Gaussian's sigma).
    """
    if not inside.any():
        return scan
    local = spread_from(inside.astype(np.float32), scan.grid, (over,)).of(scan.data)
    local /= np.float32(max(float(scan.data[inside].mean()), FAINTEST))
    local += np.float32(0.03)
    even = scan.data / local
    bright = float(np.percentile(even[inside], 99))
    return Volume(data=np.minimum(even, bright).astype(np.float32), affine=scan.affine)


def _laid(still: Volume, scan: Volume, affine: Affine) -> Bools:
    """Mark where the template's head lies in the scan."""
    head = Volume(data=(still.data > 0).astype(np.float32), affine=still.affine)
    return carry(head, onto=scan.grid, through=np.linalg.inv(affine)) > 0.5  # noqa: PLR2004 - half way


def turns() -> list[Affine]:
    """List the rotations to start from: small tilts about each axis, then every way to mix up the axes."""
    tilts = [_rotation(*np.radians(angles)) for angles in product((0.0, -TILT, TILT), repeat=3)]
    cube = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        turn = np.zeros((3, 3))
        turn[range(3), order] = signs
        if np.linalg.det(turn) > 0 and not np.allclose(turn, np.eye(3)):
            cube.append(turn)
    return tilts + cube


def mutual_information(scan: Volume, still: Volume, affine: Affine, inner: Bools) -> float:
    """Measure how much scan and template tell of each other inside ``inner``, nats.

    ``inner``: the template's head without its outer 4 mm: any round thing in dark air fits the outline of a head, but
    not what is in it.  Where the scan does not reach is left out.
    """
    seen = carry(scan, onto=still.grid, through=affine, beyond=-1.0)
    covered = inner & (seen >= 0)
    if covered.sum() < BINS**2:
        return 0.0
    pairs = BINS * _binned(seen[covered]) + _binned(still.data[covered])
    counts = np.bincount(pairs, minlength=BINS**2).reshape(BINS, BINS)
    joint = counts / counts.sum()
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / apart[some])).sum())


def _binned(values: Floats) -> NDArray[np.intp]:
    """Sort values into bins; the brightest hundredth shares the last: a few bright voxels would empty the others."""
    low, high = float(values.min()), max(float(np.percentile(values, 99)), FAINTEST)
    scaled = (values - np.float32(low)) * np.float32(BINS / max(high - low, FAINTEST))
    return np.minimum(scaled.astype(np.intp), BINS - 1)


def _until_sure(level: Level, starts: list[Affine]) -> list[Affine]:
    """Climb from start after start until ``KEPT`` of them found the same place, and it looks like a head's own."""
    reached: list[tuple[float, Affine]] = []
    for found in map(level.climb, starts):
        if found is None:
            continue
        reached.append(found)
        there = [pose for value, pose in reached if value < SURE and apart(pose, found[1]) < SAME_MM]
        if found[0] < SURE and len(there) == KEPT:
            break
    return ranked(reached)


def _starts(*, scan: Volume, still: Volume) -> list[Affine]:
    """Turn the template about its centre, each way, and lay it on the scan's centre."""
    from_centre, to_centre = centre_of(still), centre_of(scan)
    starts: list[Affine] = []
    for turn in turns():
        start = np.eye(4)
        start[:3, :3] = turn
        start[:3, 3] = to_centre - turn @ from_centre
        starts.append(start)
    return starts


def _above(template: Template, height: float) -> Bools:
    """Mark what lies above a height, mm in template space."""
    heights = template.affine[2, 3] + template.grid.steps[2] * np.arange(template.grid.shape[2])
    return np.broadcast_to(heights >= height, template.grid.shape)


def _rotation(pitch: float, roll: float, yaw: float) -> Affine:
    """Rotate about x, then y, then z; radians."""
    cx, sx, cy, sy, cz, sz = *_cs(pitch), *_cs(roll), *_cs(yaw)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def _cs(angle: float) -> tuple[float, float]:
    return float(np.cos(angle)), float(np.sin(angle))
