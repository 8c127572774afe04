"""Is what the books say of a consent what the trail told when it was recorded?  Whoever relies on consents asks here.

Rows can be changed by whoever writes to the database: a no would become a yes, and nobody would know.
"""

from collections.abc import Mapping
from typing import Final

from fivesafes.core.event import Event, Fact
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.consent import row_digest, told_digest
from fivesafes.flow.haven.model import KeptConsent, ParticipantState
from fivesafes.flow.haven.ports import Books

CONSENT: Final = "consent"
NARROWED: Final = "narrowed"


def told_consent(kept: KeptConsent, outcome: str, *, project: str, author: Author) -> Event:
    """Tell of a consent that is recorded: its evidence and its row by digests that are bound to the keyed id."""
    evidence, row = told_digest(kept.participant, kept.evidence_digest), row_digest(kept.participant, kept.consent)
    return author.event(CONSENT, kept.participant, outcome, project=project, evidence=evidence, row=row)


def consents_not_as_told(books: Books, project: str) -> frozenset[str]:
    """Name the participants of whose consent the books say something else than the trail's last word on it.

    A look through the trail, and another when anything is found: a consent that is recorded meanwhile is none of them.
    Who takes part no more has no consent that anybody could rely on.
    """
    found = _not_as_told(books, project)
    return found & _not_as_told(books, project) if found else found


def _not_as_told(books: Books, project: str) -> frozenset[str]:
    last = {event.object: event.facts for event in books.told_of(CONSENT, project=project)}
    recorded = books.consents(project)
    active = [one.id for one in books.participants(project) if one.state is ParticipantState.ACTIVE]
    return frozenset(id_ for id_ in active if not _alike(recorded.get(id_), last.get(id_)))


def _alike(kept: KeptConsent | None, told: Mapping[str, Fact] | None) -> bool:
    if kept is None or told is None:
        return kept is None and told is None
    row = told.get("row")
    if row is None:  # by an earlier version
        return told.get("evidence") == told_digest(kept.participant, kept.evidence_digest)
    return row == row_digest(kept.participant, kept.consent)
