"""Write one object anew: other pixels, and of the header nothing but what must be said of them.

Everything else is copied byte for byte.  What changes:

- SOPInstanceUID and SeriesInstanceUID: other pixels are another object (PS3.3 C.7.6.1.1.2), which must neither take the
  place of the original in an archive nor lie beside it in one series.  Names of objects of this series, wherever the
  header says them, follow.  The new UIDs are made of the old ones and of what was removed: the same each time.
- DeidentificationMethodCodeSequence gains 113102, DeidentificationMethod a line, and RecognizableVisualFeatures is NO
  (PS3.15 E.3.2), but only where it was verified.
- What shows or drew the face beside the pixels goes: icons, overlays, also in bits of pixels that hold no number.
- What is no longer true goes: least and greatest values, digital signatures, group lengths; so does what lies behind
  the pixels.
- Decompressed pixels are described as such; LossyImageCompression stays 01, or is said (PS3.3 C.7.6.1.1.5).

ImageType stays: it says how the scan was acquired, and pipelines choose by it.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import field, frozen

from fivesafes import __version__
from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.dicom.instance import pixels_of
from fivesafes.data.face.dicom.pixels import Opened
from fivesafes.data.face.dicom.said import Said, is_sequence
from fivesafes.data.header.elements import PIXEL_DATA, Element, Encoding
from fivesafes.data.header.options import CLEAN_FEATURES, MEANINGS
from fivesafes.data.header.part10 import file_head
from fivesafes.data.header.pseudonyms import uid_of_digest
from fivesafes.data.header.values import encode, encode_items

METHOD, CODES, FEATURES = 0x00120063, 0x00120064, 0x00280302
_CLASS, _INSTANCE, _SERIES = 0x00080016, 0x00080018, 0x0020000E
_PHOTOMETRIC, _HIGH_BIT, _LOSSY = 0x00280004, 0x00280102, 0x00282110
_ICON: Final = 0x00880200
_GONE: Final = frozenset({0x00280106, 0x00280107, 0x00280108, 0x00280109, _ICON, 0x4FFE0001})
"""Least and greatest values, an icon, and how signatures were made."""

_OVERLAYS: Final = range(0x6000, 0x6100)
_PIXEL_GROUP: Final = 0x7FE0
_UID: Final = re.compile(rb"[0-9]+(?:\.[0-9]+){3,}")
_ICON_BYTES: Final = (b"\x88\x00\x00\x02", b"\x00\x88\x02\x00")
_MOST_LO: Final = 64
_MOST_BYTES: Final = 0xFFFFFFFE
Uids = Mapping[str, str]


@frozen(kw_only=True)
class Change:
    """What is said of all objects of a series: new UIDs by old ones, and how the face was removed (None: unsaid)."""

    uids: Uids = field(repr=False)
    method: str | None


def new_uids(old: list[str], *, removed: bytes) -> dict[str, str]:
    """Make a UID for each: of what was removed and the old one, so that a run again gives the same.

    No key: after de-identification the old UIDs are pseudonyms, and before it the header names the person anyway.
    """
    return {uid: uid_of_digest(hashlib.sha256(b"\0".join((b"defaced", removed, uid.encode()))).digest()) for uid in old}


def composed(opened: Opened, pixels: bytes | bytearray, change: Change) -> tuple[bytes | bytearray, ...]:
    """Give the pieces of the new file.  Raises InvalidInput when a value has no room."""
    said = opened.said
    old = pixels_of(said)
    elements = dict(_elements(opened, change))
    if change.method is not None:
        elements |= _claim(said, change.method)
    head = file_head(said.text(_CLASS), change.uids[said.text(_INSTANCE)], opened.syntax)
    body = b"".join(elements[tag] for tag in sorted(elements))
    tag = PIXEL_DATA if old is None else old.tag
    return head, body, _pixel_head(opened, tag, len(pixels) + len(pixels) % 2), pixels, bytes(len(pixels) % 2)


def declared(opened: Opened, change: Change) -> frozenset[int]:
    """List the attributes that may differ between an object and what is written of it."""
    said = opened.said
    new = dict(_elements(opened, change))
    kept = {tag: said.data_set.buffer[one.head : one.after] for tag, one in said.elements.items()}
    touched = {tag for tag, content in kept.items() if new.get(tag) != content}
    return frozenset(touched | set(new) - set(kept) | ({METHOD, CODES, FEATURES} if change.method else set()))


def _elements(opened: Opened, change: Change) -> Iterator[tuple[int, bytes]]:
    """Yield what stands before the pixels, in the order of tags."""
    said, encoding = opened.said, opened.said.encoding
    buffer = said.data_set.buffer
    for tag, element in said.elements.items():
        if _goes(tag):
            continue
        if tag in {_INSTANCE, _SERIES}:
            yield tag, _encoded(tag, b"UI", change.uids[said.text(tag)].encode("ascii"), encoding)
        elif is_sequence(element) and _concerned(buffer[element.start : element.end], change.uids):
            yield tag, _rebuilt(said, element, change.uids)
        else:
            yield tag, buffer[element.head : element.after]
    if opened.instance.compressed:
        yield _PHOTOMETRIC, _encoded(_PHOTOMETRIC, b"CS", opened.layout.photometric.encode("ascii"), encoding)
        yield _HIGH_BIT, _encoded(_HIGH_BIT, b"US", opened.layout.high_bit.to_bytes(2, "little"), encoding)
    if opened.lossy:
        yield _LOSSY, _encoded(_LOSSY, b"CS", b"01", encoding)


def _goes(tag: int) -> bool:
    """Tell whether an element is not copied."""
    group = tag >> 16
    return tag in _GONE or group in _OVERLAYS or group >= _PIXEL_GROUP or not tag & 0xFFFF


def _concerned(content: bytes, uids: Uids) -> bool:
    """Tell whether items name an object of the series, or hold an icon."""
    if any(mark in content for mark in _ICON_BYTES):
        return True
    return any(uid.decode("ascii") in uids for uid in set(_UID.findall(content)))


def _rebuilt(said: Said, element: Element, uids: Uids) -> bytes:
    """Write a sequence anew: new names for objects of the series, no icons; all other values as they were."""
    inner = said.items(element.tag)
    items = [b"".join(_inner(item, one, uids) for tag, one in item.elements.items() if tag != _ICON) for item in inner]
    encoding = inner[0].encoding if inner else said.encoding
    return _encoded(element.tag, element.vr or b"SQ", encode_items(items, encoding), said.encoding)


def _inner(item: Said, element: Element, uids: Uids) -> bytes:
    buffer = item.data_set.buffer
    content = buffer[element.start : element.end]
    if is_sequence(element):
        if _concerned(content, uids):
            return _rebuilt(item, element, uids)
    elif (name := content.strip(b" \0").decode("ascii", "replace")) in uids:
        return _encoded(element.tag, element.vr or b"UI", uids[name].encode("ascii"), item.encoding)
    return buffer[element.head : element.after]


def _claim(said: Said, method: str) -> dict[int, bytes]:
    """Say that the face was removed, after whatever was said of de-identification before (PS3.3 C.7.1.1)."""
    encoding = said.encoding
    element = said.elements.get(CODES)
    before = b"" if element is None else said.data_set.buffer[element.start : element.end]
    there = any(item.text(0x00080100) == CLEAN_FEATURES for item in said.items(CODES))
    inner = encoding if element is None or element.vr != b"UN" else next(iter(said.items(CODES)), said).encoding
    code = b"".join(
        _encoded(tag, vr, text.encode("ascii"), inner)
        for tag, vr, text in (
            (0x00080100, b"SH", CLEAN_FEATURES),
            (0x00080102, b"SH", "DCM"),
            (0x00080104, b"LO", MEANINGS[CLEAN_FEATURES]),
        )
    )
    codes = before if there else before + encode_items([code], inner)
    methods = [part for part in (said.value(METHOD).strip(b" \0"), method.encode("ascii")) if part]
    return {
        METHOD: _encoded(METHOD, b"LO", b"\\".join(methods), encoding),
        CODES: _encoded(CODES, b"SQ" if element is None else element.vr or b"SQ", codes, encoding),
        FEATURES: _encoded(FEATURES, b"CS", b"NO", encoding),
    }


def method_of(engine: str, engine_version: str, mode: str) -> str:
    """Say in a text how the face was removed (LO, at most 64 characters)."""
    return f"fivesafes {__version__} deface {mode}, {engine} {engine_version}".replace("\\", "/")[:_MOST_LO]


def _pixel_head(opened: Opened, tag: int, length: int) -> bytes:
    """Write the head of the element that holds the pixels."""
    encoding = opened.said.encoding
    old = pixels_of(opened.said)
    vr = b"OW" if opened.layout.allocated > 8 else b"OB"  # noqa: PLR2004 - bits of a byte
    if old is not None and not opened.instance.compressed:
        vr = old.vr or vr
    if length > _MOST_BYTES:
        what = "uncompressed, its pixels are longer than a DICOM file can say"
        raise InvalidInput(what, fix="convert the series to NIfTI and deface that")
    order: Final = "little" if encoding.little else "big"
    place = (tag >> 16).to_bytes(2, order) + (tag & 0xFFFF).to_bytes(2, order)
    return place + (vr + bytes(2) if encoding.explicit else b"") + length.to_bytes(4, order)


def _encoded(tag: int, vr: bytes, value: bytes, encoding: Encoding) -> bytes:
    element = encode(tag, vr, value, encoding)
    if element is None:
        what = "a value of the header has become too long for its kind"
        raise InvalidInput(what, fix="report this: it is our bug")
    return element
