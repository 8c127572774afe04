"""Tell from the values of a column what it holds, whatever its name."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from fivesafes.data.residue.dates import EPOCH, dates_in
from fivesafes.data.residue.spots import VALUE, nhs_number, rank, spots
from fivesafes.data.residue.words import has_name_shape, is_person

MOST: Final = 0.5
NEARLY_ALL: Final = 0.9
_FEWEST: Final = 3
_YEARS: Final = range(1900, 2036)
_EXCEL_DAYS: Final = range(14_611, 49_500)
_MATLAB_DAYS: Final = range(712_000, 743_500)
_JULIAN_DAYS: Final = range(2_430_000, 2_464_500)
_RECENT_EXCEL: Final = range(39_448, 47_119)
_RECENT_MATLAB: Final = range(733_400, 741_100)
_RECENT_JULIAN: Final = range(2_454_400, 2_462_140)
_ENOUGH_DAYS: Final = 5
_MILLI: Final = 1_000
_WIDE_RANGE: Final = 2.0
_KEY: Final = re.compile(r"((?:[A-Za-z]{1,5}[-_]?)?)(0*)(\d{5,12})([A-Za-z]?)")
_DIGEST: Final = re.compile(r"(?i)(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})")
_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_SENTENCE_WORDS: Final = 3
_MOST_DISTINCT: Final = 3_000

Test = Callable[[str], bool]


def share(values: Sequence[str], test: Test) -> float:
    """Give the share of values that pass; each distinct value is tested once, and of very many only the first."""
    counted = Counter(values).most_common(_MOST_DISTINCT)
    total = sum(count for _, count in counted)
    return sum(count for value, count in counted if test(value)) / total if total else 0.0


def number(value: str) -> float | None:
    """Read a value as a number, or None."""
    return float(value) if _NUMBER.fullmatch(value) else None


def is_numeric(values: Sequence[str]) -> bool:
    """Whether every value is a number."""
    return all(_NUMBER.fullmatch(value) for value in values)


def date_code(value: str) -> str | None:
    """Say what a whole value is: ``date``, ``shifted_date``, ``month``, ``time_of_day``, or None.

    A date followed by a time of day counts as the date.  The value may not be much longer than what was recognised.
    """
    found = sorted(dates_in(value, whole=True), key=lambda spot: spot.start)
    covered = sum(spot.end - spot.start for spot in found)
    if not found or covered * 2 < len(value.strip()):
        return None
    by_rank = ("date", "shifted_date", "month", "time_of_day")
    return min((spot.code for spot in found), key=by_rank.index)


def has_time(value: str) -> bool:
    """Whether a date is followed by a time of day other than midnight."""
    return bool(re.search(r"[T _](?!00:?00)\d\d:?\d\d", value))


def is_epoch(value: str) -> bool:
    """Whether a value counts seconds or milliseconds since 1970, between 2000 and 2035."""
    amount = number(value)
    return amount is not None and (int(amount) in EPOCH or int(amount) // _MILLI in EPOCH)


def is_serial_day(value: str) -> bool:
    """Whether a value could count days as Excel, MATLAB or astronomers do; many other numbers could too."""
    amount = number(value)
    return amount is not None and any(int(amount) in days for days in (_EXCEL_DAYS, _MATLAB_DAYS, _JULIAN_DAYS))


def is_compact_day(value: str) -> bool:
    """Whether a value is six digits that make a day in some order."""
    if not re.fullmatch(r"\d{6}", value):
        return False
    one, two, three = int(value[:2]), int(value[2:4]), int(value[4:])
    return (1 <= two <= 12 and (1 <= three <= 31 or 1 <= one <= 31)) or (1 <= one <= 12 and 1 <= two <= 31)  # noqa: PLR2004 - months and days


def is_year(value: str) -> bool:
    """Whether a value is a year of the last century or this one."""
    return bool(re.fullmatch(r"\d{4}(?:\.0)?", value)) and int(value[:4]) in _YEARS


def looks_like_keys(values: Sequence[str]) -> bool:
    """Whether the values look like record numbers: one per row, one shape, and no measurement.

    Measurements of one sort lie near each other; numbers without leading zeros or letters must therefore spread over
    more than a factor of two, or follow each other closely.
    """
    found = [_KEY.fullmatch(value) for value in values]
    shapes = {(m.group(1).upper(), len(value)) for m, value in zip(found, values, strict=True) if m}
    if len(values) < _FEWEST or not all(found) or len(set(values)) < NEARLY_ALL * len(values):
        return False
    prefixes = {prefix for prefix, _ in shapes}
    lengths = {length for _, length in shapes}
    if len(prefixes) > 2 or max(lengths) - min(lengths) > 1:  # noqa: PLR2004 - a hospital may have had two schemes
        return False
    if any(prefixes) or any(m.group(2) or m.group(4) for m in found if m):
        return True
    numbers = sorted(int(value) for value in values)
    return numbers[-1] > _WIDE_RANGE * numbers[0] or numbers[-1] - numbers[0] < 4 * len(numbers)


def looks_like_narrow_keys(values: Sequence[str]) -> bool:
    """Whether the values are long whole numbers, one per row, that lie near each other: record numbers or sizes."""
    long = all(re.fullmatch(r"\d{6,12}", value) for value in values)
    return len(values) >= _FEWEST and long and len(set(values)) == len(values)


def looks_like_days(values: Sequence[str]) -> bool:
    """Whether whole numbers count days of the last years (Excel, MATLAB, Julian), or are days in six digits.

    Only for five values and more, of which each fits: then chance is unlikely.
    """
    if len(set(values)) < _ENOUGH_DAYS:
        return False
    if all(is_compact_day(value) for value in values):
        return True
    numbers = [amount for value in values if (amount := number(value)) is not None]
    return len(numbers) == len(values) and any(
        all(int(amount) in days for amount in numbers) for days in (_RECENT_EXCEL, _RECENT_MATLAB, _RECENT_JULIAN)
    )


def looks_like_proper_words(values: Sequence[str]) -> bool:
    """Whether there is one capitalised word or two per row, hardly any twice, that no list of words explains."""
    distinct = len(set(values)) >= NEARLY_ALL * len(values) and len(values) >= _FEWEST
    return distinct and share(values, has_name_shape) > NEARLY_ALL


def looks_like_digests(values: Sequence[str]) -> bool:
    """Whether there is one digest or UUID per row."""
    distinct = len(set(values)) >= NEARLY_ALL * len(values)
    return distinct and share(values, lambda value: bool(_DIGEST.fullmatch(value) or _UUID.fullmatch(value))) > MOST


def is_prose(values: Sequence[str]) -> bool:
    """Whether the values are mostly sentences: three words or more."""
    return share(values, lambda value: len(value.split()) >= _SENTENCE_WORDS) >= MOST


def shape_of(values: Sequence[str]) -> str | None:
    """Say by short code what most of the values are, or None.

    For numbers: dates written as eight digits, seconds since 1970, NHS numbers.  For texts: dates, times, names, and
    whatever pattern most values match.
    """
    if is_numeric(values):
        return _shape_of_numbers(values)
    if share(values, lambda value: bool(date_code(value))) > MOST:
        return "date"
    if share(values, is_person) > MOST:
        return "name"
    counted: Counter[str] = Counter()
    for value, count in Counter(values).most_common(_MOST_DISTINCT):
        best = next(iter(spots(value, VALUE)), None)
        if best and (best.end - best.start) * 2 >= len(value):
            counted[best.code] += count
    code, count = counted.most_common(1)[0] if counted else ("", 0)
    return code if count > MOST * len(values) and rank(code) else None


def _shape_of_numbers(values: Sequence[str]) -> str | None:
    if all(re.fullmatch(r"\d{8}|\d{14}", value) for value in values) and share(values, _is_day) > NEARLY_ALL:
        return "date"
    if all(is_epoch(value) for value in values) and len(set(values)) > 1:
        return "date"
    if len(values) >= _FEWEST and all(nhs_number(value) for value in values):
        return "national_number"
    return None


def _is_day(value: str) -> bool:
    return date_code(value[:8]) is not None
