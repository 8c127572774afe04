"""Where a project's jobs stand: what is at work in which step since when, how far it is, and what was given up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import fmean
from typing import Any, Final

from fivesafes.flow.haven.model import Job, JobState
from fivesafes.flow.haven.owner import Owner, Standing, standing_of
from fivesafes.flow.haven.ports import Jobs

_RECENT: Final = 100
"""How many of the series done last tell how long the next will take: the longest are done first."""

_LEFT: Final = frozenset({"gone", "silent"})


def work_of(jobs: Jobs, project: str, counts: Mapping[str, int], *, now: datetime) -> dict[str, Any]:
    """Tell of a project's jobs, for ``status``: by ids, steps, times and reasons.

    Seconds are of the clock on the wall.  ``held`` are in a worker's hand and not begun; ``workers`` counts those that
    hold something and are not known to be gone.
    """
    claimed = jobs.jobs(project, JobState.RUNNING)
    begun = [job for job in claimed if job.begun_at is not None]
    stopped = jobs.jobs(project, JobState.FAILED, JobState.QUARANTINED)
    return {
        "progress": _progress(jobs.done_last(project, limit=_RECENT), begun, counts, now=now),
        "workers": len({job.worker for job in claimed if _state(job, now=now) not in _LEFT}),
        "held": len(claimed) - len(begun),
        "running": [_at_work(job, now=now) for job in begun],
        "put_off": [
            {
                "object": _object(job),
                "why": job.why,
                "until": job.lease_until.isoformat() if job.lease_until is not None else None,
            }
            for job in jobs.put_off(project)
        ],
        "stopped": [
            {
                "object": _object(job),
                "state": job.state.value,
                "why": job.why,
                "fix": job.fix,
                "attempts": job.attempts,
                "deaths": job.deaths,
            }
            for job in stopped
        ],
    }


def _object(job: Job) -> str:
    return f"{job.kind} {job.object}"


def _at_work(job: Job, *, now: datetime) -> dict[str, Any]:
    owner = Owner.read(job.worker)
    since = job.begun_at or job.changed_at
    return {
        "object": _object(job),
        "stage": job.stage,
        "since": since.isoformat(),
        "seconds": _seconds(since, now),
        "stage_seconds": _seconds(job.changed_at, now),
        "machine": owner.host if owner is not None else "",
        "worker": _state(job, now=now),
    }


def _state(job: Job, *, now: datetime) -> str:
    """Say of a job's worker: alive or gone, where that is known; else silent, once its lease has ended."""
    standing = standing_of(job.worker)
    if standing is Standing.UNKNOWN and job.lease_until is not None and job.lease_until <= now:
        return "silent"
    return standing.value


def _progress(
    done_last: Sequence[Job], begun: Sequence[Job], counts: Mapping[str, int], *, now: datetime
) -> dict[str, Any]:
    """Tell how far the work is, and how long the rest takes if it goes on as so far; null where that is not known."""
    total = sum(count for state, count in counts.items() if state != JobState.CANCELLED.value)
    took = [_seconds(job.begun_at, job.changed_at) for job in done_last if job.begun_at is not None]
    each = fmean(took) if took else None
    at_work = [job for job in begun if _state(job, now=now) not in _LEFT]
    left = None
    if each is not None and at_work:
        waiting = counts.get(JobState.QUEUED.value, 0) + counts.get(JobState.RUNNING.value, 0) - len(at_work)
        rest = sum(max(each - _seconds(job.begun_at or now, now), 0.0) for job in at_work)
        left = round((each * waiting + rest) / len(at_work))
    return {
        "done": counts.get(JobState.DONE.value, 0),
        "total": total,
        "at_once": len(at_work),
        "seconds_each": round(each, 1) if each is not None else None,
        "seconds_left": left,
    }


def _seconds(since: datetime, until: datetime) -> float:
    """Give the seconds between; none when a clock has jumped back."""
    return round(max((until - since).total_seconds(), 0.0), 1)
