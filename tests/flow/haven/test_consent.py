"""Consents of a haven: all or nothing, history kept, and no table ever gives back what was taken back by mistake."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput, Refused, UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.consent import (
    Change,
    ImportPlan,
    Permit,
    StatedConsent,
    judge_participant,
    narrowed,
    plan_import,
    record_consents,
    row_digest,
)
from fivesafes.flow.haven.model import ParticipantState, ProjectState, WithdrawalKind
from fivesafes.flow.haven.withdraw import begin_withdrawal, withdraw
from fivesafes.project.model import Consent, DataUse, IntendedUse, Permission, Tier

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

PROJECT = "memory-2026"
FREE = Consent(permissions=frozenset({Permission(use=DataUse.GRU)}), face=True, valid_from=date(2026, 1, 1))


def row(line: int, name: str, consent: Consent = FREE, *, public_stated: bool = False) -> StatedConsent:
    """State a consent."""
    return StatedConsent(line=line, participant=Identifying(name), consent=consent, public_stated=public_stated)


def plan(world: "World", *rows: StatedConsent, permits: tuple[Permit, ...] = ()) -> ImportPlan:
    """Plan the import of these rows."""
    return plan_import(
        world.books,
        PROJECT,
        rows,
        table="consent.csv",
        keyed=world.keyed,
        on=world.watch().date(),
        permits=frozenset(permits),
    )


def imported(world: "World", *rows: StatedConsent, permits: tuple[Permit, ...] = ()) -> ImportPlan:
    """Plan and record."""
    made = plan(world, *rows, permits=permits)
    record_consents(world.means.books, made, newcomers=world.haven.newcomers(PROJECT), author=world.means.author)
    return made


def test_newcomers_get_a_key_and_the_same_table_again_changes_nothing(either_world: "World") -> None:
    """Consents stand under keyed ids, with the digest of the row and an event each."""
    world = either_world
    first = imported(world, row(2, "PAT-1"), row(3, "PAT-2 "))
    assert (len(first.newcomers), first.changes[Change.NEW]) == (2, 2)
    kept = world.books.consents(PROJECT)
    assert kept[world.keyed(Identifying("PAT-2"))].consent == FREE
    assert len(list(world.haven.keyring.names("participants/"))) == 2
    told = world.events()
    assert told[-4:] == [("admit", "admitted")] * 2 + [("consent", "new")] * 2
    again = imported(world, row(2, "PAT-1"), row(3, "PAT-2"))
    assert (again.unchanged, again.record, again.newcomers) == (2, (), ())
    assert world.events() == told


def test_a_changed_row_is_recorded_and_the_earlier_one_kept(world: "World") -> None:
    """What was agreed to, and when it changed, can be told later."""
    imported(world, row(2, "PAT-1"))
    changed = evolve(FREE, face=False)
    assert imported(world, row(2, "PAT-1", changed)).changes[Change.CHANGED] == 1
    history = world.books.consent_history(world.keyed(Identifying("PAT-1")))
    assert [one.consent.face for one in history] == [True, False]


def test_a_signed_form_that_comes_later_is_a_change_and_a_missing_one_is_none(world: "World") -> None:
    """Evidence once recorded is not lost to a table without it."""
    imported(world, row(2, "PAT-1"))
    signed = evolve(row(2, "PAT-1"), evidence_digest="e" * 64)
    assert imported(world, signed).changes[Change.CHANGED] == 1
    assert imported(world, row(2, "PAT-1")).unchanged == 1
    assert world.books.consents(PROJECT)[world.keyed(Identifying("PAT-1"))].evidence_digest == "e" * 64


def test_who_disappears_from_the_table_is_told_and_keeps_the_consent(world: "World") -> None:
    """Withdrawing is a deed of its own."""
    imported(world, row(2, "PAT-1"), row(3, "PAT-2"))
    gone = world.keyed(Identifying("PAT-2"))
    assert imported(world, row(2, "PAT-1")).missing == (gone,)
    assert gone in world.books.consents(PROJECT)
    withdraw(world.means, gone, WithdrawalKind.FULL)
    assert plan(world, row(2, "PAT-1")).missing == ()


def test_a_row_that_withdraws_is_refused_unless_it_is_asked_for(world: "World") -> None:
    """A typing mistake must not destroy anything; a day to come ends the consent and nothing else."""
    imported(world, row(2, "PAT-1"))
    today = world.watch().date()
    left = evolve(FREE, withdrawn_on=today)
    with pytest.raises(InvalidInput, match=r"consent\.csv, line 2: the participant has withdrawn") as raised:
        plan(world, row(2, "PAT-1", left))
    assert "--withdraw" in raised.value.fix
    asked = plan(world, row(2, "PAT-1", left), row(3, "NEVER-SEEN", left), permits=(Permit.WITHDRAW,))
    assert asked.withdraw == (world.keyed(Identifying("PAT-1")),)
    assert (asked.never_received, asked.newcomers) == (1, ())
    later = plan(world, row(2, "PAT-1", evolve(FREE, withdrawn_on=date(2026, 12, 24))))
    assert (later.later, later.withdraw, len(later.record)) == (1, (), 1)


def test_after_a_full_withdrawal_no_table_brings_anybody_back(world: "World") -> None:
    """Neither an old table nor --renew; a table that tells of the withdrawal is no change."""
    imported(world, row(2, "PAT-1"))
    withdraw(world.means, world.keyed(Identifying("PAT-1")), WithdrawalKind.FULL)
    for permits in ((), (Permit.RENEW,), tuple(Permit)):
        with pytest.raises(InvalidInput, match="line 2: the participant has withdrawn, and what was held"):
            plan(world, row(2, "PAT-1", evolve(FREE, valid_from=world.watch().date())), permits=permits)
    assert plan(world, row(2, "PAT-1", evolve(FREE, withdrawn_on=world.watch().date()))).withdrawn_before == 1


@pytest.mark.parametrize(
    ("kind", "stated"),
    [
        (WithdrawalKind.NO_FACE, row(2, "PAT-1")),
        (WithdrawalKind.NO_PUBLIC, row(2, "PAT-1", evolve(FREE, face=False), public_stated=True)),
    ],
)
def test_what_was_taken_back_comes_back_only_by_a_newer_consent(
    world: "World", kind: WithdrawalKind, stated: StatedConsent
) -> None:
    """The table's old yes is refused; --renew alone does not do; newer days and --renew do."""
    imported(world, stated)
    withdraw(world.means, world.keyed(Identifying("PAT-1")), kind)
    with pytest.raises(InvalidInput, match="took this back") as raised:
        plan(world, stated)
    assert "--renew" in raised.value.fix
    with pytest.raises(InvalidInput, match="begins before that day"):
        plan(world, stated, permits=(Permit.RENEW,))
    newer = evolve(stated, consent=evolve(stated.consent, valid_from=world.watch().date()))
    assert imported(world, newer, permits=(Permit.RENEW,)).changes[Change.RENEWED] == 1
    world.watch.pass_days(1)
    assert plan(world, newer).unchanged == 1


def test_what_a_table_does_not_say_stays_taken_back(world: "World") -> None:
    """Future use and public sharing have no word in an old table; importing it again gives neither back."""
    imported(world, row(2, "PAT-1"))
    id_ = world.keyed(Identifying("PAT-1"))
    withdraw(world.means, id_, WithdrawalKind.NO_FUTURE_USE)
    withdraw(world.means, id_, WithdrawalKind.NO_PUBLIC)
    again = imported(world, row(2, "PAT-1"))
    assert (again.unchanged, again.taken_back) == (1, 1)
    changed = imported(world, row(2, "PAT-1", evolve(FREE, face=False)), permits=(Permit.RENEW,))
    assert changed.changes[Change.CHANGED] == 1
    now = world.books.consents(PROJECT)[id_].consent
    assert (now.face, now.future_use, now.public) == (False, False, False)


def test_one_wrong_row_and_nothing_is_written(world: "World") -> None:
    """All wrong rows are told, by line alone."""
    imported(world, row(2, "PAT-1"))
    withdraw(world.means, world.keyed(Identifying("PAT-1")), WithdrawalKind.FULL)
    with pytest.raises(InvalidInput) as raised:
        plan(world, row(2, "PAT-1"), row(3, "PAT-3"), row(4, " PAT-3"), row(5, "PAT-4"))
    assert raised.value.what.splitlines()[1] == "consent.csv, line 4: the participant stands in an earlier line too"
    assert "PAT" not in str(raised.value)
    assert len(world.books.participants(PROJECT)) == 1


def test_a_withdrawal_that_overtakes_an_import_wins(world: "World") -> None:
    """Between planning and recording somebody withdrew: their row is left out."""
    imported(world, row(2, "PAT-1"), row(3, "PAT-2"))
    made = plan(world, row(2, "PAT-1", evolve(FREE, face=False)), row(3, "PAT-2", evolve(FREE, face=False)))
    id_ = world.keyed(Identifying("PAT-1"))
    begin_withdrawal(world.means, id_, WithdrawalKind.FULL)
    record_consents(world.means.books, made, newcomers=world.haven.newcomers(PROJECT), author=world.means.author)
    consents = world.books.consents(PROJECT)
    assert not consents[id_].consent.in_force(world.watch().date())
    assert not consents[world.keyed(Identifying("PAT-2"))].consent.face


def test_a_closed_project_takes_no_consents_in(world: "World") -> None:
    """Nor does one that is not there."""
    with world.books.deed():
        world.books.set_project_state(PROJECT, ProjectState.CLOSED, at=world.watch())
    with pytest.raises(Refused, match="the project is closed"):
        plan(world, row(2, "PAT-1"))
    with pytest.raises(UsageMistake, match="no project of this name"):
        plan_import(world.books, "other", [], table="t", keyed=world.keyed, on=world.watch().date())


def test_an_import_that_is_killed_leaves_all_or_nothing(make_world: "Callable[..., World]") -> None:
    """Killed before any write: run again, the same end."""
    for falls_at in range(1, 6):
        world = make_world(f"killed{falls_at}")
        world.blade.set(falls_at)
        with pytest.raises(world.blade.death):
            imported(world, row(2, "PAT-1"), row(3, "PAT-2"))
        assert len(world.books.consents(PROJECT)) in {0, 2}
        world.blade.set(None)
        imported(world, row(2, "PAT-1"), row(3, "PAT-2"))
        assert len(world.books.consents(PROJECT)) == 2
        assert world.events().count(("consent", "new")) == 2


def test_a_participant_is_judged_by_state_first_then_by_consent(world: "World") -> None:
    """What the gate calls before every step."""
    person = world.admit("PAT-1", subject="aaaaaaaa", consent=None)
    use = IntendedUse(purpose="p", permission=Permission(use=DataUse.HMB))
    today = world.watch().date()
    assert judge_participant(person, None, use, on=today).findings[0].code == "project.consent.absent"
    imported(world, row(2, "PAT-1", evolve(FREE, public=False)))
    kept = world.books.consents(PROJECT)[person.id]
    assert not judge_participant(person, kept, use, on=today).refuses
    assert judge_participant(person, kept, use, on=today, place=Tier.T0).refuses
    left = evolve(person, state=ParticipantState.WITHDRAWING)
    assert judge_participant(left, kept, use, on=today).findings[0].code == "project.participant.withdrawn"


@given(kinds=st.lists(st.sampled_from(WithdrawalKind)), day=st.dates(date(2026, 1, 1), date(2027, 1, 1)))
def test_taking_back_never_widens(kinds: list[WithdrawalKind], day: date) -> None:
    """Whatever is taken back in whatever order, nothing becomes allowed that was not."""
    consent = FREE
    for kind in kinds:
        less = narrowed(consent, kind, on=day)
        assert (less.face, less.public, less.future_use) <= (consent.face, consent.public, consent.future_use)
        assert not less.in_force(day) or consent.in_force(day)
        assert narrowed(less, kind, on=day) == less
        consent = less


@given(face=st.booleans(), public=st.booleans(), future=st.booleans(), use=st.sampled_from([DataUse.GRU, DataUse.HMB]))
def test_a_row_s_digest_tells_consents_apart(*, face: bool, public: bool, future: bool, use: DataUse) -> None:
    """Equal exactly when consent and participant are."""
    one = evolve(FREE, face=face, public=public, future_use=future, permissions=frozenset({Permission(use=use)}))
    assert (row_digest("a", one) == row_digest("a", FREE)) is (one == FREE)
    assert row_digest("a", one) != row_digest("b", one)
