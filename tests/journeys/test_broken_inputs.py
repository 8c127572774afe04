"""Broken inputs: each is answered clearly, with what to do next, and never with a value or a traceback."""

import os
import resource
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.journeys.studies import FORM, Study

from fivesafes.data.header.inspect import SetAside, inspect
from fivesafes.data.model import FileStatus


def empty_folder(study: Study) -> None:
    """Leave the folder of scans empty."""
    shutil.rmtree(study.scans)
    study.scans.mkdir()


def only_text(study: Study) -> None:
    """Leave a text file that calls itself DICOM."""
    empty_folder(study)
    (study.scans / "scan.dcm").write_text("not a scan\n" * 100)


def no_consents(study: Study) -> None:
    """Leave the consent table with its header alone."""
    (study.folder / "consent.csv").write_text("participant,data_use,face,valid,withdrawn\n")


def expired(study: Study) -> None:
    """Let the approval end last year."""
    study.form(FORM.replace("2099-12-31", "2026-02-01"))


def no_form(study: Study) -> None:
    """Take the form away."""
    (study.folder / "STUDY.toml").unlink()


def no_scans(study: Study) -> None:
    """Take the scans away."""
    shutil.rmtree(study.scans)


@pytest.mark.parametrize(
    ("breaks", "code", "says"),
    [
        (empty_folder, 4, "no DICOM"),
        (only_text, 4, "no DICOM"),
        (no_consents, 4, "consent.csv has no rows"),
        (expired, 3, "has ended"),
        (no_form, 4, "project new"),
        (no_scans, 4, "no such folder of scans"),
    ],
)
def test_a_study_that_can_t_be_run_says_why(
    study: Study, breaks: Callable[[Study], None], code: int, says: str
) -> None:
    """The exit code is the contract's, the message says what to do, and there is no release."""
    breaks(study)
    answer = study.run()
    assert answer.code == code, answer.stderr
    assert says in answer.stderr + str(answer.json), answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (study.out / "release").exists()


def truncated(folder: Path, good: Path) -> None:
    """Cut a scan in half."""
    (folder / "half.dcm").write_bytes(good.read_bytes()[: good.stat().st_size // 2])


def zero(folder: Path, _: Path) -> None:
    """Leave an empty file."""
    (folder / "empty.dcm").touch()


def text(folder: Path, _: Path) -> None:
    """Leave a text file."""
    (folder / "notes.dcm").write_text("hello")


def copied(folder: Path, good: Path) -> None:
    """Copy a scan."""
    shutil.copy(good, folder / "copy.dcm")


def zipped(folder: Path, good: Path) -> None:
    """Leave a zip of a scan."""
    with zipfile.ZipFile(folder / "scans.zip", "w") as archive:
        archive.write(good)


@pytest.mark.parametrize("adds", [truncated, zero, text, copied, zipped])
def test_a_broken_file_is_set_aside_with_its_reason_and_the_rest_goes_on(
    run_before: Study, adds: Callable[[Path, Path], None]
) -> None:
    """It is told and not used, and the release is there."""
    good = max((path for path in run_before.scans.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    adds(run_before.scans, good)
    answer = run_before.run("--reveal")
    assert answer.json["release"] == "release", answer.stderr
    assert "1 files set aside" in answer.stderr
    assert str(run_before.scans) in answer.stderr, "--reveal names the file on the terminal"


def test_a_file_that_may_not_be_read_is_told(run_before: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root reads everything, so the system's refusal is put in its place."""
    secret = run_before.scans / "secret.dcm"
    secret.write_bytes(b"x")
    opened = os.open

    def refuse(path: Path | str, flags: int) -> int:
        if Path(path).name == "secret.dcm":
            raise PermissionError(13, "Permission denied")
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    answer = inspect(secret)
    assert isinstance(answer, SetAside)
    assert answer.status is FileStatus.UNREADABLE
    assert "does not let this file be read" in answer.why


def test_a_full_disk_says_try_again_and_leaves_no_half_release(study: Study) -> None:
    """A limit on file size stands for the disk: exit 75, no release, and with room again the run finishes."""

    def short() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(study.command(), capture_output=True, text=True, check=False, preexec_fn=short)
    assert done.returncode == 75, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert not (study.out / "release").exists()
    answer = study.run()
    assert answer.json["release"] == "release", answer.stderr
