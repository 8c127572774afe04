"""Files are changed where they must be and nowhere else, whatever their kind of number."""

import errno
import gzip
import os
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face import stored
from fivesafes.data.face.cut import mask_name
from fivesafes.data.face.stored import read_stored, write_aside, write_stored

nib: Any = nibabel
KINDS = st.sampled_from(["u1", "i1", "<i2", ">i2", "<u2", "<i4", ">f4", "<f4", "<f8", ">f8"])


def image_bytes(kind: str, *, volumes: int, scaled: bool, second: bool, extended: bool, seed: int) -> bytes:
    """Build a small NIfTI file of any kind."""
    rng = np.random.default_rng(seed)
    shape = (5, 6, 7) if volumes == 1 else (5, 6, 7, volumes)
    data = rng.integers(1, 100, shape).astype(kind)
    if data.dtype.kind == "f":
        data[0, 0, 0] = np.nan
    header = (nib.Nifti2Header if second else nib.Nifti1Header)(endianness=">" if kind[0] == ">" else "<")
    header.set_data_dtype(data.dtype)
    image = (nib.Nifti2Image if second else nib.Nifti1Image)(data, np.diag([2.0, 2.0, 3.0, 1.0]), header)
    if extended:
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept as it is"))
    image.header["descrip"] = b"kept too"
    content = bytearray(image.to_bytes())
    if scaled:
        place = 112 if not second else 176
        order = ">" if kind[0] == ">" else "<"
        size = 4 if not second else 8
        content[place : place + 2 * size] = np.array([0.5, -10.0], f"{order}f{size}").tobytes()
    return bytes(content) + bytes(8)


PLAIN = image_bytes("<i2", volumes=1, scaled=False, second=False, extended=False, seed=1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kind=KINDS,
    volumes=st.integers(1, 3),
    scaled=st.booleans(),
    second=st.booleans(),
    extended=st.booleans(),
    packed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_only_the_bytes_of_removed_voxels_change(  # noqa: PLR0913, PLR0917 - hypothesis hands over each draw
    tmp_path: Path, kind: str, volumes: int, scaled: bool, second: bool, extended: bool, packed: bool, seed: int
) -> None:
    """Header, extensions, byte order, scaling, NaN and trailing bytes stay; the zone becomes real 0 in each volume."""
    before = image_bytes(kind, volumes=volumes, scaled=scaled, second=second, extended=extended, seed=seed)
    path = tmp_path / ("x.nii.gz" if packed else "x.nii")
    path.write_bytes(gzip.compress(before) if packed else before)
    stored = read_stored(path)
    removed = np.random.default_rng(seed).random((3, 4, 5)) < 0.4
    box = (slice(1, 4), slice(1, 5), slice(2, 7))
    written = tmp_path / ("y.nii.gz" if packed else "y.nii")
    blanked = stored.blanked(removed, box=box, fill=stored.stored_value(0.0)).content
    assert b"".join(stored.parts_blanked(removed, box=box, fill=stored.stored_value(0.0))) == blanked
    write_aside(blanked, written)
    raw = written.read_bytes()
    after = gzip.decompress(raw) if packed else raw
    assert len(after) == len(before)
    mask = np.zeros(stored.voxels.shape, bool)
    mask[box] = removed[..., None]
    changed = np.frombuffer(before, "u1") != np.frombuffer(after, "u1")
    touched = changed[stored.offset : stored.offset + mask.size * stored.dtype.itemsize]
    assert changed.sum() == touched.sum()
    per_voxel = touched.reshape(-1, stored.dtype.itemsize).any(axis=1).reshape(mask.shape, order="F")
    assert not (per_voxel & ~mask).any()
    assert (read_stored(written).real(0)[mask[..., 0]] == 0).all()
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("named", [".hdr", ".img"])
def test_a_pair_is_read_and_written_as_a_pair(tmp_path: Path, named: str, ending: str, second: bool) -> None:
    """By either name; the header's file stays as it is, byte for byte."""
    data = np.random.default_rng(3).integers(1, 100, (5, 6, 7)).astype(">i2")
    kind = nib.Nifti2Pair if second else nib.Nifti1Pair
    nib.save(kind(data, np.diag([2.0, 2.0, 3.0, 1.0])), tmp_path / f"x.img{ending}")
    stored = read_stored(tmp_path / f"x{named}{ending}")
    assert np.array_equal(stored.voxels[..., 0], data)
    assert stored.grid.steps == (2.0, 2.0, 3.0)
    box = (slice(0, 5), slice(0, 6), slice(0, 7))
    (tmp_path / "out").mkdir()
    write_stored(stored.blanked(data > 50, box=box, fill=0), tmp_path / "out" / f"x{named}{ending}")
    again = read_stored(tmp_path / "out" / f"x.img{ending}")
    assert again.head == stored.head
    assert np.array_equal(again.voxels[..., 0], np.where(data > 50, 0, data))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"x.hdr{ending}", f"x.img{ending}"]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("UP.NII.GZ", {"UP.NII.GZ"}),
        ("Up.Nii.Gz", {"Up.Nii.Gz"}),
        ("UP.NII", {"UP.NII"}),
        ("UP.IMG", {"UP.IMG", "UP.HDR"}),
        ("UP.HDR.GZ", {"UP.IMG.GZ", "UP.HDR.GZ"}),
        ("up.img.GZ", {"up.img.GZ", "up.hdr.GZ"}),
    ],
)
def test_an_ending_in_capitals_says_the_same(tmp_path: Path, name: str, written: set[str]) -> None:
    """An image keeps its name, is packed where that says so, and its mask is named as any."""
    kind = nib.Nifti1Image if ".NII" in name.upper() else nib.Nifti1Pair
    nib.save(kind(np.ones((5, 6, 7), "<i2"), np.eye(4)), tmp_path / ("x.nii" if kind is nib.Nifti1Image else "x.img"))
    for path in tmp_path.glob("x.*"):
        path.rename(tmp_path / next(one for one in written if path.suffix[1:] in one.lower()))
    (tmp_path / "out").mkdir()
    write_stored(read_stored(tmp_path / name), tmp_path / "out" / name)
    assert {path.name for path in (tmp_path / "out").iterdir()} == written
    packed = name.lower().endswith(".gz")
    assert all((path.read_bytes()[:2] == b"\x1f\x8b") is packed for path in (tmp_path / "out").iterdir())
    assert mask_name(Path(name)) == f"{name.split('.', maxsplit=1)[0]}_mask.nii.gz"


def test_half_a_pair_is_refused(tmp_path: Path) -> None:
    """With what to do, and without the file's name."""
    nib.save(nib.Nifti1Pair(np.ones((5, 6, 7), "<i2"), np.eye(4)), tmp_path / "jane.img")
    (tmp_path / "jane.hdr").unlink()
    with pytest.raises(InvalidInput, match="one is missing") as caught:
        read_stored(tmp_path / "jane.img")
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "told", "fix"),
    [(errno.EACCES, "Permission denied", "made readable"), (errno.EIO, "Input/output error", "try again")],
)
def test_a_file_that_can_not_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str, fix: str
) -> None:
    """Who gets it again from its source has the same again."""

    def shut(path: Path, _how: str) -> None:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(Path, "open", shut)
    with pytest.raises(InvalidInput, match=told) as caught:
        read_stored(tmp_path / "jane.nii.gz")
    assert fix in caught.value.fix
    assert "damaged" not in str(caught.value)
    assert "jane" not in str(caught.value)


def test_compressed_files_carry_neither_name_nor_time(tmp_path: Path) -> None:
    """Two writes of the same content are the same bytes."""
    write_aside(b"content", tmp_path / "sub-jane.nii.gz")
    write_aside(b"content", tmp_path / "other.nii.gz")
    first, second = ((tmp_path / name).read_bytes() for name in ("sub-jane.nii.gz", "other.nii.gz"))
    assert first == second
    assert first[3] == 0
    assert first[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no NIfTI"),
        (b"plain text, not an image" * 40, "no NIfTI"),
        (gzip.compress(b"x" * 999)[:-6], "damaged"),
        (image_bytes("<i2", volumes=1, scaled=False, second=False, extended=False, seed=1)[:500], "cut short"),
        (
            image_bytes("<i2", volumes=1, scaled=False, second=False, extended=False, seed=1)[:345] + b"i1\0",
            "no NIfTI",
        ),
        (PLAIN[:108] + np.array([np.inf], "<f4").tobytes() + PLAIN[112:], "no sense"),
    ],
    ids=["empty", "text", "damaged gzip", "cut short", "pair", "voxels at infinity"],
)
def test_what_is_no_image_is_refused_with_a_remedy(tmp_path: Path, content: bytes, told: str) -> None:
    """Each way of being broken has its sentence, without the file's name in it."""
    path = tmp_path / "sub-jane.nii.gz"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=told) as caught:
        read_stored(path)
    assert caught.value.fix
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".img"])
def test_a_file_with_more_in_it_than_its_header_tells_is_refused(tmp_path: Path, ending: str) -> None:
    """A second volume behind the one that the header counts would keep its face."""
    data = np.arange(1, 211, dtype=np.int16).reshape(5, 6, 7)
    path = tmp_path / f"x{ending}"
    kind = nib.Nifti1Pair if ending == ".img" else nib.Nifti1Image
    nib.save(kind(data, np.eye(4)), path)
    pack, unpack = (gzip.compress, gzip.decompress) if ending == ".nii.gz" else (bytes, bytes)
    whole = unpack(path.read_bytes())
    path.write_bytes(pack(whole + bytes(99)))
    assert read_stored(path).volumes == 1
    path.write_bytes(pack(whole + data.tobytes()))
    with pytest.raises(InvalidInput, match="more than the voxels"):
        read_stored(path)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_what_no_memory_could_hold_is_refused_as_it_is_read(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few megabytes may be made to uncompress to terabytes: reading ends where half of the memory would be full."""
    path = tmp_path / f"bomb{ending}"
    content = PLAIN + bytes(8 * stored.PART)
    path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    monkeypatch.setattr(stored, "most_bytes", lambda: 2 * stored.PART)
    tracemalloc.start()
    with pytest.raises(InvalidInput, match="half of this machine's memory"):
        read_stored(path)
    assert tracemalloc.get_traced_memory()[1] < 6 * stored.PART
    tracemalloc.stop()


def test_half_of_the_memory_is_what_the_machine_or_its_control_group_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smaller of both; no bound is none."""
    free = stored.most_bytes.__wrapped__()
    assert 1 << 28 < free < 1 << 50
    monkeypatch.setattr(stored, "ALLOWED", tmp_path / "memory.max")
    for told, most in (("1073741824\n", 1 << 29), ("max\n", None)):
        stored.ALLOWED.write_text(told, encoding="ascii")
        assert stored.most_bytes.__wrapped__() in {most, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2}


def test_colour_images_are_refused(tmp_path: Path) -> None:
    """A rendering of a head in colour is nothing to register."""
    data = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(data, np.eye(4)), tmp_path / "x.nii")
    with pytest.raises(InvalidInput, match="no plain numbers"):
        read_stored(tmp_path / "x.nii")


def test_an_image_that_lies_nowhere_is_refused(tmp_path: Path) -> None:
    """Voxels without size can't be laid over a head."""
    content = bytearray(PLAIN)
    content[280:328] = bytes(48)  # srow_x, srow_y, srow_z
    path = tmp_path / "x.nii"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="where its voxels lie"):
        read_stored(path)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """A folder that can't be written into holds no half image afterwards."""
    with pytest.raises(OSError, match="No such file"):
        write_aside(b"content", tmp_path / "missing" / "x.nii")
    assert not list(tmp_path.iterdir())
