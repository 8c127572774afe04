"""Keys open to at least two custodians, and after a change to exactly those who are in force."""

import pytest
from tests.setting.vault.places import MemoryKeyRing

from fivesafes.core.errors import InvalidInput, Refused
from fivesafes.setting.vault.keys import (
    KeyGone,
    Openers,
    add_identity,
    add_secret,
    not_opened_by,
    open_identity,
    open_secret,
    participant_key,
    pseudonym_key,
    quarantine_key,
    rewrap,
)
from fivesafes.setting.vault.seal import Identity, SealBroken

ADA, BEN, CLEO, WORKER = (Identity.made() for _ in range(4))
OPENERS = Openers(custodians=(ADA.recipient, BEN.recipient), worker=(WORKER.recipient,))
PERSON = "ab" * 32


def filled() -> MemoryKeyRing:
    """Give a ring with five keys."""
    ring = MemoryKeyRing()
    for _ in range(3):
        add_identity(ring, lambda recipient: participant_key(PERSON, recipient), lambda: OPENERS)
    add_identity(ring, lambda recipient: quarantine_key("p", recipient), lambda: OPENERS)
    add_secret(ring, pseudonym_key("p"), bytes(32), lambda: OPENERS)
    return ring


@pytest.mark.parametrize("identity", [ADA, BEN, WORKER])
def test_each_opener_alone_opens_a_participants_key(identity: Identity) -> None:
    """And what comes out is the identity of the recipient that was given."""
    ring = MemoryKeyRing()
    recipient = add_identity(ring, lambda made: participant_key(PERSON, made), lambda: OPENERS)
    assert open_identity(ring, participant_key(PERSON, recipient), identity).recipient == recipient


def test_nobody_else_opens_it() -> None:
    """Cleo is not a custodian."""
    ring = filled()
    assert len(not_opened_by(ring, (CLEO,))) == 5
    with pytest.raises(SealBroken):
        open_secret(ring, pseudonym_key("p"), CLEO)


def test_two_keys_made_at_once_for_one_person_stay_apart() -> None:
    """Neither overwrites the other: the name holds the recipient's digest."""
    assert len(filled().keys) == 5


def test_a_secret_under_a_taken_name_does_not_replace_it() -> None:
    """Two processes that make a project's key at once end with one."""
    ring = filled()
    assert not add_secret(ring, pseudonym_key("p"), bytes([9]) * 32, lambda: OPENERS)
    assert open_secret(ring, pseudonym_key("p"), ADA) == bytes(32)


@pytest.mark.parametrize("custodians", [(), (ADA.recipient,), (ADA.recipient, ADA.recipient)])
def test_fewer_than_two_custodians_are_refused(custodians: tuple[str, ...]) -> None:
    """Named twice is one; the worker does not count."""
    with pytest.raises(Refused, match="2 are the least"):
        Openers(custodians=custodians, worker=(WORKER.recipient,))


def test_after_rewrapping_the_former_open_nothing_and_the_new_open_all() -> None:
    """Ben leaves, Cleo comes."""
    ring = filled()
    new = Openers(custodians=(ADA.recipient, CLEO.recipient), worker=(WORKER.recipient,))
    assert rewrap(ring, by=(BEN,), openers=new) == 5
    assert len(not_opened_by(ring, (BEN,))) == 5
    for identity in (ADA, CLEO, WORKER):
        assert not_opened_by(ring, (identity,)) == ()


@pytest.mark.parametrize("stop_after", range(5))
def test_rewrapping_that_was_stopped_loses_nothing_and_is_finished_by_another_run(stop_after: int) -> None:
    """Each key opens by somebody in force at every moment."""
    ring = filled()
    ring.stop_after = stop_after
    new = Openers(custodians=(ADA.recipient, CLEO.recipient))
    with pytest.raises(KeyboardInterrupt):
        rewrap(ring, by=(ADA,), openers=new)
    assert not_opened_by(ring, (ADA,)) == ()
    ring.stop_after = None
    assert rewrap(ring, by=(ADA,), openers=new) == 5
    assert len(not_opened_by(ring, (BEN,))) == len(not_opened_by(ring, (WORKER,))) == 5


def test_nothing_is_changed_when_one_key_does_not_open() -> None:
    """A stray key shows before the first one is touched."""
    ring = filled()
    add_secret(ring, "other.age", b"x", lambda: Openers(custodians=(BEN.recipient, CLEO.recipient)))
    before = dict(ring.keys)
    with pytest.raises(Refused, match="1 of the haven's keys"):
        rewrap(ring, by=(ADA,), openers=OPENERS)
    assert ring.keys == before


def test_several_identities_open_together_what_none_opens_alone() -> None:
    """A worker's rotation that was stopped leaves keys of the old and of the new one."""
    ring = filled()
    add_secret(ring, "other.age", b"x", lambda: Openers(custodians=(BEN.recipient, CLEO.recipient)))
    assert rewrap(ring, by=(ADA, CLEO), openers=OPENERS) == 6


def test_a_key_that_is_gone_says_so() -> None:
    """Withdrawn, or never here."""
    with pytest.raises(KeyGone, match="withdrawn"):
        open_secret(MemoryKeyRing(), pseudonym_key("p"), ADA)


@pytest.mark.parametrize("bad", ["PAT-1", "", "../x", "AB" * 32])
def test_names_are_made_of_keyed_ids_only(bad: str) -> None:
    """A PatientID can't become a file name by mistake."""
    with pytest.raises(InvalidInput):
        participant_key(bad, ADA.recipient)


@pytest.mark.parametrize("bad", ["", "../x", "a/b", ".hidden"])
def test_project_names_lead_nowhere_else(bad: str) -> None:
    """They become file names."""
    with pytest.raises(InvalidInput):
        pseudonym_key(bad)
