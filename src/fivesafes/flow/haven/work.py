"""Works through the job table: claim some jobs, have them done, and end each in one deed with what it brought.

What a job brings counts only while this worker still holds the job: after a withdrawal, or when its lease has ended,
the result is dropped and nothing is written.  A worker that is killed leaves jobs that others take up: on its own
machine at once, elsewhere when its lease has ended.  What was at work when a worker died is then done alone, so that
nothing is blamed for what its neighbour did.
"""

import errno
import os
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from attrs import define, field, frozen

from fivesafes.core.errors import FiveSafesError, TryAgain
from fivesafes.core.event import Clock
from fivesafes.core.progress import Progress
from fivesafes.flow.haven.model import Job, JobState
from fivesafes.flow.haven.owner import Owner
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
_LOOK_SECONDS: Final = 1.0
"""How often it is looked which stage each job is in."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_TROUBLE: Final = frozenset({errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ETIMEDOUT})
"""What a disk answers that fails, was taken away, or can be reached no more."""


class NotAsked(FiveSafesError):
    """Nobody asks for this job's work any more: it is cancelled, until somebody does."""


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


@frozen(kw_only=True)
class Task(Generic[C, R]):
    """One kind of job, and how it is done.

    ``context`` composes what a worker process must be given for some jobs; ``do`` is a module-level function that runs
    there.  ``keep`` writes what it brought, ``tell`` the event of what could not be done; each is called within a deed
    in which the job's end stands already, so all of it becomes durable together.  ``drop`` removes what lies about of
    a job that was not kept, ``stage`` names the step that a job is in; it is called from another thread.
    """

    context: Callable[[Sequence[Job]], C]
    do: Callable[[C, Job], R]
    keep: Callable[[Job, R], None]
    tell: Callable[[Job, FiveSafesError, JobState], None]
    drop: Callable[[Job], None]
    stage: Callable[[Job], str]


class _Gone(Exception):
    """The job is no longer this worker's: the deed must not stand."""


@frozen(kw_only=True)
class _Fault:
    """A bug of ours in one job: the rest goes on.  ``where`` names the kind and the line, never the message."""

    where: str


def new_worker_name() -> str:
    """Make a name for this process at this time, by which others of this machine can tell whether it still lives."""
    return Owner.here().name()


def drain(desk: Desk, task: Task[C, R]) -> Drained:
    """Do jobs until none can be claimed.

    TryAgain queues the job again (after the third attempt it is quarantined), NotAsked cancels it, any other
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
            with _held(desk, task, taken) as hand:
                for job, result in _worked(desk, task, hand, taken):
                    state = _end(desk, task, job, result)
                    if state is not JobState.DONE:
                        task.drop(job)
                    lost += [job] if state is None else []
                    counts.update([] if state is None else [state])
                    desk.progress.advance(STAGE)
            lost += hand.lost
            size = _next_size(size, time.monotonic() - began, least=least)
    finally:
        desk.progress.end(STAGE)
    return Drained(ended=dict(counts), lost=tuple(lost))


def _worked(
    desk: Desk, task: Task[C, R], hand: "_Hand", taken: Sequence[Job]
) -> Iterator[tuple[Job, R | _Fault | FiveSafesError]]:
    """Do jobs side by side; then, each alone, those that were at work when a worker died."""
    clear = [job for job in taken if not job.deaths]
    for group in [*([clear] if clear else []), *([job] for job in taken if job.deaths)]:
        context = (task.do, task.context(group))
        for job, result in desk.executor.run_with(context, _attempt, group, starting=hand.begin):
            hand.leave(job)
            yield job, result


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
        if isinstance(fault, OSError) and fault.errno in _TROUBLE:
            message = f"a disk gives trouble: {os.strerror(fault.errno or 0)}"
            raise TryAgain(message, fix="check that disk and its mount, then run it again") from None
        return _Fault(where=_place(fault))


def _place(fault: Exception) -> str:
    """Name a bug by its kind and the line it came from; messages may quote what identifies."""
    frames = traceback.extract_tb(fault.__traceback__)
    last = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(fault).__name__}{last}"


@define(kw_only=True)
class _Hand:
    """The jobs that this worker has in hand; two threads use it, and each of their steps is one dict's."""

    desk: Desk
    stage: Callable[[Job], str]
    held: dict[int, Job]
    begun: dict[int, str] = field(factory=dict)  # with the stage that was told last
    lost: list[Job] = field(factory=list)

    def begin(self, job: Job) -> bool:
        """Mark that a job begins, durably, before it does; what is no longer ours does not begin."""
        if self.desk.jobs.begin(job.id, self.desk.worker, at=self.desk.clock()):
            self.begun.setdefault(job.id, "")
            return True
        self.leave(job)
        self.lost.append(job)
        self.desk.progress.advance(STAGE)
        return False

    def leave(self, job: Job) -> None:
        """Let go of a job that has been worked on."""
        self.held.pop(job.id, None)
        self.begun.pop(job.id, None)

    def prolong(self) -> None:
        """Prolong the leases of all."""
        self._beat(list(self.held), "")

    def look(self) -> None:
        """Tell of the jobs that have entered another stage."""
        entered: dict[str, list[int]] = defaultdict(list)
        for id_, told in list(self.begun.items()):
            job = self.held.get(id_)
            stage = self.stage(job) if job is not None else ""
            if stage not in {"", told}:
                entered[stage].append(id_)
        for stage, ids in entered.items():
            self._beat(ids, stage)
            self.begun.update((id_, stage) for id_ in ids if id_ in self.begun)

    def _beat(self, ids: list[int], stage: str) -> None:
        self.desk.jobs.heartbeat(ids, self.desk.worker, at=self.desk.clock(), lease=self.desk.lease, stage=stage)


@contextmanager
def _held(desk: Desk, task: Task[Any, Any], taken: Sequence[Job]) -> Iterator[_Hand]:
    """Prolong the leases of what is not finished, from a thread; give back what is left when stopped."""
    hand = _Hand(desk=desk, stage=task.stage, held={job.id: job for job in taken})
    stop = threading.Event()
    faults: list[Exception] = []
    thread = threading.Thread(target=_beat, args=(hand, stop, faults), daemon=True)
    thread.start()
    try:
        yield hand
    finally:
        stop.set()
        thread.join()
        if hand.held:
            desk.jobs.give_back(hand.held, desk.worker, at=desk.clock())
    if faults:
        raise faults[0]


def _beat(hand: _Hand, stop: threading.Event, faults: list[Exception]) -> None:
    between = hand.desk.lease.total_seconds() / 3
    prolonged = time.monotonic()
    try:
        while not stop.wait(min(between, _LOOK_SECONDS)):
            try:
                hand.look()
                if time.monotonic() - prolonged >= between:
                    hand.prolong()
                    prolonged = time.monotonic()
            except TryAgain:  # the next beat comes before the lease ends
                continue
    except Exception as fault:  # noqa: BLE001 - told by the thread that works
        faults.append(fault)
    finally:
        hand.desk.jobs.let_go()


def _end(
    desk: Desk,
    task: Task[Any, Any],
    job: Job,
    result: Any,  # noqa: ANN401 - what the work gave, a FiveSafesError or a fault
) -> JobState | None:
    """End one job in one deed; None when it was no longer ours."""
    if isinstance(result, _Fault):
        result = FiveSafesError(f"a fault of the program: {result.where}", fix="please report it with this line")
    try:
        if not isinstance(result, FiveSafesError):
            try:
                return _end_as(desk, job, JobState.DONE, "", lambda: task.keep(job, result))
            except FiveSafesError as error:
                result = error
        state, why = _judged(job, result)
        return _end_as(desk, job, state, why, lambda: task.tell(job, result, state), fix=result.fix)
    except _Gone:
        return None


def _end_as(desk: Desk, job: Job, state: JobState, why: str, write: Callable[[], None], *, fix: str = "") -> JobState:
    with desk.books.deed():
        if not desk.jobs.finish(job.id, desk.worker, state, at=desk.clock(), why=why, fix=fix):
            raise _Gone
        write()
    return state


def _judged(job: Job, error: FiveSafesError) -> tuple[JobState, str]:
    if isinstance(error, NotAsked):
        return JobState.CANCELLED, error.what
    if not isinstance(error, TryAgain):
        return JobState.FAILED, error.what
    if job.attempts + 1 - job.deaths < MOST_ATTEMPTS:  # this attempt was begun after the job was claimed
        return JobState.QUEUED, error.what
    return JobState.QUARANTINED, f"tried {MOST_ATTEMPTS} times: {error.what}"
