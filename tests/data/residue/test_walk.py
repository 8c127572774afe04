"""What the walk over a data set finds, leaves alone, and can't read."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fivesafes.data.model import Residue, Severity
from fivesafes.data.residue.walk import residues_in

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = [
    "a.json",
    "a.tsv",
    "a.nii",
    "a.nii.gz",
    "a.png",
    "a.jpg",
    "a.svg",
    "a.pdf",
    "a.zip",
    "a.xlsx",
    "a.pkl",
    "a.txt",
    "a",
]
STARTS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"%PDF-",
    b"PK\x03\x04",
    b"\x80\x04",
    b"\x1f\x8b\x08\x00",
    b"\x93NUMPY\x01\x00",
]
LIGHT = {Severity.INFO, Severity.LOW}


def heavy(dataset: Path) -> list[Residue]:
    """Give the findings of medium severity or worse."""
    return [found for found in residues_in(dataset, now=NOW).findings if found.severity not in LIGHT]


def test_a_careful_data_set_has_no_finding_of_medium_or_worse(clean: Path) -> None:
    """Ordinary BIDS content, authors' names and look-alikes are not flagged."""
    found = residues_in(clean, now=NOW)
    assert [(f.path, f.locator, f.code) for f in heavy(clean)] == []
    assert found.unread == ()
    assert found.files > 30


def test_links_are_not_followed_out_and_their_targets_names_are_read(tmp_path: Path) -> None:
    """A link's text travels with the data set."""
    (tmp_path / "a.nii.gz").symlink_to("/data/SMITH_JANE/T1.nii.gz")
    (tmp_path / "b").symlink_to(tmp_path, target_is_directory=True)
    found = residues_in(tmp_path, now=NOW)
    assert [(one.kind, one.path) for one in found.findings] == [("name", "a.nii.gz")]
    assert {one.path for one in found.unread} == {"a.nii.gz", "b"}


def test_special_files_are_told_as_unread(tmp_path: Path) -> None:
    """A pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe.json")
    assert [one.path for one in residues_in(tmp_path, now=NOW).unread] == ["pipe.json"]


def test_a_reader_that_breaks_is_told_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a crafted file provokes, the other files are read and no value is shown."""

    def breaks(*_: object) -> Iterator[Residue]:
        message = "Jane Smith"
        raise RuntimeError(message)

    monkeypatch.setattr("fivesafes.data.residue.tables.find", breaks)
    (tmp_path / "a.tsv").write_text("x\n1\n")
    (tmp_path / "b.json").write_text('{"PatientName": "SMITH^JANE"}')
    found = residues_in(tmp_path, now=NOW)
    assert [(one.path, one.why) for one in found.unread] == [("a.tsv", "could not be examined (RuntimeError)")]
    assert [one.path for one in found.findings] == ["b.json"]


def test_of_a_version_history_only_its_texts_are_read(tmp_path: Path) -> None:
    """The history itself is one finding, for what was deleted is still in it."""
    for name, text in {"HEAD": "ref: x", "COMMIT_EDITMSG": "remove Jane Smith", "objects/ab/cd": "\x78\x01"}.items():
        path = tmp_path / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = residues_in(tmp_path, now=NOW)
    assert {(one.kind, one.path) for one in found.findings} == {
        ("unchecked_content", ".git"),
        ("name", ".git/COMMIT_EDITMSG"),
    }


@settings(max_examples=150)
@given(content=st.binary(max_size=600), name=st.sampled_from(NAMES), start=st.sampled_from(STARTS))
def test_no_bytes_under_any_name_break_the_check(content: bytes, name: str, start: bytes) -> None:
    """Broken files are findings or unread, never an error."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(start + content)
        found = residues_in(Path(folder), now=NOW)
        assert not [one for one in found.unread if "could not be examined" in one.why]


@pytest.mark.shared_data
def test_what_dcm2niix_writes_of_real_scans_is_found(shared_data: Path, tmp_path: Path) -> None:
    """Institution, device and times in sidecars, headers and names."""
    program = Path(sys.executable).with_name("dcm2niix")
    source = shared_data / "siemens-ge"
    subprocess.run([program, "-z", "y", "-o", tmp_path, source], check=True, capture_output=True)
    kinds = {(one.kind, one.locator) for one in heavy(tmp_path)}
    assert {
        ("institution", "InstitutionName"),
        ("device", "DeviceSerialNumber"),
        ("device", "StationName"),
        ("time_of_day", "AcquisitionTime"),
        ("time_of_day", "header.descrip"),
        ("date", "filename"),
    } <= kinds
