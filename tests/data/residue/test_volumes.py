"""What the headers of volumes of other programs disclose."""

import gzip
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from nibabel.externals.netcdf import netcdf_file

from fivesafes.data.model import Residue
from fivesafes.data.residue.walk import residues_in

nib: Any = nibabel
sitk: Any = SimpleITK
NETCDF: Any = netcdf_file
Look = Callable[..., list[Residue]]
VOXELS = np.random.default_rng(0).integers(0, 999, (20, 20, 20)).astype("<i2")


def tagged(command: bytes) -> bytes:
    """Make an MGH file with a command line behind its voxels, as FreeSurfer writes them."""
    tag = b"\0\0\0\3" + struct.pack(">q", len(command)) + command
    return bytes(nib.MGHImage(VOXELS, np.eye(4)).to_bytes()) + tag


def minc(path: Path, **patient: bytes) -> bytes:
    """Make the part of a MINC file that names a patient."""
    file = NETCDF(str(path), "w")
    file.createDimension("xspace", 3)
    file.history = b"Mon Mar  4 12:33:44 2019>>> dcm2mnc x.dcm\n"
    made = file.createVariable("patient", "i", ())
    for name, value in patient.items():
        setattr(made, name, value)
    file.close()
    return path.read_bytes()


NRRD = (
    b"NRRD0004\n# by Jane Miller\ntype: short\ndimension: 3\nsizes: 20 20 20\nencoding: raw\nPatientID:=MRN1234567\n\n"
)
META = b"NDims = 3\nPatientName = John Smith\nDimSize = 20 20 20\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
COMMAND = (
    b"mri_convert /data/x.dcm orig.mgz ProgramName: mri_convert ProgramVersion: x TimeStamp: 2019/03/04-12:33:44-GMT "
    b"User: John Smith Machine: mri-ws1 Platform: Linux\0"
)
COMMANDED = {
    ("date", "text:line 4"),
    ("name", "text:line 5"),
    ("device", "text:line 6"),
}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.nrrd", NRRD + VOXELS.tobytes(), {("name", "text:line 2"), ("direct_identifier", "text:line 7")}),
        ("x.nhdr", NRRD, {("name", "text:line 2"), ("direct_identifier", "text:line 7")}),
        ("x.mha", META + VOXELS.tobytes(), {("name", "text:line 2")}),
        ("x.mhd", META, {("name", "text:line 2")}),
        ("x.mgh", tagged(COMMAND), COMMANDED),
        ("x.mgz", gzip.compress(tagged(COMMAND), mtime=0), COMMANDED),
    ],
)
def test_texts_of_a_header_are_told_by_their_place(
    look: Look, name: str, content: bytes, told: set[tuple[str, str]]
) -> None:
    """Fields, keys, comments and command lines, each on its own; voxels are not taken for texts."""
    found = look(f"derivatives/{name}", content)
    assert {(one.kind, one.locator) for one in found} == told


def test_attributes_of_minc_are_told_by_their_names(look: Look, tmp_path: Path) -> None:
    """Who was scanned, and when."""
    content = minc(tmp_path / "x", full_name=b"SMITH^JOHN", birthdate=b"19710203")
    found = {one.locator: one.kind for one in look("derivatives/x.mnc", content)}
    assert found == {"patient.full_name": "name", "patient.birthdate": "date", "history": "date"}


@pytest.mark.parametrize("end", [".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mnc"])
def test_a_volume_that_tells_nothing_is_nothing_to_look_at(look: Look, tmp_path: Path, end: str) -> None:
    """As their own libraries write them."""
    path = tmp_path / f"x{end}"
    if end == ".mgz":
        path.write_bytes(gzip.compress(tagged(b"mri_convert in.mgz out.mgz\0"), mtime=0))
    elif end == ".mnc":
        NETCDF(str(path), "w").close()
    else:
        image = sitk.GetImageFromArray(VOXELS)
        image.SetOrigin([-90.25, 126.125, -72.5])
        sitk.WriteImage(image, str(path))
    assert look(f"derivatives/x{end}", path.read_bytes()) == []


def test_a_broken_header_is_told_as_unread(tmp_path: Path) -> None:
    """And costs nothing, whatever it counts."""
    (tmp_path / "a.mnc").write_bytes(b"CDF\x01\0\0\0\0" + b"\0\0\0\x0a\x7f\xff\xff\xff" * 3)
    (tmp_path / "b.mnc").write_bytes(b"CDF\x01\0\0\0\0")
    (tmp_path / "c.mgh").write_bytes(b"\0\0\0\1\0\0")
    found = residues_in(tmp_path, now=datetime(2026, 11, 23, tzinfo=UTC))
    assert [one.path for one in found.unread] == ["a.mnc", "b.mnc", "c.mgh"]
