"""Lay the slices of a series into one grid, by what each says of its own place, and refuse what makes no stack.

Slices may be missing, or lie at uneven distances, or be shifted evenly against one another (a tilted gantry): the grid
is regular, sheared where they are, and each slice knows its layer of it.  At one place several frames may lie (echoes,
directions, times): they are counted as volumes.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.dicom.gather import Series
from fivesafes.data.face.dicom.instance import Frame
from fivesafes.data.face.itk import Affine, Bools, Grid

SAME_PLACE_MM: Final = 0.02
"""No two slices of a scan lie so near: they are one place, written with different roundings."""

SAME_DIRECTION: Final = 1e-3  # of a cosine
SAME_SPACING: Final = 1e-3  # of a pixel
UNEVEN: Final = 0.01
OFF_LAYER: Final = 0.05
"""Of the distance between slices: evenly laid slices differ by less, and missing ones leave whole multiples of it."""

FINEST_MM, FINE_MM = 0.25, 1.0
"""Layers of a grid for uneven slices: each slice is then within half a layer of its own."""

MOST_LAYERS: Final = 2048
MOST_VOXELS: Final = 1 << 29
"""A head of 0.25 mm voxels has fewer."""

LPS_TO_RAS: Final = np.array([-1.0, -1.0, 1.0])
Floats64 = NDArray[np.float64]
Key = tuple[int, int]
"""Which frame: the place of its object in the series, and its own in the object, from 0."""


@frozen(kw_only=True, eq=False)
class Stack:
    """Where the frames of a series lie.

    ``grid``: (columns, rows, layers), RAS mm.  ``layer``: of each frame; ``volume``: of each frame, which of those at
    its place it is, counted among magnitudes where there are any; -1 for one that is not looked at.  ``filled``: which
    layers have a slice.  ``volumes``: how many there are at every place.
    """

    grid: Grid
    layer: dict[Key, int]
    volume: dict[Key, int]
    filled: Bools
    volumes: int


def lay_stack(series: Series) -> Stack | str:
    """Lay the slices of a series into a grid; a sentence says why that can't be done."""
    if series.unfit is not None:
        return series.unfit
    frames = {(a, b): frame for a, one in enumerate(series.instances) for b, frame in enumerate(one.frames)}
    why = _unlike(series, list(frames.values()))
    if why is not None:
        return why
    first = next(iter(frames.values()))
    along_row, along_column = np.array(first.orientation).reshape(2, 3)
    positions = np.array([frame.position for frame in frames.values()])
    heights = positions @ np.cross(along_row, along_column)
    places, of = _places(heights)
    levels = _levels(places)
    if isinstance(levels, str):
        return levels
    layers, step = levels
    size = series.instances[0].layout
    if size.columns * size.rows * (int(layers.max()) + 1) > MOST_VOXELS:
        return "the volume would be larger than any scan of a head"
    way = _way(positions, heights, np.cross(along_row, along_column))
    if _shifted(positions, heights, way, min(_spacing(first))):
        return "its slices are shifted against one another, each in its own way"
    origin = positions[int(np.argmin(heights))]
    rows, columns = _spacing(first)
    affine = np.eye(4)
    for axis, column in enumerate((along_row * columns, along_column * rows, way * step)):
        affine[:3, axis] = column * LPS_TO_RAS
    affine[:3, 3] = origin * LPS_TO_RAS
    layer = {key: int(layers[place]) for key, place in zip(frames, of, strict=True)}
    return _counted(series, frames, layer, affine)


def _unlike(series: Series, frames: Sequence[Frame]) -> str | None:
    """Say in what the frames differ that must be alike in a stack, or None."""
    if not frames:
        return "it has no frames"
    if any(frame.position is None or frame.orientation is None or frame.spacing is None for frame in frames):
        return "its slices do not say where they lie (ImagePositionPatient, ImageOrientationPatient, PixelSpacing)"
    if len({(one.layout.rows, one.layout.columns) for one in series.instances}) > 1:
        return "its slices have several sizes"
    scanned = {frame.position for frame in frames if not frame.secondary}
    if 0 < sum(frame.secondary for frame in frames) < len(scanned) / 2:
        return (
            "pictures that were made of the scan (ImageType SECONDARY) lie among its slices, too few to be a volume of "
            "their own: they may show the face; take them away"
        )
    return _unlike_places(series, frames)


def _unlike_places(series: Series, frames: Sequence[Frame]) -> str | None:
    """Say in what the places of frames differ that must be alike, or None."""
    layout = series.instances[0].layout
    spacing = np.array([frame.spacing for frame in frames])
    if spacing.min() <= 0 or np.ptp(spacing, axis=0).max() * max(layout.rows, layout.columns) > spacing.min():
        return "its pixels have several sizes, or none"
    turned = np.array([frame.orientation for frame in frames])
    if np.ptp(turned, axis=0).max() > SAME_DIRECTION:
        return (
            "its slices lie in several directions (a localizer, or a scan that followed the head), so they make no "
            "volume in which a head could be found"
        )
    row, column = turned[0].reshape(2, 3)
    lengths = np.linalg.norm((row, column), axis=1)
    if np.abs(lengths - 1).max() > SAME_DIRECTION or abs(row @ column) > SAME_DIRECTION:
        return "its ImageOrientationPatient gives no two directions at a right angle"
    return None


def _spacing(frame: Frame) -> tuple[float, float]:
    """Give mm between rows, and between columns."""
    rows, columns = frame.spacing or (1.0, 1.0)
    return rows, columns


def _places(heights: Floats64) -> tuple[Floats64, NDArray[np.intp]]:
    """List the places along the stack from low to high, and of each frame which is its own."""
    order = np.argsort(heights, kind="stable")
    news = np.concatenate(([False], np.diff(heights[order]) > SAME_PLACE_MM))
    of = np.empty(len(heights), np.intp)
    of[order] = np.cumsum(news)
    return np.bincount(of, weights=heights) / np.bincount(of), of


def _levels(places: Floats64) -> tuple[NDArray[np.intp], float] | str:
    """Give each place a layer of an even grid, and the distance between layers, mm.

    Even slices fill every layer.  Where slices are missing, layers stay empty; uneven ones are put into fine layers.
    """
    if len(places) == 1:
        return np.zeros(1, np.intp), 1.0
    gaps = np.diff(places)
    even = (places[-1] - places[0]) / len(gaps)
    if np.abs(gaps - even).max() <= UNEVEN * even:
        return np.arange(len(places)), even
    layers, step = _multiples(places, float(gaps.min()))
    if np.abs(layers * step + places[0] - places).max() > OFF_LAYER * step:
        step = min(FINE_MM, max(FINEST_MM, float(gaps.min())))
        layers = np.rint((places - places[0]) / step).astype(np.intp)
    if layers[-1] >= MOST_LAYERS:
        return "its slices lie too far apart to make one volume"
    return layers, step


def _multiples(places: Floats64, smallest: float) -> tuple[NDArray[np.intp], float]:
    """Take the smallest gap for the distance of layers, and correct it over the whole stack."""
    layers = np.rint((places - places[0]) / smallest).astype(np.intp)
    return layers, float((places[-1] - places[0]) / layers[-1])


def _way(positions: Floats64, heights: Floats64, normal: Floats64) -> Floats64:
    """Give the way from slice to slice, per mm along the stack: the normal, or askew where a gantry was tilted."""
    low, high = int(np.argmin(heights)), int(np.argmax(heights))
    rise = heights[high] - heights[low]
    return normal if rise <= SAME_PLACE_MM else np.asarray((positions[high] - positions[low]) / rise)


def _shifted(positions: Floats64, heights: Floats64, way: Floats64, pixel: float) -> bool:
    """Tell whether a slice lies more than half a pixel beside the line through the first and the last."""
    low = int(np.argmin(heights))
    line = positions[low] + (heights - heights[low])[:, None] * way
    return bool(np.linalg.norm(positions - line, axis=1).max() > pixel / 2)


def _counted(series: Series, frames: dict[Key, Frame], layer: dict[Key, int], affine: Affine) -> Stack:
    """Count the frames at each place as volumes, in the order of the series."""
    seen = {key for key, frame in frames.items() if frame.magnitude} or set(frames)
    by_layer: dict[int, list[Key]] = {}
    for key in frames:
        if key in seen:
            by_layer.setdefault(layer[key], []).append(key)
    volume = dict.fromkeys(frames, -1)
    for keys in by_layer.values():
        volume |= {key: number for number, key in enumerate(keys)}
    shape = series.instances[0].layout.columns, series.instances[0].layout.rows, max(layer.values()) + 1
    filled = np.zeros(shape[2], bool)
    filled[list(by_layer)] = True
    return Stack(
        grid=Grid(shape=shape, affine=affine),
        layer=layer,
        volume=volume,
        filled=filled,
        volumes=min(len(keys) for keys in by_layer.values()),
    )
