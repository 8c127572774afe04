"""Write data sets byte by byte, so that what the standard forbids can be written too (PS3.5 section 7, PS3.10)."""

import zlib
from collections.abc import Iterable
from struct import pack
from typing import Final

from attrs import field, frozen
from pydicom.datadict import dictionary_VR, tag_for_keyword

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"

_LONG: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_FORMS: Final = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d"}
_MOST_SHORT: Final = 0xFFFE
Simple = str | bytes | float | tuple[float, ...]


@frozen
class Written:
    """One element: VR, and its value as bytes or its items; ``pad`` is what makes its length even."""

    vr: str
    value: "bytes | list[Level]" = field(repr=False)
    pad: bytes = b" "


class Level(dict[int, Written]):
    """The elements of one level by tag."""

    def put(self, keyword: str, value: "Simple | list[Level]", vr: str = "") -> None:
        """Put a value under a keyword, by its own VR or another."""
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        self.at(tag, vr or dictionary_VR(tag).split(" or ")[0], value)

    def at(self, tag: int, vr: str, value: "Simple | list[Level]") -> None:
        """Put a value at a tag; numbers are written little endian and turned round where that is needed."""
        pad = b"\0" if vr in {"UI", "OB", "UN"} else b" "
        self[tag] = Written(vr, value if isinstance(value, list) else _bytes(vr, value), pad)


def _bytes(vr: str, value: Simple) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("latin-1")
    numbers = value if isinstance(value, tuple) else (value,)
    if vr in _FORMS:
        whole = vr not in {"FL", "FD"}
        return pack(f"<{len(numbers)}{_FORMS[vr]}", *(int(n) if whole else n for n in numbers))
    return "\\".join(f"{number:g}" for number in numbers).encode("ascii")


def body(level: Level, syntax: str = EXPLICIT) -> bytes:
    """Write a data set in a transfer syntax, deflated where it says so."""
    explicit, order = syntax != IMPLICIT, ">" if syntax == BIG_ENDIAN else "<"
    made = _level(level, explicit=explicit, order=order)
    if syntax != DEFLATED:
        return made
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(made) + packer.flush()


def part10(
    level: Level, syntax: str = EXPLICIT, *, preamble: bytes = bytes(128), meta: Iterable[tuple[int, str, bytes]] = ()
) -> bytes:
    """Write a file: preamble, file meta information with whatever more is given, data set."""
    sop_class, instance = (level[tag].value for tag in (0x00080016, 0x00080018))
    assert isinstance(sop_class, bytes)
    assert isinstance(instance, bytes)
    elements = {0x00020001: ("OB", b"\0\1"), 0x00020002: ("UI", sop_class), 0x00020003: ("UI", instance)}
    elements[0x00020010] = ("UI", syntax.encode("ascii"))
    elements |= {tag: (vr, value) for tag, vr, value in meta}
    packed = b"".join(
        _element(tag, Written(*elements[tag], b"\0"), explicit=True, order="<") for tag in sorted(elements)
    )
    length = _element(0x00020000, Written("UL", pack("<L", len(packed))), explicit=True, order="<")
    return preamble + b"DICM" + length + packed + body(level, syntax)


def _level(level: Level, *, explicit: bool, order: str) -> bytes:
    return b"".join(_element(tag, level[tag], explicit=explicit, order=order) for tag in sorted(level))


def _element(tag: int, written: Written, *, explicit: bool, order: str) -> bytes:
    vr = written.vr
    if isinstance(written.value, list):
        items = [_level(item, explicit=explicit, order=order) for item in written.value]
        value = b"".join(pack(order + "HHL", 0xFFFE, 0xE000, len(item)) + item for item in items)
    else:
        value = written.value if order == "<" else turned(vr, written.value)
    value += written.pad[: len(value) % 2]
    head = pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + pack(order + "L", len(value)) + value
    if vr in _LONG:
        return head + vr.encode("ascii") + pack(order + "2xL", len(value)) + value
    if len(value) > _MOST_SHORT:
        return head + b"UN" + pack(order + "2xL", len(value)) + value
    return head + vr.encode("ascii") + pack(order + "H", len(value)) + value


def turned(vr: str, value: bytes) -> bytes:
    """Turn binary values round for big endian."""
    width = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4, "FD": 8, "OD": 8}.get(
        vr, 1
    )
    whole = len(value) - len(value) % width
    return b"".join(value[place : place + width][::-1] for place in range(0, whole, width)) + value[whole:]


def encapsulated(fragments: Iterable[bytes], table: bytes = b"") -> bytes:
    """Write encapsulated pixels as an explicit little endian element with an offset table (PS3.5 A.4)."""
    items = [table, *(one + b"\0" * (len(one) % 2) for one in fragments)]
    inside = b"".join(pack("<HHL", 0xFFFE, 0xE000, len(one)) + one for one in items)
    return pack("<HH2s2xL", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF) + inside + pack("<HHL", 0xFFFE, 0xE0DD, 0)
