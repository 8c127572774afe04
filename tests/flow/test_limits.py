"""A hostile file costs itself and nothing else: not the run, not the machine's memory, not the other files."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fivesafes.core.errors import InvalidInput, WorkerDied
from fivesafes.core.plugins import load
from fivesafes.data.header.malformed import FAULT, TOO_MUCH, Malformed, truncated
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.engines.executors.process import ProcessExecutor
from fivesafes.flow import limits
from fivesafes.flow.limits import limited, run_spans


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the limit be reached at once."""
    monkeypatch.setattr(limits, "SECONDS", 0.1)


def endless() -> None:
    """Work for ever, and take no interruption for its own."""
    while True:
        with contextlib.suppress(Exception):  # what a parser does that swallows everything
            sum(range(1000))


def greedy() -> int:
    """Ask for two gigabytes."""
    return len(bytearray(2 << 30))


@pytest.mark.usefixtures("hurried")
def test_work_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the work swallows every exception; and nothing rings afterwards."""
    monkeypatch.setattr(limits, "_AGAIN", 0.01)
    with pytest.raises(Malformed) as told:
        limited(0, endless)
    assert told.value.code == TOO_MUCH
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass


@pytest.mark.usefixtures("hurried")
def test_a_busy_machine_makes_no_file_hostile() -> None:
    """What waits takes no processor time."""
    began = time.monotonic()
    limited(0, time.sleep, 0.3)
    assert time.monotonic() - began >= 0.3


def test_memory_is_refused_before_a_gigabyte() -> None:
    """Two gigabytes are not given, and afterwards they could be."""
    with pytest.raises(Malformed) as told:
        limited(0, greedy)
    assert told.value.code == TOO_MUCH
    assert limited(2 << 30, greedy) == 2 << 30


def test_a_fault_of_ours_is_told_without_its_message() -> None:
    """A message may hold a value of the file."""
    with pytest.raises(Malformed) as told:
        limited(0, int, "Qvist")
    assert told.value.code == FAULT
    assert told.value.__context__ is None
    assert "Qvist" not in f"{told.value!r}{told.value.why}"


def test_reasons_of_the_work_are_told_as_they_are() -> None:
    """What is malformed is that, and a result is a result."""

    def broken() -> None:
        raise truncated()

    with pytest.raises(Malformed) as told:
        limited(0, broken)
    assert told.value.code == "data.file.truncated"
    assert limited(0, divmod, 7, 2) == (3, 1)


def test_the_timer_of_somebody_else_is_given_back() -> None:
    """A handler that was there before is there again."""
    before = signal.signal(signal.SIGPROF, signal.SIG_IGN)
    try:
        limited(0, int)
        assert signal.getsignal(signal.SIGPROF) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGPROF, before)


def test_a_thread_that_can_t_be_interrupted_still_works() -> None:
    """Only a main thread hears a timer; elsewhere memory alone is limited."""
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(limited(0, int, "7")))
    thread.start()
    thread.join()
    assert answers == [7]


def test_where_the_system_knows_no_limits_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has neither."""
    monkeypatch.setattr(limits, "resource", None)
    monkeypatch.delattr(signal, "setitimer")
    assert limited(0, int, "7") == 7


def deaf(context: Path, span: tuple[int, int]) -> list[int]:
    """Die at 3 as a worker does whose code hears no timer; note which files were begun alone."""
    if span[1] - span[0] == 1:
        (context / f"alone-{span[0]}").touch()
    if 3 in range(*span):
        os.kill(os.getpid(), signal.SIGKILL)
    return list(range(*span))


def test_a_file_that_costs_its_worker_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    """Its span is tried file by file, and it alone is lost."""
    executor = ProcessExecutor(2)
    answers = dict(run_spans(executor, tmp_path, deaf, [(0, 2), (2, 5), (5, 6)]))
    assert isinstance(answers.pop((3, 4)), WorkerDied)
    assert answers == {(0, 2): [0, 1], (2, 3): [2], (4, 5): [4], (5, 6): [5]}


def refusing(_: None, span: tuple[int, int]) -> int:
    """Refuse the second span."""
    if span[0]:
        raise InvalidInput("second", fix="none")
    return 0


def test_other_answers_of_an_executor_end_the_run() -> None:
    """A disk that is full is no file's fault."""
    spans: Iterator[object] = run_spans(InlineExecutor(), None, refusing, [(0, 2), (2, 3)])
    assert next(spans) == ((0, 2), 0)
    with pytest.raises(InvalidInput):
        next(spans)
    assert list(run_spans(InlineExecutor(), None, refusing, [])) == []


def spinning(_: None, file: int) -> int:
    """Hold on in C at 1, where no handler in Python is heard: the second timer ends the process."""
    limits.SECONDS = 0.2  # type: ignore[misc] # in a worker process of this test alone

    return limited(0, sum, range(10**12 if file == 1 else 1))


def test_a_worker_that_hears_no_timer_is_ended_by_the_system() -> None:
    """And costs its own file alone."""
    answers: Sequence[tuple[int, object]] = list(load("executor", "process")(2).run_with(None, spinning, [0, 1, 2]))
    told = dict(answers)
    assert isinstance(told.pop(1), WorkerDied)
    assert told == {0: 0, 2: 0}


def stuck(_: None, seconds: float) -> float:
    """Wait where no processor time passes."""
    time.sleep(seconds)
    return seconds


def test_a_worker_that_gives_no_answer_is_killed_when_patience_ends() -> None:
    """The others' answers are kept."""
    executor = load("executor", "process")(2)
    began = time.monotonic()
    told = dict(executor.run_with(None, stuck, [0.0, 300.0, 0.1], patience=5))
    assert time.monotonic() - began < 120
    assert isinstance(told.pop(300.0), WorkerDied)
    assert told == {0.0: 0.0, 0.1: 0.1}


def test_patience_grows_with_the_files_of_a_job() -> None:
    """A long series is not stuck."""
    assert limits.patience_for(1000) - limits.patience_for(0) == 1000 * 2 * limits.SECONDS
