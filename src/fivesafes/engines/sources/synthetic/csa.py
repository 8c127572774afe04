"""Siemens CSA headers: the ``SV10`` form in private elements (0029,xx10) and (0029,xx20) of classic MR images.

Layout as read from real files: ``SV10``, four bytes 04 03 02 01, the number of fields and the word 77; then each field
as a 64-byte name, its value multiplicity, a 4-byte VR, a type number, the number of items and a marker, followed by
its items, each with four 32-bit words (length three times, the marker in third place) and a text padded to four bytes.

The scanner does not clear its buffers: behind the zero byte that ends a name lies what was in memory before.  Names,
UIDs and protocol texts have been seen there, so this writer leaves them too.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

_MAGIC: Final = b"SV10\x04\x03\x02\x01"
_FILLED: Final = 77
_EMPTY: Final = 205
_NAME_BYTES: Final = 64
_ITEM_GROUP: Final = 6  # items come in sixes, however few hold a value
_SYNGO_TYPES: Final = {
    "UN": 0, "DS": 3, "FD": 4, "IS": 6, "SL": 7, "SS": 8, "UL": 9, "US": 10, "CS": 16, "LO": 19, "LT": 20,
    "SH": 22, "ST": 23, "UT": 27,
}  # fmt: skip


@frozen
class CsaField:
    """One field: its name, its VR, its value multiplicity (0: any number) and its values as texts."""

    name: str
    vr: str
    vm: int
    values: tuple[str, ...] = ()


def even(value: bytes) -> bytes:
    """Pad with a zero byte to an even length, as DICOM values have (PS3.5 7.1.1)."""
    return value + b"\x00" * (len(value) % 2)


def write_csa(fields: Sequence[CsaField], *, remnants: Sequence[str] = ()) -> bytes:
    """Encode the fields; ``remnants`` are the texts left in memory behind the names, in turn."""
    parts = [_MAGIC, struct.pack("<2I", len(fields), _FILLED)]
    for index, field in enumerate(fields):
        remnant = remnants[index % len(remnants)] if remnants else ""
        parts.append(_encoded(field, remnant=remnant))
    return b"".join(parts)


def _encoded(field: CsaField, *, remnant: str) -> bytes:
    name = field.name.encode("ascii") + b"\x00" + remnant.encode("latin-1", "replace")
    count = -(-len(field.values) // _ITEM_GROUP) * _ITEM_GROUP
    marker = _FILLED if field.values else _EMPTY
    type_number = _SYNGO_TYPES.get(field.vr, _SYNGO_TYPES["UN"])
    head = struct.pack("<64si4s3i", name[:_NAME_BYTES], field.vm, field.vr.encode(), type_number, count, marker)
    spare = count - len(field.values)
    return head + b"".join(map(_item, field.values)) + struct.pack("<4i", 0, 0, _EMPTY, 0) * spare


def _item(value: str) -> bytes:
    text = value.encode("latin-1", "replace") + b"\x00"
    length = len(text)
    return struct.pack("<4i", length, length, _FILLED, length) + text + b"\x00" * (-length % 4)


def read_csa(blob: bytes) -> tuple[CsaField, ...]:
    """Decode a header in the ``SV10`` form.  Raises ValueError when it is something else or cut short."""
    if not blob.startswith(_MAGIC):
        message = "not a CSA header of the SV10 form"
        raise ValueError(message)
    try:
        return tuple(_decoded(blob))
    except struct.error as error:
        message = "the CSA header is cut short"
        raise ValueError(message) from error


def _decoded(blob: bytes) -> Iterable[CsaField]:
    (count,) = struct.unpack_from("<I", blob, len(_MAGIC))
    at = len(_MAGIC) + 8
    for _ in range(count):
        raw, vm, vr, _, items, _ = struct.unpack_from("<64si4s3i", blob, at)
        at += struct.calcsize("<64si4s3i")
        values = []
        for _ in range(items):
            _, length, _, _ = struct.unpack_from("<4i", blob, at)
            text = blob[at + 16 : at + 16 + length]
            at += 16 + length + (-length % 4)
            values.append(text.split(b"\x00")[0].decode("latin-1"))
        while values and not values[-1]:
            values.pop()
        yield CsaField(_ascii(raw), _ascii(vr), vm, tuple(values))


def _ascii(raw: bytes) -> str:
    return raw.split(b"\x00")[0].decode("latin-1")
