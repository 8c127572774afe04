"""What texts betray, and what merely looks so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.residue.spots import PROSE, VALUE, medicare_number, nhs_number, spots


def codes(text: str, where: frozenset[str] = PROSE) -> set[str]:
    """Give the short codes of what is seen in a text."""
    return {spot.code for spot in spots(text, where)}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Spoke to Mary Jones about it", "name"),
        ("SMITH^JANE", "name"),
        ("Smith, Jane", "name"),
        ("JANE SMITH", "name"),
        ("Mr Nguyen arrived late", "name"),
        ("Dr Wong asked", "staff_name"),
        ("rescan Olivia tomorrow", "given_name"),
        ("my sister sarah", "given_name"),
        ("4th of March, 2021", "date"),
        ("04MAR2021", "date"),
        ("3/4/21", "date"),
        ("2021年3月4日", "date"),
        ("Tue Mar  4 14:33:12 2021", "date"),
        ("20210304143312", "date"),
        ("started at 2pm", "time_of_day"),
        ("March 2021", "month"),
        ("MRN: 1234567", "identifier"),
        ("UR1234567", "identifier"),
        ("123-45-6789", "national_number"),
        ("943 476 5919", "national_number"),
        ("(02) 9351 2222", "phone"),
        ("+61 412 345 678", "phone"),
        ("jane@example.org", "email"),
        ("12 Smith Street", "address"),
        ("SW1A 1AA", "small_area"),
        ("lives in Gundagai", "small_area"),
        ("33°52'S 151°12'E", "location"),
        ("Royal Prince Alfred Hospital", "institution"),
        ("aged 93", "age_over_89"),
        ("1.3.12.2.1107.5.2.19.45479.2016072812145837", "uid_with_date"),
        ("1.2.826.0.1.3680043.8.498.12345678901234567890", "original_uid"),
        ("her husband is a senator", "unknown_text"),
        ("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQ", "linking_key"),
    ],
)
def test_a_telling_text_is_seen(text: str, code: str) -> None:
    """By its form, by word lists, by check digits."""
    assert code in codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "May need re-scan",
        "Parkinson sequence",
        "Brain^Research",
        "Head^1-General",
        "dcm2niix v1.0.20210317",
        "FreeSurfer Nov 23 2021",
        "fMRIPrep 20.2.1",
        "Montreal Neurological Institute template",
        "Hospital Anxiety and Depression Scale",
        "Mark response",
        "Grace period",
        "Will need to Re Run",
        "Sydney Language Battery",
        "Language task April run",
        "10.18112/openneuro.ds000031.v1.0.0",
        "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
        "1.2.840.10008.5.1.4.1.1.4",
        "t1_mprage_sag_p2_iso_1.0",
        "MAGNETOM Prisma Fit",
        "Max Plank Edge",
        "sub-01: Missing Run",
        "Schwarz et al. 2021",
        "2000 3 12 5",
        "ratio 1:20, gap 0:05:30 long",
    ],
)
def test_an_innocent_text_is_left_alone(text: str) -> None:
    """Versions, tests and syndromes named after people, months that are modal verbs."""
    assert codes(text) == set()


@given(text=st.text(max_size=300))
def test_no_text_breaks_the_patterns(text: str) -> None:
    """And every spot lies inside the text."""
    for spot in spots(text, VALUE | PROSE):
        assert 0 <= spot.start < spot.end <= len(text)


def test_check_digits_are_checked() -> None:
    """One wrong digit is no national number."""
    assert nhs_number("9434765919")
    assert not nhs_number("9434765918")
    assert medicare_number("2123456701")
    assert not medicare_number("2123456711")
