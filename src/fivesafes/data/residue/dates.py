"""Spot dates, times of day and UIDs that tell a date, however they are written."""

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from fivesafes.data.residue.rules import date_rules

FIRST_REAL_YEAR: Final = 1926
"""BIDS asks that shifted dates lie in 1925 or before: what is earlier is taken for shifted."""
_LAST_YEAR: Final = 2035
_EARLIEST_YEAR: Final = 1800
_CENTURY_DIGITS: Final = 2
_MONTHS: Final = 12
_DAYS: Final = 31

_VERSION_BEFORE: Final = re.compile(
    r"(?i)(?:\bv|(?<![a-z])r|ver(?:sion)?s?|release|rev(?:ision)?|build|dcm2niix\w*|freesurfer|spm\d*|git)"
    r"[-_:=/.,\" ]{0,4}(?:[\d.]+[-_.]|[A-Za-z]?[\d.]+\w?[\s,(]{1,2})?$",
)
_LASTING_AFTER: Final = re.compile(r"(?i)\s*(?:elapsed|remaining|left\b|in total|min\b|minutes|hours|hrs|h\b|long)")
_LASTING_BEFORE: Final = re.compile(
    r"(?i)(?:elapsed|duration|took|lasted|remaining|eta|length|after|runtime)(?: time)?[ :=]{1,3}$"
)
_BUILD_STAMP: Final = re.compile(r"(?i)freesurfer [a-z]{3} ")
_UID: Final = re.compile(r"(?<![\d.])[0-2](?:\.\d+){5,}(?![\d.])")
_UID_LENGTHS: Final = range(18, 65)
_UID_STAMP: Final = re.compile(
    r"(?:19[89]\d|20[0-3]\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:$|(?:[01]\d|2[0-3])[0-5]\d[0-5]\d|\d{1,5}$)",
)
_SIEMENS_STAMP: Final = re.compile(r"3000\d{2}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d")
_GE_ROOT: Final = "1.2.840.113619."
_STANDARD_ROOT: Final = "1.2.840.10008."
_NEW_ROOT: Final = "2.25."
EPOCH: Final = range(946_684_800, 2_082_758_400)
"""Seconds since 1970 from the year 2000 to 2035."""


@frozen
class Spot:
    """A stretch of a text that a rule recognises, with the short code of what it is."""

    code: str
    start: int
    end: int


def dates_in(text: str, *, whole: bool = False) -> Iterator[Spot]:
    """Yield the dates and times in a text; ``whole`` adds the forms that count only when they are the entire value.

    Codes: ``date``, ``shifted_date`` (before 1926), ``month``, ``time_of_day``.  Version numbers, digests and
    addresses on the web that look like dates are left out.
    """
    if not any(character.isdigit() for character in text):
        return
    taken: list[tuple[int, int]] = []
    for rule in date_rules():
        if rule.where == "value" and not whole:
            continue
        for found in rule.pattern.finditer(text):
            span = found.span()
            code = _code_of(rule.precision, found, text)
            if code and not any(start < span[1] and span[0] < end for start, end in taken):
                taken.append(span)
                yield Spot(code, *span)


def _code_of(precision: str, found: re.Match[str], text: str) -> str | None:
    """Judge one match: None when it is no date after all."""
    if precision == "time":
        lasting = _LASTING_AFTER.match(text, found.end()) or _LASTING_BEFORE.search(text, 0, found.start())
        return None if lasting else "time_of_day"
    parts = found.groupdict()
    year = _year(parts.get("y"))
    if year is not None and not _EARLIEST_YEAR <= year <= _LAST_YEAR:
        return None
    if not _is_a_day(parts) or _is_something_else(text, *found.span()):
        return None
    if year is not None and year < FIRST_REAL_YEAR:
        return "shifted_date"
    return "month" if precision == "month" else "date"


def _year(written: str | None) -> int | None:
    if not written:
        return None
    digits = written.lstrip("'")
    return 2000 + int(digits) % 100 if len(digits) <= _CENTURY_DIGITS else int(digits)


def _is_a_day(parts: dict[str, str | None]) -> bool:
    """Whether day and month, in whichever order they stand, can be."""
    first, second = parts.get("a"), parts.get("b")
    if first and second:
        low, high = sorted((int(first), int(second)))
        return 1 <= low <= _MONTHS and high <= _DAYS
    return True


def _is_something_else(text: str, start: int, end: int) -> bool:
    """Whether the digits belong to a version number, a digest or an address rather than to a date."""
    if _VERSION_BEFORE.search(text, max(0, start - 32), start) or _BUILD_STAMP.match(text[max(0, start - 11) :]):
        return True
    left, right = start, end
    while left and not text[left - 1].isspace() and text[left - 1] not in "\"',;()<>":
        left -= 1
    while right < len(text) and not text[right].isspace() and text[right] not in "\"',;()<>":
        right += 1
    token = text[left:right]
    digest = re.fullmatch(r"(?i)[0-9a-f-]{16,}", token) and re.search(r"(?i)[a-f]", token)
    return bool(digest) or "://" in token or token.startswith(("10.", "doi:"))


def uids_in(text: str) -> Iterator[Spot]:
    """Yield the UIDs in a text: ``uid_with_date``, ``original_uid`` or ``replaced_uid`` (2.25, PS3.5 B.2).

    Siemens and many others write yyyymmddhhmmss into a component, GE seconds since 1970.
    """
    for found in _UID.finditer(text):
        uid = found.group()
        if len(uid) in _UID_LENGTHS and not uid.startswith(_STANDARD_ROOT):
            yield Spot(_uid_code(uid), *found.span())


def _uid_code(uid: str) -> str:
    if uid.startswith(_NEW_ROOT):
        return "replaced_uid"
    for component in uid.split("."):
        if _UID_STAMP.match(component) or _SIEMENS_STAMP.match(component):
            return "uid_with_date"
        if uid.startswith(_GE_ROOT) and int(component) in EPOCH:
            return "uid_with_date"
    return "original_uid"
