"""Open the bytes of a file as DICOM (PS3.10 section 7) and close a data set into bytes again.

What the file says of itself is believed only where its bytes agree: with or without preamble, with or without file meta
information, and with a transfer syntax that names another encoding than the one used.
"""

import zlib
from functools import lru_cache
from struct import Struct, pack
from typing import Final

from attrs import field, frozen
from pydicom._uid_dict import UID_dictionary

from fivesafes import __version__
from fivesafes.data.header.cursor import Buffer
from fivesafes.data.header.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Element,
    Encoding,
)
from fivesafes.data.header.malformed import Malformed, archive, empty, inflated_too_far, not_dicom, truncated
from fivesafes.data.header.scanner import Cursor, read_elements

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
NATIVE: Final = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN})
IMPLEMENTATION_UID: Final = "2.25.108771739132342267790707666249441705867"
"""Ours; made once from random bytes (PS3.5 B.2)."""

MOST_INFLATED: Final = 1 << 28
FREE_INFLATED: Final = 1 << 24
MOST_RATIO: Final = 100
"""Beyond so many bytes a data set may be so many times as long as what it was deflated to: black pictures reach 30."""

_STEP: Final = 1 << 20
_PREAMBLE: Final = 128
_META_GROUP: Final = 2
_META_HEAD: Final = Struct("<HH2sH").unpack_from
_LONG_IN_META: Final = frozenset({b"OB", b"OW", b"UN", b"SQ", b"UT", b"UC", b"UR"})
_BEFORE_META: Final = bytes(_PREAMBLE) + b"DICM"
_SHORT_FIRST: Final = 256
_TAR: Final = b"ustar"
_ARCHIVES: Final = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    _TAR: "a tar archive",  # its mark lies at byte 257
}
_REGISTERED: Final = frozenset(uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax")
"""The transfer syntaxes that DICOM registers; another one is a text like any other and is not copied."""

_TELLING: Final = {0x00080016, 0x00080060}  # SOPClassUID, Modality
_VRS: Final = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


@frozen
class DataSet:
    """The bytes that hold a data set: ``buffer[start:]`` in ``encoding``; ``syntax`` is the UID that fits them."""

    buffer: Buffer = field(repr=False)
    start: int
    encoding: Encoding
    syntax: str

    def elements(self) -> list[Element]:
        """List the elements of the outermost level."""
        return read_elements(self.buffer, self.start, len(self.buffer), self.encoding)

    def cursor(self) -> Cursor:
        """Stand before the first element of the outermost level."""
        return Cursor(self.buffer, self.start, len(self.buffer), self.encoding)


def open_data_set(content: Buffer) -> DataSet:
    """Find the data set in a file's bytes; a deflated one is inflated, up to a bound.

    Raises Malformed with NOT_DICOM when the bytes are something else, with UNREADABLE when they are broken.
    """
    if not content:
        raise empty()
    if content[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return _after_meta(content, _PREAMBLE + 4)
    _refuse_archive(content)
    if content[:2] == b"\x02\x00" and content[4:6] in _VRS:
        return _after_meta(content, 0)
    data_set = _with_encoding(content, 0, "")
    group = int.from_bytes(content[:2], "little" if data_set.encoding.little else "big")
    if group != 8 or not _plausible(data_set):  # noqa: PLR2004 - an image's data set begins in group 0008
        raise not_dicom()
    return data_set


def _after_meta(content: Buffer, place: int) -> DataSet:
    """Read the file meta information, always explicit little endian, for its transfer syntax; then the data set."""
    syntax, size = "", len(content)
    while place + 8 <= size:
        group, number, vr, length = _META_HEAD(content, place)
        if group != _META_GROUP:
            break
        start = place + 8
        if vr in _LONG_IN_META:
            start += 4
            length = int.from_bytes(content[place + 8 : start], "little")
        end = start + length
        if end > size or start == end == size:
            raise truncated()
        if number == 0x0010:  # noqa: PLR2004 - (0002,0010) TransferSyntaxUID
            syntax = content[start:end].strip(b" \0").decode("ascii", "replace")
        place = end
    if content[place : place + 2] == b"\x02\x00":
        raise truncated()
    if place >= len(content):
        raise truncated()
    if syntax == DEFLATED:
        return DataSet(_inflate(content[place:]), 0, EXPLICIT_LITTLE, EXPLICIT)
    return _with_encoding(content, place, syntax)


def _with_encoding(content: Buffer, place: int, syntax: str) -> DataSet:
    """Tell the encoding from the first element, and correct a transfer syntax that does not fit."""
    group = content[place : place + 2]
    if len(group) == 2 and group[0] == 0 and group[1] != 0:  # noqa: PLR2004 - two bytes
        return DataSet(content, place, EXPLICIT_BIG, BIG_ENDIAN)
    if content[place + 4 : place + 6] not in _VRS:
        return DataSet(content, place, IMPLICIT_LITTLE, IMPLICIT)
    encapsulated = syntax in _REGISTERED and syntax not in NATIVE
    return DataSet(content, place, EXPLICIT_LITTLE, syntax if encapsulated else EXPLICIT)


def _inflate(deflated: bytes) -> bytes:
    """Inflate a raw deflate stream; raise when it is broken, ends too soon, or grows beyond the bound."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    most = min(MOST_INFLATED, max(FREE_INFLATED, MOST_RATIO * len(deflated)))
    pieces: list[bytes] = []
    size = place = 0
    try:
        while not stream.eof and (stream.unconsumed_tail or place < len(deflated)):
            given = stream.unconsumed_tail or deflated[place : place + _STEP]
            place += 0 if stream.unconsumed_tail else _STEP
            pieces.append(stream.decompress(given, _STEP))
            size += len(pieces[-1])
            if size > most:
                raise inflated_too_far()
        pieces.append(stream.flush())  # what it took in, and had no room for
    except zlib.error:
        raise Malformed.unreadable() from None
    if not stream.eof:
        raise truncated()
    return b"".join(pieces)


def _refuse_archive(content: Buffer) -> None:
    for magic, name in _ARCHIVES.items():
        if content[: len(magic)] == magic:
            raise archive(name)
    if content[257:262] == _TAR:
        raise archive(_ARCHIVES[_TAR])


def _plausible(data_set: DataSet) -> bool:
    """Tell whether bytes without any mark of DICOM read as a data set that says what it is."""
    try:
        tags = {element.tag for element in data_set.elements()}
    except Malformed as malformed:
        return malformed.code == truncated().code and _begins_well(data_set)
    return bool(tags & _TELLING)


def _begins_well(data_set: DataSet) -> bool:
    """Tell whether a cut data set begins with two elements of group 0008 in order, the first of them short."""
    order: Final = "little" if data_set.encoding.little else "big"
    length = data_set.buffer[6:8] if data_set.encoding.explicit else data_set.buffer[4:8]
    size = int.from_bytes(length, order)
    following = data_set.buffer[8 + size : 12 + size]
    first, second = data_set.buffer[2:4], following[2:4]
    return (
        0 < size <= _SHORT_FIRST
        and following[:2] == data_set.buffer[:2]
        and int.from_bytes(second, order) > int.from_bytes(first, order)
    )


def file_head(sop_class: str, sop_instance: str, syntax: str) -> bytes:
    """Compose preamble and file meta information: what PS3.10 requires and nothing else."""
    before, after = _around_instance(sop_class, syntax)
    instance = _meta(0x0003, b"UI", _padded(sop_instance, b"UI"))
    length = pack("<L", len(before) + len(instance) + len(after))
    return b"".join((_BEFORE_META, _meta(0x0000, b"UL", length), before, instance, after))


@lru_cache(maxsize=256)
def _around_instance(sop_class: str, syntax: str) -> tuple[bytes, bytes]:
    """Compose what is the same in each file of a series: before and after MediaStorageSOPInstanceUID."""
    version = "FIVESAFES_" + "".join(__version__.split("."))
    before = _meta(0x0001, b"OB", b"\0\1") + _meta(0x0002, b"UI", _padded(sop_class, b"UI"))
    after = b"".join(
        _meta(number, vr, _padded(text, vr))
        for number, vr, text in (
            (0x0010, b"UI", syntax),
            (0x0012, b"UI", IMPLEMENTATION_UID),
            (0x0013, b"SH", version[:16]),
        )
    )
    return before, after


def _padded(text: str, vr: bytes) -> bytes:
    value = text.encode("ascii")
    return value if len(value) % 2 == 0 else value + (b"\0" if vr == b"UI" else b" ")


def _meta(number: int, vr: bytes, value: bytes) -> bytes:
    length = pack("<2xL", len(value)) if vr == b"OB" else pack("<H", len(value))
    return pack("<HH2s", 0x0002, number, vr) + length + value
