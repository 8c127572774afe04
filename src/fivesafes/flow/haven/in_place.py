"""The ephemeral haven of ``fivesafes run``: the same books, trail and jobs, while the originals stay where they are."""

import hashlib
import json
from collections.abc import Mapping

from attrs import frozen

from fivesafes.core.event import Clock
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Progress
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.flow.haven.model import KeptConsent, KeptParticipant, KeptProject, KeptSeries, SeriesState
from fivesafes.flow.haven.ports import Books
from fivesafes.flow.ports import Executor
from fivesafes.flow.receive import FolderSource, Received
from fivesafes.flow.record import plain
from fivesafes.project.model import Consent


@frozen(kw_only=True)
class InPlaceSource:
    """A folder of scans whose project, participants, consents and series are entered into the books as received."""

    folder: FolderSource
    kept: KeptProject
    consents: Mapping[Identifying[str], Consent]
    books: Books
    clock: Clock

    def receive(self, *, executor: Executor, profile: Profile, pseudonyms: Pseudonyms, progress: Progress) -> Received:
        """Look at every file, then enter what was found, in one deed."""
        received = self.folder.receive(executor=executor, profile=profile, pseudonyms=pseudonyms, progress=progress)
        with self.books.deed():
            self.books.save_project(self.kept, at=self.clock())
            self._enter_people(received, pseudonyms)
            for one in received.series:
                self.books.add_series(
                    KeptSeries(
                        id=one.id,
                        project=self.kept.id,
                        participant=_id_of(one.participant, pseudonyms),
                        state=SeriesState.IN_PLACE,
                        digest=one.digest,
                        sheet=b"",
                        files=len(one.originals),
                        bytes=one.bytes,
                        received_at=self.clock(),
                        trail_n=0,
                    ),
                    (),
                )
        return received

    def _enter_people(self, received: Received, pseudonyms: Pseudonyms) -> None:
        people = dict.fromkeys([*(one.participant for one in received.series), *self.consents])
        self.books.add_participants(
            (
                KeptParticipant(
                    id=_id_of(who, pseudonyms),
                    project=self.kept.id,
                    recipient="",
                    subject=str(pseudonyms.subject(who)),
                )
                for who in people
            ),
            at=self.clock(),
        )
        recorded = self.books.consents(self.kept.id)
        new = []
        for who, consent in self.consents.items():
            before = recorded.get(_id_of(who, pseudonyms))
            if before is None or before.consent != consent:
                new.append(
                    KeptConsent(
                        participant=_id_of(who, pseudonyms),
                        consent=consent,
                        evidence_digest=_digest(consent),
                        recorded_at=self.clock(),
                    )
                )
        self.books.add_consents(new)


def _id_of(participant: Identifying[str], pseudonyms: Pseudonyms) -> str:
    return pseudonyms.name("participant", participant.reveal().strip())


def _digest(consent: Consent) -> str:
    return hashlib.sha256(json.dumps(plain(consent), sort_keys=True, default=str).encode()).hexdigest()
