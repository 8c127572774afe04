"""Paint the shell in a scan's own brightness: tissue by tissue, shaded as it is shaded, with its noise and its air.

Everything is learned from what stays of the scan.  The brightness of tissue is the mean that the scan has where the
shell is as bright (any contrast), times the scan's shading; at the zone's border it is moved to what is seen just
outside (a membrane, as in Perez et al. 2003, doi:10.1145/882262.882269, that fades with depth).
"""

from collections.abc import Iterator
from itertools import pairwise
from math import erf, sqrt
from typing import Final

import numpy as np
from attrs import frozen
from numpy.random import Generator
from numpy.typing import NDArray

from fivesafes.data.face.band import Band, looked_up
from fivesafes.data.face.faceless import Faceless
from fivesafes.data.face.itk import FAINTEST, Bools, Floats
from fivesafes.data.face.shell import HALF, Coarse, Rest, Shell
from fivesafes.data.face.spread import Indices, spread_from
from fivesafes.data.face.stored import Box

BINS: Final = 24
SHADES_MM: Final = (50.0, 22.0)
MEETS_MM: Final = (9.0, 5.0, 2.5)
"""How far the membrane carries what it met at the border."""

RING_MM: Final = 7.0
FADES_MM: Final = 5.0
"""How deep in the zone a third of the membrane is left."""

FEWEST: Final = 500
"""Voxels: from fewer nothing is learned."""

MOST: Final = 20_000

SPARSE: Final = 4
"""Every fourth voxel along each axis is looked at for noise."""

BESIDE_BRAIN_MM: Final = 2.0
AIR_FROM_MM: Final = 6.0
CALM: Final = 0.05
CALM_SPREAD: Final = 0.8
"""What varies as noise does, in cubes of 27, has at CALM of its cubes so much of its standard deviation."""

MOST_ALIKE: Final = 0.45
ROUNDS: Final = 12

KNOTS: Final = np.linspace(-4, 4, 257)
CHANCES: Final = np.clip([(1 + erf(knot / sqrt(2))) / 2 for knot in KNOTS], 0.002, 0.995)
"""Which share of air is darker; its brightest voxels are ghosts, not noise."""


@frozen(kw_only=True, eq=False)
class Ground:
    """What a shell is painted on, the same for each volume of a series.

    ``scan``: the image without the face.  ``where``, ``shell``: the zone and the shell in it, coarse.  ``seen``: the
    same box without the face alone, from which brightness and noise are learned; ``means``: what ``volumes`` show
    there; ``told``: its tissue beside the brain.  ``box``, ``removed``: the zone in the scan's grid.  ``band``: where
    what is outside goes on.
    """

    scan: Faceless
    where: Coarse
    shell: Shell
    seen: Rest
    volumes: tuple[int, ...]
    means: Floats
    told: Bools
    box: Box
    removed: Bools
    band: Band

    def value(self, volume: int) -> Floats:
        """Say how bright one volume is, coarse."""
        return self.means if self.volumes == (volume,) else self.seen.means(self.scan, (volume,))

    @property
    def canvas(self) -> "Canvas":
        """Give what is needed of it once tissue and noise are known."""
        shell = self.shell
        return Canvas(
            where=self.where,
            outline=shell.outline,
            edge=shell.edge,
            box=self.box,
            removed=self.removed,
            voxels=self.band.voxels,
        )


@frozen(kw_only=True, eq=False)
class Canvas:
    """Where a shell is painted: its ``outline`` and ``edge``, coarse; the zone, and those of its voxels in the band."""

    where: Coarse
    outline: Floats
    edge: Floats
    box: Box
    removed: Bools
    voxels: NDArray[np.int32]

    def slices(self, data: Floats) -> Iterator[Floats]:
        """Bring what is coarse to the zone's box, slice by slice."""
        return self.where.slices(data, self.box)


@frozen(kw_only=True, eq=False)
class Grain:
    """A scan's noise.

    ``air``: the values of its air at KNOTS of a normal variate.  ``spread``: in tissue, standard deviation.  ``alike``:
    the correlation of neighbours, by axis.
    """

    air: Floats
    spread: float
    alike: tuple[float, float, float]


def told_by(seen: Rest, shell: Shell, tissue: Bools) -> Bools:
    """Mark the coarse voxels that tell how bright tissue is: inside head and shell, beside the brain."""
    deep = (shell.own < -1) & (shell.outline < -1)
    return deep & (seen.kept > HALF) & tissue & (shell.to_brain > BESIDE_BRAIN_MM)


def painted(ground: Ground, volume: int, rng: Generator) -> Iterator[Floats]:
    """Paint one volume of the scan.

    Gives real values for the zone's voxels, slice by slice, in the order in which they are stored: it is a whole head.
    """
    tissue, grain = _tissue(ground, ground.value(volume)), _grain(ground, volume)
    noises = _noise(ground.removed.shape, grain.alike, rng)
    canvas, special = ground.canvas, _gone_on(ground, volume, tissue)
    return _slices(canvas, _bodies(canvas, tissue, special), grain, noises)


def _slices(canvas: Canvas, bodies: Iterator[Floats], grain: Grain, noises: Iterator[Floats]) -> Iterator[Floats]:
    usual, step = grain.air[KNOTS.size // 2], 1 / (KNOTS[1] - KNOTS[0])
    solids = _solids(canvas)
    for zone, body, noise, solid in zip(canvas.removed.T, bodies, noises, solids, strict=True):
        drawn = noise[zone]
        even = usual + (body[zone] - usual) * solid
        number = np.rint((drawn - KNOTS[0]) * step).astype(np.int32)
        air = grain.air[np.clip(number, 0, KNOTS.size - 1)] - usual
        even += air + (np.float32(grain.spread) * drawn - air) * solid
        yield np.abs(even) if grain.air[0] >= 0 else even


def _gone_on(ground: Ground, volume: int, tissue: Floats) -> Floats:
    """Let what is special just outside go on, voxel by voxel, and be lost within BAND_MM: steps would tell the border.

    ``tissue``: the shell's, coarse.  Gives what to add to it in the band's voxels.
    """
    z, y, x = np.unravel_index(ground.band.rim, ground.removed.T.shape)
    there = np.column_stack([x, y, z]) + [part.start for part in ground.box]
    special = ground.scan.at(volume, there) - ground.where.at(tissue, ground.box, (x, y, z))
    return ground.band.smooth(special, ROUNDS)


def _bodies(canvas: Canvas, tissue: Floats, special: Floats) -> Iterator[Floats]:
    """Give the shell's tissue slice by slice, each (J, I), with what goes on of what is outside."""
    across, deep, count = canvas.removed.shape
    ends = np.searchsorted(canvas.voxels, np.arange(count + 1) * (across * deep))
    for number, (body, (start, stop)) in enumerate(zip(canvas.slices(tissue), pairwise(ends), strict=True)):
        body.reshape(-1)[canvas.voxels[start:stop] - np.int32(number * across * deep)] += special[start:stop]
        yield body


def _tissue(ground: Ground, value: Floats) -> Floats:
    """Give the brightness of the shell's tissue on the coarse grid.  ``value``: the scan's."""
    shell, where = ground.shell, ground.where
    told = np.flatnonzero(ground.told.T)
    mapped = _as_various(_mapped(value, shell.bright, told, where), value, told)
    ring = (shell.own < -1) & (shell.outline < -1) & (where.kept > HALF) & (where.depth > -RING_MM)
    low = min(float(_at(value, places).min()) for places in (told, np.flatnonzero(ring.T)) if places.size)
    high = float(np.percentile(_at(value, told), 99.5))
    moved = spread_from(ring.astype(np.float32), where.grid, MEETS_MM).of(value - mapped)
    moved *= np.exp(-np.maximum(where.depth, 0) / np.float32(FADES_MM))
    moved += mapped
    return np.clip(moved, low, high, out=moved)


def _mapped(value: Floats, bright: Floats, told: Indices, where: Coarse) -> Floats:
    """Turn the shell's brightness into the scan's: bin by bin, then shaded, each known from the other."""
    lit, seen = _at(bright, told), _at(value, told)
    numbers = np.searchsorted(np.quantile(lit, np.linspace(0, 1, BINS + 1)[1:-1]), lit)
    counts = np.maximum(np.bincount(numbers, minlength=BINS), 1)
    middles = np.bincount(numbers, lit, BINS) / counts
    weight, known = (np.zeros(value.shape, np.float32, order="F") for _ in range(2))
    weight.T.reshape(-1)[told] = 1
    wide = spread_from(weight, where.grid, SHADES_MM)
    share, shade = wide.of(value), np.ones_like(value)
    for _ in range(2):
        means = np.bincount(numbers, seen / _at(shade, told), BINS) / counts
        known.T.reshape(-1)[told] = np.interp(lit, middles, means)
        shade = np.clip(share / np.maximum(wide.of(known), np.float32(FAINTEST)), 0.2, 5.0)
    shade *= np.interp(bright.T, middles, means).T.astype(np.float32)
    return np.asarray(shade)


def _as_various(mapped: Floats, value: Floats, told: Indices) -> Floats:
    """Give brightness the scan's own range: means over heads that lie apart are neither so dark nor so bright."""
    ranks = np.linspace(0.02, 0.98, BINS)
    means, values = np.quantile(_at(mapped, told), ranks), np.quantile(_at(value, told), ranks)
    return np.asarray((mapped + np.interp(mapped.T, means, values).T) / 2, dtype=np.float32)


def _at(data: Floats, places: Indices) -> Floats:
    """Look up places of a grid that are counted with the first axis fastest."""
    return data.T.reshape(-1)[places]


def _grain(ground: Ground, volume: int) -> Grain:
    """Measure noise: in air the values themselves, in tissue what varies in the calmest cubes of 27 voxels."""
    scan, box = ground.scan, ground.seen.box
    first = [part.start for part in box]
    some = tuple(slice(1, part.stop - part.start - 2, SPARSE) for part in box)
    own = looked_up(ground.shell.own, some, ground.where.factors)
    outside, inside = (np.argwhere(there) * SPARSE + 1 + first for there in (own > AIR_FROM_MM, own < -AIR_FROM_MM))
    air = scan.at(volume, outside[scan.stays(outside)])
    knots = np.quantile(air, CHANCES) if air.size >= FEWEST else np.zeros(KNOTS.size)
    inside = inside[scan.stays(inside)]
    offsets = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cubes = inside[:: 1 + len(inside) // MOST, None] + offsets
    cubes = cubes[scan.stays(cubes.reshape(-1, 3)).reshape(-1, len(offsets)).all(axis=1)]
    varied, alike = _calm(scan.at(volume, cubes.reshape(-1, 3)).reshape(-1, 3, 3, 3))
    return Grain(air=knots.astype(np.float32), spread=varied, alike=alike)


def _calm(cubes: Floats) -> tuple[float, tuple[float, float, float]]:
    """Take the calmest twentieth of some cubes (N, 3, 3, 3): how much they vary, and how alike neighbours are."""
    if len(cubes) < FEWEST:
        return 0.0, (0.0, 0.0, 0.0)
    cubes = cubes - cubes.mean(axis=(1, 2, 3), keepdims=True)
    varied = cubes.std(axis=(1, 2, 3))
    varied, cubes = varied[varied > 0], cubes[varied > 0]  # where a scan was blanked, it has no noise
    calm = np.quantile(varied, CALM) if varied.size else 0.0
    cubes = cubes[varied <= calm]
    power = float((cubes**2).mean()) if len(cubes) else 0.0
    if not power:
        return 0.0, (0.0, 0.0, 0.0)
    alike = []
    for axis in (1, 2, 3):
        pairs = np.take(cubes, (0, 1), axis) * np.take(cubes, (1, 2), axis)
        alike.append(float(np.clip(pairs.mean() / power + 1 / 27, 0.0, MOST_ALIKE)))  # the mean was taken off 27
    return float(calm) / CALM_SPREAD, (alike[0], alike[1], alike[2])


def _noise(shape: tuple[int, int, int], alike: tuple[float, float, float], rng: Generator) -> Iterator[Floats]:
    """Draw normal noise of standard deviation 1, whose neighbours are as alike as the scan's along each axis.

    Gives slice after slice along the last axis, each (J, I).
    """
    before: Floats | None = None
    for _ in range(shape[2] + 1):
        plane: Floats = rng.standard_normal((shape[1] + 1, shape[0] + 1), dtype=np.float32)
        plane = _mixed(plane[:, :-1], plane[:, 1:], alike[0])
        plane = _mixed(plane[:-1], plane[1:], alike[1])
        if before is not None:
            yield _mixed(before, plane, alike[2])
        before = plane


def _mixed(here: Floats, ahead: Floats, share: float) -> Floats:
    """Add the next one's share: n[i] + a n[i+1] has the correlation a / (1 + a²) between neighbours."""
    tap = np.float32((1 - sqrt(1 - 4 * share**2)) / (2 * share)) if share > 0 else np.float32(0)
    both = ahead * (tap / np.float32(sqrt(1 + tap**2)))
    both += here * np.float32(1 / sqrt(1 + tap**2))
    return np.asarray(both, dtype=np.float32)


def _solids(canvas: Canvas) -> Iterator[Floats]:
    """Say of each voxel of the zone how much of it the shell fills, 0 to 1: half on its surface, smoothly about it."""
    outlines, edges = canvas.slices(canvas.outline), canvas.slices(canvas.edge)
    for zone, outline, edge in zip(canvas.removed.T, outlines, edges, strict=True):
        share = np.clip(HALF - outline[zone] / np.maximum(edge[zone], np.float32(0.5)) / 2, 0, 1)
        yield np.asarray(share * share * (3 - 2 * share), dtype=np.float32)
