"""A folder in, a folder out: every file told, nothing lost, nothing half-written, again and again the same."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.core.progress import Silent
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FileStatus
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.engines.executors.process import ProcessExecutor
from fivesafes.flow.deidentify_folder import deidentify_folder, preview_folder
from fivesafes.flow.folder_outcome import FolderOutcome, Options
from fivesafes.flow.output_folder import OutputFolder
from fivesafes.flow.ports import Executor

PSEUDONYMS = Pseudonyms(bytes(range(32)), "test")


def _image(number: int, *, series: int = 1, patient: str = "MRN-1", study: int = 1) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    dataset.SOPInstanceUID = f"1.2.826.{study}.{series}.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"1.2.826.{study}", f"1.2.826.{study}.{series}"
    dataset.Modality, dataset.PatientID, dataset.PatientName = "MR", patient, "Qvist^Lisbeth"
    dataset.Rows = dataset.Columns = 2
    dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.InstanceNumber = 1, 16, number
    dataset.PixelData = bytes([number] * 8)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _save(dataset: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Give a folder as sites have it: names in names, hidden files, deep folders, two people."""
    folder = tmp_path / "in"
    for number in range(1, 4):
        _save(_image(number), folder / "Qvist, Lisbeth" / f"IM{number}")
        _save(_image(number, series=2), folder / "Qvist, Lisbeth" / "b" / ".hidden" / f"{number}.dcm")
    _save(_image(1, patient="MRN-2", study=2), folder / "other.ima")
    return folder


def _run(source: Path, into: Path, executor: Executor | None = None) -> FolderOutcome:
    return deidentify_folder(
        source,
        into,
        profile=load_profile(),
        pseudonyms=PSEUDONYMS,
        executor=executor or InlineExecutor(),
        progress=Silent(),
    )


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_told_once_and_written_under_a_neutral_name(scans: Path, tmp_path: Path) -> None:
    """Two participants, three series, seven files; no name, date or UID of the input in any output name."""
    outcome = _run(scans, tmp_path / "out")
    told = [file.path for file in outcome.files]
    assert told == sorted(path.relative_to(scans).as_posix() for path in scans.rglob("*") if path.is_file())
    assert outcome.counts == {"deidentified": 7}
    written = _content(tmp_path / "out")
    assert set(written) == {file.output for file in outcome.files}
    assert len({name.split("/")[0] for name in written}) == 2
    assert len({name.rsplit("/", 1)[0] for name in written}) == 3
    for name, content in written.items():
        assert b"Qvist" not in content
        assert "Qvist" not in name
        assert "1.2.826" not in name


def test_a_second_run_touches_nothing(scans: Path, tmp_path: Path) -> None:
    """What is there and equal is left alone, to the time it was written."""
    _run(scans, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.dcm"):
        os.utime(path, (1, 1))
    assert _run(scans, tmp_path / "out").counts == {"deidentified": 7}
    assert {path.stat().st_mtime for path in (tmp_path / "out").rglob("*.dcm")} == {1.0}


def test_what_was_interrupted_is_finished_by_running_it_again(scans: Path, tmp_path: Path) -> None:
    """Missing, cut and left-over files are put right, and the result is that of one run."""
    _run(scans, tmp_path / "whole")
    _run(scans, tmp_path / "out")
    first, second, *_ = sorted((tmp_path / "out").rglob("*.dcm"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    (first.parent / f".{first.name}.4711.part").write_bytes(b"left by a killed run")
    _run(scans, tmp_path / "out")
    assert _content(tmp_path / "out") == _content(tmp_path / "whole")


def test_many_processes_make_what_one_makes(scans: Path, tmp_path: Path) -> None:
    """The result does not depend on who does the work."""
    one = _run(scans, tmp_path / "one")
    many = _run(scans, tmp_path / "many", ProcessExecutor(2))
    assert one == many
    assert _content(tmp_path / "one") == _content(tmp_path / "many")


def test_a_file_name_of_any_bytes_is_told(scans: Path, tmp_path: Path) -> None:
    """Old archives have names that are no UTF-8."""
    (scans / os.fsdecode(b"Qvist\xe9")).write_bytes((scans / "other.ima").read_bytes())
    outcome = _run(scans, tmp_path / "out")
    assert "Qvist\\xe9" in {file.path for file in outcome.files}


def test_copies_are_told_and_written_once(scans: Path, tmp_path: Path) -> None:
    """The same object twice, byte for byte or but for its file meta information, is one object."""
    image = _image(1)
    _save(image, scans / "z" / "copy")
    image.file_meta.SourceApplicationEntityTitle = "QVIST"
    _save(image, scans / "z" / "sent again")
    outcome = _run(scans, tmp_path / "out")
    assert outcome.counts == {"deidentified": 7, "duplicate": 2}
    assert [file.path for file in outcome.files if file.status is FileStatus.DUPLICATE] == ["z/copy", "z/sent again"]


def test_different_objects_under_one_uid_wait_for_a_person(scans: Path, tmp_path: Path) -> None:
    """Nobody but a person can say which of the two is the right one; neither is dropped, neither is written."""
    image = deepcopy(_image(1))
    image.EchoTime = "3"
    _save(image, scans / "a changed copy")
    outcome = _run(scans, tmp_path / "out")
    assert outcome.counts == {"deidentified": 6, "review": 2}
    assert {file.code for file in outcome.files if file.status is FileStatus.REVIEW} == {"data.file.same-uid"}


def test_a_damaged_copy_does_not_shadow_the_good_one(scans: Path, tmp_path: Path) -> None:
    """A cut copy that comes first is set aside, and the whole one is taken."""
    whole = (scans / "Qvist, Lisbeth" / "IM1").read_bytes()
    (scans / "0 damaged").write_bytes(whole[:-3])
    outcome = _run(scans, tmp_path / "out")
    assert outcome.counts == {"deidentified": 7, "unreadable": 1}


def test_other_files_links_and_refused_kinds_are_told(scans: Path, tmp_path: Path) -> None:
    """Notes, links and screen saves are listed with their reason; links are not followed."""
    (scans / "note.txt").write_text("Qvist")
    (scans / "link").symlink_to(scans / "other.ima")
    (tmp_path / "elsewhere").mkdir()
    _save(_image(9), tmp_path / "elsewhere" / "IM9")
    (scans / "linked folder").symlink_to(tmp_path / "elsewhere")
    screen = _image(5)
    screen.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    _save(screen, scans / "screen")
    outcome = _run(scans, tmp_path / "out")
    assert outcome.counts == {"deidentified": 7, "not-dicom": 2, "refused": 1}
    assert outcome.links == 1
    told = {file.path: file.code for file in outcome.files}
    assert told["note.txt"] == "data.file.not-dicom"
    assert told["link"] == "data.file.link"
    assert told["screen"] == "data.header.sop-class"


@pytest.mark.parametrize("place", ["in", "in/out", ".", "in/../in/out"])
def test_one_folder_in_the_other_is_refused(scans: Path, tmp_path: Path, place: str) -> None:
    """Neither inside nor around, however it is spelled."""
    with pytest.raises(UsageMistake, match="outside the input folder"):
        _run(scans, tmp_path / place)


def test_a_link_into_the_input_is_refused(scans: Path, tmp_path: Path) -> None:
    """A link leads where it leads."""
    (tmp_path / "out").symlink_to(scans)
    with pytest.raises(UsageMistake):
        _run(scans, tmp_path / "out")


def test_a_full_disk_leaves_nothing_half_written(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what the system said and no path; what was written before is whole."""
    written: list[Path] = []
    write = OutputFolder.write

    def fill_up(path: Path, pieces: tuple[bytes, ...]) -> None:
        if len(written) >= 2:
            monkeypatch.setattr(Path, "replace", _no_space)
        write(path, pieces)
        written.append(path)

    monkeypatch.setattr(OutputFolder, "write", staticmethod(fill_up))
    with pytest.raises(TryAgain, match="No space left") as full:
        _run(scans, tmp_path / "out")
    assert str(tmp_path) not in str(full.value)
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(left) == sorted(written)


def _no_space(_path: Path, _target: Path) -> Path:
    raise OSError(28, "No space left on device")


def test_a_folder_that_can_not_be_made_is_told(scans: Path, tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "out").write_text("")
    with pytest.raises(TryAgain, match="can't be used"):
        _run(scans, tmp_path / "out")


def test_two_runs_do_not_write_into_one_folder(scans: Path, tmp_path: Path) -> None:
    """The second is told to wait."""
    with OutputFolder.locked(tmp_path / "out"), pytest.raises(TryAgain, match="another run"):
        _run(scans, tmp_path / "out")


def test_a_folder_that_may_not_be_read_is_told(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds is unknown, and that is said."""
    walk = os.walk

    def closed(folder: Path, onerror: object = None) -> Iterator[tuple[str, list[str], list[str]]]:
        assert callable(onerror)
        onerror(PermissionError(13, "Permission denied", str(scans / "closed")))
        yield from walk(folder)

    monkeypatch.setattr(os, "walk", closed)
    outcome = _run(scans, tmp_path / "out")
    assert {file.path: file.code for file in outcome.files}["closed"] == "data.folder.permission"


def test_a_preview_writes_nothing(scans: Path, tmp_path: Path) -> None:
    """It tells what a run would."""
    outcome = preview_folder(
        scans, profile=load_profile(), pseudonyms=PSEUDONYMS, executor=InlineExecutor(), progress=Silent()
    )
    assert outcome == _run(scans, tmp_path / "out")


def test_the_log_tells_keywords_and_counts(scans: Path, tmp_path: Path) -> None:
    """One file per series, with what was done to each header and no value of it."""
    deidentify_folder(
        scans,
        tmp_path / "out",
        profile=load_profile(),
        pseudonyms=PSEUDONYMS,
        executor=InlineExecutor(),
        progress=Silent(),
        options=Options(log=tmp_path / "log"),
    )
    logs = _content(tmp_path / "log")
    assert len(logs) == 3
    assert all(b"Qvist" not in text for text in logs.values())
    for text in logs.values():
        account = json.loads(text)
        assert account["profile"] == "mri-research"
        for header in account["headers"]:
            lines = {line["attribute"]: line for line in header["attributes"]}
            assert all((tmp_path / "out" / name).exists() for name in header["files"])
            assert lines["PatientName"]["replaced"] == 1
            assert lines["PatientName"]["row"].startswith("mri-research.csv:")
            assert lines["PatientName"]["why"]


def test_the_same_input_gives_the_same_output_on_any_machine(scans: Path, tmp_path: Path) -> None:
    """Whatever the seed of hashes, time zone, language, names and order of files."""
    (tmp_path / "key").write_bytes(bytes(range(32)))
    (tmp_path / "key").chmod(0o600)
    turned = tmp_path / "turned"
    turned.mkdir()
    for number, path in enumerate(sorted((path for path in scans.rglob("*") if path.is_file()), reverse=True)):
        (turned / f"{number:03}").write_bytes(path.read_bytes())
    machines = [
        (scans, {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"}),
        (turned, {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8"}),
        (turned, {"PYTHONHASHSEED": "7", "TZ": "America/Adak", "LC_ALL": "de_DE.UTF-8", "PYTHONUTF8": "0"}),
    ]
    for profile in ("mri-research", "basic+113107+113108"):
        results = []
        for number, (source, settings) in enumerate(machines):
            out = tmp_path / f"{profile}{number}"
            words = ["deidentify", str(source), str(out), "--key", str(tmp_path / "key"), "--profile", profile]
            done = subprocess.run(
                [sys.executable, "-m", "fivesafes", *words],
                check=False,
                capture_output=True,
                env={**os.environ, **settings},
            )
            assert done.returncode in {0, 5, 6}, done.stderr
            results.append(_content(out))
        assert results[0]
        assert results[0] == results[1] == results[2]
