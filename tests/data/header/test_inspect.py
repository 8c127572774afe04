"""Every file has an answer: what it is, or why it is set aside."""

import gzip
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless
from tests.fuzz.seeds import NAMES, seed

from fivesafes.data.header.content import HEAD
from fivesafes.data.header.inspect import Identifier, Identity, Instance, SetAside, inspect
from fivesafes.data.model import FileStatus

Write = Callable[..., bytes]


def test_a_whole_object_tells_its_facts(write: Write, image: Dataset, tmp_path: Path) -> None:
    """Identity, series and size are read; what identifies is wrapped and not shown."""
    image.SpecificCharacterSet = "ISO_IR 100"
    image.ProtocolName = "Kopf für Müller"
    image.SeriesNumber = "7"
    path = tmp_path / "a"
    path.write_bytes(write(image))
    found = inspect(path)
    assert isinstance(found, Instance)
    assert found.patient.reveal() == found.patient_id.reveal() == "MRN-55512"
    assert (found.study_date.reveal(), found.study_time.reveal()) == ("20260131", "101530")
    assert (found.modality, found.series.series_number, found.bytes) == ("MR", 7, path.stat().st_size)
    assert found.series.descriptions.reveal()["ProtocolName"] == "Kopf für Müller"
    assert found.series.image_type == ("ORIGINAL", "PRIMARY", "M", "ND")
    for secret in ("MRN-55512", "20260131", "Müller", str(path)):
        assert secret not in repr(found)


def test_the_name_of_a_file_does_not_matter(write: Write, image: Dataset, tmp_path: Path) -> None:
    """Recognition is by content: no ending, any ending, and a text called .dcm."""
    for name in ("IM0001", "scan.jpg", ".hidden"):
        (tmp_path / name).write_bytes(write(image))
        assert isinstance(inspect(tmp_path / name), Instance)
    (tmp_path / "note.dcm").write_text("Qvist, Lisbeth")
    told = inspect(tmp_path / "note.dcm")
    assert isinstance(told, SetAside)
    assert told.status is FileStatus.NOT_DICOM


def _broken(write: Write, image: Dataset) -> dict[str, bytes]:
    whole = write(image)
    no_uid, no_pixels, short, packed = (deepcopy(image) for _ in range(4))
    directory = Dataset()
    del no_uid.SeriesInstanceUID
    del no_pixels.PixelData
    short.PixelData = bytes(6)
    directory.SOPClassUID, directory.SOPInstanceUID = "1.2.840.10008.1.3.10", "1.2.3"
    directory.DirectoryRecordSequence = [image]
    packed.PixelData = encapsulate([b"\1\2\3\4"])
    packed["PixelData"].VR, packed["PixelData"].is_undefined_length = "OB", True
    return {
        "data.file.empty": b"",
        "data.file.not-dicom": b"Qvist, Lisbeth" * 30,
        "data.file.archive": gzip.compress(whole),
        "data.file.truncated": whole[:-4],
        "data.file.truncated ": write(short),
        "data.file.truncated  ": write(packed, syntax=RLELossless)[:-8],
        "data.file.no-uid": write(no_uid),
        "data.file.no-pixels": write(no_pixels),
        "data.file.dicomdir": write(directory),
    }


def test_every_kind_of_damage_has_its_own_reason(write: Write, image: Dataset, tmp_path: Path) -> None:
    """Status, code and sentence say what is wrong; none holds a value of the file."""
    for code, content in _broken(write, image).items():
        path = tmp_path / "file"
        path.write_bytes(content)
        told = inspect(path)
        assert isinstance(told, SetAside), code
        assert told.code == code.strip()
        assert told.status is not FileStatus.DEIDENTIFIED
        assert told.why
        assert "Qvist" not in f"{told!r}{told.why}"


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission is a reason of its own."""

    def refuse(_path: Path, _flags: int) -> int:
        raise PermissionError

    (tmp_path / "closed").write_bytes(b"x")
    monkeypatch.setattr(os, "open", refuse)
    told = inspect(tmp_path / "closed")
    assert isinstance(told, SetAside)
    assert told.code == "data.file.permission"


def test_a_file_that_is_gone_or_a_pipe_does_not_stop_anything(tmp_path: Path) -> None:
    """Reading a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "gone", tmp_path / "pipe", tmp_path):
        assert isinstance(inspect(path), SetAside)


@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_no_damaged_byte_raises(sample: tuple[bytes, Path], place: int, byte: int) -> None:
    """Whatever byte of a file is damaged, there is an answer."""
    content, folder = sample
    damaged = bytearray(content)
    damaged[132 + place % (len(content) - 132)] = byte
    path = folder / "damaged"
    path.write_bytes(damaged)
    assert isinstance(inspect(path), (Instance, SetAside))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    """Give the bytes of a small file with a sequence, and a folder."""
    import pydicom  # noqa: PLC0415 - this fixture has a scope of its own

    dataset, item = Dataset(), Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.3", "1.2.3.1", "MR"
    dataset.ReferencedImageSequence = [item]
    dataset["ReferencedImageSequence"].is_undefined_length = True
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    folder = tmp_path_factory.mktemp("damaged")
    pydicom.dcmwrite(folder / "whole", dataset, enforce_file_format=True)
    return (folder / "whole").read_bytes(), folder


def _same(path: Path) -> SetAside | Instance:
    """Say what a file is; that its beginning alone says the same where that is enough is asserted."""
    whole, short = inspect(path), Identifier().identify(path)
    if isinstance(whole, SetAside):
        assert short == whole
    else:
        assert isinstance(short, Identity)
        assert (short.sop_instance_uid, short.series_uid) == (whole.sop_instance_uid, whole.series_uid)
        assert (short.study_uid, short.patient) == (whole.study_uid, whole.patient)
    return whole


@pytest.mark.parametrize("beside", [-12, -8, -4, -2, 0, 2, 8, 5000])
def test_the_beginning_of_a_long_file_is_enough(write: Write, image: Dataset, tmp_path: Path, beside: int) -> None:
    """Wherever the first kilobytes end, before, in or behind the head of the pixels; fewer pixels are found missing."""
    image.Rows = image.Columns = 200
    image.PixelData = bytes(2 * 200 * 200)
    image.add_new(0x00091001, "OB", b"")
    path = tmp_path / "a"
    place = write(image).rindex(b"\xe0\x7f\x10\x00")
    image.add_new(0x00091001, "OB", bytes(HEAD - place - 12 + beside))
    content = write(image)
    path.write_bytes(content)
    assert isinstance(_same(path), Instance)
    path.write_bytes(content[:-2])
    told = _same(path)
    assert isinstance(told, SetAside)
    assert told.code == "data.file.truncated"
    path.write_bytes(content + b"behind the pixels")
    assert isinstance(_same(path), Instance)


def test_what_the_beginning_does_not_tell_is_read_on(write: Write, image: Dataset, tmp_path: Path) -> None:
    """Long headers, compressed pixels, objects without pixels, and a header that breaks far behind."""
    path = tmp_path / "a"
    image.Rows = image.Columns = 200
    image.PixelData = bytes(2 * 200 * 200)
    image.add_new(0x00091001, "OB", bytes(2 * HEAD))
    path.write_bytes(write(image))
    assert isinstance(_same(path), Instance)
    packed = deepcopy(image)
    packed.PixelData = encapsulate([bytes(2 * HEAD)])
    packed["PixelData"].VR, packed["PixelData"].is_undefined_length = "OB", True
    for content in (write(packed, syntax=RLELossless), write(packed, syntax=RLELossless)[:-8]):
        path.write_bytes(content)
        _same(path)
    bare = deepcopy(image)
    del bare.PixelData, bare.Rows, bare.Columns
    bare.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66"
    bare.add_new(0x00091001, "UN", b"\1" * HEAD)
    bare.add_new(0x7FE10010, "UN", b"\1" * HEAD)
    whole = write(bare)
    for content in (whole, whole[:-2], whole[:HEAD], whole[: HEAD + 1]):
        path.write_bytes(content)
        _same(path)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_anywhere_is_told_the_same_by_its_beginning(name: str, tmp_path: Path) -> None:
    """And one that a byte of which was changed: of each encoding and vendor's header."""
    content = seed(name).content
    path = tmp_path / "a"
    for place in range(0, len(content), max(1, len(content) // 60)):
        for broken in (content[:place], content[:place] + b"\xff" + content[place + 1 :]):
            path.write_bytes(broken)
            _same(path)
