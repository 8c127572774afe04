"""Search every byte of a folder for strings that are known to identify: the proof that nothing of them is left."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from fivesafes.data.model import Residue
from fivesafes.data.residue.compressed import Source
from fivesafes.data.residue.index import EIGHT, FOUR, Pattern
from fivesafes.data.residue.needles import FOLD, Needles
from fivesafes.data.residue.place import Place, Unreadable, masked
from fivesafes.data.residue.streams import layers

__all__ = ["Needles", "numbers_in", "search"]

_CHUNK: Final = 1 << 20
_HEADER: Final = 4096
_TEXT_TEST: Final = 1 << 16
_MOSTLY: Final = 0.9
_IN_WORD: Final = np.array([byte >= 0x80 or chr(byte).isalnum() for byte in range(256)])  # noqa: PLR2004 - beyond ASCII
_QUIET: Final = frozenset(b"\x00\t\n\r" + bytes(range(0x20, 0x7F)))
_CONTROL: Final = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r\f\x1b\x00")


@frozen
class _Kind:
    """What a layer's bytes are: text counts short strings too; ``encoding`` is set for UTF-16; a name is no prose."""

    text: bool
    encoding: str = ""
    name: bool = False


def search(folder: Path, needles: Needles) -> Iterator[Residue]:
    """Yield each string that is left in a folder, once per file or name; the string itself is never given back.

    Looked at are names of files and folders, links, and every byte of every file, as it lies and decompressed; in
    UTF-8, Latin-1 and UTF-16, whatever the case.  Strings of two or three characters count as whole words in text;
    strings of four or five count in text and in the first 4 KiB of other files; longer ones everywhere (see
    ``needles.IN_BINARY``).  A file that can't be read to its end yields ``unsearched``.  Memory: a few MiB.
    """
    for root, folders, members in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *members]):
            path = Path(root) / name
            place = Place.at(path.relative_to(folder).as_posix())
            yield from _in_name(name, place, needles)
            if path.is_symlink():
                yield from _in_name(os.readlink(path), place, needles)  # noqa: PTH115 - the text of the link
            if path.is_file() and not (path.is_symlink() and path.is_dir()):
                yield from _in_file(path, place, needles)


def _in_name(name: str, place: Place, needles: Needles) -> Iterator[Residue]:
    found = dict.fromkeys(
        number
        for form in ("NFC", "NFD")
        for number in _in_bytes(unicodedata.normalize(form, name).encode("utf-8", "surrogateescape"), needles)
    )
    for number in found:
        yield _written(number, place, "filename", needles)


def _in_file(path: Path, place: Place, needles: Needles) -> Iterator[Residue]:
    try:
        for layer in layers(path):
            inside = place.inside(layer.member) if layer.member else place
            for number in numbers_in(layer.source, needles):
                yield _written(number, inside, "file", needles)
    except (Unreadable, OSError) as error:
        yield evolve(place.residue("residue.unsearched", "file"), evidence=type(error).__name__)


def _written(number: int, place: Place, locator: str, needles: Needles) -> Residue:
    shown = masked(needles.reveal(number).reveal())
    return evolve(place.residue("residue.known_value", locator), evidence=f"no. {number} of {len(needles)}: {shown}")


def numbers_in(source: Source, needles: Needles) -> Iterator[int]:
    """Yield the number of each string in a sequence of bytes, once, in the order met."""
    seen: set[int] = set()
    kept = max(needles.longest, EIGHT) + FOUR
    before, start = b"", 0
    kind: _Kind | None = None
    while True:
        piece = source.read(_CHUNK)
        kind = kind or _kind_of(piece)
        buffer = before + piece.translate(FOLD)
        yield from _found(buffer, needles, kind, seen)
        if not kind.text and start < _HEADER:
            yield from _in_header(buffer[: _HEADER - start], needles, seen)
        if needles.short and kind.text:
            yield from _short_words(buffer, needles, kind, seen, borders=(start == 0, not piece))
        if not piece:
            return
        before = buffer[-kept:]
        start += len(buffer) - len(before)


def _in_bytes(content: bytes, needles: Needles) -> Iterator[int]:
    seen: set[int] = set()
    folded = content.translate(FOLD)
    yield from _found(folded, needles, _Kind(text=True, name=True), seen)
    yield from _short_words(folded, needles, _Kind(text=True), seen, borders=(True, True))


def _kind_of(head: bytes) -> _Kind:
    if head.startswith(b"\xff\xfe"):
        return _Kind(text=True, encoding="utf-16-le")
    if head.startswith(b"\xfe\xff"):
        return _Kind(text=True, encoding="utf-16-be")
    sample = head[:_TEXT_TEST]
    printable = len(sample.translate(None, _CONTROL))
    return _Kind(text=b"\x00" not in sample and printable >= _MOSTLY * len(sample))


def _found(buffer: bytes, needles: Needles, kind: _Kind, seen: set[int]) -> Iterator[int]:
    """Yield strings not seen before in a buffer, by the index for its kind."""
    index = needles.in_text if kind.text else needles.in_binary
    for meeting in index.meetings(buffer):
        for offset, pattern in meeting.entries:
            positions = meeting.positions
            if kind.text and not kind.name and pattern.number in needles.alone:
                positions = _standing_alone(pattern, offset, positions, buffer)
            if pattern.number not in seen and _stands(pattern, offset, positions, buffer):
                seen.add(pattern.number)
                yield pattern.number


def _standing_alone(pattern: Pattern, offset: int, positions: NDArray[np.intp], buffer: bytes) -> NDArray[np.intp]:
    """Keep the windows around which the pattern has no letter or digit beside it; UTF-16 and unsure edges stay."""
    if b"\x00" in pattern.folded:
        return positions
    kept = []
    for position in positions.tolist():
        start, end = position - offset, position - offset + len(pattern.folded)
        beside = buffer[max(start - 1, 0) : max(start, 0)] + buffer[end : end + 1]
        number = pattern.folded.isdigit() and buffer[max(start - 2, 0) : max(start, 0)][-1:] == b"."
        if not any(_IN_WORD[byte] for byte in beside) and not number:
            kept.append(position)
    return np.array(kept, dtype=np.intp)


def _stands(pattern: Pattern, offset: int, positions: NDArray[np.intp], buffer: bytes) -> bool:
    """Whether the whole pattern stands around one of its windows."""
    whole = len(pattern.folded) <= EIGHT
    return (whole and bool(len(positions)) and int(positions[0]) + len(pattern.folded) <= len(buffer)) or any(
        position >= offset and buffer.startswith(pattern.folded, position - offset) for position in positions.tolist()
    )


def _in_header(buffer: bytes, needles: Needles, seen: set[int]) -> Iterator[int]:
    """Yield strings of four or five characters beside other text or nulls: chance rarely puts them so."""
    for meeting in needles.in_text.meetings(buffer):
        for offset, pattern in meeting.entries:
            starts = [position - offset for position in meeting.positions.tolist() if position >= offset]
            if pattern.number not in seen and any(_is_quiet(pattern, start, buffer) for start in starts):
                seen.add(pattern.number)
                yield pattern.number


def _is_quiet(pattern: Pattern, start: int, buffer: bytes) -> bool:
    end = start + len(pattern.folded)
    around = buffer[max(0, start - 2) : start] + buffer[end : end + 2]
    return buffer.startswith(pattern.folded, start) and _QUIET.issuperset(around)


def _short_words(
    buffer: bytes, needles: Needles, kind: _Kind, seen: set[int], *, borders: tuple[bool, bool]
) -> Iterator[int]:
    """Yield the words of two or three characters; ``borders`` tells whether the buffer's ends are the layer's ends."""
    if kind.encoding:
        buffer = buffer.replace(b"\x00", b"")
    letters = np.frombuffer(buffer, dtype=np.uint8)
    inside = np.concatenate(([False], _IN_WORD[letters], [False]))
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    whole = ((starts > 0) | borders[0]) & ((ends < len(buffer)) | borders[1])
    for width in {len(word) for word in needles.short if len(word) <= EIGHT}:
        of_width = starts[whole & (ends - starts == width)]
        met = np.unique(sum(letters[of_width + i].astype(np.uint64) << np.uint64(8 * i) for i in range(width)))
        known = {needles.short.get(key.to_bytes(width, "little"), 0) for key in met.tolist()}
        for number in known - {0, *seen}:
            seen.add(number)
            yield number
