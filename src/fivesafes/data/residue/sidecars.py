"""Look into JSON: sidecars at any depth, data dictionaries, descriptions, models and mappings."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from attrs import frozen

from fivesafes.data.model import Residue
from fivesafes.data.residue import shapes, trained
from fivesafes.data.residue.columns import OLDEST, age_in_years, telling
from fivesafes.data.residue.delimited import decoded
from fivesafes.data.residue.linking import is_linking_mapping
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.rules import KeyRule, key_rules
from fivesafes.data.residue.spots import VALUE, at_least_medium, spots
from fivesafes.data.residue.words import has_name_shape, is_dummy, is_person, is_plain, unknown_words

_DEEPEST: Final = 60
_MOST_LEAVES: Final = 300_000
_LISTED: Final = 12
_AUTHORS: Final = frozenset(
    [
        "authors",
        "author",
        "acknowledgements",
        "acknowledgments",
        "howtoacknowledge",
        "funding",
        "referencesandlinks",
        "ethicsapprovals",
        "datasetdoi",
        "sourcedatasets",
        "generatedby",
        "codeurl",
        "license",
        "maintainers",
        "contributors",
        "taskdescription",
        "instructions",
        "pulsesequencedetails",
        "cogatlasid",
        "cogpoid",
        "sources",
        "rawsources",
        "basedon",
        "spatialreference",
    ],
)
_TALLIES: Final = frozenset({"kept", "replaced", "blanked", "removed", "cleaned", "counts", "count", "actions"})
_FEW_COUNTS: Final = 4
_DICTIONARY_KEYS: Final = frozenset({"Description", "LongName", "Levels", "Units", "TermURL"})
_HINTS_TIME: Final = re.compile(r"(?i)time|date|epoch|stamp|clock|created|acquired|started|when|utc")
_LATE, _DAY = 7_200, 86_400
"""Seconds: what starts hours after the scan began counts from midnight."""
_PHONE_DIGITS: Final = 7
_NUMBER_DIGITS: Final = 4
_TIME_NUMBER: Final = re.compile(r"(?:[01]?\d|2[0-3])[0-5]\d[0-5]\d(?:\.\d+)?")


@frozen
class _Leaf:
    """A value at the end of a path of keys; the members of a list of values are one leaf."""

    keys: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def locator(self) -> str:
        return ".".join(self.keys) or "file"

    @property
    def key(self) -> str:
        return next((key for key in reversed(self.keys) if not key.isdigit()), "")


def find(content: bytes, place: Place, labels: AbstractSet[str] = frozenset()) -> Iterator[Residue]:
    """Yield what a JSON file discloses, by the path of its keys.  Raises Unreadable when it can't be parsed."""
    parsed = parse(content)
    if is_linking_mapping(parsed, place.path, labels):
        yield place.residue("linking_key", "file")
        return
    yield from trained.find_rows(parsed, place)
    yield from walk(parsed, place)


def parse(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Parse JSON, or raise Unreadable."""
    try:
        return json.loads(decoded(content))
    except (ValueError, RecursionError) as error:
        raise Unreadable(why="not valid JSON") from error


def walk(parsed: Any, place: Place) -> Iterator[Residue]:  # noqa: ANN401 - any JSON value
    """Yield what the values of a parsed object disclose; also used for what other formats hold as keys and values."""
    budget = _MOST_LEAVES
    for leaf, authored in _leaves(parsed, (), authored=False):
        budget -= 1
        if budget < 0:
            raise Unreadable(why=f"only the first {_MOST_LEAVES} values were read")
        where = place.written_by_authors() if authored else place
        yield from _judge(leaf, where)


def _leaves(value: Any, keys: tuple[str, ...], *, authored: bool) -> Iterator[tuple[_Leaf, bool]]:  # noqa: ANN401
    """Yield leaves with whether authors wrote them: names of authors, and the prose of a data dictionary."""
    if len(keys) > _DEEPEST:
        raise Unreadable(why=f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        if _is_tally(value, keys):
            return
        described = bool(_DICTIONARY_KEYS & value.keys())
        for key, inner in value.items():
            ours = authored or described or re.sub(r"\W", "", str(key)).lower() in _AUTHORS
            yield from _leaves(inner, (*keys, str(key)), authored=ours)
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, (*keys, str(number)), authored=authored)
    else:
        values = tuple(value) if isinstance(value, list) else (value,)
        yield _Leaf(keys, values), authored


def _is_tally(value: Mapping[Any, Any], keys: tuple[str, ...]) -> bool:
    """Whether an object counts how often keywords were met, as a record of de-identification does."""
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in value.values())
    return bool(value) and whole and (len(value) > _FEW_COUNTS or bool(keys and keys[-1].lower() in _TALLIES))


def _judge(leaf: _Leaf, place: Place) -> Iterator[Residue]:
    """Yield at most one finding of a leaf: by its key where a rule fits, else by what the text looks like."""
    for value in leaf.values[:_LISTED]:
        if value is None or isinstance(value, bool) or is_dummy(value) or _is_own_label(value, place):
            continue
        judged = judged_value(leaf.key, value)
        if judged:
            code, shown = judged
            yield place.residue(code, leaf.locator, shown)
            return


def _is_own_label(value: object, place: Place) -> bool:
    """Whether a value only repeats the label of the participant, as after de-identification."""
    return place.participant is not None and str(value).removeprefix("sub-") == place.participant.removeprefix("sub-")


def judged_value(key: str, value: Any, where: str = "json") -> tuple[str, str] | None:  # noqa: ANN401
    """Judge one value under its key: the short code and the part to mask, or None."""
    text = str(value).strip()
    for rule in key_rules(key, where):
        code = _by_key(rule, text)
        if code:
            return code, text
    if not isinstance(value, str):
        amount_tells = _HINTS_TIME.search(key) and isinstance(value, int | float) and math.isfinite(value)
        return ("date", text) if amount_tells and shapes.is_epoch(text) else None
    return _by_text(text)


def _by_key(rule: KeyRule, text: str) -> str | None:
    """Apply one rule: the short code when the value passes its test."""
    if rule.when in ("time", "date", "anydate", "moment"):
        return _by_date(rule, text)
    if rule.when == "uid":
        return _by_uid(text)
    if rule.when == "admintext":
        return _by_admin_text(text)
    return rule.code if _TESTS.get(rule.when, _never)(text) else None


def _never(_: str) -> bool:
    return False


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _is_old(text: str) -> bool:
    years = age_in_years(text)
    return years is not None and years >= OLDEST + 1


_TESTS: Final[Mapping[str, Callable[[str], bool]]] = {
    "present": lambda _: True,
    "name": is_person,
    "nameshape": lambda text: is_person(text) or has_name_shape(text),
    "phone": lambda text: _digits(text) >= _PHONE_DIGITS,
    "idnumber": lambda text: _digits(text) >= _NUMBER_DIGITS,
    "text": lambda text: "@" in text,
    "age": _is_old,
    "coordinate": lambda text: bool(re.fullmatch(r"-?\d{1,3}\.\d{3,}(?:\s*[,;]\s*-?\d{1,3}\.\d{3,})?", text)),
}


def _by_date(rule: KeyRule, text: str) -> str | None:
    match shapes.date_code(text):
        case "shifted_date":
            return "shifted_time" if shapes.has_time(text) else "shifted_date"
        case "date" | "month":
            return rule.code if rule.when != "time" else "date"
        case "time_of_day":
            return "time_of_day"
        case _:
            return _by_number(rule, text)


def _by_number(rule: KeyRule, text: str) -> str | None:
    """Judge a number under the key of a date or time: a year, seconds since 1970, or since midnight, or hhmmss."""
    amount = shapes.number(text)
    if amount is None:
        return None
    if rule.when == "anydate":
        return "birth_year" if shapes.is_year(text) else None
    if rule.when in ("moment", "time") and shapes.is_epoch(text):
        return "date"
    midnight = _LATE <= amount < _DAY or bool(_TIME_NUMBER.fullmatch(text))
    return "time_of_day" if rule.when == "time" and midnight else None


def _by_uid(text: str) -> str | None:
    if text.startswith("2.25."):
        return "replaced_uid"
    return next((spot.code for spot in spots(text) if spot.code.endswith(("_uid", "uid_with_date"))), None)


def _by_admin_text(text: str) -> str | None:
    """Judge a description that a person typed at the scanner: words that no list explains need a look."""
    hit = telling(text)
    if hit:
        return "telling_text" if hit.code in ("surname", "given_name") else hit.code
    proper = [word for word in unknown_words(text) if word[0].isupper()]
    return "unknown_text" if proper else "free_text"


def _by_text(text: str) -> tuple[str, str] | None:
    """Judge a text whose key says nothing: by the patterns, or as a name when it is nothing but one."""
    found = at_least_medium(list(spots(text, VALUE)))
    if found:
        return found[0].code, text[found[0].start : found[0].end]
    if is_person(text) and " " in text.strip() and not all(map(is_plain, text.split())):
        return "name", text
    if len(text.split()) >= 4:  # noqa: PLR2004 - a sentence
        hit = telling(text)
        if hit and hit.code != "unknown_text":
            return hit.code, hit.value
    return None
