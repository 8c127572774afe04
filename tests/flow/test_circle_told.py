"""Whoever can write to the database alone gets no key sealed to them: rows are compared with the trail."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.setting.vault.havens import SealedHaven

from fivesafes.core.errors import Refused
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.flow.circle_told import CUSTODY, FOUNDERS, INIT, Standing, founders_fact, told_circle
from fivesafes.flow.custody import adding, carry_out, check_as_told
from fivesafes.flow.haven.author import Author
from fivesafes.setting.vault.keys import not_opened_by
from fivesafes.setting.vault.seal import Identity
from fivesafes.setting.vault.vault import fingerprint
from fivesafes.stores.identity_files import read_identity
from fivesafes.stores.models import Custodian
from fivesafes.wiring import custodians
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.health import judge_haven

EVIL = Identity.made()
AUTHOR = Author(name="a test", clock=lambda: datetime(2026, 12, 1, tzinfo=UTC), policy_digest="")


def put_in() -> None:
    """Add a row, as somebody would who has the database."""
    Custodian.objects.create(name="custodian-3", recipient=EVIL.recipient, kind="custodian", added_at=AUTHOR.clock())


def exchanged() -> None:
    """Give Ben another's key."""
    Custodian.objects.filter(name="Ben").update(recipient=EVIL.recipient)


def worker_s() -> None:
    """Give the worker another's key."""
    Custodian.objects.filter(name="worker").update(recipient=EVIL.recipient)


def taken_out() -> None:
    """Have new keys sealed to Ada alone."""
    Custodian.objects.filter(name="Ben").delete()


def left_alone() -> None:
    """Say that Ben is leaving."""
    Custodian.objects.filter(name="Ben").update(kind="leaving")


ALTERED = [(put_in, "custodian-3"), (exchanged, "Ben"), (worker_s, "worker"), (taken_out, "Ben"), (left_alone, "Ben")]


@pytest.mark.parametrize(("alter", "name"), ALTERED)
def test_rows_that_the_trail_did_not_tell_of_are_not_sealed_to(
    haven: SealedHaven, opened: OpenHaven, alter: Callable[[], None], name: str
) -> None:
    """No newcomer is admitted, no change of custodians made, no key sealed anew; doctor and verify say who it is."""
    opened.openers()  # asked before: it is asked again when the rows are others
    custody = custodians.custody_of(opened, by="a test", progress=Silent())
    ada = read_identity(haven.identities["Ada"])
    alter()
    with pytest.raises(Refused, match=name):
        opened.newcomers("p1").admit([Identifying("somebody new")])
    with pytest.raises(Refused, match=name):
        carry_out(custody, adding("Cleo", Identity.made().recipient), by=(ada,))
    with pytest.raises(Refused, match=name):
        custodians.rotate_worker(opened, custody, identity=haven.identities["Ada"])
    with pytest.raises(Refused, match=name):
        custodians.custodians()
    assert len(not_opened_by(opened.keyring, (EVIL,))) == len(list(opened.keyring.names()))
    seen = custodians.verify(opened, identity=haven.identities["Ada"], sample=None, progress=Silent())
    assert "setting.vault.circle-not-as-told" in {one.code for one in seen.verdict().findings}
    assert name in seen.circle
    assert "haven.custody.not-as-told" in {one.code for one in judge_haven(opened, ()).findings}


def test_a_circle_that_was_changed_as_it_should_be_is_believed(haven: SealedHaven, opened: OpenHaven) -> None:
    """Also after several changes, and in between."""
    custody = custodians.custody_of(opened, by="a test", progress=Silent())
    ada = read_identity(haven.identities["Ada"])
    cleo = Identity.made()
    carry_out(custody, adding("Cleo", cleo.recipient), by=(ada,))
    custodians.rotate_worker(opened, custody, identity=haven.identities["Ada"])
    assert {one.name for one in check_as_told(custody.books)} == {"Ada", "Ben", "Cleo", "worker"}
    assert cleo.recipient in opened.openers().custodians
    seen = custodians.verify(opened, identity=haven.identities["Ada"], sample=None, progress=Silent())
    assert seen.circle == ""


NAMES = st.sampled_from(["Ada", "Ben", "worker"])
STEPS = st.lists(
    st.tuples(NAMES, st.sampled_from(["joining", "joined", "leaving", "left"]), st.integers(0, 1)), max_size=8
)


@given(steps=STEPS)
def test_who_left_is_nobody_and_the_last_word_on_a_key_holds(steps: list[tuple[str, str, int]]) -> None:
    """Whatever was told before."""
    keys = ["age1first", "age1second"]
    made = AUTHOR.event(
        INIT, "haven x", "made", project="", **{FOUNDERS: founders_fact([("Ada", keys[0], "custodian")])}
    )
    events = [made]
    for name, outcome, key in steps:
        events.append(AUTHOR.event(CUSTODY, f"custodian {name}", outcome, project="", recipient=fingerprint(keys[key])))
    there = told_circle(events)
    last = {(name, fingerprint(keys[key])): outcome for name, outcome, key in steps}
    ends = {"joining": {Standing.JOINING, Standing.JOINING_WORKER}, "leaving": {Standing.LEAVING}}
    ends["joined"] = {Standing.CUSTODIAN, Standing.WORKER}
    for who, outcome in last.items():
        assert there.get(who) in ends.get(outcome, {None})
    assert there.get(("Ada", fingerprint(keys[0]))) == Standing.CUSTODIAN or ("Ada", fingerprint(keys[0])) in last
