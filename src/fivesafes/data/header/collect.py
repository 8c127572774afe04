"""Collect the texts of originals that must not turn up in a release: what a byte search for residue looks for.

Which texts identify is decided by where they stand.  Names, dates, times and UIDs identify wherever they are, and so do
the texts of attributes that PS3.15 lists.  Other texts that do not stay (private elements, attributes that no rule
names) count when they are long enough and hold a word that the inclusion vocabulary lacks: "Interleaved" stands in any
file.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final

from pydicom.datadict import dictionary_VR, keyword_for_tag

from fivesafes.data.header.elements import Element, Encoding, inner_encoding, read_items
from fivesafes.data.header.part10 import DataSet
from fivesafes.data.header.profile import Action, Profile
from fivesafes.data.header.texts import CHARACTER_SET, decoded_text
from fivesafes.data.header.words import Vocabulary

SHORTEST: Final = 3
"""Characters that a text of a listed attribute must have to be looked for; shorter ones stand in any file."""
SHORTEST_NUMBER: Final = 5
SHORTEST_ELSEWHERE: Final = 6
LONGEST: Final = 1024
"""Longer texts are looked for by their first so many characters."""

_TEXTS: Final = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
_READ: Final = _TEXTS | {"PN", "UI", "DA", "DT", "TM", "UN"}
_STANDARD_UIDS: Final = "1.2.840.10008."
_RUN: Final = re.compile(rb"[\x20-\x7e\xa0-\xff]{6,}")
_NUMBER: Final = re.compile(r"[\d.,:/ -]+")


class TextCollector:
    """Collects over the instances of a series; what it has seen once costs next to nothing again."""

    def __init__(self, profile: Profile) -> None:
        """Take the profile that says what stays."""
        self._rules = profile.rules
        self._listed = frozenset(profile.basic)
        self._words = Vocabulary.read(profile.folder / "allow" / "words.txt")
        self._seen: set[tuple[int, bytes, bytes, bytes]] = set()
        self._found: set[str] = set()
        self._kept: set[str] = set()

    def add(self, data_set: DataSet) -> None:
        """Collect the texts of one object, at every depth.  Raises Malformed when its encoding is broken."""
        elements = data_set.elements()
        character_set = next((e for e in elements if e.tag == CHARACTER_SET), None)
        self._walk(data_set, elements, data_set.encoding, character_set, depth=0)

    def texts(self) -> frozenset[str]:
        """Give what was found and neither stays as it is nor stands as a word in what stays."""
        kept = " ".join(f" {text} " for text in sorted(self._kept)).casefold()
        return frozenset(text for text in self._found if f" {text.casefold()} " not in kept)

    def _walk(
        self,
        data_set: DataSet,
        elements: list[Element],
        encoding: Encoding,
        character_set: Element | None,
        *,
        depth: int,
    ) -> None:
        for element in elements:
            vr = element.vr.decode("ascii") or _dictionary_vr(element.tag)
            if vr == "SQ" or element.items is not None:
                inner = inner_encoding(element, encoding)
                for item in read_items(data_set.buffer, element, encoding, depth=depth):
                    self._walk(data_set, item, inner, character_set, depth=depth + 1)
            elif vr in _READ and element.end > element.start:
                self._take(data_set, element, vr, character_set)

    def _take(self, data_set: DataSet, element: Element, vr: str, character_set: Element | None) -> None:
        raw = data_set.buffer[element.start : element.end]
        charset = data_set.buffer[character_set.start : character_set.end] if character_set is not None else b""
        key = (element.tag, element.vr, bytes(raw), bytes(charset))
        if key in self._seen:
            return
        self._seen.add(key)
        if vr == "UN":
            self._found.update(t for run in _RUN.findall(key[2]) if self._tells(t := run.decode("latin-1").strip(), 0))
            return
        text = decoded_text(data_set, element, character_set)
        rule = self._rules.get(element.tag)
        if rule is not None and rule.action is Action.K:
            self._kept.update(part.strip() for part in text.split("\\"))
            return
        for value in text.split("\\") if vr not in {"LT", "ST", "UT"} else [text]:
            self._found.update(self._spelled(value.strip(), vr, element.tag))

    def _spelled(self, value: str, vr: str, tag: int) -> Iterator[str]:
        """Give a value in the spellings in which it could turn up."""
        match vr:
            case "PN":
                yield from (part for part in _name(value) if len(part) >= SHORTEST)
            case "DA" | "DT":
                yield from _date(value)
            case "TM":
                yield from _time(value)
            case "UI":
                if not value.startswith(_STANDARD_UIDS) and len(value) > len(_STANDARD_UIDS):
                    yield value
            case _:
                if self._tells(value, tag):
                    yield value[:LONGEST]

    def _tells(self, text: str, tag: int) -> bool:
        """Whether a text says something of its own."""
        if _NUMBER.fullmatch(text):
            return sum(map(str.isdigit, text)) >= SHORTEST_NUMBER and self._is_listed(tag)
        if not any(map(str.isalpha, text)):
            return False
        shortest = SHORTEST if self._is_listed(tag) else SHORTEST_ELSEWHERE
        return len(text) >= shortest and not self._is_known(text)

    def _is_listed(self, tag: int) -> bool:
        return keyword_for_tag(tag) in self._listed

    def _is_known(self, text: str) -> bool:
        return text.isascii() and bool(self._words.keep_code(text.encode()))


@lru_cache(maxsize=8192)
def _dictionary_vr(tag: int) -> str:
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN" if (tag >> 16) % 2 else ""


def _name(text: str) -> Iterator[str]:
    """Give a person's name whole, and each component of each of its spellings (PS3.5 6.2.1)."""
    if text:
        yield text
        yield from (part for piece in re.split(r"[=^]", text) for part in {piece.strip(), *piece.split()} if part)


def _date(text: str) -> Iterator[str]:
    """Give a date, or a date with its time, as DICOM spells it and as people do."""
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return
    yield text
    yield text[:8]
    for spelling in ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y.%m.%d", "%Y/%m/%d"):
        yield day.strftime(spelling)
    yield f"{day.day} {day:%B} {day.year}"
    if len(text) >= len("YYYYMMDDHHMMSS"):
        yield from _time(re.split(r"[+-]", text[8:], maxsplit=1)[0])


def _time(text: str) -> Iterator[str]:
    """Give a time of day as people and converters spell it; whole minutes say little."""
    if len(text) >= len("HHMMSS") and text[:6].isdecimal() and text[:6] != "000000":
        yield text
        yield text[:6]
        yield f"{text[:2]}:{text[2:4]}:{text[4:6]}"
