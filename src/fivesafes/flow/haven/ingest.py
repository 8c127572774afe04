"""Ingest: scans go into the vault, sealed to their participants; what may not go on is set aside, sealed too.

Objects first, then one deed that tells of them: what was acknowledged is there, and what was not acknowledged is found
there by the next ingest.  The ingesting process can seal and recognise; it can't open anything.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from fivesafes.core.errors import Refused
from fivesafes.core.event import Event
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Progress
from fivesafes.data.header.inspect import SetAside
from fivesafes.data.model import FileStatus
from fivesafes.data.originals import InPlace
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.consent import judge_participant
from fivesafes.flow.haven.model import (
    KeptAside,
    KeptConsent,
    KeptInstance,
    KeptParticipant,
    KeptProject,
    KeptSeries,
    ParticipantState,
    SeriesState,
)
from fivesafes.flow.haven.ports import Books, Newcomers
from fivesafes.flow.haven.retention import judge_work
from fivesafes.flow.haven.sheet import sheet_of
from fivesafes.flow.receive import Received, ReceivedSeries
from fivesafes.project.model import Project
from fivesafes.setting.vault.address import Addresser, series_digest
from fivesafes.setting.vault.vault import Vault

BATCH_BYTES: Final = 64 * 2**20
"""Originals that are sealed and made durable together, at most."""
DEED_SERIES: Final = 64
DEED_BYTES: Final = BATCH_BYTES
"""Series, and bytes of them, that one deed tells of: each deed waits for the disk."""
LARGEST_ASIDE: Final = 2**30
"""A stray file larger than this is told and left where it is."""
UID_BYTES: Final = 16
_WITHDREW: Final = "data.participant.withdrawn"
ASIDE_FILES: Final = 200
"""Files that one deed tells of as set aside."""
_NOT_KEPT: Final = frozenset(
    {
        _WITHDREW,
        "data.file.link",
        "data.file.special",
        "data.file.folder",
        "data.file.duplicate",
        "data.file.dicomdir",  # it names everybody on the medium: no one withdrawal could take it away
    }
)


class Fate(StrEnum):
    """What ingest did with a series."""

    SEALED = "sealed"
    HERE_ALREADY = "here-already"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@frozen(kw_only=True)
class Ingested:
    """What became of one series; ``new_files`` of its files were not in the vault before."""

    id: str
    fate: Fate
    files: int
    bytes: int
    new_files: int = 0
    why: str = ""


@frozen(kw_only=True)
class IngestReport:
    """What became of every file: the series, and the files set aside."""

    series: tuple[Ingested, ...]
    set_aside: tuple[SetAside, ...] = field(repr=False)
    newcomers: int = 0


@frozen(kw_only=True)
class Intake:
    """What ingest works with: the books, the vault (sealing side), the keyed names, and who takes newcomers in."""

    books: Books
    vault: Vault
    addresser: Addresser
    newcomers: Newcomers
    author: Author
    progress: Progress


def check_open(kept: KeptProject, intake: Intake) -> None:
    """Raise Refused when the project takes nothing in today: closed, or its approval is not in force."""
    for finding in judge_work(kept, on=intake.author.clock().date()).findings:
        raise Refused(finding.why, fix=finding.fix or "renew the approval")


def ingest(kept: KeptProject, received: Received, intake: Intake) -> IngestReport:
    """Seal what was received of a project.  Run twice, or stopped and run again, it does no harm.

    Series of a participant without a consent in force are sealed and quarantined; those of a participant who withdrew
    are not taken in.  Raises Refused when the project may take nothing in, TryAgain when the disk is full.
    """
    check_open(kept, intake)
    people, newcomers = _people(received, kept, intake)
    consents = intake.books.consents(kept.id)
    done: list[Ingested] = []
    aside = [_of_who_withdrew(one, people) for one in received.set_aside]
    intake.progress.begin("seal", total=len(received.series), unit="series")
    for group in _deeds(received.series):
        batch = _Batch(intake.vault)
        sealed = [_seal(one, people[one.participant], consents, kept.project, intake, batch) for one in group]
        batch.flush()  # durable before the deed acknowledges it
        with intake.books.deed():
            prepared = [_written(one, intake) for one in sealed]
        done += [one.told for one in prepared]
        aside += [file for one in prepared for file in one.contradicting]
        intake.progress.advance("seal", len(group))
    intake.progress.end("seal")
    _keep_aside(kept, aside, people, intake)
    return IngestReport(series=tuple(done), set_aside=tuple(aside), newcomers=newcomers)


def _people(
    received: Received, kept: KeptProject, intake: Intake
) -> tuple[Mapping[Identifying[str], KeptParticipant], int]:
    """Give every participant's row; who is new gets a key first, then a row, told in the trail.

    Whoever only a file that is set aside names is a participant too: what is held of them must be theirs to take back.
    """
    named = [one.patient for one in received.set_aside if one.patient is not None and _worth_keeping(one)]
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
    row: KeptSeries | None = None
    instances: tuple[KeptInstance, ...] = ()
    contradicting: tuple[SetAside, ...] = ()


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
        return _Prepared(told=evolve(told, why="the participant has withdrawn: the scans were not taken in"))
    before = intake.books.one_series(series.id)
    there = intake.books.instances(series.id) if before is not None else ()
    fresh, contradicting, digest = _sorted_out(
        series, there, intake, lambda one: batch.add(one, recipient=person.recipient)
    )
    if digest != series.digest:
        return _Prepared(told=evolve(told, why="a file changed while it was being read"))
    verdict = judge_participant(
        person, consents.get(person.id), project.use, on=intake.author.clock().date(), place=project.shared_with
    )
    state = SeriesState.QUARANTINED if verdict.refuses else SeriesState.SEALED
    why = verdict.findings[0].why if verdict.refuses else ""
    if before is not None and not fresh and before.state is state:
        already = evolve(told, fate=Fate.HERE_ALREADY, why=why or "the same files were sealed before")
        return _Prepared(told=already, contradicting=contradicting)
    told = evolve(told, fate=Fate(state.value), new_files=len(fresh), why=why)
    instances = (*there, *fresh)
    sheet = before.sheet if before is not None else b""
    if fresh:
        content = sheet_of(series)
        batch.add(content, recipient=person.recipient)
        sheet += intake.addresser.of(content)
    row = KeptSeries(
        id=series.id,
        project=project.id,
        participant=person.id,
        state=state,
        digest=series_digest([*(one.address for one in instances), sheet]),
        sheet=sheet,
        files=len(instances),
        bytes=sum(one.bytes for one in instances),
        received_at=intake.author.clock(),
        trail_n=0,
        why=why,
    )
    return _Prepared(told=told, row=row, instances=instances, contradicting=contradicting)


def _sorted_out(
    series: ReceivedSeries, there: Sequence[KeptInstance], intake: Intake, hand_over: Callable[[bytes], None]
) -> tuple[list[KeptInstance], tuple[SetAside, ...], str]:
    """Hand over each file that is not sealed yet; one that contradicts what is sealed under its UID is set aside.

    Gives what is new, what contradicts, and the digest of what was read, as ``receive`` computes it.
    """
    assert isinstance(series.originals, InPlace)  # noqa: S101 - received from a folder just now
    known = {one.uid: one.address for one in there}
    fresh: list[KeptInstance] = []
    contradicting: list[SetAside] = []
    seen: list[str] = []
    for path, uid, content in zip(series.originals.paths, series.uids.reveal(), series.originals, strict=True):
        name = intake.addresser.of(b"uid\0" + uid.encode())[:UID_BYTES]
        seen.append(hashlib.sha256(content).hexdigest())
        address = intake.addresser.of(content)
        if name not in known:
            hand_over(content)
            fresh.append(KeptInstance(address=address, uid=name, bytes=len(content)))
        elif address != known[name]:
            contradicting.append(_contradicts(series, path, seen[-1], len(content)))
    return fresh, tuple(contradicting), hashlib.sha256("\0".join(sorted(seen)).encode()).hexdigest()


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


def _written(one: _Prepared, intake: Intake) -> _Prepared:
    """Write a series into the books, within the deed; one whose participant withdrew a moment ago is refused."""
    if one.row is None:
        return one
    person = intake.books.participant(one.row.participant)
    if person is None or person.state is not ParticipantState.ACTIVE:
        why = "the participant has withdrawn: the scans were not taken in"
        return evolve(one, told=evolve(one.told, fate=Fate.REFUSED, new_files=0, why=why), row=None)
    _write(one.row, one.instances, one.row.project, intake)
    return one


def _write(row: KeptSeries, instances: Sequence[KeptInstance], project: str, intake: Intake) -> None:
    event = intake.author.event(
        "ingest",
        f"series {row.id}",
        row.state.value,
        project=project,
        digest=row.digest,
        files=row.files,
        bytes=row.bytes,
        participant=row.participant,
    )
    intake.books.add_series(evolve(row, trail_n=intake.books.tell(event)), instances)


def _worth_keeping(file: SetAside) -> bool:
    """Tell whether a file's content is kept: links and copies have none, and a huge stray stays where it lies."""
    return file.code not in _NOT_KEPT and 0 < file.bytes <= LARGEST_ASIDE


def _of_who_withdrew(file: SetAside, people: Mapping[Identifying[str], KeptParticipant]) -> SetAside:
    """Say of a file whose participant takes part no more that it was not taken in."""
    person = None if file.patient is None else people.get(file.patient)
    if person is None or person.state is ParticipantState.ACTIVE:
        return file
    why = "the participant has withdrawn: the file was not taken in"
    return evolve(file, status=FileStatus.REFUSED, code=_WITHDREW, why=why)


def _keep_aside(
    kept: KeptProject, files: Sequence[SetAside], people: Mapping[Identifying[str], KeptParticipant], intake: Intake
) -> None:
    """Seal what was set aside, with its reason: to whom it names, or to the project when it names nobody."""
    worth = [one for one in files if _worth_keeping(one)]
    known = {one.address for one in intake.books.asides(kept.id)}
    intake.progress.begin("set aside", total=len(worth), unit="files")
    for start in range(0, len(worth), ASIDE_FILES):
        some = worth[start : start + ASIDE_FILES]
        rows = [row for one in some if (row := _aside(one, kept, people, intake)) is not None]
        _enter_aside([row for row in rows if row.address not in known], intake)
        intake.progress.advance("set aside", len(some))
    intake.progress.end("set aside")


def _enter_aside(rows: Sequence[KeptAside], intake: Intake) -> None:
    """Write down what was set aside, but for those who withdrew a moment ago: what was sealed to them is shredded."""
    if not rows:
        return
    with intake.books.deed():
        people = {one.participant: intake.books.participant(one.participant) for one in rows if one.participant}
        takes_part = {id_ for id_, person in people.items() if person and person.state is ParticipantState.ACTIVE}
        entered = [one for one in rows if one.participant is None or one.participant in takes_part]
        intake.books.add_aside(entered)
        intake.books.tell(*(_told_aside(row, intake) for row in entered))


def _told_aside(row: KeptAside, intake: Intake) -> Event:
    whose = {} if row.participant is None else {"participant": row.participant}
    return intake.author.event(
        "quarantine", f"file {row.address.hex()}", row.code, project=row.project, bytes=row.bytes, **whose
    )


def _aside(
    file: SetAside, kept: KeptProject, people: Mapping[Identifying[str], KeptParticipant], intake: Intake
) -> KeptAside | None:
    person = None if file.patient is None else people[file.patient]
    try:
        content = file.path.reveal().read_bytes()
    except OSError:
        return None  # it is told as unreadable, and lies where it lay
    sealed = intake.vault.keep([content], recipient=kept.recipient if person is None else person.recipient)[0]
    return KeptAside(
        project=kept.id,
        participant=None if person is None else person.id,
        address=sealed.address,
        bytes=sealed.bytes,
        status=file.status.value,
        code=file.code,
        why=file.why,
        received_at=intake.author.clock(),
    )
