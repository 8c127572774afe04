"""A release foretold: it says what the real one does, for the same reasons, and writes nothing."""

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from tests.wiring.conftest import Place
from tests.wiring.releases.releasing import PROJECT, WAY, release, released_rows, withdrawn

from fivesafes.core.errors import Refused, UsageMistake
from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import write_study
from fivesafes.flow.foretell import Foretold, Would
from fivesafes.flow.haven.model import ProjectState
from fivesafes.interfaces.cli.release import command
from fivesafes.interfaces.forms.consent import HEADER, read_consent_table
from fivesafes.output.airlock import Review
from fivesafes.stores import trail
from fivesafes.wiring.foretell import foretell_release
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.projects import ingest_paths, record_stated
from fivesafes.wiring.reviewing import waiting_for


def foretold(haven: OpenHaven, to: Path) -> Foretold:
    """Ask."""
    return foretell_release(haven, PROJECT, WAY, to=to)


def codes(told: Foretold) -> set[str]:
    """Name what weighs against it."""
    return {one.code for verdict in told.verdicts.values() for one in verdict.findings if one.gravity.word != "note"}


def everything(haven: OpenHaven) -> dict[str, str]:
    """Digest every file of the haven and its keys; of the database, what the trail says."""
    files = [one for root in (haven.path, haven.keys) for one in root.rglob("*") if one.is_file()]
    digests = {
        str(one): hashlib.sha256(one.read_bytes()).hexdigest() for one in files if "state.sqlite3" not in one.name
    }
    return {**digests, "trail": str(trail.head())}


def test_what_passes_is_foretold_and_nothing_is_written(ready: Place, to: Path) -> None:
    """It says "release", and the real one then releases exactly those series."""
    with ready.open() as haven:
        before = everything(haven)
        told = foretold(haven, to)
        assert everything(haven) == before
        assert not to.parent.exists()
        assert told.would is Would.RELEASE, codes(told)
        done = release(haven, to)
        assert done.release is not None
        assert {one["id"] for one in told.series if one["status"] == "would-release"} == {
            one["id"] for one in done.contract["series"] if one["status"] == "released"
        }
        assert set(done.contract) <= {"project", "tier", "verdicts", "series", "release", "compare"}


def test_the_setting_is_judged_as_the_real_one_judges_it(ready: Place, to: Path) -> None:
    """A haven that is held to a tier and was never audited lets nothing out: foretold with the same words."""
    description = ready.path / "haven.toml"
    description.write_text(description.read_text().replace('tier = "none"', 'tier = "T1"'))
    with ready.open() as haven:
        told = foretold(haven, to)
        assert told.would is Would.REFUSE
        assert "setting.standing" in codes(told)
        with pytest.raises(Refused) as refusal:
            release(haven, to)
        assert refusal.value.what in {one.why for one in told.verdicts["setting"].findings}


def test_an_approval_that_has_ended_since_is_seen(ready: Place, to: Path) -> None:
    """What the day decides is judged on the day."""
    ready.clock.now += timedelta(days=100 * 365)
    with ready.open() as haven:
        told = foretold(haven, to)
        assert told.would is Would.REFUSE
        assert "project.approval.lapsed" in codes(told)


def test_a_withdrawal_since_the_processing_is_seen(ready: Place, to: Path) -> None:
    """The candidate is gone with who was in it: what the others' data will bring is not known yet."""
    with ready.open() as haven:
        withdrawn(haven)
        told = foretold(haven, to)
        assert told.would is Would.PROCESS
        assert "output.not_judged" in codes(told)
        assert {one["status"] for one in told.series} == {"would-process"}
        assert release(haven, to).release is not None


def test_a_candidate_that_was_changed_is_not_taken_for_the_one_that_was_judged(ready: Place, to: Path) -> None:
    """One byte more: it would be made anew."""
    with ready.open() as haven:
        readme = haven.workspaces.private(PROJECT) / "candidate" / "README"
        readme.write_text(readme.read_text() + "x")
        told = foretold(haven, to)
        assert told.would is Would.PROCESS
        shutil.rmtree(readme.parent)
        assert foretold(haven, to).would is Would.PROCESS


def test_a_form_that_was_changed_is_seen(ready: Place, to: Path) -> None:
    """Its words stand in the candidate, so reviews and digests would be others."""
    with ready.open() as haven:
        kept = haven.project(PROJECT)
        with haven.books.deed():
            haven.books.save_project(
                evolve(kept, project=evolve(kept.project, contact="else@where.example")), at=haven.clock()
            )
        assert foretold(haven, to).would is Would.PROCESS


def test_what_a_person_must_look_at_is_foretold_until_somebody_has(ready: Place, to: Path) -> None:
    """The reviews count as they stand when it is asked, of exactly this candidate."""
    with ready.open() as haven:
        record = written(haven)
        doubt = {"code": "data.doubt", "gravity": "review", "why": "w", "fix": "f", "source": "s", "about": ""}
        record["verdicts"]["data"]["findings"].append(doubt)
        rewrite(haven, record)
        told = foretold(haven, to)
        assert (told.would, codes(told)) == (Would.REVIEW, {"data.doubt"})
        for candidate, would in (("0" * 64, Would.REVIEW), (record["candidate"], Would.RELEASE)):
            kept = haven.project(PROJECT)
            looked = Review(by="Dr B", on=haven.clock().date(), candidate=candidate, accepts=frozenset({"data.doubt"}))
            with haven.books.deed():
                haven.books.save_project(evolve(kept, reviews=(*kept.reviews, looked)), at=haven.clock())
            assert foretold(haven, to).would is would


def test_what_the_last_processing_refused_is_foretold_as_refused(ready: Place, to: Path) -> None:
    """Its reason is still the reason, as long as nothing has changed."""
    with ready.open() as haven:
        record = written(haven)
        record["verdicts"]["data"]["findings"].append(
            {"code": "data.found", "gravity": "refuse", "why": "w", "fix": "f", "source": "s", "about": ""}
        )
        rewrite(haven, {**record, "candidate": None, "outcome": {"kind": "refused", "sentence": ""}})
        told = foretold(haven, to)
        assert (told.would, codes(told)) == (Would.REFUSE, {"data.found"})


def test_scans_that_came_since_are_told_as_work_that_waits(ready: Place, to: Path) -> None:
    """Nobody can say yet what they bring."""
    scans = write_study(ready.folder / "study3", seed=3, small=True)
    (more,) = (ready.folder / "study3").glob("*/03")
    with ready.open() as haven:
        agreed = f"{HEADER}{scans.participant_id},NRES,no,2026-01-01/..,\n"
        (ready.folder / "more.csv").write_text(agreed, encoding="utf-8")
        record_stated(haven, PROJECT, read_consent_table(ready.folder / "more.csv"), table="more.csv")
        ingest_paths(haven, PROJECT, [more], workers=1, progress=Silent())
        told = foretold(haven, to)
        assert told.would is Would.PROCESS
        assert sorted(one["status"] for one in told.series) == ["ready", "ready", "ready", "would-process"]


def test_what_stands_at_the_destination_is_seen(ready: Place, to: Path) -> None:
    """Something else is in the way; the same release is not."""
    with ready.open() as haven:
        to.mkdir(parents=True)
        with pytest.raises(UsageMistake, match="never replaced"):
            foretold(haven, to)
        to.rmdir()
        release(haven, to)
        assert foretold(haven, to).would is Would.RELEASE
        assert foretold(haven, to.with_name("other")).would is Would.RELEASE


def test_a_closed_project_and_a_destination_in_the_haven_are_refused(ready: Place, to: Path) -> None:
    """As the real one refuses them."""
    with ready.open() as haven:
        with pytest.raises(UsageMistake, match="lies in the haven"):
            foretold(haven, haven.path / "r")
        with haven.books.deed():
            haven.books.set_project_state(PROJECT, ProjectState.CLOSED, at=haven.clock())
        with pytest.raises(Refused, match="closed"):
            foretold(haven, to)


def test_earlier_releases_to_compare_with_are_named_to_who_checks_the_output(ready: Place, to: Path) -> None:
    """Before it leaves, when it has left, in report and JSON; outside no word tells that somebody is missing."""
    with ready.open() as haven:
        release(haven, to)
        (first,) = released_rows(haven)
        withdrawn(haven)
        second = to.with_name("second")
        done = release(haven, second)
        (compared,) = done.contract["compare"]
        assert (compared["release"], compared["people"], compared["withdrawn"]) == (first.id, 1, 1)
        report = json.loads((haven.workspaces.private(PROJECT) / "report.json").read_text())
        assert report["compare"] == done.contract["compare"]
        assert waiting_for(haven, PROJECT)["compare"] == done.contract["compare"]
        assert first.id in (haven.workspaces.private(PROJECT) / "report.html").read_text()
        assert [one.release.id for one in foretold(haven, to.with_name("third")).compare] == [first.id]
        outside = [one for one in second.rglob("*") if one.is_file() and first.id.encode() in one.read_bytes()]
        assert outside == []


def written(haven: OpenHaven) -> dict[str, Any]:
    """Read the record of the last processing."""
    record: dict[str, Any] = json.loads((haven.workspaces.private(PROJECT) / "report.json").read_text())
    return record


def rewrite(haven: OpenHaven, record: dict[str, Any]) -> None:
    """Write it anew."""
    (haven.workspaces.private(PROJECT) / "report.json").write_text(json.dumps(record))


def asked(ready: Place, to: Path, *words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(
        command, [PROJECT, "--to", str(to), "--haven", str(ready.path), "--workers", "1", "--dry-run", *words]
    )


def test_the_command_says_it_in_plain_words_and_in_json(ready: Place, to: Path) -> None:
    """Both say the same, and the exit code is the real one's."""
    words, told = asked(ready, to), asked(ready, to, "--json")
    assert (words.exit_code, told.exit_code) == (0, 0), words.output
    assert "It would be released" in words.stdout
    assert "Nothing was written." in words.stdout
    contract = json.loads(told.stdout)
    assert contract["schema"] == 1
    assert contract["would"] == "release"
    assert contract["release"] is None
    with ready.open() as haven:
        withdrawn(haven)
    again = asked(ready, to)
    assert again.exit_code == 6
    assert "Not known yet" in again.stdout
    assert not to.parent.exists()
