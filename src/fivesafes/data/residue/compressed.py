"""Read gzip by hand: its headers hold a name, a time and a comment, and members can hide behind the first."""

import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Protocol

from attrs import frozen

from fivesafes.data.model import Residue
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.spots import HIDDEN, at_least_medium, spots
from fivesafes.data.residue.words import is_dummy, unknown_words

MAGIC: Final = b"\x1f\x8b\x08"
_HCRC, _EXTRA, _NAME, _COMMENT = 2, 4, 8, 16
_BLOCK: Final = 1 << 18
_HEADER_LIMIT: Final = 1 << 16
_FRESH_SECONDS: Final = 86_400
_BLOCKED_GZIP: Final = b"BC\x02\x00"


class Source(Protocol):
    """Gives bytes in order."""

    def read(self, count: int, /) -> bytes:
        """Give up to ``count`` bytes, none at the end."""


@frozen(kw_only=True)
class GzipHeader:
    """What one member says of itself (RFC 1952): modification time in seconds since 1970, 0 when not given."""

    mtime: int
    name: str = ""
    comment: str = ""
    extra: bytes = b""


class GzipReader:
    """Decompresses a stream piece by piece, keeps each member's header and what follows the last member.

    ``limit`` bounds what is given out, in bytes; beyond it Unreadable is raised, as for broken data.
    """

    def __init__(self, raw: Source, *, limit: int) -> None:
        """Start at the current position of an open file."""
        self._raw = raw
        self._left = limit
        self._input = b""
        self._inflate: zlib._Decompress | None = None
        self.headers: list[GzipHeader] = []
        self.after = b""

    def read(self, count: int) -> bytes:
        """Give up to ``count`` bytes; fewer only at the end."""
        pieces: list[bytes] = []
        while count > 0:
            piece = self._some(count)
            if not piece:
                break
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def _some(self, count: int) -> bytes:
        while True:
            if self._inflate is None and not self._next_member():
                return b""
            assert self._inflate is not None  # noqa: S101 - _next_member made one
            if not self._input:
                self._input = self._raw.read(_BLOCK)
                if not self._input:
                    raise Unreadable(why="the compressed data end too early")
            piece = self._inflated(count)
            if piece:
                return piece

    def _inflated(self, count: int) -> bytes:
        inflate = self._inflate
        assert inflate is not None  # noqa: S101 - the caller checked
        try:
            piece = inflate.decompress(self._input, min(count, _BLOCK * 4))
        except zlib.error as error:
            raise Unreadable(why="the compressed data are broken") from error
        self._input = inflate.unconsumed_tail
        if inflate.eof:
            self._input = inflate.unused_data
            self._inflate = None
            self._take(8)  # check sum and length
        self._left -= len(piece)
        if self._left < 0:
            raise Unreadable(why="decompresses to more than is read here")
        return piece

    def _take(self, count: int) -> bytes:
        while len(self._input) < count:
            more = self._raw.read(_BLOCK)
            if not more:
                break
            self._input += more
        taken, self._input = self._input[:count], self._input[count:]
        return taken

    def _next_member(self) -> bool:
        start = self._take(10)
        if not start:
            return False
        if not start.startswith(MAGIC) or len(start) < 10:  # noqa: PLR2004 - RFC 1952: ten bytes of header
            if not self.headers:
                raise Unreadable(why="not gzip data")
            self.after = (start + self._take(_HEADER_LIMIT))[:_HEADER_LIMIT]
            return False
        flags = start[3]
        extra = self._take(struct.unpack("<H", self._take(2))[0]) if flags & _EXTRA else b""
        name = self._text() if flags & _NAME else ""
        comment = self._text() if flags & _COMMENT else ""
        if flags & _HCRC:
            self._take(2)
        mtime = struct.unpack("<I", start[4:8])[0]
        self.headers.append(GzipHeader(mtime=mtime, name=name, comment=comment, extra=extra))
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        return True

    def _text(self) -> str:
        found = b""
        while len(found) < _HEADER_LIMIT:
            byte = self._take(1)
            if byte in (b"", b"\x00"):
                break
            found += byte
        return found.decode("latin-1")


def find_in_headers(headers: list[GzipHeader], place: Place, now: datetime) -> Iterator[Residue]:
    """Yield what the headers of the members disclose: ``gzip.FNAME``, ``gzip.MTIME``, ``comment``, ``gzip.EXTRA``.

    A time within a day of now only tells when the release was made.
    """
    own = place.path.rsplit("/", 1)[-1]
    for header in headers:
        if header.mtime:
            fresh = abs(now.timestamp() - header.mtime) < _FRESH_SECONDS
            yield place.residue("made_on" if fresh else "date", "gzip.MTIME", header.mtime)
        if header.name and header.name not in (own, own.removesuffix(".gz"), own.removesuffix(".tgz") + ".tar"):
            yield from _hidden(header.name, place, "gzip.FNAME", usual="hidden_text")
        if header.comment:
            yield from _hidden(header.comment, place, "comment", usual="hidden_text")
        if header.extra and not header.extra.startswith(_BLOCKED_GZIP):
            yield from _hidden(header.extra.decode("latin-1"), place, "gzip.EXTRA", usual="hidden_text")


def _hidden(text: str, place: Place, locator: str, *, usual: str) -> Iterator[Residue]:
    spaced = text.replace("_", " ").replace(".", " ") if locator == "gzip.FNAME" else text
    found = at_least_medium([*spots(text, HIDDEN), *spots(spaced, HIDDEN)])
    if found:
        yield place.residue(found[0].code, locator, text)
    elif locator != "gzip.FNAME" or unknown_words(spaced):
        yield place.residue(usual, locator, text)
    elif not is_dummy(text):
        yield place.residue("free_text", locator, text)
