"""Make any image of a head comparable: one volume, no negative air, 2 mm, axes along right, anterior and superior."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.data.face.itk import Affine, Floats, Grid, Volume, carry
from fivesafes.data.face.stored import THICK, Box, Stored

STEP: Final = 2.0
FIRST_VOLUMES: Final = 8
DIMMER: Final = 0.15
"""By so much less, of the brightest, a volume's mean may be; diffusion weighting takes half and more."""

SMALLEST_MM: Final = 40.0
FEWEST_SLICES: Final = 8
LARGEST_MM: Final = 700.0

LARGEST_NUMBER: Final = 1e15
SMALLEST_NUMBER: Final = 1e-15
"""No scan's brightest voxel is beyond these; with squares of such numbers single precision still reckons."""

FINEST: Final = 1e-5
"""Numbers that differ by less than this share of the largest are hardly told apart in single precision."""

ABOVE_NOISE: Final = 2.5
ABOVE_DARK: Final = 0.08
"""Tissue is brighter than so many times the noise, and than this share of the brightest tissue."""

ABOVE_SPREAD: Final = 4.0
"""Or, in a very noisy scan, by so many times the spread of the air's brightness above its mean."""


@frozen(kw_only=True, eq=False)
class Prepared:
    """A scan made comparable.

    ``volume``: 2 mm RAS, real values less ``background``, clipped to 0 and ``bright``.
    ``background``: what the original's air holds, in real units, where that is negative; else 0.
    ``floor``: tissue is above it, air below, on the scale of ``volume``.
    ``noise``: the same without regard to how bright tissue is: where a coil's shading is deep, tissue is darker still.
    ``volumes``: which of a series were looked at; what is measured after the defacing looks at the same.
    """

    volume: Volume
    background: float
    floor: float
    bright: float
    noise: float = 0.0
    volumes: tuple[int, ...] = (0,)

    @property
    def dark_air(self) -> bool:
        """Whether tissue stands out from air at all; in some reconstructions air is as bright as tissue."""
        return self.floor < self.bright / 2


def unfit(stored: Stored) -> str | None:
    """Say why an image can't hold a head, or None."""
    extent = [size * step for size, step in zip(stored.grid.shape, stored.grid.steps, strict=True)]
    if min(stored.grid.shape) < FEWEST_SLICES or min(extent) < SMALLEST_MM:
        return "too few slices to find a head in"
    if max(extent) > LARGEST_MM:
        return "the image is larger than any head scan: its voxel size can't be right"
    return senseless(stored)


def senseless(stored: Stored) -> str | None:
    """Say of real values that they can't be right, or None: they would overflow, or all look alike, where they are not.

    An image that shows nothing by its scaling alone still holds a face.
    """
    if stored.dtype.kind != "f" and (stored.slope, stored.intercept) == (1.0, 0.0):
        return None
    low, high = stored.ends
    largest = max(abs(end * stored.slope + stored.intercept) for end in (low, high))
    apart = abs(stored.slope) * (high - low)
    if low < high and (apart < FINEST * largest or not SMALLEST_NUMBER < largest < LARGEST_NUMBER):
        return "no scan has such numbers: the image's scaling (scl_slope, scl_inter), or its voxels, can't be right"
    return None


def prepare(stored: Stored) -> Prepared | None:
    """Resample the first volumes' mean to a 2 mm RAS grid.  None when nothing stands out from nothing."""
    volumes = bright_volumes(stored)
    small, affine = _binned_mean(stored, volumes)
    corners = _corners(small)
    background = min(0.0, float(np.median(corners)))
    small = np.maximum(small - background, 0)
    above = small[small > small.mean()]
    if not above.size:
        return None
    bright = float(np.percentile(above, 98))
    volume = Volume(data=np.minimum(small, bright), affine=affine)
    onto = ras_grid(volume.grid)
    noise = _floor(corners - background, bright)
    return Prepared(
        volume=Volume(data=carry(volume, onto=onto), affine=onto.affine),
        background=background,
        floor=max(noise, ABOVE_DARK * bright),
        bright=bright,
        noise=noise,
        volumes=volumes,
    )


def mean_volume(stored: Stored, volumes: Sequence[int], box: Box | None = None) -> Floats:
    """Average some volumes of a series, or a box of them, in real units."""
    return mean_of(stored.real(number, box) for number in volumes)


def mean_of(volumes: Iterable[Floats]) -> Floats:
    """Average some volumes."""
    more = iter(volumes)
    total, count = next(more), 1
    for one in more:
        total += one
        count += 1
    return total / np.float32(count) if count > 1 else total


def bright_volumes(stored: Stored) -> tuple[int, ...]:
    """Tell which of the first volumes are about as bright as the brightest: they show the head best; one at least.

    In a diffusion series these are the ones without weighting, in a functional one nearly all of them.  A volume that
    holds one number alone shows nothing, however bright; where the first ones all do, those behind them are asked.
    """
    if stored.volumes == 1:
        return (0,)
    for first in range(0, stored.volumes, FIRST_VOLUMES):
        means: dict[int, float] = {}
        for number in range(first, min(first + FIRST_VOLUMES, stored.volumes)):
            real = stored.real(number)
            if not is_even(real):
                means[number] = float(real.mean())
        if means:
            return brightest(means)
    return (0,)


def is_even(real: Floats) -> bool:
    """Tell whether a volume shows nothing: all of its numbers are the same."""
    return bool(real.min() == real.max())


def brightest(means: Mapping[int, float]) -> tuple[int, ...]:
    """Tell of volumes by their means which are about as bright as the brightest."""
    enough = max(means.values()) - DIMMER * abs(max(means.values()))
    return tuple(number for number, mean in means.items() if mean >= enough)


def ras_grid(grid: Grid, step: float = STEP) -> Grid:
    """Lay a grid along the RAS axes around the whole of another."""
    ends = np.array(np.meshgrid(*[(0, size - 1) for size in grid.shape], indexing="ij")).reshape(3, -1)
    corners = grid.affine[:3, :3] @ ends + grid.affine[:3, 3:]
    low, high = corners.min(axis=1), corners.max(axis=1)
    shape = np.floor((high - low) / step + 1e-6).astype(int) + 1
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = low
    return Grid(shape=(int(shape[0]), int(shape[1]), int(shape[2])), affine=affine)


def binned(data: Floats, affine: Affine) -> tuple[Floats, Affine]:
    """Average whole blocks of fine voxels, so that the coarser grid does not alias."""
    factors, coarse = _coarser(Volume(data=data, affine=affine).grid)
    return _blocks(data, factors), coarse


def _binned_mean(stored: Stored, volumes: Sequence[int]) -> tuple[Floats, Affine]:
    """Do the same with the mean of some volumes of a series, a slab at a time: the whole would take much memory."""
    factors, coarse = _coarser(stored.grid)
    x, y, z = stored.grid.whole
    whole, thick = z.stop // factors[2] * factors[2], THICK * factors[2]
    boxes = [(x, y, slice(start, min(start + thick, whole))) for start in range(0, whole, thick)]
    return np.concatenate([_blocks(mean_volume(stored, volumes, box), factors) for box in boxes], axis=2), coarse


def _coarser(grid: Grid) -> tuple[tuple[int, int, int], Affine]:
    """Say how many voxels make a block along each axis, and where the blocks lie."""
    x, y, z = (max(1, min(int(STEP / step + 0.25), size)) for step, size in zip(grid.steps, grid.shape, strict=True))
    affine = grid.affine @ np.diag([x, y, z, 1.0])
    affine[:3, 3] = grid.affine[:3, :3] @ ((np.array([x, y, z]) - 1) / 2) + grid.affine[:3, 3]
    return (x, y, z), affine


def _blocks(data: Floats, factors: tuple[int, int, int]) -> Floats:
    for axis, factor in enumerate(factors):
        if factor > 1:
            along = np.moveaxis(data, axis, 0)
            whole = along.shape[0] // factor * factor
            total = along[0:whole:factor] + along[1:whole:factor]
            for part in range(2, factor):
                total += along[part:whole:factor]
            total /= np.float32(factor)
            data = np.moveaxis(total, 0, axis)
    return data


def _floor(air: Floats, bright: float) -> float:
    """Say from which brightness on it is tissue.

    In a very noisy scan what is always far above the noise would leave hardly any tissue; there it is what is above
    the noise as it remains after averaging, where that is still dark.
    """
    floor = ABOVE_NOISE * float(np.percentile(air, 95))
    calm = float(air.mean()) + ABOVE_SPREAD * float(air.std())
    return calm if calm < bright / 2 <= floor else floor


def _corners(data: Floats) -> Floats:
    """Collect the eight corners of the field of view: mostly air."""
    wide = [max(2, size // 10) for size in data.shape]
    ends = [(slice(0, width), slice(-width, None)) for width in wide]
    return np.concatenate([data[x, y, z].ravel() for x in ends[0] for y in ends[1] for z in ends[2]])
