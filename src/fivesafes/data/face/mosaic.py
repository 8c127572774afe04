"""Lay slices of a head side by side: what is removed in red that lets the tissue show, the brain's outline in green."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from fivesafes.data.face.itk import Affine, Bools, Floats, Grid, Volume, carry
from fivesafes.data.face.rays import FRAME_MM, FRAME_STEP, Shades

TILE_MM: Final = 1.6
GAP: Final = 2  # pixels between rows
SLICES: Final = (  # axis, and where it is cut, mm in the mean head's space
    (0, (-46.0, -26.0, 0.0, 26.0, 46.0)),
    (1, (-40.0, 0.0, 35.0, 60.0, 78.0, 95.0)),
    (2, (-125.0, -95.0, -70.0, -45.0, -22.0, 10.0)),
)
MIRRORED: Final = (1, 2)
"""Slices across are shown as if the person faced the viewer: their right side is on the left."""

GREYS: Final = 32
RED, GREEN = (230, 30, 30), (40, 230, 80)
OUTLINE: Final = 2 * GREYS
"""Of the palette: greys, the same greys seen through red, green."""

BOX: Final = Image.Resampling.BOX


@frozen(kw_only=True, eq=False)
class Marks:
    """What is drawn over one slice, (pixels, pixels) along its two axes: ``outline`` is the brain's."""

    removed: Bools
    outline: Bools


Cut = tuple[int, float]  # an axis, and the place on it


def marks(removed: Volume | None, to_brain: Volume | None, turn: Affine) -> dict[Cut, Marks]:
    """Work out what is drawn over each slice.

    ``removed``: above 0 where something was changed.  ``to_brain``: mm, negative inside.  Either on its own grid; None
    draws none.  ``turn``: from the mean head's space to theirs, RAS mm.
    """
    over = {}
    for axis, places in SLICES:
        for place in places:
            grid = _plane(axis, place)
            size = [length for other, length in enumerate(grid.shape) if other != axis]
            nothing = np.zeros(size, bool)
            brain = nothing if to_brain is None else carry(to_brain, onto=grid, through=turn, beyond=1.0) < 0
            over[axis, place] = Marks(
                removed=nothing if removed is None else _there(removed, grid, turn).reshape(size),
                outline=brain.reshape(size) & ~_eroded(brain.reshape(size)),
            )
    return over


def mosaic(data: Floats, bright: float, over: Mapping[Cut, Marks]) -> Image.Image:
    """Lay slices of a volume on the frame (I, J, K) in three rows; from 0 to ``bright`` it goes from black to white."""
    rows = [
        np.concatenate([_tile(data, bright, (axis, place), over[axis, place]) for place in places], axis=1)
        for axis, places in SLICES
    ]
    width = max(row.shape[1] for row in rows)
    whole = np.concatenate([np.pad(row, ((0, GAP), (0, width - row.shape[1]))) for row in rows])
    picture = Image.fromarray(whole)
    picture.putpalette(_palette())
    return picture


def _tile(data: Floats, bright: float, cut: Cut, over: Marks) -> Shades:
    """Cut one slice, as numbers of the palette."""
    axis, place = cut
    layer = [slice(None)] * 3
    number = round((place - FRAME_MM[axis][0]) / FRAME_STEP)
    layer[axis] = slice(number, number + 1)
    flat = data[tuple(layer)].squeeze(axis) * np.float32(255 / bright)
    size = over.removed.shape
    grey = Image.fromarray(np.clip(flat, 0, 255).astype(np.uint8)).resize((size[1], size[0]), BOX)
    tile = (np.asarray(grey) // (256 // GREYS)).astype(np.uint8)
    tile[over.removed] += GREYS
    tile[over.outline] = OUTLINE
    upright = tile.T[::-1]
    return upright[:, ::-1] if axis in MIRRORED else upright


def _plane(axis: int, place: float) -> Grid:
    """Lay one layer of points across the frame."""
    sizes = [int((high - low) / TILE_MM) for low, high in FRAME_MM]
    affine = np.diag([TILE_MM, TILE_MM, TILE_MM, 1.0])
    affine[:3, 3] = [low for low, _ in FRAME_MM]
    sizes[axis], affine[axis, 3] = 1, place
    return Grid(shape=(sizes[0], sizes[1], sizes[2]), affine=affine)


def _there(removed: Volume, grid: Grid, turn: Affine) -> Bools:
    """Look up, at each point of a grid, whether the nearest voxel was removed."""
    hop = np.linalg.inv(removed.affine) @ turn @ grid.affine
    steps = np.meshgrid(*[np.arange(size, dtype=np.float32) for size in grid.shape], indexing="ij")
    index: list[NDArray[np.intp]] = []
    inside = np.ones(grid.shape, bool)
    for row, size in zip(hop[:3], removed.data.shape, strict=True):
        place = np.rint(row[0] * steps[0] + row[1] * steps[1] + row[2] * steps[2] + row[3]).astype(np.intp)
        inside &= (place >= 0) & (place < size)
        index.append(np.clip(place, 0, size - 1))
    return inside & (removed.data[index[0], index[1], index[2]] > 0)


def _eroded(mask: Bools) -> Bools:
    """Take off the outermost pixels; at the picture's border nothing is taken."""
    wide = np.pad(mask, 1, mode="edge")
    return wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]


def _palette() -> list[int]:
    """List the colours, red, green and blue of each."""
    greys = [round(255 * number / (GREYS - 1)) for number in range(GREYS)]
    seen_through = [round(0.55 * grey + 0.45 * part) for grey in greys for part in RED]
    return [grey for grey in greys for _ in range(3)] + seen_through + list(GREEN)
