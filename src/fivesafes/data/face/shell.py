"""The mean head's shell, laid over a scan so that it goes on where the scan's own head ends at the zone's border.

Of the scan nothing but what stays is looked at: each function here sees it with the zone already blanked.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.data.face.itk import (
    Bools,
    Floats,
    Grid,
    Volume,
    carry,
    closed,
    filled,
    from_itk,
    sitk,
    to_itk,
)
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import template
from fivesafes.data.face.stored import Box
from fivesafes.data.face.zones import Zones

STEP: Final = 2.0
AROUND_MM: Final = 20.0
"""How far around the zone the scan is looked at, to continue it."""

HALF: Final = 0.5
NEAR_MM: Final = 6.0
"""So near to its surface the head's outline is compared with the shell's."""

MOST_MM: Final = 12.0
"""The farthest that the shell's outline is moved to meet the head's."""

FADES_MM: Final = 9.0
"""How deep in the zone a third of that move is left: at eyes, nose and mouth the outline is the shell's own."""

REACHES_MM: Final = (20.0, 9.0, 4.0)
COVER_MM: Final = 4.0
SMOOTH_MM: Final = 6.0
"""The shell goes at least so far beyond a brain that alone stays, made smooth, where this head is the larger one."""


@frozen(kw_only=True, eq=False)
class Coarse:
    """A box of the scan in voxels of about 2 mm, along its own axes, as it is without the zone.

    ``factors``: how many of the scan's voxels make one.  ``stays``: False in the zone, of the scan's;
    ``kept``: the share of each that stays, 0 to 1.  ``depth``: mm into the zone, negative outside.
    """

    box: Box
    grid: Grid
    factors: tuple[int, int, int]
    stays: Bools
    kept: Floats
    depth: Floats

    def means(self, data: Floats, fill: float) -> Floats:
        """Average what stays of a box, in whose zone stands ``fill``; where little stays that means nothing."""
        gone = (1 - self.kept) * np.float32(fill)
        means = (blocks(data, self.factors) - gone) / np.maximum(self.kept, np.float32(0.1))
        return np.asarray(means, dtype=np.float32)

    def finer(self, data: Floats, part: Box) -> Floats:
        """Interpolate linearly between the coarse voxels, at each of the scan's in a box of it."""
        shape = [wanted.stop - wanted.start for wanted in part]
        made = np.empty(shape[::-1], np.float32)
        for number, plane in enumerate(self.slices(data, part)):
            made[number] = plane
        return made.T

    def slices(self, data: Floats, part: Box) -> Iterator[Floats]:
        """Do the same slice by slice along the last axis, each (J, I): of a whole head that takes less memory."""
        starts = [wanted.start - whole.start for wanted, whole in zip(part, self.box, strict=True)]
        sizes = [wanted.stop - wanted.start for wanted in part]
        for axis in (0, 1):
            data = stretched(data, axis, self.factors[axis], starts[axis], sizes[axis])
        for number in range(starts[2], starts[2] + sizes[2]):
            yield stretched(data, 2, self.factors[2], number, 1).T[0]


@frozen(kw_only=True, eq=False)
class Shell:
    """The shell on a coarse grid: ``outline``, mm to its surface, negative inside; ``bright``, as the template has it.

    ``edge``: mm that one of the scan's voxels reaches across the surface.  ``own``: mm to the surface of what stays of
    the head, with the shell in the zone.  ``to_brain``: mm of the template, to its own.  ``misfit``: mm that the two
    outlines are apart at the border, on the average; ``met``: of the shell's skin there, the share where the head goes
    on.
    """

    outline: Floats
    bright: Floats
    edge: Floats
    own: Floats
    to_brain: Floats
    misfit: float
    met: float


def coarse_in(wide: Box, grid: Grid, zones: Zones) -> Coarse:
    """Look at a box of a scan, which holds that of the zone, without the zone."""
    stays = np.ones(tuple(part.stop - part.start for part in wide), bool, order="F")
    stays[_within(zones.box, wide)] = ~zones.removed
    part = grid.cropped(wide)
    counts = [max(1, min(int(STEP / step + 0.25), size)) for step, size in zip(part.steps, part.shape, strict=True)]
    factors = (counts[0], counts[1], counts[2])
    share = blocks(stays.astype(np.float32), factors)
    coarse = block_grid(part, factors)
    depth = -_to_border(share < 1 - HALF, coarse.steps)
    return Coarse(box=wide, grid=coarse, factors=factors, stays=stays, kept=share, depth=depth)


def lay_shell(where: Coarse, tissue: Bools, *, pose: Pose, cover: float | None) -> Shell:
    """Lay the shell, its outline moved at the border to where the head's own is, and less and less beyond.

    ``tissue``: on the coarse grid, False in the zone.  ``cover``: mm by which the shell goes beyond all that stays,
    where that is the brain alone; None where it is the rest of a head.
    """
    grid, stays = where.grid, where.kept > HALF
    pack, back = template(), np.linalg.inv(pose.affine)
    mean = carry(Volume(data=pack.to_shell, affine=pack.affine), onto=grid, through=back, beyond=None)
    mean *= np.float32(pose.scale)
    bright = carry(pack.shell, onto=grid, through=back, beyond=None)
    head = filled(closed(np.where(stays, tissue, mean < 0), 2))
    own = _to_border(head, grid.steps)
    outside = -where.depth
    comparable = stays & (np.abs(own) < np.minimum(NEAR_MM, outside)) & (np.abs(mean) < MOST_MM)
    off = np.clip(own - mean, -MOST_MM, MOST_MM)
    moved = spread(off, comparable.astype(np.float32), grid)
    fade = np.exp(-np.maximum(where.depth, 0) / np.float32(FADES_MM * pose.scale))
    outline = mean + moved * fade
    if cover is not None:
        round_it = smoothed(where.depth, grid.steps, SMOOTH_MM)
        outline = _joined(outline, round_it - np.float32(cover * pose.scale))
    ring = stays & (where.depth > -2 * STEP)
    under = ring & (mean < -2 * STEP) & (mean > -MOST_MM)
    at_border = comparable & (where.depth > -5 * STEP)
    return Shell(
        outline=outline,
        bright=bright,
        edge=_across(outline, grid, where.factors),
        own=own,
        to_brain=carry(Volume(data=pack.to_brain, affine=pack.affine), onto=grid, through=back, beyond=None),
        misfit=float(np.abs(off[at_border]).mean()) if at_border.any() else 0.0,
        met=float(head[under].mean()) if under.any() else 0.0,
    )


def spread(values: Floats, weight: Floats, grid: Grid, reaches: Sequence[float] = REACHES_MM) -> Floats:
    """Carry values from where ``weight`` is to everywhere: what is near counts, and what is far where nothing is near.

    ``reaches``: mm, the longest first; the longer it is, the coarser the steps in which it is worked out.
    """
    found = np.zeros(values.shape, np.float32)
    known = values * weight
    for reach in reaches:
        counts = [
            max(1, min(int(reach / step / 2), size // 6)) for step, size in zip(grid.steps, values.shape, strict=True)
        ]
        factors = (counts[0], counts[1], counts[2])
        coarse = block_grid(grid, factors)
        share = np.maximum(smoothed(blocks(weight, factors), coarse.steps, reach), 0)
        mean = smoothed(blocks(known, factors), coarse.steps, reach)
        mean = np.asarray(mean / np.maximum(share, np.float32(1e-4)), dtype=np.float32)
        sure = np.asarray(np.clip(share * np.float32(20), 0, 1), dtype=np.float32)
        if factors != (1, 1, 1):
            for axis, (factor, size) in enumerate(zip(factors, values.shape, strict=True)):
                mean = stretched(mean, axis, factor, 0, size)
                sure = stretched(sure, axis, factor, 0, size)
        found += (mean - found) * sure
    return found


def smoothed(data: Floats, steps: tuple[float, float, float], reach: float) -> Floats:
    """Blur over so many mm."""
    image = to_itk(np.asarray(data, np.float32))
    image.SetSpacing(list(steps))
    return from_itk(sitk.SmoothingRecursiveGaussian(image, reach))


def blocks(data: Floats, factors: tuple[int, int, int]) -> Floats:
    """Average whole blocks of voxels; a rest at the end, narrower than a block, is left out."""
    for axis in (2, 1, 0):  # as voxels are stored, whole slices are added first
        factor = factors[axis]
        if factor > 1:
            ends = [slice(number, data.shape[axis] // factor * factor, factor) for number in range(factor)]
            parts = [data[tuple(end if number == axis else slice(None) for number in range(3))] for end in ends]
            total = parts[0] + parts[1]
            for part in parts[2:]:
                total += part
            data = total * np.float32(1 / factor)
    return data


def stretched(data: Floats, axis: int, factor: int, first: int, size: int) -> Floats:
    """Interpolate along one axis of blocks: values at voxels ``first`` to ``first + size``; the ends go on."""
    places = np.clip((np.arange(first, first + size) + 0.5) / factor - 0.5, 0, data.shape[axis] - 1)
    low = np.minimum(places.astype(int), max(0, data.shape[axis] - 2))
    high = np.minimum(low + 1, data.shape[axis] - 1)
    share = (places - low).astype(np.float32).reshape([-1 if number == axis else 1 for number in range(3)])
    back = data.T  # stored with the first axis fastest
    one, other = (np.take(back, at, axis=2 - axis).T for at in (low, high))
    other -= one
    other *= share
    other += one
    return np.asarray(other)


def block_grid(grid: Grid, factors: tuple[int, int, int]) -> Grid:
    """Say where whole blocks of voxels lie."""
    affine = grid.affine @ np.diag([*factors, 1.0])
    affine[:3, 3] = grid.affine[:3, :3] @ ((np.array(factors) - 1) / 2) + grid.affine[:3, 3]
    counts = [size // factor for size, factor in zip(grid.shape, factors, strict=True)]
    return Grid(shape=(counts[0], counts[1], counts[2]), affine=affine)


def wider(grid: Grid, box: Box, around: float = AROUND_MM) -> Box:
    """Take so many mm around a box, as far as the grid goes."""
    more = [int(np.ceil(around / step)) for step in grid.steps]
    ends = [
        slice(max(0, part.start - far), min(size, part.stop + far))
        for part, far, size in zip(box, more, grid.shape, strict=True)
    ]
    return ends[0], ends[1], ends[2]


def _within(box: Box, wide: Box) -> Box:
    """Say where a box lies in a wider one."""
    parts = [slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, wide, strict=True)]
    return parts[0], parts[1], parts[2]


def _joined(one: Floats, other: Floats) -> Floats:
    """Join two shapes, given by the distances to them, with a soft edge."""
    share = np.clip(HALF + HALF * (other - one) / SMOOTH_MM, 0, 1)
    return np.asarray(other * (1 - share) + one * share - SMOOTH_MM * share * (1 - share), dtype=np.float32)


def _to_border(mask: Bools, steps: tuple[float, float, float]) -> Floats:
    """Measure to the mask's border, mm, negative inside; voxels need not be cubes."""
    image = to_itk(mask)
    image.SetSpacing(list(steps))
    return from_itk(
        sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    )


def _across(outline: Floats, grid: Grid, factors: tuple[int, int, int]) -> Floats:
    """Say how far a voxel reaches along the surface's normal: most where slices are thick and the surface oblique."""
    by_mm = [slope / step for slope, step in zip(np.gradient(outline), grid.steps, strict=True)]
    fine = [step / factor for step, factor in zip(grid.steps, factors, strict=True)]
    across = np.sqrt(sum((slope * step) ** 2 for slope, step in zip(by_mm, fine, strict=True)))
    return np.asarray(across / (np.sqrt(sum(slope**2 for slope in by_mm)) + 1e-3), dtype=np.float32)
