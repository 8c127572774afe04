"""The mean head's shell, laid over a scan so that it goes on where the scan's own head ends at the zone's border.

Of the scan nothing but what stays is looked at: each function here sees it with the zone already blanked.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.data.face.faceless import Faceless
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
from fivesafes.data.face.spread import Indices, between, block_grid, blocks, smoothed, spread_from
from fivesafes.data.face.stored import THICK, Box, within
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
class Rest:
    """What of a box of the scan does not lie in a zone.

    ``kept``: the share that stays, 0 to 1, of voxels of about 2 mm along the scan's own axes; ``factors``: how many of
    the scan's make one.
    """

    box: Box
    factors: tuple[int, int, int]
    kept: Floats

    def means(self, scan: Faceless, volumes: Sequence[int]) -> Floats:
        """Average what stays of the box in some volumes; where little stays that means nothing."""
        parts = scan.means(volumes, self.box, THICK * self.factors[2])
        whole = np.asfortranarray(np.concatenate([blocks(part, self.factors) for part in parts], axis=2))
        whole -= (1 - self.kept) * np.float32(scan.fill)
        whole /= np.maximum(self.kept, np.float32(0.1))
        return whole


@frozen(kw_only=True, eq=False)
class Coarse:
    """A box of the scan in voxels of about 2 mm, along its own axes, as it is without the zone.

    ``factors``: how many of the scan's voxels make one.  ``kept``: the share of each that stays, 0 to 1.  ``depth``: mm
    into the zone, negative outside.
    """

    box: Box
    grid: Grid
    factors: tuple[int, int, int]
    kept: Floats
    depth: Floats

    def slices(self, data: Floats, part: Box) -> Iterator[Floats]:
        """Interpolate linearly between the coarse voxels, at each of the scan's in a box of it.

        They come slice by slice along the last axis, each (J, I): a whole head would take much memory.
        """
        ways, wide = self._ways(part), dict[int, Floats]()
        for low, high, share in zip(*ways[2], strict=True):
            wide = {at: wide[at] if at in wide else _between_rows(data[..., at].T, ways) for at in (low, high)}
            plane = wide[high] - wide[low]
            plane *= share
            plane += wide[low]
            yield plane

    def at(self, data: Floats, part: Box, index: tuple[Indices, Indices, Indices]) -> Floats:
        """Give the same at voxels alone, ``index`` by axis within the box."""
        ways = [
            (low[places], high[places], share[places])
            for (low, high, share), places in zip(self._ways(part), index, strict=True)
        ]
        (left, right, x), (near, far, y), (low, high, z) = ways

        def across(j: Indices, k: Indices) -> Floats:
            return _part_way(data[left, j, k], data[right, j, k], x)

        def along(k: Indices) -> Floats:
            return _part_way(across(near, k), across(far, k), y)

        return _part_way(along(low), along(high), z)

    def _ways(self, part: Box) -> list[tuple[Indices, Indices, Floats]]:
        return [
            between(count, factor, wanted.start - whole.start, wanted.stop - wanted.start)
            for count, factor, wanted, whole in zip(self.kept.shape, self.factors, part, self.box, strict=True)
        ]


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


def rest_in(wide: Box, grid: Grid, zones: Zones) -> Rest:
    """Look at a box of a scan, which holds that of the zone, without the zone."""
    part, zone = grid.cropped(wide), within(zones.box, wide)
    counts = [max(1, min(int(STEP / step + 0.25), size)) for step, size in zip(part.steps, part.shape, strict=True)]
    factors = (counts[0], counts[1], counts[2])
    thick, whole, shares = THICK * factors[2], part.shape[2] // factors[2] * factors[2], []
    for start in range(0, whole, thick):
        stop = min(start + thick, whole)
        stays = np.ones((*part.shape[:2], stop - start), np.float32, order="F")
        low, high = max(start, zone[2].start), min(stop, zone[2].stop)
        if low < high:
            gone = zones.removed[..., low - zone[2].start : high - zone[2].start]
            stays[zone[0], zone[1], low - start : high - start] = ~gone
        shares.append(blocks(stays, factors))
    return Rest(box=wide, factors=factors, kept=np.concatenate(shares, axis=2))


def coarse_in(rest: Rest, grid: Grid) -> Coarse:
    """Measure how deep in the zone each coarse voxel of a scan lies."""
    coarse = block_grid(grid.cropped(rest.box), rest.factors)
    depth = -_to_border(rest.kept < 1 - HALF, coarse.steps)
    return Coarse(box=rest.box, grid=coarse, factors=rest.factors, kept=rest.kept, depth=depth)


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
    moved = spread_from(comparable.astype(np.float32), grid, REACHES_MM).of(off)
    fade = np.exp(-np.maximum(where.depth, 0) / np.float32(FADES_MM * pose.scale))
    outline = mean + moved * fade
    if cover is not None:
        round_it = smoothed(where.depth, grid, SMOOTH_MM)
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


def _part_way(one: Floats, other: Floats, share: Floats) -> Floats:
    """Go a share of the way from one to the other, which is written over."""
    other -= one
    other *= share
    other += one
    return other


def _between_rows(rows: Floats, ways: Sequence[tuple[Indices, Indices, Floats]]) -> Floats:
    """Interpolate within a coarse slice, (J, I), along its rows first."""
    for axis, (low, high, share) in ((1, ways[0]), (0, ways[1])):
        along = share.reshape((1, -1) if axis else (-1, 1))
        rows = _part_way(rows.take(low, axis=axis), rows.take(high, axis=axis), along)
    return rows


def wider(grid: Grid, box: Box, around: float = AROUND_MM) -> Box:
    """Take so many mm around a box, as far as the grid goes."""
    more = [int(np.ceil(around / step)) for step in grid.steps]
    ends = [
        slice(max(0, part.start - far), min(size, part.stop + far))
        for part, far, size in zip(box, more, grid.shape, strict=True)
    ]
    return ends[0], ends[1], ends[2]


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
