"""Made-up people: never the same twice, and nobody who could be called."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.engines.sources.synthetic.people import age_on, draws, made_up_person, made_up_visit

SEEDS = st.integers(0, 100_000)


@given(seed=SEEDS)
def test_a_person_is_made_up_from_the_seed_alone(seed: int) -> None:
    """Twice the same; and the next one is somebody else."""
    assert made_up_person(seed) == made_up_person(seed)
    one, other = made_up_person(seed), made_up_person(seed + 1)
    assert one.name.split("^")[0] != other.name.split("^")[0]
    assert one.patient_id != other.patient_id


@given(seed=SEEDS)
def test_names_fit_the_character_sets(seed: int) -> None:
    """The plain name in Latin-1, as older scanners need it; the full one begins with it."""
    person = made_up_person(seed)
    assert person.name.encode("latin-1")
    assert person.full_name.split("=")[0] == person.name


@given(seed=SEEDS)
def test_telephone_numbers_are_kept_for_fiction(seed: int) -> None:
    """Nobody is called when somebody tries one."""
    assert made_up_person(seed).phone.startswith("(03) 7010 ")
    assert made_up_visit(seed, 1).note_phone.startswith("(02) 5550 ")


@given(seed=SEEDS, visit=st.integers(1, 5))
def test_visits_follow_one_another(seed: int, visit: int) -> None:
    """Each is later than the one before, and the person is grown up at the first."""
    one, other = made_up_visit(seed, visit), made_up_visit(seed, visit + 1)
    assert one.starts < other.starts
    assert age_on(one.starts.date(), born=made_up_person(seed).born) >= 18


@pytest.mark.parametrize(("day", "years"), [(date(2020, 3, 1), 19), (date(2020, 3, 2), 20), (date(2020, 12, 31), 20)])
def test_age_counts_whole_years(day: date, years: int) -> None:
    """The birthday itself counts."""
    assert age_on(day, born=date(2000, 3, 2)) == years


def test_purposes_do_not_disturb_each_other() -> None:
    """The same seed gives other numbers for another purpose."""
    assert draws(1, "face").integers(1 << 30) != draws(1, "noise").integers(1 << 30)
    assert draws(1, "face").integers(1 << 30) == draws(1, "face").integers(1 << 30)
