"""Two machines on one haven (books on PostgreSQL, a shared folder): each series once, and one goes on for the other."""

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve
from tests.databases import Cluster, fresh_postgresql
from tests.wiring.conftest import Clock, Place

from fivesafes.core.event import utc_now
from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import write_series
from fivesafes.flow.haven import owner
from fivesafes.flow.haven.model import JobState
from fivesafes.setting.trail.entry import event_of
from fivesafes.stores import trail
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import opened_haven
from fivesafes.wiring.process import Way, work_on_project
from fivesafes.wiring.projects import ingest_paths

SERIES: Final = 8
LEASE: Final = 2.0


@pytest.fixture
def shared(tmp_path: Path, postgresql: Cluster, migrated_postgresql: str) -> Iterator[Place]:
    """Make a haven on PostgreSQL with sealed series that wait."""
    with fresh_postgresql(postgresql, migrated_postgresql) as database:
        place = Place(folder=tmp_path, clock=Clock(utc_now()), tier="none")
        found_haven(Founding(path=place.path, database=database.named, tier="none", custodians={}), clock=place.clock)
        planted = [write_series(tmp_path / f"scans{n}", slices=3, seed=n, matrix=32) for n in range(SERIES)]
        place.register(*dict.fromkeys(one.participant_id for one in planted))
        with place.open() as haven:
            folders = [one.folder for one in planted]
            ingest_paths(haven, "journey", folders, workers=1, progress=Silent())
            assert len(haven.books.series("journey")) == SERIES
        yield place


def machine(path: Path, host: str, slow: float) -> None:
    """Be a worker of another host, for as long as something waits; ``slow`` seconds longer over each series."""
    here = owner.Owner.here()
    owner.Owner.here = classmethod(lambda *_: evolve(here, host=host, boot=f"{host}.1"))  # type: ignore[method-assign, assignment]
    if slow:
        from fivesafes.flow import series  # noqa: PLC0415 - in this process only

        real = vars(series)["deface_scan"]

        def slower(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
            time.sleep(slow)
            return real(*args, **kwargs)

        vars(series)["deface_scan"] = slower
    way = Way(workers=1, lease=timedelta(seconds=LEASE))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with opened_haven(path) as haven:
            state = work_on_project(haven, "journey", way, progress=Silent())
            if not state.postponed:
                return
        time.sleep(0.2)


@contextmanager
def machines(place: Place, *named: tuple[str, float]) -> Iterator[list[Any]]:
    """Start a process per machine, and end what is left of them."""
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=machine, args=(place.path, host, slow)) for host, slow in named]
    for process in started:
        process.start()
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


def done_by_the_trail() -> Counter[str]:
    """Count, by series, how often the trail says that it was processed."""
    events = [event_of(line) for line in trail.entries()]
    return Counter(one.object for one in events if one.verb == "process" and one.object.startswith("series "))


def test_two_machines_do_each_series_once(shared: Place) -> None:
    """Both work at the same time; books and trail tell of each series once."""
    with machines(shared, ("one", 0.0), ("two", 0.0)) as both:
        for process in both:
            process.join(120)
        assert [process.exitcode for process in both] == [0, 0]
    with shared.open() as haven:
        assert haven.jobs.counts() == {"journey": {"done": SERIES}}
        assert {job.attempts for job in haven.jobs.jobs()} == {1}
        done = done_by_the_trail()
    assert len(done) == SERIES
    assert set(done.values()) == {1}


def test_where_one_machine_dies_the_other_goes_on_when_its_lease_ends(shared: Place) -> None:
    """Not before: nobody there can tell whether it lives; and then each series is done, once."""
    with machines(shared, ("one", 600.0)) as (dying,):
        with shared.open() as haven:
            deadline = time.monotonic() + 60
            while not any(job.stage == "deface" for job in haven.jobs.jobs()):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with machines(shared, ("two", 0.0)) as (other,):
            time.sleep(2 * LEASE)  # it does what the first has not claimed, and leaves alone what that holds
            with shared.open() as haven:
                held = [job for job in haven.jobs.jobs("journey", JobState.RUNNING) if job.worker.startswith("one/")]
                assert held
            os.kill(dying.pid, signal.SIGKILL)
            other.join(120)
            assert other.exitcode == 0
    with shared.open() as haven:
        assert haven.jobs.counts() == {"journey": {"done": SERIES}}
        assert max(job.deaths for job in haven.jobs.jobs()) == 1
        done = done_by_the_trail()
    assert len(done) == SERIES
    assert set(done.values()) == {1}
