"""Judge one column of a table: by its name first, then by what its values look like."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from attrs import field, frozen

from fivesafes.data.model import Severity
from fivesafes.data.residue import shapes
from fivesafes.data.residue.rules import codes, key_rules
from fivesafes.data.residue.shapes import MOST, share
from fivesafes.data.residue.spots import PROSE, VALUE, at_least_medium, rank, spots
from fivesafes.data.residue.words import has_name_shape, is_dummy, is_person, is_plain, unknown_words

OLDEST: Final = 89
"""HIPAA 164.514(b)(2)(i)(C) keeps ages to 89; BIDS 1.10 asks the same of participants.tsv."""
_MONTHS: Final = 12
_WEEKS: Final = 52.18
_DAYS: Final = 365.25
_MOST_YEARS: Final = 125
_PER_YEAR: Final = {"m": _MONTHS, "w": _WEEKS, "d": _DAYS}
_OTHER_AGES: Final = frozenset(
    [
        "brain",
        "bone",
        "mental",
        "gestational",
        "reading",
        "group",
        "range",
        "band",
        "bin",
        "cat",
        "category",
        "gap",
        "delta",
    ]
)
_MEASURED: Final = re.compile(
    r"(?i)brain|gm|wm|csf|hippo|amygd|cort|cereb|thal|lh_|rh_|left|right|ratio|level|dose|reading|steps|vol|icv|tiv|etiv|area|thick|score|count|seed|intens|snr|duration|onset|rt$|size|mm3|mm2|weight|index|"
    r"sample|frame|time|total|sum|mean|voxel|vertices|freq",
)
_KEY_NAMED: Final = re.compile(
    r"(?i)code|ref|batch|box|tube|sample|serial|(?:^|_)(?:no|nr|num|number|key|id)(?:$|_)|id$"
)
_MOST_ROWS: Final = 50
_PHONE_DIGITS: Final = 7
_NUMBER_DIGITS: Final = 4


@frozen
class Hit:
    """What a column, or one row of it, holds: a short code and a value to mask; ``row`` None for the whole column."""

    code: str
    value: str
    row: int | None = None
    severity: Severity | None = None


@frozen(kw_only=True)
class Column:
    """A column: its name, the cells that say something as (row, text), and what the data dictionary says of it.

    ``own`` is the label of each row's participant, so that a column that repeats it is no finding; ``keyed`` tells
    that the table has a row per participant or per session, where record numbers would stand.
    """

    name: str
    cells: tuple[tuple[int, str], ...]
    dictionary: Mapping[str, Any] = field(factory=dict)
    own: Sequence[str] = ()
    keyed: bool = False

    @property
    def values(self) -> list[str]:
        """Give the cells without their rows."""
        return [text for _, text in self.cells]

    def repeats_label(self) -> bool:
        """Whether the cells merely repeat the participant's label, with or without ``sub-``."""
        if not self.own:
            return False
        same = sum(text.removeprefix("sub-") == self.own[row].removeprefix("sub-") for row, text in self.cells)
        return same > MOST * len(self.cells)


def judge(column: Column) -> list[Hit]:
    """List what a column discloses, by its name and by its values; a finding per column, or per row where few are."""
    cells = tuple((row, text) for row, text in column.cells if not is_dummy(text))
    if not cells:
        return []
    column = Column(name=column.name, cells=cells, dictionary=column.dictionary, own=column.own, keyed=column.keyed)
    if column.repeats_label():
        return []
    ages = list(_ages(column)) if _is_age(column) else None
    if ages is not None:
        return ages
    for rule in key_rules(column.name, "table"):
        hits = _TESTS[rule.when](column, rule.code)
        if hits:
            return hits
    return _by_shape(column)


def _whole(column: Column, code: str) -> list[Hit]:
    return [Hit(code, column.values[0])]


def _mostly(test: Callable[[str], bool], column: Column, code: str) -> list[Hit]:
    return _whole(column, code) if share(column.values, test) >= MOST else []


def _days(column: Column, code: str) -> list[Hit]:
    """Judge a column named after a date; numbers that count days or seconds are dates too."""
    kinds = [(row, text, shapes.date_code(text)) for row, text in column.cells]
    if sum(kind is not None for _, _, kind in kinds) >= MOST * len(kinds):
        return _dated(kinds, code)
    if _is_measured(column):
        return []
    counted = (shapes.is_epoch, shapes.is_serial_day, shapes.is_compact_day)
    if any(share(column.values, test) > shapes.NEARLY_ALL for test in counted):
        return _whole(column, code)
    return [Hit(code, text, row) for row, text, kind in kinds if kind == "date"][:_MOST_ROWS]


def _dated(kinds: list[tuple[int, str, str | None]], code: str) -> list[Hit]:
    """Tell true dates from shifted ones, and times of day without a date."""
    real = [(row, text) for row, text, kind in kinds if kind in ("date", "month")]
    shifted = [text for _, text, kind in kinds if kind == "shifted_date"]
    times = [text for _, text, kind in kinds if kind == "time_of_day"]
    months = all(kind != "date" for _, _, kind in kinds)
    if real and len(real) * 2 < len(shifted):
        return [Hit(code, text, row) for row, text in real][:_MOST_ROWS]
    if real:
        return [Hit("month" if months and code == "date" else code, real[0][1])]
    if times:
        return [Hit("time_of_day", times[0])]
    untrue = "shifted_time" if any(map(shapes.has_time, shifted)) else "shifted_date"
    return [Hit(untrue, shifted[0])] if shifted else []


def _birth(column: Column, code: str) -> list[Hit]:
    return _days(column, code) or _mostly(shapes.is_year, column, "birth_year")


def _times(column: Column, _: str) -> list[Hit]:
    hits = _days(column, "date") if not shapes.is_numeric(column.values) else []
    return hits or _mostly(shapes.is_epoch, column, "date")


def _coordinate(column: Column, code: str) -> list[Hit]:
    def fine(text: str) -> bool:
        return bool(re.fullmatch(r"[(\[]?-?\d{1,3}\.\d{2,}(?:\s*[,;]\s*-?\d{1,3}\.\d{2,})?[)\]]?", text)) or any(
            spot.code == "location" for spot in spots(text, VALUE)
        )

    return _mostly(fine, column, code)


def _uid(column: Column, _: str) -> list[Hit]:
    worst = max((spots(text) for text in column.values), key=lambda found: rank(found[0].code) if found else -1)
    return _whole(column, worst[0].code) if worst else []


def _prose(column: Column, code: str) -> list[Hit]:
    """Judge a column that people typed into: each telling row, and the column as such."""
    hits = [hit for row, text in column.cells if (hit := telling(text, row))]
    if len(hits) > _MOST_ROWS:
        worst = max(hits, key=lambda hit: list(Severity).index(hit.severity or Severity.MEDIUM))
        return [Hit("telling_text", worst.value, None, worst.severity)]
    return [*hits, Hit(code, column.values[0])]


def telling(text: str, row: int | None = None) -> Hit | None:
    """Judge one typed text: a Hit when it tells about a person, else None."""
    found = at_least_medium(list(spots(text, PROSE)))
    if found:
        worst = found[0]
        alone = (worst.end - worst.start) * 3 > len(text.strip()) * 2
        severity = codes()[worst.code].severity
        shown = text[worst.start : worst.end]
        return Hit(worst.code, shown, row) if alone else Hit("telling_text", shown, row, severity)
    proper = [word for word in unknown_words(text) if word[0].isupper() and not text.lstrip().startswith(word)]
    return Hit("unknown_text", proper[0], row) if proper else None


def _is_age(column: Column) -> bool:
    parts = set(re.split(r"[\W_]+", column.name.lower()))
    named = "age" in parts or any(rule.when == "age" for rule in key_rules(column.name, "table"))
    return named and not parts & _OTHER_AGES


def _ages(column: Column) -> Iterator[Hit]:
    """Yield each age over 89; months, weeks and days are told by the dictionary's units, the name or the size."""
    per_year = _age_units(column)
    for row, text in column.cells:
        years = age_in_years(text, per_year)
        if years is not None and years >= OLDEST + 1:
            yield Hit("age_over_89", text, row)


def _age_units(column: Column) -> float:
    units = str(column.dictionary.get("Units", "")).lower()
    for unit, per_year in (("month", _MONTHS), ("week", _WEEKS), ("day", _DAYS)):
        if units.startswith(unit) or unit in column.name.lower():
            return per_year
    numbers = [amount for text in column.values if (amount := shapes.number(text)) is not None]
    if numbers and sorted(numbers)[len(numbers) // 2] > _MOST_YEARS:
        return _MONTHS if max(numbers) < _MOST_YEARS * _MONTHS else _DAYS
    return 1


def age_in_years(text: str, per_year: float = 1) -> float | None:
    """Read an age: ``93``, ``093Y``, ``P93Y``, ``1116M``; a group open at the top (``90+``, ``>89``) is None."""
    found = re.fullmatch(r"P?0*(\d+(?:\.\d+)?)\s*([YMWDymwd])?(?:ears|rs|ear|r|o)?(?:\s*old)?", text.strip())
    if not found:
        return None
    unit = (found.group(2) or "").lower()
    return float(found.group(1)) / (_PER_YEAR.get(unit, 1) if unit else per_year)


def _is_measured(column: Column) -> bool:
    return bool(column.dictionary.get("Units")) or bool(_MEASURED.search(column.name))


def _by_shape(column: Column) -> list[Hit]:
    """Judge a column whose name says nothing: sure forms first, then dates and names, then what only might be."""
    values = column.values
    keyed = column.keyed and not _is_measured(column)
    code = (_first(_KEY_SHAPES, values) if keyed else None) or shapes.shape_of(values)
    if code == "date":
        return _days(column, code) or _whole(column, code)
    code = code or (_first(_LIKELY_SHAPES, values) if keyed else None)
    if code == "possible_identifier" and _KEY_NAMED.search(column.name):
        code = "identifier"
    if code:
        return _whole(column, code)
    if shapes.is_numeric(values):
        return []
    return _prose(column, "free_text") if shapes.is_prose(values) else _single_cells(column)


def _first(tests: Sequence[tuple[Callable[[Sequence[str]], bool], str]], values: Sequence[str]) -> str | None:
    return next((code for test, code in tests if test(values)), None)


_KEY_SHAPES: Final = (
    (shapes.looks_like_days, "date"),
    (shapes.looks_like_keys, "identifier"),
    (shapes.looks_like_digests, "hashed_key"),
)
_LIKELY_SHAPES: Final = (
    (shapes.looks_like_narrow_keys, "possible_identifier"),
    (shapes.looks_like_proper_words, "proper_words"),
)


def _single_cells(column: Column) -> list[Hit]:
    """Look at short values one by one: a date among codes, a name among sites."""
    hits = []
    for row, text in column.cells:
        found = at_least_medium(list(spots(text, VALUE)))
        if found and not is_plain(text):
            hits.append(Hit(found[0].code, text[found[0].start : found[0].end], row))
    return hits if len(hits) <= _MOST_ROWS else [Hit(hits[0].code, hits[0].value)]


def _year(column: Column, code: str) -> list[Hit]:
    return _mostly(shapes.is_year, column, code)


_TESTS: Final[Mapping[str, Callable[[Column, str], list[Hit]]]] = {
    "present": _whole,
    "name": partial(_mostly, is_person),
    "text": partial(_mostly, lambda text: "@" in text),
    "nameshape": partial(_mostly, has_name_shape),
    "phone": partial(_mostly, lambda text: len(re.sub(r"\D", "", text)) >= _PHONE_DIGITS),
    "idnumber": partial(_mostly, lambda text: len(re.sub(r"\D", "", text)) >= _NUMBER_DIGITS),
    "date": _days,
    "anydate": _birth,
    "moment": _days,
    "time": _times,
    "year": _year,
    "coordinate": _coordinate,
    "uid": _uid,
    "age": lambda column, _: list(_ages(column)),
    "freetext": _prose,
    "admintext": _prose,
}
