"""Works through the job table: claim some jobs, have them done, and end each in one deed with what it brought.

What a job brings counts only while this worker still holds the job: after a withdrawal, or when its lease has ended,
the result is dropped and nothing is written.  A worker that is killed leaves jobs whose leases end by themselves.
"""

import errno
import os
import platform
import secrets
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import field, frozen

from fivesafes.core.errors import FiveSafesError, TryAgain
from fivesafes.core.event import Clock
from fivesafes.core.progress import Progress
from fivesafes.flow.haven.model import Job, JobState
from fivesafes.flow.haven.ports import Books, Jobs
from fivesafes.flow.ports import Executor

C = TypeVar("C")
R = TypeVar("R")

MOST_ATTEMPTS: Final = 3
LEASE: Final = timedelta(minutes=5)
STAGE: Final = "jobs"
_ROUND_SECONDS: Final = 60.0
"""How long one round of claims should last: starting workers costs about a second a round."""
_MOST_ROUNDS: Final = 16
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


@frozen(kw_only=True)
class Desk:
    """Where a worker works.  ``worker`` is a name that no other worker has or had (``new_worker_name``)."""

    books: Books
    jobs: Jobs
    executor: Executor
    clock: Clock
    progress: Progress
    worker: str
    project: str | None = None
    lease: timedelta = LEASE


@frozen(kw_only=True)
class Drained:
    """How the jobs ended, by state; ``lost`` were no longer this worker's, so what they brought was dropped."""

    ended: Mapping[JobState, int] = field(factory=dict)
    lost: tuple[Job, ...] = ()


class _Gone(Exception):
    """The job is no longer this worker's: the deed must not stand."""


@frozen(kw_only=True)
class _Fault:
    """A bug of ours in one job: the rest goes on.  ``where`` names the kind and the line, never the message."""

    where: str


def new_worker_name() -> str:
    """Make a name for this process at this time: machine, process, and chance against a name used twice."""
    return f"{platform.node()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"


def drain(
    desk: Desk,
    context: C,
    *,
    do: Callable[[C, Job], R],
    keep: Callable[[Job, R], None],
    tell: Callable[[Job, FiveSafesError, JobState], None],
) -> Drained:
    """Do jobs until none can be claimed.

    ``do`` is a module-level function that runs in a worker process.  ``keep`` writes what it brought, ``tell`` the
    event of what could not be done; each is called within a deed in which the job's end stands already, so all of it
    becomes durable together.  TryAgain queues the job again (after the third attempt it is quarantined), any other
    FiveSafesError fails it with its reason, and a bug fails that job alone.  When stopped (Ctrl-C) it gives back what
    was not finished.
    """
    counts: Counter[JobState] = Counter()
    lost: list[Job] = []
    size = least = 2 * desk.executor.workers
    desk.progress.begin(STAGE, total=_waiting(desk), unit="series")
    try:
        while taken := _claimed(desk, size):
            began = time.monotonic()
            with _held(desk, taken) as held:
                for job, result in desk.executor.run_with((do, context), _attempt, taken):
                    held.discard(job.id)
                    state = _end(desk, job, result, keep, tell)
                    lost += [job] if state is None else []
                    counts.update([] if state is None else [state])
                    desk.progress.advance(STAGE)
            size = _next_size(size, time.monotonic() - began, least=least)
    finally:
        desk.progress.end(STAGE)
    return Drained(ended=dict(counts), lost=tuple(lost))


def _claimed(desk: Desk, size: int) -> list[Job]:
    claimed = desk.jobs.claim(desk.worker, at=desk.clock(), lease=desk.lease, project=desk.project, limit=size)
    return list(claimed)


def _waiting(desk: Desk) -> int:
    counts = desk.jobs.counts()
    return sum(states.get(JobState.QUEUED.value, 0) for id_, states in counts.items() if desk.project in {None, id_})


def _next_size(size: int, seconds: float, *, least: int) -> int:
    """Choose how many jobs the next round takes: so many that it lasts about a minute, so that others get some too."""
    fitting = round(size * _ROUND_SECONDS / max(seconds, 1e-3))
    return max(least, min(fitting, 2 * size, _MOST_ROUNDS * least))


def _attempt(given: tuple[Callable[[C, Job], R], C], job: Job) -> R | _Fault:
    """Do one job where the executor says; turn what only the moment is to blame for into TryAgain."""
    do, context = given
    try:
        return do(context, job)
    except FiveSafesError:
        raise
    except MemoryError:
        message = "the memory was not enough"
        raise TryAgain(message, fix="run it again with fewer workers, or on a machine with more memory") from None
    except Exception as fault:  # noqa: BLE001 - one job's bug must not stop the others
        if isinstance(fault, OSError) and fault.errno in _FULL:
            message = f"the machine has no room: {os.strerror(fault.errno or 0)}"
            raise TryAgain(message, fix="make room, then run it again") from None
        return _Fault(where=_place(fault))


def _place(fault: Exception) -> str:
    """Name a bug by its kind and the line it came from; messages may quote what identifies."""
    frames = traceback.extract_tb(fault.__traceback__)
    last = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(fault).__name__}{last}"


@contextmanager
def _held(desk: Desk, taken: list[Job]) -> Iterator[set[int]]:
    """Prolong the leases of what is not finished, from a thread; give back what is left when stopped."""
    held = {job.id for job in taken}
    stop = threading.Event()
    faults: list[Exception] = []
    thread = threading.Thread(target=_beat, args=(desk, held, stop, faults), daemon=True)
    thread.start()
    try:
        yield held
    finally:
        stop.set()
        thread.join()
        if held:
            desk.jobs.give_back(held, desk.worker, at=desk.clock())
    if faults:
        raise faults[0]


def _beat(desk: Desk, held: set[int], stop: threading.Event, faults: list[Exception]) -> None:
    try:
        while not stop.wait(desk.lease.total_seconds() / 3):
            try:
                desk.jobs.heartbeat(tuple(held), desk.worker, at=desk.clock(), lease=desk.lease)
            except TryAgain:  # the next beat comes before the lease ends
                continue
    except Exception as fault:  # noqa: BLE001 - told by the thread that works
        faults.append(fault)
    finally:
        desk.jobs.let_go()


def _end(
    desk: Desk,
    job: Job,
    result: Any,  # noqa: ANN401 - what the work gave, a FiveSafesError or a fault
    keep: Callable[[Job, Any], None],
    tell: Callable[[Job, FiveSafesError, JobState], None],
) -> JobState | None:
    """End one job in one deed; None when it was no longer ours."""
    if isinstance(result, _Fault):
        result = FiveSafesError(f"a fault of the program: {result.where}", fix="please report it with this line")
    try:
        if not isinstance(result, FiveSafesError):
            try:
                return _end_as(desk, job, JobState.DONE, "", lambda: keep(job, result))
            except FiveSafesError as error:
                result = error
        state, why = _judged(job, result)
        return _end_as(desk, job, state, why, lambda: tell(job, result, state))
    except _Gone:
        return None


def _end_as(desk: Desk, job: Job, state: JobState, why: str, write: Callable[[], None]) -> JobState:
    with desk.books.deed():
        if not desk.jobs.finish(job.id, desk.worker, state, at=desk.clock(), why=why):
            raise _Gone
        write()
    return state


def _judged(job: Job, error: FiveSafesError) -> tuple[JobState, str]:
    if not isinstance(error, TryAgain):
        return JobState.FAILED, error.what
    if job.attempts < MOST_ATTEMPTS:
        return JobState.QUEUED, error.what
    return JobState.QUARANTINED, f"tried {MOST_ATTEMPTS} times: {error.what}"
