"""What the profile that ships lets through: no word that is not listed, no date, no long number, in any attribute."""

import re
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fivesafes.data.header.profile import POLICIES, load_profile
from fivesafes.data.header.words import Vocabulary

Clean = Callable[[bytes], bytes]
PROFILE = load_profile()
LISTED = Vocabulary.read(POLICIES / "allow" / "words.txt") | Vocabulary.read(POLICIES / "allow" / "devices.txt")
LONG_TIMES = {"protocol alTR[#]", "protocol alTI[#]", "protocol lDelayTimeInTR"}
"""Microseconds up to 19 seconds: 12111980 is one, 19801112 is not."""
COUNTED_IN_MICROSECONDS = {'(0019,xx5A) "GEMS_ACQU_01"'}
"""A duration that is a number of ten digits; written by scanners as a binary number."""
TERMS = {"coded", "meaning", "scheme", "standard-uid", "private-creator"}


def _cleaners() -> Iterator[tuple[str, str, Clean]]:
    for rule in [*PROFILE.rules.values(), *(rule for rules in PROFILE.private.values() for rule in rules.values())]:
        if rule.clean is not None:
            yield rule.keyword, rule.grammar, rule.clean
    for header, fields in PROFILE.fields.items():
        yield from ((f"{header} {name}", "", clean) for name, clean in fields.items())


CLEANERS = list(_cleaners())
UNLISTED = st.from_regex(re.compile(r"[A-Za-z]{5,12}"), fullmatch=True).filter(lambda word: not _is_listed(word))
BESIDE = st.sampled_from(
    ["", "T1w ", "NONE ", "2.98 ", "Head_", "SIEMENS ", "b=1000 ", "X_1_1 ", "ORIGINAL/", "N4_VE11C_"]
)
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2026, 12, 31))


def _is_listed(word: str) -> bool:
    """Tell whether a word is listed, whole or as parts, or holds a listed term of the standard."""
    return LISTED.knows(word) or any(clean(word.encode()) for _, grammar, clean in CLEANERS if grammar in TERMS)


@settings(max_examples=60)
@given(word=UNLISTED, before=BESIDE, behind=BESIDE)
@example(word="Qvist", before="", behind="")
def test_a_word_that_is_not_listed_never_comes_out(word: str, before: str, behind: str) -> None:
    """Whatever stands beside it, in every attribute and every field of the makers' headers."""
    for keyword, grammar, clean in CLEANERS:
        left = clean(f"{before}{word}{behind.strip() and ' '}{behind}".strip().encode())
        allowed = grammar.startswith("one-of:") and left.decode() in grammar
        assert allowed or word.lower().encode() not in left.lower(), keyword


@settings(max_examples=60)
@given(
    day=DAYS,
    form=st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%Y.%m.%d", "%d%m%Y", "%d-%m-%Y"]),
    before=BESIDE,
)
def test_a_date_never_comes_out(day: date, form: str, before: str) -> None:
    """In no spelling, alone or behind a real value."""
    spelt = day.strftime(form)
    for keyword, _, clean in CLEANERS:
        if keyword in COUNTED_IN_MICROSECONDS or (form == "%d%m%Y" and keyword in LONG_TIMES):
            continue
        if before == "N4_VE11C_" and "Baseline" in keyword:
            continue
        assert spelt.encode() not in clean(f"{before}{spelt}".encode()), keyword


@given(digits=st.from_regex(re.compile(r"[1-9]\d{7,11}"), fullmatch=True))
def test_a_long_number_comes_out_of_those_alone_that_count_so_far(digits: str) -> None:
    """Who adds a range that reaches further names it here."""
    far = {keyword for keyword, _, clean in CLEANERS if clean(digits.encode())}
    assert far <= COUNTED_IN_MICROSECONDS | {
        "ImagingFrequency",
        '(0043,xx39) "GEMS_PARM_01"',
        '(0021,xx10) "SIEMENS MR SDS 01"',
        *LONG_TIMES,
        "protocol ulVersion",
        "protocol sProtConsistencyInfo.ulConvFromVersion",
    }


@pytest.mark.parametrize("name", ["Qvist^Lisbeth", "LISBETH QVIST", "Müller", "山田^太郎", "Иванов", "כהן", "สมชาย"])
def test_names_never_come_out(name: str) -> None:
    """In no script."""
    for keyword, _, clean in CLEANERS:
        left = clean(name.encode())
        assert not left.strip(b" ^-"), keyword
