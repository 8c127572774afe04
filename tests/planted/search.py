"""Search bytes for every planted value in every encoding; blobs that are deflated are looked into."""

import contextlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from tests.planted.plants import Plant

from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.residue.index import Index, Pattern
from fivesafes.data.residue.needles import FOLD

_GZIP: Final = b"\x1f\x8b\x08"
_MOST: Final = 1 << 24
Found = tuple[Plant, str]
"""A plant that is left, and the encoding in which it was found."""


class Search:
    """Looks for plants; capitals of ASCII letters make no difference."""

    def __init__(self, plants: Iterable[Plant]) -> None:
        """Compile the needles of all plants."""
        self._known: list[tuple[Plant, str]] = []
        patterns = []
        for plant in plants:
            for encoding, needle in plant.needles:
                patterns.append(Pattern(needle.translate(FOLD), len(self._known), len(needle), len(set(needle))))
                self._known.append((plant, encoding))
        self._index = Index.of(patterns)

    def find(self, content: bytes) -> list[Found]:
        """List the plants that are left in some bytes, each once."""
        found: dict[int, Found] = {}
        for layer in _layers(content):
            folded = layer.translate(FOLD)
            for meeting in self._index.meetings(folded):
                for offset, pattern in meeting.entries:
                    for position in meeting.positions.tolist():
                        if _stands(folded, pattern.folded, position - offset):
                            plant, encoding = self._known[pattern.number]
                            found.setdefault(plant.number, (plant, encoding))
                            break
        return [found[number] for number in sorted(found)]


def _stands(folded: bytes, needle: bytes, start: int) -> bool:
    """Tell whether a needle stands there.  Within the long numbers of UIDs, digits turn up by chance.

    So no digit may stand before a needle that begins with one, nor the root of UIDs made of UUIDs (2.25), nor a digit
    behind one that has other marks between digits; a date is found although a time follows it.
    """
    if start < 0 or not folded.startswith(needle, start):
        return False
    before, behind = folded[max(start - 5, 0) : start], folded[start + len(needle) : start + len(needle) + 1]
    if needle[:1].isdigit() and (before[-1:].isdigit() or before == b"2.25."):
        return False
    return not (needle[-1:].isdigit() and not needle.isdigit() and behind.isdigit())


def _layers(content: bytes) -> Iterator[bytes]:
    """Give the bytes as they lie, the data set where it is deflated, and each gzip stream in either."""
    layers = [content]
    try:
        data_set = open_data_set(content)
    except Malformed:
        pass
    else:
        if data_set.buffer is not content:
            layers.append(bytes(data_set.buffer))
    for layer in layers:
        yield layer
        place = layer.find(_GZIP)
        while place >= 0:
            stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
            with contextlib.suppress(zlib.error):
                yield stream.decompress(layer[place:], _MOST)
            place = layer.find(_GZIP, place + 1)
