"""The converter's own rounding of times of day is told from a loss."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.conversion.rounding import same_but_for_rounding

VENDOR = [0.0, 1.0025, 0.5025, 1.505]


def _timing(began: float, offsets: list[float]) -> list[float]:
    """Subtract as the converter does: HHMMSS in single precision, then seconds, written with six digits."""
    seconds = []
    for offset in offsets:
        moment = datetime(2026, 1, 1) + timedelta(seconds=began + offset)  # noqa: DTZ001 - DICOM's local time
        clock = float(np.float32(float(f"{moment:%H%M%S.%f}")))
        hours, minutes = clock // 10000, clock // 100 % 100
        seconds.append(hours * 3600 + minutes * 60 + clock % 100)
    return [float(f"{value - min(seconds):g}") for value in seconds]


OFFSETS = st.lists(st.floats(0, 9).map(lambda value: round(value, 4)), min_size=2, max_size=8)
BEGAN = st.floats(0, 86380)
BY_DAY = st.floats(2460, 86380)


@given(offsets=OFFSETS, before=BEGAN, after=BEGAN)
def test_the_same_moments_at_another_hour_are_the_same(offsets: list[float], before: float, after: float) -> None:
    """Wherever the day begins, in single precision too."""
    assert same_but_for_rounding(_timing(before, offsets), _timing(after, offsets), maker="UIH")


@given(offsets=OFFSETS, before=BY_DAY, after=BY_DAY)
def test_so_they_are_where_the_maker_may_have_a_list_of_its_own(
    offsets: list[float], before: float, after: float
) -> None:
    """Two-dimensional series of Siemens, but for the first forty minutes of the day."""
    assert same_but_for_rounding(_timing(before, offsets), _timing(after, offsets), maker="Siemens")


@given(offsets=OFFSETS, began=BEGAN, late=st.floats(0.07, 5))
def test_a_slice_that_was_taken_later_is_not(offsets: list[float], began: float, late: float) -> None:
    """A difference that no rounding makes is a loss."""
    old = _timing(began, offsets)
    assert not same_but_for_rounding(old, [*old[:-1], old[-1] + late], maker="UIH")


def test_a_maker_s_own_list_is_compared_exactly() -> None:
    """One that was lost, and made up for by times of day, is seen; United Imaging has no list of its own."""
    assert not same_but_for_rounding(VENDOR, _timing(49062.7, VENDOR), maker="Siemens")
    assert not same_but_for_rounding(VENDOR, [0.0, 1.0035, 0.5025, 1.505], maker="Siemens")
    assert same_but_for_rounding(VENDOR, _timing(49062.7, VENDOR), maker="UIH")


def test_what_is_no_list_of_seconds_is_never_the_same() -> None:
    """A key that went, a list that became shorter, words."""
    assert not same_but_for_rounding([0.0, 1.0], None, maker="UIH")
    assert not same_but_for_rounding([0.0, 1.0], [0.0], maker="UIH")
    assert not same_but_for_rounding("0", "0", maker="UIH")
