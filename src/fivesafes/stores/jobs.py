"""The leased job table: who does what until when.  Payloads are ids and digests; the caller's clock decides.

A job is held by one worker at a time, for as long as its lease; a worker that is silent for longer loses it.  What a
worker brings back counts only while it holds the job (``finish`` says), so nothing is done twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet

from fivesafes.flow.haven.model import Job as JobValue
from fivesafes.flow.haven.model import JobState
from fivesafes.stores.books.rows import groups
from fivesafes.stores.database import clear_errors
from fivesafes.stores.models import Job

MOST_ATTEMPTS: Final = 3
PAUSE: Final = timedelta(minutes=1)
"""How long a job that could not be done waits for each attempt it has had, unless somebody asks for it anew."""

_LONGEST: Final = 2
"""Leases that a lease may seem to last: clocks of two machines may differ, by up to one of them."""
_KILLED: Final = "killed its worker three times"
_QUEUED, _RUNNING, _DONE = JobState.QUEUED.value, JobState.RUNNING.value, JobState.DONE.value
_STOPPED: Final = (JobState.FAILED.value, JobState.QUARANTINED.value)


class DjangoJobs:
    """Implements ``flow.haven.ports.Jobs`` on the open database; within a deed it joins the deed's transaction."""

    def add(self, project: str, kind: str, objects: Mapping[str, str], *, at: datetime) -> int:
        """Queue a job per object (id → digest of inputs): callers name what they miss, so what is done is done again.

        A failed or quarantined job is queued again with other inputs than before; one that runs is left alone.  Gives
        how many of these objects are queued now.
        """
        with _written():
            return sum(_add(project, kind, dict(group), at) for group in groups(objects.items()))

    def claim(
        self, worker: str, *, at: datetime, lease: timedelta, project: str | None = None, limit: int = 1
    ) -> Sequence[JobValue]:
        """Take jobs whose lease has ended, then queued ones in the order of creation; attempts count up.

        A job whose lease ended on its third attempt is quarantined instead, with the reason.  ``worker`` names one
        process at one time: a name that is used again could take another's job for its own.
        """
        with _written():
            left = _free(Job.objects.filter(_over(at, lease), state=_RUNNING), project)
            for row in left.filter(attempts__gte=MOST_ATTEMPTS):
                row.state, row.worker, row.lease_until, row.changed_at = JobState.QUARANTINED.value, "", None, at
                row.why = f"{_KILLED} (before that: {row.why})" if row.why else _KILLED
                row.save(update_fields=["state", "worker", "lease_until", "changed_at", "why"])
            taken = [row.pk for row in left.filter(attempts__lt=MOST_ATTEMPTS)[:limit]]
            waited = _over(at, lease) | Q(lease_until=None)
            queued = _free(Job.objects.filter(waited, state=_QUEUED), project)
            taken += [row.pk for row in queued[: limit - len(taken)]]
            Job.objects.filter(id__in=taken).update(
                state=_RUNNING,
                worker=worker,
                stage="",
                attempts=F("attempts") + 1,
                lease_until=at + lease,
                changed_at=at,
            )
            return [_job(row) for row in Job.objects.filter(id__in=taken).order_by("id")]

    def heartbeat(self, ids: Iterable[int], worker: str, *, at: datetime, lease: timedelta, stage: str = "") -> int:
        """Prolong leases that this worker still holds; give how many it holds.  ``stage`` is kept when it is empty."""
        said: dict[str, Any] = {"lease_until": at + lease, "changed_at": at, **({"stage": stage} if stage else {})}
        with _written():
            return sum(_held(group, worker).update(**said) for group in groups(ids))

    def finish(self, id_: int, worker: str, state: JobState, *, at: datetime, why: str = "") -> bool:
        """End a job that this worker holds; False when it is no longer this worker's.

        ``QUEUED`` says that it could not be done at the time: it waits a minute for each attempt it has had.
        """
        with _written():
            row = _locked(_held([id_], worker)).first()
            if row is None:
                return False
            row.state, row.why, row.changed_at, row.worker = state.value, why, at, ""
            row.lease_until = at + PAUSE * row.attempts if state is JobState.QUEUED else None
            row.save(update_fields=["state", "why", "changed_at", "worker", "lease_until"])
            return True

    def give_back(self, ids: Iterable[int], worker: str, *, at: datetime) -> None:
        """Queue jobs again that were claimed and not begun; the attempt does not count."""
        with _written():
            for group in groups(ids):
                _held(group, worker).update(
                    state=_QUEUED, worker="", stage="", attempts=F("attempts") - 1, lease_until=None, changed_at=at
                )

    def take_back(self, project: str, *, at: datetime) -> int:
        """End the leases of a project's running jobs; the attempts that were begun count."""
        with _written():
            return Job.objects.filter(project_id=project, state=_RUNNING).update(lease_until=at, changed_at=at)

    def cancel(self, objects: Iterable[str], *, at: datetime, why: str) -> None:
        """End every job about these objects that is not done, whoever holds it."""
        said: dict[str, Any] = {"state": JobState.CANCELLED.value, "worker": "", "lease_until": None}
        with _written():
            for group in groups(objects):
                Job.objects.filter(object__in=group).exclude(state=_DONE).update(why=why, changed_at=at, **said)

    def jobs(self, project: str | None = None, *states: JobState) -> Sequence[JobValue]:
        """Give jobs, oldest first."""
        rows = Job.objects.order_by("id")
        if project is not None:
            rows = rows.filter(project_id=project)
        if states:
            rows = rows.filter(state__in=[state.value for state in states])
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
        "worker": "",
        "stage": "",
        "why": "",
        "lease_until": None,
        "changed_at": at,
    }


def _add(project: str, kind: str, inputs: Mapping[str, str], at: datetime) -> int:
    mine = Job.objects.filter(project_id=project, kind=kind, object__in=list(inputs))
    there = {row.object: row for row in _locked(mine)}
    said = {"project_id": project, "kind": kind, "created_at": at, **_afresh(at)}
    new = [Job(object=one, inputs=digest, **said) for one, digest in inputs.items() if one not in there]
    Job.objects.bulk_create(new, ignore_conflicts=True)  # another may add the same: the work is the same
    changed = []
    for row in there.values():
        wanted = inputs[row.object]
        again = row.state in {_DONE, JobState.CANCELLED.value}
        if again or (row.state in _STOPPED and row.inputs != wanted):
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
        worker=row.worker,
        stage=row.stage,
        lease_until=row.lease_until,
        why=row.why,
        changed_at=row.changed_at,
    )
