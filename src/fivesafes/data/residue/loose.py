"""Look for text in bytes of an unknown form."""

import re
from collections.abc import Iterator
from typing import Final

from fivesafes.data.model import Residue
from fivesafes.data.residue.place import Place
from fivesafes.data.residue.spots import HIDDEN, at_least_medium, rank, spots

_LATIN: Final = re.compile(rb"[\x20-\x7e\t\r\n\xa0-\xff]{4,}")
_ASCII: Final = re.compile(rb"[\x20-\x7e\t\r\n]{4,}|(?:[\x20-\x7e]\x00){4,}|(?:\x00[\x20-\x7e]){4,}")
_WIDE: Final = re.compile(rb"(?:[\x20-\x7e]\x00){4,}")
_WIDE_REVERSED: Final = re.compile(rb"(?:\x00[\x20-\x7e]){4,}")


def runs_of_text(content: bytes) -> list[str]:
    """Give the printable runs of some bytes: Latin-1 and UTF-16 in both byte orders, four characters or more."""
    runs = [run.decode("latin-1") for run in _LATIN.findall(content)]
    runs += [run.decode("utf-16-le") for run in _WIDE.findall(content)]
    return runs + [run.decode("utf-16-be") for run in _WIDE_REVERSED.findall(content)]


def worst_spot(texts: list[str], where: frozenset[str] = HIDDEN) -> tuple[str, str] | None:
    """Find the worst of what the patterns see in some texts, line by line: its short code and its words, or None."""
    best: tuple[str, str] | None = None
    for line in (line for text in texts for line in text.splitlines()):
        for spot in at_least_medium(list(spots(line, where)))[:1]:
            if best is None or rank(spot.code) > rank(best[0]):
                best = (spot.code, line[spot.start : spot.end])
    return best


def text_in_bytes(content: bytes, place: Place, locator: str) -> Iterator[Residue]:
    """Yield the worst of what the texts in some bytes disclose; bytes that hold no text are unchecked content."""
    runs = runs_of_text(content)
    best = worst_spot(runs)
    if best:
        yield place.residue(best[0], locator, best[1])
    elif sum(map(len, _ASCII.findall(content))) * 2 > len(content.strip(b"\x00")):
        yield place.residue("hidden_text", locator, max(runs, key=len))
    else:
        yield place.residue("unchecked_content", locator, f"{len(content)} bytes")
