"""Deliveries that were begun: the books say of each what is outside, and a withdrawal waits for who writes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import evolve, frozen
from tests.flow.haven.conftest import PROJECT

from fivesafes.core.errors import TryAgain
from fivesafes.flow.haven.deliveries import _RECORD, Cleaner, settle_deliveries, sweep_deliveries, write_end
from fivesafes.flow.haven.model import KeptParticipant, KeptRelease, ReleaseState, WithdrawalKind
from fivesafes.flow.haven.retention import Disposal, Force, dispose
from fivesafes.flow.haven.withdraw import resume_withdrawals, withdraw
from fivesafes.flow.ports import Found, Left
from fivesafes.flow.sign_off import RECORD

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

PART = ".0123.part"


@frozen
class Finds:
    """A place outside in which the given is found; ``meanwhile`` is done while it is locked for looking."""

    left: Left
    meanwhile: Callable[[], object] = bool

    def settle(self, to: Path, part: str, *, settled: Callable[[Left], None]) -> Found:
        """Find it."""
        assert (to.name, part) == ("there", PART)
        self.meanwhile()
        if self.left not in {Left.AWAY, Left.WRITING}:
            settled(self.left)
        return Found(left=self.left)


def going(world: "World", tmp_path: Path) -> KeptParticipant:
    """Begin a delivery of one person's data."""
    person: KeptParticipant = world.admit("DOE^JANE", subject="aaaaaaaa")
    world.release("r1", [person])
    with world.books.deed():
        (row,) = world.books.releases()
        world.books.set_release_state(row.id, ReleaseState.GOING)
        world.books.drop_release(row.id)
        there = str(tmp_path / "outside" / "there")
        world.books.add_release(evolve(row, state=ReleaseState.GOING, destination=there, part=PART))
    return person


def cleaner(world: "World", left: Left) -> Cleaner:
    """Clean where this is found."""
    return Cleaner(books=world.books, deliveries=Finds(left), author=world.means.author)


def row(world: "World") -> KeptRelease | None:
    """Give the one release, or None."""
    return next(iter(world.books.releases()), None)


def test_the_record_is_looked_for_where_releases_have_it() -> None:
    """Two names of one file."""
    assert _RECORD == RECORD


@pytest.mark.parametrize("left", [Left.SWEPT, Left.NOTHING])
def test_what_never_left_has_no_row_and_the_trail_says_so(world: "World", tmp_path: Path, left: Left) -> None:
    """A recall of it would alarm somebody who has nothing."""
    going(world, tmp_path)
    assert settle_deliveries(cleaner(world, left)) == {"r1": Found(left=left)}
    assert row(world) is None
    assert world.events()[-1] == ("export", "stopped")
    assert settle_deliveries(cleaner(world, left)) == {}


@pytest.mark.parametrize("left", [Left.AWAY, Left.WRITING])
def test_what_cannot_be_known_stays_as_it_is(world: "World", tmp_path: Path, left: Left) -> None:
    """Neither out nor stopped."""
    going(world, tmp_path)
    before, events = row(world), world.events()
    settle_deliveries(cleaner(world, left))
    assert (row(world), world.events()) == (before, events)


@pytest.mark.parametrize("left", [Left.NOTHING, Left.AWAY])
def test_what_stands_at_its_destination_is_out(world: "World", tmp_path: Path, left: Left) -> None:
    """Its own record says that it is this release; another candidate's does not."""
    going(world, tmp_path)
    record = tmp_path / "outside" / "there" / RECORD
    record.parent.mkdir(parents=True)
    record.write_text('{"candidate": "other"}')
    settle_deliveries(cleaner(world, Left.AWAY))
    assert row(world).state is ReleaseState.GOING  # type: ignore[union-attr] # it is there
    record.write_text('{"candidate": "%s"}' % ("d" * 64))
    settle_deliveries(cleaner(world, left))
    assert (row(world).state, row(world).part) == (ReleaseState.OUT, "")  # type: ignore[union-attr] # as above
    assert world.events()[-1] == ("export", "out")


@pytest.mark.parametrize("left", [Left.NOTHING, Left.AWAY])
def test_what_appears_while_it_is_looked_for_is_out(world: "World", tmp_path: Path, left: Left) -> None:
    """Whether it stands is asked when nobody writes there any more; asked before, its row would be dropped."""
    going(world, tmp_path)

    def appears() -> None:
        record = tmp_path / "outside" / "there" / RECORD
        record.parent.mkdir(parents=True)
        record.write_text('{"candidate": "%s"}' % ("d" * 64))

    where = evolve(cleaner(world, left), deliveries=Finds(left, appears))
    settle_deliveries(where)
    assert (row(world).state, row(world).part) == (ReleaseState.OUT, "")  # type: ignore[union-attr] # it is there


def test_what_was_about_to_appear_is_out_wherever_it_is_and_a_withdrawal_recalls_it(
    world: "World", tmp_path: Path
) -> None:
    """Somebody may have moved it since: a release that may have left is never forgotten."""
    person = going(world, tmp_path)
    done = withdraw(evolve(world.means, deliveries=Finds(Left.GONE)), person.id, WithdrawalKind.FULL)
    assert ("export", "out") in world.events()
    assert done.withdrawal.receipt is not None
    assert len(done.withdrawal.receipt["recalled"]) == 1  # type: ignore[arg-type] # a list
    assert (row(world).state, row(world).part) == (ReleaseState.RECALLED, "")  # type: ignore[union-attr] # as above


def test_a_withdrawal_waits_for_a_release_that_is_being_written(world: "World", tmp_path: Path) -> None:
    """It is done when that has stopped; what was swept is not recalled."""
    person = going(world, tmp_path)
    other = world.admit("ROE^RICHARD", subject="bbbbbbbb")
    with pytest.raises(TryAgain, match="being written"):
        sweep_deliveries(cleaner(world, Left.WRITING), participant=person.id)
    assert sweep_deliveries(cleaner(world, Left.WRITING), participant=other.id) == 0
    means = evolve(world.means, deliveries=Finds(Left.WRITING))
    waits = withdraw(means, person.id, WithdrawalKind.FULL)
    assert not waits.done
    assert "being written" in waits.waits_for[0]
    (done,) = resume_withdrawals(evolve(means, deliveries=Finds(Left.SWEPT)))
    assert done.done
    assert row(world) is None


def test_what_was_recalled_while_it_left_stays_recalled(world: "World", tmp_path: Path) -> None:
    """Its place could not be seen from where the withdrawal was done."""
    person = going(world, tmp_path)
    assert withdraw(evolve(world.means, deliveries=Finds(Left.AWAY)), person.id, WithdrawalKind.FULL).done
    begun = row(world)
    assert begun is not None
    assert begun.state is ReleaseState.RECALLED
    with world.books.deed():
        told = world.means.author.event("export", "release r1", "out", project=begun.project)
        write_end(world.books, begun, told, stands=True)
    assert (row(world).state, row(world).part) == (ReleaseState.RECALLED, "")  # type: ignore[union-attr] # it is there


def test_a_disposal_waits_for_who_writes_and_removes_what_was_half_outside(world: "World", tmp_path: Path) -> None:
    """What nobody looked after would lie outside for ever; what can't be seen stands in the certificate as out."""
    going(world, tmp_path)

    def disposed(left: Left) -> Disposal:
        means = evolve(world.means, deliveries=Finds(left))
        force = Force(reason="the committee asks", custodians=("Ada", "Ben"))
        return dispose(means, PROJECT, custodians=frozenset({"Ada", "Ben"}), force=force)

    assert [one.partition(":")[0] for one in disposed(Left.WRITING).waits_for] == ["deliveries"]
    certificate = disposed(Left.AWAY).certificate
    assert certificate is not None
    assert certificate.data["releases_still_out"] == ["r1"]
