"""Draw the surface of a head from any side: follow rays to the first tissue, and shade it by how it faces the lights.

The head lies upright on a frame whose axes run right, anterior and superior, so a turn about the long axis leaves each
slice in its place: a view only looks up, slice by slice, which voxel of it comes next on a ray.
"""

from typing import Any, Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.itk import FAINTEST, Floats, Grid

Shades = NDArray[np.uint8]
Levels = NDArray[np.uint16]
Indices = NDArray[np.intp]

FRAME_STEP: Final = 1.2
FRAME_MM: Final = ((-100.0, 100.0), (-114.0, 130.0), (-172.0, 96.0))
"""Along right, anterior and superior of the mean head's space: a head, its neck and a margin."""

AXIS: Final = (0.0, 8.0)  # x and y, mm, of the axis that views turn about
HALF_WIDTH_MM: Final = 118.0
NEAREST_MM, FARTHEST_MM = -128.0, 40.0  # on a ray, from the axis; the viewer is further on the negative side
FINER: Final = (-1.5, -1.0, -0.5, 0.0, 0.5)  # steps around the first voxel of tissue, between which the surface is

EDGE: Final = 64 * 250
"""The floor of tissue, on the scale of Solid.levels."""

AMBIENT, LAMP, VIEWER = 0.14, 0.52, 0.36
TO_LAMP: Final = (-0.45, -0.62, 0.64)
"""Across to the viewer's right, along the ray, up: the lamp hangs to the viewer's left and above."""

FADING: Final = 0.3
"""By so much the farthest is darker than the nearest."""


@frozen(kw_only=True, eq=False)
class Solid:
    """A head ready to be drawn: ``levels`` (K, J, I) on the frame, smoothed; what is above EDGE is tissue."""

    levels: Levels
    tissue: Shades


@frozen(kw_only=True, eq=False)
class _Side:
    """A direction to look from: unit vectors in the plane of x and y, across to the viewer's right and along a ray."""

    across: tuple[float, float]
    along: tuple[float, float]

    def places(self, width: NDArray[Any], depth: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Give the frame's (float) voxel indices i and j of points so far across and along, mm."""
        x = AXIS[0] + width * np.float32(self.across[0]) + depth * np.float32(self.along[0])
        y = AXIS[1] + width * np.float32(self.across[1]) + depth * np.float32(self.along[1])
        return (x - FRAME_MM[0][0]) / FRAME_STEP, (y - FRAME_MM[1][0]) / FRAME_STEP


def frame() -> Grid:
    """Give the grid that heads are drawn on, in the mean head's space."""
    sizes = [int((high - low) / FRAME_STEP) + 1 for low, high in FRAME_MM]
    affine = np.diag([FRAME_STEP, FRAME_STEP, FRAME_STEP, 1.0])
    affine[:3, 3] = [low for low, _ in FRAME_MM]
    return Grid(shape=(sizes[0], sizes[1], sizes[2]), affine=affine)


def solid(data: Floats, floor: float) -> Solid:
    """Smooth a volume on the frame (I, J, K), real values from 0; ``floor``: where air ends, in the same units."""
    scaled = np.multiply(data.T, np.float32(250 / max(floor, FAINTEST)), order="C")
    levels = np.minimum(scaled, 1000, out=scaled).astype(np.uint16)  # four floors are tissue for sure
    for axis in range(3):
        levels = _smoothed(levels, axis)
    return Solid(levels=levels, tissue=(levels > EDGE).view(np.uint8))


def portrait(head: Solid, degrees: float) -> Shades:
    """Draw the head as somebody sees it who stands so many degrees to its right of straight ahead.

    Returns (rows, columns) shades of grey, a pixel per FRAME_STEP, 0 where no tissue is met.
    """
    angle = np.radians(degrees)
    side = _Side(across=(-np.cos(angle), np.sin(angle)), along=(-np.sin(angle), -np.cos(angle)))
    width = np.arange(-HALF_WIDTH_MM, HALF_WIDTH_MM, FRAME_STEP, dtype=np.float32)
    depth = np.arange(NEAREST_MM, FARTHEST_MM, FRAME_STEP, dtype=np.float32)
    size = head.levels.shape
    i, j = side.places(width[:, None], depth[None, :])
    outside = (i < 1) | (j < 1) | (i > size[2] - 3) | (j > size[1] - 3)
    column = np.where(outside, 0, np.rint(j).astype(np.intp) * size[2] + np.rint(i).astype(np.intp))
    met = np.take(head.tissue.reshape(size[0], -1), column.ravel(), axis=1).reshape(size[0], width.size, depth.size)
    first = met.view(np.bool_).argmax(axis=2)
    up, over = np.nonzero(first)
    inner = (up > 0) & (up < size[0] - 1)
    up, over = up[inner], over[inner]
    reach = _surface(head, side, up, width[over], depth[first[up, over]])
    lit = _lit(_facing(head, up, *side.places(width[over], reach)), side)
    shades = np.zeros((size[0], width.size), np.float32)
    shades[up, over] = lit * (1 - FADING * (reach - NEAREST_MM) / (FARTHEST_MM - NEAREST_MM))
    return np.rint(255 * np.clip(shades, 0, 1)).astype(np.uint8)[::-1]


def _surface(head: Solid, side: _Side, up: Indices, width: Floats, depth: Floats) -> Floats:
    """Find where on each ray, mm, the level passes EDGE, close to the first voxel of tissue."""
    reach, before, found = depth.copy(), np.zeros(depth.shape, np.float32), np.zeros(depth.shape, bool)
    for number, step in enumerate(FINER):
        here = _level(head, up, *side.places(width, depth + np.float32(step * FRAME_STEP)))
        passes = ~found & (here > EDGE)
        between = (here - EDGE) / np.maximum(here - before, 1.0) if number else np.zeros_like(here)
        apart = (step - FINER[number - 1]) if number else 0.0
        reach[passes] = (depth + FRAME_STEP * (step - np.clip(between, 0, 1) * apart))[passes]
        found |= passes
        before = here
    return reach


def _facing(head: Solid, up: Indices, i: Floats, j: Floats) -> tuple[Floats, Floats, Floats]:
    """Give the unit vector (x, y, z) that points out of the tissue at places on the frame."""
    x = _level(head, up, i - 1, j) - _level(head, up, i + 1, j)
    y = _level(head, up, i, j - 1) - _level(head, up, i, j + 1)
    z = _level(head, up - 1, i, j) - _level(head, up + 1, i, j)
    length = np.maximum(np.sqrt(x * x + y * y + z * z), 1e-6)
    return x / length, y / length, z / length


def _lit(facing: tuple[Floats, Floats, Floats], side: _Side) -> Floats:
    """Shade by a lamp and by a light at the viewer's brow."""
    across = facing[0] * side.across[0] + facing[1] * side.across[1]
    along = facing[0] * side.along[0] + facing[1] * side.along[1]
    lamp = np.maximum(across * TO_LAMP[0] + along * TO_LAMP[1] + facing[2] * TO_LAMP[2], 0)
    return np.asarray(AMBIENT + LAMP * lamp + VIEWER * np.maximum(-along, 0), dtype=np.float32)


def _level(head: Solid, up: Indices, i: Floats, j: Floats) -> Floats:
    """Read the level at slice ``up`` and between the voxels of it."""
    left, low = np.floor(i).astype(np.intp), np.floor(j).astype(np.intp)
    rows, columns = head.levels.shape[1:]
    np.clip(left, 0, columns - 2, out=left)
    np.clip(low, 0, rows - 2, out=low)
    right, high = (i - left).astype(np.float32), (j - low).astype(np.float32)
    at = (up * rows + low) * columns + left
    flat = head.levels.ravel()
    near = flat[at] * (1 - right) + flat[at + 1] * right
    far = flat[at + columns] * (1 - right) + flat[at + columns + 1] * right
    level: Floats = near * (1 - high) + far * high
    return level


def _smoothed(levels: Levels, axis: int) -> Levels:
    """Add the neighbours along an axis in the ratio 1 : 2 : 1; four times as large, so nothing is lost."""
    moved = np.moveaxis(levels, axis, 0)
    out = np.empty_like(levels)
    sums = np.moveaxis(out, axis, 0)
    np.multiply(moved, 2, out=sums)
    sums[1:] += moved[:-1]
    sums[:-1] += moved[1:]
    sums[0] += moved[0]
    sums[-1] += moved[-1]
    return out
