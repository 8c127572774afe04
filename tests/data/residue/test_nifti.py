"""What NIfTI files disclose besides their voxels."""

import gzip
import io
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from fivesafes.data.model import Residue
from fivesafes.data.residue.walk import residues_in

Look = Callable[..., list[Residue]]
Make = Callable[..., bytes]
NOW = datetime(2026, 11, 23, tzinfo=UTC)
PATH = "sub-001/anat/sub-001_T1w.nii.gz"


def places(found: list[Residue]) -> list[tuple[str, str]]:
    """Give kind and locator of each finding."""
    return [(one.kind, one.locator) for one in found]


def extended(code: int, body: bytes) -> bytes:
    """Make a NIfTI file with one header extension."""
    image = nib.Nifti1Image(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4))  # type: ignore[no-untyped-call]  # nibabel's
    image.header.extensions.append(nib.nifti1.Nifti1Extension(code, body))
    return bytes(image.to_bytes())


@pytest.mark.parametrize(
    ("field", "text", "kind"),
    [
        ("descrip", "TE=2.3;Time=143312.000;phase=1", "time_of_day"),
        ("descrip", "scan 20210304", "date"),
        ("descrip", "QUILLFEATHER XANTHE", "free_text"),
        ("db_name", "SMITH^JANE", "name"),
        ("db_name", "1234567", "direct_identifier"),
        ("db_name", "Thistlewood", "free_text"),
        ("aux_file", "Jane Smith", "name"),
        ("intent_name", "MRN1234567", "direct_identifier"),
    ],
)
def test_texts_of_the_header_are_read(look: Look, make_nifti: Make, field: str, text: str, kind: str) -> None:
    """In compressed and plain files alike."""
    content = make_nifti(**{field: text})
    assert places(look("a.nii", content)) == [(kind, f"header.{field}")]
    assert (kind, f"header.{field}") in places(look(PATH, gzip.compress(content, mtime=0)))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("descrip", "TE=30;phase=1"),
        ("descrip", "6.0.4:ddd0a010"),
        ("descrip", "FreeSurfer Nov 23 2021"),
        ("descrip", "MRtrix version: 3.0.2"),
        ("descrip", "Parkinson sequence"),
        ("descrip", "May need re-scan"),
        ("aux_file", "Unaliased MB3/PE4/LB"),
        ("intent_name", "Correlation"),
    ],
)
def test_what_software_writes_is_left_alone(look: Look, make_nifti: Make, field: str, text: str) -> None:
    """Versions and physics are no residue."""
    assert look("a.nii", make_nifti(**{field: text})) == []


def test_a_text_behind_the_null_that_ends_another_is_read(look: Look, make_nifti: Make) -> None:
    """Readers stop at the first null byte; the rest of the field stays."""
    content = bytearray(make_nifti(descrip="TE=2.3"))
    content[168:178] = b"JANE SMITH"
    assert places(look("a.nii", bytes(content))) == [("name", "header.descrip")]


def test_nifti_2_and_big_endian_headers_are_read(look: Look) -> None:
    """Both layouts, both byte orders."""
    image = nib.Nifti2Image(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4))  # type: ignore[no-untyped-call]  # nibabel's
    image.header["descrip"] = "SMITH^JANE"
    assert places(look("a.nii", bytes(image.to_bytes()))) == [("name", "header.descrip")]
    header = nib.Nifti1Header(endianness=">")  # type: ignore[no-untyped-call]  # nibabel's
    header["descrip"] = "SMITH^JANE"
    swapped = nib.Nifti1Image(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4), header)  # type: ignore[no-untyped-call]  # nibabel's
    assert places(look("a.nii", bytes(swapped.to_bytes()))) == [("name", "header.descrip")]


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (6, b"Patient Jane Smith", "name"),
        (44, json.dumps({"global": {"const": {"PatientName": "SMITH^JANE"}}}).encode(), "name"),
        (4, b"<AFNI_attributes>[jsmith@lab3: Tue Mar  4 14:33:12 2021] 3dcopy</AFNI_attributes>", "date"),
        (18, bytes(range(128, 256)), "unchecked_content"),
    ],
)
def test_extensions_are_read_by_their_code(look: Look, code: int, body: bytes, kind: str) -> None:
    """Comments, dcmstack's JSON, AFNI's history; what can't be read is told."""
    assert (kind, "extension") in places(look("a.nii", extended(code, body)))


def test_dicom_in_an_extension_is_read(look: Look) -> None:
    """Code 2 holds a DICOM header."""
    dataset = pydicom.Dataset()
    dataset.PatientName, dataset.StudyDate = "SMITH^JANE", "20210304"
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, implicit_vr=False, little_endian=True)
    assert {("name", "extension"), ("date", "extension")} <= set(places(look("a.nii", extended(2, out.getvalue()))))


def test_the_gap_before_the_data_is_read(look: Look, make_nifti: Make) -> None:
    """Bytes that no extension announces."""
    content = bytearray(make_nifti())
    content[108:112] = struct.pack("<f", 400)
    hidden = bytes(content[:352]) + b"Jane Smith was here".ljust(48, b"\0") + bytes(content[352:])
    assert places(look("a.nii", hidden)) == [("name", "extension")]


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (b"PatientName: Jane Smith", "name"),
        (gzip.compress(b"PatientName: Jane Smith"), "name"),
        (bytes(range(128, 256)), "unchecked_content"),
        ("SMITH JANE".encode("utf-16-le"), "name"),
    ],
    ids=["text", "gzip", "bytes", "utf-16"],
)
def test_bytes_after_the_data_are_read(look: Look, make_nifti: Make, after: bytes, kind: str) -> None:
    """As text, compressed, or told as unchecked; zeros are padding."""
    assert places(look("a.nii", make_nifti() + after)) == [(kind, "trailing_bytes")]
    assert look("a.nii", make_nifti() + bytes(100)) == []


def test_bytes_behind_the_compressed_file_are_read(look: Look, make_nifti: Make) -> None:
    """Most readers never see them."""
    assert places(look(PATH, gzip.compress(make_nifti(), mtime=0) + b"Jane Smith")) == [("name", "trailing_bytes")]


@pytest.mark.parametrize("broken", [b"", b"xx", bytes(348), b"\x5c\x01\x00\x00" + bytes(344)])
def test_what_is_no_nifti_is_told_as_unread(tmp_path: Path, broken: bytes) -> None:
    """Never passed over."""
    (tmp_path / "a.nii").write_bytes(broken)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(broken)[:-9])
    unread = residues_in(tmp_path, now=NOW).unread
    assert {one.path for one in unread} >= {"b.nii.gz"}
    assert all(one.why for one in unread)


def test_a_file_shorter_than_its_header_says_is_told(tmp_path: Path, make_nifti: Make) -> None:
    """And so is one whose header announces nonsense."""
    (tmp_path / "a.nii").write_bytes(make_nifti()[:-10])
    odd = bytearray(make_nifti())
    odd[42:44] = struct.pack("<h", -5)
    (tmp_path / "b.nii").write_bytes(bytes(odd))
    assert [one.path for one in residues_in(tmp_path, now=NOW).unread] == ["a.nii", "b.nii"]
