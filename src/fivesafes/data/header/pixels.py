"""Copy the pixels byte for byte, and nothing that lies behind them (PS3.5 section 8)."""

from collections.abc import Mapping
from struct import pack
from typing import Final

from fivesafes.data.header.codestream import Shape, clean_fragments
from fivesafes.data.header.elements import PIXEL_DATA, Element
from fivesafes.data.header.malformed import Malformed, truncated, uncounted_pixels
from fivesafes.data.header.outcome import Outcome
from fivesafes.data.header.part10 import NATIVE, DataSet
from fivesafes.data.header.tally import Tally
from fivesafes.data.pixels.layout import PixelLayout

Pixels = bytes | bytearray | memoryview

_COUNTS: Final = {0x00280002: "samples", 0x00280010: "rows", 0x00280011: "columns", 0x00280100: "bits"}
_FRAMES: Final = 0x00280008
_PHOTOMETRIC: Final = 0x00280004
_PLANAR, _STORED, _HIGH_BIT, _SIGNED = 0x00280006, 0x00280101, 0x00280102, 0x00280103
SAID_OF_PIXELS: Final = frozenset({*_COUNTS, _FRAMES, _PHOTOMETRIC, _PLANAR, _STORED, _HIGH_BIT, _SIGNED})
"""The tags that say how long the pixels are, and how they lie."""
_END: Final = {"<": b"\xfe\xff\xdd\xe0\0\0\0\0", ">": b"\xff\xfe\xe0\xdd\0\0\0\0"}
_MOST_DIGITS: Final = 12
"""Of an IS (PS3.5 6.2); Python refuses to read numbers of thousands of digits."""
_UNDEFINED: Final = 0xFFFFFFFF


def expected_length(data_set: DataSet, found: Mapping[int, Element]) -> int | None:
    """Compute how many bytes uncompressed pixels take; None when the header does not say or packs them otherwise."""
    order: Final = "little" if data_set.encoding.little else "big"
    numbers = {name: int.from_bytes(_value(data_set, found.get(tag))[:2], order) for tag, name in _COUNTS.items()}
    frames = _value(data_set, found.get(_FRAMES)).strip(b" \0") or b"1"
    if not frames.isdigit() or len(frames) > _MOST_DIGITS or not all(numbers.values()):
        return None
    pixels = numbers["rows"] * numbers["columns"] * numbers["samples"] * int(frames)
    if b"422" in _value(data_set, found.get(_PHOTOMETRIC)):
        pixels = pixels * 2 // 3  # two pixels share their colours (PS3.3 C.7.6.3.1.2)
    return -(-pixels * numbers["bits"] // 8)


def _shape(data_set: DataSet, found: Mapping[int, Element]) -> Shape:
    """Read how many pixels there are.  Raises Malformed when the header does not say."""
    if expected_length(data_set, found) is None:
        raise uncounted_pixels()
    order: Final = "little" if data_set.encoding.little else "big"
    numbers = {name: int.from_bytes(_value(data_set, found.get(tag))[:2], order) for tag, name in _COUNTS.items()}
    return Shape(**numbers, frames=int(_value(data_set, found.get(_FRAMES)).strip(b" \0") or b"1"))


def pixel_pieces(
    data_set: DataSet,
    found: Mapping[int, Element],
    tally: Tally,
    expected: int | None,
    changed: Pixels | None = None,
) -> tuple[Pixels, ...]:
    """Give the PixelData element as pieces of the new file; ``changed`` are uncompressed pixels that stand for its own.

    ``expected`` is its ``expected_length``.

    Raises Malformed when there are fewer pixels than the header says or when it does not say how many, and when they
    are packed in an unsaid way.
    """
    element = found[PIXEL_DATA]
    if changed is not None:
        tally.count(Outcome.REPLACED, "PixelData")
        odd = len(changed) % 2
        native = element._replace(undefined=False)
        return _head(native, data_set, len(changed) + odd), changed, bytes(odd)
    content = memoryview(data_set.buffer)[element.start : element.end]
    tally.count(Outcome.KEPT, "PixelData")
    if element.undefined:
        if data_set.syntax in NATIVE:
            raise Malformed.unreadable()
        pieces, cleared = clean_fragments(content, data_set.syntax, _shape(data_set, found))
        if cleared:
            tally.count(Outcome.BLANKED, "texts in the compressed pixels")
        return _head(element, data_set, _UNDEFINED), *pieces, _END[data_set.encoding.order]
    if data_set.syntax not in NATIVE:
        raise Malformed.unreadable()  # compressed pixels have no length (PS3.5 A.4)
    if expected is None:
        raise uncounted_pixels()
    if len(content) < expected:
        raise truncated()
    if len(content) > expected + 1:
        tally.count(Outcome.REMOVED, "bytes after the last pixel")
    content = content[:expected]  # what pads them to an even length is written anew
    odd = len(content) % 2
    return _head(element, data_set, len(content) + odd), content, bytes(odd)


def native_content(data_set: DataSet, found: Mapping[int, Element]) -> memoryview:
    """Give the bytes of PixelData as they lie: all pixels, or the fragments of compressed ones."""
    element = found[PIXEL_DATA]
    return memoryview(data_set.buffer)[element.start : element.end]


def pixel_layout(data_set: DataSet, found: Mapping[int, Element]) -> PixelLayout:
    """Read from the header how the pixels lie; what it does not say counts as PS3.3 C.7.6.3 has it most plainly."""
    order: Final = "little" if data_set.encoding.little else "big"

    def number(tag: int, absent: int) -> int:
        value = _value(data_set, found.get(tag))[:2]
        return int.from_bytes(value, order) if value else absent

    frames = _value(data_set, found.get(_FRAMES)).strip(b" \0") or b"1"
    allocated = number(0x00280100, 0)
    stored = number(_STORED, allocated)
    photometric = _value(data_set, found.get(_PHOTOMETRIC)).strip(b" \0").decode("ascii", "replace")
    return PixelLayout(
        rows=number(0x00280010, 0),
        columns=number(0x00280011, 0),
        frames=int(frames) if frames.isdigit() and len(frames) <= _MOST_DIGITS else 0,
        samples=number(0x00280002, 1),
        allocated=allocated,
        stored=stored,
        high_bit=number(_HIGH_BIT, stored - 1),
        signed=number(_SIGNED, 0) == 1,
        separate=number(_PLANAR, 0) == 1,
        photometric=photometric or "MONOCHROME2",
        little=data_set.encoding.little,
    )


def _value(data_set: DataSet, element: Element | None) -> bytes:
    return data_set.buffer[element.start : element.end] if element else b""


def _head(element: Element, data_set: DataSet, length: int) -> bytes:
    order = data_set.encoding.order
    group, number = PIXEL_DATA >> 16, PIXEL_DATA & 0xFFFF
    if not data_set.encoding.explicit:
        return pack(order + "HHL", group, number, length)
    vr = b"OB" if element.undefined or element.vr == b"OB" else b"OW"
    return pack(order + "HH2s2xL", group, number, vr, length)
