"""Retention: what has ended stops on the day; disposal waits for its day, or for two custodians and a reason."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from fivesafes.core.errors import Refused, UsageMistake
from fivesafes.flow.haven.model import ParticipantState, ProjectState, SeriesState, WithdrawalKind
from fivesafes.flow.haven.retention import Force, dispose, due, judge_work
from fivesafes.flow.haven.shredding import Sweep
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.project.model import Consent, DataUse, Permission

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

PROJECT = "memory-2026"
CUSTODIANS = frozenset({"custodian 1", "custodian 2"})
FORCE = Force(reason="the committee asks for it", custodians=("custodian 1", "custodian 2"))


def retained_until(world: "World", day: date) -> None:
    """Set the retention date."""
    with world.books.deed():
        world.books.set_retention(PROJECT, day, at=world.watch())


def peopled(world: "World") -> None:
    """Take two people in, with a series each."""
    for name, subject in (("DOE^JANE", "aaaaaaaa"), ("ROE^RICHARD", "bbbbbbbb")):
        person = world.admit(name, subject=subject)
        world.seal(person, f"5e1e5{subject[0]}", [f"slice of {name}".encode()])


def test_work_stops_on_the_day_the_approval_ends_or_the_project_closes(world: "World") -> None:
    """The last day is a day; the next is not."""
    kept = world.books.project(PROJECT)
    last = kept.project.approval.valid_until
    assert not judge_work(kept, on=last).refuses
    assert judge_work(kept, on=last + timedelta(days=1)).refuses
    for state in (ProjectState.CLOSED, ProjectState.DISPOSED):
        assert judge_work(evolve(kept, state=state), on=last).findings[0].code == "project.closed"


def test_what_has_ended_is_told_by_count(world: "World") -> None:
    """Approval, retention, consents, withdrawals whose day has come; nobody is named."""
    short = Consent(
        permissions=frozenset({Permission(use=DataUse.GRU)}),
        face=False,
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 6, 30),
    )
    world.admit("A", subject="aaaaaaaa", consent=short)
    world.admit("B", subject="bbbbbbbb", consent=evolve(short, valid_until=None, withdrawn_on=date(2026, 7, 1)))
    world.admit("C", subject="cccccccc", consent=None)
    retained_until(world, date(2026, 12, 31))
    (now,) = due(world.books, on=date(2026, 6, 30))
    assert not now.anything
    (now,) = due(world.books, on=date(2026, 7, 1))
    assert (now.consents_ended, now.withdrawals_due, now.approval_ended, now.disposal_due) == (1, 1, False, False)
    (now,) = due(world.books, on=date(2027, 1, 1))
    assert (now.approval_ended, now.disposal_due, now.anything) == (True, True, True)


@pytest.mark.parametrize(
    ("until", "force", "expected"),
    [
        (None, None, "without a retention date"),
        (date(2026, 6, 1), None, "to be kept until 2026-06-01"),
        (None, evolve(FORCE, reason=" "), "needs a reason"),
        (None, evolve(FORCE, custodians=("custodian 1", "custodian 1")), "2 different custodians"),
        (None, evolve(FORCE, custodians=("custodian 1", "somebody")), "2 different custodians"),
    ],
)
def test_disposal_before_its_day_is_refused(
    world: "World", until: date | None, force: Force | None, expected: str
) -> None:
    """And nothing is changed: the last day of retention is still a day of retention."""
    peopled(world)
    if until is not None:
        retained_until(world, until)
    told = world.events()
    with pytest.raises(Refused, match=expected):
        dispose(world.means, PROJECT, custodians=CUSTODIANS, force=force)
    assert world.books.project(PROJECT).state is ProjectState.OPEN
    assert world.events() == told
    with pytest.raises(UsageMistake):
        dispose(world.means, "other", custodians=CUSTODIANS, force=force)


def disposed(world: "World") -> None:
    """Check that nothing is left but the trail and the certificate."""
    assert world.books.project(PROJECT).state is ProjectState.DISPOSED
    assert {one.state for one in world.books.participants(PROJECT)} == {ParticipantState.WITHDRAWN}
    assert {one.state for one in world.books.series(PROJECT)} == {SeriesState.SHREDDED}
    assert not list(world.haven.keyring.names("participants/"))
    assert not list(world.haven.blobs.walk())
    assert not world.finished("5e1e5a").exists()
    assert world.holds(b"DOE^JANE") == []
    assert world.events().count(("dispose", "done")) == 1


def test_on_its_day_everything_goes_but_the_trail_and_the_certificate(either_world: "World") -> None:
    """The certificate counts, digests and names no participant; done once, it is not done again."""
    world = either_world
    peopled(world)
    retained_until(world, date(2026, 5, 31))
    done = dispose(world.means, PROJECT, custodians=CUSTODIANS)
    assert done.certificate is not None
    disposed(world)
    data = done.certificate.data
    assert (data["participants"], data["series"], data["files"], data["forced"]) == (2, 2, 2, None)
    text = world.document("disposal.txt").read_text()
    assert "CERTIFICATE OF DISPOSAL" in text
    assert all(one.id not in text for one in world.books.participants(PROJECT))
    assert due(world.books, on=date(2027, 1, 1)) == ()
    with pytest.raises(Refused, match="disposed of before"):
        dispose(world.means, PROJECT, custodians=CUSTODIANS, force=FORCE)


def test_a_forced_disposal_tells_reason_and_custodians(world: "World") -> None:
    """On the certificate, and in the trail."""
    peopled(world)
    done = dispose(world.means, PROJECT, custodians=CUSTODIANS, force=FORCE)
    assert done.certificate is not None
    assert "the committee asks for it (custodian 1, custodian 2, proved by their keys)" in done.certificate.text
    number = next(n for n, event in enumerate(world.events()) if event == ("dispose", "done"))
    assert world.books.told(number).purpose == FORCE.reason


def test_a_place_that_is_away_keeps_the_disposal_open(world: "World") -> None:
    """Run again when it is back, it ends; meanwhile nobody works on the data."""
    peopled(world)

    class Away:
        def __init__(self, keys: Any) -> None:  # noqa: ANN401 - the real ones, under the blade
            self.keys = keys

        def destroy(self, people: object) -> Sweep:
            found: Sweep = self.keys.destroy(people)
            return evolve(found, unreachable=("backup 1",))

        def destroy_project(self, project: str) -> Sweep:
            return Sweep()

        def bury(self) -> Sweep:
            return Sweep()

    waiting = dispose(evolve(world.means, keys=Away(world.means.keys)), PROJECT, custodians=CUSTODIANS, force=FORCE)
    assert waiting.waits_for == ("keys: backup 1 can't be reached",)
    assert world.books.project(PROJECT).state is ProjectState.CLOSED
    assert dispose(world.means, PROJECT, custodians=CUSTODIANS, force=FORCE).certificate is not None
    disposed(world)


def test_who_withdrew_before_is_counted_and_their_receipt_stays(world: "World") -> None:
    """The certificate tells of them as withdrawn before."""
    peopled(world)
    person = world.books.participants(PROJECT)[0]
    withdraw(world.means, person.id, WithdrawalKind.FULL)
    done = dispose(world.means, PROJECT, custodians=CUSTODIANS, force=FORCE)
    assert done.certificate is not None
    assert (done.certificate.data["withdrawn_before"], done.certificate.data["series"]) == (1, 1)


def test_killed_at_any_step_and_run_again_it_ends_the_same(make_world: "Callable[..., World]") -> None:
    """Nothing is left, and the trail tells of one disposal."""
    falls_at, killed = 0, True
    while killed:
        falls_at += 1
        world = make_world(f"killed{falls_at}")
        peopled(world)
        world.blade.set(falls_at)
        try:
            dispose(world.means, PROJECT, custodians=CUSTODIANS, force=FORCE)
        except world.blade.death:
            world.blade.set(None)
            if world.books.project(PROJECT).state is not ProjectState.DISPOSED:
                dispose(world.means, PROJECT, custodians=CUSTODIANS, force=FORCE)
        else:
            killed = False
        disposed(world)
    assert falls_at > 15
