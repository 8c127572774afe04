"""What ``status`` tells of work: steps, times, how far, how long still, and what to do about what stopped."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from click.testing import CliRunner
from tests.flow.haven.conftest import AGREED
from tests.stores.conftest import make_person, make_project

from fivesafes.flow.haven.model import Job, JobState, KeptConsent
from fivesafes.flow.haven.owner import Owner
from fivesafes.interfaces.cli import status
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import OpenHaven, opened_haven

LEASE = timedelta(minutes=5)


@frozen(kw_only=True)
class Told:
    """A haven, and what ``status`` says of it."""

    path: Path

    def json(self) -> dict[str, Any]:
        """Ask for JSON; give the one project."""
        done = CliRunner().invoke(status.command, ["--haven", str(self.path), "--json"])
        assert done.exception is None, done.output
        (project,) = json.loads(done.stdout)["projects"]
        assert isinstance(project, dict)
        return project

    def text(self) -> str:
        """Ask as a person at a terminal of 80 columns."""
        done = CliRunner(env={"COLUMNS": "80"}).invoke(status.command, ["--haven", str(self.path)])
        assert done.exception is None, done.output
        assert max(len(line) for line in done.stdout.splitlines()) <= 80
        return " ".join(done.stdout.split())


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Make a haven with one project."""
    found_haven(Founding(path=tmp_path / "haven", database="sqlite", tier="none", custodians={}))
    with opened_haven(tmp_path / "haven") as haven, haven.books.deed():
        haven.books.save_project(make_project(), at=now())
    return Told(path=tmp_path / "haven")


def now() -> datetime:
    """Read the clock."""
    return datetime.now(tz=UTC)


def queue(haven: OpenHaven, *objects: str) -> None:
    """Queue a job for each."""
    haven.jobs.add("p1", "series", dict.fromkeys(objects, "1"), at=now())


def begin(haven: OpenHaven, worker: str, *, ago: timedelta) -> Job:
    """Let a worker begin the next job some time ago."""
    at = now() - ago
    (job,) = haven.jobs.claim(worker, at=at, lease=LEASE)
    assert haven.jobs.begin(job.id, worker, at=at)
    return job


def finish(haven: OpenHaven, *, seconds: float) -> None:
    """Do the next job in so many seconds, until now."""
    job = begin(haven, "w", ago=timedelta(seconds=seconds))
    assert haven.jobs.finish(job.id, "w", JobState.DONE, at=now())


def at_work(told: Told, *, stage: str = "deface") -> None:
    """Let this process be at work for two minutes, and in the stage for one."""
    with opened_haven(told.path) as haven:
        worker = Owner.here().name()
        job = begin(haven, worker, ago=timedelta(minutes=2))
        haven.jobs.heartbeat([job.id], worker, at=now() - timedelta(minutes=1), lease=LEASE, stage=stage)


def test_it_tells_the_step_since_when_how_far_and_how_long_still(told: Told) -> None:
    """Two done in 60 s each, one begun, two wait: about two minutes to go."""
    with opened_haven(told.path) as haven:
        queue(haven, "a", "b", "c", "d", "e")
        for _ in range(2):
            finish(haven, seconds=60)
    at_work(told)
    project = told.json()
    assert project["progress"] == {"done": 2, "total": 5, "at_once": 1, "seconds_each": 60.0, "seconds_left": 120}
    (running,) = project["running"]
    assert running["object"] == "series c"
    assert running["stage"] == "deface"
    assert running["seconds"] == pytest.approx(120, abs=30)
    assert running["stage_seconds"] == pytest.approx(60, abs=30)
    assert running["worker"] == "alive"
    assert project["held"] == 0
    text = told.text()
    assert "2 of 5 series done, 1 running, 2 waiting; about 2 min 00 s to go" in text
    assert "series c: deface 1 min 0" in text
    assert "(in all 2 min 0" in text


def test_what_a_worker_holds_and_has_not_begun_waits(told: Told) -> None:
    """It does not look as if it ran."""
    with opened_haven(told.path) as haven:
        queue(haven, "a", "b")
        haven.jobs.claim(Owner.here().name(), at=now(), lease=LEASE, limit=2)
    project = told.json()
    assert (project["held"], project["running"]) == (2, [])
    assert project["workers"] == 1
    assert "0 of 2 series done, 2 waiting" in told.text()
    assert "nobody is at work" not in told.text()


def test_a_worker_that_died_or_is_silent_is_told_and_who_goes_on(told: Told) -> None:
    """A dead process of this machine, and one of another machine whose lease has ended."""
    words = "from fivesafes.flow.haven.owner import Owner; print(Owner.here().name())"
    dead = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.strip()
    with opened_haven(told.path) as haven:
        queue(haven, "a", "b", "c")
        begin(haven, "far-host/0123/4711/1/aaaa", ago=timedelta(minutes=1))
        begin(haven, "silent-host/0123/4711/1/aaaa", ago=timedelta(minutes=4, seconds=58))
        begin(haven, dead, ago=timedelta(minutes=1))
        haven.jobs.heartbeat([2], "silent-host/0123/4711/1/aaaa", at=now() - LEASE, lease=LEASE)
    running = {one["object"]: one["worker"] for one in told.json()["running"]}
    assert running == {"series a": "unknown", "series b": "silent", "series c": "gone"}
    text = told.text()
    assert "on far-host" in text
    assert "its worker on silent-host is silent" in text
    assert "its worker has died: the next process or worker goes on with it" in text


def test_what_was_given_up_says_why_and_what_to_do(told: Told) -> None:
    """Failed, quarantined and put off, each with its reason; many of one reason are counted."""
    with opened_haven(told.path) as haven:
        queue(haven, *(f"bad{n}" for n in range(7)), "killer", "later")
        for _ in range(7):
            job = begin(haven, "w", ago=timedelta(0))
            haven.jobs.finish(job.id, "w", JobState.FAILED, at=now(), why="no image in it", fix="look at it")
        killer = begin(haven, "w", ago=timedelta(0))
        haven.jobs.finish(killer.id, "w", JobState.QUARANTINED, at=now(), why="killed its worker", fix="more memory")
        later = begin(haven, "w", ago=timedelta(0))
        haven.jobs.finish(later.id, "w", JobState.QUEUED, at=now(), why="the disk is full")
    project = told.json()
    assert len(project["stopped"]) == 8
    assert project["stopped"][-1] == {
        "object": "series killer",
        "state": "quarantined",
        "why": "killed its worker",
        "fix": "more memory",
        "attempts": 1,
        "deaths": 0,
    }
    (put_off,) = project["put_off"]
    assert (put_off["object"], put_off["why"]) == ("series later", "the disk is full")
    assert put_off["until"] > now().isoformat()
    text = told.text()
    assert "7 failed, 1 quarantined; nobody is at work: fivesafes process p1, or fivesafes worker" in text
    assert "failed no image in it: series bad0, bad1, bad2, bad3, bad4 and 2 more" in text
    assert "(--json names them)" in text
    assert "do: look at it" in text
    assert "do: more memory" in text
    assert "put off the disk is full: series later" in text
    assert "when its cause is mended: fivesafes process p1 --retry" in text


def test_without_anything_done_no_time_is_foretold(told: Told) -> None:
    """Nobody knows how long it takes, and a project without work says so."""
    assert "nothing was queued yet" in told.text()
    with opened_haven(told.path) as haven:
        queue(haven, "a")
    at_work(told, stage="")
    progress = told.json()["progress"]
    assert progress == {"done": 0, "total": 1, "at_once": 1, "seconds_each": None, "seconds_left": None}
    assert "to go" not in told.text()
    assert "series a: begins 2 min" in told.text()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7260, "2 h 01 min"),
        (180000, "2 days 2 h"),
    ],
)
def test_spans_are_told_in_the_units_that_matter(seconds: float, said: str) -> None:
    """At most two of them."""
    assert status._span(seconds) == said


def test_days_on_which_the_haven_destroys_something_are_told(told: Told) -> None:
    """How many, the nearest day, and how to take one back; of who is active, and while it is still to come."""
    assert (told.json()["withdrawals_ahead"], told.json()["next_withdrawal"]) == (0, None)
    assert "ahead" not in told.text()
    with opened_haven(told.path) as haven, haven.books.deed():
        for id_, day in (("a", date(2998, 12, 24)), ("b", date(2998, 11, 24)), ("c", date(2026, 1, 2)), ("d", None)):
            haven.books.add_participants([make_person(id_)], at=now())
            consent = evolve(AGREED, withdrawn_on=day)
            kept = KeptConsent(participant=id_, consent=consent, evidence_digest="x", recorded_at=now())
            haven.books.add_consents([kept])
    assert (told.json()["withdrawals_ahead"], told.json()["next_withdrawal"]) == (2, "2998-11-24")
    assert "ahead 2 participants withdraw on a day to come, the nearest on 2998-11-24" in told.text()
    assert "fivesafes consent import p1 TABLE with --renew" in told.text()
