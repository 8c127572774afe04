"""Make any image of a head comparable: one volume, no negative air, 2 mm, axes along right, anterior and superior."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.data.face.itk import Affine, Floats, Grid, Volume, carry
from fivesafes.data.face.stored import Box, Stored

STEP: Final = 2.0
FIRST_VOLUMES: Final = 8
DIMMER: Final = 0.15
"""By so much less, of the brightest, a volume's mean may be; diffusion weighting takes half and more."""

SMALLEST_MM: Final = 40.0
FEWEST_SLICES: Final = 8
LARGEST_MM: Final = 700.0

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
    ``volumes``: which of a series were looked at; what is measured after the defacing looks at the same.
    """

    volume: Volume
    background: float
    floor: float
    bright: float
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
    return None


def prepare(stored: Stored) -> Prepared | None:
    """Resample the first volumes' mean to a 2 mm RAS grid.  None when nothing stands out from nothing."""
    volumes = bright_volumes(stored)
    small, affine = binned(mean_volume(stored, volumes), stored.grid.affine)
    corners = _corners(small)
    background = min(0.0, float(np.median(corners)))
    small = np.maximum(small - background, 0)
    above = small[small > small.mean()]
    if not above.size:
        return None
    bright = float(np.percentile(above, 98))
    volume = Volume(data=np.minimum(small, bright), affine=affine)
    onto = ras_grid(volume.grid)
    return Prepared(
        volume=Volume(data=carry(volume, onto=onto), affine=onto.affine),
        background=background,
        floor=max(_floor(corners - background, bright), ABOVE_DARK * bright),
        bright=bright,
        volumes=volumes,
    )


def mean_volume(stored: Stored, volumes: Sequence[int], box: Box | None = None) -> Floats:
    """Average some volumes of a series, or a box of them, in real units."""
    total = stored.real(volumes[0], box)
    for number in volumes[1:]:
        total += stored.real(number, box)
    return total / np.float32(len(volumes)) if len(volumes) > 1 else total


def bright_volumes(stored: Stored) -> tuple[int, ...]:
    """Tell which of the first volumes are about as bright as the brightest: they show the head best; one at least.

    In a diffusion series these are the ones without weighting, in a functional one nearly all of them.
    """
    if stored.volumes == 1:
        return (0,)
    means = [float(stored.real(number).mean()) for number in range(min(FIRST_VOLUMES, stored.volumes))]
    enough = max(means) - DIMMER * abs(max(means))
    return tuple(number for number, mean in enumerate(means) if mean >= enough)


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
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    factors = [max(1, min(int(STEP / step + 0.25), size)) for step, size in zip(steps, data.shape, strict=True)]
    for axis, factor in enumerate(factors):
        if factor > 1:
            along = np.moveaxis(data, axis, 0)
            whole = along.shape[0] // factor * factor
            total = along[0:whole:factor] + along[1:whole:factor]
            for part in range(2, factor):
                total += along[part:whole:factor]
            data = np.moveaxis(total / np.float32(factor), 0, axis)
    coarse = affine @ np.diag([*factors, 1.0])
    coarse[:3, 3] = affine[:3, :3] @ ((np.array(factors) - 1) / 2) + affine[:3, 3]
    return data, coarse


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
