"""The job table: one holder at a time, none lost, none done twice; on both databases, through kill -9."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.databases import HavenDatabase
from tests.stores.conftest import NOW, make_project

from fivesafes.flow.haven.model import Job, JobState
from fivesafes.flow.haven.owner import Standing
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database
from fivesafes.stores.jobs import PAUSE, DjangoJobs
from fivesafes.stores.models import Job as JobRow

LEASE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def jobs(books: DjangoBooks) -> DjangoJobs:
    """Open the job table beside open books."""
    with books.deed():
        books.save_project(make_project("p2"), at=NOW)
    return DjangoJobs()


def states(jobs: DjangoJobs) -> dict[str, JobState]:
    """Give each object's state."""
    return {job.object: job.state for job in jobs.jobs()}


def test_jobs_are_claimed_in_the_order_of_creation_and_by_project(jobs: DjangoJobs) -> None:
    """A worker takes as many as it asks for; what it holds nobody else gets."""
    assert jobs.add("p1", "series", {"c": "1", "a": "1"}, at=NOW) == 2
    assert jobs.add("p2", "series", {"b": "1"}, at=NOW) == 1
    first = jobs.claim("w1", at=NOW, lease=LEASE, limit=2)
    assert [(job.object, job.attempts, job.worker, job.lease_until) for job in first] == [
        ("c", 0, "w1", NOW + LEASE),
        ("a", 0, "w1", NOW + LEASE),
    ]
    assert jobs.claim("w2", at=NOW, lease=LEASE, project="p1", limit=5) == []
    assert [job.object for job in jobs.claim("w2", at=NOW, lease=LEASE, project="p2", limit=5)] == ["b"]
    assert jobs.counts() == {"p1": {"running": 2}, "p2": {"running": 1}}


def test_what_another_has_done_since_somebody_looked_is_not_done_again(jobs: DjangoJobs) -> None:
    """Done from the same inputs it stays done, unless its result is known to be missing."""
    jobs.add("p1", "series", {"a": "1"}, at=NOW)
    (job,) = jobs.claim("w", at=NOW, lease=LEASE)
    assert jobs.finish(job.id, "w", JobState.DONE, at=NOW)
    assert jobs.add("p1", "series", {"a": "1"}, at=NOW) == 0
    assert states(jobs) == {"a": JobState.DONE}
    assert jobs.add("p1", "series", {"a": "1"}, at=NOW, again=["a"]) == 1
    assert states(jobs) == {"a": JobState.QUEUED}


def test_what_is_asked_for_again_is_done_again_unless_it_runs(jobs: DjangoJobs) -> None:
    """With other inputs a done one is queued again; a running one is left alone."""
    jobs.add("p1", "series", {"a": "1", "b": "1"}, at=NOW)
    for job in jobs.claim("w", at=NOW, lease=LEASE, limit=1):
        assert jobs.finish(job.id, "w", JobState.DONE, at=NOW)
    jobs.claim("w", at=NOW, lease=LEASE, limit=1)
    assert jobs.add("p1", "series", {"b": "2"}, at=NOW) == 0
    assert states(jobs) == {"a": JobState.DONE, "b": JobState.RUNNING}
    assert jobs.add("p1", "series", {"a": "2"}, at=NOW) == 1
    again = jobs.claim("w", at=NOW, lease=LEASE, limit=5)
    assert [(job.object, job.inputs, job.attempts) for job in again] == [("a", "2", 0)]
    assert jobs.add("p1", "release", {"a": "1"}, at=NOW) == 1  # another kind of work is another job


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.QUARANTINED])
def test_what_stopped_waits_for_other_inputs_or_a_person(jobs: DjangoJobs, state: JobState) -> None:
    """The same inputs would stop again; other inputs or a person's wish begin anew."""
    jobs.add("p1", "series", {"a": "1", "b": "1"}, at=NOW)
    for job in jobs.claim("w", at=NOW, lease=LEASE, limit=2):
        jobs.finish(job.id, "w", state, at=NOW, why="it broke", fix="mend it")
    assert jobs.add("p1", "series", {"a": "1", "b": "2"}, at=NOW) == 1
    assert states(jobs) == {"a": state, "b": JobState.QUEUED}
    assert [(job.why, job.fix) for job in jobs.jobs("p1", state)] == [("it broke", "mend it")]
    assert jobs.retry("p1", at=NOW) == 1
    assert jobs.retry("p2", at=NOW) == 0
    assert [(job.attempts, job.why, job.fix) for job in jobs.jobs("p1", JobState.QUEUED)] == [(0, "", ""), (0, "", "")]


def test_a_job_whose_lease_ended_goes_to_another_and_the_first_is_told(jobs: DjangoJobs) -> None:
    """A heartbeat keeps it; silence loses it, and then neither heartbeat nor result counts."""
    jobs.add("p1", "series", {"a": "1"}, at=NOW)
    (job,) = jobs.claim("w1", at=NOW, lease=LEASE)
    assert jobs.begin(job.id, "w1", at=NOW)
    assert jobs.heartbeat([job.id], "w1", at=NOW + 4 * MINUTE, lease=LEASE, stage="deface") == 1
    assert jobs.claim("w2", at=NOW + 8 * MINUTE, lease=LEASE) == []
    assert [one.stage for one in jobs.jobs()] == ["deface"]
    (taken,) = jobs.claim("w2", at=NOW + 9 * MINUTE, lease=LEASE)
    assert (taken.id, taken.attempts, taken.worker, taken.stage) == (job.id, 1, "w2", "")
    assert not jobs.begin(job.id, "w1", at=NOW + 9 * MINUTE)
    assert jobs.heartbeat([job.id], "w1", at=NOW + 9 * MINUTE, lease=LEASE) == 0
    assert not jobs.finish(job.id, "w1", JobState.DONE, at=NOW + 9 * MINUTE)
    assert jobs.finish(job.id, "w2", JobState.DONE, at=NOW + 9 * MINUTE)
    assert not jobs.finish(job.id, "w2", JobState.DONE, at=NOW + 9 * MINUTE)


def test_a_lease_from_a_clock_that_was_a_year_ahead_holds_nobody_up(jobs: DjangoJobs) -> None:
    """What lasts longer than a lease can is void, held or paused; a clock that is a minute ahead is no reason."""
    later = NOW + timedelta(days=365)
    jobs.add("p1", "series", {"a": "1", "b": "1"}, at=NOW)
    held, paused = jobs.claim("w1", at=later, lease=LEASE, limit=2)
    jobs.finish(paused.id, "w1", JobState.QUEUED, at=later, why="no room")
    assert [job.id for job in jobs.claim("w2", at=NOW, lease=LEASE, limit=2)] == [held.id, paused.id]
    jobs.add("p1", "series", {"c": "1"}, at=NOW)
    jobs.claim("w3", at=NOW + MINUTE, lease=LEASE)
    assert jobs.claim("w4", at=NOW, lease=LEASE) == []


def test_a_job_that_kills_its_worker_three_times_is_quarantined(jobs: DjangoJobs) -> None:
    """The third death while it was at work is the last; the reason says so, and what to do."""
    jobs.add("p1", "series", {"a": "1", "b": "1"}, at=NOW)
    at = NOW
    for attempt in (1, 2, 3):
        (job,) = jobs.claim("w", at=at, lease=LEASE)
        assert (job.object, job.attempts, job.deaths) == ("a", attempt - 1, attempt - 1)
        assert jobs.begin(job.id, "w", at=at)
        at += LEASE
    (other,) = jobs.claim("w", at=at, lease=LEASE)
    assert other.object == "b"
    (stopped,) = jobs.jobs("p1", JobState.QUARANTINED)
    assert (stopped.object, stopped.why, stopped.worker) == ("a", "killed its worker three times", "")
    assert "process p1 --retry" in stopped.fix


def test_what_was_held_and_not_begun_is_not_blamed_for_its_workers_death(jobs: DjangoJobs) -> None:
    """Its worker may die as often as it likes: only what was at work is counted."""
    jobs.add("p1", "series", {"killer": "1", "innocent": "1"}, at=NOW)
    at = NOW
    for _ in range(3):
        held = {job.object: job for job in jobs.claim("w", at=at, lease=LEASE, limit=2)}
        assert jobs.begin(held["killer"].id, "w", at=at)
        assert (held["innocent"].attempts, held["innocent"].deaths) == (0, 0)
        at += LEASE
    (innocent,) = jobs.claim("w", at=at, lease=LEASE, limit=2)
    assert (innocent.object, innocent.attempts, innocent.deaths) == ("innocent", 0, 0)
    assert states(jobs) == {"killer": JobState.QUARANTINED, "innocent": JobState.RUNNING}


def test_a_beginning_counts_once_for_each_claim_and_only_for_its_holder(jobs: DjangoJobs) -> None:
    """Tried again within one claim it is one attempt; what was cancelled meanwhile does not begin."""
    jobs.add("p1", "series", {"a": "1", "b": "1"}, at=NOW)
    a, b = jobs.claim("w", at=NOW, lease=LEASE, limit=2)
    assert jobs.begin(a.id, "w", at=NOW)
    assert jobs.begin(a.id, "w", at=NOW + MINUTE)
    assert not jobs.begin(b.id, "another", at=NOW)
    jobs.cancel(["b"], at=NOW, why="withdrawn")
    assert not jobs.begin(b.id, "w", at=NOW)
    assert [(job.object, job.attempts, job.begun_at) for job in jobs.jobs()] == [("a", 1, NOW), ("b", 0, None)]


def test_a_heartbeat_prolongs_and_only_a_new_stage_is_a_change(jobs: DjangoJobs) -> None:
    """So that it can be told since when a job is in its stage."""
    jobs.add("p1", "series", {"a": "1"}, at=NOW)
    (job,) = jobs.claim("w", at=NOW, lease=LEASE)
    jobs.begin(job.id, "w", at=NOW)
    jobs.heartbeat([job.id], "w", at=NOW + MINUTE, lease=LEASE, stage="convert")
    jobs.heartbeat([job.id], "w", at=NOW + 3 * MINUTE, lease=LEASE)
    (job,) = jobs.jobs()
    assert (job.begun_at, job.stage, job.changed_at) == (NOW, "convert", NOW + MINUTE)
    assert job.lease_until == NOW + 3 * MINUTE + LEASE


STANDINGS = {"dead": Standing.GONE, "alive": Standing.ALIVE}


def test_what_a_dead_process_of_this_machine_held_is_free_at_once(books: DjangoBooks) -> None:
    """The living one's and the far one's stay theirs until their leases end."""
    assert books.project("p1")
    jobs = DjangoJobs(standing=lambda worker: STANDINGS.get(worker, Standing.UNKNOWN))
    jobs.add("p1", "series", {"a": "1", "b": "1", "c": "1"}, at=NOW)
    for worker in ("dead", "alive", "far away"):
        (job,) = held_by(worker)
        assert jobs.begin(job.id, worker, at=NOW)
    (taken,) = jobs.claim("next", at=NOW, lease=LEASE, limit=5)
    assert (taken.object, taken.deaths) == ("a", 1)
    both = jobs.claim("next", at=NOW + LEASE, lease=LEASE, limit=5)
    assert [(job.object, job.deaths) for job in both if job.object != "a"] == [("b", 0), ("c", 1)]


def held_by(worker: str) -> Sequence[Job]:
    """Let a worker hold the next job while nobody is known to be dead."""
    return DjangoJobs(standing=lambda _: Standing.UNKNOWN).claim(worker, at=NOW, lease=LEASE)


def test_a_real_process_that_was_killed_loses_its_jobs_to_the_next_claim(jobs: DjangoJobs) -> None:
    """No lease is waited for on one machine; while it lives nobody gets them."""
    jobs.add("p1", "series", {"a": "1"}, at=NOW)
    words = "from fivesafes.flow.haven.owner import Owner; print(Owner.here().name(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        worker = process.stdout.readline().strip()
        (job,) = jobs.claim(worker, at=NOW, lease=LEASE)
        assert jobs.begin(job.id, worker, at=NOW)
        assert jobs.claim("next", at=NOW, lease=LEASE) == []
        process.kill()
        process.wait()
    (taken,) = jobs.claim("next", at=NOW, lease=LEASE)
    assert (taken.object, taken.worker, taken.deaths) == ("a", "next", 1)
    assert taken.why == "its worker died while it was at work on it (1 of 3 times)"


def test_what_could_not_be_done_at_the_time_waits_a_little_longer_each_time(jobs: DjangoJobs) -> None:
    """It is not claimed again at once; a person who asks again need not wait."""
    jobs.add("p1", "series", {"a": "1"}, at=NOW)
    at = NOW
    for attempt in (1, 2):
        (job,) = jobs.claim("w", at=at, lease=LEASE)
        jobs.begin(job.id, "w", at=at)
        assert jobs.finish(job.id, "w", JobState.QUEUED, at=at, why="the disk is full")
        pause = attempt * PAUSE
        assert jobs.claim("w", at=at + pause - timedelta(seconds=1), lease=LEASE) == []
        at += pause
    (job,) = jobs.claim("w", at=at, lease=LEASE)
    assert (job.attempts, job.why) == (2, "the disk is full")
    jobs.finish(job.id, "w", JobState.QUEUED, at=at)
    assert jobs.add("p1", "series", {"a": "1"}, at=at) == 1
    assert len(jobs.claim("w", at=at, lease=LEASE)) == 1


def test_what_is_given_back_has_no_attempt_more(jobs: DjangoJobs) -> None:
    """Begun or not: somebody stopped it.  Only its holder can give a job back."""
    jobs.add("p1", "series", {"a": "1", "b": "1"}, at=NOW)
    a, b = jobs.claim("w", at=NOW, lease=LEASE, limit=2)
    jobs.begin(a.id, "w", at=NOW)
    jobs.give_back([a.id, b.id], "another", at=NOW)
    assert set(states(jobs).values()) == {JobState.RUNNING}
    jobs.give_back([a.id, b.id], "w", at=NOW)
    taken = jobs.claim("w2", at=NOW, lease=LEASE, limit=2)
    assert [(job.attempts, job.deaths, job.begun_at, job.worker) for job in taken] == [(0, 0, None, "w2")] * 2


def test_a_cancelled_job_is_nobodys_and_no_retry_revives_it(jobs: DjangoJobs) -> None:
    """Queued or running, whoever holds it; what is done stays done, and asked for anew it is queued."""
    jobs.add("p1", "series", {"a": "1", "b": "1", "c": "1", "d": "1"}, at=NOW)
    a, b = jobs.claim("w", at=NOW, lease=LEASE, limit=2)
    jobs.finish(a.id, "w", JobState.DONE, at=NOW)
    jobs.cancel(["a", "b", "c", "no such"], at=NOW, why="withdrawn")
    assert not jobs.finish(b.id, "w", JobState.DONE, at=NOW)
    assert jobs.heartbeat([b.id], "w", at=NOW, lease=LEASE) == 0
    cancelled = {job.object: job.why for job in jobs.jobs("p1", JobState.CANCELLED)}
    assert cancelled == {"b": "withdrawn", "c": "withdrawn"}
    assert jobs.retry("p1", at=NOW) == 0
    assert [job.object for job in jobs.claim("w", at=NOW, lease=LEASE, limit=9)] == ["d"]
    assert jobs.add("p1", "series", {"b": "1"}, at=NOW) == 1


def test_the_end_of_a_job_stands_in_the_deed(books: DjangoBooks, jobs: DjangoJobs) -> None:
    """A deed that fails undoes the job's end as well."""
    jobs.add("p1", "series", {"a": "1"}, at=NOW)
    (job,) = jobs.claim("w", at=NOW, lease=LEASE)

    def fail() -> None:
        with books.deed():
            assert jobs.finish(job.id, "w", JobState.DONE, at=NOW)
            raise OSError("the disk burns")

    with pytest.raises(OSError, match="burns"):
        fail()
    assert states(jobs) == {"a": JobState.RUNNING}
    with books.deed():
        assert jobs.finish(job.id, "w", JobState.DONE, at=NOW)
    assert states(jobs) == {"a": JobState.DONE}


class Table(RuleBasedStateMachine):
    """Three workers with one clock that also jumps back; a model in memory says who may hold what."""

    jobs: DjangoJobs

    def __init__(self) -> None:
        """Begin with an empty table at noon."""
        super().__init__()
        JobRow.objects.all().delete()
        self.at = NOW
        self.holder: dict[int, tuple[str, datetime]] = {}  # who may end it, and until when for sure
        self.ended: Counter[int] = Counter()
        self.known: set[int] = set()

    @initialize(number=st.integers(1, 6))
    def fill(self, number: int) -> None:
        """Queue some jobs."""
        self.jobs.add("p1", "series", {f"o{n}": "1" for n in range(number)}, at=self.at)
        self.known = {job.id for job in self.jobs.jobs()}

    @rule(seconds=st.integers(-120, 400))
    def time_passes(self, seconds: int) -> None:
        """Let the clock go on, or jump back a little."""
        self.at += timedelta(seconds=seconds)

    @rule(worker=st.sampled_from("uvw"), limit=st.integers(1, 3))
    def claim(self, worker: str, limit: int) -> None:
        """Nobody gets what another still holds."""
        for job in self.jobs.claim(worker, at=self.at, lease=LEASE, limit=limit):
            if job.id in self.holder:
                assert self.holder[job.id][1] <= self.at, "claimed while another held it"
            assert job.deaths < 3
            self.holder[job.id] = (worker, self.at + LEASE)

    @precondition(lambda self: self.known)
    @rule(worker=st.sampled_from("uvw"), data=st.data())
    def begin(self, worker: str, data: st.DataObject) -> None:
        """Only the holder's job begins."""
        id_ = data.draw(st.sampled_from(sorted(self.known)))
        if self.jobs.begin(id_, worker, at=self.at):
            assert self.holder[id_][0] == worker

    @rule(worker=st.sampled_from("uvw"))
    def beat(self, worker: str) -> None:
        """Only the holder's leases grow."""
        mine = [id_ for id_, (who, _) in self.holder.items() if who == worker]
        running = {job.id for job in self.jobs.jobs("p1", JobState.RUNNING) if job.worker == worker}
        assert self.jobs.heartbeat(self.known, worker, at=self.at, lease=LEASE) == len(running)
        assert running <= set(mine)
        self.holder.update(dict.fromkeys(running, (worker, self.at + LEASE)))

    @precondition(lambda self: self.known)
    @rule(worker=st.sampled_from("uvw"), state=st.sampled_from(JobState), data=st.data())
    def finish(self, worker: str, state: JobState, data: st.DataObject) -> None:
        """End a job: it counts exactly when its bringer holds it, and a job is done once."""
        id_ = data.draw(st.sampled_from(sorted(self.known)))
        if state in {JobState.RUNNING, JobState.CANCELLED}:
            return
        counted = self.jobs.finish(id_, worker, state, at=self.at, why="")
        if counted:
            assert self.holder.pop(id_)[0] == worker
            self.ended[id_] += state is JobState.DONE

    @rule(worker=st.sampled_from("uvw"))
    def give_back(self, worker: str) -> None:
        """Give all back: what is given back is free at once."""
        self.jobs.give_back(self.known, worker, at=self.at)
        self.holder = {id_: held for id_, held in self.holder.items() if held[0] != worker}

    @invariant()
    def none_is_lost_and_none_is_done_twice(self) -> None:
        """Every job is in the table in one state, with a holder exactly while it runs."""
        rows = self.jobs.jobs()
        assert {job.id for job in rows} >= self.known
        assert all(number <= 1 for number in self.ended.values())
        for job in rows:
            assert bool(job.worker) == (job.state is JobState.RUNNING)
            assert (job.state is JobState.QUARANTINED) or job.deaths < 3
            assert job.deaths <= job.attempts
            assert (job.state is JobState.DONE) == (self.ended[job.id] == 1)
            if job.state is JobState.RUNNING:
                assert self.holder[job.id][0] == job.worker


def test_no_job_is_held_by_two_lost_or_done_twice(jobs: DjangoJobs) -> None:
    """Random claims, beats, ends and clock jumps against a model."""

    class Tried(Table):
        pass

    Tried.jobs = jobs
    run_state_machine_as_test(Tried, settings=settings(max_examples=40, stateful_step_count=30, deadline=None))


def clock() -> datetime:
    """Read the machine's clock."""
    return datetime.now(tz=UTC)


def work(config: dict[str, Any], out: Path, name: str, lease: float, dies_after: int) -> None:
    """Claim and end jobs until there are none; die by SIGKILL after some, while holding others."""
    jobs = DjangoJobs()
    done = 0
    with current_database(config), (out / name).open("a") as log:
        while jobs.jobs("p1", JobState.QUEUED, JobState.RUNNING):
            taken = jobs.claim(name, at=clock(), lease=timedelta(seconds=lease), limit=4)
            if not taken:
                time.sleep(0.05)
            for job in taken:
                if done == dies_after:
                    os.kill(os.getpid(), signal.SIGKILL)
                if jobs.finish(job.id, name, JobState.DONE, at=clock()):
                    log.write(f"{job.object}\n")
                    log.flush()
                    done += 1


@contextmanager
def workers(names: str, *args: Any) -> Iterator[list[Any]]:  # noqa: ANN401 - passed on
    """Run processes of one's own, and end what is left of them."""
    config, out, *rest = args
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=work, args=(config, out, name, *rest)) for name in names]
    for process in started:
        process.start()
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


NEVER = 10**6


@pytest.mark.parametrize(("number", "dies_after", "lease"), [(500, NEVER, 60.0), (60, 10, 1.0)])
def test_four_processes_do_each_job_once(
    haven_database: HavenDatabase, tmp_path: Path, number: int, dies_after: int, lease: float
) -> None:
    """Real processes on one table; and where each is killed while it holds jobs, the next one does what is left."""
    out = tmp_path / "out"
    out.mkdir()
    with current_database(haven_database.config):
        books, jobs = DjangoBooks(), DjangoJobs()
        with books.deed():
            books.save_project(make_project(), at=NOW)
        jobs.add("p1", "series", {f"o{n}": "1" for n in range(number)}, at=clock())
    with workers("abcd", haven_database.config, out, lease, dies_after) as first:
        for process in first:
            process.join(timeout=60)
        assert {process.exitcode for process in first} == {0 if dies_after == NEVER else -signal.SIGKILL}
    if dies_after != NEVER:
        with workers("e", haven_database.config, out, lease, NEVER) as second:
            second[0].join(timeout=60)
            assert second[0].exitcode == 0
    done = Counter(line for log in out.iterdir() for line in log.read_text().split())
    assert set(done.values()) == {1}
    assert len(done) == number
    with current_database(haven_database.config):
        assert DjangoJobs().counts() == {"p1": {"done": number}}


def test_a_thread_lets_go_of_its_connection(jobs: DjangoJobs) -> None:
    """What a thread opened is closed, and opens again by itself."""
    jobs.let_go()
    assert connection.connection is None
    assert jobs.counts() == {}


def test_who_works_alone_takes_back_what_the_dead_held(jobs: DjangoJobs) -> None:
    """No lease is waited for; the attempt counts, and other projects' jobs stay with who holds them."""
    jobs.add("p1", "series", {"a": "1"}, at=NOW)
    jobs.add("p2", "series", {"b": "1"}, at=NOW)
    for job in jobs.claim("dead", at=NOW, lease=LEASE, limit=5):
        jobs.begin(job.id, "dead", at=NOW)
    assert jobs.take_back("p1", at=NOW) == 1
    (again,) = jobs.claim("alive", at=NOW, lease=LEASE, limit=5)
    assert (again.object, again.attempts, again.deaths, again.worker) == ("a", 1, 1, "alive")
    (other,) = jobs.jobs("p2")
    assert other.worker == "dead"
