"""Overlays that lie in the pixels' own cells (PS3.3 C.9.2 and PS3.5 8.1.2, both retired since 2004)."""

from collections.abc import Mapping
from typing import Final

from fivesafes.data.header.elements import PIXEL_DATA, Element
from fivesafes.data.header.part10 import NATIVE, DataSet
from fivesafes.data.header.pixels import pixel_layout

_OVERLAYS: Final = range(0x6000, 0x6100, 2)
_BITS_ALLOCATED: Final = 0x0100
_BIT_POSITION: Final = 0x0102
OVERLAY_TAGS: Final = frozenset(
    group << 16 | number for group in _OVERLAYS for number in (_BITS_ALLOCATED, _BIT_POSITION)
)
"""What says where overlays lie."""


def shares_bits(data_set: DataSet, found: Mapping[int, Element]) -> bool:
    """Whether an overlay says that it lies in the pixels' cells: more than one bit allocated, or a position above 0."""
    return any(_says_so(element, _number(data_set, element)) for element in _overlays(found))


def can_be_parted(data_set: DataSet, found: Mapping[int, Element]) -> bool:
    """Whether each overlay lies in a bit that holds no pixel, in uncompressed pixels that can be read one by one.

    An overlay that does not say in which bit it lies can't be parted.
    """
    if PIXEL_DATA not in found or data_set.syntax not in NATIVE or found[PIXEL_DATA].undefined:
        return False
    layout = pixel_layout(data_set, found)
    if layout.unreadable():
        return False
    groups = {element.tag >> 16 for element in _overlays(found) if _says_so(element, _number(data_set, element))}
    places = [found.get((group << 16) | _BIT_POSITION) for group in groups]
    return all(
        place is not None and layout.unused_bits >> min(_number(data_set, place), layout.allocated) & 1
        for place in places
    )


def _overlays(found: Mapping[int, Element]) -> list[Element]:
    return [element for tag, element in found.items() if tag >> 16 in _OVERLAYS]


def _says_so(element: Element, number: int) -> bool:
    if element.tag & 0xFFFF == _BITS_ALLOCATED:
        return number not in {0, 1}
    return element.tag & 0xFFFF == _BIT_POSITION and number != 0


def _number(data_set: DataSet, element: Element) -> int:
    order: Final = "little" if data_set.encoding.little else "big"
    return int.from_bytes(data_set.buffer[element.start : element.end], order)
