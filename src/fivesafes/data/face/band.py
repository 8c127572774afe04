"""The rim of a zone, voxel by voxel: where what is special just outside goes on for a few mm."""

from typing import Any, Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.itk import Bools, Floats
from fivesafes.data.face.shell import Coarse, Shell
from fivesafes.data.face.stored import Box, within

Places = NDArray[np.int32]

BAND_MM: Final = 4.0


@frozen(kw_only=True, eq=False)
class Band:
    """The zone's ``voxels`` within BAND_MM of what stays, counted through its box as they are stored.

    ``rim``: those of their six neighbours that stay, in tissue.  ``beside``: (6, N), where each neighbour stands in a
    list of the voxels, the rim, and one place for all others.
    """

    voxels: Places
    rim: Places
    beside: NDArray[np.intp]

    def smooth(self, known: Floats, rounds: int) -> Floats:
        """Carry values from the rim into the band: each voxel takes its neighbours' mean, so many times; 0 at first."""
        count = self.voxels.size
        values = np.concatenate([np.zeros(count, np.float32), known, np.zeros(1, np.float32)])
        for _ in range(rounds):
            total = values.take(self.beside[0])
            for way in self.beside[1:]:
                total += values.take(way)
            total /= np.float32(len(self.beside))
            values[:count] = total
        return values[:count]


def band_of(where: Coarse, shell: Shell, box: Box, removed: Bools) -> Band:
    """List what the shell takes over from outside, and where; the box's own faces are left out."""
    there = within(box, where.box)
    across, deep, _ = removed.shape
    steps = [np.int32(1), np.int32(across), np.int32(across * deep)]
    voxels, flat = _near(where, there, removed), removed.T.reshape(-1)
    beside = [places[~flat[places]] for step in steps for places in (voxels + step, voxels - step)]
    around = np.unique(np.concatenate(beside))
    inside = (shell.outline < -1) & (shell.own < -1)
    place = np.unravel_index(around, removed.T.shape)[::-1]
    coarse = tuple(
        np.minimum((at + part.start) // factor, size - 1)
        for at, part, factor, size in zip(place, there, where.factors, inside.shape, strict=True)
    )
    rim = around[inside[coarse]]
    return Band(voxels=voxels, rim=rim, beside=_beside(voxels, rim, steps))


def _near(where: Coarse, there: Box, removed: Bools) -> Places:
    """List the zone's voxels near what stays, slice by slice: as a whole that takes much memory."""
    near, (x, y, z) = where.depth < BAND_MM, _places(there, where.factors, where.depth.shape)
    across, deep, count = removed.shape
    found = [np.zeros(0, np.int32)]
    for number in range(1, count - 1):
        rows = near[..., z[number]].T.take(y, axis=0).take(x, axis=1)
        rows &= removed[..., number].T
        rows[[0, -1]] = rows[:, [0, -1]] = False
        found.append((np.flatnonzero(rows) + number * across * deep).astype(np.int32))
    return np.concatenate(found)


def _beside(voxels: Places, rim: Places, steps: list[np.int32]) -> NDArray[np.intp]:
    """Say where each voxel's neighbour ahead by each step, and then the one behind, stands in the lists of a band."""
    beside = np.full((2, len(steps), voxels.size), voxels.size + rim.size, np.intp)
    for number, step in enumerate(steps):
        behind, ahead = _matched(voxels, step, voxels)
        beside[0, number, behind], beside[1, number, ahead] = ahead, behind
        for way in (0, 1):
            outside, inner = _matched(rim, step if way else -step, voxels)
            beside[way, number, inner] = voxels.size + outside
    return beside.reshape(2 * len(steps), voxels.size)


def _matched(places: Places, step: np.int32, among: Places) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair places, by number, with those of a sorted list that lie ahead of them by a step."""
    wanted = places + step
    at = np.searchsorted(among, wanted)
    found = np.flatnonzero(np.take(among, at, mode="clip") == wanted) if among.size else at[:0]
    return found, at[found]


def looked_up(coarse: NDArray[Any], some: tuple[slice, ...], factors: tuple[int, int, int]) -> NDArray[Any]:
    """Look up a coarse grid at some of the fine grid's voxels."""
    return coarse.T[np.ix_(*reversed(_places(some, factors, coarse.shape)))].T


def _places(some: tuple[slice, ...], factors: tuple[int, int, int], shape: tuple[int, ...]) -> list[NDArray[np.intp]]:
    return [
        np.minimum(np.arange(part.start, part.stop, part.step or 1) // factor, size - 1)
        for part, factor, size in zip(some, factors, shape, strict=True)
    ]
