"""A project's scans as they come out of the vault: only of whom consent holds today, verified against the trail.

Sheets are opened here; originals are opened one by one where a step reads them, and never lie on disk in clear.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from fivesafes.core.errors import FiveSafesError, Refused, TryAgain
from fivesafes.core.ids import Identifying, SeriesId, SubjectLabel
from fivesafes.core.progress import Progress
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.flow.haven.as_told import as_told
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.consent import judge_participant
from fivesafes.flow.haven.consents_told import consents_not_as_told
from fivesafes.flow.haven.model import (
    KeptInstance,
    KeptParticipant,
    KeptProject,
    KeptSeries,
    ParticipantState,
    ProjectState,
    SeriesState,
    sheets_of,
)
from fivesafes.flow.haven.ports import Books, Unsealer
from fivesafes.flow.haven.sheet import joined, read_sheet
from fivesafes.flow.ports import Executor
from fivesafes.flow.receive import Received, ReceivedSeries
from fivesafes.flow.record import SeriesOutcome, SeriesStatus
from fivesafes.project.model import Consent

TOLD_TOGETHER: Final = 500
"""Series whose opening one event tells of."""


@frozen(kw_only=True)
class SealedOriginals:
    """The originals of one series in the vault; crosses to a worker process without holding anything in clear."""

    participant: KeptParticipant
    addresses: tuple[bytes, ...] = field(repr=False)
    unsealer: Unsealer

    def __len__(self) -> int:
        """Count the instances."""
        return len(self.addresses)

    def __iter__(self) -> Iterator[bytes]:
        """Open one after another.  Raises KeyGone when the participant has withdrawn meanwhile."""
        return self.unsealer.contents(self.participant, self.addresses)


_CONSENT_DOUBTFUL: Final = (
    "the books say something else of their consent than the trail told when it was recorded: somebody changed the "
    "database"
)


@frozen(kw_only=True)
class OpenedProject:
    """Whose data may be touched today, by PatientID, and the source that gives them."""

    consents: Mapping[Identifying[str], Consent]
    source: "VaultSource"


def check_open(kept: KeptProject) -> None:
    """Raise Refused where a project was closed or disposed of; its keys may be gone, and none is asked for."""
    if kept.state is not ProjectState.OPEN:
        message = f"the project is {kept.state.value}"
        raise Refused(message, fix="register a new project for new work")


def open_project(
    kept: KeptProject, books: Books, unsealer: Unsealer, *, pseudonyms: Pseudonyms, author: Author
) -> OpenedProject:
    """Open the names of those whose consent holds today, and give them their pseudonyms; the trail is told first.

    Raises InvalidInput when two participants would share a pseudonym: nothing may be made of either; Refused when the
    project is closed.
    """
    check_open(kept)
    recorded, doubtful = books.consents(kept.id), consents_not_as_told(books, kept.id)
    people: dict[str, KeptParticipant] = {}
    refused: dict[str, str] = {}
    agreed: dict[str, Consent] = {}
    on = author.clock().date()
    for person in books.participants(kept.id):
        if person.state is not ParticipantState.ACTIVE:
            continue
        if person.id in doubtful:
            refused[person.id] = _CONSENT_DOUBTFUL
            continue
        consent = recorded.get(person.id)
        verdict = judge_participant(person, consent, kept.project.use, on=on, place=kept.project.shared_with)
        if consent is None or verdict.refuses:
            refused[person.id] = verdict.findings[0].why
            continue
        agreed[person.id] = consent.consent
        people[person.id] = person
    if people:
        event = author.event("unseal", f"names of {kept.id}", "begun", project=kept.id, participants=len(people))
        with books.deed():
            books.tell(event)
    consents = {unsealer.name_of(person): agreed[id_] for id_, person in people.items()}
    labels = {
        id_: str(pseudonyms.subject(name)) for id_, name in zip(people, consents, strict=True)
    }  # both were filled in step
    unnamed = {id_: label for id_, label in labels.items() if people[id_].subject != label}
    if unnamed:
        with books.deed():
            books.set_subjects(unnamed)
    source = VaultSource(kept=kept, books=books, unsealer=unsealer, people=people, refused=refused, author=author)
    return OpenedProject(consents=consents, source=source)


@frozen(kw_only=True)
class VaultSource:
    """Gives a project's sealed series.  ``refused`` says of whom nothing is opened, and why."""

    kept: KeptProject
    books: Books
    unsealer: Unsealer
    people: Mapping[str, KeptParticipant]
    refused: Mapping[str, str]
    author: Author

    def receive(self, *, executor: Executor, profile: Profile, pseudonyms: Pseudonyms, progress: Progress) -> Received:
        """Open the sheet of each series whose participant agrees, once the books and the trail say the same of it."""
        rows = self.books.series(self.kept.id, SeriesState.SEALED, SeriesState.QUARANTINED)
        self._tell([row.id for row in rows if row.participant in self.people])
        progress.begin("open", total=len(rows), unit="series")
        series: list[ReceivedSeries] = []
        withheld: list[SeriesOutcome] = []
        ready: list[str] = []
        by_participant: dict[str, list[KeptSeries]] = defaultdict(list)
        for row in rows:
            by_participant[row.participant].append(row)
        for participant, group in by_participant.items():
            for row in group:
                answer = self._open(row, participant, pseudonyms)
                if isinstance(answer, SeriesOutcome):
                    withheld.append(answer)
                else:
                    series.append(answer)
                    ready += [row.id] if row.state is SeriesState.QUARANTINED else []
            progress.advance("open", len(group))
        progress.end("open")
        if ready:  # consent came after the scans
            with self.books.deed():
                self.books.set_series_state(ready, SeriesState.SEALED)
        ordered = sorted(series, key=lambda one: one.id)
        return Received(series=tuple(ordered), set_aside=(), withheld=tuple(withheld))

    def _tell(self, ids: Sequence[str]) -> None:
        """Tell which series are about to be opened: their sheets now, their originals where a step needs them."""
        batches = [ids[at : at + TOLD_TOGETHER] for at in range(0, len(ids), TOLD_TOGETHER)]
        if not batches:
            return
        project = self.kept.id
        with self.books.deed():
            self.books.tell(
                *(
                    self.author.event(
                        "unseal",
                        f"series of {project}",
                        "begun",
                        project=project,
                        number=len(some),
                        series=" ".join(some),
                    )
                    for some in batches
                )
            )

    def _open(self, row: KeptSeries, participant: str, pseudonyms: Pseudonyms) -> ReceivedSeries | SeriesOutcome:
        person = self.people.get(participant)
        if person is None:
            return _withheld(row, self.refused.get(participant, "the participant has withdrawn"))
        instances = self.books.instances(row.id)
        if not as_told(self.books, row, instances):
            return _withheld(row, "the books and the trail say different things of this series")
        try:
            return self._series(row, person, instances, pseudonyms)
        except TryAgain:
            raise
        except FiveSafesError as error:
            return _withheld(row, error.what)

    def _series(
        self, row: KeptSeries, person: KeptParticipant, instances: Sequence[KeptInstance], pseudonyms: Pseudonyms
    ) -> ReceivedSeries:
        sheets = [read_sheet(content) for content in self.unsealer.contents(person, sheets_of(row))]
        sheet = joined(sheets, instances=len(instances))
        return ReceivedSeries(
            id=SeriesId(row.id),
            participant=sheet.participant,
            subject=pseudonyms.subject(sheet.participant),
            study=sheet.study,
            facts=sheet.facts,
            originals=SealedOriginals(
                participant=person, addresses=tuple(one.address for one in instances), unsealer=self.unsealer
            ),
            taken=sheet.taken,
            texts=sheet.texts,
            bytes=row.bytes,
            digest=row.digest,
        )


def _withheld(row: KeptSeries, why: str) -> SeriesOutcome:
    return SeriesOutcome(
        id=SeriesId(row.id),
        subject=SubjectLabel(row.participant[:8]),  # nothing of this person is opened, not even for a pseudonym
        session=None,
        name=None,
        status=SeriesStatus.REFUSED,
        why=why,
        files_received=row.files,
        bytes_received=row.bytes,
    )
