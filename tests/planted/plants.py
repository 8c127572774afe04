"""A plant: one value in one place, and the byte strings by which a search knows it."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from attrs import evolve, field, frozen
from tests.planted.encodings import FEWEST, bare, spelt, swapped

from fivesafes.data.residue.needles import FOLD
from fivesafes.data.residue.spellings import date_spellings

_PARTS: Final = re.compile(r"[\^=\\\s_,]+")


@frozen(kw_only=True)
class Plant:
    """One planted value; ``needles`` are (encoding, bytes), to be compared without regard to ASCII capitals."""

    number: int = 0
    category: str
    place: str
    value: str
    needles: tuple[tuple[str, bytes], ...] = field(repr=False)

    def numbered(self, number: int) -> "Plant":
        """Give the plant its number in the corpus."""
        return evolve(self, number=number)


def plant_text(category: str, place: str, text: str, raw: bytes = b"") -> Plant:
    """Plant a text: looked for whole and part by part; ``raw`` is how it lies in the file where that is not UTF-8."""
    parts = {text, *(part for part in _PARTS.split(text) if len(part) >= FEWEST)}
    found = [pair for part in sorted(parts) for pair in spelt(part)]
    if raw:
        found += [("as planted", raw), ("without escape sequences", bare(raw))]
    return Plant(category=category, place=place, value=text, needles=_fit(found))


def plant_day(category: str, place: str, day: date, spelling: str) -> Plant:
    """Plant a day in some spelling; it is looked for in all of them."""
    found = [("as planted", spelling.encode()), *(("a date", text.encode()) for text in sorted(date_spellings(day)))]
    return Plant(category=category, place=place, value=spelling, needles=_fit(found))


def plant_number(category: str, place: str, text: str, raws: Iterable[bytes] = ()) -> Plant:
    """Plant digits; ``raws`` are other ways in which they lie in the file."""
    found = [
        ("digits", text.encode()),
        ("digits", re.sub(r"\D", "", text).encode()),
        ("utf-16-le", text.encode("utf-16-le")),
    ]
    found += [("as planted", raw) for raw in raws]
    return Plant(category=category, place=place, value=text, needles=_fit(found, fewest=4))


def plant_bytes(category: str, place: str, text: str, raw: bytes) -> Plant:
    """Plant a text under a binary VR; it is looked for in each byte order."""
    found = [*spelt(text), ("as planted", raw), *(("reversed", swapped(raw, width)) for width in (2, 4, 8))]
    return Plant(category=category, place=place, value=text, needles=_fit(found, fewest=4))


def _fit(found: Iterable[tuple[str, bytes]], fewest: int = FEWEST) -> tuple[tuple[str, bytes], ...]:
    """Leave out what is too short to be told from chance, and what is the same but for capitals."""
    kept: dict[bytes, tuple[str, bytes]] = {}
    for encoding, needle in found:
        if len(needle) >= fewest and needle.strip(b" \0"):
            kept.setdefault(needle.translate(FOLD), (encoding, needle))
    return tuple(kept.values())
