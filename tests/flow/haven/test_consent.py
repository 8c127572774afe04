"""Consents of a haven: all or nothing, history kept, and no table ever gives back what was taken back by mistake."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput, Refused, TryAgain, UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.consent import (
    Change,
    ImportPlan,
    Permit,
    StatedConsent,
    StatedNo,
    judge_participant,
    plan_import,
    row_digest,
)
from fivesafes.flow.haven.entered import record_consents
from fivesafes.flow.haven.model import ParticipantState, ProjectState, WithdrawalKind
from fivesafes.flow.haven.taken_back import narrowed
from fivesafes.flow.haven.withdraw import begin_withdrawal, withdraw
from fivesafes.project.model import Consent, DataUse, IntendedUse, Permission, Tier

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

PROJECT = "memory-2026"
FREE = Consent(permissions=frozenset({Permission(use=DataUse.GRU)}), face=True, valid_from=date(2026, 1, 1))


def row(line: int, name: str, consent: Consent = FREE, *, public_stated: bool = False) -> StatedConsent:
    """State a consent."""
    return StatedConsent(line=line, participant=Identifying(name), consent=consent, public_stated=public_stated)


def plan(
    world: "World",
    *rows: StatedConsent,
    declined: tuple[StatedNo, ...] = (),
    permits: tuple[Permit, ...] = (),
    mistaken: tuple[str, ...] = (),
) -> ImportPlan:
    """Plan the import of these rows."""
    return plan_import(
        world.books,
        PROJECT,
        (*rows, *declined),
        table="consent.csv",
        keyed=world.keyed,
        on=world.watch().date(),
        permits=frozenset(permits),
        mistaken=frozenset(mistaken),
    )


def imported(
    world: "World",
    *rows: StatedConsent,
    declined: tuple[StatedNo, ...] = (),
    permits: tuple[Permit, ...] = (),
    mistaken: tuple[str, ...] = (),
) -> ImportPlan:
    """Plan and record."""
    made = plan(world, *rows, declined=declined, permits=permits, mistaken=mistaken)
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
    assert ([one.line for one in asked.unseen], asked.newcomers) == ([3], ())
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
    with pytest.raises(InvalidInput, match="does not begin after that day"):
        plan(world, stated, permits=(Permit.RENEW,))
    of_that_day = evolve(stated, consent=evolve(stated.consent, valid_from=world.watch().date()))
    with pytest.raises(InvalidInput, match="does not begin after that day"):
        plan(world, of_that_day, permits=(Permit.RENEW,))
    world.watch.pass_days(1)
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


def test_what_was_there_before_a_withdrawal_never_lifts_it(world: "World") -> None:
    """A consent that was to begin later was given before it was taken back, and --renew is for a whole table."""
    begins = world.watch().date() + timedelta(days=30)
    stated = row(2, "PAT-1", evolve(FREE, face=False, valid_from=begins))
    imported(world, stated)
    id_ = world.keyed(Identifying("PAT-1"))
    withdraw(world.means, id_, WithdrawalKind.NO_FUTURE_USE)
    world.watch.pass_days(60)
    assert imported(world, stated, permits=(Permit.RENEW,)).taken_back == 1
    assert not world.books.consents(PROJECT)[id_].consent.future_use
    newer = row(2, "PAT-1", evolve(FREE, face=False, valid_from=world.watch().date()))
    assert imported(world, newer).taken_back == 1
    assert imported(world, newer, permits=(Permit.RENEW,)).changes[Change.RENEWED] == 1
    assert world.books.consents(PROJECT)[id_].consent.future_use


def test_a_no_ends_the_consent_and_destroys_nothing(either_world: "World") -> None:
    """It is told as what it is, it is history, and a yes may follow; who never agreed is counted."""
    world = either_world
    imported(world, row(2, "PAT-1"), row(3, "PAT-2"))
    id_ = world.keyed(Identifying("PAT-1"))
    nos = (StatedNo(line=2, participant=Identifying("PAT-1")), StatedNo(line=4, participant=Identifying("PAT-9")))
    made = imported(world, row(3, "PAT-2"), declined=nos)
    assert (made.changes[Change.ENDED], made.declined, made.missing, made.unchanged) == (1, 1, (), 1)
    assert world.events()[-1] == ("consent", "ended")
    now = world.books.consents(PROJECT)[id_]
    use = IntendedUse(purpose="p", permission=Permission(use=DataUse.HMB))
    person = world.books.participant(id_)
    assert person.state is ParticipantState.ACTIVE
    judged = judge_participant(person, now, use, on=world.watch().date())
    assert judged.findings[0].code == "project.consent.absent"
    again = imported(world, row(3, "PAT-2"), declined=nos)
    assert (again.record, again.declined) == ((), 2)
    with pytest.raises(InvalidInput, match="said no"):
        plan(world, row(2, "PAT-1"), row(3, "PAT-2"))
    signed = evolve(FREE, valid_from=world.watch().date() + timedelta(days=1))
    assert imported(world, row(2, "PAT-1", signed), permits=(Permit.RENEW,)).changes[Change.RENEWED] == 1
    assert [bool(one.consent.permissions) for one in world.books.consent_history(id_)] == [True, False, True]


def test_a_no_gives_nothing_back_that_was_taken_back(world: "World") -> None:
    """After it, the old table still does not widen."""
    imported(world, row(2, "PAT-1"))
    id_ = world.keyed(Identifying("PAT-1"))
    withdraw(world.means, id_, WithdrawalKind.NO_FUTURE_USE)
    imported(world, declined=(StatedNo(line=2, participant=Identifying("PAT-1")),))
    assert imported(world, row(2, "PAT-1"), mistaken=(id_,)).taken_back == 1
    assert not world.books.consents(PROJECT)[id_].consent.future_use


LEFT = evolve(FREE, withdrawn_on=date(2026, 5, 1))


def test_who_withdrew_before_anything_was_received_stays_out(either_world: "World") -> None:
    """By keyed id alone: no key, no name; an older table with a yes is refused, and the same table says it again."""
    world = either_world
    made = imported(world, row(2, "ZZZ-999", LEFT))
    assert [(one.line, one.noted) for one in made.unseen] == [(2, False)]
    person = world.books.participant(world.keyed(Identifying("ZZZ-999")))
    assert (person.state, person.recipient, person.sealed_name) == (ParticipantState.WITHDRAWN, "", None)
    assert list(world.haven.keyring.names("participants/")) == []
    assert world.events()[-1] == ("withdraw", "unseen")
    told = world.events()
    again = imported(world, row(7, "ZZZ-999", LEFT))
    assert [(one.line, one.noted) for one in again.unseen] == [(7, True)]
    assert world.events() == told
    for permits in ((), (Permit.RENEW,)):
        with pytest.raises(InvalidInput, match="line 2: the participant withdrew before anything was received") as said:
            plan(world, row(2, "ZZZ-999"), permits=permits)
        assert "--renew" in said.value.fix


def test_who_withdrew_unseen_comes_in_by_a_newer_consent_and_renew(either_world: "World") -> None:
    """A mistyped identifier may turn out to be somebody's; they get a key then, and it is told as renewed."""
    world = either_world
    imported(world, row(2, "ZZZ-999", LEFT))
    newer = row(2, "ZZZ-999", evolve(FREE, valid_from=date(2026, 5, 2)))
    made = imported(world, newer, permits=(Permit.RENEW,))
    assert made.changes[Change.RENEWED] == 1
    id_ = world.keyed(Identifying("ZZZ-999"))
    person = world.books.participant(id_)
    assert (person.state, bool(person.sealed_name)) == (ParticipantState.ACTIVE, True)
    assert [one.partition(".")[0] for one in world.haven.keyring.names("participants/")] == [f"participants/{id_}"]
    assert imported(world, newer).unchanged == 1
    withdraw(world.means, id_, WithdrawalKind.FULL)
    with pytest.raises(InvalidInput, match="what was held is destroyed"):
        plan(world, newer, permits=(Permit.RENEW,))


def test_who_withdrew_unseen_and_then_by_name_stays_out_for_good(world: "World") -> None:
    """A receipt was given; no table overtakes it."""
    imported(world, row(2, "ZZZ-999", LEFT))
    newer = row(2, "ZZZ-999", evolve(FREE, valid_from=date(2026, 5, 2)))
    made = plan(world, newer, permits=(Permit.RENEW,))
    id_ = world.keyed(Identifying("ZZZ-999"))
    done = withdraw(world.means, id_, WithdrawalKind.FULL)
    assert done.withdrawal.receipt is not None
    assert done.withdrawal.receipt["destroyed"]["key"] is False  # type: ignore[index] # plain data
    record_consents(world.means.books, made, newcomers=world.haven.newcomers(PROJECT), author=world.means.author)
    assert world.books.participant(id_).state is ParticipantState.WITHDRAWN
    with pytest.raises(InvalidInput, match="what was held is destroyed"):
        plan(world, newer, permits=(Permit.RENEW,))


def test_a_withdrawal_that_found_nothing_is_not_lost_when_scans_come_meanwhile(world: "World") -> None:
    """Nothing is written; the next import sees what there is to destroy."""
    made = plan(world, row(2, "ZZZ-999", LEFT))
    world.admit("ZZZ-999", subject="aaaaaaaa", consent=None)
    with pytest.raises(TryAgain, match="received meanwhile"):
        record_consents(world.means.books, made, newcomers=world.haven.newcomers(PROJECT), author=world.means.author)
    with pytest.raises(InvalidInput, match="importing this would destroy"):
        plan(world, row(2, "ZZZ-999", LEFT))


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
