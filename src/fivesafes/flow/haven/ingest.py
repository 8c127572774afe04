"""Ingest: scans go into the vault, sealed to their participants; what may not go on is set aside, sealed too.

Objects first, then one deed that tells of them: what was acknowledged is there, and what was not acknowledged is found
there by the next ingest.  Before a series is called here already, the vault is asked for its objects (``healing``).
The ingesting process can seal and recognise; it can't open anything.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import Refused
from fivesafes.core.ids import Identifying
from fivesafes.data.header.inspect import SetAside
from fivesafes.data.model import FileStatus
from fivesafes.data.originals import InPlace
from fivesafes.flow.haven.consent import judge_participant
from fivesafes.flow.haven.healing import Lost, Mended, lost_of, mended
from fivesafes.flow.haven.intake import Fate, Ingested, IngestReport, Intake
from fivesafes.flow.haven.keeping_aside import keep_aside, of_who_withdrew, worth_keeping
from fivesafes.flow.haven.model import (
    KeptConsent,
    KeptInstance,
    KeptParticipant,
    KeptProject,
    KeptSeries,
    ParticipantState,
    SeriesState,
    sheets_of,
)
from fivesafes.flow.haven.retention import judge_work
from fivesafes.flow.haven.sheet import sheet_of
from fivesafes.flow.receive import Received, ReceivedSeries
from fivesafes.project.model import Project
from fivesafes.setting.vault.address import series_digest
from fivesafes.setting.vault.vault import Vault

BATCH_BYTES: Final = 64 * 2**20
"""Originals that are sealed and made durable together, at most."""
DEED_SERIES: Final = 64
DEED_BYTES: Final = BATCH_BYTES
"""Series, and bytes of them, that one deed tells of: each deed waits for the disk."""
UID_BYTES: Final = 16
_WITHDREW: Final = "the participant has withdrawn: the scans were not taken in"


def check_open(kept: KeptProject, intake: Intake) -> None:
    """Raise Refused when the project takes nothing in today: closed, or its approval is not in force."""
    for finding in judge_work(kept, on=intake.author.clock().date()).findings:
        raise Refused(finding.why, fix=finding.fix or "renew the approval")


def ingest(kept: KeptProject, received: Received, intake: Intake) -> IngestReport:
    """Seal what was received of a project.  Run twice, or stopped and run again, it does no harm.

    Series of a participant without a consent in force are sealed and quarantined; those of a participant who withdrew
    are not taken in.  Raises Refused when the project may take nothing in, or a key is not there; TryAgain when the
    disk is full.
    """
    check_open(kept, intake)
    people, newcomers = _people(received, kept, intake)
    intake.newcomers.check_keys(kept, people.values())
    consents = intake.books.consents(kept.id)
    done: list[Ingested] = []
    aside = [of_who_withdrew(one, people) for one in received.set_aside]
    intake.progress.begin("seal", total=len(received.series), unit="series")
    for group in _deeds(received.series):
        batch = _Batch(intake.vault)
        sealed = [_seal(one, people[one.participant], consents, kept.project, intake, batch) for one in group]
        batch.flush()  # durable before the deed acknowledges it
        with intake.books.deed():
            prepared = [_written(one, kept.id, intake) for one in sealed]
        done += [one.told for one in prepared]
        aside += [file for one in prepared for file in one.contradicting]
        intake.progress.advance("seal", len(group))
    intake.progress.end("seal")
    healed = keep_aside(kept, aside, people, intake)
    return IngestReport(series=tuple(done), set_aside=tuple(aside), newcomers=newcomers, asides_healed=healed)


def _people(
    received: Received, kept: KeptProject, intake: Intake
) -> tuple[Mapping[Identifying[str], KeptParticipant], int]:
    """Give every participant's row; who is new gets a key first, then a row, told in the trail.

    Whoever only a file that is set aside names is a participant too: what is held of them must be theirs to take back.
    """
    named = [one.patient for one in received.set_aside if one.patient is not None and worth_keeping(one)]
    ids = list(dict.fromkeys([*(series.participant for series in received.series), *named]))
    keyed = {id_: intake.addresser.participant(id_) for id_ in ids}
    known = {one.id: one for one in intake.books.participants(kept.id)}
    new = [id_ for id_ in ids if keyed[id_] not in known]
    if new:
        admitted = intake.newcomers.admit(new)
        with intake.books.deed():
            intake.books.add_participants(admitted, at=intake.author.clock())
            intake.books.tell(
                *(
                    intake.author.event("admit", f"participant {one.id}", "admitted", project=kept.id)
                    for one in admitted
                )
            )
        known = {one.id: one for one in intake.books.participants(kept.id)}
    return {id_: known[keyed[id_]] for id_ in ids}, len(new)


def _deeds(series: Sequence[ReceivedSeries]) -> Iterator[list[ReceivedSeries]]:
    """Group series so that one deed tells of several small ones."""
    group: list[ReceivedSeries] = []
    size = 0
    for one in series:
        group.append(one)
        size += one.bytes
        if len(group) >= DEED_SERIES or size >= DEED_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


class _Batch:
    """Collects contents, so that many are made durable together; what a flush has put down stays, deed or no deed."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._pending: dict[str, list[bytes]] = defaultdict(list)
        self._size = 0

    def add(self, content: bytes, *, recipient: str) -> None:
        self._pending[recipient].append(content)
        self._size += len(content)
        if self._size >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        for recipient, contents in self._pending.items():
            self._vault.keep(contents, recipient=recipient)
        self._pending.clear()
        self._size = 0


@frozen(kw_only=True)
class _Prepared:
    """A series whose objects are handed over: the row to write (None: nothing new), and what is to be told."""

    told: Ingested
    participant: str = ""
    row: KeptSeries | None = None
    instances: tuple[KeptInstance, ...] = ()
    contradicting: tuple[SetAside, ...] = ()


@frozen(kw_only=True)
class _Case:
    """A series at hand, what books and vault have of it already, and where its contents go."""

    series: ReceivedSeries
    person: KeptParticipant
    before: KeptSeries | None
    there: Sequence[KeptInstance]
    lost: Lost
    intake: Intake
    batch: _Batch

    def hand_over(self, content: bytes) -> None:
        """Have a content sealed to its participant, where it is not there whole."""
        self.batch.add(content, recipient=self.person.recipient)


@frozen(kw_only=True)
class _Found:
    """What is new, which that was sealed before is at hand, what contradicts it, and the digest of what was read."""

    fresh: tuple[KeptInstance, ...]
    given: frozenset[bytes]
    contradicting: tuple[SetAside, ...]
    digest: str


def _seal(
    series: ReceivedSeries,
    person: KeptParticipant,
    consents: Mapping[str, KeptConsent],
    project: Project,
    intake: Intake,
    batch: _Batch,
) -> _Prepared:
    told = Ingested(id=series.id, fate=Fate.REFUSED, files=len(series.originals), bytes=series.bytes)
    if person.state is not ParticipantState.ACTIVE:
        return _Prepared(told=evolve(told, why=_WITHDREW))
    case = _case(series, person, intake, batch)
    found = _sorted_out(case)
    if found.digest != series.digest:
        return _Prepared(told=evolve(told, why="a file changed while it was being read"))
    mend = _mend(case, found)
    verdict = judge_participant(
        person, consents.get(person.id), project.use, on=intake.author.clock().date(), place=project.shared_with
    )
    state = SeriesState.QUARANTINED if verdict.refuses else SeriesState.SEALED
    why = verdict.findings[0].why if verdict.refuses else ""
    told = evolve(told, new_files=len(found.fresh), healed=mend.healed, missing=mend.left)
    prepared = _Prepared(told=told, participant=person.id, contradicting=found.contradicting)
    before = case.before
    if before is not None and not found.fresh and before.state is state and mend.sheets == sheets_of(before):
        fate = Fate.HEALED if mend.healed else Fate.HERE_ALREADY
        why = mend.said(why or "the same files were sealed before")
        return evolve(prepared, told=evolve(told, fate=fate, why=why))
    row = _row(case, found, mend, project=project.id, state=state, why=why)
    told = evolve(told, fate=Fate(state.value), why=mend.said(why))
    return evolve(prepared, told=told, row=row, instances=(*case.there, *found.fresh))


def _case(series: ReceivedSeries, person: KeptParticipant, intake: Intake, batch: _Batch) -> _Case:
    before = intake.books.one_series(series.id)
    there = intake.books.instances(series.id) if before is not None else ()
    lost = lost_of(before, there, person.recipient, intake)
    return _Case(series=series, person=person, before=before, there=there, lost=lost, intake=intake, batch=batch)


def _row(case: _Case, found: _Found, mend: Mended, *, project: str, state: SeriesState, why: str) -> KeptSeries:
    instances, sheet = (*case.there, *found.fresh), b"".join(mend.sheets)
    return KeptSeries(
        id=case.series.id,
        project=project,
        participant=case.person.id,
        state=state,
        digest=series_digest([*(one.address for one in instances), sheet]),
        sheet=sheet,
        files=len(instances),
        bytes=sum(one.bytes for one in instances),
        received_at=case.intake.author.clock(),
        trail_n=0,
        why=why,
    )


def _sorted_out(case: _Case) -> _Found:
    """Hand over each file that is not sealed yet, or that the vault has lost; a contradicting one is set aside.

    The digest is that of what was read, as ``receive`` computes it.
    """
    series, addresser = case.series, case.intake.addresser
    assert isinstance(series.originals, InPlace)  # noqa: S101 - received from a folder just now
    known = {one.uid: one.address for one in case.there}
    fresh: list[KeptInstance] = []
    contradicting: list[SetAside] = []
    given: set[bytes] = set()
    seen: list[str] = []
    for path, uid, content in zip(series.originals.paths, series.uids.reveal(), series.originals, strict=True):
        name = addresser.of(b"uid\0" + uid.encode())[:UID_BYTES]
        seen.append(hashlib.sha256(content).hexdigest())
        address = addresser.of(content)
        if name not in known:
            case.hand_over(content)
            fresh.append(KeptInstance(address=address, uid=name, bytes=len(content)))
        elif address != known[name]:
            contradicting.append(_contradicts(series, path, seen[-1], len(content)))
        else:
            given.add(address)
            if address in case.lost.originals:
                case.hand_over(content)
    digest = hashlib.sha256("\0".join(sorted(seen)).encode()).hexdigest()
    return _Found(fresh=tuple(fresh), given=frozenset(given), contradicting=tuple(contradicting), digest=digest)


def _mend(case: _Case, found: _Found) -> Mended:
    """Hand over the series' sheet where there is something new to note, or one is lost that it can stand for."""
    content = sheet_of(case.series) if found.fresh or case.lost.sheets else b""
    sheet = case.intake.addresser.of(content)
    mend = mended(
        case.before,
        case.lost,
        given=found.given,
        whole=found.given >= {one.address for one in case.there},
        fresh=bool(found.fresh),
        sheet=sheet,
    )
    if content and sheet in mend.sheets:
        case.hand_over(content)
    return mend


def _contradicts(series: ReceivedSeries, path: Identifying[Path], sha256: str, size: int) -> SetAside:
    return SetAside(
        path=path,
        status=FileStatus.REVIEW,
        code="data.file.contradicts",
        why="a file with this SOPInstanceUID and other content is sealed already: which is right, a person must say",
        sha256=sha256,
        bytes=size,
        patient=series.participant,
    )


def _written(one: _Prepared, project: str, intake: Intake) -> _Prepared:
    """Write a series into the books, within the deed; one whose participant withdrew a moment ago is refused."""
    if one.row is None and not one.told.healed:
        return one
    person = intake.books.participant(one.participant)
    if person is None or person.state is not ParticipantState.ACTIVE:
        return evolve(one, told=evolve(one.told, fate=Fate.REFUSED, new_files=0, healed=0, why=_WITHDREW), row=None)
    if one.told.healed:
        what = f"series {one.told.id}"
        intake.books.tell(intake.author.event("heal", what, "sealed anew", project=project, participant=person.id))
    if one.row is not None:
        _write(one.row, one.instances, intake)
    return one


def _write(row: KeptSeries, instances: Sequence[KeptInstance], intake: Intake) -> None:
    """Write the row with the event that tells of it: no sizes and counts, which two projects could be joined by."""
    event = intake.author.event(
        "ingest",
        f"series {row.id}",
        row.state.value,
        project=row.project,
        digest=row.digest,
        participant=row.participant,
    )
    intake.books.add_series(evolve(row, trail_n=intake.books.tell(event)), instances)
