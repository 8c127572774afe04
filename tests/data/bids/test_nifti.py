"""Rewriting NIfTI headers."""

import gzip
import io
import os
import stat
import struct
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.data.bids import nifti
from fivesafes.data.bids.nifti import write_clean

CANARY = b"CANARY Jones"
GEOMETRY = (
    *("dim_info", "dim", "intent_p1", "intent_p2", "intent_p3", "intent_code", "datatype", "bitpix", "pixdim"),
    *("slice_start", "slice_end", "slice_code", "slice_duration", "xyzt_units", "scl_slope", "scl_inter"),
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z", "magic"),
)


def planted(
    kind: type[Any] = nib.Nifti1Image, dtype: str = "<i2", shape: tuple[int, ...] = (5, 4, 3), slope: float = 2.5
) -> bytes:
    """Make an image with a canary in every text, in an extension and after the data."""
    data = np.random.default_rng(1).integers(0, 255, shape).astype(dtype)
    image = kind(data, np.array([[2, 0.1, 0, -9], [0, 2, 0, 8], [0, 0, 3, 7], [0, 0, 0, 1.0]]))
    header = image.header
    if dtype.startswith(">"):
        header = header.as_byteswapped(">")
        image = kind(data, image.affine, header)
        header = image.header
    header["descrip"] = CANARY
    header["aux_file"] = CANARY
    header["intent_name"] = CANARY
    header["slice_code"], header["slice_end"], header["slice_duration"] = 1, shape[2] - 1, 0.05
    header["toffset"] = 45218.25
    header.set_xyzt_units("mm", "sec")
    header.set_dim_info(0, 1, 2)
    header.set_slope_inter(slope, -3)
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", CANARY))
    if kind is nib.Nifti1Image:
        header["db_name"], header["data_type"], header["glmax"] = CANARY, b"CANARY", 19700101
    stream = io.BytesIO()
    image.to_file_map({"header": nib.FileHolder(fileobj=stream), "image": nib.FileHolder(fileobj=stream)})
    return stream.getvalue() + CANARY * 3


def test_the_canary_is_in_the_input() -> None:
    """Else the tests below would prove nothing."""
    assert planted().count(CANARY) >= 7


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<f4", ">f8", "|u1", "<c8"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_no_text_survives_and_geometry_and_voxels_do(tmp_path: Path, kind: type[Any], dtype: str, ending: str) -> None:
    """Of both versions, in both byte orders."""
    source, target = tmp_path / "a.nii", tmp_path / f"b{ending}"
    source.write_bytes(planted(kind, dtype))
    write_clean(source, target)
    written = target.read_bytes() if ending == ".nii" else gzip.decompress(target.read_bytes())
    assert b"CANARY" not in written
    before, after = kind.from_filename(source), kind.from_filename(target)
    assert not after.header.extensions
    assert after.dataobj.get_unscaled().tobytes() == before.dataobj.get_unscaled().tobytes()
    assert written.endswith(before.dataobj.get_unscaled().tobytes(order="F"))
    for field in GEOMETRY:
        assert before.header[field].tobytes() == after.header[field].tobytes(), field
    assert float(after.header["toffset"]) == 0


@given(st.binary(min_size=348, max_size=348), st.binary(max_size=64))
def test_every_byte_of_a_header_that_is_not_named_is_cleared(noise: bytes, tail: bytes) -> None:
    """Whatever lies in the header, only the named ranges come through."""
    header = bytearray(noise)
    header[:4] = struct.pack("<i", 348)
    header[40:56] = struct.pack("<8h", 3, 2, 2, 2, 1, 1, 1, 1)
    header[70:74] = struct.pack("<2h", 4, 16)
    header[108:112] = struct.pack("<f", 352)
    header[344:348] = b"n+1\0"
    clean = nifti._read_header(io.BytesIO(bytes(header) + tail)).clean
    assert clean[4:38] == bytes(34)
    assert clean[136:252] == bytes(116)
    assert clean[328:344] == bytes(16)
    assert clean[348:] == bytes(4)
    assert clean[39:136] == bytes(header[39:136])
    assert clean[252:328] == bytes(header[252:328])


def test_gzip_notes_no_name_and_no_time_and_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    """The source's own gzip header may tell when and as what it was compressed."""
    source = tmp_path / "Jones.nii.gz"
    with source.open("wb") as raw, gzip.GzipFile("Jones.nii", "wb", fileobj=raw, mtime=1700000000) as out:
        out.write(planted())
    write_clean(source, tmp_path / "b.nii.gz")
    write_clean(tmp_path / "b.nii.gz", tmp_path / "c.nii.gz")
    first = (tmp_path / "b.nii.gz").read_bytes()
    assert first[3:8] == bytes(5)
    assert b"Jones" not in first
    assert first == (tmp_path / "c.nii.gz").read_bytes()


def _short() -> bytes:
    return planted()[: -len(CANARY) * 3 - 1]


def _patched(at: int, format_: str, *values: float) -> bytes:
    changed = bytearray(planted())
    struct.pack_into(format_, changed, at, *values)
    return bytes(changed)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends before"),
        (b"\x5c\x01\0\0", "ends before"),
        (b"hello" * 100, "begin as NIfTI"),
        (_patched(344, "4s", b"ni1\0"), "single-file"),  # type: ignore[arg-type] # bytes for the magic word
        (_short(), "ends before"),
        (_patched(40, "<h", 0), "impossible sizes"),
        (_patched(40, "<h", 9), "impossible sizes"),
        (_patched(42, "<h", -4), "impossible sizes"),
        (_patched(70, "<h", 1), "data type"),
        (_patched(72, "<h", 12), "data type"),
        (_patched(108, "<f", 100), "after its header"),
        (_patched(108, "<f", float("nan")), "after its header"),
        (_patched(108, "<f", 1e30), "after its header"),
        (gzip.compress(planted(), mtime=0)[:200], "damaged|ends before"),
        (gzip.compress(planted(), mtime=0)[:10] + b"\xff" * 200, "damaged"),
    ],
)
def test_what_is_no_whole_nifti_is_refused_and_nothing_is_left(tmp_path: Path, content: bytes, reason: str) -> None:
    """Neither a file under the target's name nor a temporary one."""
    source = tmp_path / "a.nii"
    source.write_bytes(content)
    with pytest.raises(InvalidInput, match=reason):
        write_clean(source, tmp_path / "b.nii.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii"]


def test_a_file_that_reads_back_differently_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check reads what is on the disk, not what was meant to be."""
    (tmp_path / "a.nii").write_bytes(planted())
    copied = nifti._copy

    def spoil(stream: Any, header: Any, target: Path, *, compress: bool) -> bytes:  # noqa: ANN401 - as the original
        digest = copied(stream, header, target, compress=compress)
        with target.open("r+b") as written:
            written.seek(-1, os.SEEK_END)
            last = written.read(1)
            written.seek(-1, os.SEEK_END)
            written.write(bytes([last[0] ^ 1]))
        return digest

    monkeypatch.setattr(nifti, "_copy", spoil)
    for target in ("b.nii", "b.nii.gz"):
        with pytest.raises(TryAgain):
            write_clean(tmp_path / "a.nii", tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii"]


def test_a_disk_that_fails_asks_to_try_again(tmp_path: Path) -> None:
    """The source is there; the place to write to is not."""
    (tmp_path / "a.nii").write_bytes(planted())
    with pytest.raises(TryAgain):
        write_clean(tmp_path / "a.nii", tmp_path / "missing" / "b.nii")


def test_the_source_stays_as_it_is(tmp_path: Path) -> None:
    """It may be somebody's only copy."""
    source = tmp_path / "a.nii"
    source.write_bytes(planted())
    before = source.read_bytes()
    source.chmod(stat.S_IRUSR)
    write_clean(source, tmp_path / "b.nii.gz")
    assert source.read_bytes() == before
