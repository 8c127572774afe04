"""What an output folder holds: no work is lost, nothing foreign is touched, and nothing is believed unseen."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing

from tests.journeys.studies import FORM, Study
from tests.journeys.test_run import digests


def test_a_release_that_was_tampered_with_is_made_anew(run_before: Study) -> None:
    """Even one whose manifest and record were made to fit: the candidate just made is what counts."""
    release = run_before.out / "release"
    whole = digests(release)
    (image,) = release.glob("sub-*/anat/*_T1w.nii.gz")
    before = image.read_bytes()
    image.write_bytes(b"forged")
    manifest = release / "derivatives/fivesafes/manifest-sha256.txt"
    text = manifest.read_text()
    manifest.write_text(text.replace(_sha(before), _sha(b"forged")))
    record = release / "derivatives/fivesafes/record.json"
    told = json.loads(record.read_text())
    told["manifest_sha256"] = _sha(manifest.read_bytes())
    record.write_text(json.dumps(told))
    assert run_before.run().json["release"] == "release"
    assert digests(release) == whole


def test_finished_work_that_was_altered_is_done_again(run_before: Study) -> None:
    """A torn or changed file of an earlier run is not released as verified."""
    whole = digests(run_before.out / "release")
    (image,) = (run_before.out / "private" / "finished").glob("*/*_T1w.nii.gz")
    image.write_bytes(image.read_bytes()[:1000])
    (mask,) = (run_before.out / "private" / "finished").glob("*/*bold.json")
    mask.unlink()
    assert run_before.run().json["release"] == "release"
    assert digests(run_before.out / "release") == whole


def test_another_key_or_project_is_refused_before_anything_is_touched(run_before: Study) -> None:
    """Pseudonyms must not change by mistake."""
    whole = digests(run_before.out / "release")
    other = run_before.folder / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(bytes(32))
    answer = run_before.run("--key", str(other))
    assert answer.code == 2, answer.stderr
    assert "another key" in answer.stderr
    run_before.form(FORM.replace('id = "journey"', 'id = "another"'))
    answer = run_before.run()
    assert answer.code == 2, answer.stderr
    assert digests(run_before.out / "release") == whole


def test_a_folder_called_release_that_is_not_ours_is_left_alone(study: Study) -> None:
    """Somebody's thesis is not a release."""
    (study.out / "release").mkdir(parents=True)
    (study.out / "release" / "thesis.txt").write_text("precious")
    answer = study.run()
    assert answer.code == 2
    assert (study.out / "release" / "thesis.txt").read_text() == "precious"


def test_scans_that_are_not_there_today_cost_nothing(run_before: Study) -> None:
    """A share that is not mounted is no withdrawal: release and finished work stay."""
    whole = digests(run_before.out)
    shutil.rmtree(run_before.scans)
    run_before.scans.mkdir()
    assert run_before.run().code == 4
    after = digests(run_before.out)
    kept = {name for name in whole if name.startswith(("release/", "private/finished/"))}
    assert {name: after.get(name) for name in kept} == {name: whole[name] for name in kept}


def test_the_report_that_leaves_does_not_know_who_withdrew(two_people: Study) -> None:
    """Neither pseudonym nor series of somebody who is not there."""
    first, second = (planted.participant_id for planted in two_people.planted)
    two_people.consent(f"{first},NRES,no,2026-01-01/..,", f"{second},NRES,no,2026-01-01/..,2026-02-01")
    answer = two_people.run()
    gone = [series["id"] for series in answer.json["series"] if series["status"] == "refused"]
    assert gone
    evidence = two_people.out / "release" / "derivatives" / "fivesafes"
    leaving = "".join((evidence / name).read_text() for name in ("report.html", "report.json", "record.json"))
    assert not [series for series in gone if series in leaving]


def test_a_trail_that_was_altered_stops_the_next_run(run_before: Study) -> None:
    """What cannot be believed is said before more is written to it; the release stays."""
    with closing(sqlite3.connect(run_before.out / "private" / "state.sqlite3", isolation_level=None)) as state:
        for (name,) in state.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            state.execute(f"DROP TRIGGER {name}")  # who owns the file can do that; the chain is what tells
        state.execute("UPDATE haven_trailentry SET line = replace(line, 'ready', 'READY') WHERE n = 2")
    answer = run_before.run()
    assert answer.code == 4
    assert "the trail" in answer.stderr
    assert (run_before.out / "release").exists()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
