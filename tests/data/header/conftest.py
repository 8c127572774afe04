"""Small data sets for the tests of header de-identification."""

from collections.abc import Callable
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from fivesafes.data.header.profile import Profile, load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

KEY = bytes(range(32))
MR = "1.2.840.10008.5.1.4.1.1.4"

Write = Callable[..., bytes]


def small_image() -> Dataset:
    """Make the smallest MR image that is whole: two by two pixels, a made-up person."""
    dataset = Dataset()
    dataset.SOPClassUID = MR
    dataset.SOPInstanceUID = "1.2.826.0.1.20260131.1"
    dataset.StudyInstanceUID = "1.2.826.0.1.20260131.2"
    dataset.SeriesInstanceUID = "1.2.826.0.1.20260131.3"
    dataset.Modality = "MR"
    dataset.PatientName = "Qvist^Lisbeth"
    dataset.PatientID = "MRN-55512"
    dataset.PatientBirthDate = "19480305"
    dataset.PatientSex = "F"
    dataset.PatientAge = "077Y"
    dataset.StudyDate, dataset.StudyTime = "20260131", "101530"
    dataset.SeriesDescription = "T1w mprage for Lisbeth"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    dataset.EchoTime = "2.98"
    dataset.ImagePositionPatient = [0, 0, 0]
    dataset.Rows = dataset.Columns = 2
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = bytes(range(8))
    return dataset


def written(dataset: Dataset, *, syntax: str = ExplicitVRLittleEndian, preamble: bytes = bytes(128)) -> bytes:
    """Write a data set as a file in a transfer syntax."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", MR)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    dataset.preamble = preamble
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


@pytest.fixture
def image() -> Dataset:
    """Give a small MR image."""
    return small_image()


@pytest.fixture
def make_image() -> Callable[[], Dataset]:
    """Give the maker of small MR images."""
    return small_image


@pytest.fixture
def write() -> Write:
    """Give the writer of files."""
    return written


@pytest.fixture
def profile() -> Profile:
    """Give the profile that ships."""
    return load_profile()


@pytest.fixture
def pseudonyms() -> Pseudonyms:
    """Give the pseudonyms of a test project."""
    return Pseudonyms(KEY, "test")
