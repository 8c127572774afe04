"""A later day of withdrawal, and a no, stay until somebody signs anew: an older table gives nothing back."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from tests.flow.haven.test_consent import FREE, PROJECT, imported, plan, row

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.consent import Change, Permit, StatedNo
from fivesafes.flow.haven.entered import record_consents
from fivesafes.flow.haven.model import WithdrawalKind
from fivesafes.flow.haven.withdraw import withdraw

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

DAY = date(2026, 12, 24)
ENDS = evolve(FREE, withdrawn_on=DAY)
NO = StatedNo(line=2, participant=Identifying("PAT-1"))


def kept(world: "World") -> object:
    """Give what is recorded of the one participant."""
    return world.books.consents(PROJECT)[world.keyed(Identifying("PAT-1"))].consent


def signed(world: "World") -> date:
    """Give a day on which a newer consent may begin."""
    return world.watch().date() + timedelta(days=1)


@pytest.mark.parametrize(
    "stated", [FREE, evolve(FREE, withdrawn_on=DAY + timedelta(days=30)), evolve(FREE, face=False)]
)
@pytest.mark.parametrize("permits", [(), (Permit.RENEW,), (Permit.WITHDRAW, Permit.RENEW)])
def test_an_older_row_takes_no_day_back_and_moves_none_away(
    either_world: "World", stated: object, permits: tuple[Permit, ...]
) -> None:
    """Nothing is written, and who it is stands there by keyed id."""
    world = either_world
    imported(world, row(2, "PAT-1", ENDS))
    told = world.events()
    with pytest.raises(InvalidInput, match=r"line 2: .*destroy.* on 2026-12-24") as raised:
        plan(world, row(2, "PAT-1", stated), row(3, "PAT-2"), permits=permits)  # type: ignore[arg-type] # of attrs
    assert world.keyed(Identifying("PAT-1"))[:12] in raised.value.what
    assert "--renew-of" in raised.value.fix
    assert "PAT" not in str(raised.value)
    assert (kept(world), world.events()) == (ENDS, told)


def test_who_has_a_pseudonym_is_named_by_it(world: "World") -> None:
    """As everywhere in what people read."""
    imported(world, row(2, "PAT-1", ENDS))
    with world.books.deed():
        world.books.set_subjects({world.keyed(Identifying("PAT-1")): "aaaaaaaa"})
    with pytest.raises(InvalidInput, match="sub-aaaaaaaa"):
        plan(world, row(2, "PAT-1"))


def test_a_nearer_day_and_what_does_not_touch_the_day_pass(world: "World") -> None:
    """They widen nothing."""
    imported(world, row(2, "PAT-1", ENDS))
    assert imported(world, row(2, "PAT-1", ENDS)).unchanged == 1
    assert imported(world, row(2, "PAT-1", evolve(ENDS, face=False))).changes[Change.CHANGED] == 1
    nearer = evolve(FREE, withdrawn_on=DAY - timedelta(days=1))
    assert imported(world, row(2, "PAT-1", nearer)).changes[Change.CHANGED] == 1
    assert kept(world) == nearer


@pytest.mark.parametrize("moved", [None, DAY + timedelta(days=30)])
def test_a_newer_consent_and_renew_move_the_day(either_world: "World", moved: date | None) -> None:
    """Newer is what begins after the day on which the end was recorded; without --renew it does not do."""
    world = either_world
    imported(world, row(2, "PAT-1", ENDS))
    newer = row(2, "PAT-1", evolve(FREE, valid_from=signed(world), withdrawn_on=moved))
    with pytest.raises(InvalidInput, match="2026-12-24"):
        plan(world, newer)
    assert imported(world, newer, permits=(Permit.RENEW,)).changes[Change.RENEWED] == 1
    assert kept(world) == newer.consent
    assert imported(world, newer).unchanged == 1


def test_what_was_to_begin_later_is_not_newer(world: "World") -> None:
    """It was there before the day was named."""
    begins = world.watch().date() + timedelta(days=30)
    stated = row(2, "PAT-1", evolve(FREE, valid_from=begins))
    imported(world, stated)
    imported(world, row(2, "PAT-1", evolve(stated.consent, withdrawn_on=DAY)))
    with pytest.raises(InvalidInput, match="2026-12-24"):
        plan(world, stated, permits=(Permit.RENEW,))


def test_a_mistake_is_taken_back_of_who_is_named_and_of_nobody_else(either_world: "World") -> None:
    """A mistyped month needs no new signature, and a whole table must not lift what nobody looked at."""
    world = either_world
    imported(world, row(2, "PAT-1", ENDS), row(3, "PAT-2", ENDS))
    one, two = (world.keyed(Identifying(name)) for name in ("PAT-1", "PAT-2"))
    with pytest.raises(InvalidInput, match="line 3") as raised:
        plan(world, row(2, "PAT-1"), row(3, "PAT-2"), mistaken=(one,))
    assert "line 2" not in raised.value.what
    made = imported(world, row(2, "PAT-1"), row(3, "PAT-2", ENDS), mistaken=(one,))
    assert [(each.participant, each.change) for each in made.record] == [(one, Change.RENEWED)]
    assert world.books.consents(PROJECT)[one].consent == FREE
    assert world.books.consents(PROJECT)[two].consent == ENDS


def test_a_mistake_never_lifts_a_withdrawal(world: "World") -> None:
    """Neither a part, which only a newer consent gives back, nor all of it."""
    imported(world, row(2, "PAT-1", ENDS))
    id_ = world.keyed(Identifying("PAT-1"))
    withdraw(world.means, id_, WithdrawalKind.NO_FACE)
    with pytest.raises(InvalidInput, match="took this back"):
        plan(world, row(2, "PAT-1"), mistaken=(id_,))
    imported(world, row(2, "PAT-1", evolve(FREE, face=False)), mistaken=(id_,))
    assert kept(world) == evolve(FREE, face=False)
    withdraw(world.means, id_, WithdrawalKind.FULL)
    with pytest.raises(InvalidInput, match="what was held is destroyed"):
        plan(world, row(2, "PAT-1"), mistaken=(id_,))


@pytest.mark.parametrize("stated", [FREE, ENDS])
@pytest.mark.parametrize("permits", [(), (Permit.RENEW,)])
def test_an_older_yes_does_not_overtake_a_no(
    either_world: "World", stated: object, permits: tuple[Permit, ...]
) -> None:
    """The table that was written before it says what it said before."""
    world = either_world
    imported(world, row(2, "PAT-1"))
    imported(world, declined=(NO,))
    said = kept(world)
    with pytest.raises(InvalidInput, match="said no") as raised:
        plan(world, row(2, "PAT-1", stated), permits=permits)  # type: ignore[arg-type] # of attrs
    assert world.keyed(Identifying("PAT-1"))[:12] in raised.value.what
    assert kept(world) == said


def test_a_no_after_a_day_keeps_the_day(world: "World") -> None:
    """Both stand, and one newer consent lifts both."""
    imported(world, row(2, "PAT-1", ENDS))
    imported(world, declined=(NO,))
    assert kept(world) == evolve(ENDS, permissions=frozenset())
    with pytest.raises(InvalidInput, match="said no"):
        plan(world, row(2, "PAT-1"))
    newer = evolve(FREE, valid_from=signed(world))
    imported(world, row(2, "PAT-1", newer), permits=(Permit.RENEW,))
    assert kept(world) == newer


def test_what_changed_since_the_plan_was_made_is_not_overtaken(either_world: "World") -> None:
    """Two people import at once: who comes second looks again."""
    world = either_world
    imported(world, row(2, "PAT-1"))
    made = plan(world, row(2, "PAT-1", evolve(FREE, face=False)))
    imported(world, row(2, "PAT-1", ENDS))
    with pytest.raises(TryAgain, match="changed meanwhile"):
        record_consents(world.means.books, made, newcomers=world.haven.newcomers(PROJECT), author=world.means.author)
    assert kept(world) == ENDS
