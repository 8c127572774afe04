"""Workers of a haven: what one left is gone on with, what it lost is thrown away, and it says in which step it is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from tests.wiring.conftest import Place

from fivesafes.core.errors import InvalidInput, TryAgain, UsageMistake
from fivesafes.core.event import utc_now
from fivesafes.core.progress import Silent
from fivesafes.flow import series, series_jobs
from fivesafes.flow.haven.model import JobState
from fivesafes.flow.haven.work import Desk, Drained, Task, drain, new_worker_name
from fivesafes.flow.series import STEPS
from fivesafes.interfaces.cli import worker
from fivesafes.setting.trail.entry import event_of
from fivesafes.stores import trail
from fivesafes.stores.models import Job as JobRow
from fivesafes.stores.workshop import Company, opened_bench
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import Way, process_project, what_is_there, work_on_project
from fivesafes.wiring.projects import ingest_paths

ONE = Way(workers=1)


@pytest.fixture
def sealed(place: Place) -> Place:
    """Seal three small series."""
    place.clock.now = utc_now()
    planted = [place.scans(seed=seed) for seed in (1, 2, 3)]
    place.register(*dict.fromkeys(one.participant_id for one in planted))
    with place.open() as haven:
        ingest_paths(haven, "journey", [one.folder for one in planted], workers=1, progress=Silent())
    return place


def states(haven: OpenHaven) -> set[JobState]:
    """Give the states of the jobs."""
    return {job.state for job in haven.jobs.jobs()}


def test_a_worker_that_was_killed_is_gone_on_for_at_once(sealed: Place) -> None:
    """The whole program, kill -9 in the middle of a series: the next one on this machine waits for no lease."""
    words = [sys.executable, "-m", "fivesafes", "worker", "journey", "--once", "--workers", "1", "--quiet"]
    with sealed.open() as haven:
        process = subprocess.Popen(
            [*words, "--haven", str(sealed.path)],
            env={**os.environ, "FIVESAFES_KEYS": str(haven.keys.parent.parent)},
        )
        try:
            deadline = time.monotonic() + 60
            while not any(job.begun_at for job in haven.jobs.jobs("journey", JobState.RUNNING)):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert JobState.RUNNING in states(haven)
        state = work_on_project(haven, "journey", ONE, progress=Silent())
        assert not state.postponed
        assert states(haven) == {JobState.DONE}
        assert sum(job.deaths for job in haven.jobs.jobs()) == 1


def test_what_was_lost_is_thrown_away_at_once_and_what_another_published_stays(
    sealed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One series withdrawn, one taken by another worker that finished it: neither stays in scratch."""
    left: list[str] = []
    seen: list[str] = []

    def watched(desk: Desk, task: Task[Any, Any]) -> Drained:
        drained = drain(desk, task)
        left.extend(path.name for path in private.glob("scratch-*/*"))
        assert len(drained.lost) == 2
        return drained

    real = vars(series)["deface_scan"]

    def disturbed(scan: Any, **given: Any) -> Any:  # noqa: ANN401 - passed on
        seen.append(scan.id)
        if len(seen) == 1:
            haven.jobs.cancel([scan.id], at=haven.clock(), why="withdrawn")
        if len(seen) == 2:
            _done_by_another(haven, private, scan.id)
        return real(scan, **given)

    monkeypatch.setattr(series, "deface_scan", disturbed)
    monkeypatch.setattr(series_jobs, "drain", watched)
    with sealed.open() as haven:
        private = haven.workspaces.private("journey")
        work_on_project(haven, "journey", ONE, progress=Silent())
    assert len(seen) == 3
    assert left == []
    assert not (private / "finished" / seen[0]).exists()
    assert (private / "finished" / seen[1] / "by another").exists()
    assert (private / "finished" / seen[2] / "outcome.json").exists()


def _done_by_another(haven: OpenHaven, private: Path, object_: str) -> None:
    (job,) = [one for one in haven.jobs.jobs("journey") if one.object == object_]
    later = haven.clock() + 2 * ONE.lease
    others = haven.jobs.claim("another", at=later, lease=ONE.lease, limit=9)
    assert haven.jobs.finish(job.id, "another", JobState.DONE, at=later)
    haven.jobs.give_back([one.id for one in others if one.id != job.id], "another", at=later)
    shutil.rmtree(private / "finished" / object_, ignore_errors=True)
    (private / "finished" / object_).mkdir()
    (private / "finished" / object_ / "by another").touch()


def test_a_job_whose_series_is_not_admitted_any_more_is_cancelled(sealed: Place) -> None:
    """It was queued when more was allowed; it is no fault of the program, and holds nobody up."""
    with sealed.open() as haven:
        haven.jobs.add("journey", "series", {"no-such-series": "1"}, at=haven.clock())
        state = work_on_project(haven, "journey", ONE, progress=Silent())
        assert not state.postponed
        (stray,) = haven.jobs.jobs("journey", JobState.CANCELLED)
        assert (stray.object, stray.why) == ("no-such-series", "the series is not admitted any more")


def test_each_step_of_a_series_is_told_by_its_name_and_nothing_else(
    sealed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a step that a file took over writes there, the table holds a step's name."""
    told: list[str] = []

    def looked(desk: Desk, task: Task[Any, Any]) -> Drained:
        def noting(what: str) -> Any:  # noqa: ANN401 - stands in for a step
            real = vars(series)[what]

            def step(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
                (job,) = [one for one in desk.jobs.jobs("journey", JobState.RUNNING) if one.begun_at]
                told.append(task.stage(job))
                (folder,) = private.glob(f"scratch-*/{job.object}")
                (folder / "step").write_text("Jane Doe")
                assert task.stage(job) == ""
                return real(*args, **kwargs)

            return step

        for what in ("deidentify_scan", "convert_scan", "deface_scan"):
            monkeypatch.setattr(series, what, noting(what))
        return drain(desk, task)

    monkeypatch.setattr(series_jobs, "drain", looked)
    with sealed.open() as haven:
        private = haven.workspaces.private("journey")
        work_on_project(haven, "journey", ONE, progress=Silent())
    assert told == [*STEPS] * 3


def told(verb: str) -> list[str]:
    """Give the objects of the trail's events of a verb."""
    return [one.object for one in map(event_of, trail.entries()) if one.verb == verb]


def test_a_worker_leaves_alone_what_is_done_also_when_it_was_refused(
    sealed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither reads nor judges it again: that is left to ``process``, which tries anew what failed."""
    with sealed.open() as haven:
        private = haven.workspaces.private("journey")
        with monkeypatch.context() as disturbed:
            disturbed.setattr(series, "deface_scan", refusing)
            work_on_project(haven, "journey", ONE, progress=Silent())
        done = [path.name for path in (private / "finished").iterdir()]
        assert len(done) == 3
        before = len(told("process"))
        with monkeypatch.context() as disturbed:
            disturbed.setattr(series_jobs, "finished_before", refusing)  # reads and digests all files of a series
            state = work_on_project(haven, "journey", ONE, progress=Silent())
        assert (state.outcomes, state.postponed) == ((), ())
        assert len(told("process")) == before
        shutil.rmtree(private / "finished" / done[0])
        work_on_project(haven, "journey", ONE, progress=Silent())
        assert (private / "finished" / done[0] / "outcome.json").exists()
        assert len(told("process")) == before + 1
        process_project(haven, "journey", ONE, to=None, progress=Silent())
        assert len(told("process")) > before + 1


def refusing(*_given: Any, **_named: Any) -> Any:  # noqa: ANN401 - stands in for a step
    """Find the series unusable."""
    raise InvalidInput("damaged", fix="look")


def once(sealed: Place, *words: str) -> Result:
    """Run a worker once."""
    return CliRunner().invoke(
        worker.command, ["--once", "--workers", "1", "--quiet", "--haven", str(sealed.path), *words]
    )


def test_a_worker_says_what_was_done_and_ends_well(sealed: Place) -> None:
    """In words, and as one object; what is done already is told as well."""
    said = once(sealed)
    assert (said.exit_code, said.stdout) == (0, "journey: 3 done\n")
    answer = json.loads(once(sealed, "--json").stdout)
    stands: Any = {"project": "journey", "series": {"done": 3}, "stopped": [], "waits_for": [], "error": None}
    assert answer == {"schema": 1, "projects": [stands]}


def test_what_was_given_up_is_told_with_its_fix_and_a_person_must_look(sealed: Place) -> None:
    """All of it quarantined is not done."""
    with sealed.open() as haven:
        work_on_project(haven, "journey", ONE, progress=Silent())
        JobRow.objects.update(state="quarantined", why="killed its worker three times", fix="look at the log")
    said = once(sealed)
    assert said.exit_code == 6
    assert said.stderr.count("quarantined: killed its worker three times") == 3
    assert "fix: look at the log" in said.stderr
    answer = json.loads(once(sealed, "--json").stdout)
    assert [one["state"] for one in answer["projects"][0]["stopped"]] == ["quarantined"] * 3


def test_what_another_worker_has_in_hand_is_told(sealed: Place) -> None:
    """Partly done, with a word."""
    with sealed.open() as haven:
        work_on_project(haven, "journey", ONE, progress=Silent())
        JobRow.objects.update(state="running", worker=new_worker_name(), lease_until=utc_now() + timedelta(minutes=4))
    said = once(sealed)
    assert said.exit_code == 5
    assert "journey: 3 running" in said.stderr
    assert "not finished: another worker has it in hand" in said.stderr


def test_a_project_that_may_not_be_worked_on_is_told_with_its_fix(sealed: Place) -> None:
    """Nobody is told that it is all done."""
    with sealed.open() as haven:
        kept = haven.project("journey")
        ended = evolve(kept.project.approval, valid_from=date(2020, 1, 1), valid_until=date(2020, 2, 1))
        with haven.books.deed():
            haven.books.save_project(evolve(kept, project=evolve(kept.project, approval=ended)), at=haven.clock())
    said = once(sealed)
    assert said.exit_code == 3
    assert "approval" in said.stderr
    assert "fix:" in said.stderr


def test_an_endless_worker_has_no_answer(sealed: Place) -> None:
    """A usage mistake, at once."""
    said = CliRunner().invoke(worker.command, ["--json", "--haven", str(sealed.path)])
    assert isinstance(said.exception, UsageMistake)


def test_process_beside_a_worker_names_what_is_at_work(sealed: Place) -> None:
    """There is no --out to give."""
    with sealed.open() as haven:
        private = haven.workspaces.private("journey")
        with (
            opened_bench(private, release=private / "x", company=Company.BESIDE),
            pytest.raises(TryAgain, match="a worker, or another command, is at work") as raised,
        ):
            process_project(haven, "journey", ONE, to=None, progress=Silent())
    assert "--out" not in raised.value.fix


def test_a_worker_that_has_seen_that_nothing_waits_looks_again_when_something_has_changed(sealed: Place) -> None:
    """Scans, consents, the day, a job: each makes it look; nothing else does, and so the trail stays as it is."""
    with sealed.open() as haven:
        assert what_is_there(haven, "journey") != ""
        work_on_project(haven, "journey", ONE, progress=Silent())
        seen = [what_is_there(haven, "journey")]
        assert seen[0] == what_is_there(haven, "journey")
        more = sealed.scans(seed=1, slices=4)
        ingest_paths(haven, "journey", [more.folder], workers=1, progress=Silent())
        seen.append(what_is_there(haven, "journey"))
        person = haven.books.participants("journey")[0]
        consent = haven.books.consents("journey")[person.id]
        with haven.books.deed():
            haven.books.add_consents([evolve(consent, recorded_at=haven.clock() + timedelta(seconds=1))])
        seen.append(what_is_there(haven, "journey"))
        sealed.clock.now += timedelta(days=1)
        seen.append(what_is_there(haven, "journey"))
        haven.jobs.add("journey", "series", {"one": "1"}, at=haven.clock())
        assert what_is_there(haven, "journey") is None
    assert len(set(seen)) == 4


def test_a_worker_without_work_does_not_write_into_the_trail_every_time_it_looks(
    sealed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty looks; it begins once for the work, and once to see that nothing is left."""
    looks: list[int] = []

    def passing(seconds: int) -> None:
        looks.append(seconds)
        if len(looks) == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(worker, "time", SimpleNamespace(sleep=passing))
    CliRunner().invoke(worker.command, ["--workers", "1", "--quiet", "--haven", str(sealed.path)])
    assert len(looks) == 20
    with sealed.open() as haven:
        assert states(haven) == {JobState.DONE}
        assert 1 <= len(told("run")) <= 2
