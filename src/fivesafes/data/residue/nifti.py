"""Look into NIfTI files: the header's texts, extensions, the gap before the data, and bytes after them.

Layouts: NIfTI-1 (348 bytes) and NIfTI-2 (540 bytes), and the Analyze 7.5 fields that NIfTI-1 left unused.
"""

import io
import re
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.data.model import Residue
from fivesafes.data.residue import burned, extensions
from fivesafes.data.residue.compressed import MAGIC, GzipReader, Source, find_in_headers
from fivesafes.data.residue.loose import text_in_bytes
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.rules import is_benign
from fivesafes.data.residue.spots import HIDDEN, at_least_medium, spots
from fivesafes.data.residue.words import is_dummy, unknown_words

_NIFTI1: Final = {
    "data_type": (4, 10),
    "db_name": (14, 18),
    "descrip": (148, 80),
    "aux_file": (228, 24),
    "intent_name": (328, 16),
}
_NIFTI2: Final = {"descrip": (240, 80), "aux_file": (320, 24), "intent_name": (508, 16), "unused_str": (525, 15)}
_ANALYZE: Final = {
    "data_type": (4, 10),
    "db_name": (14, 18),
    "descrip": (148, 80),
    "aux_file": (228, 24),
    "generated": (263, 10),
    "scannum": (273, 10),
    "patient_id": (283, 10),
    "exp_date": (293, 10),
    "exp_time": (303, 10),
}
_SIZE1, _SIZE2 = 348, 540
_LIMIT: Final = 1 << 36
_ZONE_LIMIT: Final = 1 << 26
_AFTER_LIMIT: Final = 1 << 22
_BLOCK: Final = 1 << 20
_VOLUME_LIMIT: Final = 1 << 28
_KINDS: Final = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
"""Types of voxels (NIfTI datatype) that are looked at for text."""
_LABELS: Final = re.compile(r"(?i)mask|seg\.|_label|atlas|parc")
_UNUSED_FIELDS: Final = frozenset({"db_name", "data_type", "unused_str", "patient_id", "scannum", "generated"})
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e\xa0-\xff]{2,}")
_USUAL_TYPES: Final = frozenset({"dsr", "float", "short", "int", "uchar"})


@frozen(kw_only=True)
class _Shape:
    """How a header is laid out and where the voxels lie (bytes from the start of the file)."""

    fields: dict[str, tuple[int, int]]
    size: int
    data_at: int
    data_bytes: int
    paired: bool
    order: str
    datatype: int
    grid: tuple[int, ...]
    volume_bytes: int


def find(path: Path, place: Place, now: datetime) -> Iterator[Residue]:
    """Yield what a NIfTI file discloses besides its voxels, compressed or not.

    Raises Unreadable for what is no NIfTI, is cut short, or goes on for too long after its data.
    """
    with path.open("rb") as raw:
        if raw.read(3) == MAGIC:
            raw.seek(0)
            reader = GzipReader(raw, limit=_LIMIT)
            try:
                yield from _find(reader, place)
            finally:
                # The headers of members read so far count even when the rest is broken.
                yield from find_in_headers(reader.headers, place, now)
            if reader.after.strip(b"\x00"):
                yield from _trailing(reader.after, place)
        else:
            raw.seek(0)
            yield from _find(raw, place)


def find_before_voxels(path: Path, place: Place) -> Iterator[Residue]:
    """Yield what header and extensions disclose, compressed or not.  Raises Unreadable for what is no NIfTI."""
    with path.open("rb") as raw:
        compressed = raw.read(3) == MAGIC
        raw.seek(0)
        yield from _before_voxels(*_header(GzipReader(raw, limit=_LIMIT) if compressed else raw), place)


def _header(reader: Source) -> tuple[Source, bytes, _Shape]:
    start = reader.read(_SIZE1)
    if len(start) < _SIZE1:
        raise Unreadable(why="shorter than a NIfTI header")
    return reader, *_laid_out(start, reader)


def _before_voxels(reader: Source, header: bytes, shape: _Shape, place: Place) -> Iterator[Residue]:
    yield from _header_texts(header, shape, place)
    if shape.paired:
        yield from _trailing(reader.read(_AFTER_LIMIT)[4:], place)
        return
    zone = reader.read(max(0, min(shape.data_at - shape.size, _ZONE_LIMIT)))
    yield from extensions.find(zone, place, shape.order)


def _find(reader: Source, place: Place) -> Iterator[Residue]:
    _, header, shape = _header(reader)
    yield from _before_voxels(reader, header, shape, place)
    if shape.paired:
        return
    yield from _voxels(reader, shape, place)
    yield from _trailing(reader.read(_AFTER_LIMIT), place)
    if reader.read(1):
        raise Unreadable(why="goes on for long after the data its header announces")


def _voxels(reader: Source, shape: _Shape, place: Place) -> Iterator[Residue]:
    """Read past the voxels; the first volume is looked at for text drawn into it."""
    first = bytearray()
    left = shape.data_bytes
    while left > 0:
        piece = reader.read(min(left, _BLOCK))
        if not piece:
            raise Unreadable(why="shorter than its header says")
        left -= len(piece)
        if len(first) < shape.volume_bytes <= _VOLUME_LIMIT:
            first += piece
    kind = _KINDS.get(shape.datatype)
    if kind and not _LABELS.search(place.path) and len(first) >= shape.volume_bytes > 0:
        voxels = np.frombuffer(bytes(first[: shape.volume_bytes]), dtype=shape.order + kind)
        yield from burned.find(voxels.reshape(shape.grid, order="F"), place)


def _laid_out(start: bytes, reader: Source) -> tuple[bytes, _Shape]:
    """Tell version and byte order, read the rest of the header, and compute where the data lie."""
    for order in "<>":
        size = struct.unpack(order + "i", start[:4])[0]
        if size == _SIZE1:
            return start, _shape1(start, order)
        if size == _SIZE2:
            header = start + reader.read(_SIZE2 - _SIZE1)
            if len(header) < _SIZE2:
                raise Unreadable(why="shorter than a NIfTI-2 header")
            return header, _shape2(header, order)
    raise Unreadable(why="not a NIfTI file")


def _shape1(header: bytes, order: str) -> _Shape:
    dim = struct.unpack(order + "8h", header[40:56])
    bits = struct.unpack(order + "h", header[72:74])[0]
    offset = struct.unpack(order + "f", header[108:112])[0]
    magic = header[344:348]
    data_at = int(offset) if 0 <= offset < float(_LIMIT) else 0
    return _Shape(
        fields=_NIFTI1 if magic.startswith(b"n") else _ANALYZE,
        size=_SIZE1,
        data_at=data_at,
        data_bytes=_volume(dim, bits),
        paired=not magic.startswith(b"n+"),
        order=order,
        datatype=struct.unpack(order + "h", header[70:72])[0],
        grid=_grid(dim),
        volume_bytes=_volume((3, *dim[1:4]), bits),
    )


def _shape2(header: bytes, order: str) -> _Shape:
    dim = struct.unpack(order + "8q", header[16:80])
    bits = struct.unpack(order + "h", header[14:16])[0]
    offset = struct.unpack(order + "q", header[168:176])[0]
    return _Shape(
        fields=_NIFTI2,
        size=_SIZE2,
        data_at=max(0, min(offset, _LIMIT)),
        data_bytes=_volume(dim, bits),
        paired=not header[4:8].startswith(b"n+"),
        order=order,
        datatype=struct.unpack(order + "h", header[12:14])[0],
        grid=_grid(dim),
        volume_bytes=_volume((3, *dim[1:4]), bits),
    )


def _grid(dim: tuple[int, ...]) -> tuple[int, ...]:
    """Give the extent of one volume."""
    return tuple(max(extent, 1) for extent in dim[1:4])


def _volume(dim: tuple[int, ...], bits: int) -> int:
    """Compute the bytes of data; a header that makes no sense raises Unreadable."""
    count = 1
    for extent in dim[1 : max(0, min(dim[0], 7)) + 1]:
        if extent < 0:
            raise Unreadable(why="its header announces a negative size")
        count *= max(extent, 1)
    if bits < 0:
        raise Unreadable(why="its header announces a negative size")
    return (count * bits + 7) // 8


def _header_texts(header: bytes, shape: _Shape, place: Place) -> Iterator[Residue]:
    for name, (start, length) in shape.fields.items():
        # A text may hide behind the null byte that ends the field's first one.
        runs = [run.decode("latin-1").strip() for run in _PRINTABLE.findall(header[start : start + length])]
        for text in runs:
            judged = header_code(name, text)
            if judged and not is_dummy(text):
                yield place.residue(judged, f"header.{name}", text)
                break


def header_code(field: str, text: str) -> str | None:
    """Judge the text of one header field: the worst of what the patterns see, else by whether text belongs there."""
    found = at_least_medium(list(spots(text, HIDDEN)))
    if found:
        return found[0].code
    if is_benign(field, text) or text in _USUAL_TYPES or field == "data_type" or not re.search(r"[^\W\d_]{3}", text):
        return None
    unknown = unknown_words(text)
    if field in _UNUSED_FIELDS or any(word[0].isupper() for word in unknown):
        return "hidden_text" if unknown else None
    return "free_text" if unknown else None


def _trailing(after: bytes, place: Place) -> Iterator[Residue]:
    """Judge what follows the data: texts by the patterns, other bytes as unreadable; zeros are padding."""
    if not after.strip(b"\x00"):
        return
    if after.startswith(MAGIC):
        after = _first_member(after)
    yield from text_in_bytes(after, place, "trailing_bytes")


def _first_member(after: bytes) -> bytes:
    """Decompress what is a gzip member behind the data; broken ones stay as they are."""
    try:
        return GzipReader(io.BytesIO(after), limit=_LIMIT).read(_AFTER_LIMIT) or after
    except Unreadable:
        return after
