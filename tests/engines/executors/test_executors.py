"""Executors give each job its result, go on after a refusal, and survive a killed worker."""

import os
import signal
import time
from pathlib import Path

import pytest

from fivesafes.core.errors import FiveSafesError, InvalidInput, TryAgain
from fivesafes.core.plugins import load, names
from fivesafes.flow.ports import Executor


def double(number: int) -> int:
    """Double it; 3 is refused."""
    if number == 3:
        raise InvalidInput("three", fix="not three")
    return 2 * number


def killed(number: int) -> int:
    """Die at 2, as a worker does that the system kills."""
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def broken(number: int) -> int:
    """Fail in a way that is our bug."""
    return number // 0


def add(context: int, number: int) -> int:
    """Add what the worker was given."""
    return context + number


@pytest.fixture(params=names("executor"))
def executor(request: pytest.FixtureRequest) -> Executor:
    """Make each registered executor."""
    made: Executor = load("executor", request.param)(2)
    return made


def test_each_job_gets_its_result_and_a_refusal_costs_one(executor: Executor) -> None:
    """Four of five succeed; the fifth says why."""
    results = dict(executor.run(double, [1, 2, 3, 4, 5]))
    assert isinstance(results.pop(3), InvalidInput)
    assert results == {1: 2, 2: 4, 4: 8, 5: 10}


def test_a_context_reaches_every_job(executor: Executor) -> None:
    """It is given once and used by all."""
    assert dict(executor.run_with(100, add, [1, 2, 3])) == {1: 101, 2: 102, 3: 103}


def test_our_bugs_are_raised(executor: Executor) -> None:
    """A division by zero is nobody's refusal."""
    with pytest.raises(ZeroDivisionError):
        list(executor.run(broken, [1]))


def test_no_jobs_are_no_work(executor: Executor) -> None:
    """An empty list gives nothing."""
    assert list(executor.run(double, [])) == []


def test_a_job_that_kills_its_worker_costs_that_job_alone() -> None:
    """All others are done, and the killer is named by its job."""
    made: Executor = load("executor", "process")(2)
    results: dict[int, int | FiveSafesError] = dict(made.run(killed, [1, 2, 3, 4]))
    assert isinstance(results.pop(2), TryAgain)
    assert results == {1: 1, 3: 3, 4: 4}


def test_no_job_is_lost_when_the_pool_breaks_between_two_submits() -> None:
    """The pool breaks while the caller is busy, so that the next submit fails: every job still has its answer."""
    made: Executor = load("executor", "process")(2)
    answered = []
    for job, _ in made.run(killed, [1, 3, 4, 2, 5, 6, 7, 8, 9]):
        answered.append(job)
        time.sleep(0.4)
    assert sorted(answered) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def beside_a_killer(folder: Path, number: int) -> int:
    """Let 2 kill its worker while 1 is at work beside it: at its first trial 1 never comes to an end by itself."""
    begun = folder / f"begun-{number}"
    first = not begun.exists()
    begun.touch()
    if number == 1 and first:
        time.sleep(60)
    while number == 2 and not (folder / "begun-1").exists():
        time.sleep(0.01)
    return killed(number)


def test_each_job_is_told_of_before_it_begins_and_never_more_than_there_are_workers(
    executor: Executor, tmp_path: Path
) -> None:
    """What is told of is at work: none waits in a queue behind it; and what may not begin does not."""
    told: list[int] = []

    def starting(number: int) -> bool:
        if number == 4:
            return False
        assert len(told) - len(list(tmp_path.iterdir())) < executor.workers
        told.append(number)
        return True

    results = dict(executor.run_with(tmp_path, note, [1, 2, 3, 4, 5], starting=starting))
    assert results == {1: 1, 2: 2, 3: 3, 5: 5}
    assert sorted(told) == [1, 2, 3, 5]


def note(folder: Path, number: int) -> int:
    """Leave a trace when it is done."""
    (folder / str(number)).touch()
    return number


def test_only_what_was_at_work_when_the_pool_broke_is_tried_alone(tmp_path: Path) -> None:
    """The killer and its neighbour; what had not begun goes on side by side, in as many processes as before."""
    made: Executor = load("executor", "process")(2)
    told: list[int] = []

    def starting(number: int) -> bool:
        told.append(number)
        return True

    results = dict(made.run_with(tmp_path, beside_a_killer, [1, 2, 3, 4, 5, 6], starting=starting))
    assert isinstance(results.pop(2), TryAgain)
    assert results == {1: 1, 3: 3, 4: 4, 5: 5, 6: 6}
    assert told.count(2) == 2
    assert all(told.count(number) == 1 for number in (3, 4, 5, 6))


def test_closing_early_does_not_wait_for_what_is_at_work() -> None:
    """Who stops a run, or fails, takes no more results: the processes end at once."""
    made: Executor = load("executor", "process")(2)
    results = made.run(slow, [0, 60, 60])
    assert next(results)[1] == 0
    began = time.monotonic()
    results.close()  # type: ignore[attr-defined] # a generator
    assert time.monotonic() - began < 30


def slow(seconds: int) -> int:
    """Take this long."""
    time.sleep(seconds)
    return seconds
