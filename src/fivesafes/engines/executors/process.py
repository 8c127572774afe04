"""Does the work in a pool of processes on this machine.

Workers are spawned, not forked (threads of a numeric library do not survive a fork), and each watches its parent:
when the parent dies, by whatever signal, the workers end too and leave nothing running.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for_any
from typing import Any, ClassVar, TypeVar

from fivesafes.core.errors import FiveSafesError, TryAgain

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
        self, context: C, work: Callable[[C, J], R], jobs: Sequence[J]
    ) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Yield each job with its result as it finishes; ``context`` crosses once per worker, not once per job.

        A pool breaks as a whole when one worker is killed and does not tell whose job it was.  What it had not
        finished is then tried one job at a time, each in a pool of its own, until only the killer is given up.
        """
        workers = min(self.workers, max(len(jobs), 1))
        unfinished = yield from _pooled(context, work, jobs, workers=workers)
        for job in unfinished:
            if (yield from _pooled(context, work, [job], workers=1)):
                yield (
                    job,
                    TryAgain(
                        "a worker process was killed while it worked on one series (out of memory?)",
                        fix="run the same command again with --workers 1, or on a machine with more memory",
                    ),
                )


def _apply(work: Callable[[J], R], job: J) -> R:
    return work(job)


def _pooled(
    context: C, work: Callable[[C, J], R], jobs: Sequence[J], *, workers: int
) -> Generator[tuple[J, R | FiveSafesError], None, list[J]]:
    """Run the jobs in one pool; return those that it had not finished when it broke.

    At most two jobs per worker are handed over at a time, so that stopping early leaves little to wait for.
    """
    queue = list(reversed(jobs))
    running: dict[Future[R], J] = {}
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(context,))
    try:
        while queue or running:
            while queue and len(running) < 2 * workers:
                # A pool can break at any submit: the job leaves the queue only when it was taken.
                with _interrupts_waiting():
                    running[pool.submit(_call, work, queue[-1])] = queue[-1]
                queue.pop()
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    return [*running.values(), *reversed(queue)]
                job = running.pop(future)
                if error is not None and not isinstance(error, FiveSafesError):
                    raise error
                yield job, future.result() if error is None else error
    except KeyboardInterrupt:
        # Who stops a run does not want to wait for the series at hand; their scratch is cleared by the run.
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 - no public way before Python 3.14
            process.kill()
        raise
    except BrokenProcessPool:  # submit() to a pool that has just broken
        return [*running.values(), *reversed(queue)]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return []


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


_CONTEXT: list[Any] = []
"""What this worker process was given when it started: one entry."""


def _call(work: Callable[[C, J], R], job: J) -> R:
    return work(_CONTEXT[0], job)


def _begin(context: object) -> None:
    """Take the context, leave Ctrl-C to the parent, and end when the parent does."""
    _CONTEXT[:] = [context]
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
