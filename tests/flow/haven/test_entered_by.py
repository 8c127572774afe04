"""Whose hand entered a withdrawal stands in its row and its receipt, whoever finishes it."""

from typing import TYPE_CHECKING

from attrs import evolve

from fivesafes.flow.haven.model import WithdrawalKind
from fivesafes.flow.haven.receipt import receipt_text
from fivesafes.flow.haven.withdraw import begin_withdrawal, resume_withdrawals

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World


def test_who_entered_it_and_who_finished_it_are_both_told(either_world: "World") -> None:
    """Begun by the data manager, killed, and finished by the next command."""
    world = either_world
    jane = world.admit("DOE^JANE", subject="aaaaaaaa")
    begun = begin_withdrawal(world.means, jane.id, WithdrawalKind.FULL)
    assert begun.by == "data manager"
    other = evolve(world.means, author=evolve(world.means.author, name="fivesafes"))
    (done,) = resume_withdrawals(other)
    assert done.withdrawal.by == "data manager"
    receipt = done.withdrawal.receipt
    assert receipt is not None
    assert (receipt["entered_by"], receipt["done_by"]) == ("data manager", "fivesafes")
    assert "entered by data manager" in receipt_text(receipt)
