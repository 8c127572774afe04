"""Does the work in a pool of processes on this machine.

Workers are spawned, not forked (threads of a numeric library do not survive a fork), and each watches its parent:
when the parent dies, by whatever signal, the workers end too and leave nothing running.
"""

import contextlib
import gc
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.context import BaseContext
from typing import Any, ClassVar, Final, Generic, TypeVar

from attrs import frozen

from fivesafes.core.errors import FiveSafesError, WorkerDied

C = TypeVar("C")
J = TypeVar("J")
R = TypeVar("R")


class ProcessExecutor:
    """Runs jobs in ``workers`` processes; a job that kills its worker costs that job alone."""

    name: ClassVar[str] = "process"

    def __init__(self, workers: int = 0) -> None:
        """Take the number of processes; 0 means one per core this process may use."""
        self.workers = workers or _cores()

    def run(self, work: Callable[[J], R], jobs: Sequence[J]) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Yield each job with its result as it finishes."""
        return self.run_with(work, _apply, jobs)

    def run_with(
        self,
        context: C,
        work: Callable[[C, J], R],
        jobs: Sequence[J],
        *,
        starting: Callable[[J], bool] | None = None,
        patience: float | None = None,
    ) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Yield each job with its result as it finishes; ``context`` crosses once per worker, not once per job.

        A pool breaks as a whole when one worker is killed and does not tell whose job it was.  What was at work then
        is tried one job at a time, each in a pool of its own, until only the killer is given up; the rest goes on.
        A worker that is stuck is seen when no job has answered for ``patience`` seconds; the pool is then broken here.
        """
        order = _Order(context=context, work=work, starting=starting, patience=patience)
        left = list(jobs)
        while left:
            suspects, waiting = yield from _pooled(order, left, workers=min(self.workers, len(left)))
            if waiting and not suspects:  # it broke before anything was at work: go on one by one, so that it ends
                suspects, waiting = waiting[:1], waiting[1:]
            for job in suspects:
                if any((yield from _pooled(order, [job], workers=1))):
                    yield (
                        job,
                        WorkerDied(
                            "a worker process was killed while it worked on one series (out of memory?)",
                            fix="run the same command again with --workers 1, or on a machine with more memory",
                        ),
                    )
            left = waiting


@frozen(kw_only=True)
class _Order(Generic[C, J, R]):
    """What is to be done with each job."""

    context: C
    work: Callable[[C, J], R]
    starting: Callable[[J], bool] | None
    patience: float | None


def _apply(work: Callable[[J], R], job: J) -> R:
    return work(job)


def _pooled(
    order: _Order[C, J, R], jobs: Sequence[J], *, workers: int
) -> Generator[tuple[J, R | FiveSafesError], None, tuple[list[J], list[J]]]:
    """Run the jobs in one pool; when it breaks return those that were handed over, and those that were not."""
    queue = deque(jobs)
    running: dict[Future[R], J] = {}
    pool = ProcessPoolExecutor(workers, mp_context=_starting(order.work), initializer=_begin, initargs=(order.context,))
    try:
        whole = order.starting is None or _ready(pool, workers)
        whole = whole and _hand_over(pool, order, queue, running, workers)
        while whole and running:
            finished, _ = wait(running, order.patience, FIRST_COMPLETED)
            if not finished:
                _kill(pool)
                continue  # that breaks the pool, and every job that was at work says so
            broken = {future for future in finished if isinstance(future.exception(), BrokenProcessPool)}
            answers = [(running.pop(future), future) for future in finished - broken]
            # Handed over before the answers are: who takes one may need a while, and the worker should not wait.
            whole = not broken and _hand_over(pool, order, queue, running, workers)
            for job, future in answers:
                yield job, _answer(future)
        return list(running.values()), list(queue)
    except (KeyboardInterrupt, GeneratorExit):
        # Who stops a run does not want to wait for the series at hand; their scratch is cleared by the run.
        _kill(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _starting(work: Callable[..., object]) -> BaseContext:
    """Say how workers are started.

    On Linux a server that holds no threads of ours, and has the work's module imported, forks them: a worker then
    begins in some milliseconds, where a spawned one takes half a second of its core to import what it needs.
    """
    if not sys.platform.startswith("linux"):
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([work.__module__])
    return context


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):  # noqa: SLF001 - no public way before Python 3.14
        process.kill()


def _answer(future: Future[Any]) -> Any:  # noqa: ANN401 - what the work gave
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, FiveSafesError):
        return error
    raise error


def _ready(pool: ProcessPoolExecutor, workers: int) -> bool:
    """Wait until workers have started: what is told of as begun should not be waiting for one; False when it broke."""
    try:
        with _interrupts_waiting():
            started = [pool.submit(os.getpid) for _ in range(workers)]
        wait(started)
        return not any(future.exception() for future in started)
    except BrokenProcessPool:
        return False


def _hand_over(
    pool: ProcessPoolExecutor, order: _Order[C, J, R], queue: deque[J], running: dict[Future[R], J], workers: int
) -> bool:
    """Give the workers what they can take; False when the pool is broken.

    Two jobs each, so that none waits for the next; but one where it is told which ones are at work.
    """
    most = workers if order.starting is not None else 2 * workers
    while queue and len(running) < most:
        if order.starting is not None and not order.starting(queue[0]):
            queue.popleft()
            continue
        try:  # a pool can break at any submit: the job leaves the queue only when it was taken
            with _interrupts_waiting():
                running[pool.submit(_call, order.work, queue[0])] = queue[0]
        except BrokenProcessPool:
            return False
        queue.popleft()
    return True


@contextlib.contextmanager
def _interrupts_waiting() -> Iterator[None]:
    """Let Ctrl-C wait while workers are started: they inherit this, and don't die of it half way through an import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_MANY_OBJECTS: Final = 10_000
_CONTEXT: list[Any] = []
"""What this worker process was given when it started: one entry."""


def _call(work: Callable[[C, J], R], job: J) -> R:
    return work(_CONTEXT[0], job)


def _begin(context: object) -> None:
    """Take the context, leave Ctrl-C to the parent, and end when the parent does.

    What is there by then (modules, policies) stays as long as the worker: the garbage collector need not look at it
    each time, which took a third of cleaning an enhanced object.
    """
    _CONTEXT[:] = [context]
    gc.freeze()
    gc.set_threshold(_MANY_OBJECTS, 10, 10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for_any([sentinel])
    os._exit(1)


def _cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
