"""Series, their instances, and what was set aside, in the books: addresses in the vault, sizes, states."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db.models import Q

from fivesafes.core.errors import Refused, TryAgain
from fivesafes.flow.haven.model import KeptAside, KeptInstance, KeptSeries, ParticipantState, SeriesState
from fivesafes.setting.trail.entry import event_of
from fivesafes.stores.books.deed import Deeds, check_changed, check_deed, check_open
from fivesafes.stores.books.measured import forget_measured
from fivesafes.stores.books.rows import execute_many, groups
from fivesafes.stores.models import Instance, Participant, Quarantined, Series, TrailEntry

_ADDRESS: Final = 32
_PAGE: Final = 10_000
_INSERT: Final = "INSERT INTO haven_instance (series_id, number, address, uid, bytes) VALUES (%s, %s, %s, %s, %s)"


class Originals(Deeds):
    """Keeps what is in the vault and whose it is."""

    def add_series(self, series: KeptSeries, instances: Sequence[KeptInstance]) -> None:
        """Add a series with its instances in order, or replace what is said of one.

        Raises Refused when the participant takes part no more, TryAgain when the series has originals that are not
        among the instances given: another ingest told of them since the caller looked.
        """
        check_deed()
        check_open([series.project])
        _check_takes_part(series.participant)
        row = _series_row(series)
        held = Instance.objects.filter(series_id=series.id)
        there = [bytes(address) for address in held.order_by("number").values_list("address", flat=True)]
        given = [one.address for one in instances]
        if not set(there) <= set(given):
            message = "another ingest brought files of the same series at the same time"
            raise TryAgain(message, fix="run the ingest again")
        Series.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[one.name for one in Series._meta.concrete_fields if not one.primary_key],  # noqa: SLF001 - Django's documented way
        )
        if there == given:
            return
        if there:
            held.delete()
        rows = [(series.id, number, one.address, one.uid, one.bytes) for number, one in enumerate(instances)]
        execute_many(_INSERT, rows)

    def series(self, project: str, *states: SeriesState) -> Sequence[KeptSeries]:
        """Give a project's series in these states (all when none is named), by id."""
        rows = Series.objects.filter(project_id=project)
        if states:
            rows = rows.filter(state__in=[state.value for state in states])
        return [_series(row) for row in rows.order_by("id")]

    def one_series(self, id_: str) -> KeptSeries | None:
        """Give one series, or None."""
        row = Series.objects.filter(id=id_).first()
        return None if row is None else _series(row)

    def series_of(self, participant: str) -> Sequence[KeptSeries]:
        """Give a participant's series, by id."""
        return [_series(row) for row in Series.objects.filter(participant_id=participant).order_by("id")]

    def instances(self, series: str) -> Sequence[KeptInstance]:
        """Give a series' instances in order."""
        rows = Instance.objects.filter(series_id=series).order_by("number").values_list("address", "uid", "bytes")
        return [KeptInstance(address=bytes(address), uid=bytes(uid), bytes=size) for address, uid, size in rows]

    def taken_in(self) -> Mapping[str, tuple[int, str]]:
        """Give every series that the trail says was taken in: the number of its last such event, and the project."""
        told = {}
        lines = TrailEntry.objects.filter(line__contains='"verb":"ingest"').order_by("n").values_list("n", "line")
        for n, line in lines.iterator(_PAGE):
            event = event_of(line.encode())
            if event.verb == "ingest":
                told[event.object.removeprefix("series ")] = (n, event.project)
        return told

    def set_series_state(self, ids: Iterable[str], state: SeriesState, *, why: str = "") -> None:
        """Move series on; ``SHREDDED`` is for good (LookupError).

        It also removes their instances' rows, sheets and sizes, and what was measured on them.
        """
        check_deed()
        for group in groups(dict.fromkeys(ids)):
            rows = Series.objects.filter(id__in=group)
            if state is SeriesState.SHREDDED:
                Instance.objects.filter(series_id__in=group).delete()
                forget_measured(group)
                changed = rows.update(state=state.value, why=why, sheet=b"", files=0, bytes=0)
            else:
                changed = rows.exclude(state=SeriesState.SHREDDED.value).update(state=state.value, why=why)
            check_changed(changed, wanted=len(group))

    def add_aside(self, files: Iterable[KeptAside]) -> None:
        """Keep what was set aside; the same content again is no second row.

        Raises Refused when it is of a participant who takes part no more.
        """
        check_deed()
        new = list(files)
        check_open(one.project for one in new)
        for participant in {one.participant for one in new if one.participant is not None}:
            _check_takes_part(participant)
        for one in new:  # one that was removed and is here again
            Quarantined.objects.filter(project_id=one.project, address=one.address, removed_at__isnull=False).delete()
        Quarantined.objects.bulk_create([_aside_row(one) for one in new], ignore_conflicts=True)

    def asides(self, project: str, *, participant: str | None = None) -> Sequence[KeptAside]:
        """Give what was set aside for a project, or of one participant of it, oldest first."""
        rows = Quarantined.objects.filter(project_id=project, removed_at__isnull=True)
        if participant is not None:
            rows = rows.filter(participant_id=participant)
        return [_aside(row) for row in rows.order_by("id")]

    def forget_asides(self, project: str, *, participant: str | None = None, but: Collection[str] = ()) -> None:
        """Remove what is said of files set aside, discarded ones too: of a participant, or of all ``but`` these.

        Their objects are the caller's to remove.
        """
        check_deed()
        rows = Quarantined.objects.filter(project_id=project)
        if participant is not None:
            rows = rows.filter(participant_id=participant)
        if but:  # NOT IN alone would spare those of nobody, too
            rows = rows.filter(Q(participant=None) | ~Q(participant_id__in=list(but)))
        rows.delete()

    def discard_asides(self, project: str, addresses: Iterable[bytes], *, at: datetime) -> None:
        """Write down that a custodian removed files which were set aside; their objects are the caller's to remove."""
        check_deed()
        for group in groups(dict.fromkeys(addresses)):
            rows = Quarantined.objects.filter(project_id=project, address__in=group, removed_at__isnull=True)
            rows.update(removed_at=at)

    def addresses(self, project: str | None = None) -> Iterator[bytes]:
        """Give every vault address that a row names: instances, sheets and what was set aside.

        Read as they were when asked, without holding a lock; what is added meanwhile may be missing.
        """
        instances = Instance.objects.order_by()
        sheets = Series.objects.order_by()
        aside = Quarantined.objects.filter(removed_at__isnull=True).order_by()
        if project is not None:
            instances = instances.filter(series__project_id=project)
            sheets, aside = sheets.filter(project_id=project), aside.filter(project_id=project)
        for address in instances.values_list("address", flat=True).iterator(_PAGE):
            yield bytes(address)
        for several in sheets.values_list("sheet", flat=True).iterator(_PAGE):
            joined = bytes(several)
            yield from (joined[at : at + _ADDRESS] for at in range(0, len(joined), _ADDRESS))
        for address in aside.values_list("address", flat=True).iterator(_PAGE):
            yield bytes(address)


def _check_takes_part(participant: str) -> None:
    """Refuse new originals of somebody who withdrew between the caller's look and this deed."""
    state = Participant.objects.filter(id=participant).values_list("state", flat=True).first()
    if state != ParticipantState.ACTIVE.value:
        message = "the participant takes part no more: nothing new is taken in"
        raise Refused(message, fix="nothing to do: what was sealed for this deed is cleared by the next vault verify")


def _series_row(one: KeptSeries) -> Series:
    return Series(
        id=one.id,
        project_id=one.project,
        participant_id=one.participant,
        state=one.state.value,
        why=one.why,
        digest=one.digest,
        sheet=one.sheet,
        files=one.files,
        bytes=one.bytes,
        received_at=one.received_at,
        trail_n=one.trail_n,
    )


def _series(row: Series) -> KeptSeries:
    return KeptSeries(
        id=row.id,
        project=row.project_id,
        participant=row.participant_id,
        state=SeriesState(row.state),
        why=row.why,
        digest=row.digest,
        sheet=bytes(row.sheet),
        files=row.files,
        bytes=row.bytes,
        received_at=row.received_at,
        trail_n=row.trail_n,
    )


def _aside_row(one: KeptAside) -> Quarantined:
    return Quarantined(
        project_id=one.project,
        participant_id=one.participant,
        address=one.address,
        bytes=one.bytes,
        status=one.status,
        code=one.code,
        why=one.why,
        received_at=one.received_at,
    )


def _aside(row: Quarantined) -> KeptAside:
    return KeptAside(
        project=row.project_id,
        participant=row.participant_id,
        address=bytes(row.address),
        bytes=row.bytes,
        status=row.status,
        code=row.code,
        why=row.why,
        received_at=row.received_at,
    )
