"""The vocabulary of encoded data sets: encodings, elements, and the tags that give form (PS3.5 section 7)."""

from typing import Final, NamedTuple

from attrs import frozen

MAX_DEPTH: Final = 48
UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD
PIXEL_DATA: Final = 0x7FE00010

LONG_VRS: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""VRs with two reserved bytes and a length of four (PS3.5 7.1.2)."""
SHORT_VRS: Final = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS"}
    | {b"ST", b"TM", b"UI", b"UL", b"US"}
)
NO_VR: Final = b""


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
    it ends before its delimiter, and ``after`` is where the next element begins.
    """

    tag: int
    vr: bytes
    head: int
    start: int
    end: int
    after: int
    undefined: bool


def inner_encoding(element: Element, encoding: Encoding) -> Encoding:
    """Tell how the items of a sequence are written: within UN they are implicit little endian (PS3.5 6.2.2 note 2)."""
    return IMPLICIT_LITTLE if element.vr == b"UN" else encoding


def holds_items(element: Element) -> bool:
    """Tell whether an element of undefined length holds items rather than fragments of pixels (PS3.5 7.5, A.4)."""
    return element.undefined and not (
        element.vr in {b"OB", b"OW"} or (element.tag == PIXEL_DATA and element.vr != b"SQ")
    )
