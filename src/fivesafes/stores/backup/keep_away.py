"""What was taken back after a backup of the data was made is taken back again, in the restored books, in one deed.

Full withdrawals and partial ones are begun again with the day on which they were asked for; the haven's ordinary
``resume_withdrawals`` finishes them.  Who came after the backup and withdrew everything is written down as somebody who
withdrew, by keyed id alone: taken in again they would be a newcomer.  A project that was disposed of is disposed of at
once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.event import Event, Fact
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.consent import row_digest
from fivesafes.flow.haven.consents_told import NARROWED, told_consent
from fivesafes.flow.haven.model import (
    KeptConsent,
    KeptParticipant,
    KeptProject,
    ParticipantState,
    ProjectState,
    SeriesState,
    WithdrawalKind,
)
from fivesafes.flow.haven.taken_back import narrowed
from fivesafes.stores import trail
from fivesafes.stores.backup.tombstones import TakenBack, Tombstones
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.jobs import DjangoJobs
from fivesafes.stores.models import Participant

RESTORE: Final = "restore"
"""The verb of the event that tells of a restore."""

_WITHDREW: Final = "the participant withdrew after this backup was made"
_DISPOSED: Final = "the project was disposed of after this backup was made"


@frozen(kw_only=True)
class KeptAway:
    """How many participants would have come back, partial withdrawals been undone, disposed projects been reopened.

    ``unknown``: withdrawals that the restored books can't hold, in part by people or of any kind in projects that came
    after the backup.
    """

    withdrawn: int
    narrowed: int
    disposed: int
    unknown: int = 0


def keep_away(tombstones: Tombstones, *, author: Author, size: int, facts: Mapping[str, Fact]) -> KeptAway:
    """Take back again what the open books don't know of, and tell the trail of it and of the restore.

    ``size``: how many entries the trail had in the backup.  Done again, after an interruption, it changes nothing more.
    """
    again = _Again(author)
    with again.books.deed():
        before = trail.last_of(RESTORE) if trail.head().size > size else None
        kinds = [one.kind for one in sorted(tombstones.withdrawals) if again.withdrawn(one)]
        projects = [id_ for id_, at in sorted(tombstones.disposals.items()) if again.disposed(id_, at)]
        away = KeptAway(
            withdrawn=kinds.count(WithdrawalKind.FULL) + _fact(before, "kept_away"),
            narrowed=len(kinds) - kinds.count(WithdrawalKind.FULL) + _fact(before, "narrowed"),
            disposed=len(projects) + _fact(before, "disposed"),
            unknown=sum(again.books.participant(one.participant) is None for one in tombstones.withdrawals),
        )
        if before is None or kinds or projects:
            counts = {
                "kept_away": away.withdrawn,
                "narrowed": away.narrowed,
                "disposed": away.disposed,
                "unknown": away.unknown,
            }
            event = author.event(RESTORE, f"haven {tombstones.haven}", "done", project="")
            again.books.tell(evolve(event, facts={**facts, **counts}))
    return away


def _fact(event: Event | None, name: str) -> int:
    count = event.facts.get(name) if event is not None else None
    return count if isinstance(count, int) else 0


def _moment(kind: WithdrawalKind, at: datetime) -> datetime | None:
    """Say by which moment a withdrawal is known; of full ones there is never a second."""
    return None if kind is WithdrawalKind.FULL else at


def learn(told: Tombstones, *, author: Author) -> tuple[int, tuple[str, ...]]:
    """Begin again in the open books what a list beside keys tells of and they don't know: a restore had not read it.

    Gives how many withdrawals were begun, which the haven's ordinary ``resume_withdrawals`` finishes, and the projects
    whose disposal they don't know, which is the caller's to do: books that say so first would hide what is left of it.
    """
    again = _Again(author)
    with again.books.deed():
        begun = sum(again.withdrawn(one) for one in sorted(told.withdrawals))
    known = {one.id: one.state for one in again.books.projects()}
    return begun, tuple(sorted(id_ for id_ in told.disposals if known.get(id_) not in {None, ProjectState.DISPOSED}))


def learn_disposal(project: str, at: datetime, *, author: Author) -> None:
    """Write down that a project was disposed of, once nothing of it is left."""
    again = _Again(author)
    with again.books.deed():
        again.disposed(project, at)


class _Again:
    """Does to the open books what was done to those that were lost."""

    def __init__(self, author: Author) -> None:
        self.books = DjangoBooks()
        self._jobs = DjangoJobs()
        self._author = author
        self._asked = {
            (one.participant, one.kind, _moment(one.kind, one.requested_at)) for one in self.books.withdrawals()
        }

    def withdrawn(self, told: TakenBack) -> bool:
        """Begin a withdrawal; False when the books have it, or can't hold it."""
        asked = (told.participant, told.kind, _moment(told.kind, told.at))
        person = self.books.participant(told.participant) or self._came_and_went(told)
        if person is None or asked in self._asked:
            return False
        self._asked.add(asked)
        self.books.add_withdrawal(person.id, told.kind, at=told.at, by=self._author.name)
        if told.kind is WithdrawalKind.FULL and person.state is ParticipantState.ACTIVE:
            self.books.set_participant_state(person.id, ParticipantState.WITHDRAWING)
        self._narrow(person, told)
        self._cancel([person.id, *(one.id for one in self.books.series_of(person.id))], _WITHDREW)
        event = self._author.event(
            "withdraw", person.id, "begun", project=person.project, kind=told.kind.value, why=_WITHDREW
        )
        self.books.tell(event)
        return True

    def _came_and_went(self, told: TakenBack) -> KeptParticipant | None:
        """Write down somebody who came after the backup and withdrew, also in a project that is closed by now."""
        if told.kind is not WithdrawalKind.FULL or self.books.project(told.project) is None:
            return None
        Participant.objects.create(
            id=told.participant,
            project_id=told.project,
            recipient=told.recipient,
            state=ParticipantState.WITHDRAWN.value,
            created_at=self._author.clock(),
        )
        return self.books.participant(told.participant)

    def _narrow(self, person: KeptParticipant, told: TakenBack) -> None:
        newest = self.books.consents(person.project).get(person.id)
        if newest is None:
            return
        consent = narrowed(newest.consent, told.kind, on=told.at.date())
        kept = KeptConsent(
            participant=person.id,
            consent=consent,
            evidence_digest=row_digest(person.id, consent),
            recorded_at=self._author.clock(),
        )
        self.books.add_consents([kept])
        self.books.tell(told_consent(kept, NARROWED, project=person.project, author=self._author))

    def disposed(self, id_: str, at: datetime) -> bool:
        """Dispose of a project; False when the books say so already, or have none of that id.

        Its participants take part no more.  Who also withdrew everything is left to that: it recalls releases, too.
        """
        project = self.books.project(id_)
        if project is None or project.state is ProjectState.DISPOSED:
            return False
        withdraw = {
            one.participant
            for one in self.books.withdrawals(project=id_, open_only=True)
            if one.kind is WithdrawalKind.FULL
        }
        people = [one for one in self.books.participants(id_) if one.id not in withdraw]
        for person in people:
            if person.state is not ParticipantState.WITHDRAWN:
                self.books.set_participant_state(person.id, ParticipantState.WITHDRAWN)
        series = [
            one.id
            for one in self.books.series(id_)
            if one.state is not SeriesState.SHREDDED and one.participant not in withdraw
        ]
        self.books.set_series_state(series, SeriesState.SHREDDED, why=_DISPOSED)
        self.books.forget_measured(id_, series)
        self.books.forget_asides(id_, but=withdraw)
        self._jobs.forget([*(one.id for one in people), *series])
        self.books.set_project_state(id_, ProjectState.DISPOSED, at=at)
        self._tell_disposal(project, at, participants=len(people), series=len(series))
        return True

    def _tell_disposal(self, project: KeptProject, at: datetime, *, participants: int, series: int) -> None:
        event = self._author.event(
            "dispose",
            project.id,
            "done",
            project=project.id,
            why=_DISPOSED,
            disposed_at=at.isoformat(timespec="seconds"),
            participants=participants,
            series=series,
        )
        self.books.tell(event)

    def _cancel(self, objects: list[str], why: str) -> None:
        self._jobs.cancel(objects, at=self._author.clock(), why=why)
