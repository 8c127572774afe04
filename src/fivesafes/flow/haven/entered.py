"""What an import planned is written into the books: consents, newcomers, and who withdrew unseen; all or nothing."""

from collections.abc import Sequence
from datetime import datetime

from fivesafes.core.errors import TryAgain
from fivesafes.core.event import Event
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.consent import ImportPlan, ToRecord, Unseen, check_open, row_digest
from fivesafes.flow.haven.consents_told import told_consent
from fivesafes.flow.haven.model import KeptConsent, KeptParticipant, ParticipantState
from fivesafes.flow.haven.ports import Books, Newcomers


def record_consents(books: Books, plan: ImportPlan, *, newcomers: Newcomers, author: Author) -> None:
    """Write what was planned: all of it with its events, or nothing.  Newcomers' keys are made first.

    A participant who withdrew meanwhile is left out: what is recorded never overtakes a withdrawal.  Raises TryAgain
    when a consent was changed meanwhile, or something was received of somebody whose withdrawal found nothing to
    destroy.
    """
    admitted = newcomers.admit(plan.newcomers) if plan.newcomers else ()
    at = author.clock()
    with books.deed():
        check_open(books, plan.project)  # it may have been closed since the plan was made
        unseen = _note_unseen(books, plan, at)
        admissions = _admit(books, admitted, author)
        active = {one.id for one in books.participants(plan.project) if one.state is ParticipantState.ACTIVE}
        todo = [one for one in plan.record if one.participant in active]
        _check_as_planned(books, plan.project, todo)
        books.add_consents(_kept(one, at) for one in todo)
        told = [
            *(author.event("withdraw", one.participant, "unseen", project=plan.project) for one in unseen),
            *admissions,
            *(told_consent(_kept(one, at), one.change.value, project=plan.project, author=author) for one in todo),
        ]
        if told:
            books.tell(*told)


def _check_as_planned(books: Books, project: str, todo: Sequence[ToRecord]) -> None:
    """Raise TryAgain when somebody's consent is no longer what the plan compared the table with."""
    kept = books.consents(project)
    now = {one.participant: kept[one.participant].consent for one in todo if one.participant in kept}
    if any(now.get(one.participant) != one.before for one in todo):
        message = "a consent was changed meanwhile, and nothing of the table was recorded"
        raise TryAgain(message, fix="run it again: it then says what the table would change")


def _note_unseen(books: Books, plan: ImportPlan, at: datetime) -> Sequence[Unseen]:
    """Write down who withdrew before anything was received: the keyed id and the day; no key, no name."""
    new = [one for one in plan.unseen if not one.noted]
    there = {one.id: one for one in books.participants(plan.project)}
    if any(one.participant in there and there[one.participant].state is ParticipantState.ACTIVE for one in new):
        message = "something was received meanwhile of somebody who has withdrawn"
        raise TryAgain(message, fix="import the table again: it then says what would be destroyed")
    new = [one for one in new if one.participant not in there]
    books.add_participants(
        [
            KeptParticipant(id=one.participant, project=plan.project, recipient="", state=ParticipantState.WITHDRAWN)
            for one in new
        ],
        at=at,
    )
    books.add_consents(
        KeptConsent(
            participant=one.participant,
            consent=one.consent,
            evidence_digest=row_digest(one.participant, one.consent),
            recorded_at=at,
        )
        for one in new
    )
    return new


def _admit(books: Books, admitted: Sequence[KeptParticipant], author: Author) -> list[Event]:
    """Take people in; who withdrew unseen and signed anew comes in under the same keyed id."""
    books.add_participants(admitted, at=author.clock())
    for one in admitted:
        books.admit_again(one)
    return [author.event("admit", one.id, "admitted", project=one.project) for one in admitted]


def _kept(one: ToRecord, at: datetime) -> KeptConsent:
    return KeptConsent(
        participant=one.participant, consent=one.consent, evidence_digest=one.evidence_digest, recorded_at=at
    )
