"""The ways in which one date or one name is written, so that a search finds whichever was left."""

import re
from datetime import date
from itertools import permutations
from typing import Final

_MONTHS: Final = (
    ("January", "Jan"),
    ("February", "Feb"),
    ("March", "Mar"),
    ("April", "Apr"),
    ("May", "May"),
    ("June", "Jun"),
    ("July", "Jul"),
    ("August", "Aug"),
    ("September", "Sep"),
    ("October", "Oct"),
    ("November", "Nov"),
    ("December", "Dec"),
)
_SHORTEST_PART: Final = 3


def date_spellings(day: date) -> frozenset[str]:
    """Spell a day as DICOM, ISO 8601, people and spreadsheets do, in both orders; never the year alone."""
    long, short = _MONTHS[day.month - 1]
    spelt = {day.strftime("%Y%m%d")}
    for mark in "-/._":
        spelt |= {f"{day:%Y}{mark}{day:%m}{mark}{day:%d}", f"{day.year}{mark}{day.month}{mark}{day.day}"}
        spelt |= {f"{day:%d}{mark}{day:%m}{mark}{day:%Y}", f"{day:%m}{mark}{day:%d}{mark}{day:%Y}"}
        spelt |= {f"{day.day}{mark}{day.month}{mark}{day.year}", f"{day.month}{mark}{day.day}{mark}{day.year}"}
    for month in (long, short):
        spelt |= {f"{day.day} {month} {day.year}", f"{day:%d} {month} {day.year}", f"{month} {day.day}, {day.year}"}
        spelt |= {f"{day:%d}-{month}-{day.year}", f"{day:%d}{month}{day.year}", f"{month} {day.day} {day.year}"}
    spelt |= {f"{day:%d%m%Y}", f"{day:%d/%m/%y}", f"{day:%m/%d/%y}"}
    return frozenset(spelt)


def name_spellings(name: str) -> frozenset[str]:
    """Spell a person's name, given as DICOM does (``Family^Given``) or with spaces, in both orders and by part."""
    groups = [part for part in re.split(r"[=]", name) if part.strip()]
    spelt: set[str] = set()
    for group in groups:
        parts = [part for part in re.split(r"[\^,\s_]+", group) if part]
        spelt |= {part for part in parts if len(part) >= _SHORTEST_PART}
        for one, two in permutations(parts[:3], 2):
            spelt |= {f"{one}{mark}{two}" for mark in ("^", " ", ", ", ",", "_", "-", ".", "")}
    return frozenset(text for text in spelt if len(text) >= _SHORTEST_PART)
