"""The ways in which a date or a name is written."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.residue.dates import dates_in
from fivesafes.data.residue.spellings import date_spellings, name_spellings

DAYS = st.dates(min_value=date(1930, 1, 1), max_value=date(2034, 12, 31))


@given(day=DAYS)
def test_a_day_is_spelt_as_dicom_people_and_spreadsheets_do(day: date) -> None:
    """Each spelling holds the day, the month and the year in some form; the year never stands alone."""
    spelt = date_spellings(day)
    assert {day.isoformat(), day.strftime("%Y%m%d"), day.strftime("%d/%m/%Y")} <= spelt
    assert all(len(text) >= 8 for text in spelt)


@given(day=DAYS)
def test_the_usual_spellings_are_spotted_as_dates(day: date) -> None:
    """What the search looks for, the patterns see too."""
    for text in (day.isoformat(), day.strftime("%Y%m%d"), day.strftime("%d %B %Y"), day.strftime("%d/%m/%Y")):
        assert [spot.code for spot in dates_in(f"seen {text} here")] == ["date"]


def test_a_name_is_spelt_in_both_orders_and_by_part() -> None:
    """As DICOM gives it and as people write it."""
    spelt = name_spellings("Quillfeather^Xanthe")
    assert {"Quillfeather", "Xanthe", "Xanthe Quillfeather", "Quillfeather, Xanthe", "xanthe"} - spelt == {"xanthe"}
    assert name_spellings("Q^X") == frozenset(
        {"Q^X", "X^Q", "Q, X", "X, Q"} | {f"{a}{m}{b}" for a, b in ("QX", "XQ") for m in " ,_-."}
    )
