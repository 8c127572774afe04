"""Tell names of people from the words of a protocol, with word lists and no model."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from fivesafes.data.residue.dates import Spot
from fivesafes.data.residue.rules import words

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_CITED: Final = re.compile(r"(?:[,;]? (?:&|and) \w+)?,? (?:et al|\(?(?:19|20)\d\d)")
_SHORTEST: Final = 3
_LONGEST_NAME: Final = 4
_PAIR: Final = 2


@cache
def given_names() -> frozenset[str]:
    """Give the given names that are hardly ever anything else."""
    return words("given") - words("given_ambiguous") - words("plain")


@cache
def family_names() -> frozenset[str]:
    """Give the family names that are no everyday word and name no test, place or syndrome."""
    kept = words("surname") - words("surname_ambiguous") - words("eponym") - words("plain")
    return kept - words("given_ambiguous")


def is_plain(word: str) -> bool:
    """Whether a word belongs to everyday or technical English; a plural or a compound counts with its parts."""
    lowered = word.lower().replace("’", "'").removesuffix("'s")
    plain = words("plain")
    if lowered in plain or lowered.rstrip("s") in plain or len(lowered) < _SHORTEST:
        return True
    if "-" in lowered:
        return all(is_plain(part) for part in lowered.split("-"))
    return any(
        lowered.endswith(ending) and lowered.removesuffix(ending) in plain for ending in ("ed", "ing", "ly", "er")
    )


def is_dummy(value: object) -> bool:
    """Whether a value says that there is none: n/a, anonymous, removed, XXXX, dashes."""
    text = re.sub(r"\s+", "", str(value)).lower()
    return not text.strip("-_.*x^") or text in words("dummy")


def _is_some_name(word: str) -> bool:
    """Whether a word is in any list of names, ambiguous or not."""
    lowered = word.lower().replace("’", "'")
    return any(lowered in words(sort) for sort in ("given", "given_ambiguous", "surname", "surname_ambiguous"))


def is_given(word: str) -> bool:
    """Whether a word is a given name and hardly anything else."""
    return word.lower() in given_names()


def is_family(word: str) -> bool:
    """Whether a word is a family name and hardly anything else."""
    return word.lower().replace("’", "'") in family_names()


def is_person(text: str) -> bool:
    """Whether a whole text is a person's name: ``Jane Smith``, ``SMITH^JANE``, ``Smith, J.``, ``olivia``.

    One word must be a name and hardly anything else; of several, one must be in a list and none may be an everyday
    word.  Names nobody listed are missed.
    """
    cleaned = re.sub(r"[\s,^_.]+", " ", text).strip()
    parts = cleaned.split(" ")
    if not 1 <= len(parts) <= _LONGEST_NAME or not all(_WORD.fullmatch(part) for part in parts):
        return False
    long = [part for part in parts if len(part) >= _PAIR]
    if len(parts) == 1:
        return is_given(cleaned) or is_family(cleaned)
    if any(is_plain(part) and not _is_some_name(part) for part in long):
        return False
    sure = sum(is_given(part) or is_family(part) for part in long)
    return sure >= 1 or (len(long) >= _PAIR and all(_is_some_name(part) for part in long))


def names_in(text: str, *, alone: bool) -> Iterator[Spot]:
    """Yield names in running text: given and family name side by side, and with ``alone`` each of them by itself.

    A capital is needed; a text all in capitals needs both words in the lists.
    """
    found = [match for match in _WORD.finditer(text) if match.group()[0].isupper()]
    used = -1
    for index, match in enumerate(found):
        follower = found[index + 1] if index + 1 < len(found) else None
        if match.start() < used:
            continue
        if follower and re.fullmatch(r",? (?:[A-Z]\.? )?|\^|_", text[match.end() : follower.start()]):
            between = text[match.end() : follower.start()]
            if _is_full_name(match.group(), follower.group(), comma="," in between or "^" in between):
                used = follower.end()
                yield Spot("name", match.start(), used)
                continue
        if alone and match.group()[1:].islower() and not _CITED.match(text, match.end()):
            yield from _lone_name(match)


def _lone_name(match: re.Match[str]) -> Iterator[Spot]:
    if is_given(match.group()):
        yield Spot("given_name", *match.span())
    elif is_family(match.group()):
        yield Spot("surname", *match.span())


def _is_full_name(first: str, second: str, *, comma: bool) -> bool:
    """Whether two words side by side are somebody's given and family name."""
    if comma:
        first, second = second, first
    if (is_plain(first) and not _is_some_name(first)) or (is_plain(second) and not is_family(second)):
        return False
    if is_family(first) and is_given(second):
        return True
    shouted = first.isupper() or second.isupper()
    lowered = first.lower()
    if is_given(first):
        return _is_some_name(second) if shouted or comma else len(second) >= _PAIR
    return lowered in words("given_ambiguous") and is_family(second)


def has_name_shape(text: str) -> bool:
    """Whether a text is one to three capitalised words, besides initials, of which none is an everyday word.

    Only where a key or label already says that a person is named: brands and towns have that shape too.
    """
    parts = [part for part in re.split(r"[\s,^_.]+", text.strip()) if part]
    long = [part for part in parts if len(part) >= _SHORTEST]
    shaped = all(_WORD.fullmatch(part) and part[0].isupper() for part in parts)
    return bool(long) and shaped and len(long) < _LONGEST_NAME and not any(_is_common(part) for part in long)


def _is_common(word: str) -> bool:
    return (is_plain(word) or word.lower() in words("eponym")) and not (is_given(word) or is_family(word))


def unknown_words(text: str) -> list[str]:
    """List the words of a text that neither everyday nor technical English explains (four letters or more)."""
    return [
        word
        for word in _WORD.findall(text)
        if len(word) > _SHORTEST
        and not is_plain(word)
        and word.lower() not in words("eponym")
        and not (word.isupper() and len(word) <= _LONGEST_NAME)
    ]
