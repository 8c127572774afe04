"""Dates and times move jointly and exactly."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.header import shift
from fivesafes.data.header.shift import shift_date_and_time, shift_datetime

SHIFTS = st.builds(timedelta, days=st.integers(-43830, -40178), seconds=st.integers(-21600, 10800))
MOMENTS = st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2034, 1, 1))  # noqa: DTZ001 - DICOM's local time


def _spelled(moment: datetime) -> tuple[bytes, bytes]:
    return moment.strftime("%Y%m%d").encode(), moment.strftime("%H%M%S.%f").encode()


@given(first=MOMENTS, second=MOMENTS, by=SHIFTS)
def test_every_interval_of_a_participant_is_kept(first: datetime, second: datetime, by: timedelta) -> None:
    """Two moments are as far apart after the shift as before, to the microsecond, whichever way they are written."""
    moved = []
    for moment in (first, second):
        date, time = shift_date_and_time(*_spelled(moment), by)
        assert shift_datetime(b"".join(_spelled(moment)), by) == date + time
        moved.append(datetime.strptime((date + time).decode(), "%Y%m%d%H%M%S.%f"))  # noqa: DTZ007 - DICOM's local time
    assert moved[1] - moved[0] == second - first
    assert moved[0].year < 1925


@pytest.mark.parametrize("date", [b"***", b"1948", b"20261331", b"00010101", b"QVIST", b"20260131-20260201"])
def test_what_is_no_day_comes_back_empty(date: bytes) -> None:
    """Text, ranges and impossible days are not moved but lost."""
    assert shift_date_and_time(date, b"", timedelta(days=-41000))[0] == b""
    assert shift_datetime(date, timedelta(days=-41000)) == b""


def test_a_time_without_its_date_moves_round_the_clock() -> None:
    """The clock time goes even where no date stands beside it."""
    assert shift_date_and_time(b"", b"010000", timedelta(days=-41000, hours=-2)) == (b"", b"230000")


def test_the_fraction_of_a_second_is_copied_as_it_is() -> None:
    """Slice timing is read from fractions; their digits are not touched."""
    assert shift_datetime(b"20260131101530.2500+0100", timedelta(seconds=-30)) == b"20260131101500.2500"


def test_old_spellings_are_read() -> None:
    """ACR-NEMA wrote dots and colons."""
    assert shift_date_and_time(b"2026.01.31", b"10:15:30", timedelta(days=-1)) == (b"20260130", b"101530")


@pytest.mark.parametrize("clock", [b"240000", b"106000", b"101561", b"Qvist"])
def test_an_hour_that_is_none_comes_back_empty(clock: bytes) -> None:
    """With its day, as nobody knows what was meant; a text loses its own place alone."""
    date, time = shift_date_and_time(b"20260131", clock, timedelta(days=-41000))
    assert time == b""
    assert (date == b"") == (clock != b"Qvist")


def test_a_moment_needs_a_day_and_an_hour() -> None:
    """Neither is made up."""
    assert shift._shift(b"Qvist", b"101530", timedelta()) == (b"", b"")
    assert shift._shift(b"20260131", b"Qvist", timedelta()) == (b"", b"")
    assert shift._shift(b"20260131", b"101560", timedelta()) == (b"20260131", b"101600")
