"""Blank rectangles in uncompressed pixels, and settle the bits that hold no pixel.

Outside of what is named every bit stays as it was (PS3.15 E.3.1: Clean Pixel Data Option).
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from fivesafes.data.boxes import Box
from fivesafes.data.pixels.layout import PixelLayout

_LUMINANCE_FIRST: Final = "YBR"

Content = bytes | bytearray | memoryview


def blank_regions(content: Content, layout: PixelLayout, boxes: Iterable[Box]) -> bytearray:
    """Give a copy of the pixels with each box black in every frame: all bits of its cells, whatever they held.

    Black is 0 in each sample; where colours are stored as luminance and differences, no difference.  What lies behind
    the last pixel is not copied.  Raises ValueError when there are fewer bytes than the layout says.
    """
    changed = bytearray(memoryview(content)[: layout.total_bytes])
    cells = layout.cells(changed)
    neutral = 1 << layout.high_bit
    for box in (box.within(layout.rows, layout.columns) for box in boxes):
        place = np.s_[:, box.top : box.bottom, box.left : box.right]
        cells[place] = 0
        if layout.photometric.startswith(_LUMINANCE_FIRST):
            cells[place][..., 1:] = neutral
    return changed


def settle_unused_bits(content: Content, layout: PixelLayout) -> tuple[Content, int]:
    """Give the pixels without what lies in bits that hold no pixel, and how many samples had something there.

    Such bits become what a reader of the whole cell expects: 0, or above a signed number its sign.  The numbers stay
    exactly what they were (PS3.5 8.1.1; PS3.3 C.9.2: overlays in unused bits are retired).  Frame by frame, so that
    memory stays bounded; without a change the same bytes come back.
    """
    if not layout.unused_bits:
        return content, 0
    changed, counted = None, 0
    one = layout.one_frame()
    for number in range(layout.frames):
        place = slice(number * layout.frame_bytes, (number + 1) * layout.frame_bytes)
        cells = one.cells(memoryview(content)[place])
        settled = _settled(cells, layout)
        different = int(np.count_nonzero(settled != cells))
        if different:
            changed = bytearray(memoryview(content)[: layout.total_bytes]) if changed is None else changed
            one.cells(memoryview(changed)[place])[...] = settled
            counted += different
    return (content if changed is None else changed), counted


def _settled(cells: "np.typing.NDArray[np.unsignedinteger]", layout: PixelLayout) -> "np.typing.NDArray[np.uint64]":
    kept = cells.astype(np.uint64) & np.uint64(layout.stored_bits)
    above = ((1 << layout.allocated) - 1) & ~((1 << (layout.high_bit + 1)) - 1)
    if not layout.signed or not above:
        return kept
    negative = (kept >> np.uint64(layout.high_bit)) & np.uint64(1)
    return kept | (negative * np.uint64(above))
