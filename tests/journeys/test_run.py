"""The whole journey, as a user runs it: what leaves, what stays, and what nothing may ever show."""

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.journeys.studies import FORM, Answer, Study

from fivesafes.engines.signers.ed25519 import verifies
from fivesafes.flow.sign_off import EVIDENCE, RECORD, signed_bytes
from fivesafes.output.manifest import judge_manifest


def snapshot(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def digests(folder: Path) -> dict[str, str]:
    """Digest every file below a folder, so that a difference names its file."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in snapshot(folder).items()}


def assert_same_release(one: Path, other: Path) -> None:
    """Compare two releases byte for byte; made on two days, their own record and report differ by the day."""
    made = {json.loads((folder / RECORD).read_text())["released_on"] for folder in (one, other)}
    own = str(EVIDENCE) if len(made) > 1 else "nothing"
    found, wanted = (
        {name: digest for name, digest in digests(folder).items() if not name.startswith(own)}
        for folder in (one, other)
    )
    assert found == wanted


Finished = tuple[Study, Answer]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def test_scans_become_a_release_with_the_evidence_of_all_five_safes(finished: Finished) -> None:
    """Exit 0, a whole BIDS data set, five verdicts."""
    study, answer = finished
    assert answer.code == 0, answer.stderr
    assert answer.json["release"] == "release"
    assert answer.json["tier"] == "T0"
    assert set(answer.json["verdicts"]) == {"project", "people", "setting", "data", "output"}
    release = study.out / "release"
    names = {name.split("_", 1)[-1] for series in answer.json["series"] for name in series["outputs"]}
    assert {"acq-mprage_T1w.nii.gz", "task-rest_bold.nii.gz", "dir-AP_dwi.nii.gz", "dir-AP_dwi.bval"} <= names
    for series in answer.json["series"]:
        for name in series["outputs"]:
            assert (release / name).is_file()
    text = (release / "README").read_text()
    assert "Do not try to find out who a participant is" in text


@pytest.mark.parametrize("suffix", ["T1w", "bold", "dwi"])
def test_sidecars_are_as_written(finished: Finished, suffix: str) -> None:
    """What stays of a scan's metadata is kept in golden files: a change shows in words before it reaches a scan."""
    study, _ = finished
    (sidecar,) = (study.out / "release").glob(f"sub-*/*/*_{suffix}.json")
    golden = GOLDEN / f"sidecar-{suffix}.json"
    if not golden.exists():
        golden.write_bytes(sidecar.read_bytes())
        pytest.fail(f"wrote {golden.name}: read it, then keep it")
    assert json.loads(sidecar.read_text()) == json.loads(golden.read_text())


HEEDING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
"""Starts a program that heeds Ctrl-C, also where the tests run in a shell's background, which ignores it."""


def test_ctrl_c_stops_at_once_and_says_how_to_go_on(study: Study) -> None:
    """Exit 130, no release, no scratch, no traceback."""
    run = subprocess.Popen(
        [sys.executable, "-c", HEEDING, *study.command("--workers", "2")],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list((study.out / "private").glob("scratch*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    asked = time.monotonic()
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert time.monotonic() - asked < 20
    assert "run the same command again" in said
    assert "Traceback" not in said
    assert not (study.out / "release").exists()
    assert not list((study.out / "private").glob("scratch*"))


def test_the_manifest_and_the_signed_record_verify(finished: Finished) -> None:
    """A stranger can tell that nothing was altered, and by whom it was let out."""
    study, _ = finished
    evidence = study.out / "release" / "derivatives" / "fivesafes"
    manifest = (evidence / "manifest-sha256.txt").read_text()
    left_out = [f"derivatives/fivesafes/{name}" for name in ("record.json", "manifest-sha256.txt")]
    assert not judge_manifest(study.out / "release", manifest, leaving_out=left_out).findings
    done = subprocess.run(
        ["sha256sum", "--quiet", "--check", "derivatives/fivesafes/manifest-sha256.txt"],
        cwd=study.out / "release",
        check=False,
    )
    assert done.returncode == 0
    record = json.loads((evidence / "record.json").read_text())
    assert verifies(signed_bytes(record), signature=record["signature"], public_key=record["public_key"])
    record["tier_measured"] = "T3"
    assert not verifies(signed_bytes(record), signature=record["signature"], public_key=record["public_key"])


def test_the_face_is_gone_and_every_other_voxel_is_as_converted(finished: Finished, tmp_path: Path) -> None:
    """The mask is a derivative; outside it the image is what a converter makes of the original."""
    study, _ = finished
    release = study.out / "release"
    (image,) = release.glob("sub-*/anat/*_T1w.nii.gz")
    (mask,) = release.glob("derivatives/fivesafes/sub-*/anat/*_mask.nii.gz")
    raw = tmp_path
    program = str(Path(sys.executable).with_name("dcm2niix"))
    convert = [program, "-z", "n", "-b", "n", "-f", "%s", "-o", str(raw), str(study.scans)]
    subprocess.run(convert, check=True, capture_output=True)
    removed = np.asanyarray(nib.Nifti1Image.from_filename(mask).dataobj) > 0
    after = np.asanyarray(nib.Nifti1Image.from_filename(image).dataobj)
    before = next(
        data
        for path in raw.glob("*.nii")
        if (data := np.asanyarray(nib.Nifti1Image.from_filename(path).dataobj)).shape == after.shape
    )
    assert removed.any()
    np.testing.assert_array_equal(after[~removed], before[~removed])
    assert not after[removed].any()


def test_nothing_identifying_is_written_anywhere(finished: Finished) -> None:
    """Each planted value is searched in every byte of the output and of what the command said."""
    study, answer = finished
    written = snapshot(study.out)
    written["stdout"] = json.dumps(answer.json).encode()
    written["stderr"] = answer.stderr.encode()
    written["names"] = "\n".join(written).encode()
    found = {
        (value.place, name)
        for value in study.planted[0].values
        if len(value.text) >= 6
        for encoding in ("utf-8", "latin-1", "utf-16-le")
        if (needle := value.text.encode(encoding, "ignore"))
        for name, content in written.items()
        if needle in content
    }
    assert not found


def test_private_parts_are_private_and_the_leaving_report_has_no_face(finished: Finished) -> None:
    """Others can't read the private folder; the page that leaves has no picture from before."""
    study, _ = finished
    assert (study.out / "private").stat().st_mode & 0o777 == 0o700
    assert not list((study.out / "private").glob("scratch*"))
    inside = (study.out / "private" / "report.html").read_text()
    leaving = (study.out / "release" / "derivatives" / "fivesafes" / "report.html").read_text()
    assert 'class="before"' in inside
    assert 'class="before"' not in leaving
    assert leaving.count("<img") >= 1
    for page in (inside, leaving):
        assert "<script" not in page
        assert not re.search(r'(src|href)="(?!data:)', page)


def test_run_twice_does_no_harm(run_before: Study) -> None:
    """The second run finds everything done, and changes no byte of the release."""
    before = digests(run_before.out / "release")
    answer = run_before.run()
    assert answer.json["release"] == "release"
    assert digests(run_before.out / "release") == before


def test_a_participant_without_consent_stays_out_and_the_rest_goes_on(two_people: Study) -> None:
    """Exit 5; the other's series say why; withdrawn is the same as absent."""
    first, second = (planted.participant_id for planted in two_people.planted)
    two_people.consent(f"{first},NRES,no,2026-01-01/..,", f"{second},NRES,no,2026-01-01/..,2026-02-01")
    answer = two_people.run()
    assert answer.code == 5, answer.stderr
    reasons = {series["why"] for series in answer.json["series"] if series["status"] == "refused"}
    assert "no consent of this participant is on the table" in reasons
    assert len(list((two_people.out / "release").glob("sub-*"))) == 1


def test_a_withdrawal_takes_a_release_out_of_sight(run_before: Study) -> None:
    """What was released yesterday is no release today, and nothing of the participant is kept for going on."""
    run_before.consent(f"{run_before.planted[0].participant_id},NRES,no,2026-01-01/..,2026-02-01")
    answer = run_before.run()
    assert answer.code == 3
    assert answer.json["release"] is None
    assert not (run_before.out / "release").exists()
    assert not list((run_before.out / "private" / "finished").iterdir())


@pytest.mark.parametrize("seconds", [1.5, 3.0, 4.5])
def test_killed_and_run_again_the_result_is_the_same(finished: Finished, study: Study, seconds: float) -> None:
    """After kill -9 nothing half-written stands as a release, the scratch is gone, and the next run finishes."""
    nowhere = subprocess.DEVNULL
    run = subprocess.Popen(study.command("--workers", "2"), stdout=nowhere, stderr=nowhere, start_new_session=True)
    time.sleep(seconds)
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 10
    while list((study.out / "private").glob("scratch*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list((study.out / "private").glob("scratch*"))
    answer = study.run()
    assert answer.json["release"] == "release", answer.stderr
    assert_same_release(study.out / "release", finished[0].out / "release")


def test_an_iso27001_place_needs_two_people_who_looked_at_this_candidate(study: Study) -> None:
    """Exit 6 names the candidate; with two reviews of it the release appears; the investigator does not count."""
    people = """
[[recipient]]
name = "Dr R"
institution = "University"
account = "r@university.example"
mfa = true
agreement_signed = 2026-11-01
training_on = 2026-11-01
"""
    words = "".join(
        f'\n[[attestation]]\ncontrol = "{name}"\nby = "Admin"\non = 2026-01-01\n'
        'valid_until = 2099-01-01\nevidence = "x"\n'
        for name in ("encrypted_disk", "iso27001")
    )
    text = FORM.replace('"public"', '"iso27001"') + people + words
    study.form(text)
    answer = study.run()
    assert answer.code == 6, answer.stderr
    assert list((study.out / "private" / "candidate").glob("sub-*/anat/*_T1w.nii.gz")), "reviewers look at what leaves"
    told = json.loads((study.out / "private" / "report.json").read_text())
    looks = "".join(
        f'\n[[review]]\nby = "{name}"\non = 2026-11-01\ncandidate = "{told["candidate"]}"\n' for name in ("A", "B")
    )
    study.form(text + looks)
    answer = study.run()
    assert answer.json["release"] == "release", answer.stderr
