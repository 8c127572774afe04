"""Identifying strings made ready for a search of bytes: spellings, encodings, and a table of their beginnings."""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import field, frozen

from fivesafes.core.ids import Identifying
from fivesafes.data.residue.index import Index, Pattern

FEWEST: Final = 2
"""Shorter strings say nothing and are left out."""
WORD: Final = 4
"""Strings of fewer characters are looked for as whole words, and only in text."""
IN_BINARY: Final = 6
"""Strings of fewer characters are not looked for among voxels.

In B random bytes a string of n bytes turns up by chance about B / 256**n times: for 100 MB and n = 4 that is once in
43 files, and 16 times as often when case is ignored; with 10 000 strings every file would have hits.  For n = 6 it is
once in 2.8 million files (200 000 when case is ignored).
"""
_DISTINCT: Final = 3
_ENCODINGS: Final = ("utf-8", "latin-1", "utf-16-le", "utf-16-be")
FOLD: Final = bytes(byte + 32 if 0x41 <= byte <= 0x5A else byte for byte in range(256))  # noqa: PLR2004 - A to Z
"""Translates bytes to lower case, ASCII letters only."""


@frozen(kw_only=True)
class Needles:
    """A set of identifying strings, compiled.  It shows only how many there are; ``reveal`` opens one by number.

    ``in_text`` finds the strings of four characters or more, ``in_binary`` those that are long and varied enough not
    to turn up among voxels; ``short`` holds the words of two or three characters
    (UTF-16 is reduced to single bytes before they are looked for).  ``longest`` is in bytes.  ``alone`` numbers the
    strings that count inside text only where no letter or digit stands beside them: "correct" is not in "correction".
    """

    count: int
    longest: int
    in_text: Index = field(repr=False)
    in_binary: Index = field(repr=False)
    short: dict[bytes, int] = field(repr=False)
    alone: frozenset[int] = frozenset()
    _strings: tuple[Identifying[str], ...] = field(repr=False)

    def __len__(self) -> int:
        """Count the strings."""
        return self.count

    def reveal(self, number: int) -> Identifying[str]:
        """Give the string of that number (counted from 1 in the order of the alphabet)."""
        return self._strings[number - 1]

    @classmethod
    def of(cls, strings: Iterable[str], *, alone: Iterable[str] = ()) -> "Needles":
        """Compile strings of two characters or more; blanks around them and repetitions do not count.

        Those that ``alone`` lists too count inside text as whole words only; in names they count everywhere.
        """
        words = {string.strip() for string in alone}
        kept = sorted({text for string in strings if len(text := string.strip()) >= FEWEST})
        patterns = [pattern for number, text in enumerate(kept, start=1) for pattern in _patterns(text, number)]
        return cls(
            count=len(kept),
            longest=max((len(pattern.folded) for pattern in patterns), default=0),
            in_text=Index.of([pattern for pattern in patterns if pattern.characters >= WORD]),
            in_binary=Index.of([pattern for pattern in patterns if _is_telling(pattern)]),
            short={p.folded: p.number for p in patterns if p.characters < WORD and b"\x00" not in p.folded},
            alone=frozenset(number for number, text in enumerate(kept, start=1) if text in words),
            strings=tuple(Identifying(text) for text in kept),
        )


def _is_telling(pattern: Pattern) -> bool:
    return pattern.characters >= IN_BINARY and pattern.distinct >= _DISTINCT


def _patterns(text: str, number: int) -> Iterator[Pattern]:
    """Yield each distinct way to write a string: case of letters beyond ASCII, composed or not, four encodings."""
    plain = text.isascii()
    forms = {text} if plain else {unicodedata.normalize(f, case) for f in ("NFC", "NFD") for case in _cases(text)}
    seen: set[bytes] = set()
    for form in sorted(forms):
        for encoding in _ENCODINGS:
            try:
                folded = form.encode(encoding).translate(FOLD)
            except UnicodeEncodeError:
                continue
            if folded not in seen:
                seen.add(folded)
                yield Pattern(folded, number, len(text), len(set(text.lower())))


def _cases(text: str) -> set[str]:
    return {text, text.lower(), text.upper(), text.title()}
