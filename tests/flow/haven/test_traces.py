"""No receipt and no certificate while the database's log may still hold a sealed name."""

from datetime import date
from typing import TYPE_CHECKING

from attrs import evolve

from fivesafes.core.errors import TryAgain
from fivesafes.flow.haven.model import ProjectState, WithdrawalKind
from fivesafes.flow.haven.retention import dispose
from fivesafes.flow.haven.withdraw import resume_withdrawals, withdraw

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

PROJECT = "memory-2026"


def held() -> None:
    """Be a database that somebody still reads."""
    message = "somebody still reads the database"
    raise TryAgain(message, fix="again")


def test_a_withdrawal_stays_open_while_traces_remain(world: "World") -> None:
    """Keys and name are gone, and it says what it waits for; the next command finishes it."""
    jane = world.admit("DOE^JANE", subject="aaaaaaaa")
    world.seal(jane, "5e1e5a", [b"slice"])
    open_ = withdraw(evolve(world.means, traces=held), jane.id, WithdrawalKind.FULL)
    assert not open_.done
    assert open_.waits_for == ("traces of the name: somebody still reads the database",)
    now = world.books.participant(jane.id)
    assert now.sealed_name is None
    assert not list(world.haven.keyring.names("participants/"))
    assert world.events().count(("withdraw", "done")) == 0
    (done,) = resume_withdrawals(world.means)
    assert done.done
    assert done.withdrawal.receipt is not None
    assert done.withdrawal.receipt["destroyed"]["series"] == 1  # type: ignore[index] # plain data


def test_the_name_is_out_of_every_file_when_the_receipt_is_written(world: "World") -> None:
    """At the moment of the receipt's deed, neither table nor log holds the sealed name."""
    jane = world.admit("DOE^JANE", subject="aaaaaaaa")
    assert jane.sealed_name is not None
    seen: list[list[str]] = []

    def looked() -> None:
        world.means.traces()
        seen.append(world.holds(jane.sealed_name or b""))

    assert world.holds(jane.sealed_name)
    assert withdraw(evolve(world.means, traces=looked), jane.id, WithdrawalKind.FULL).done
    assert seen == [[]]


def test_a_part_taken_back_removes_no_name_and_waits_for_nobody(world: "World") -> None:
    """There are no traces to wait for."""
    jane = world.admit("DOE^JANE", subject="aaaaaaaa")
    assert withdraw(evolve(world.means, traces=held), jane.id, WithdrawalKind.NO_FACE).done


def test_a_disposal_waits_likewise_and_counts_right_when_it_goes_on(world: "World") -> None:
    """Who withdrew before is told apart from who was in the project until its end."""
    jane, richard = (world.admit(name, subject=name[0] * 8) for name in ("a-jane", "b-richard"))
    withdraw(world.means, jane.id, WithdrawalKind.FULL)
    with world.books.deed():
        world.books.set_retention(PROJECT, date(2026, 5, 31), at=world.watch())
    waiting = dispose(evolve(world.means, traces=held), PROJECT, custodians=frozenset())
    assert waiting.certificate is None
    assert waiting.waits_for == ("traces of the names: somebody still reads the database",)
    assert world.books.participant(richard.id).sealed_name is None
    assert world.books.project(PROJECT).state is ProjectState.CLOSED
    done = dispose(world.means, PROJECT, custodians=frozenset())
    assert done.certificate is not None
    assert (done.certificate.data["participants"], done.certificate.data["withdrawn_before"]) == (2, 1)
