"""The loop that works: what was done is kept with the job's end, what was not says why, and nothing counts twice."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context, parent_process
from typing import Any, ClassVar

import pytest
from attrs import evolve, field, frozen
from tests.databases import HavenDatabase
from tests.stores.conftest import NOW, make_person, make_project

from fivesafes.core.errors import FiveSafesError, InvalidInput, TryAgain
from fivesafes.core.event import Event
from fivesafes.core.progress import Silent
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.engines.executors.process import ProcessExecutor
from fivesafes.flow.haven.model import Job, JobState
from fivesafes.flow.haven.work import Desk, Drained, NotAsked, Task, _next_size, drain, new_worker_name
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database
from fivesafes.stores.jobs import DjangoJobs
from fivesafes.stores.models import TrailEntry


@pytest.fixture
def desk(haven_database: HavenDatabase) -> Iterator[Desk]:
    """Open a desk that works in this process, with a clock that stands at noon."""
    with current_database(haven_database.config):
        books = DjangoBooks()
        with books.deed():
            books.save_project(make_project(), at=NOW)
        yield Desk(
            books=books,
            jobs=DjangoJobs(),
            executor=InlineExecutor(),
            clock=lambda: NOW,
            progress=Silent(),
            worker=new_worker_name(),
        )


def queue(desk: Desk, *objects: str) -> None:
    """Queue a job for each object."""
    desk.jobs.add("p1", "series", dict.fromkeys(objects, "1"), at=NOW)


def work(context: dict[str, str], job: Job) -> str:
    """Do what the object's name says."""
    if job.object.startswith("busy"):
        raise TryAgain("the store is away", fix="wait")
    if job.object.startswith("bad"):
        raise InvalidInput("no image in it", fix="look")
    if job.object.startswith("stray"):
        raise NotAsked("nobody asks for it", fix="ask")
    if job.object.startswith("bug"):
        raise ValueError("Jane Doe")
    if job.object.startswith("full"):
        raise OSError(errno.ENOSPC, "no space", "/scans/Jane Doe")
    if job.object.startswith("trouble"):
        raise OSError(errno.EIO, "input/output error", "/scans/Jane Doe")
    if job.object.startswith("kill"):
        os.kill(os.getpid(), 9)
    if job.object.startswith("end all"):
        parent = parent_process()
        assert parent is not None
        os.kill(parent.pid or 0, 9)
        time.sleep(30)
    if job.object.startswith("beside"):
        time.sleep(1)
    return f"{context['greeting']} {job.object}"


@frozen
class Kept:
    """What was kept, told and dropped, by object; and for which objects a context was asked."""

    results: dict[str, str] = field(factory=dict)
    told: dict[str, tuple[str, JobState]] = field(factory=dict)
    dropped: list[str] = field(factory=list)
    groups: list[list[str]] = field(factory=list)


def run(
    desk: Desk,
    do: Callable[[dict[str, str], Job], str] = work,
    *,
    stage: Callable[[Job], str] = lambda _: "",
) -> tuple[Drained, Kept]:
    """Drain with callbacks that write an event each."""
    kept = Kept()

    def context(jobs: Sequence[Job]) -> dict[str, str]:
        kept.groups.append([job.object for job in jobs])
        return {"greeting": "hello"}

    def keep(job: Job, result: str) -> None:
        desk.books.tell(event(job, "done"))
        kept.results[job.object] = result

    def tell(job: Job, error: FiveSafesError, state: JobState) -> None:
        desk.books.tell(event(job, state.value))
        kept.told[job.object] = (error.what, state)

    def drop(job: Job) -> None:
        kept.dropped.append(job.object)

    return drain(desk, Task(context=context, do=do, keep=keep, tell=tell, drop=drop, stage=stage)), kept


def task(
    keep: Callable[[Job, str], None], tell: Callable[[Job, FiveSafesError, JobState], None]
) -> Task[dict[str, str], str]:
    """Make a task of the usual work with other callbacks."""
    return Task(
        context=lambda _: {"greeting": ""}, do=work, keep=keep, tell=tell, drop=lambda _: None, stage=lambda _: ""
    )


def event(job: Job, outcome: str) -> Event:
    """Make the event of a job's end."""
    return Event(when=NOW, actor="test", verb="work", object=job.object, outcome=outcome, policy_digest="d")


def states(desk: Desk) -> dict[str, JobState]:
    """Give each object's state."""
    return {job.object: job.state for job in desk.jobs.jobs()}


def test_what_was_done_is_kept_with_the_jobs_end_and_its_event(desk: Desk) -> None:
    """Every job once, in one deed each; several rounds of claims."""
    queue(desk, *"abcde")
    drained, kept = run(desk)
    assert drained.ended == {JobState.DONE: 5}
    assert kept.results == {one: f"hello {one}" for one in "abcde"}
    assert set(states(desk).values()) == {JobState.DONE}
    assert TrailEntry.objects.count() == 5


def test_each_way_not_to_be_done_has_its_state_and_reason(desk: Desk) -> None:
    """The moment's fault waits, the scan's fails, ours fails without quoting a value; the others go on."""
    queue(desk, "bug", "bad", "busy", "full", "good", "stray", "trouble")
    drained, kept = run(desk)
    assert drained.ended == {JobState.FAILED: 2, JobState.QUEUED: 3, JobState.DONE: 1, JobState.CANCELLED: 1}
    assert sorted(kept.dropped) == ["bad", "bug", "busy", "full", "stray", "trouble"]
    assert kept.told["bad"] == ("no image in it", JobState.FAILED)
    assert kept.told["busy"] == ("the store is away", JobState.QUEUED)
    assert {kept.told[one][1] for one in ("full", "trouble")} == {JobState.QUEUED}
    what, state = kept.told["bug"]
    assert state is JobState.FAILED
    assert what.startswith("a fault of the program: ValueError at test_work.py:")
    assert not any("Jane" in job.why for job in desk.jobs.jobs())
    assert {job.object: bool(job.why) for job in desk.jobs.jobs()} == {
        "bug": True,
        "bad": True,
        "busy": True,
        "full": True,
        "good": False,
        "stray": True,
        "trouble": True,
    }
    assert {job.object: job.fix for job in desk.jobs.jobs()}["bad"] == "look"


def test_the_third_attempt_that_can_not_be_done_is_the_last(desk: Desk) -> None:
    """It waits twice, then it is quarantined with its reason."""
    queue(desk, "busy")
    at = NOW
    ends = []
    for _ in range(3):
        drained, _ = run(evolve(desk, clock=lambda: at))  # noqa: B023 - called within this round
        ends += list(drained.ended)
        at += timedelta(hours=1)
    assert ends == [JobState.QUEUED, JobState.QUEUED, JobState.QUARANTINED]
    assert [job.why for job in desk.jobs.jobs()] == ["tried 3 times: the store is away"]
    assert run(evolve(desk, clock=lambda: at))[0] == Drained()


def test_what_can_not_be_kept_fails_and_leaves_nothing(desk: Desk) -> None:
    """An error while keeping undoes the deed; the job says why."""
    queue(desk, "a")
    told: list[str] = []

    def keep(_job: Job, _result: str) -> None:
        desk.books.add_participants([make_person("cat")], at=NOW)
        raise InvalidInput("two of one name", fix="look")

    def tell(_job: Job, error: FiveSafesError, state: JobState) -> None:
        told.append(f"{state} {error.what}")

    drain(desk, task(keep, tell))
    assert told == ["failed two of one name"]
    assert desk.books.participant("cat") is None


def test_a_bug_while_keeping_is_raised_and_the_others_are_given_back(desk: Desk) -> None:
    """The job at hand keeps its attempt until its lease ends; those not begun are free at once."""
    queue(desk, "a", "b")

    def keep(job: Job, _result: str) -> None:
        raise KeyError(job.object)

    with pytest.raises(KeyError):
        drain(desk, task(keep, lambda *_: None))
    assert states(desk) == {"a": JobState.RUNNING, "b": JobState.QUEUED}


def test_what_was_withdrawn_meanwhile_is_dropped(desk: Desk) -> None:
    """A job cancelled while it is worked on brings nothing into the books."""
    queue(desk, "a", "b")
    drained, kept = run(desk, lambda context, job: _withdrawn_meanwhile(desk, context, job))
    assert [job.object for job in drained.lost] == ["a"]
    assert kept.dropped == ["a"]
    assert kept.results == {"b": "hello b"}
    assert states(desk) == {"a": JobState.CANCELLED, "b": JobState.DONE}
    assert TrailEntry.objects.count() == 1


def _withdrawn_meanwhile(desk: Desk, context: dict[str, str], job: Job) -> str:
    if job.object == "a":
        desk.jobs.cancel(["a"], at=NOW, why="withdrawn")
    return work(context, job)


def test_what_was_cancelled_before_its_turn_does_not_begin(desk: Desk) -> None:
    """A withdrawal between claim and turn: no step touches it, and no attempt is counted."""
    queue(desk, "a", "b")
    seen: list[str] = []

    def do(context: dict[str, str], job: Job) -> str:
        seen.append(job.object)
        desk.jobs.cancel(["b"], at=NOW, why="withdrawn")
        return work(context, job)

    drained, _ = run(desk, do)
    assert seen == ["a"]
    assert [job.object for job in drained.lost] == ["b"]
    assert [(job.object, job.attempts) for job in desk.jobs.jobs("p1", JobState.CANCELLED)] == [("b", 0)]


def test_a_job_is_marked_as_begun_before_it_is(desk: Desk) -> None:
    """While it works its row says so; the others are held and not begun."""
    queue(desk, "a", "b")

    def do(_context: dict[str, str], _job: Job) -> str:
        return " ".join(f"{one.object}:{one.begun_at is not None}:{one.attempts}" for one in desk.jobs.jobs("p1"))

    _, kept = run(desk, do)
    assert kept.results == {"a": "a:True:1 b:False:0", "b": "a:True:1 b:True:1"}


def test_a_job_tells_its_stage_as_it_enters_it(desk: Desk) -> None:
    """Within a second or so; nothing is told of stages that did not change."""
    queue(desk, "a")
    now = ["convert"]

    def do(_context: dict[str, str], _job: Job) -> str:
        seen = []
        for stage in ("convert", "deface"):
            now[0] = stage
            for _ in range(400):
                (row,) = desk.jobs.jobs()
                if row.stage == stage:
                    seen.append(row.stage)
                    break
                time.sleep(0.02)
        return " ".join(seen)

    _, kept = run(desk, do, stage=lambda _: now[0])
    assert kept.results == {"a": "convert deface"}


def test_who_was_at_work_at_a_death_is_done_alone_after_the_others(desk: Desk) -> None:
    """So that a killer kills nobody else's work, and an innocent neighbour is not blamed."""
    queue(desk, "suspect1", "a", "b", "suspect2")
    for job in desk.jobs.claim("dead", at=NOW - 2 * desk.lease, lease=desk.lease, limit=4):
        if job.object.startswith("suspect"):
            desk.jobs.begin(job.id, "dead", at=NOW - 2 * desk.lease)
    drained, kept = run(evolve(desk, executor=ProcessExecutor(workers=2)))
    assert drained.ended == {JobState.DONE: 4}
    assert kept.groups == [["a", "b"], ["suspect1"], ["suspect2"]]


def killed_worker(config: dict[str, Any]) -> None:
    """Work with two processes until one of the jobs kills this worker."""
    with current_database(config):
        books = DjangoBooks()
        desk = Desk(
            books=books,
            jobs=DjangoJobs(),
            executor=ProcessExecutor(workers=2),
            clock=lambda: datetime.now(tz=UTC),
            progress=Silent(),
            worker=new_worker_name(),
        )
        run(desk)


def test_a_killer_is_set_aside_after_three_deaths_and_its_neighbours_are_done(haven_database: HavenDatabase) -> None:
    """Real workers that a series kills; each next one goes on at once, and only the killer is blamed."""
    with current_database(haven_database.config):
        books, jobs = DjangoBooks(), DjangoJobs()
        with books.deed():
            books.save_project(make_project(), at=NOW)
        wanted = ["beside 1", "end all", "beside 2", "beside 3", "beside 4"]
        jobs.add("p1", "series", dict.fromkeys(wanted, "1"), at=datetime.now(tz=UTC))
    codes = []
    for _ in range(4):
        process = get_context("spawn").Process(target=killed_worker, args=(haven_database.config,))
        process.start()
        process.join(60)
        codes.append(process.exitcode)
    assert codes == [-9, -9, -9, 0]
    with current_database(haven_database.config):
        rows = {job.object: job for job in DjangoJobs().jobs()}
    assert rows["end all"].state is JobState.QUARANTINED
    assert (rows["end all"].deaths, rows["end all"].why) == (3, "killed its worker three times")
    others = {job.object: (job.state, job.deaths) for job in rows.values() if job.object != "end all"}
    assert {state for state, _ in others.values()} == {JobState.DONE}
    assert max(deaths for _, deaths in others.values()) == 1  # who was beside it at the first death


def test_stopped_it_gives_back_what_was_not_finished(desk: Desk) -> None:
    """Ctrl-C at the second job: the first is done, the others are free and have no attempt more."""
    queue(desk, "a", "b", "c")

    def do(context: dict[str, str], job: Job) -> str:
        if job.object == "b":
            raise KeyboardInterrupt
        return work(context, job)

    with pytest.raises(KeyboardInterrupt):
        run(desk, do)
    assert states(desk) == {"a": JobState.DONE, "b": JobState.QUEUED, "c": JobState.QUEUED}
    assert [job.attempts for job in desk.jobs.jobs("p1", JobState.QUEUED)] == [0, 0]


def test_a_long_job_keeps_its_lease(desk: Desk) -> None:
    """A heartbeat prolongs it while it is worked on, so that nobody else takes it."""
    queue(desk, "a")
    began = time.monotonic()

    def clock() -> datetime:
        return datetime.now(tz=UTC)

    def do(_context: dict[str, str], job: Job) -> str:
        first = job.lease_until
        for _ in range(200):
            time.sleep(0.02)
            (now,) = desk.jobs.jobs()
            if first is not None and now.lease_until is not None and now.lease_until > first:
                return f"{time.monotonic() - began < 3}"
        return "never"

    _, kept = run(evolve(desk, clock=clock, lease=timedelta(seconds=0.6)), do)
    assert kept.results == {"a": "True"}
    assert threading.active_count() == 1


def test_worker_processes_do_the_work_and_one_that_is_killed_costs_its_job_alone(desk: Desk) -> None:
    """The real pool: ids cross, results come back, and the killer waits for its next attempt with the reason."""
    queue(desk, "a", "kill", "b")
    drained, kept = run(evolve(desk, executor=ProcessExecutor(workers=2)))
    assert kept.results == {"a": "hello a", "b": "hello b"}
    assert drained.ended == {JobState.DONE: 2, JobState.QUEUED: 1}
    (killer,) = desk.jobs.jobs("p1", JobState.QUEUED)
    assert (killer.object, killer.attempts) == ("kill", 1)
    assert "killed" in killer.why


def test_only_the_projects_own_jobs_are_done_where_one_is_named(desk: Desk) -> None:
    """A worker for one project leaves the others'."""
    with desk.books.deed():
        desk.books.save_project(make_project("p2"), at=NOW)
    queue(desk, "a")
    desk.jobs.add("p2", "series", {"b": "1"}, at=NOW)
    run(evolve(desk, project="p2"))
    assert states(desk) == {"a": JobState.QUEUED, "b": JobState.DONE}


@pytest.mark.parametrize(
    ("size", "seconds", "wanted"), [(4, 1.0, 8), (4, 60.0, 4), (8, 600.0, 4), (64, 0.0, 64), (40, 30.0, 64)]
)
def test_a_round_of_claims_lasts_about_a_minute(size: int, seconds: float, wanted: int) -> None:
    """Quick jobs are claimed by more at a time, at most twice as many and 16 times the least; slow ones by few."""
    assert _next_size(size, seconds, least=4) == wanted


class Telling(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.total, self.done, self.open = 0, 0, 0

    def begin(self, stage: str, *, total: int, unit: str) -> None:
        """Open."""
        self.total, self.open = total, self.open + 1

    def advance(self, stage: str, by: int = 1) -> None:
        """Count."""
        self.done += by

    def end(self, stage: str) -> None:
        """Close."""
        self.open -= 1


def test_progress_is_told_by_job(desk: Desk) -> None:
    """Of how many, how far; and the stage is closed."""
    queue(desk, "a", "bad", "b")
    telling = Telling()
    run(evolve(desk, progress=telling))
    assert (telling.total, telling.done, telling.open) == (3, 3, 0)


class Crashing:
    """An executor whose machinery breaks."""

    name: ClassVar[str] = "crashing"
    workers = 1

    def run(self, work: Any, jobs: Sequence[Any]) -> Iterator[Any]:  # noqa: ANN401 - a port's shape
        """Break."""
        raise RuntimeError("broken")

    def run_with(self, context: Any, work: Any, jobs: Sequence[Any], **more: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
        """Break."""
        raise RuntimeError("broken")


def test_when_the_machinery_breaks_every_job_is_given_back(desk: Desk) -> None:
    """No attempt is counted for what was never begun."""
    queue(desk, "a", "b")
    with pytest.raises(RuntimeError, match="broken"):
        run(evolve(desk, executor=Crashing()))
    assert {job.attempts for job in desk.jobs.jobs("p1", JobState.QUEUED)} == {0}
