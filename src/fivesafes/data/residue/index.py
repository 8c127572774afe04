"""Find many byte strings at once: two tables of hashes let pass the few positions that are compared exactly."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

FOUR: Final = 4
EIGHT: Final = 8
_FEWEST_BITS, _MOST_BITS, _ROOM = 18, 22, 32
_HASH4: Final = np.uint32(2_654_435_761)
_HASH8: Final = np.uint64(11_400_714_819_323_198_485)

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]


@frozen
class Pattern:
    """One way to write one string: folded bytes, the string's number, its length and variety in characters."""

    folded: bytes
    number: int
    characters: int
    distinct: int


@frozen
class Meeting:
    """Positions in a buffer where the window of some patterns stands; ``entries`` gives each pattern's offset to it."""

    positions: NDArray[np.intp]
    entries: tuple[tuple[int, Pattern], ...]


@frozen(kw_only=True)
class Index:
    """Patterns of four bytes or more by a window of up to eight of their bytes.

    The window is the rarest of a pattern's beginning, middle and end, for names share endings and UIDs beginnings.
    ``first`` marks hashes of a window's first four bytes, ``second`` hashes of the whole window; ``known`` holds the
    windows in order, by width.  ``bits`` is the size of the tables, kept small so that they stay in the cache.
    """

    bits: int

    first: NDArray[np.bool_] = field(repr=False, eq=False)
    second: NDArray[np.bool_] = field(repr=False, eq=False)
    known: dict[int, U64] = field(repr=False, eq=False)
    entries: dict[tuple[int, int], tuple[tuple[int, Pattern], ...]] = field(repr=False)

    @classmethod
    def of(cls, patterns: Sequence[Pattern]) -> "Index":
        """Index patterns; those shorter than four bytes are left out."""
        long = [pattern for pattern in patterns if len(pattern.folded) >= FOUR]
        common = Counter(window for pattern in long for _, window in _windows(pattern.folded))
        entries: dict[tuple[int, int], list[tuple[int, Pattern]]] = {}
        for pattern in long:
            offset, window = min(_windows(pattern.folded), key=lambda pair: common[pair[1]])
            entries.setdefault((len(window), int.from_bytes(window, "little")), []).append((offset, pattern))
        bits = min(_MOST_BITS, max(_FEWEST_BITS, (_ROOM * len(entries)).bit_length()))
        first, second = np.zeros(1 << bits, dtype=np.bool_), np.zeros(1 << bits, dtype=np.bool_)
        known: dict[int, U64] = {}
        for width in sorted({width for width, _ in entries}):
            keys = np.array(sorted(key for w, key in entries if w == width), dtype=np.uint64)
            known[width] = keys
            first[_hash4(keys.astype(np.uint32), bits)] = True
            second[_hash8(keys, width, bits)] = True
        return cls(
            bits=bits, first=first, second=second, known=known, entries={k: tuple(v) for k, v in entries.items()}
        )

    def meetings(self, buffer: bytes) -> Iterator[Meeting]:
        """Yield where windows stand in a buffer, at any alignment."""
        if not self.known:
            return
        padded = buffer + bytes(EIGHT)
        for shift in range(FOUR):
            count = (len(padded) - shift) // FOUR
            view: U32 = np.frombuffer(padded, dtype="<u4", offset=shift, count=count).astype(np.uint32, copy=False)
            hits = np.flatnonzero(self.first[_hash4(view[:-1], self.bits)])
            if len(hits):
                keys = view[hits].astype(np.uint64) | (view[hits + 1].astype(np.uint64) << np.uint64(32))
                yield from self._meet(keys, hits * FOUR + shift)

    def _meet(self, keys: U64, positions: NDArray[np.intp]) -> Iterator[Meeting]:
        for width, known in self.known.items():
            narrowed = keys & np.uint64((1 << (8 * width)) - 1)
            maybe = np.flatnonzero(self.second[_hash8(narrowed, width, self.bits)])
            if not len(maybe):
                continue
            narrowed = narrowed[maybe]
            sure = known[np.minimum(np.searchsorted(known, narrowed), len(known) - 1)] == narrowed
            narrowed, where = narrowed[sure], positions[maybe[sure]]
            order = np.argsort(narrowed, kind="stable")
            distinct, starts = np.unique(narrowed[order], return_index=True)
            for key, some in zip(distinct.tolist(), np.split(where[order], starts[1:]), strict=False):
                yield Meeting(some, self.entries[width, key])


def _windows(folded: bytes) -> list[tuple[int, bytes]]:
    """Give the windows that could stand for a pattern, with their offsets."""
    spare = len(folded) - EIGHT
    if spare <= 0:
        return [(0, folded)]
    return [(offset, folded[offset : offset + EIGHT]) for offset in sorted({0, spare // 2, spare})]


def _hash4(fours: U32, bits: int) -> U32:
    """Hash four bytes to an index of the table (multiplicative hashing, Knuth 6.4)."""
    return (fours * _HASH4) >> np.uint32(32 - bits)


def _hash8(keys: U64, width: int, bits: int) -> U64:
    return ((keys ^ np.uint64(width)) * _HASH8) >> np.uint64(64 - bits)
