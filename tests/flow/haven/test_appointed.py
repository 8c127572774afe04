"""A withdrawal that names a later day begins on that day, by itself."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from tests.flow.haven.conftest import AGREED, PROJECT

from fivesafes.core.errors import UsageMistake
from fivesafes.flow.haven.appointed import begin_appointed
from fivesafes.flow.haven.model import KeptConsent, KeptParticipant, ParticipantState, ProjectState, WithdrawalKind
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.stores.identity_files import write_identity
from fivesafes.wiring.consent import carry_on
from fivesafes.wiring.reviewing import reidentify

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

ENDS = evolve(AGREED, withdrawn_on=date(2026, 6, 3))


def says(world: "World", person: KeptParticipant, consent: object) -> None:
    """Record a newer consent."""
    kept = KeptConsent(
        participant=person.id,
        consent=consent,  # type: ignore[arg-type] # a consent of the table
        evidence_digest="1" * 64,
        recorded_at=world.watch(),
    )
    with world.books.deed():
        world.books.add_consents([kept])


def test_it_begins_on_its_day_and_not_before(either_world: "World") -> None:
    """Whatever runs first on that day begins it, tells of it, and carries it to its receipt; once."""
    world = either_world
    jane = world.admit("DOE^JANE", subject="aaaaaaaa", consent=ENDS)
    richard = world.admit("ROE^RICHARD", subject="bbbbbbbb")
    world.seal(jane, "5e1e5a", [b"slice"])
    world.watch.pass_days(1)
    assert carry_on(world.haven) == ()
    assert world.books.participant(jane.id).state is ParticipantState.ACTIVE
    world.watch.pass_days(1)
    (done,) = carry_on(world.haven)
    assert done.done
    assert done.withdrawal.kind is WithdrawalKind.FULL
    assert done.withdrawal.by == "fivesafes, on the day that the consent names"
    assert world.books.participant(jane.id).state is ParticipantState.WITHDRAWN
    assert world.books.participant(richard.id).state is ParticipantState.ACTIVE
    told = [outcome for verb, outcome in world.events() if verb == "withdraw"]
    assert told == ["begun", "measurements removed", "name removed", "done"]
    assert carry_on(world.haven) == ()


def test_one_that_names_today_begins_today_and_one_of_the_past_too(world: "World") -> None:
    """Recorded this morning, or on a day on which no command ran."""
    people = [
        world.admit("A", subject="aaaaaaaa", consent=evolve(ENDS, withdrawn_on=date(2026, 6, 1))),
        world.admit("B", subject="bbbbbbbb", consent=evolve(ENDS, withdrawn_on=date(2026, 5, 1))),
    ]
    assert begin_appointed(world.means) == 2
    assert {world.books.participant(one.id).state for one in people} == {ParticipantState.WITHDRAWING}
    assert begin_appointed(world.means) == 0


def test_a_newer_consent_moves_or_takes_back_the_day(world: "World") -> None:
    """Only the consent recorded last counts."""
    jane = world.admit("DOE^JANE", subject="aaaaaaaa", consent=ENDS)
    says(world, jane, AGREED)
    world.watch.pass_days(10)
    assert begin_appointed(world.means) == 0
    assert world.books.participant(jane.id).state is ParticipantState.ACTIVE


def test_it_begins_in_a_closed_project_and_beside_a_withdrawal_in_part(world: "World") -> None:
    """Closing a project keeps nobody in it, and a smaller wish does not stand in for the larger."""
    jane = world.admit("DOE^JANE", subject="aaaaaaaa", consent=ENDS)
    withdraw(world.means, jane.id, WithdrawalKind.NO_FACE)
    with world.books.deed():
        world.books.set_project_state(PROJECT, ProjectState.CLOSED, at=world.watch())
    world.watch.pass_days(2)
    assert begin_appointed(world.means) == 1
    assert world.books.participant(jane.id).state is ParticipantState.WITHDRAWING


def test_nobody_whose_day_has_come_is_handed_out_or_named_again(world: "World", tmp_path: Path) -> None:
    """Commands of custodians begin it too, before they open anything."""
    jane = world.admit("DOE^JANE", subject="aaaaaaaa", consent=ENDS)
    world.watch.pass_days(2)
    identity = tmp_path / "custodian.agekey"
    write_identity(world.custodian, identity)
    with pytest.raises(UsageMistake, match="nothing is held"):
        reidentify(world.haven, PROJECT, "aaaaaaaa", identity=identity, reason="x")
    assert world.books.participant(jane.id).state is ParticipantState.WITHDRAWN
