"""What a rule leaves of a value as a whole: escapes, dates over several values, counts, byte order, UIDs."""

from datetime import timedelta
from struct import pack

import pytest
from pydicom.datadict import tag_for_keyword

from fivesafes.core.ids import SubjectLabel
from fivesafes.data.header.outcome import Outcome, Result, Stand
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.header.values import apply_rule


def _apply(profile: Profile, keyword: str, value: bytes, order: str = "<") -> Result:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    rule = profile.rules[tag]
    pseudonyms = Pseudonyms(bytes(32), "test")
    stand = Stand(profile=profile, pseudonyms=pseudonyms, label=SubjectLabel("abcdefgh"), shift=timedelta(days=-40200))
    return apply_rule(rule, rule.vrs[0], value, stand, order)


@pytest.mark.parametrize("keyword", ["SeriesDescription", "ImageType", "ReceiveCoilName", "EchoTime"])
def test_a_text_with_an_escape_sequence_goes_whole(profile: Profile, keyword: str) -> None:
    """Between two backslashes, half of a kanji reads as T1 or as a number."""
    assert _apply(profile, keyword, b"\x1b$B;3\\T1\\1\\E\x1b(B") == Result(b"", Outcome.BLANKED)


@pytest.mark.parametrize("value", [b"5\\3\\1948", b"1948\\03\\05", b"31\\12\\2009"])
@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "WindowCenter", "SoftwareVersions"])
def test_three_numbers_that_make_a_date_go(profile: Profile, keyword: str, value: bytes) -> None:
    """No place lies at 5, 3, 1948, and no version is three values."""
    assert _apply(profile, keyword, value) == Result(b"", Outcome.BLANKED)
    assert _apply(profile, "ImagePositionPatient", b"5.5\\3\\1948").value == b"5.5\\3\\1948"


def test_more_numbers_than_the_dictionary_allows_go(profile: Profile) -> None:
    """An echo has one time (PS3.6)."""
    assert _apply(profile, "EchoTime", b"2.98\\5.46").value == b""
    assert _apply(profile, "PixelSpacing", b"1\\1").value == b"1\\1"


@pytest.mark.parametrize("order", ["<", ">"])
def test_binary_numbers_are_judged_in_their_byte_order(profile: Profile, order: str) -> None:
    """256 rows are not 65,536 of them, and a date is a date in either order."""
    assert _apply(profile, "Rows", pack(f"{order}H", 256), order).value == pack(f"{order}H", 256)
    assert _apply(profile, "DiffusionBValue", pack(f"{order}d", 1000), order).value == pack(f"{order}d", 1000)
    assert _apply(profile, "DiffusionBValue", pack(f"{order}d", 19480305), order) == Result(b"", Outcome.BLANKED)


@pytest.mark.parametrize("typed", [b"Qvist 05", b"Qvist   ", b"QVIST;48", b"19480305"])
def test_a_word_that_ends_in_a_digit_is_no_double(profile: Profile, typed: bytes) -> None:
    """Read as a double it is almost nothing, which nobody measures."""
    for order in "<>":
        assert _apply(profile, "DiffusionBValue", typed, order).value == b""


def test_only_uids_that_dicom_registers_stay(profile: Profile) -> None:
    """The root of DICOM alone makes no UID of it."""
    known = b"1.2.840.10008.1.4.1.1"
    assert _apply(profile, "FrameOfReferenceUID", known) == Result(known, Outcome.KEPT)
    for typed in (b"1.2.840.10008.19480305", b"1.2.840.10008.Qvist", b"Qvist"):
        left = _apply(profile, "FrameOfReferenceUID", typed)
        assert left.outcome is Outcome.REPLACED
        assert left.value is not None
        assert left.value.startswith(b"2.25.")
