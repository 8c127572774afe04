"""Look for text in pictures with an engine, one frame at a time, in several ways of seeing each."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray
from PIL import Image

from fivesafes.data.boxes import Box, joined
from fivesafes.data.pixels.layout import PixelLayout
from fivesafes.data.pixels.render import Grey, renderings
from fivesafes.data.pixels.strokes import may_hold_text
from fivesafes.data.ports import TextFinder

_WANTED: Final = 480
_MOST_LARGER: Final = 4
_EDGE: Final = 8
_MARGIN: Final = 3
"""Pixels around what an engine found: its boxes cut letters off."""
_REMEMBERED: Final = 4096
MOST_SHOWN: Final = 8

Cells = NDArray[Any]


@frozen(kw_only=True)
class TextAt:
    """Where text was found in one frame (counted from 0): never what it says.

    ``view`` is the picture in which it was seen, for a person who reviews it; only the first few have one.
    """

    frame: int
    boxes: tuple[Box, ...]
    views: tuple[str, ...]
    view: Grey | None = field(repr=False, eq=False)


def examine(frames: Iterable[Cells], layout: PixelLayout, finder: TextFinder) -> Iterator[TextAt]:
    """Yield each frame, (rows, columns, samples) of cells, in which the engine finds text; like frames are seen once.

    One frame is held at a time, and few views.  Raises TextFinderFailed.
    """
    seen: dict[bytes, TextAt | None] = {}
    given = 0
    for number, cells in enumerate(frames):
        digest = hashlib.sha256(cells.tobytes()).digest()
        if digest not in seen:
            if len(seen) >= _REMEMBERED:
                seen.clear()
            seen[digest] = examine_frame(cells, layout, finder, number)
        found = seen[digest]
        if found is not None:
            shown = found.view if given < MOST_SHOWN else None
            seen[digest] = found if shown is not None else evolve(found, view=None)
            given += 1
            yield evolve(found, frame=number, view=shown)


def examine_frame(cells: Cells, layout: PixelLayout, finder: TextFinder, number: int = 0) -> TextAt | None:
    """Say where the engine finds text in one frame, in any way of seeing it, or None."""
    boxes: list[Box] = []
    views: list[str] = []
    first: Grey | None = None
    unused = cells & cells.dtype.type(layout.unused_bits)
    for sample in range(layout.samples):
        for rendering in renderings(layout.values(cells[..., sample]), unused[..., sample]):
            found = _find(rendering.image, finder)
            if found:
                boxes += found
                views.append(rendering.name)
                first = rendering.image if first is None else first
    if first is None:
        return None
    inside = (box.grown(_MARGIN).within(layout.rows, layout.columns) for box in boxes)
    return TextAt(frame=number, boxes=joined(inside), views=tuple(dict.fromkeys(views)), view=first)


def union(found: Sequence[TextAt]) -> tuple[Box, ...]:
    """Give all boxes of all frames together: what was drawn into one frame was drawn into its neighbours too."""
    return joined(box for text in found for box in text.boxes)


def plain_view(cells: Cells, layout: PixelLayout) -> Grey:
    """Show one frame, (rows, columns, samples) of cells, as a person would see it: the first colour, windowed."""
    numbers = layout.values(cells[..., 0])
    return next((one.image for one in renderings(numbers)), np.zeros(numbers.shape, np.uint8))


def _find(image: Grey, finder: TextFinder) -> list[Box]:
    """Show the engine a picture as large as it needs to read small letters; give boxes in the picture's own pixels."""
    if not may_hold_text(image):
        return []
    larger = max(1, min(_MOST_LARGER, -(-_WANTED // max(image.shape))))
    padded = np.pad(image, _EDGE, constant_values=int(np.median(image)))  # letters at the border end there
    shown = Image.fromarray(padded)
    if larger > 1:
        shown = shown.resize((padded.shape[1] * larger, padded.shape[0] * larger), Image.Resampling.BICUBIC)
    return [_scaled_down(text.box, larger) for text in finder.find(np.asarray(shown))]


def _scaled_down(box: Box, larger: int) -> Box:
    return Box(
        box.top // larger - _EDGE,
        box.left // larger - _EDGE,
        -(-box.bottom // larger) - _EDGE,
        -(-box.right // larger) - _EDGE,
    )
