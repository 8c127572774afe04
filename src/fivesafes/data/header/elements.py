"""Read the data elements of a data set without decoding a value (PS3.5 section 7).

Values stay bytes: nothing is interpreted before a rule has asked for it, no library warns with a value in its message,
and an element that no rule names costs a few microseconds.  Lengths are checked against what holds them, so that a file
that ends too soon is seen, and depth is bounded.
"""

from contextlib import suppress
from struct import Struct
from typing import Final, NamedTuple

from attrs import frozen

from fivesafes.data.header.malformed import Malformed, too_deep, truncated

MAX_DEPTH: Final = 48
UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD
PIXEL_DATA: Final = 0x7FE00010

_LONG: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT: Final = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS"}
    | {b"ST", b"TM", b"UI", b"UL", b"US"}
)
NO_VR: Final = b""
_ITEM_ENDS: Final = {True: b"\xfe\xff\x0d\xe0", False: b"\xff\xfe\xe0\x0d"}


@frozen
class Encoding:
    """How elements are written: with or without VR, and in which byte order."""

    explicit: bool
    little: bool

    @property
    def order(self) -> str:
        """The byte order as struct spells it."""
        return "<" if self.little else ">"


EXPLICIT_LITTLE: Final = Encoding(explicit=True, little=True)
IMPLICIT_LITTLE: Final = Encoding(explicit=False, little=True)
EXPLICIT_BIG: Final = Encoding(explicit=True, little=False)


class Element(NamedTuple):
    """Where one element lies in the buffer.

    ``vr`` is empty when the encoding does not tell it.  The value is ``buffer[start:end]``; with ``undefined`` length
    it ends before its delimiter, and ``after`` is where the next element begins.  ``items`` holds what was read on the
    way to the delimiter of a sequence of undefined length.
    """

    tag: int
    vr: bytes
    head: int
    start: int
    end: int
    after: int
    undefined: bool
    items: "tuple[list[Element], ...] | None" = None


Items = tuple[list[Element], ...]
_element = tuple.__new__  # four times as quick as the class itself, and a header has hundreds


class _Structs(NamedTuple):
    tag: Struct
    long: Struct
    item: Struct


_STRUCTS: Final = {
    little: _Structs(*(Struct(order + form) for form in ("HH2sH", "L", "HHL")))
    for little, order in ((True, "<"), (False, ">"))
}


def read_elements(buffer: bytes, start: int, end: int, encoding: Encoding, *, depth: int = 0) -> list[Element]:
    """List the elements between two places; stop after PixelData, as nothing of a data set may follow it.

    Raises Malformed when an element reaches beyond ``end``, a delimiter is missing, or sequences nest too deep.
    """
    elements, place = _read(buffer, start, end, encoding, depth)
    if depth and place != end:
        raise truncated()
    return elements


def readable_elements(buffer: bytes, start: int, end: int, encoding: Encoding) -> list[Element]:
    """List the elements before the first fault: what a broken file still says.  It never raises."""
    elements: list[Element] = []
    with suppress(Malformed):
        _read(buffer, start, end, encoding, 0, elements)
    return elements


def read_items(buffer: bytes, element: Element, encoding: Encoding, *, depth: int) -> Items:
    """List the elements of each item of a sequence.  Raises Malformed as read_elements does."""
    if element.items is not None:
        return element.items
    inner = inner_encoding(element, encoding)
    return _read_items(buffer, element.start, element.end, inner, depth + 1, delimited=False)[0]


def inner_encoding(element: Element, encoding: Encoding) -> Encoding:
    """Tell how the items of a sequence are written: within UN they are implicit little endian (PS3.5 6.2.2 note 2)."""
    return IMPLICIT_LITTLE if element.vr == b"UN" else encoding


def _read(
    buffer: bytes, place: int, end: int, encoding: Encoding, depth: int, elements: list[Element] | None = None
) -> tuple[list[Element], int]:
    """Read elements up to ``end``, the delimiter of an item, or the pixels; tell where it stopped.

    They are added to ``elements`` where it is given, so that a caller has those before a fault.
    """
    if depth > MAX_DEPTH:
        raise too_deep()
    elements = [] if elements is None else elements
    structs, explicit = _STRUCTS[encoding.little], encoding.explicit
    unpack, unpack_long = structs.tag.unpack_from, structs.long.unpack_from
    tag = 0
    while place + 8 <= end and (depth or tag != PIXEL_DATA):
        group, number, vr, length = unpack(buffer, place)
        tag = (group << 16) | number
        if explicit and vr in _SHORT:
            start = place + 8
            after = start + length
        else:
            if tag == ITEM_END:
                return elements, place
            if explicit and vr in _LONG:
                start = place + 12
            else:  # no VR, or, in an explicit data set, an element that some scanners write without one
                vr, start = NO_VR, place + 8
            if start > end:
                raise truncated()
            (length,) = unpack_long(buffer, start - 4)
            after = start + length
            if length == UNDEFINED:
                element = _undefined(buffer, Element(tag, vr, place, start, end, end, undefined=True), encoding, depth)
                elements.append(element)
                place = element.after
                continue
        if after > end:
            raise truncated()
        elements.append(_element(Element, (tag, vr, place, start, after, after, False, None)))
        place = after
    return elements, place


def _undefined(buffer: bytes, element: Element, encoding: Encoding, depth: int) -> Element:
    """Find where an element of undefined length ends; keep what was read on the way."""
    if element.vr in {b"OB", b"OW"} or (element.tag == PIXEL_DATA and element.vr != b"SQ"):
        end, after = _end_of_fragments(buffer, element.start, element.end, encoding)
        return element._replace(end=end, after=after)
    inner = inner_encoding(element, encoding)
    items, end, after = _read_items(buffer, element.start, element.end, inner, depth + 1, delimited=True)
    return element._replace(end=end, after=after, items=items)


def _read_items(
    buffer: bytes, place: int, end: int, encoding: Encoding, depth: int, *, delimited: bool
) -> tuple[Items, int, int]:
    """Read items up to the sequence's delimiter or ``end``: (the items, where they end, where to go on)."""
    unpack = _STRUCTS[encoding.little].item.unpack_from
    items: list[list[Element]] = []
    while place < end or delimited:
        if place + 8 > end:
            raise truncated()
        group, number, length = unpack(buffer, place)
        tag = (group << 16) | number
        if tag == SEQUENCE_END:
            return tuple(items), place, place + 8
        if tag != ITEM:
            raise Malformed.unreadable()
        place += 8
        if length != UNDEFINED:
            if place + length > end:
                raise truncated()
            items.append(read_elements(buffer, place, place + length, encoding, depth=depth))
            place += length
            continue
        elements, place = _read(buffer, place, end, encoding, depth)
        if buffer[place : place + 4] != _ITEM_ENDS[encoding.little]:
            raise truncated()
        items.append(elements)
        place += 8
    return tuple(items), place, place


def _end_of_fragments(buffer: bytes, place: int, end: int, encoding: Encoding) -> tuple[int, int]:
    """Find the delimiter behind encapsulated pixels (PS3.5 A.4)."""
    unpack = _STRUCTS[encoding.little].item.unpack_from
    while place + 8 <= end:
        group, number, length = unpack(buffer, place)
        tag = (group << 16) | number
        if tag == SEQUENCE_END:
            return place, place + 8
        if tag != ITEM or length == UNDEFINED:
            raise Malformed.unreadable()
        place += 8 + length
    raise truncated()
