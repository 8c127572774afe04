"""Walk over the elements of a data set without decoding a value (PS3.5 section 7).

Values stay bytes: nothing is interpreted before a rule has asked for it, no library warns with a value in its message.
Lengths are checked against what holds them, so that a file that ends too soon is seen, and depth is bounded.

The module runs as it stands, and compiled with Cython as ``_cursor`` (types: cursor.pxd).  ``scanner`` chooses.
"""

from contextlib import suppress
from mmap import mmap
from struct import Struct

from fivesafes.data.header.elements import (
    ITEM,
    ITEM_END,
    LONG_VRS,
    MAX_DEPTH,
    NO_VR,
    PIXEL_DATA,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    Element,
    Encoding,
    inner_encoding,
)
from fivesafes.data.header.malformed import Malformed, too_deep, truncated

Buffer = bytes | mmap
Items = tuple[list[Element], ...]

COMPILED = not __file__.endswith(".py")
"""Compiled, single bytes are read the quickest; else struct is."""

_NONE, _SHORT, _LONG = 0, 1, 2
_item, _item_end, _sequence_end, _pixel_data = ITEM, ITEM_END, SEQUENCE_END, PIXEL_DATA
_undefined, _max_depth = UNDEFINED, MAX_DEPTH
_element = tuple.__new__  # four times as quick as the class itself, and a header has hundreds


def _kinds(*, little: bool) -> bytes:
    """Tabulate by the number that a VR's two letters make in a byte order whether its length is short or long."""
    kinds = bytearray(1 << 16)
    for kind, names in ((_SHORT, SHORT_VRS), (_LONG, LONG_VRS)):
        for name in names:
            kinds[int.from_bytes(name, "little" if little else "big")] = kind
    return bytes(kinds)


_KINDS_LITTLE, _KINDS_BIG = _kinds(little=True), _kinds(little=False)
_HEAD_LITTLE, _HEAD_BIG = Struct("<HHHH").unpack_from, Struct(">HHHH").unpack_from
_FOUR_LITTLE, _FOUR_BIG = Struct("<L").unpack_from, Struct(">L").unpack_from


class Cursor:
    """Moves from element to element of one level, and into items and out again.

    After ``step`` the element is ``tag``, ``head``, ``start``, ``stop`` and ``undefined``; ``place`` is behind it.
    ``beyond`` is how many bytes of the file follow the buffer; only pixels may lie there.
    """

    def __init__(self, buffer: Buffer, start: int, end: int, encoding: Encoding, depth: int = 0) -> None:
        """Stand before the elements that lie between two places.  Raises ValueError when these are outside."""
        if not 0 <= start <= end <= len(buffer):
            message = "a cursor stays within its bytes"
            raise ValueError(message)
        self.buffer = buffer
        self.data = buffer
        self.whole = isinstance(buffer, bytes)
        self.held = b""
        if isinstance(buffer, bytes):
            self.letters = self.held = buffer
        self.place = self.first = start
        self.limit = end
        self.beyond = 0
        self.depth = depth
        self.open = False
        self.tag = self.head = self.start = self.stop = self.kind = 0
        self.undefined = False
        self.ends: dict[int, int] = {}
        self.read_as(encoding.explicit, encoding.little)
        if depth > _max_depth:
            raise too_deep()

    def read_as(self, explicit: bool, little: bool) -> None:  # noqa: FBT001 - the two of an Encoding, in its order
        """Take what follows as written so."""
        self.explicit = explicit
        self.little = little
        if not COMPILED:
            self.read_head = _HEAD_LITTLE if little else _HEAD_BIG
            self.read_four = _FOUR_LITTLE if little else _FOUR_BIG

    def step(self) -> bool:
        """Read the head of the next element; False behind the last, or before the delimiter of an item.

        Nothing of a data set follows PixelData.  Raises Malformed when the element reaches beyond what holds it.
        """
        head = self.place
        start = head + 8
        if start > self.limit:
            return False
        if COMPILED:
            group = self.two(head)
            number = self.two(head + 2)
            letters = self.two(head + 4)
            length = self.two(head + 6)
        else:
            group, number, letters, length = self.read_head(self.data, head)
        tag = group << 16 | number
        kind = self.kind_of(letters) if self.explicit else _NONE
        if kind != _SHORT:
            if tag == _item_end:
                return False
            if kind == _LONG:
                start += 4
                if start > self.limit:
                    raise truncated()
                length = self.four(start - 4)
            else:  # no VR, or, in an explicit data set, an element that some scanners write without one
                length = length << 16 | letters if self.little else letters << 16 | length
        self.tag = tag
        self.kind = kind
        self.head = head
        self.start = start
        self.undefined = kind != _SHORT and length == _undefined
        if self.undefined:
            self.stop = self._end(start)
            self.place = self.stop + 8
        else:
            self.place = self.stop = start + length
            if self.place > self.limit and not self.reaches_beyond():
                raise truncated()
        if tag == _pixel_data and not self.depth:
            self.limit = self.place
        return True

    def reaches_beyond(self) -> bool:
        """Tell whether the element is the pixels of a file of which no more than the beginning was read."""
        return self.tag == _pixel_data and not self.depth and self.place <= self.limit + self.beyond

    def kind_of(self, letters: int) -> int:
        """Tell whether the length of a VR, by the number that its letters make, is short or long, or it is no VR."""
        return _KINDS_LITTLE[letters] if self.little else _KINDS_BIG[letters]

    def two(self, place: int) -> int:
        """Read a number of two bytes."""
        if self.little:
            return self.data[place] | self.data[place + 1] << 8
        return self.data[place] << 8 | self.data[place + 1]

    def tag_at(self, place: int) -> int:
        """Read a tag."""
        if COMPILED:
            group = self.two(place)
            number = self.two(place + 2)
        else:
            group, number, _, _ = self.read_head(self.data, place)
        return group << 16 | number

    def four(self, place: int) -> int:
        """Read a number of four bytes."""
        if not COMPILED:
            number: int = self.read_four(self.data, place)[0]
            return number
        low = self.two(place)
        high = self.two(place + 2)
        return high << 16 | low if self.little else low << 16 | high

    def piece(self, start: int, stop: int) -> bytes:
        """Copy what lies between two places."""
        return self.letters[start:stop] if self.whole else self.buffer[start:stop]

    def follows(self, key: bytes) -> bool:
        """Tell whether these bytes lie next, within the level.  Of a mapped file it always says no."""
        return self.place + len(key) <= self.limit and self.held.startswith(key, self.place)

    def stands_at(self, tag: int) -> bool:
        """Tell whether an element of this tag is next."""
        return self.place + 8 <= self.limit and self.tag_at(self.place) == tag

    def vr(self) -> bytes:
        """Give the VR of the element, or nothing when the encoding does not tell it."""
        return self.piece(self.head + 4, self.head + 6) if self.kind else NO_VR

    def element(self) -> Element:
        """Tell where the element lies."""
        place = (self.tag, self.vr(), self.head, self.start, self.stop, self.place, self.undefined)
        return _element(Element, place)

    def item(self, place: int, limit: int, delimited: bool) -> bool:  # noqa: FBT001 - a C function takes no keywords
        """Stand before the elements of the item at a place; False, and there, when the items end."""
        self.place = place
        if place >= limit and not delimited:
            return False
        if place + 8 > limit:
            raise truncated()
        tag = self.tag_at(place)
        if tag == _sequence_end:
            return False
        if tag != _item:
            raise Malformed.unreadable()
        length = self.four(place + 4)
        self.place = place + 8
        self.open = length == _undefined
        self.limit = limit if self.open else self.place + length
        if self.limit > limit:
            raise truncated()
        if self.depth > _max_depth:
            raise too_deep()
        return True

    def leave(self) -> int:
        """Give the place behind an item whose elements were walked.  Raises Malformed when these end elsewhere."""
        if not self.open:
            if self.place != self.limit:
                raise truncated()
            return self.place
        if self.place + 8 > len(self.buffer) or self.tag_at(self.place) != _item_end:
            raise truncated()
        return self.place + 8

    def skip_items(self, place: int, limit: int, delimited: bool) -> int:  # noqa: FBT001 - as above
        """Walk over the items of a sequence; tell where they end.  The cursor's level is one deeper by then."""
        while self.item(place, limit, delimited):
            while self.step():
                pass
            place = self.leave()
        return self.place

    def _end(self, start: int) -> int:
        """Find the delimiter of an element of undefined length, once."""
        if start in self.ends:
            return self.ends[start]
        tag, kind, head, limit, is_open = self.tag, self.kind, self.head, self.limit, self.open
        explicit, little, depth = self.explicit, self.little, self.depth
        vr = self.vr()
        if vr in {b"OB", b"OW"} or (tag == _pixel_data and vr != b"SQ"):
            stop = self._end_of_fragments(start)
        else:
            self.depth = depth + 1
            if vr == b"UN":  # PS3.5 6.2.2 note 2
                self.read_as(False, True)  # noqa: FBT003 - implicit, little endian
            stop = self.skip_items(start, limit, True)  # noqa: FBT003 - a delimiter ends them
        self.tag, self.kind, self.head, self.start, self.limit, self.open = tag, kind, head, start, limit, is_open
        self.depth = depth
        self.undefined = True
        self.read_as(explicit, little)
        self.ends[start] = stop
        return stop

    def _end_of_fragments(self, place: int) -> int:
        """Find the delimiter behind encapsulated pixels (PS3.5 A.4)."""
        while place + 8 <= self.limit:
            tag = self.tag_at(place)
            if tag == _sequence_end:
                return place
            length = self.four(place + 4)
            if tag != _item or length == _undefined:
                raise Malformed.unreadable()
            place += 8 + length
        raise truncated()


def read_elements(buffer: Buffer, start: int, end: int, encoding: Encoding, *, depth: int = 0) -> list[Element]:
    """List the elements between two places; stop after PixelData, as nothing of a data set may follow it.

    Raises Malformed when an element reaches beyond ``end``, a delimiter is missing, or sequences nest too deep.
    """
    elements: list[Element] = []
    _read(buffer, start, end, encoding, depth, elements)
    return elements


def readable_elements(buffer: Buffer, start: int, end: int, encoding: Encoding) -> list[Element]:
    """List the elements before the first fault: what a broken file still says.  It never raises."""
    elements: list[Element] = []
    with suppress(Malformed):
        _read(buffer, start, end, encoding, 0, elements)
    return elements


def _read(buffer: Buffer, start: int, end: int, encoding: Encoding, depth: int, elements: list[Element]) -> None:
    cursor = Cursor(buffer, start, end, encoding, depth)
    while cursor.step():
        elements.append(cursor.element())
    if depth and cursor.place != end:
        raise truncated()


def read_items(buffer: Buffer, element: Element, encoding: Encoding, *, depth: int) -> Items:
    """List the elements of each item of a sequence.  Raises Malformed as ``read_elements`` does."""
    return tuple(_read_items(buffer, element, inner_encoding(element, encoding), depth + 1))


def _read_items(buffer: Buffer, element: Element, encoding: Encoding, depth: int) -> list[list[Element]]:
    place, end = element.start, element.end
    cursor = Cursor(buffer, place, end, encoding)
    cursor.depth = depth
    items: list[list[Element]] = []
    while cursor.item(place, end, False):  # noqa: FBT003 - the end is known
        elements: list[Element] = []
        while cursor.step():
            elements.append(cursor.element())
        items.append(elements)
        place = cursor.leave()
    return items
