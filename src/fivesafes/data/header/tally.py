"""Count what became of each attribute: keywords and numbers, never a value."""

from collections.abc import Iterable
from functools import lru_cache

from pydicom.datadict import keyword_for_tag

from fivesafes.data.header.outcome import Outcome
from fivesafes.data.model import HeaderRecord

Entry = tuple[Outcome, str, str]
"""What became of an attribute, its keyword, and the PS3.15 option that was used (or empty)."""

Told = tuple[tuple[Entry, int], ...]
"""What became of attributes, and how often."""


class Tally:
    """Counts entries of one object.  It is added up when somebody asks."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._counts: dict[Entry, int] = {}
        self._again: list[tuple[Told, int]] = []

    def count(self, outcome: Outcome, keyword: str, option: str = "") -> None:
        """Count one attribute."""
        entry = (outcome, keyword, option)
        self._counts[entry] = self._counts.get(entry, 0) + 1

    def add(self, told: Told, times: int = 1) -> None:
        """Count what was counted before, as often as it came up again."""
        self._again.append((told, times))

    def entries(self) -> Told:
        """List each entry and how often it was counted."""
        counts = self._counts
        for told, times in self._again:
            for entry, often in told:
                counts[entry] = counts.get(entry, 0) + often * times
        self._again.clear()
        return tuple(counts.items())

    def record(self) -> HeaderRecord:
        """Give the counts by keyword."""
        counts: dict[Outcome, dict[str, int]] = {outcome: {} for outcome in Outcome}
        for (outcome, keyword, _), times in self.entries():
            counts[outcome][keyword] = counts[outcome].get(keyword, 0) + times
        return HeaderRecord(**{outcome.value: counts[outcome] for outcome in Outcome})


@lru_cache(maxsize=65536)
def name_of(tag: int, creator: bytes | None = None) -> str:
    """Name an attribute in a report.  The creator of a private one only if it is known: it may be a typed text."""
    group, number = tag >> 16, tag & 0xFFFF
    if group & 1:
        said = f'"{creator.decode("ascii")}"' if creator else "unknown creator"
        return f"({group:04X},xx{number & 0xFF:02X}) {said}"
    return keyword_for_tag(tag) or f"({group:04X},{number:04X})"


def add_records(records: Iterable[HeaderRecord]) -> HeaderRecord:
    """Add up the records of many objects."""
    counts: dict[Outcome, dict[str, int]] = {outcome: {} for outcome in Outcome}
    for record in records:
        for outcome in Outcome:
            for keyword, times in getattr(record, outcome.value).items():
                counts[outcome][keyword] = counts[outcome].get(keyword, 0) + times
    return HeaderRecord(**{outcome.value: counts[outcome] for outcome in Outcome})
