"""Paint the shell in a scan's own brightness: tissue by tissue, shaded as it is shaded, with its noise and its air.

Everything is learned from what stays of the scan.  The brightness of tissue is the mean that the scan has where the
shell is as bright (any contrast), times the scan's shading; at the zone's border it is moved to what is seen just
outside (a membrane, as in Perez et al. 2003, doi:10.1145/882262.882269, that fades with depth).
"""

from collections.abc import Iterator
from math import erf, sqrt
from typing import Any, Final

import numpy as np
from attrs import frozen
from numpy.random import Generator
from numpy.typing import NDArray

from fivesafes.data.face.itk import Bools, Floats
from fivesafes.data.face.shell import HALF, Coarse, Shell, spread
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
BAND_MM: Final = 4.0
ROUNDS: Final = 12

KNOTS: Final = np.linspace(-4, 4, 257)
CHANCES: Final = np.clip([(1 + erf(knot / sqrt(2))) / 2 for knot in KNOTS], 0.002, 0.995)
"""Which share of air is darker; its brightest voxels are ghosts, not noise."""


@frozen(kw_only=True, eq=False)
class Band:
    """The zone's ``voxels`` within BAND_MM of what stays, counted through its box as they are stored.

    ``beside``: how many on their six neighbours are.  ``rim``: those neighbours that stay, in tissue.
    """

    voxels: NDArray[np.int32]
    beside: NDArray[np.int32]
    rim: NDArray[np.int32]


@frozen(kw_only=True, eq=False)
class Ground:
    """What a shell is painted on, the same for each volume of a series.

    ``where``, ``shell``: the zone and the shell in it, coarse.  ``seen``: the same box without the face alone, from
    which brightness and noise are learned (``where`` itself, when the face is the zone); ``told``: its tissue beside
    the brain.  ``box``, ``removed``: the zone in the scan's grid; ``fill``: the real value that stands in it;
    ``solid``: how much of each of its voxels the shell fills, 0 to 1.  ``band``: where what is outside goes on.
    """

    where: Coarse
    shell: Shell
    seen: Coarse
    told: Bools
    box: Box
    removed: Bools
    fill: float
    solid: Floats
    band: Band


@frozen(kw_only=True, eq=False)
class Grain:
    """A scan's noise.

    ``air``: the values of its air at KNOTS of a normal variate.  ``spread``: in tissue, standard deviation.  ``alike``:
    the correlation of neighbours, by axis.
    """

    air: Floats
    spread: float
    alike: tuple[float, float, float]


def told_by(seen: Coarse, shell: Shell, tissue: Bools) -> Bools:
    """Mark the coarse voxels that tell how bright tissue is: inside head and shell, beside the brain."""
    deep = (shell.own < -1) & (shell.outline < -1)
    return deep & (seen.kept > HALF) & tissue & (shell.to_brain > BESIDE_BRAIN_MM)


def painted(ground: Ground, wide: Floats, rng: Generator) -> Floats:
    """Paint one volume: ``wide``, real values of the wide box, whose zone (of the face) is blanked.

    Gives real values for the zone's voxels, in the order in which they are stored.
    """
    tissue, grain = _tissue(ground, wide), _grain(ground, wide)
    fine = ground.where.finer(tissue, ground.box)
    fine += _gone_on(ground, wide, fine)
    usual, step = grain.air[KNOTS.size // 2], 1 / (KNOTS[1] - KNOTS[0])
    values, done = np.empty(ground.solid.size, np.float32), 0
    noises = _noise(ground.removed.shape, grain.alike, rng)
    for zone, body, noise in zip(ground.removed.T, fine.T, noises, strict=True):  # slice by slice: it is a whole head
        end = done + int(np.count_nonzero(zone))
        solid, drawn = ground.solid[done:end], noise[zone]
        even = usual + (body[zone] - usual) * solid
        number = np.rint((drawn - KNOTS[0]) * step).astype(np.int32)
        air = grain.air[np.clip(number, 0, KNOTS.size - 1)] - usual
        even += air + (np.float32(grain.spread) * drawn - air) * solid
        values[done:end] = np.abs(even) if grain.air[0] >= 0 else even
        done = end
    return values


def _gone_on(ground: Ground, wide: Floats, fine: Floats) -> Floats:
    """Let what is special just outside go on, voxel by voxel, and be lost within BAND_MM: steps would tell the border.

    Gives what to add to ``fine``, the shell's tissue; outside of the zone that means nothing.
    """
    part = [slice(a.start - b.start, a.stop - b.start) for a, b in zip(ground.box, ground.where.box, strict=True)]
    band, special = ground.band, np.zeros(fine.T.shape, np.float32)
    flat, outside = special.reshape(-1), np.unravel_index(band.rim, fine.T.shape)
    flat[band.rim] = wide[tuple(part)].T[outside] - fine.T[outside]
    for _ in range(ROUNDS):
        flat[band.voxels] = sum(flat[band.voxels + way] for way in band.beside) / np.float32(band.beside.size)
    return special.T


def _tissue(ground: Ground, wide: Floats) -> Floats:
    """Give the brightness of the shell's tissue on the coarse grid."""
    shell, where, told = ground.shell, ground.where, ground.told
    value = ground.seen.means(wide, ground.fill)
    mapped = _as_various(_mapped(value, shell.bright, told, where), value, told)
    ring = (shell.own < -1) & (shell.outline < -1) & (where.kept > HALF) & (where.depth > -RING_MM)
    low, high = float(value[told | ring].min()), float(np.percentile(value[told], 99.5))
    moved = spread(value - mapped, ring.astype(np.float32), where.grid, MEETS_MM)
    fade = np.exp(-np.maximum(where.depth, 0) / np.float32(FADES_MM))
    return np.asarray(np.clip(mapped + moved * fade, low, high), dtype=np.float32)


def _mapped(value: Floats, bright: Floats, told: Bools, where: Coarse) -> Floats:
    """Turn the shell's brightness into the scan's: bin by bin, then shaded, each known from the other."""
    edges = np.quantile(bright[told], np.linspace(0, 1, BINS + 1)[1:-1])
    numbers = np.searchsorted(edges, bright[told])
    counts = np.maximum(np.bincount(numbers, minlength=BINS), 1)
    middles = np.bincount(numbers, bright[told], BINS) / counts
    shade, weight = np.ones(value.shape, np.float32), told.astype(np.float32)
    for _ in range(2):
        means = np.bincount(numbers, (value / shade)[told], BINS) / counts
        flat: Floats = np.interp(bright, middles, means).astype(np.float32)
        share = spread(value, weight, where.grid, SHADES_MM)
        usual = spread(flat, weight, where.grid, SHADES_MM)
        shade = np.clip(share / np.maximum(usual, np.float32(1e-6)), 0.2, 5.0)
    return np.asarray(flat * shade, dtype=np.float32)


def _as_various(mapped: Floats, value: Floats, told: Bools) -> Floats:
    """Give brightness the scan's own range: means over heads that lie apart are neither so dark nor so bright."""
    ranks = np.linspace(0.02, 0.98, BINS)
    means, values = np.quantile(mapped[told], ranks), np.quantile(value[told], ranks)
    return np.asarray((mapped + np.interp(mapped, means, values)) / 2, dtype=np.float32)


def _grain(ground: Ground, wide: Floats) -> Grain:
    """Measure noise: in air the values themselves, in tissue what varies in the calmest cubes of 27 voxels."""
    some = tuple(slice(1, size - 2, SPARSE) for size in wide.shape)
    own = _at(ground.shell.own, some, ground.where.factors)
    kept = ground.seen.stays[some]
    air = wide[some][kept & (own > AIR_FROM_MM)]
    knots = np.quantile(air, CHANCES) if air.size >= FEWEST else np.zeros(KNOTS.size)
    index = np.argwhere(kept & (own < -AIR_FROM_MM)) * SPARSE + 1
    varied, alike = _calm(wide, ground.seen.stays, index[:: 1 + len(index) // MOST])
    return Grain(air=knots.astype(np.float32), spread=varied, alike=alike)


def _calm(wide: Floats, stays: Bools, index: NDArray[np.intp]) -> tuple[float, tuple[float, float, float]]:
    """Take the calmest twentieth of the cubes around voxels: how much they vary, and how alike neighbours are."""
    offsets = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1)
    places = tuple((index[:, None, None, None] + offsets).transpose(4, 0, 1, 2, 3))
    cubes = wide[places][stays[places].all(axis=(1, 2, 3))]
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


def _at(coarse: NDArray[Any], some: tuple[slice, ...], factors: tuple[int, int, int]) -> NDArray[Any]:
    """Look up a coarse grid at some of the fine grid's voxels."""
    places = [
        np.minimum(np.arange(part.start, part.stop, part.step or 1) // factor, size - 1)
        for part, factor, size in zip(some, factors, coarse.shape, strict=True)
    ]
    return coarse.T[np.ix_(*reversed(places))].T


def solid_of(shell: Shell, where: Coarse, box: Box, removed: Bools) -> Floats:
    """Say of each voxel of the zone how much of it the shell fills, 0 to 1: half on its surface, smoothly about it."""
    shares = []
    outlines, edges = (where.slices(data, box) for data in (shell.outline, shell.edge))
    for zone, outline, edge in zip(removed.T, outlines, edges, strict=True):
        share = np.clip(HALF - outline[zone] / np.maximum(edge[zone], np.float32(0.5)) / 2, 0, 1)
        shares.append(share * share * (3 - 2 * share))
    return np.concatenate(shares, dtype=np.float32)


def band_of(where: Coarse, shell: Shell, box: Box, removed: Bools) -> Band:
    """List what the shell takes over from outside, and where; the box's own faces are left out."""
    first = [part.start - whole.start for part, whole in zip(box, where.box, strict=True)]
    there = tuple(slice(start, start + size) for start, size in zip(first, removed.shape, strict=True))
    near = removed & _at(where.depth < BAND_MM, there, where.factors)
    for axis in range(3):
        np.moveaxis(near, axis, 0)[[0, -1]] = False
    across, deep, _ = removed.shape
    ways = np.array([1, across, across * deep], np.int32)
    voxels, beside = np.flatnonzero(near.T).astype(np.int32), np.concatenate([ways, -ways])
    around = np.concatenate([voxels + way for way in beside])
    around = np.unique(around[~removed.T.reshape(-1)[around]])
    inside = (shell.outline < -1) & (shell.own < -1)
    place = np.unravel_index(around, removed.T.shape)[::-1]
    coarse = tuple(
        np.minimum((at + start) // factor, size - 1)
        for at, start, factor, size in zip(place, first, where.factors, inside.shape, strict=True)
    )
    return Band(voxels=voxels, beside=beside, rim=around[inside[coarse]])
