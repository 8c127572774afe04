"""Read foreign files within limits of time and memory, so that a hostile one costs itself and nothing else.

Time is the processor's, not the clock's: a busy machine or a slow disk makes no file hostile.  In worker processes a
second, later timer ends the process where code in C does not let the first be heard; the executor then gives up that
file alone.
"""

import contextlib
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import parent_process
from types import FrameType
from typing import Final, TypeVar, TypeVarTuple

from fivesafes.core.errors import FiveSafesError, WorkerDied
from fivesafes.data.header.malformed import Malformed, fault, too_much
from fivesafes.flow.ports import Executor

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

C = TypeVar("C")
R = TypeVar("R")
Given = TypeVarTuple("Given")
Span = tuple[int, int]
"""Files from one index up to another."""

SECONDS: Final = 8.0
"""Of processor time for one file; a usual one takes some milliseconds."""
SECONDS_PER_MEGABYTE: Final = 0.02
MEMORY: Final = 640 << 20
"""Bytes that may be asked for over what is in use; with the program itself that stays below a gigabyte."""
MEMORY_PER_BYTE: Final = 1
"""A big file is mapped, but fragments in which texts are cleared are copied: as much again as its size."""

_STATM: Final = "/proc/self/statm"
_DATA_PAGES: Final = 5
_GRACE: Final = 2.0
_AGAIN: Final = 0.25
_PATIENCE: Final = 600.0
"""The clock's seconds: a disk may be slow, and starting a process takes some."""


def run_spans(
    executor: Executor, context: C, work: Callable[[C, Span], R], spans: Sequence[Span]
) -> Iterator[tuple[Span, R | WorkerDied]]:
    """Do work on spans of files; where one costs its worker, on each of its files alone, so that only that is lost.

    WorkerDied is yielded for single files only.  Raises what else an executor answers.
    """
    alone: list[Span] = []
    patience = patience_for(max((end - start for start, end in spans), default=0))
    for span, answer in executor.run_with(context, work, spans, patience=patience):
        if isinstance(answer, WorkerDied) and span[1] - span[0] > 1:
            alone += [(index, index + 1) for index in range(*span)]
        elif isinstance(answer, FiveSafesError) and not isinstance(answer, WorkerDied):
            raise answer
        else:
            yield span, answer
    if alone:
        yield from run_spans(executor, context, work, alone)


def patience_for(files: int) -> float:
    """Say after how many seconds without an answer to a job of so many files a worker process is stuck."""
    return _PATIENCE + _GRACE * SECONDS * files


class _Overrun(BaseException):
    """Time is up: no handler of the code at work may take this for its own."""


def limited(size: int, work: Callable[[*Given], R], *given: *Given, more_seconds: float = 0.0) -> R:
    """Do work that reads ``size`` bytes of a foreign file; ``more_seconds`` for what an engine may take with it.

    Raises Malformed as the work does, and with ``data.file.too-much`` when it takes more time or memory than such a
    file may; with ``data.file.fault`` when it fails in a way that is our mistake.
    """
    overrun = False
    try:
        memory = _bound_memory(MEMORY + MEMORY_PER_BYTE * size)
        try:
            with _time(SECONDS + more_seconds + SECONDS_PER_MEGABYTE * size / (1 << 20)):
                return work(*given)
        finally:
            if memory is not None:
                resource.setrlimit(resource.RLIMIT_DATA, memory)
    except Malformed:
        raise
    except (MemoryError, _Overrun):
        overrun = True
    except Exception:  # noqa: BLE001, S110 - one file's fault must not stop the others, and its message may hold a value
        pass
    raise too_much() if overrun else fault()


@contextlib.contextmanager
def _time(seconds: float) -> Iterator[None]:
    """Raise _Overrun here after so much processor time; only a main thread can be interrupted."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def ring(_number: int, _frame: FrameType | None) -> None:
        if armed:
            raise _Overrun

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)  # again, as a destructor swallows what is raised in it
    if parent_process() is not None:
        signal.setitimer(signal.ITIMER_VIRTUAL, _GRACE * seconds)  # nobody handles its signal: it ends the process
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGPROF, before)


def _bound_memory(most: int) -> tuple[int, int] | None:
    """Let memory be refused from here on beyond ``most`` more bytes, where the system can (Linux).

    Gives the bounds of before, to be set again.
    """
    if resource is None or not sys.platform.startswith("linux"):
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _in_use() + most
    resource.setrlimit(
        resource.RLIMIT_DATA, (min(bound for bound in (wanted, soft, hard) if bound != resource.RLIM_INFINITY), hard)
    )
    return soft, hard


def _in_use() -> int:
    """Give the bytes of memory that this process has asked for (Linux)."""
    handle = os.open(_STATM, os.O_RDONLY)
    try:
        return int(os.read(handle, 256).split()[_DATA_PAGES]) * mmap.PAGESIZE
    finally:
        os.close(handle)
