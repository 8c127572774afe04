"""Files made to break whoever reads them: each name says how.  All are small but for what they unfold to."""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack
from typing import Final

from tests.fuzz.seeds import seed

_MANY: Final = 300_000
_MEGABYTE: Final = 1 << 20
_SEQUENCE: Final = 0x00081140  # ReferencedImageSequence, which is kept
_CHUNK: Final = 1 << 24


def _head(syntax: bytes) -> bytes:
    """Write preamble and file meta information with a transfer syntax alone."""
    value = syntax + b"\0" * (len(syntax) % 2)
    element = pack("<HH2sH", 2, 0x10, b"UI", len(value)) + value
    return bytes(128) + b"DICM" + pack("<HH2sHL", 2, 0, b"UL", 4, len(element)) + element


def _implicit(tag: int, value: bytes, *, length: int | None = None) -> bytes:
    return pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


_IMPLICIT: Final = _head(b"1.2.840.10008.1.2")
_FIRST: Final = _implicit(0x00080008, b"ORIGINAL\\PRIMARY")
_IDENTITY: Final = b"".join(
    _implicit(tag, value)
    for tag, value in (
        (0x00080016, b"1.2.840.10008.5.1.4.1.1.4\0"),
        (0x00080018, b"1.2.3.4.5."),
        (0x00080060, b"MR"),
    )
)
_REST: Final = b"".join(
    _implicit(tag, value)
    for tag, value in ((0x00100020, b"7301"), (0x0020000D, b"1.2.3.4.6."), (0x0020000E, b"1.2.3.4.7."))
)


def _image(*elements: tuple[int, bytes]) -> bytes:
    """Write an implicit object that may pass, with these elements in their places."""
    known = [(0x00080008, _FIRST), (0x00080016, _IDENTITY), (0x00100020, _REST)]
    rest = [(tag, _implicit(tag, value)) for tag, value in elements]
    return _IMPLICIT + b"".join(piece for _, piece in sorted([*known, *rest], key=lambda one: one[0]))


def _deflated(size: int) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    step = bytes(_CHUNK)
    body = b"".join(stream.compress(step) for _ in range(size // _CHUNK)) + stream.flush()
    return _head(b"1.2.840.10008.1.2.1.99") + body


def _packed(size: int) -> bytes:
    """Gzip a protocol of one line without end."""
    body = gzip.compress(b'set SLICEORDER "' + b"1" * size, mtime=0)
    return pack("<L", len(body)) + body


def _csa(count: int, items: int) -> bytes:
    tag = pack("<64sL4sLLL", b"B_value", 1, b"DS", 3, items, 77)
    return b"SV10\4\3\2\1" + pack("<LL", count, 77) + tag


_CREATOR: Final = (0x00290010, b"SIEMENS CSA HEADER")

BOMBS: Final[dict[str, Callable[[], bytes]]] = {
    "four-gigabytes-of-ten-bytes": lambda: _IMPLICIT + _implicit(0x00080008, b"0123456789", length=0xFFFFFFFE),
    "undefined-without-delimiter": lambda: _IMPLICIT + _FIRST + _implicit(_SEQUENCE, b"", length=0xFFFFFFFF),
    "undefined-text": lambda: _IMPLICIT + _implicit(0x00080008, b"ORIGINAL", length=0xFFFFFFFF),
    "item-outside": lambda: _IMPLICIT + _FIRST + pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF),
    "nested-without-end": lambda: (
        _IMPLICIT
        + _FIRST
        + (_implicit(_SEQUENCE, b"", length=0xFFFFFFFF) + b"\xfe\xff\0\xe0\xff\xff\xff\xff") * 100_000
    ),
    "many-empty-items": lambda: _image((_SEQUENCE, b"\xfe\xff\0\xe0\0\0\0\0" * _MANY)),
    "many-empty-elements": lambda: _IMPLICIT + _FIRST + _implicit(0x00080012, b"") * _MANY,
    "deflate-bomb": lambda: _deflated(300 << 20),
    "gzip-bomb": lambda: _image((0x00250010, b"GEMS_SERS_01"), (0x0025101B, _packed(1 << 26))),
    "csa-of-four-billion-fields": lambda: _image(_CREATOR, (0x00291010, _csa(0xFFFFFFFF, 1))),
    "csa-of-four-billion-items": lambda: _image(_CREATOR, (0x00291010, _csa(1, 0xFFFFFFFF))),
    "protocol-of-blanks": lambda: _image(
        _CREATOR,
        (0x00291020, b"### ASCCONV BEGIN ###\na=" + b" " * _MEGABYTE + b'x"\n### ASCCONV END ###'),
    ),
    "protocol-that-begins-for-ever": lambda: _image(
        (0x00210010, b"SIEMENS MR SDS 01"), (0x00211019, b"### ASCCONV BEGIN" * 100_000)
    ),
    "private-blocks": lambda: _image(
        *((0x00290000 | place, b"SIEMENS CSA HEADER") for place in range(0x10, 0x100)),
        *((0x00290000 | place << 8 | low, b"x") for place in range(0x10, 0x100) for low in range(0, 256, 2)),
    ),
    "character-sets": lambda: _image(
        (0x00080005, b"\\".join([b"ISO 2022 IR 87", b"GB18030", b"x"] * 4000)),
        (0x0008103E, b"\x1b$B\x1b(B\xff" * 8000),
        (0x00100020, b"\x1b$B\x1b(J\xe9" * 8000),
    ),
    "backslashes": lambda: _image((0x00200037, b"\\" * 8 * _MEGABYTE)),
    "digits": lambda: _image((0x00200011, b"9" * 60_000), (0x00280008, b"9" * 60_000), (0x00280002, b"\xff" * 60_000)),
    "words": lambda: _image((0x0008103E, b"T1 1 " * _MANY)),
    "frames-without-pixels": lambda: _image((0x00280008, b"999999999999"), (0x7FE00010, b"")),
    "meta-without-end": lambda: bytes(128) + b"DICM" + pack("<HH2sHL", 2, 0, b"UL", 4, 0xFFFFFFFF),
    "meta-of-many": lambda: bytes(128) + b"DICM" + pack("<HH2sH", 2, 0x16, b"AE", 0) * _MANY + _FIRST + _IDENTITY,
    "meta-that-lies": lambda: _head(b"1.2.840.10008.1.2.4.50") + _FIRST + _IDENTITY + _REST,
    "syntax-of-many-letters": lambda: _head(b"1." * 30_000) + _FIRST + _IDENTITY + _REST,
    "preamble-alone": lambda: bytes(128) + b"DICM",
    "preamble-of-a-program": lambda: b"MZ" + bytes(126) + b"DICM" + b"\x02",
    "directory": lambda: _image((0x00041220, b"")),
    "nothing": lambda: b"",
    "one-byte": lambda: b"\x08",
}


def write_bombs(folder: Path) -> Iterator[str]:
    """Write each, and what is no file: a pipe, a loop of links, a device's name, two gigabytes of nothing."""
    for name, make in BOMBS.items():
        (folder / name).write_bytes(make())
        yield name
    (folder / "loop").symlink_to("loop")
    (folder / "around").symlink_to(folder)
    (folder / "device").symlink_to("/dev/zero")

    os.mkfifo(folder / "pipe")
    with (folder / "sparse").open("wb") as file:
        file.truncate(2 << 30)
    yield from ("loop", "device", "pipe", "sparse")
    (folder / "good").write_bytes(seed("siemens").content)
