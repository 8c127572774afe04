"""``fivesafes deidentify`` as a person and a script call it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from fivesafes.core.errors import PolicyInvalid
from fivesafes.interfaces.cli.deidentify import command, exit_code


def _save(path: Path, *, kind: str = "1.2.840.10008.5.1.4.1.1.4", number: int = 1) -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = kind, f"1.2.826.1.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.826", "1.2.826.1", "MR"
    dataset.PatientID, dataset.PatientName = "MRN-1", "Qvist^Lisbeth"
    dataset.Rows = dataset.Columns = 2
    dataset.SamplesPerPixel, dataset.BitsAllocated = 1, 16
    dataset.PixelData = bytes(8)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Give a folder with two images of one series."""
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        _save(tmp_path / "in" / f"Qvist{number}", number=number)
    return tmp_path / "in"


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_json_lists_every_file_once(scans: Path, tmp_path: Path) -> None:
    """One object on standard output, as the contract has it."""
    (scans / "note.txt").write_text("Qvist")
    result = _call(scans, tmp_path / "out", "--json")
    assert result.exit_code == 5
    answer = json.loads(result.stdout)
    assert answer["schema"] == 1
    assert [file["path"] for file in answer["files"]] == ["Qvist1", "Qvist2", "note.txt"]
    assert [file["status"] for file in answer["files"]] == ["deidentified", "deidentified", "not-dicom"]
    assert all((tmp_path / "out" / file["output"]).exists() for file in answer["files"][:2])
    assert answer["files"][2]["reason"] == "data.file.not-dicom"
    assert answer["counts"] == {"deidentified": 2, "not-dicom": 1}
    assert answer["profile"] == "mri-research"
    assert len(answer["policy_digest"]) == 64


def test_a_person_reads_counts_and_reasons_and_no_name(scans: Path, tmp_path: Path) -> None:
    """The summary stands on standard error; paths may hold names and are left to --json."""
    _save(scans / "Qvist screen", kind="1.2.840.10008.5.1.4.1.1.7", number=3)
    result = _call(scans, tmp_path / "out")
    assert result.exit_code == 5
    assert result.stdout == ""
    assert "3 files: 2 deidentified, 1 refused" in result.stderr
    assert "names are often burned in [data.header.sop-class]" in result.stderr
    assert "Qvist" not in result.stderr


def test_a_dry_run_writes_neither_files_nor_a_key(scans: Path, tmp_path: Path) -> None:
    """It tells what would be done."""
    result = _call(scans, tmp_path / "out", "--dry-run", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["counts"] == {"deidentified": 2}
    assert [file["output"] for file in json.loads(result.stdout)["files"]] == [None, None]
    assert not (tmp_path / "out").exists()
    assert not list(Path(os.environ["FIVESAFES_KEYS"]).iterdir())


def test_the_same_key_gives_the_same_names_and_another_project_others(scans: Path, tmp_path: Path) -> None:
    """A key file can be given; projects never share a pseudonym."""
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    for out, project in (("a", "one"), ("b", "one"), ("c", "two")):
        assert _call(scans, tmp_path / out, "--key", key, "--project", project).exit_code == 0
    names = [{p.relative_to(tmp_path / out) for p in (tmp_path / out).rglob("*.dcm")} for out in "abc"]
    assert names[0] == names[1]
    assert not names[0] & names[2]


def test_a_profile_that_does_not_exist_is_told(scans: Path, tmp_path: Path) -> None:
    """The message says where profiles lie."""
    result = _call(scans, tmp_path / "out", "--profile", "ct-research")
    assert isinstance(result.exception, PolicyInvalid)


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({"deidentified": 3}, 0),
        ({"deidentified": 3, "duplicate": 2}, 0),
        ({"deidentified": 3, "refused": 1}, 5),
        ({"deidentified": 3, "unreadable": 1}, 5),
        ({"deidentified": 3, "not-dicom": 1}, 5),
        ({"deidentified": 3, "review": 2, "refused": 1}, 6),
        ({"refused": 3, "not-dicom": 1}, 3),
        ({"not-dicom": 2}, 4),
        ({"unreadable": 2}, 4),
        ({}, 4),
    ],
)
def test_exit_codes_tell_how_it_went(counts: dict[str, int], code: int) -> None:
    """0 all done, 3 all refused, 4 no DICOM, 5 partly, 6 a person must look."""
    assert exit_code(counts) == code


def test_the_program_leaves_with_that_code(scans: Path, tmp_path: Path) -> None:
    """The whole program, in a process of its own, with two workers."""
    (scans / "note.txt").write_text("Qvist")
    program = [sys.executable, "-c", "from fivesafes.interfaces.cli import main; main()", "deidentify"]
    done = subprocess.run(
        [*program, str(scans), str(tmp_path / "out"), "--workers", "2"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 5
    assert "2 deidentified" in done.stderr
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 2


def test_what_if_shows_each_attribute_and_writes_nothing(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file or several, without OUT; no key is made."""
    monkeypatch.setenv("FIVESAFES_KEYS", str(tmp_path / "keys"))
    before = sorted(tmp_path.rglob("*"))
    result = _call("--what-if", scans / "Qvist1", scans / "Qvist2", "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["counts"] == {"deidentified": 2}
    fates = {fate["attribute"]: fate for fate in answer["files"][0]["attributes"]}
    assert fates["PatientID"]["row"].startswith("mri-research.csv:")
    assert "MRN-1" not in result.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_what_if_is_a_table_for_a_person(scans: Path) -> None:
    """Its columns say attribute, action, row and reason; the file's name is not repeated."""
    result = _call("--what-if", scans / "Qvist1", "--profile", "basic+113105")
    assert result.exit_code == 0
    assert re.search(r"PatientID +LO +D +replaced", result.stdout)
    assert re.search(r"basic\.csv:\d+", result.stdout)
    assert "Qvist" not in result.stdout


def test_what_if_has_the_exit_codes_of_deidentify(scans: Path) -> None:
    """Refused objects, files that are no DICOM, words that are off."""
    _save(scans / "capture", kind="1.2.840.10008.5.1.4.1.1.7", number=3)
    (scans / "note.txt").write_text("Qvist")
    assert _call("--what-if", scans / "capture").exit_code == 3
    assert _call("--what-if", scans / "note.txt").exit_code == 4
    assert _call("--what-if", scans / "Qvist1", scans / "note.txt").exit_code == 5
    assert _call("--what-if").exit_code == 2
    assert _call("--what-if", scans / "nothing").exit_code == 2


def test_two_folders_are_asked_for(scans: Path, tmp_path: Path) -> None:
    """IN is there, OUT is no file."""
    assert _call(scans).exit_code == 2
    assert _call(tmp_path / "nothing", tmp_path / "out").exit_code == 2
    assert _call(scans, scans / "Qvist1").exit_code == 2
