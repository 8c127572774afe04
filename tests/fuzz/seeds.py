"""Small whole files of each encoding and vendor blob, each with a word of its own wherever one must go.

They are made, never kept: ``python -m tests.fuzz.seeds FOLDER`` writes them as a seed corpus for a fuzzer.
"""

import gzip
import itertools
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import Final

import pydicom
from attrs import field, frozen
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from fivesafes.engines.sources.synthetic.csa import CsaField, write_csa

MR: Final = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED: Final = "1.2.840.10008.5.1.4.1.1.4.1"
_CONSONANTS, _VOWELS = "bdfgkpvwxz", "aiouy"
SHORTEST: Final = 5
"""A flipped bit spoils one letter of a word: what is left of it is still found by runs of so many."""


@frozen
class Seed:
    """A file, and the words and numbers planted in it that must not come out."""

    content: bytes = field(repr=False)
    words: tuple[str, ...]
    numbers: tuple[str, ...]

    def found_in(self, output: bytes) -> str:
        """Give the first planted word of which a run of letters is in the bytes, packed ones too; else nothing."""
        text = (output + _unpacked(output)).lower()
        for word in self.words:
            for start in range(len(word) - SHORTEST + 1):
                if word[start : start + SHORTEST].lower().encode() in text:
                    return word
        return ""

    def numbers_in(self, output: bytes) -> int:
        """Count planted numbers that are in the bytes, whole."""
        return sum(number.encode() in output for number in self.numbers)


class _Words:
    """Gives words and numbers that nothing else holds, always the same."""

    def __init__(self) -> None:
        self._syllables = itertools.product(_CONSONANTS, _VOWELS, _CONSONANTS)
        self._numbers = itertools.count(730_194_458, 11_013_977)
        self.words: list[str] = []
        self.numbers: list[str] = []

    def word(self) -> str:
        first = next(self._syllables)
        mixed = "".join(first) + "q" + "".join(reversed(first)) + "j" + first[1] * 2
        self.words.append(mixed.capitalize())
        return self.words[-1]

    def number(self) -> str:
        self.numbers.append(str(next(self._numbers)))
        return self.numbers[-1]


def _unpacked(output: bytes) -> bytes:
    """Unpack what is gzipped within."""
    place = output.find(b"\x1f\x8b\x08")
    try:
        return gzip.GzipFile(fileobj=BytesIO(output[place:])).read(1 << 20) if place >= 0 else b""
    except (OSError, EOFError):
        return b""


def _common(words: _Words, *, sop_class: str = MR) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, "1.2.826.0.1.20260131.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.826.0.1.20260131.2", "1.2.826.0.1.20260131.3"
    dataset.FrameOfReferenceUID = "1.2.826.0.1.20260131.4"
    dataset.Modality, dataset.Manufacturer = "MR", "SIEMENS"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    dataset.PatientName = f"{words.word()}^{words.word()}"
    dataset.PatientID, dataset.AccessionNumber = words.number(), words.number()
    for keyword in ("InstitutionName", "OperatorsName", "PatientComments", "PatientAddress", "StationName"):
        setattr(dataset, keyword, words.word())
    for keyword in ("StudyID", "DeviceSerialNumber", "PatientTelephoneNumbers"):
        setattr(dataset, keyword, words.number())
    dataset.StudyDate, dataset.StudyTime = "20260131", "101530"
    dataset.SeriesDate, dataset.SeriesTime = "20260131", "101631.250"
    dataset.PatientAge, dataset.PatientSex = "077Y", "F"
    dataset.SeriesDescription = f"T1w mprage {words.word()}"
    dataset.ProtocolName = f"{words.word()} T2 TSE"
    dataset.SequenceName, dataset.ScanOptions = "*tfl3d1", ["PFP", "FS"]
    dataset.EchoTime, dataset.RepetitionTime, dataset.FlipAngle = "2.98", "2300", "9"
    dataset.SliceThickness, dataset.AcquisitionMatrix = "1", [0, 256, 256, 0]
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    inner = Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = MR, "1.2.826.0.1.20260131.9"
    inner.PatientComments = words.word()
    dataset.ReferencedImageSequence = Sequence([inner, inner])
    stranger = dataset.private_block(0x0099, "Nobody knows 1.0", create=True)
    stranger.add_new(0x01, "LO", words.word())
    dataset.Rows = dataset.Columns = 4
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.WindowCenter, dataset.WindowWidth = "100", "200"
    dataset.PixelData = bytes(range(32))
    return dataset


def _written(dataset: Dataset, syntax: str) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.preamble = bytes(128)
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _plain(words: _Words, syntax: str) -> bytes:
    return _written(_common(words), syntax)


def _protocol(words: _Words) -> bytes:
    lines = [
        "### ASCCONV BEGIN object=MrProtDataImpl ###",
        'tSequenceFileName\t = \t""%SiemensSeq%\\tfl""',
        f'tProtocolName\t = \t""T1+{words.word()}""',
        f'sPatientName = ""{words.word()}""',
        "alTR[0]\t = \t2300000",
        "sKSpace.ucDimension\t = \t0x4",
        'sCoilSelectMeas.sCoilStringForConversion\t = \t""HEA;HEP""',
        f'sProtConsistencyInfo.tBaselineString = ""{words.word()}""',
        "### ASCCONV END ###",
    ]
    return f"<XProtocol> {words.word()}\n{chr(10).join(lines)}\n".encode()


def _siemens(words: _Words) -> bytes:
    dataset = _common(words)
    image = write_csa(
        [
            CsaField("NumberOfImagesInMosaic", "US", 1, ("      24",)),
            CsaField("PatientComment", "LT", 1, (words.word(),)),
            CsaField("SliceNormalVector", "FD", 3, ("0.1", "0.2", "-0.97")),
            CsaField("PhaseEncodingDirection", "CS", 1, ("COL",)),
            CsaField("ICE_Dims", "LO", 1, ("X_1_1_1_1_1_1",)),
            CsaField("ImageHistory", "LO", 0, (words.word(), "CC:ComplexAdd")),
        ],
        remnants=[words.word(), words.word()],
    )
    series = write_csa(
        [CsaField("UsedPatientWeight", "DS", 1, (words.number(),)),
         CsaField("MrPhoenixProtocol", "UN", 1, (_protocol(words).decode(),))],
        remnants=[words.word()],
    )  # fmt: skip
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", image)
    block.add_new(0x20, "OB", series)
    medcom = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    medcom.add_new(0x0A, "US", 24)
    medcom.add_new(0x0B, "LO", words.word())  # what lies behind numbers is what a wrong length makes of them
    medcom.add_new(0x0C, "IS", "1000")
    medcom.add_new(0x0E, "FD", [0.1, 0.2, 0.3])
    medcom.add_new(0x29, "FD", [0.0, 1.5, 3.0, 4.5])
    medcom.add_new(0x2B, "LO", words.word())
    return _written(dataset, ExplicitVRLittleEndian)


def _ge(words: _Words) -> bytes:
    dataset = _common(words)
    text = b'set SLICEORDER "1"\nset NOSLC "24"\nset IOPT "EPI, MPh"\nset PATIENT "%s"\nset SEDESC "%s"\n' % (
        words.word().encode(),
        words.word().encode(),
    )
    packed = gzip.compress(text, mtime=0)
    block = dataset.private_block(0x0025, "GEMS_SERS_01", create=True)
    block.add_new(0x1B, "OB", pack("<L", len(packed)) + packed)
    record = bytearray(words.word().encode().ljust(16, b"\0") * 64)
    record[24:26], record[32:36] = pack("<H", 32), pack("<f", 15.0)
    parameters = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
    parameters.add_new(0x2A, "OB", bytes(record))
    parameters.add_new(0x39, "IS", [1000, 8, 0, 0])
    return _written(dataset, ExplicitVRLittleEndian)


def _philips(words: _Words) -> bytes:
    dataset = _common(words)
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0x0D, "FL", 0.0)
    block.add_new(0x0E, "FL", 1.5)
    block.add_new(0x0F, "LO", words.word())
    block.add_new(0x10, "FL", [0.0, 1.0])
    block.add_new(0x30, "FL", [2300.0, 0.0])
    block.add_new(0x63, "SL", 1)
    block.add_new(0x99, "LO", words.word())
    return _written(dataset, ImplicitVRLittleEndian)


def _enhanced(words: _Words) -> bytes:
    dataset = _common(words, sop_class=ENHANCED)
    dataset.NumberOfFrames = 2
    frames = []
    for number in range(2):
        content, position, plane = Dataset(), Dataset(), Dataset()
        content.DimensionIndexValues, content.FrameAcquisitionNumber = [1, number + 1], 1
        content.FrameComments = words.word()
        content.FrameReferenceDateTime = "20260131101530.25"
        position.ImagePositionPatient = [0, 0, number]
        plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        frame = Dataset()
        frame.FrameContentSequence, frame.PlanePositionSequence = [content], [position]
        frame.PlaneOrientationSequence = [plane]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.PixelData = bytes(64)
    for name in ("PerFrameFunctionalGroupsSequence", "ReferencedImageSequence"):
        dataset[name].is_undefined_length = True
        for item in dataset[name].value:
            item.is_undefined_length_sequence_item = True
    return _written(dataset, ExplicitVRLittleEndian)


def _encapsulated(words: _Words) -> bytes:
    dataset = _common(words)
    high, low = (b"\x0f" + plane + b"\0" for plane in (bytes(16), bytes(range(16))))  # PS3.5 G.3: each copied literally
    dataset.PixelData = encapsulate([pack("<16L", 2, 64, 64 + len(high), *[0] * 13) + high + low])
    dataset["PixelData"].is_undefined_length = True
    return _written(dataset, RLELossless)


_MADE: Final[dict[str, Callable[[_Words], bytes]]] = {
    "explicit": lambda words: _plain(words, ExplicitVRLittleEndian),
    "implicit": lambda words: _plain(words, ImplicitVRLittleEndian),
    "big-endian": lambda words: _plain(words, ExplicitVRBigEndian),
    "deflated": lambda words: _plain(words, DeflatedExplicitVRLittleEndian),
    "encapsulated": _encapsulated,
    "enhanced": _enhanced,
    "siemens": _siemens,
    "ge": _ge,
    "philips": _philips,
}
NAMES: Final = tuple(_MADE)


def seed(name: str) -> Seed:
    """Make one seed."""
    words = _Words()
    content = _MADE[name](words)
    return Seed(content, tuple(words.words), tuple(words.numbers))


def seeds() -> Iterator[tuple[str, Seed]]:
    """Make each seed."""
    for name in NAMES:
        yield name, seed(name)


if __name__ == "__main__":
    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    for name, one in seeds():
        (into / name).write_bytes(one.content)
