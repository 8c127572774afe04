"""What a kept value must look like (PS3.15 asks for clean values; a kept attribute can hold any typed text).

A grammar takes the bytes of one value and gives back what may stay: all of it, its known words, or nothing.  The column
``grammar`` of the policy files names one:

``number``      a number of up to five digits, or binary numbers of that size and the right count
``number:0..9|50..60``  a number in one of these ranges (see numbers.py: a date and a telephone are numbers too)
``code``        every word is in words.txt          ``words``   the words that are in words.txt
``maker``, ``model``, ``software``, ``coil``  every word is in that section of devices.txt
``device``      every word is in words.txt or devices.txt
``one-of:A|B``  one of these                        ``re:…``    a regular expression, matched whole, ASCII
``step:0.5``    a number, rounded                   ``age``     an age; over 89 becomes 090Y
``coded``       a code value of the standard's dictionaries; ``meaning`` and ``scheme`` are what belongs to it
``standard-uid``  a UID that DICOM registers        ``private-creator``  a creator that private.csv names
``sequence-file``  where Siemens keeps the pulse sequence, with a name of known words
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, cast

from attrs import field, frozen
from pydicom._uid_dict import UID_dictionary

from fivesafes.data.header.numbers import Number
from fivesafes.data.header.words import Vocabulary

Clean = Callable[[bytes], bytes]
"""Takes one value without padding, gives what may stay of it."""

BINARY_SIZES: Final = {"US": 2, "SS": 2, "AT": 4, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "OV": 8, "SV": 8, "UV": 8}
MOST_BINARY: Final = 1 << 12
"""How many bytes an attribute may have whose dictionary entry sets no limit to its values (1-n)."""

_MOST_STEPPED: Final = 500
"""Nobody weighs more kilograms or stands taller in metres."""
_AGE: Final = re.compile(rb"(\d{3})([DWMY])")
_SEQUENCE_FILE: Final = re.compile(rb"(%(?:Siemens|Customer|User)Seq%\\{1,2})(\w{1,60})")
_SCHEMES: Final = frozenset(b"DCM SRT SCT SNM3 SNOMED UCUM LN FMA NCIt UMLS RADLEX NEU BI MA UBERON".split())


class GrammarInvalid(ValueError):
    """A policy file names a grammar that does not exist or does not compile."""


@frozen(kw_only=True)
class Vocabularies:
    """The lists that grammars look things up in."""

    words: Vocabulary = field(repr=False)
    devices: Vocabulary = field(repr=False)
    makers: Vocabulary = field(repr=False, default=Vocabulary(frozenset()))
    models: Vocabulary = field(repr=False, default=Vocabulary(frozenset()))
    software: Vocabulary = field(repr=False, default=Vocabulary(frozenset()))
    coils: Vocabulary = field(repr=False, default=Vocabulary(frozenset()))
    creators: frozenset[bytes] = field(repr=False, default=frozenset())


def compile_grammar(text: str, vr: str, known: Vocabularies) -> Clean:
    """Make the function that a grammar names.  Raises GrammarInvalid, saying what is allowed."""
    name, colon, rest = text.partition(":")
    if name == "number":
        return _ranges(rest, whole=vr == "IS") if colon else Number(whole=vr == "IS")
    if colon and name in _MADE:
        return _MADE[name](rest)
    named: dict[str, Clean] = {
        "code": known.words.keep_code,
        "words": known.words.keep_words,
        "device": known.devices.keep_code,
        "maker": known.makers.keep_code,
        "model": known.models.keep_code,
        "software": known.software.keep_code,
        "coil": known.coils.keep_code,
        "age": _age,
        "coded": _coded,
        "meaning": lambda value: _meaning(value) or known.words.keep_code(value),
        "scheme": lambda value: value if value in _SCHEMES else b"",
        "standard-uid": lambda value: value if value.decode("ascii", "replace") in UID_dictionary else b"",
        "sequence-file": lambda value: _sequence_file(value, known.words),
        "private-creator": lambda value: value if value.upper() in known.creators else b"",
    }
    if text not in named:
        there = ", ".join(sorted([*named, "number", "number:…", *(f"{made}:…" for made in _MADE)]))
        message = f"no grammar called {text!r}; there are {there}"
        raise GrammarInvalid(message)
    return named[text]


def _ranges(text: str, *, whole: bool) -> Number:
    try:
        return Number.parse(text, whole=whole)
    except ValueError:
        message = f"number:{text} needs ranges, such as number:0..1000|60000000..65000000"
        raise GrammarInvalid(message) from None


def _expression(pattern: str) -> Clean:
    try:
        compiled = re.compile(pattern.encode("ascii"))
    except (re.error, UnicodeEncodeError) as error:
        message = f"the expression {pattern!r} does not compile: {error}"
        raise GrammarInvalid(message) from None
    return lambda value: value if compiled.fullmatch(value) else b""


def _choice(listed: str) -> Clean:
    allowed = frozenset(listed.encode("ascii").split(b"|"))
    return lambda value: value if value in allowed else b""


def _rounding(step: str) -> Clean:
    try:
        size = float(step)
    except ValueError:
        message = f"step:{step} needs a number, such as step:5"
        raise GrammarInvalid(message) from None

    number = Number(((0, _MOST_STEPPED),))

    def rounded(value: bytes) -> bytes:
        if not number(value):
            return b""
        return f"{round(float(value) / size) * size:.6g}".encode()

    return rounded


_MADE: Final = {"re": _expression, "one-of": _choice, "step": _rounding}


def _age(value: bytes) -> bytes:
    """Keep an age; over 89 years it is one of a group (45 CFR 164.514(b)(2)(i)(C))."""
    match = _AGE.fullmatch(value)
    if match is None:
        return b""
    return b"090Y" if match.group(2) == b"Y" and int(match.group(1)) > 89 else value  # noqa: PLR2004 - see above


def _sequence_file(value: bytes, words: Vocabulary) -> bytes:
    """Keep where a sequence comes from, and the known words of its name: others may name a site or its author."""
    match = _SEQUENCE_FILE.fullmatch(value)
    return match.group(1) + words.keep_words(match.group(2)) if match else b""


def _coded(value: bytes) -> bytes:
    return value if value.decode("ascii", "replace") in _dictionary()[0] else b""


def _meaning(value: bytes) -> bytes:
    return value if value.decode("ascii", "replace").casefold() in _dictionary()[1] else b""


@lru_cache(maxsize=1)
def _dictionary() -> tuple[frozenset[str], frozenset[str]]:
    """Read the code values and meanings that pydicom's copy of PS3.16 knows; large, so only when first asked for."""
    from pydicom.sr._concepts_dict import concepts  # noqa: PLC0415 - two megabytes that most runs never need
    from pydicom.sr._snomed_dict import mapping  # noqa: PLC0415 - see above

    values: set[str] = set(mapping["SRT"])
    meanings: set[str] = set()
    for scheme in concepts.values():
        for entry in scheme.values():
            for value, (meaning, _) in cast("dict[str, tuple[str, object]]", entry).items():
                values.add(value)
                meanings.add(meaning.casefold())
    return frozenset(values), frozenset(meanings)
