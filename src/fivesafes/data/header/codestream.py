"""Compressed pixels carry texts of their own: comments, application data, bytes behind the picture.  They become zero.

Each codestream is read marker by marker, and what only a person or a program wrote there is overwritten with zeros
where it stands: no length changes, so that no offset table, tile length or fragment has to be written anew, and every
byte that a decoder needs stays as it was.  What can't be read to its end, or has a marker that no rule knows, is
refused.  Not seen are bytes that a decoder would skip inside entropy-coded data: only decoding tells them apart.

Sources: ITU-T T.81 annex B (JPEG), T.87 annex C (JPEG-LS), T.800 annex A (JPEG 2000), T.814 (HTJ2K), PS3.5 A.4 and
annex G (RLE), ITU-T T.871 (JFIF), T.872 6.5.3 (Adobe's APP14).
"""

import re
from collections.abc import Callable
from itertools import pairwise
from struct import Struct, pack
from typing import Final

from attrs import field, frozen

from fivesafes.data.header.malformed import broken_codestream, truncated, unknown_packing
from fivesafes.data.header.packbits import clean_rle

Pieces = tuple[bytes | memoryview, ...]
Walk = Callable[["Stream", int], int]
"""Reads one codestream from a place on, marks what becomes zero, and tells where it ends."""

_ITEM: Final = Struct("<HHL")
_SHORT: Final = Struct(">H")
_SOI, _EOI, _SOS, _COM, _LSE, _RST = 0xD8, 0xD9, 0xDA, 0xFE, 0xF8, range(0xD0, 0xD8)
_APPLICATION: Final = range(0xE0, 0xF0)
_JFIF, _COLOUR_TRANSFORM, _ADOBE = 0xE0, 0xE8, 0xEE
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_TABLES: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, _LSE})
_LSE_PARAMETERS: Final = 11
_ENDS_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_ENDS_LS_SCAN: Final = re.compile(rb"\xff[\x80-\xcf\xd8-\xff]", re.DOTALL)

_SOC, _SOT, _SOD, _J2K_COM = 0x4F, 0x90, 0x93, 0x64
_J2K_SEGMENTS: Final = frozenset({0x50, 0x51, 0x52, 0x53, 0x55, 0x57, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F})
_J2K_MORE: Final = frozenset({0x60, 0x61, 0x63, _J2K_COM})
_SOT_LENGTH: Final = 10
_J2K_END: Final = b"\xff\xd9"


@frozen(kw_only=True)
class Shape:
    """How many pixels there are and how wide they are; bits are those allocated."""

    rows: int
    columns: int
    samples: int
    bits: int
    frames: int = 1


@frozen
class Stream:
    """The bytes of all fragments in a row, and the ranges of them that become zero."""

    content: bytes = field(repr=False)
    zeros: list[tuple[int, int]] = field(repr=False, factory=list)

    def clear(self, start: int, end: int) -> None:
        """Let a range become zero, unless it is."""
        if end > start and self.content.count(0, start, end) != end - start:
            self.zeros.append((start, end))

    def short(self, place: int) -> int:
        """Read a 16-bit number.  Raises Malformed at the end."""
        if place + 2 > len(self.content):
            raise truncated()
        return int(_SHORT.unpack_from(self.content, place)[0])


def clean_fragments(content: memoryview, syntax: str, shape: Shape) -> tuple[Pieces, bool]:
    """Clean encapsulated pixels, given without their sequence delimiter: (their pieces, whether anything was cleared).

    An offset table that does not tell where frames begin is emptied.  Raises Malformed when a codestream can't be read,
    when there are more or fewer of them than frames, and for a transfer syntax whose codestreams nobody reads here.
    """
    spans = _fragments(content)
    (table_start, table_end), spans = spans[0], spans[1:]
    if not spans:
        raise truncated()
    starts = [0]
    for start, end in spans:
        starts.append(starts[-1] + end - start)
    stream = Stream(b"".join(content[start:end] for start, end in spans))
    _walk_all(stream, starts, syntax, shape)
    places = [start - spans[0][0] for start, _ in spans]
    table_fits = _is_table(bytes(content[table_start:table_end]), places, shape.frames)
    if table_fits and not stream.zeros:
        return (content,), False
    cleared = bytearray(stream.content)
    for start, end in stream.zeros:
        cleared[start:end] = bytes(end - start)
    table = content[:table_end] if table_fits else _item(0)
    view = memoryview(cleared)
    pieces = [piece for start, end in pairwise(starts) for piece in (_item(end - start), view[start:end])]
    return (table, *pieces), True


def _fragments(content: memoryview) -> list[tuple[int, int]]:
    """List where the contents of each item lie; the first is the offset table.  The reader has checked the lengths."""
    spans = []
    place = 0
    while place + _ITEM.size <= len(content):
        length = _ITEM.unpack_from(content, place)[2]
        spans.append((place + _ITEM.size, place + _ITEM.size + length))
        place += _ITEM.size + length
    if not spans:
        raise truncated()
    return spans


def _is_table(table: bytes, places: list[int], frames: int) -> bool:
    """Tell whether a basic offset table is empty or names the beginning of a fragment for each frame (PS3.5 A.4)."""
    if not table:
        return True
    if len(table) != 4 * frames:
        return False
    offsets = list(Struct(f"<{frames}L").unpack(table))
    return offsets[0] == 0 and offsets == sorted(set(offsets)) and set(offsets) <= set(places)


def _item(length: int) -> bytes:
    return pack("<HHL", 0xFFFE, 0xE000, length)


def _walk_all(stream: Stream, starts: list[int], syntax: str, shape: Shape) -> None:
    """Read every codestream; each begins with a fragment, and what lies behind it in its last fragment becomes zero."""
    if syntax in _BY_FRAGMENT:
        _by_fragment(stream, starts, syntax, shape)
        return
    walk = _WALKS.get(syntax)
    if walk is None:
        raise unknown_packing()
    place = 0
    for _ in range(shape.frames):
        end = walk(stream, place)
        place = next(start for start in starts if start >= end)
        stream.clear(end, place)
    if place != len(stream.content):
        raise broken_codestream()


def _by_fragment(stream: Stream, starts: list[int], syntax: str, shape: Shape) -> None:
    """Read frames that are one fragment each."""
    if len(starts) - 1 != shape.frames:
        raise broken_codestream()
    pixels = shape.rows * shape.columns
    width = -(-shape.bits // 8)
    for start, end in pairwise(starts):
        if syntax == _RLE:
            for gap in clean_rle(stream.content, start, end, pixels=pixels, segments=shape.samples * width):
                stream.clear(*gap)
            continue
        frame = -(-pixels * shape.samples * shape.bits // 8)
        if end - start < frame:
            raise truncated()
        stream.clear(start + frame, end)


def _jpeg(stream: Stream, place: int, ends_scan: re.Pattern[bytes] = _ENDS_SCAN) -> int:
    """Read one JPEG or JPEG-LS codestream."""
    if stream.short(place) != 0xFF00 | _SOI:
        raise broken_codestream()
    place += 2
    while True:
        place, marker = _marker(stream, place)
        if marker == _EOI:
            return place
        end = place + stream.short(place)
        if end > len(stream.content) or end < place + 2:
            raise truncated()
        if marker == _COM:
            stream.clear(place + 2, end)
        elif marker in _APPLICATION:
            _application(stream, marker, place + 2, end)
        elif marker == _SOS:
            found = ends_scan.search(stream.content, end)
            if found is None:
                raise truncated()
            end = found.start()
        elif not _is_known_segment(stream, marker, place + 2, end):
            raise broken_codestream()
        place = end


def _marker(stream: Stream, place: int) -> tuple[int, int]:
    """Read a marker and the fill bytes before it: (where its segment begins, its second byte)."""
    content = stream.content
    if content[place : place + 1] != b"\xff":
        raise broken_codestream()
    while content[place : place + 1] == b"\xff":
        place += 1
    if place >= len(content):
        raise truncated()
    return place + 1, content[place]


def _is_known_segment(stream: Stream, marker: int, start: int, end: int) -> bool:
    """Tell whether it is a frame header, or tables, of the length that its contents ask for."""
    content = stream.content
    if marker in _FRAMES:
        return end - start >= 6 and end - start == 6 + 3 * content[start + 5]  # noqa: PLR2004 - T.81 B.2.2
    if marker == _LSE:
        return end - start == _LSE_PARAMETERS and content[start] == 1
    if marker in {0xDC, 0xDD}:
        return end - start == 2  # noqa: PLR2004 - T.81 B.2.4.4, B.2.5
    if marker == 0xC4:  # noqa: PLR2004 - T.81 B.2.4.2
        return _tables_fill(content, start, end, lambda at: 17 + sum(content[at + 1 : at + 17]))
    if marker == 0xDB:  # noqa: PLR2004 - T.81 B.2.4.1
        return _tables_fill(content, start, end, lambda at: 129 if content[at] >> 4 else 65)
    return marker in _TABLES and (end - start) % 2 == 0


def _tables_fill(content: bytes, start: int, end: int, length: Callable[[int], int]) -> bool:
    """Tell whether tables of their own lengths fill a segment exactly."""
    while start < end and content:
        start += length(start)
    return start == end


def _application(stream: Stream, marker: int, start: int, end: int) -> None:
    """Keep of application data what decides the colours: that it is JFIF, Adobe's transform, HP's transform."""
    said = stream.content[start:end]
    if marker == _JFIF and said.startswith(b"JFIF\0") and len(said) >= 14:  # noqa: PLR2004 - T.871 10.1
        stream.clear(start + 14, end)  # a thumbnail
        stream.clear(start + 12, start + 14)  # its size
    elif marker == _ADOBE and said.startswith(b"Adobe") and len(said) >= 12 and said[11] <= 2:  # noqa: PLR2004 - T.872 6.5.3
        stream.clear(start + 12, end)
        stream.clear(start + 7, start + 11)  # flags
    elif marker == _COLOUR_TRANSFORM and said.startswith(b"mrfx") and len(said) >= 5:  # noqa: PLR2004 - name and number
        stream.clear(start + 5, end)
    else:
        stream.clear(start, end)


def _jpeg_ls(stream: Stream, place: int) -> int:
    """Read one JPEG-LS codestream: in its scans, a byte above 7F behind FF is a marker (T.87 A.1)."""
    return _jpeg(stream, place, _ENDS_LS_SCAN)


def _jpeg_2000(stream: Stream, place: int) -> int:
    """Read one JPEG 2000 codestream: main header, tile-parts, end."""
    if stream.short(place) != 0xFF00 | _SOC:
        raise broken_codestream()
    place = _j2k_header(stream, place + 2, until=_SOT)
    while stream.short(place) == 0xFF00 | _SOT:
        if stream.short(place + 2) != _SOT_LENGTH:
            raise broken_codestream()
        length = int.from_bytes(stream.content[place + 6 : place + 10])
        data = _j2k_header(stream, place + 2 + _SOT_LENGTH, until=_SOD) + 2
        end = place + length if length else stream.content.find(_J2K_END, data)
        if end < data or end > len(stream.content):
            raise truncated()
        place = end
    if stream.content[place : place + 2] != _J2K_END:
        raise broken_codestream()
    return place + 2


def _j2k_header(stream: Stream, place: int, *, until: int) -> int:
    """Read marker segments up to a marker; comments keep their kind and lose what they say."""
    while True:
        marker = stream.short(place)
        if marker == 0xFF00 | until:
            return place
        end = place + 2 + stream.short(place + 2)
        kind = marker & 0xFF
        if marker >> 8 != 0xFF or kind not in _J2K_SEGMENTS | _J2K_MORE:  # noqa: PLR2004 - T.800 A.1
            raise broken_codestream()
        if end > len(stream.content) or end < place + 4:
            raise truncated()
        if kind == _J2K_COM:
            stream.clear(place + 6, end)
        place = end


_SYNTAX: Final = "1.2.840.10008.1.2."
_RLE: Final = f"{_SYNTAX}5"
_BY_FRAGMENT: Final = frozenset({_RLE, f"{_SYNTAX}1.98"})
_WALKS: Final[dict[str, Walk]] = {
    **{f"{_SYNTAX}4.{number}": _jpeg for number in range(50, 71)},
    **{f"{_SYNTAX}4.{number}": _jpeg_ls for number in (80, 81)},
    **{f"{_SYNTAX}4.{number}": _jpeg_2000 for number in (90, 91, 92, 93, 201, 202, 203)},
}
