"""What the made-up scans of all makers share: a person, a small picture, a place in space, a way to the disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
from attrs import field, frozen
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED = "1.2.840.10008.5.1.4.1.1.4.1"
SIDE = 16
_ROOT = "1.2.826.0.1.20260131"

Values = Mapping[str, object]


@frozen(kw_only=True)
class Scan:
    """One made-up series: its files, and what a converter must find in it for the test to test something.

    ``keys`` are keys of the sidecar and parts of the image (``bval``, ``bvec``); ``volumes`` is the length of the
    fourth axis of the longest image.
    """

    files: tuple[Dataset, ...] = field(repr=False)
    keys: frozenset[str]
    volumes: int = 1
    images: int = 1


def item(**values: object) -> Dataset:
    """Make a data set of keywords and values."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def group(**values: object) -> Items:
    """Make a sequence of one item."""
    return Items([item(**values)])


def private(dataset: Dataset, number: int, creator: str, *elements: tuple[int, str, object]) -> None:
    """Add private elements (low byte, VR, value) to the creator's block of a group."""
    block = dataset.private_block(number, creator, create=True)
    for low, vr, value in elements:
        block.add_new(low, vr, value)


def private_at(dataset: Dataset, place: int, creator: str, *elements: tuple[int, str, object]) -> None:
    """Add private elements in the block that the scanner reserves (group << 16 | block), whichever come before."""
    dataset.add_new(place, "LO", creator)
    for low, vr, value in elements:
        dataset.add_new((place & 0xFFFF0000) | ((place & 0xFF) << 8) | low, vr, value)


def pixels(seed: int, *, rows: int = SIDE, columns: int = SIDE) -> bytes:
    """Make a picture that no other seed gives."""
    return np.random.default_rng(seed).integers(0, 4000, (rows, columns), dtype=np.uint16).tobytes()


def classic(maker: Values, *, series: int, number: int, rows: int = SIDE, columns: int = SIDE) -> Dataset:
    """Make one classic MR image of a made-up person; ``number`` counts the files of the series."""
    dataset = person(MR, series=series, number=number)
    for keyword, value in {**_PHYSICS, **maker}.items():
        setattr(dataset, keyword, value)
    dataset.Rows, dataset.Columns = rows, columns
    dataset.PixelData = pixels(series * 1000 + number, rows=rows, columns=columns)
    dataset["PixelData"].VR = "OW"
    return dataset


def person(kind: str, *, series: int, number: int) -> Dataset:
    """Make what identifies a made-up person and a file, and what every picture says of its pixels."""
    dataset = item(
        SOPClassUID=kind,
        SOPInstanceUID=f"{_ROOT}.1.{series}.{number}",
        StudyInstanceUID=f"{_ROOT}.2",
        SeriesInstanceUID=f"{_ROOT}.3.{series}",
        FrameOfReferenceUID=f"{_ROOT}.4",
        PatientName="Qvist^Lisbeth",
        PatientID="MRN-55512",
        PatientBirthDate="19480305",
        PatientPosition="HFS",
        StudyDate="20260131",
        SeriesDate="20260131",
        AcquisitionDate="20260131",
        ContentDate="20260131",
        StudyTime="101500.000000",
        SeriesTime="101530.000000",
        AcquisitionTime="101530.000000",
        ContentTime="101531.000000",
        Modality="MR",
        InstitutionName="Lisbeth Hospital",
        StationName="QVIST1",
        DeviceSerialNumber="55512",
        SeriesNumber=series,
        AcquisitionNumber=1,
        InstanceNumber=number,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=0,
    )
    dataset.StudyID = "55512"
    return dataset


_PHYSICS: Values = {
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    "MagneticFieldStrength": "3",
    "ImagingFrequency": "123.25",
    "ImagedNucleus": "1H",
    "RepetitionTime": "2000",
    "EchoTime": "30",
    "FlipAngle": "80",
    "EchoNumbers": 1,
    "EchoTrainLength": 16,
    "NumberOfAverages": "1",
    "PixelBandwidth": "1736",
    "MRAcquisitionType": "2D",
    "ScanningSequence": "EP",
    "SequenceVariant": "SK",
    "ScanOptions": "FS",
    "SliceThickness": "3",
    "SpacingBetweenSlices": "3.3",
    "PixelSpacing": ["3", "3"],
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    "ImagePositionPatient": ["-24", "-24", "0"],
    "InPlanePhaseEncodingDirection": "COL",
    "AcquisitionMatrix": [0, SIDE, SIDE, 0],
    "PercentSampling": "100",
    "PercentPhaseFieldOfView": "100",
    "NumberOfPhaseEncodingSteps": SIDE,
    "SAR": "0.43",
}


def lay(dataset: Dataset, index: int) -> None:
    """Lay a slice where it belongs in a stack, feet to head."""
    dataset.ImagePositionPatient = ["-24", "-24", f"{3.3 * index:.1f}"]
    dataset.SliceLocation = f"{3.3 * index:.1f}"


def saved(files: Sequence[Dataset], folder: Path, *, syntax: str = ExplicitVRLittleEndian) -> None:
    """Write the files of a series into a folder, in an order that tells nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in enumerate(files):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
        meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.file_meta = meta
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        name = f"{(number * 7919) % 10007:05}-{dataset.SeriesNumber}"
        pydicom.dcmwrite(folder / name, dataset, enforce_file_format=True)
