"""The leased job table: who does what until when.  Payloads are ids and digests; the caller's clock decides.

A job is held by one worker at a time, for as long as its lease; a worker that is silent for longer loses it, and one
whose process is known to be gone loses it at once.  What a worker brings back counts only while it holds the job
(``finish`` says), so nothing is done twice.  A death counts only against what was being done when it came (``begin``).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Case, Count, F, Q, QuerySet, When

from fivesafes.flow.haven.model import Job as JobValue
from fivesafes.flow.haven.model import JobState
from fivesafes.flow.haven.owner import Standing, standing_of
from fivesafes.stores.books.rows import groups
from fivesafes.stores.database import clear_errors
from fivesafes.stores.models import Job

MOST_DEATHS: Final = 3
MOST_ATTEMPTS: Final = 3
PAUSE: Final = timedelta(minutes=1)
"""How long a job that could not be done waits for each attempt it has had, unless somebody asks for it anew."""

_LONGEST: Final = 2
"""Leases that a lease may seem to last: clocks of two machines may differ, by up to one of them."""
_DIED: Final = "its worker died while it was at work on it ({deaths} of {most} times)"
_KILLED: Final = "killed its worker three times"
_AFTER_DEATHS: Final = (
    "look for what ended it: too little memory? the system's log tells; "
    "fivesafes process {project} --retry --workers 1 tries again, one series at a time"
)
_QUEUED, _RUNNING, _DONE = JobState.QUEUED.value, JobState.RUNNING.value, JobState.DONE.value
_STOPPED: Final = (JobState.FAILED.value, JobState.QUARANTINED.value)


class DjangoJobs:
    """Implements ``flow.haven.ports.Jobs`` on the open database; within a deed it joins the deed's transaction."""

    def __init__(self, *, standing: Callable[[str], Standing] = standing_of) -> None:
        """Take who tells whether a worker still lives."""
        self._standing = standing

    def add(
        self, project: str, kind: str, objects: Mapping[str, str], *, at: datetime, again: Collection[str] = ()
    ) -> int:
        """Queue a job per object (id → digest of inputs), unless one ended with the same inputs; one that runs stays.

        What is done is queued ``again`` where the caller misses its result.  Gives how many are queued now.
        """
        with _written():
            return sum(_add(project, kind, dict(group), at, again) for group in groups(objects.items()))

    def claim(
        self, worker: str, *, at: datetime, lease: timedelta, project: str | None = None, limit: int = 1
    ) -> Sequence[JobValue]:
        """Take queued jobs in the order of creation, also those that a silent or dead worker held.

        A job that was at work at the third death of its worker is quarantined instead, with the reason.  ``worker``
        names one process at one time: a name that is used again could take another's job for its own.
        """
        with _written():
            self._set_free(project, at=at, lease=lease)
            waited = _over(at, lease) | Q(lease_until=None)
            taken = [row.pk for row in _free(Job.objects.filter(waited, state=_QUEUED), project)[:limit]]
            Job.objects.filter(id__in=taken).update(
                state=_RUNNING, worker=worker, stage="", begun_at=None, lease_until=at + lease, changed_at=at
            )
            return [_job(row) for row in Job.objects.filter(id__in=taken).order_by("id")]

    def _set_free(self, project: str | None, *, at: datetime, lease: timedelta) -> None:
        """Queue again what nobody holds any more, or quarantine it."""
        running = Job.objects.filter(state=_RUNNING)
        names = running.order_by().values_list("worker", flat=True).distinct()
        standings = {name: self._standing(name) for name in names}
        gone = [name for name, standing in standings.items() if standing is Standing.GONE]
        for row in _free(running.filter(_over(at, lease) | Q(worker__in=gone)), project):
            # A process that lives was silent, as when its machine slept: that is no death.
            died = row.begun_at is not None and standings.get(row.worker) is not Standing.ALIVE
            row.deaths += died
            row.state = JobState.QUARANTINED.value if died and row.deaths >= MOST_DEATHS else _QUEUED
            if died:
                row.why = _KILLED if row.state != _QUEUED else _DIED.format(deaths=row.deaths, most=MOST_DEATHS)
                row.fix = "" if row.state == _QUEUED else _AFTER_DEATHS.format(project=row.project_id)
            row.worker, row.stage, row.begun_at, row.lease_until, row.changed_at = "", "", None, None, at
            row.save()

    def begin(self, id_: int, worker: str, *, at: datetime) -> bool:
        """Mark that the work itself begins: an attempt more, once for each claim; False when it is not to begin."""
        with _written():
            begun = _held([id_], worker).filter(begun_at=None)
            if begun.update(begun_at=at, changed_at=at, attempts=F("attempts") + 1):
                return True
            return _held([id_], worker).exists()

    def heartbeat(self, ids: Iterable[int], worker: str, *, at: datetime, lease: timedelta, stage: str = "") -> int:
        """Prolong leases that this worker still holds; give how many it holds.

        With a ``stage`` it says that they entered it now; without one they stay in theirs, since when they were.
        """
        said: dict[str, Any] = {"lease_until": at + lease, **({"stage": stage, "changed_at": at} if stage else {})}
        with _written():
            return sum(_held(group, worker).update(**said) for group in groups(ids))

    def finish(self, id_: int, worker: str, state: JobState, *, at: datetime, why: str = "", fix: str = "") -> bool:
        """End a job that this worker holds; False when it is no longer this worker's.

        ``QUEUED`` says that it could not be done at the time: it waits a minute for each attempt it has had.
        """
        with _written():
            row = _locked(_held([id_], worker)).first()
            if row is None:
                return False
            row.state, row.why, row.fix, row.changed_at, row.worker = state.value, why, fix, at, ""
            row.lease_until = at + PAUSE * row.attempts if state is JobState.QUEUED else None
            row.save(update_fields=["state", "why", "fix", "changed_at", "worker", "lease_until"])
            return True

    def give_back(self, ids: Iterable[int], worker: str, *, at: datetime) -> None:
        """Queue jobs again that were claimed; an attempt that was begun does not count: somebody stopped it."""
        attempts = Case(When(begun_at=None, then=F("attempts")), default=F("attempts") - 1)
        with _written():
            for group in groups(ids):
                _held(group, worker).update(
                    state=_QUEUED,
                    worker="",
                    stage="",
                    attempts=attempts,
                    begun_at=None,
                    lease_until=None,
                    changed_at=at,
                )

    def take_back(self, project: str, *, at: datetime) -> int:
        """End the leases of a project's running jobs; the attempts that were begun count."""
        with _written():
            return Job.objects.filter(project_id=project, state=_RUNNING).update(lease_until=at)

    def cancel(self, objects: Iterable[str], *, at: datetime, why: str) -> None:
        """End every job about these objects that is not done, whoever holds it."""
        said: dict[str, Any] = {"state": JobState.CANCELLED.value, "worker": "", "lease_until": None}
        with _written():
            for group in groups(objects):
                Job.objects.filter(object__in=group).exclude(state=_DONE).update(why=why, changed_at=at, **said)

    def forget(self, objects: Iterable[str]) -> int:
        """Remove every job about these objects, done or not, whoever holds it; give how many they were."""
        with _written():
            return sum(Job.objects.filter(object__in=group).delete()[0] for group in groups(objects))

    def jobs(self, project: str | None = None, *states: JobState) -> Sequence[JobValue]:
        """Give jobs, oldest first."""
        rows = Job.objects.order_by("id")
        if project is not None:
            rows = rows.filter(project_id=project)
        if states:
            rows = rows.filter(state__in=[state.value for state in states])
        return [_job(row) for row in rows]

    def done_last(self, project: str, *, limit: int) -> Sequence[JobValue]:
        """Give the jobs that were done last, the newest first."""
        rows = Job.objects.filter(project_id=project, state=_DONE).order_by("-changed_at", "-id")
        return [_job(row) for row in rows[:limit]]

    def put_off(self, project: str) -> Sequence[JobValue]:
        """Give the queued jobs that were tried before, oldest first."""
        rows = Job.objects.filter(project_id=project, state=_QUEUED).exclude(why="").order_by("id")
        return [_job(row) for row in rows]

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Count jobs by project and state."""
        counted: dict[str, dict[str, int]] = {}
        for row in Job.objects.order_by().values("project_id", "state").annotate(number=Count("id")):
            counted.setdefault(row["project_id"], {})[row["state"]] = row["number"]
        return counted

    def retry(self, project: str, *, at: datetime) -> int:
        """Queue failed and quarantined jobs of a project again, by a person's wish; attempts begin anew."""
        with _written():
            return Job.objects.filter(project_id=project, state__in=_STOPPED).update(**_afresh(at))

    def let_go(self) -> None:
        """Close what the calling thread has opened; a thread of its own calls this before it ends."""
        connection.close()


@contextmanager
def _written() -> Iterator[None]:
    """Write in one short transaction, or in the deed's."""
    with clear_errors(), transaction.atomic(savepoint=False):
        yield


def _afresh(at: datetime) -> dict[str, Any]:
    return {
        "state": _QUEUED,
        "attempts": 0,
        "deaths": 0,
        "worker": "",
        "stage": "",
        "begun_at": None,
        "why": "",
        "fix": "",
        "lease_until": None,
        "changed_at": at,
    }


def _add(project: str, kind: str, inputs: Mapping[str, str], at: datetime, again: Collection[str]) -> int:
    mine = Job.objects.filter(project_id=project, kind=kind, object__in=list(inputs))
    there = {row.object: row for row in _locked(mine)}
    said = {"project_id": project, "kind": kind, "created_at": at, **_afresh(at)}
    new = [Job(object=one, inputs=digest, **said) for one, digest in inputs.items() if one not in there]
    Job.objects.bulk_create(new, ignore_conflicts=True)  # another may add the same: the work is the same
    changed = []
    for row in there.values():
        wanted = inputs[row.object]
        ended = row.state in {_DONE, *_STOPPED} and row.inputs != wanted
        missed = row.state == _DONE and row.object in again
        if ended or missed or row.state == JobState.CANCELLED.value:
            for name, value in _afresh(at).items():
                setattr(row, name, value)
        if row.state == _QUEUED:
            row.inputs, row.lease_until = wanted, None
            changed.append(row)
    Job.objects.bulk_update(changed, [*_afresh(at), "inputs"])
    return mine.filter(state=_QUEUED).count()


def _over(at: datetime, lease: timedelta) -> Q:
    """Tell what is over: also what lasts longer than any lease, for it comes from a clock that was wrong."""
    return Q(lease_until__lte=at) | Q(lease_until__gt=at + _LONGEST * max(lease, PAUSE * MOST_ATTEMPTS))


def _free(rows: "QuerySet[Job]", project: str | None) -> "QuerySet[Job]":
    """Narrow to what no other claims at this moment: PostgreSQL skips locked rows, SQLite has one writer."""
    if project is not None:
        rows = rows.filter(project_id=project)
    return rows.select_for_update(skip_locked=True).order_by("id")


def _locked(rows: "QuerySet[Job]") -> "QuerySet[Job]":
    return rows.select_for_update().order_by("id")


def _held(ids: Iterable[int], worker: str) -> "QuerySet[Job]":
    return Job.objects.filter(id__in=list(ids), worker=worker, state=_RUNNING)


def _job(row: Job) -> JobValue:
    return JobValue(
        id=row.pk,
        project=row.project_id,
        kind=row.kind,
        object=row.object,
        state=JobState(row.state),
        inputs=row.inputs,
        attempts=row.attempts,
        deaths=row.deaths,
        worker=row.worker,
        stage=row.stage,
        begun_at=row.begun_at,
        lease_until=row.lease_until,
        why=row.why,
        fix=row.fix,
        changed_at=row.changed_at,
    )
