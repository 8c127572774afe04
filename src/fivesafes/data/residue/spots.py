"""Look into a text for everything that the patterns know, and name the worst of it."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from fivesafes.data.model import Severity
from fivesafes.data.residue.dates import Spot, dates_in, uids_in
from fivesafes.data.residue.rules import PatternRule, codes, patterns
from fivesafes.data.residue.words import has_name_shape, is_family, is_given, is_person, is_plain, names_in

ANY: Final = frozenset({"any"})
"""Any text at all: only forms that are hardly ever innocent."""
PROSE: Final = frozenset({"any", "free"})
"""Sentences that someone typed: names by themselves and stories count too."""
HIDDEN: Final = frozenset({"any", "free", "hidden"})
"""Places where no text belongs: numbers count too."""
VALUE: Final = frozenset({"any", "value"})
"""The entire value of a cell or key: forms that would be too vague inside a text count too."""

_LONGEST: Final = 20_000
_VAGUE: Final = "possible_identifier"
_RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}
_LATITUDE: Final = 90.0
_LONGITUDE: Final = 180.0
_NHS_WEIGHTS: Final = range(10, 1, -1)
_MEDICARE_WEIGHTS: Final = (1, 3, 7, 9, 1, 3, 7, 9)


def rank(code: str) -> int:
    """Order short codes by severity, 0 for info."""
    return _RANK[codes()[code].severity]


def at_least_medium(spots: list[Spot]) -> list[Spot]:
    """Keep what is medium or worse."""
    return [spot for spot in spots if rank(spot.code) >= _RANK[Severity.MEDIUM]]


def nhs_number(digits: str) -> bool:
    """Check the last digit of a ten-digit NHS number (modulus 11)."""
    if len(digits) != len(_NHS_WEIGHTS) + 1 or len(set(digits)) == 1:
        return False
    rest = sum(int(digit) * weight for digit, weight in zip(digits, _NHS_WEIGHTS, strict=False)) % 11
    return (11 - rest) % 11 == int(digits[-1])


def medicare_number(digits: str) -> bool:
    """Check the ninth digit of an Australian Medicare number (modulus 10)."""
    eight = len(_MEDICARE_WEIGHTS)
    if len(digits) not in range(eight + 2, eight + 4):
        return False
    return sum(int(d) * w for d, w in zip(digits, _MEDICARE_WEIGHTS, strict=False)) % 10 == int(digits[eight])


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _coordinates(text: str) -> bool:
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", text)]
    return len(numbers) == len(("lat", "lon")) and abs(numbers[0]) <= _LATITUDE and abs(numbers[1]) <= _LONGITUDE


def _named(found: re.Match[str]) -> str:
    return found.groupdict().get("name") or found.group()


def _unless_plain(found: re.Match[str]) -> bool:
    return not is_plain(_named(found))


def _titled(found: re.Match[str]) -> bool:
    return not is_plain(_named(found)) or is_given(_named(found)) or is_family(_named(found))


def _caret(found: re.Match[str]) -> bool:
    """Siemens writes region^examination with a caret too: none of the parts may be an everyday word."""
    parts = [part for part in re.split(r"[\^_\s]+", found.group()) if part]
    return not any(is_plain(part) and len(part) > 1 for part in parts)


def _link(found: re.Match[str]) -> bool:
    return bool(re.search(r"\d", _named(found))) or is_person(_named(found))


_CHECKS: Final[Mapping[str, Callable[[re.Match[str]], bool]]] = {
    "": lambda _: True,
    "person": lambda found: is_person(_named(found)) or has_name_shape(_named(found)),
    "given": lambda found: is_given(_named(found)),
    "title": _titled,
    "caret": _caret,
    "link": _link,
    "notplain": _unless_plain,
    "institution": lambda found: "Montreal Neurological" not in found.group() and _unless_plain_first(found),
    "nhs": lambda found: nhs_number(_digits(found.group())),
    "medicare": lambda found: medicare_number(_digits(found.group())),
    "coordinates": lambda found: _coordinates(found.group()),
}


def _unless_plain_first(found: re.Match[str]) -> bool:
    """Whether a hospital has a proper name: one word besides its sort must be no everyday word."""
    return any(not is_plain(word) for word in found.group().split()[:-1])


def _matches(rule: PatternRule, text: str) -> list[Spot]:
    check = _CHECKS[rule.check]
    return [Spot(rule.code, *found.span()) for found in rule.pattern.finditer(text) if check(found)]


@lru_cache(maxsize=50_000)
def spots(text: str, where: frozenset[str] = ANY) -> tuple[Spot, ...]:
    """Find what could identify someone in a text, worst first; ``where`` is ANY, PROSE, HIDDEN or VALUE.

    Of a text longer than 20 000 characters the rest is left out: callers go line by line.
    """
    text = text[:_LONGEST]
    uids = list(uids_in(text))
    others = [*dates_in(text, whole="value" in where), *names_in(text, alone="free" in where)]
    for rule in patterns():
        if rule.where in where:
            others += _matches(rule, text)
    others = [spot for spot in others if not _overlaps(spot, uids)]
    sure = [spot for spot in others if spot.code != _VAGUE]
    vague = [spot for spot in others if spot.code == _VAGUE and not _overlaps(spot, sure)]
    return tuple(sorted(dict.fromkeys(uids + sure + vague), key=lambda spot: (-rank(spot.code), spot.start)))


def _overlaps(spot: Spot, others: list[Spot]) -> bool:
    return any(other.start < spot.end and spot.start < other.end for other in others)
