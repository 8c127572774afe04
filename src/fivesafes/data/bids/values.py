"""The grammars that a metadata value must fit: closed lists, known words, bounded numbers; and BIDS' own types."""

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from bidsschematools.schema import load_schema

Fits = Callable[[object], bool]
"""Says whether a value may stay."""

MAX_TEXT: Final = 200
MAX_LIST: Final = 100_000

# A day, a time of day, or the six digits of a date or a patient's number: none of them has a place in a text value.
_TELLS_WHEN_OR_WHO: Final = re.compile(r"\d{6}|\d{4}-\d\d-\d\d|\d{1,2}[:.]\d\d[:.]\d\d(?!\d)|\d{1,2}/\d{1,2}/\d{2,4}")
_OF_WORDS: Final = re.compile(r"[A-Za-z0-9 ._+/()-]+")
_NUMERAL: Final = re.compile(r"\d{1,4}[a-z]{0,2}")


def grammar(text: str, words: Mapping[str, frozenset[str]]) -> Fits:
    """Make the test that a grammar describes.

    ``boolean``; ``integer:a..b``, ``number:a..b``; ``numbers:a..b``, one or a flat list; ``one-of:A|B``;
    ``words:FILE``, a text of words that the file lists (``words`` by file name) and of small numbers; ``re:PATTERN``.
    Raises ValueError when it describes none.
    """
    kind, _, rest = text.partition(":")
    if kind == "boolean" and not rest:
        return lambda value: isinstance(value, bool)
    if kind in {"integer", "number", "numbers"}:
        return _numeric(kind, *(float(bound) for bound in rest.split("..", 1)))
    if kind == "one-of" and rest:
        choices = frozenset(rest.split("|"))
        return lambda value: isinstance(value, str) and value in choices
    if kind == "words" and rest in words:
        return lambda value: _is_text(value) and _is_of_words(str(value), words[rest])
    if kind == "re":
        pattern = re.compile(rest)
        return lambda value: _is_text(value) and pattern.fullmatch(str(value)) is not None
    message = (
        "the grammar must be boolean, integer:a..b, number:a..b, numbers:a..b, one-of:A|B, words:FILE or re:PATTERN"
    )
    raise ValueError(message)


def _numeric(kind: str, low: float, high: float) -> Fits:
    def fits(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        whole = kind != "integer" or float(value).is_integer()
        return math.isfinite(value) and whole and low <= value <= high

    if kind != "numbers":
        return fits
    return lambda value: (
        0 < len(value) <= MAX_LIST and all(map(fits, value)) if isinstance(value, list) else fits(value)
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and not _TELLS_WHEN_OR_WHO.search(value)


def _is_of_words(text: str, known: frozenset[str]) -> bool:
    words = [word for word in re.split(r"[^a-z0-9]+", text.casefold()) if word]
    if not words or not _OF_WORDS.fullmatch(text):
        return False
    return all(word in known or _NUMERAL.fullmatch(word) for word in words)


@cache
def _types() -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    """Give what BIDS says of each metadata key; some have several meanings (``EchoTime`` of field maps)."""
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for defined in load_schema().objects.metadata.values():
        key = str(defined["name"])
        found[key] = (*found.get(key, ()), defined.to_dict())
    return found


def fits_bids(key: str, value: object) -> bool:
    """Whether a value is of the type that BIDS gives to that key; keys that BIDS does not have fit."""
    return key not in _types() or any(_is_of_type(value, spec) for spec in _types()[key])


def _is_of_type(value: object, spec: Mapping[str, Any]) -> bool:
    if "anyOf" in spec:
        return any(_is_of_type(value, choice) for choice in spec["anyOf"])
    if "enum" in spec and value not in spec["enum"]:
        return False
    kind = spec.get("type")
    if kind == "array":
        items = spec.get("items", {})
        return (
            isinstance(value, list)
            and spec.get("minItems", 0) <= len(value) <= spec.get("maxItems", MAX_LIST)
            and all(_is_of_type(item, items) for item in value)
        )
    if kind in {"number", "integer"}:
        return not isinstance(value, bool) and isinstance(value, int | float) and _is_in_bounds(value, spec)
    return isinstance(value, {"string": str, "boolean": bool, "object": dict}.get(str(kind), object))


def _is_in_bounds(value: float, spec: Mapping[str, Any]) -> bool:
    low, high = spec.get("minimum", -math.inf), spec.get("maximum", math.inf)
    above, below = spec.get("exclusiveMinimum", -math.inf), spec.get("exclusiveMaximum", math.inf)
    whole = spec.get("type") != "integer" or float(value).is_integer()
    return bool(math.isfinite(value) and whole and low <= value <= high and above < value < below)
