"""Whole MR objects to plant into: classic, enhanced, in colour, converted; with the physics that must survive."""

from typing import Final

from pydicom.datadict import tag_for_keyword
from tests.planted.values import Values
from tests.planted.writing import Level, Simple

CLASSIC: Final = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED: Final = "1.2.840.10008.5.1.4.1.1.4.1"
COLOUR: Final = "1.2.840.10008.5.1.4.1.1.4.3"
CONVERTED: Final = "1.2.840.10008.5.1.4.1.1.4.4"
SIDE: Final = 16

SCIENCE: Final[dict[str, Simple]] = {
    "MRAcquisitionType": "3D",
    "ScanningSequence": "GR\\IR",
    "SequenceVariant": "SK\\SP\\MP",
    "SliceThickness": "1",
    "RepetitionTime": "2300",
    "EchoTime": "2.98",
    "InversionTime": "900",
    "NumberOfAverages": "1",
    "ImagingFrequency": "123.253396",
    "ImagedNucleus": "1H",
    "MagneticFieldStrength": "3",
    "EchoTrainLength": "1",
    "PixelBandwidth": "240",
    "FlipAngle": "9",
    "PatientPosition": "HFS",
    "ImagePositionPatient": "-87.5\\-130.25\\120.0625",
    "ImageOrientationPatient": "0\\1\\0\\0\\0\\-1",
    "PixelSpacing": "1\\1",
    "SliceLocation": "-87.5",
    "SeriesNumber": "3",
    "InstanceNumber": "17",
    "Manufacturer": "SIEMENS",
    "ManufacturerModelName": "Prisma",
    "SequenceName": "*tfl3d1_16ns",
    "SeriesDescription": "T1w MPRAGE",
    "ProtocolName": "anat-T1w_acq-mprage",
    "BodyPartExamined": "BRAIN",
    "ReceiveCoilName": "Head_32",
    "ImageType": "ORIGINAL\\PRIMARY\\M\\ND",
    "InPlanePhaseEncodingDirection": "ROW",
    "WindowCenter": "600",
    "WindowWidth": "1300",
}
"""What a classic object says of its physics, in values that scanners write."""


def classic(values: Values) -> Level:
    """Give a classic MR object with 16 by 16 pixels."""
    level = _whole(values, CLASSIC)
    for keyword, value in SCIENCE.items():
        level.put(keyword, value)
    return level


def enhanced(values: Values, sop_class: str = ENHANCED) -> Level:
    """Give a multi-frame object with two frames and its functional groups."""
    level = _whole(values, sop_class, frames=2, samples=3 if sop_class == COLOUR else 1)
    for keyword in ("Manufacturer", "ManufacturerModelName", "SeriesDescription", "ProtocolName", "SeriesNumber"):
        level.put(keyword, SCIENCE[keyword])
    level.put("ImageType", "ORIGINAL\\PRIMARY\\VOLUME\\NONE")
    level.put("NumberOfFrames", "2")
    level.put("SharedFunctionalGroupsSequence", [_shared()])
    level.put("PerFrameFunctionalGroupsSequence", [_frame(1), _frame(2)])
    return level


def _shared() -> Level:
    timing, measures, orientation, shared = Level(), Level(), Level(), Level()
    timing.put("RepetitionTime", "2300")
    timing.put("FlipAngle", "9")
    timing.put("EchoTrainLength", "1")
    measures.put("PixelSpacing", "1\\1")
    measures.put("SliceThickness", "1")
    orientation.put("ImageOrientationPatient", "0\\1\\0\\0\\0\\-1")
    shared.put("MRTimingAndRelatedParametersSequence", [timing])
    shared.put("PixelMeasuresSequence", [measures])
    shared.put("PlaneOrientationSequence", [orientation])
    return shared


def _frame(number: int) -> Level:
    echo, content, position, frame = Level(), Level(), Level(), Level()
    echo.put("EffectiveEchoTime", 2.98)
    content.put("StackID", "1")
    content.put("InStackPositionNumber", number)
    content.put("DimensionIndexValues", (1.0, float(number)))
    position.put("ImagePositionPatient", f"-87.5\\-130.25\\{number}")
    frame.put("MREchoSequence", [echo])
    frame.put("FrameContentSequence", [content])
    frame.put("PlanePositionSequence", [position])
    return frame


def _whole(values: Values, sop_class: str, *, frames: int = 1, samples: int = 1) -> Level:
    level = Level()
    level.put("SOPClassUID", sop_class)
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        level.put(keyword, values.uid())
    level.put("Modality", "MR")
    level.put("PatientName", "Nobody^Known")
    level.put("PatientID", values.word())
    level.put("Rows", SIDE)
    level.put("Columns", SIDE)
    level.put("SamplesPerPixel", samples)
    level.put("PhotometricInterpretation", "RGB" if samples == 3 else "MONOCHROME2")
    bits = 8 if samples == 3 else 16
    for keyword, number in (("BitsAllocated", bits), ("BitsStored", bits), ("HighBit", bits - 1)):
        level.put(keyword, number)
    level.put("PixelRepresentation", 0)
    if samples == 3:
        level.put("PlanarConfiguration", 0)
    size = SIDE * SIDE * samples * bits // 8 * frames
    level.put("PixelData", bytes(number * 7 % 251 for number in range(size)), "OW")
    return level


def science_tags() -> frozenset[int]:
    """Give the tags of the physics of a classic object."""
    return frozenset(tag for keyword in SCIENCE if (tag := tag_for_keyword(keyword)) is not None)
