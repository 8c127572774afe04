"""Volumes of other programs: read as their own libraries do, within what headers announce, no further."""

import gzip
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.externals.netcdf import netcdf_file
from numpy.typing import NDArray
from tests.data.face.conftest import Head

from fivesafes.core.errors import InvalidInput
from fivesafes.core.progress import Silent
from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.formats.content import LARGEST
from fivesafes.data.face.formats.read import read_volume
from fivesafes.data.face.stored import read_stored
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.model import FaceMode, Residue, Severity
from fivesafes.flow.check_faces import faces_in
from fivesafes.flow.limits import limited

nib: Any = nibabel
sitk: Any = SimpleITK
AFFINE = np.array([[0.0, -2.0, 0.1, 5.0], [1.5, 0.0, 0.0, -7.0], [0.0, 0.2, 3.0, 11.0], [0.0, 0.0, 0.0, 1.0]])
Writer = Callable[[Path, NDArray[Any], NDArray[Any]], None]


def write_mgh(path: Path, data: NDArray[Any], affine: NDArray[Any]) -> None:
    """Write as FreeSurfer keeps volumes, with a command line behind the voxels."""
    image = nib.MGHImage(data.astype(data.dtype.newbyteorder("=")), affine)
    content = image.to_bytes() + b"\0\0\0\3\0\0\0\0\0\0\0\x0amri_convert"
    path.write_bytes(content if path.suffix == ".mgh" else gzip.compress(content))


def write_minc(path: Path, data: NDArray[Any], affine: NDArray[Any]) -> None:
    """Write MINC of the first kind: netCDF with each slice scaled on its own."""
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    cosines = affine[:3, :3] / steps
    starts = np.linalg.solve(cosines, affine[:3, 3])
    opened: Any = netcdf_file
    file = opened(str(path), "w")
    for axis, name in reversed(list(enumerate(("xspace", "yspace", "zspace")))):
        file.createDimension(name, data.shape[axis])
        made = file.createVariable(name, "i", ())
        made.spacing, made.step, made.start = b"regular__", float(steps[axis]), float(starts[axis])
        made.direction_cosines = cosines[:, axis]
    image = file.createVariable("image", "h", ("zspace", "yspace", "xspace"))
    image.signtype, image.valid_range = b"signed__", np.array([0.0, 32000.0])
    low, high = (getattr(data, end)(axis=(0, 1)).astype(float) for end in ("min", "max"))
    for name, ends in (("image-min", low), ("image-max", high)):
        file.createVariable(name, "d", ("zspace",))[:] = ends
    span = np.where(high > low, high - low, 1.0)
    image[:] = np.rint((data - low) / span * 32000).T.astype(np.int16)
    file.close()


def write_itk(path: Path, data: NDArray[Any], affine: NDArray[Any], *, packed: bool = False) -> None:
    """Let SimpleITK write NRRD and MetaImage."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T.astype(data.dtype.newbyteorder("="))))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    steps = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(steps.tolist())
    image.SetDirection((lps[:3, :3] / steps).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(path), packed)


def write_packed(path: Path, data: NDArray[Any], affine: NDArray[Any]) -> None:
    """Let SimpleITK write them compressed."""
    write_itk(path, data, affine, packed=True)


WRITERS: Mapping[str, Writer] = {
    "x.mgh": write_mgh,
    "x.mgz": write_mgh,
    "x.mnc": write_minc,
    "x.nrrd": write_itk,
    "packed.nrrd": write_packed,
    "x.nhdr": write_itk,
    "packed.nhdr": write_packed,
    "x.mha": write_itk,
    "packed.mha": write_packed,
    "x.mhd": write_itk,
    "packed.mhd": write_packed,
}


def orthogonal(affine: NDArray[Any]) -> NDArray[Any]:
    """Make axes stand square on one another, as SimpleITK and MGH want them."""
    left, _, right = np.linalg.svd(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    made = affine.copy()
    made[:3, :3] = left @ right * np.linalg.norm(affine[:3, :3], axis=0)
    return made


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(kind=st.sampled_from(["u1", "i2", "i4", "f4"]), turned=st.integers(0, 99))
def test_a_volume_is_read_with_its_numbers_where_they_lie(tmp_path: Path, name: str, kind: str, turned: int) -> None:
    """Whatever the kind of number and the way its axes run."""
    rng = np.random.default_rng(turned)
    data = rng.integers(0, 120, (5, 6, 7)).astype(kind)
    affine = AFFINE.copy()
    affine[:3, :3] = rng.permuted(AFFINE[:3, :3], axis=0)
    affine[:3, :3] = (AFFINE if abs(np.linalg.det(affine[:3, :3])) < 0.5 else affine)[:3, :3]
    affine = orthogonal(affine)
    WRITERS[name](tmp_path / name, data, affine)
    stored = read_volume(tmp_path / name, tmp_path)
    back = slice(None, None, -1) if name.endswith("mnc") else slice(None)  # its slowest axis comes first
    np.testing.assert_allclose(stored.real(0).transpose((0, 1, 2)[back]), data, atol=0.004 if back.step else 0)
    np.testing.assert_allclose(stored.grid.affine[:3, :3][:, back], affine[:3, :3], atol=1e-4)
    np.testing.assert_allclose(stored.grid.affine[:3, 3], affine[:3, 3], atol=1e-4)


def test_series_and_channels_are_volumes(tmp_path: Path) -> None:
    """Time or channels, wherever their axis is, come behind the axes in space."""
    data = np.random.default_rng(1).integers(0, 99, (5, 6, 7, 3)).astype("<i2")
    write_mgh(tmp_path / "x.mgz", data, np.eye(4))
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose(2, 1, 0, 3)), isVector=True)
    for name in ("x.nrrd", "x.mha"):
        sitk.WriteImage(image, str(tmp_path / name))
    last = b"NRRD0004\ntype: short\ndimension: 4\nsizes: 5 6 7 3\nendian: little\nencoding: raw\n"
    (tmp_path / "plain.nrrd").write_bytes(last + b"\n" + data.tobytes("F"))
    for name in ("x.mgz", "x.nrrd", "x.mha", "plain.nrrd"):
        assert np.array_equal(read_volume(tmp_path / name, tmp_path).voxels, data), name


NRRD = b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: %s\nencoding: raw\n%s\n"
META = b"ObjectType = Image\nNDims = 3\nDimSize = %s\nElementType = MET_UCHAR\n%sElementDataFile = %s\n"
MGH = b"\0\0\0\1" + b"%s" + b"\0\0\0\0" * 2 + bytes(256)
VOXELS = bytes(range(1, 28))


def packed_bomb() -> bytes:
    """Announce few voxels, and uncompress to many zeros and then an image."""
    return zlib.compress(VOXELS + bytes(1 << 24) + VOXELS)


def many_times() -> bytes:
    """Name the same 8 MiB as the values of five hundred variables of a netCDF file."""
    axes = struct.pack(">4i4si", 0, 10, 1, 1, b"x\0\0\0", 1 << 23)
    some = [struct.pack(">i4s2i2i3i", 4, b"%04d" % number, 1, 0, 0, 0, 1, 1 << 23, 0) for number in range(500)]
    return b"CDF\x01" + axes + bytes(8) + struct.pack(">2i", 11, 500) + b"".join(some) + bytes(1 << 23)


HOSTILE: Mapping[str, tuple[str, bytes]] = {
    "NRRD of nothing": ("x.nrrd", b"NRRD0004\n\n"),
    "NRRD with an axis of no voxels": ("x.nrrd", NRRD % (b"3 0 3", b"") + VOXELS),
    "NRRD with a negative axis": ("x.nrrd", NRRD % (b"-3 -3 3", b"") + VOXELS),
    "NRRD larger than any disk": ("x.nrrd", NRRD % (b"99999999 99999999 99999999", b"") + VOXELS),
    "NRRD with a number of a million digits": ("x.nrrd", NRRD % (b"9" * 1_000_000, b"") + VOXELS),
    "NRRD cut short": ("x.nrrd", NRRD % (b"3 3 4", b"") + VOXELS),
    "NRRD with more behind it": ("x.nrrd", NRRD % (b"3 3 3", b"") + VOXELS * 2),
    "NRRD that skips an image": ("x.nrrd", NRRD % (b"3 3 3", b"byte skip: 900000\n") + bytes(900_000) + VOXELS),
    "NRRD that skips backwards": ("x.nrrd", NRRD % (b"3 3 3", b"byte skip: -9\n") + VOXELS),
    "NRRD without an end of its header": ("x.nrrd", b"NRRD0004\n" + b"# more\n" * 200_000),
    "NRRD that says it twice": ("x.nrrd", NRRD % (b"3 3 3", b"sizes: 1 1 1\n") + VOXELS),
    "NRRD with a size that is no number": ("x.nrrd", NRRD % (b"3 3 nan", b"") + VOXELS),
    "NRRD placed at infinity": ("x.nrrd", NRRD % (b"3 3 3", b"spacings: 1 inf 1\n") + VOXELS),
    "NRRD of a billion small volumes": ("x.nrrd", NRRD % (b"1 1 1 99999", b"") + bytes(99999)),
    "MetaImage of nothing": ("x.mha", b"NDims = 3\n"),
    "MetaImage larger than any disk": ("x.mha", META % (b"99999999 99999999 99999999", b"", b"LOCAL") + VOXELS),
    "MetaImage with more behind it": ("x.mha", META % (b"3 3 3", b"", b"LOCAL") + VOXELS * 2),
    "MetaImage that unpacks for long": (
        "x.mha",
        META % (b"3 3 3", b"CompressedData = True\n", b"LOCAL") + packed_bomb(),
    ),
    "MetaImage with damaged packing": (
        "x.mha",
        META % (b"3 3 3", b"CompressedData = True\n", b"LOCAL") + packed_bomb()[5:],
    ),
    "MetaImage that skips an image": (
        "x.mha",
        META % (b"3 3 3", b"HeaderSize = -1\n", b"LOCAL") + bytes(1 << 20) + VOXELS,
    ),
    "MetaImage with a matrix of one number": (
        "x.mha",
        META % (b"3 3 3", b"TransformMatrix = 1\n", b"LOCAL") + VOXELS,
    ),
    "MetaImage with an image behind what is packed": (
        "x.mha",
        META % (b"3 3 3", b"CompressedData = True\n", b"LOCAL") + zlib.compress(VOXELS) + bytes(9) + VOXELS,
    ),
    "MGZ with an image behind what is packed": (
        "x.mgz",
        gzip.compress(bytes(nib.MGHImage(np.ones((3, 3, 3), "u1"), np.eye(4)).to_bytes())) + bytes(9) + VOXELS,
    ),
    "MGH of nothing": ("x.mgz", gzip.compress(b"\0\0\0\1")),
    "MGH larger than any disk": ("x.mgh", MGH % b"\x7f\xff\xff\xff" * 4),
    "MGH with negative axes": ("x.mgh", MGH % b"\xff\xff\xff\xfd" * 4),
    "MGH that is none": ("x.mgh", b"plain text" * 99),
    "MINC of the second kind": ("x.mnc", b"\x89HDF\r\n\x1a\n" + bytes(999)),
    "MINC of nothing": ("x.mnc", b"CDF\x01"),
    "MINC with one image many times": ("x.mnc", many_times()),
    "MINC with countless axes": ("x.mnc", b"CDF\x01\0\0\0\0\0\0\0\x0a\x7f\xff\xff\xff" + b"\0\0\0\1a\0\0\0" * 99),
}


@pytest.mark.parametrize("told", HOSTILE)
def test_a_header_that_lies_costs_nothing(tmp_path: Path, told: str) -> None:
    """It is told as not looked at, within a second and without the memory that it asks for."""
    name, content = HOSTILE[told]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Malformed):
        limited(len(content), read_volume, tmp_path / name, tmp_path)
    found = faces_in(tmp_path, progress=Silent())
    assert [one.code.rpartition(".")[2] for one in found] == ["face_unknown"]


@pytest.mark.parametrize("name", ["x.nhdr", "x.mhd"])
@pytest.mark.parametrize("named", ["../secret.raw", "{there}/secret.raw", "link.raw", "slice%d.raw", "LIST", "no.raw"])
def test_a_header_leads_to_no_file_outside(tmp_path: Path, name: str, named: str) -> None:
    """By no path, by no link, and by no pattern that another reader would fill in."""
    (tmp_path / "secret.raw").write_bytes(VOXELS)
    inside = tmp_path / "data"
    inside.mkdir()
    (inside / "link.raw").symlink_to(tmp_path / "secret.raw")
    voxels = named.format(there=tmp_path).encode()
    content = NRRD % (b"3 3 3", b"data file: " + voxels + b"\n") if name == "x.nhdr" else META % (b"3 3 3", b"", voxels)
    (inside / name).write_bytes(content)
    with pytest.raises(InvalidInput, match="names no single file"):
        read_volume(inside / name, inside)
    (tmp_path / "secret.raw").rename(inside / "own.raw")
    (inside / name).write_bytes(content.replace(voxels, b"own.raw"))
    assert read_volume(inside / name, inside).content == VOXELS


def test_what_is_announced_takes_no_memory_before_it_is_there(tmp_path: Path) -> None:
    """A header of a few bytes may ask for as much as is read at all."""
    (tmp_path / "x.nrrd").write_bytes(NRRD % (b"512 1024 1024", b"") + VOXELS)
    assert LARGEST == 512 * 1024 * 1024
    with pytest.raises(InvalidInput, match="cut short"):
        read_volume(tmp_path / "x.nrrd", tmp_path)


def faces(folder: Path) -> dict[str, tuple[str, Severity]]:
    """Give what is found of faces in a folder, by file."""
    found: tuple[Residue, ...] = faces_in(folder, progress=Silent())
    return {one.path: (one.code.rpartition(".")[2], one.severity) for one in found}


@pytest.mark.parametrize("name", [name for name in WRITERS if name.startswith("x.")])
def test_a_face_is_seen_in_any_format(tmp_path: Path, synthetic_head: Head, head_file: Path, name: str) -> None:
    """And none where it was removed."""
    data = np.rint(synthetic_head["data"] * 4).astype(np.int16)
    (tmp_path / "whole").mkdir()
    WRITERS[name](tmp_path / "whole" / name, data, synthetic_head["affine"])
    assert faces(tmp_path / "whole") == {name: ("face", Severity.HIGH)}
    image = deface_image(head_file, into=tmp_path, mode=FaceMode.REMOVE).image
    assert image is not None
    defaced = read_stored(image)
    (tmp_path / "cut").mkdir()
    WRITERS[name](tmp_path / "cut" / name, defaced.voxels[..., 0], defaced.grid.affine)
    assert faces(tmp_path / "cut") == {}
