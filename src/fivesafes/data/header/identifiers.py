"""The texts of an original that must not turn up in a release: what a byte search for residue looks for."""

import re
import warnings
from collections.abc import Iterator
from datetime import date
from typing import Final

import pydicom
from pydicom.dataelem import DataElement

from fivesafes.core.errors import InvalidInput
from fivesafes.data.header.deidentify import deidentify
from fivesafes.data.header.profile import Action, Profile
from fivesafes.data.header.pseudonyms import KEY_BYTES, Pseudonyms

SHORTEST: Final = 3
SHORTEST_NUMBER: Final = 5
_TEXTS: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UR", "UT", "AS"})
_DATES: Final = frozenset({"DA", "DT"})
_TIMES: Final = frozenset({"TM"})
_RUN: Final = re.compile(rb"[\x20-\x7e\xa0-\xff]{6,}")
_NOBODY: Final = Pseudonyms(bytes(KEY_BYTES), "nobody")


def identifying_texts(dataset: pydicom.Dataset, profile: Profile) -> frozenset[str]:
    """Collect every text of a data set, at any depth, that does not stay as it is.

    Names are also split in their components; dates and times are also given in common spellings.  Left out are texts
    that equal a kept one, those of fewer than 3 characters and numbers of fewer than 5 digits: they stand in any file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        kept = set(_texts(_kept(dataset, profile)))
        found = set(_texts(dataset))
        meta = getattr(dataset, "file_meta", None)
        if meta is not None:
            found.update(text for text in _texts(meta) if not text.startswith("1.2.840.10008."))
    return frozenset(text for text in found - kept if _tells_something(text))


def _kept(dataset: pydicom.Dataset, profile: Profile) -> pydicom.Dataset:
    """Give what is left of it; of an object that may not pass, the outermost attributes that a rule would keep."""
    try:
        made, _, verdict = deidentify(dataset, profile, _NOBODY)
    except InvalidInput:
        made, verdict = pydicom.Dataset(), None
    if verdict is None or verdict.gravity:
        for tag in dataset.keys() & profile.rules.keys():
            if profile.rules[tag].action in {Action.K, Action.C}:
                made[tag] = dataset[tag]
    return made


def _tells_something(text: str) -> bool:
    if text.replace(".", "").isdigit():
        return len(text) >= SHORTEST_NUMBER
    return len(text) >= SHORTEST


def _texts(dataset: pydicom.Dataset) -> Iterator[str]:
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except (KeyError, NotImplementedError, TypeError, ValueError):
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _texts(item)
        else:
            yield from _of_element(element)


def _of_element(element: DataElement) -> Iterator[str]:
    values = element.value if isinstance(element.value, (list, pydicom.multival.MultiValue)) else [element.value]
    for value in values:
        text = str(value).strip() if value is not None and not isinstance(value, bytes) else ""
        if element.VR == "PN":
            yield from _name(text)
        elif element.VR in _DATES:
            yield from _date(text)
        elif element.VR in _TIMES:
            yield from _time(text)
        elif element.VR in _TEXTS and text:
            yield text
        elif element.VR == "UN" and isinstance(value, bytes):
            yield from (run.decode("latin-1").strip() for run in _RUN.findall(value))


def _name(text: str) -> Iterator[str]:
    """Give a person's name whole, and each component of each of its spellings (PS3.5 6.2.1)."""
    if text:
        yield text
        yield from (part.strip() for part in re.split(r"[=^]", text) if part.strip())


def _date(text: str) -> Iterator[str]:
    """Give a date as DICOM spells it and as people do."""
    digits = text[:8]
    if not text:
        return
    yield text
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return
    yield digits
    for spelling in ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y.%m.%d", "%Y/%m/%d"):
        yield day.strftime(spelling)
    yield f"{day.day} {day:%B} {day.year}"
    if len(text) >= 14:  # noqa: PLR2004 - YYYYMMDDHHMMSS
        yield from _time(re.split(r"[+-]", text[8:], maxsplit=1)[0])


def _time(text: str) -> Iterator[str]:
    if len(text) >= 6:  # noqa: PLR2004 - HHMMSS
        yield text
        yield text[:6]
        yield f"{text[:2]}:{text[2:4]}:{text[4:6]}"
