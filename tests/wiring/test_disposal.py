"""A disposal before its day: two custodians stand behind it with their keys, not by a typed name."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.setting.vault.havens import NOW, SealedHaven, make_haven

from fivesafes.core.errors import PolicyInvalid, Refused
from fivesafes.core.event import Event
from fivesafes.core.progress import Silent
from fivesafes.flow.custody import carry_out, exchanging
from fivesafes.flow.haven.model import ProjectState
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores.identity_files import read_identity, write_identity
from fivesafes.wiring.custodians import custody_of
from fivesafes.wiring.disposal import dispose_project, set_retention
from fivesafes.wiring.haven import OpenHaven, opened_haven


@pytest.fixture
def sealed(tmp_path: Path) -> SealedHaven:
    """Make a haven with the custodians Ada and Ben, and project ``p1``."""
    return make_haven(tmp_path)


def events(haven: OpenHaven) -> list[Event]:
    """Give every disposal event."""
    told: list[Event] = []
    while (event := haven.books.told(len(told))) is not None:
        told.append(event)
    return [event for event in told if event.verb == "dispose"]


def test_two_custodians_prove_themselves_by_their_keys(sealed: SealedHaven) -> None:
    """The event and the certificate name those who proved it, as the books know them."""
    with opened_haven(sealed.path) as haven:
        keys = [sealed.identities["Ada"], sealed.identities["Ben"]]
        done = dispose_project(haven, "p1", by="Dr C", reason="the committee asks", identities=keys)
        assert done.certificate is not None
        assert done.certificate.data["forced"] == {"reason": "the committee asks", "custodians": ["Ada", "Ben"]}
        assert "the committee asks (Ada, Ben, proved by their keys)" in done.certificate.text
        begun = events(haven)[0]
        assert (begun.outcome, begun.facts["custodians"]) == ("begun", "Ada, Ben")
        assert begun.facts["proved"] == "by their keys"


LATE = date(2041, 12, 31)
NEAR = date(2027, 1, 1)


def test_the_day_is_brought_forward_only_by_what_a_disposal_before_it_needs(sealed: SealedHaven) -> None:
    """Else the rule for early disposals could be walked round; later is free, and the certificate knows each day."""
    keys = list(sealed.identities.values())
    with opened_haven(sealed.path, clock=lambda: NOW) as haven:
        set_retention(haven, "p1", date(2035, 12, 31), by="Dr C")
        set_retention(haven, "p1", LATE, by="Dr C")
        for earlier in (NEAR, NOW.date(), date(2020, 1, 1)):
            with pytest.raises(Refused, match="to be kept until 2041-12-31"):
                set_retention(haven, "p1", earlier, by="M")
            with pytest.raises(Refused, match="needs a reason"):
                set_retention(haven, "p1", earlier, by="M", identities=keys)
            with pytest.raises(Refused, match="needs 2 different custodians"):
                set_retention(haven, "p1", earlier, by="M", reason="because", identities=keys[:1])
        assert haven.project("p1").retain_until == LATE
        set_retention(haven, "p1", date(2026, 5, 31), by="M", reason="the committee says so", identities=keys)
        told = haven.books.told_of("retain", project="p1")
        assert [one.outcome for one in told] == ["set", "set", "brought forward"]
        assert (told[-1].facts["before"], told[-1].facts["custodians"]) == ("2041-12-31", "Ada, Ben")
        done = dispose_project(haven, "p1", by="M", reason="")
        assert done.certificate is not None
        days: Any = done.certificate.data["retention"]
        assert [one["before"] for one in days] == [None, "2035-12-31", "2041-12-31"]
        assert "before that 2041-12-31" in done.certificate.text
        assert "by M: the committee says so (Ada, Ben, proved by their keys)" in done.certificate.text


def test_a_first_day_that_is_near_needs_the_same(sealed: SealedHaven) -> None:
    """A project without a date is disposed of by two custodians; a day of tomorrow would do without them."""
    with opened_haven(sealed.path, clock=lambda: NOW) as haven:
        with pytest.raises(Refused, match="no retention date yet"):
            set_retention(haven, "p1", NEAR, by="M")
        keys = list(sealed.identities.values())
        set_retention(haven, "p1", NEAR, by="M", reason="registered late", identities=keys)
        assert haven.project("p1").retain_until == NEAR


def _nothing_happened(haven: OpenHaven) -> None:
    kept = haven.books.project("p1")
    assert kept is not None
    assert kept.state is ProjectState.OPEN
    assert events(haven) == []


def test_one_key_twice_a_strangers_or_the_workers_is_not_two_custodians(sealed: SealedHaven, tmp_path: Path) -> None:
    """Refused before anything is touched, whatever name belongs to it."""
    stranger = tmp_path / "stranger.agekey"
    write_identity(Identity.made(), stranger)
    ada = sealed.identities["Ada"]
    with opened_haven(sealed.path) as haven:
        for second in ([], [ada], [stranger], [sealed.keys / "worker.agekey"]):
            with pytest.raises(Refused, match="custodian"):
                dispose_project(haven, "p1", by="Dr C", reason="x", identities=[ada, *second])
        _nothing_happened(haven)


def test_a_key_that_others_may_read_proves_nothing(sealed: SealedHaven) -> None:
    """As everywhere: an identity is a file of its owner alone."""
    sealed.identities["Ben"].chmod(0o644)
    with opened_haven(sealed.path) as haven:
        with pytest.raises(PolicyInvalid):
            dispose_project(haven, "p1", by="C", reason="x", identities=list(sealed.identities.values()))
        _nothing_happened(haven)


def test_who_left_stands_behind_nothing(sealed: SealedHaven) -> None:
    """Ben exchanged his key: his former one is nobody's now."""
    with opened_haven(sealed.path) as haven:
        custody = custody_of(haven, by="Ben", progress=Silent())
        ben = read_identity(sealed.identities["Ben"])
        carry_out(custody, exchanging("Ben", Identity.made().recipient), by=(ben,))
        with pytest.raises(Refused, match="custodian"):
            dispose_project(haven, "p1", by="C", reason="x", identities=list(sealed.identities.values()))
        _nothing_happened(haven)


def test_a_recipient_written_into_the_books_does_not_open_the_keyring(sealed: SealedHaven, tmp_path: Path) -> None:
    """Who can write a row but holds no key of the ring is no custodian: something sealed must open."""
    from fivesafes.stores.models import Custodian  # noqa: PLC0415 - as somebody with the database would

    false = tmp_path / "false.agekey"
    identity = Identity.made()
    write_identity(identity, false)
    with opened_haven(sealed.path) as haven:
        Custodian.objects.filter(name="Ben").update(recipient=identity.recipient)
        with pytest.raises(Refused, match="custodian"):
            dispose_project(haven, "p1", by="C", reason="x", identities=[sealed.identities["Ada"], false])
        _nothing_happened(haven)
