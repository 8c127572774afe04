"""Keyed pseudonyms: same in, same out; other project or key, other pseudonym."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from fivesafes.core.errors import PolicyInvalid
from fivesafes.core.ids import Identifying
from fivesafes.data.header.pseudonyms import Pseudonyms

KEY = bytes(range(32))
ONE, OTHER = Pseudonyms(KEY, "one"), Pseudonyms(KEY, "other")
IDS = st.text(min_size=1, max_size=64).map(str.strip).filter(bool)


@given(patient=IDS)
def test_the_same_person_gets_the_same_label(patient: str) -> None:
    """A label depends on PatientID without the spaces around it, and on nothing else."""
    label = ONE.subject(Identifying(patient))
    assert label == ONE.subject(Identifying(f"  {patient} "))
    assert len(label) == 8
    assert label.isalnum()
    assert label == label.lower()


@given(patient=IDS)
def test_two_projects_share_no_pseudonym(patient: str) -> None:
    """The same person in two projects, or under two keys, can't be joined."""
    person = Identifying(patient)
    strange = Pseudonyms(KEY[::-1], "one")
    assert len({ONE.subject(person), OTHER.subject(person), strange.subject(person)}) == 3
    assert len({ONE.shift(person), OTHER.shift(person), strange.shift(person)}) > 1


@given(uid=st.from_regex(r"1(\.(0|[1-9][0-9]{0,9})){1,5}", fullmatch=True))
def test_uids_become_valid_uids(uid: str) -> None:
    """A new UID is valid, short enough and of the arm for UUIDs; uses do not share a digest."""
    new = ONE.uid(uid)
    assert UID(new).is_valid
    assert len(new) <= 64
    assert new.startswith("2.25.")
    assert int(new.removeprefix("2.25.")) < 1 << 128
    assert len({ONE.series(uid), ONE.name("study", uid), ONE.name("object", uid)}) == 3
    assert len(ONE.series(uid)) == 16


@given(patient=IDS)
def test_the_shift_lies_where_bids_wants_it(patient: str) -> None:
    """Dates move back by 110 to 120 years, and clock times by up to six hours."""
    shift = ONE.shift(Identifying(patient))
    assert timedelta(days=-43830, hours=-6) <= shift <= timedelta(days=-40178, hours=3)
    assert shift.microseconds == 0


def test_a_short_key_is_refused() -> None:
    """Thirty-one bytes are too few."""
    with pytest.raises(PolicyInvalid, match="31 bytes"):
        Pseudonyms(bytes(31), "one")


def test_the_key_is_not_shown() -> None:
    """Printing pseudonyms tells nothing of the key."""
    assert "key" not in repr(ONE)
