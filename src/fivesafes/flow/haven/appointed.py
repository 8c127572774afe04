"""Withdrawals whose day was named beforehand: on that day they begin, by whatever command runs first."""

from typing import Final

from attrs import evolve

from fivesafes.flow.haven.model import WithdrawalKind
from fivesafes.flow.haven.shredding import Means
from fivesafes.flow.haven.withdraw import begin_withdrawal

BY: Final = "fivesafes, on the day that the consent names"
"""Whose hand the trail and the receipt name: who entered the day stands in the event of that consent."""


def begin_appointed(means: Means) -> int:
    """Begin in full each withdrawal whose day has come; give how many.  ``resume_withdrawals`` carries them out."""
    due = means.books.appointed(on=means.author.clock().date())
    own = evolve(means, author=evolve(means.author, name=BY))
    for participant in due:
        begin_withdrawal(own, participant, WithdrawalKind.FULL)
    return len(due)
