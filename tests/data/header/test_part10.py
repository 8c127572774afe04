"""Files are recognised by their bytes."""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from fivesafes.data.header import part10
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import file_head, open_data_set

Write = Callable[..., bytes]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_file_says_how_it_is_written(write: Write, image: Dataset, syntax: str) -> None:
    """The transfer syntax of the meta information is taken where the bytes agree."""
    assert open_data_set(write(image, syntax=syntax)).syntax == syntax


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_data_set_without_any_preamble_is_recognised(write: Write, image: Dataset, syntax: str) -> None:
    """Old archives keep bare data sets."""
    whole = write(image, syntax=syntax)
    bare = whole[open_data_set(whole).start :]
    assert open_data_set(bare).syntax == syntax


def test_a_transfer_syntax_that_does_not_fit_is_corrected(write: Write, image: Dataset) -> None:
    """Bytes that are implicit are read as implicit, whatever the meta information says."""
    implicit = write(image, syntax=ImplicitVRLittleEndian)
    start = open_data_set(implicit).start
    explicit = write(image, syntax=ExplicitVRLittleEndian)
    mixed = explicit[: open_data_set(explicit).start] + implicit[start:]
    assert open_data_set(mixed).syntax == ImplicitVRLittleEndian


def test_a_deflated_file_is_inflated(write: Write, image: Dataset) -> None:
    """Deflated data sets come out as explicit little endian, with their pixels."""
    data_set = open_data_set(write(image, syntax=DeflatedExplicitVRLittleEndian))
    assert data_set.syntax == ExplicitVRLittleEndian
    assert data_set.elements()[-1].tag == 0x7FE00010


def test_a_deflated_bomb_is_bounded(write: Write, image: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file can't fill the memory."""
    monkeypatch.setattr(part10, "MOST_INFLATED", 1 << 16)
    image.PixelData = bytes(1 << 20)
    with pytest.raises(Malformed) as malformed:
        open_data_set(write(image, syntax=DeflatedExplicitVRLittleEndian))
    assert malformed.value.code == "data.file.inflates-too-far"


def test_a_deflated_file_that_ends_too_soon_is_seen(write: Write, image: Dataset) -> None:
    """A cut stream is no whole file."""
    with pytest.raises(Malformed) as malformed:
        open_data_set(write(image, syntax=DeflatedExplicitVRLittleEndian)[:-4])
    assert malformed.value.code == "data.file.truncated"


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", "b")
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return file.getvalue()


@pytest.mark.parametrize("content", [_zip(), _tar(), gzip.compress(b"a")], ids=["zip", "tar", "gzip"])
def test_archives_are_named_as_such(content: bytes) -> None:
    """Whoever sends an archive is told to unpack it."""
    with pytest.raises(Malformed) as malformed:
        open_data_set(content)
    assert malformed.value.code == "data.file.archive"
    assert "unpack it first" in malformed.value.why


@pytest.mark.parametrize(
    "content", [b"hello", b"\x89PNG\r\n" + bytes(200), zlib.compress(b"x" * 999), b"\x08\x00" * 99]
)
def test_other_files_are_not_dicom(content: bytes) -> None:
    """What does not read as a data set is something else."""
    with pytest.raises(Malformed) as malformed:
        open_data_set(content)
    assert malformed.value.code == "data.file.not-dicom"


def test_a_bare_data_set_that_is_cut_is_still_dicom(write: Write, image: Dataset) -> None:
    """A damaged file is told as damaged, not as something else."""
    whole = write(image)
    bare = whole[open_data_set(whole).start : -2]
    with pytest.raises(Malformed) as malformed:
        open_data_set(bare).elements()
    assert malformed.value.code == "data.file.truncated"


def test_the_meta_information_we_write_is_complete_and_ours(tmp_path: Path) -> None:
    """PS3.10's required elements, a zero preamble, our implementation, and nothing else."""
    head = file_head("1.2.840.10008.5.1.4.1.1.4", "2.25.1", ImplicitVRLittleEndian)
    assert head[:128] == bytes(128)
    (tmp_path / "head.dcm").write_bytes(head)
    meta = pydicom.filereader.read_file_meta_info(tmp_path / "head.dcm")
    assert [element.tag.element for element in meta] == [0x00, 0x01, 0x02, 0x03, 0x10, 0x12, 0x13]
    assert meta.FileMetaInformationGroupLength == len(head) - 128 - 4 - 12


def test_file_meta_information_without_a_preamble_is_read(write: Write, image: Dataset) -> None:
    """Some archives cut the first bytes off."""
    whole = write(image, syntax=ImplicitVRLittleEndian)
    assert open_data_set(whole[132:]).syntax == ImplicitVRLittleEndian


def test_a_deflated_data_set_that_is_none_is_malformed(write: Write, image: Dataset) -> None:
    """Bytes that no deflate stream has."""
    whole = write(image, syntax=DeflatedExplicitVRLittleEndian)
    start = whole.index(b"1.2.840.10008.1.2.1.99")
    with pytest.raises(Malformed) as malformed:
        open_data_set(whole[: start + 22] + b"\xff" * 200)
    assert malformed.value.code in {"data.file.malformed", "data.file.truncated"}
    meta = b"\x02\0\x10\0UI\x16\x001.2.840.10008.1.2.1.99"
    with pytest.raises(Malformed) as malformed:
        open_data_set(bytes(128) + b"DICM" + meta + b"\xff" * 200)
    assert malformed.value.code == "data.file.malformed"


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_deflated_data_set_is_inflated_whole(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece, whatever its size, and nothing behind its end is taken."""
    monkeypatch.setattr(part10, "_STEP", 1 << 10)
    for content in (bytes(size), bytes(range(256)) * (size // 256)):
        stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        deflated = stream.compress(content) + stream.flush()
        assert part10._inflate(deflated + b"QVIST") == content


def test_a_deflated_data_set_is_bounded_by_what_it_was_deflated_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones may grow freely; large ones a hundredfold."""
    monkeypatch.setattr(part10, "FREE_INFLATED", 1 << 16)
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = stream.compress(bytes(1 << 18)) + stream.flush()
    with pytest.raises(Malformed) as malformed:
        part10._inflate(deflated)
    assert malformed.value.code == "data.file.inflates-too-far"
    assert part10.MOST_INFLATED == 1 << 28


def test_file_meta_information_that_ends_too_soon_is_seen(write: Write, image: Dataset) -> None:
    """In the head of an element, in one, behind one, and behind the last: nothing follows."""
    whole = write(image)
    start = open_data_set(whole).start
    for end in (135, 140, start - 3, start):
        with pytest.raises(Malformed) as malformed:
            open_data_set(whole[:end])
        assert malformed.value.code == "data.file.truncated"
