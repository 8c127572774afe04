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

from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.elements import (
    EXPLICIT_LITTLE,
    Element,
    Encoding,
    holds_items,
    inner_encoding,
)
from fivesafes.data.header.part10 import DataSet, open_data_set
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import KEY_BYTES, Pseudonyms
from fivesafes.data.header.scanner import read_elements, read_items
from fivesafes.data.header.texts import CHARACTER_SET, decoded_text

SHORTEST: Final = 3
"""Characters that a text of a listed attribute must have to be looked for; shorter ones stand in any file."""
SHORTEST_NUMBER: Final = 5
SHORTEST_ELSEWHERE: Final = 6
LONGEST: Final = 1024
"""Longer texts are looked for by their first so many characters."""

_TEXTS: Final = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
_READ: Final = _TEXTS | {"PN", "UI", "DA", "DT", "TM"}
_UNTOLD: Final = frozenset({"UN"})
_BLOBS: Final = frozenset({"OB"})
_PREAMBLE: Final = 128
_STANDARD_UIDS: Final = "1.2.840.10008."
_RUN: Final = re.compile(rb"[\x20-\x7e\xa0-\xff]{6,}")
_NUMBER: Final = re.compile(r"[\d.,:/ -]+")
_NOBODY: Final = Pseudonyms(bytes(KEY_BYTES), "nobody")
"""What stays does not depend on the key; what is replaced is not asked for."""


class TextCollector:
    """Collects over the instances of a series; what it has seen once costs next to nothing again."""

    def __init__(self, profile: Profile, cleaning: Deidentifier | None = None) -> None:
        """Take the profile that says what stays, and what ``nobodys`` gave where many series are collected."""
        self._deidentifier = cleaning or nobodys(profile)
        self._listed = profile.basic.keys()
        self._creators = profile.creators.keys()
        self._words = profile.words
        self._seen: set[tuple[int, bytes]] = set()
        self._seen_kept: set[tuple[int, bytes]] = set()
        self._found: set[str] = set()
        self._kept: set[str] = set()

    def add(self, data_set: DataSet) -> None:
        """Collect the texts of one object, at every depth.  Raises Malformed when its encoding is broken."""
        for text, vr, tag in self._new_texts(data_set, self._seen, blobs=_UNTOLD):
            self._found.update(self._spelled(text, vr, tag))
        pieces = self._deidentifier.clean(data_set).pieces
        if pieces:  # an object that may not pass keeps nothing
            cleaned = open_data_set(b"".join(pieces[:2]))
            told = self._new_texts(cleaned, self._seen_kept, blobs=_UNTOLD | _BLOBS)
            self._kept.update(text for text, _, _ in told)

    def texts(self) -> frozenset[str]:
        """Give what was found and is not part, as whole words, of what stays."""
        kept = "\n".join(f" {text} " for text in sorted(self._kept)).casefold()
        return frozenset(text for text in self._found if f" {text.casefold()} " not in kept)

    def _new_texts(
        self, data_set: DataSet, seen: set[tuple[int, bytes]], *, blobs: frozenset[str]
    ) -> Iterator[tuple[str, str, int]]:
        """Yield text, VR and tag of what was not seen before; of VRs in ``blobs``, the printable runs."""
        elements = [*_file_meta(data_set), *data_set.elements()]
        character_set = next((e for e in elements if e.tag == CHARACTER_SET), None)
        for element in _leaves(data_set, elements, data_set.encoding, depth=0):
            vr = element.vr.decode("ascii") or _dictionary_vr(element.tag)
            if vr not in _READ | blobs or element.end <= element.start or self._is_creator(data_set, element):
                continue
            key = (element.tag, bytes(data_set.buffer[element.start : element.end]))
            if key in seen:
                continue
            seen.add(key)
            if vr in blobs:
                yield from ((run.decode("latin-1").strip(), "LO", element.tag) for run in _RUN.findall(key[1]))
                continue
            text = decoded_text(data_set, element, character_set)
            for value in [text] if vr in {"LT", "ST", "UT"} else text.split("\\"):
                yield value.strip(), vr, element.tag

    def _is_creator(self, data_set: DataSet, element: Element) -> bool:
        """Whether it is the name of a private block that the profile knows (PS3.5 7.8.1)."""
        if not (element.tag >> 16) % 2 or not 0x10 <= element.tag & 0xFFFF <= 0xFF:  # noqa: PLR2004 - creators' places
            return False
        return bytes(data_set.buffer[element.start : element.end]).strip(b" \0").upper() in self._creators

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


def nobodys(profile: Profile) -> Deidentifier:
    """Give a de-identifier for what stays alone, which several collectors share: it remembers what it has seen."""
    return Deidentifier(profile, _NOBODY)


def _file_meta(data_set: DataSet) -> list[Element]:
    """List the elements of group 0002, which lie before the data set unless that was inflated (PS3.10 7.1)."""
    if data_set.buffer[_PREAMBLE : _PREAMBLE + 4] != b"DICM" or data_set.start <= _PREAMBLE + 4:
        return []
    return read_elements(data_set.buffer, _PREAMBLE + 4, data_set.start, EXPLICIT_LITTLE)


def _leaves(data_set: DataSet, elements: list[Element], encoding: Encoding, *, depth: int) -> Iterator[Element]:
    """Yield every element that is no sequence, from every depth."""
    for element in elements:
        if holds_items(element) or (element.vr.decode("ascii") or _dictionary_vr(element.tag)) == "SQ":
            inner = inner_encoding(element, encoding)
            for item in read_items(data_set.buffer, element, encoding, depth=depth):
                yield from _leaves(data_set, item, inner, depth=depth + 1)
        else:
            yield element


@lru_cache(maxsize=8192)
def _dictionary_vr(tag: int) -> str:
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN" if (tag >> 16) % 2 else ""


def _name(text: str) -> Iterator[str]:
    """Give a person's name whole, and the words of its family, given and middle names in each spelling (PS3.5 6.2.1).

    Prefixes and suffixes (Prof, Dr, Jr) are not a person's own.
    """
    if text:
        yield text
        for spelling in text.split("="):
            for component in spelling.split("^")[:3]:
                yield from {component.strip(), *component.split()}


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
