"""What archives, Office files, DICOM files, models and unknown bytes disclose."""

import io
import pickle  # noqa: TID251 - only written, to see that it is not opened
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from fivesafes.data.model import Residue
from fivesafes.data.residue.walk import residues_in

Look = Callable[..., list[Residue]]
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def places(found: list[Residue]) -> list[tuple[str, str]]:
    """Give kind and locator of each finding."""
    return [(one.kind, one.locator) for one in found]


def zipped(
    members: Mapping[str, str | bytes], *, comment: bytes = b"", day: tuple[int, int, int] = (1980, 1, 1)
) -> bytes:
    """Make a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (*day, 0, 0, 0)), content)
        archive.comment = comment
    return out.getvalue()


def test_members_names_times_and_comments_of_a_zip_are_read(look: Look) -> None:
    """And archives inside archives."""
    assert places(look("a.zip", zipped({"notes.txt": "Subject: Jane Smith\n"}))) == [("name", "notes.txt!text:line 1")]
    assert places(look("a.zip", zipped({"SMITH_JANE.txt": "ok"}))) == [("name", "SMITH_JANE.txt!filename")]
    assert places(look("a.zip", zipped({"a.txt": "ok"}, day=(2021, 3, 4)))) == [("date", "file")]
    assert places(look("a.zip", zipped({"a.txt": "ok"}, comment=b"Jane Smith"))) == [("name", "comment")]
    inner = zipped({"notes.txt": "Subject: Jane Smith\n"})
    assert places(look("a.zip", zipped({"b.zip": inner}))) == [("name", "b.zip!notes.txt!text:line 1")]


def test_owner_and_time_of_a_tar_are_read(look: Look) -> None:
    """The user's name is a small thing, the day is not."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("SMITH_JANE/x.txt")
        member.size, member.mtime, member.uname = 3, 1614868392, "jsmith"
        archive.addfile(member, io.BytesIO(b"abc"))
    found = places(look("a.tar.gz", out.getvalue()))
    assert ("date", "file") in found
    assert ("name", "SMITH_JANE/x.txt!filename") in found


@pytest.mark.parametrize("content", [b"PK\x03\x04broken", zipped({"a.txt": "x"})[:-10], b"\x1f\x8b\x08broken"])
def test_a_broken_archive_is_told_as_unread(tmp_path: Path, content: bytes) -> None:
    """Never passed over."""
    (tmp_path / "a.zip").write_bytes(content)
    assert [one.path for one in residues_in(tmp_path, now=NOW).unread] == ["a.zip"]


def sheet(rows: list[list[str]]) -> bytes:
    """Make an Excel file with one sheet."""
    lines = [
        f'<row r="{i}">'
        + "".join(f'<c r="{chr(65 + k)}{i}" t="inlineStr"><is><t>{v}</t></is></c>' for k, v in enumerate(row))
        + "</row>"
        for i, row in enumerate(rows, start=1)
    ]
    body = f"<worksheet><sheetData>{''.join(lines)}</sheetData></worksheet>"
    core = "<cp:coreProperties><dc:creator>Jane Smith</dc:creator></cp:coreProperties>"
    return zipped({"xl/worksheets/sheet1.xml": body, "docProps/core.xml": core})


def test_an_excel_sheet_is_read_as_a_table(look: Look) -> None:
    """With the name of whoever made it."""
    found = places(look("x.xlsx", sheet([["id", "dob"], ["1", "1962-03-04"], ["2", "1970-01-05"]])))
    assert ("date", "column=dob") in found
    assert ("name", "text:creator") in found
    key = sheet([["id", "hosp"], ["sub-001", "1234567"], ["sub-002", "7654321"], ["sub-003", "4455667"]])
    assert ("linking_key", "file") in places(look("x.xlsx", key))


def dicom() -> bytes:
    """Make a DICOM file of one header."""
    dataset = pydicom.Dataset()
    dataset.PatientName, dataset.PatientID, dataset.StudyDate = "SMITH^JANE", "1234567", "20210304"
    dataset.SeriesDescription, dataset.StudyTime = "t1_mprage", "143312"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MRImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def test_a_dicom_file_is_read_by_keyword_and_told_once_per_folder(look: Look, tmp_path: Path) -> None:
    """A series has hundreds of the same."""
    first = look("sourcedata/a/1", dicom())
    assert {("name", "header.PatientName"), ("direct_identifier", "header.PatientID")} <= set(places(first))
    assert {("date", "header.StudyDate"), ("time_of_day", "header.StudyTime")} <= set(places(first))
    assert ("unchecked_content", "file") in places(first)
    for number in range(3):
        (tmp_path / f"{number}.dcm").write_bytes(dicom())
    told = [one for one in residues_in(tmp_path, now=NOW).findings if one.path == "1.dcm"]
    assert told == []


def test_a_pickle_is_named_and_never_opened(look: Look) -> None:
    """What its opcodes spell out is told."""

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return pytest.fail, ("the pickle was opened",)

    found = look("m.pkl", pickle.dumps({"support_vectors_": Trap(), "note": "MRN 1234567"}))
    assert set(places(found)) == {
        ("unchecked_content", "file"),
        ("training_rows", "support_vectors"),
        ("direct_identifier", "text:pickle"),
    }


def test_arrays_with_rows_of_training_data_are_named(look: Look) -> None:
    """Object arrays are pickles in disguise."""
    out = io.BytesIO()
    np.savez(out, X_train=np.zeros((3, 3)), coef=np.zeros(3))
    assert ("training_rows", "X_train") in places(look("m.npz", out.getvalue()))
    out = io.BytesIO()
    np.save(out, np.array([{}], dtype=object), allow_pickle=True)
    assert places(look("m.npy", out.getvalue())) == [("unchecked_content", "file")]
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    assert look("m.npy", out.getvalue()) == []


def test_unknown_bytes_are_unchecked_and_their_texts_are_read(look: Look) -> None:
    """A folder's settings hold the names of what once lay there."""
    assert places(look("a.acq", bytes(range(256)) * 4)) == [("unchecked_content", "file")]
    store = b"\0\0\0\1Bud1" + "Jane Smith".encode("utf-16-be") + bytes(20)
    assert ("name", "text:bytes") in places(look("x/.DS_Store", store))


def test_the_header_of_an_edf_recording_is_read(look: Look) -> None:
    """Patient, recording, day and time; a header without them is fine."""
    real = b"0       " + b"MCH-0234567 F 02-MAY-1951 Haagse_Harry".ljust(80) + b"Startdate 02-MAR-2002 X X".ljust(80)
    found = places(look("a.edf", (real + b"04.03.2114.33.12512     ").ljust(256)))
    assert {("date", "header.startdate"), ("time_of_day", "header.starttime")} <= set(found)
    assert any(locator == "header.patient_id" for _, locator in found)
    blank = b"0       " + b"X X X X".ljust(80) + b"Startdate X X X X".ljust(80) + b"01.01.8500.00.00512     "
    assert look("a.edf", blank.ljust(256)) == []


def test_surfaces_and_transforms_are_no_unknown_bytes(look: Look) -> None:
    """But who made them and when is read."""
    made = b"\xff\xff\xfecreated by jsmith on Tue Mar  4 14:33:12 2021\n\n" + bytes(400)
    assert places(look("fs/lh.white", made)) == [("date", "text:bytes")]
    assert look("fs/lh.pial", b"\xff\xff\xfecreated by nobody\n\n" + bytes(400)) == []
