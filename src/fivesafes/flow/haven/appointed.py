"""Withdrawals whose day was named beforehand: told until then, and on that day begun by whatever command runs first."""

from datetime import date
from typing import Final

from attrs import evolve, frozen

from fivesafes.flow.haven.model import ParticipantState, WithdrawalKind
from fivesafes.flow.haven.ports import Books
from fivesafes.flow.haven.shredding import Means
from fivesafes.flow.haven.withdraw import begin_withdrawal

BY: Final = "fivesafes, on the day that the consent names"
"""Whose hand the trail and the receipt name: who entered the day stands in the event of that consent."""


@frozen(kw_only=True)
class Ahead:
    """Of how many participants the haven will destroy what it holds, on days still to come; the nearest of them."""

    participants: int = 0
    nearest: date | None = None


def ahead_in(books: Books, project: str, *, on: date) -> Ahead:
    """Count the withdrawals of a project whose day is named and has not come."""
    active = {one.id for one in books.participants(project) if one.state is ParticipantState.ACTIVE}
    named = (one.consent.withdrawn_on for id_, one in books.consents(project).items() if id_ in active)
    days = [day for day in named if day is not None and day > on]
    return Ahead(participants=len(days), nearest=min(days, default=None))


def begin_appointed(means: Means) -> int:
    """Begin in full each withdrawal whose day has come; give how many.  ``resume_withdrawals`` carries them out."""
    due = means.books.appointed(on=means.author.clock().date())
    own = evolve(means, author=evolve(means.author, name=BY))
    for participant in due:
        begin_withdrawal(own, participant, WithdrawalKind.FULL)
    return len(due)
