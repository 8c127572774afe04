"""Read single texts of a data set, decoded by its character set; for facts and for the participant's identity."""

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import tag_for_keyword

from fivesafes.core.ids import Identifying
from fivesafes.data.header.elements import Element
from fivesafes.data.header.part10 import DataSet

_PADDING: Final = b" \0"
_DELIMITERS: Final = set(b"\\^=")
_LONGEST: Final = 1 << 16
_MOST_SETS: Final = 16
"""ISO 2022 has four places for character sets; each one named is tried on each piece of a text."""
CHARACTER_SET: Final = 0x00080005
PATIENT_ID: Final = 0x00100020
STUDY: Final = 0x0020000D


def keywords_to_tags(keywords: Iterable[str]) -> Mapping[str, int]:
    """Look keywords up in the dictionary.  Raises LookupError for one that is not there."""
    tags = {}
    for keyword in keywords:
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise LookupError(keyword)
        tags[keyword] = tag
    return tags


def plain_text(data_set: DataSet, element: Element | None) -> str:
    """Give an element's value as ASCII, without padding; other bytes become question marks."""
    if element is None or element.end - element.start > _LONGEST:
        return ""
    return data_set.buffer[element.start : element.end].strip(_PADDING).decode("ascii", "replace")


def decoded_text(data_set: DataSet, element: Element | None, character_set: Element | None) -> str:
    """Give an element's value in the data set's character set, without padding."""
    if element is None or element.end - element.start > _LONGEST:
        return ""
    value = data_set.buffer[element.start : element.end].strip(_PADDING)
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    named = plain_text(data_set, character_set)
    with warnings.catch_warnings(), _unlogged():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        try:
            return decode_bytes(value, convert_encodings(named.split("\\")[:_MOST_SETS]), _DELIMITERS)
        except (LookupError, UnicodeError, ValueError):
            return value.decode("latin-1")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep what pydicom logs, which quotes values, from whoever listens."""
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def patient_of(data_set: DataSet, found: Mapping[int, Element]) -> Identifying[str]:
    """Name whom it belongs to: PatientID, or the study when that is empty, so that strangers are never joined."""
    patient = decoded_text(data_set, found.get(PATIENT_ID), found.get(CHARACTER_SET)).strip()
    return Identifying(patient or f"study {plain_text(data_set, found.get(STUDY))}")
