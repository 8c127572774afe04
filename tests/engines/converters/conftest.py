"""A small scan for the converter, made up."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

SLICES, ROWS, COLUMNS = 6, 12, 10


def _slice(number: int) -> Dataset:
    """Make one axial slice with a voxel value that tells slice, row and column."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = MRImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.4.{number + 1}")
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, f"1.2.3.4.{number + 1}"
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    image.Modality, image.Manufacturer, image.ManufacturerModelName = "MR", "SIEMENS", "Prisma"
    image.PatientName, image.PatientID, image.PatientBirthDate = "CANARY^Jones", "CANARY7", "19700101"
    image.StudyDate, image.StudyTime, image.AcquisitionTime = "20260131", "122812", "122812.085"
    image.InstitutionName, image.SeriesDescription, image.ImageComments = "CANARY", "CANARY", "CANARY"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    image.ScanningSequence, image.SequenceVariant, image.ScanOptions, image.MRAcquisitionType = "GR", "SP", "", "3D"
    image.SeriesNumber, image.InstanceNumber, image.AcquisitionNumber = 3, number + 1, 1
    image.EchoTime, image.RepetitionTime, image.FlipAngle, image.MagneticFieldStrength = 3.1, 2300, 9, 3
    image.SliceThickness, image.SpacingBetweenSlices, image.PixelSpacing = 2, 2, [1.5, 1.5]
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 2 * number], [1, 0, 0, 0, 1, 0]
    image.SliceLocation, image.PatientPosition = 2 * number, "HFS"
    image.Rows, image.Columns, image.SamplesPerPixel = ROWS, COLUMNS, 1
    image.PhotometricInterpretation, image.PixelRepresentation = "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    pixels = np.arange(ROWS * COLUMNS, dtype="<u2").reshape(ROWS, COLUMNS) + 200 * number
    image.PixelData = pixels.tobytes()
    return image


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Write the series into two folders, one file hidden, as archives do."""
    folder = tmp_path / "series"
    for number in range(SLICES):
        place = folder / ("deep" if number % 2 else ".")
        place.mkdir(parents=True, exist_ok=True)
        name = ".hidden" if number == 0 else f"IM{number:04}, of Jones"
        _slice(number).save_as(place / name, enforce_file_format=True)
    return folder


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Give an empty folder for what the converter makes."""
    folder = tmp_path / "into"
    folder.mkdir()
    return folder
