"""Made-up series as Philips scanners write them: classic with private scaling, enhanced with nested private data."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from tests.data.header.vendors.common import ENHANCED, SIDE, Scan, classic, group, item, lay, person, pixels, private_at

_PHILIPS = {
    "Manufacturer": "Philips Medical Systems",
    "ManufacturerModelName": "Achieva dStream",
    "SoftwareVersions": ["5.6.1", "5.6.1.0"],
    "ReceiveCoilName": "SENSE-Head-8",
}
_DIRECTIONS = ((0.0, (0.0, 0.0, 0.0)), (1000.0, (1.0, 0.0, 0.0)), (1000.0, (0.0, 0.6, 0.8)))
_SLICES = 3


def _stack() -> Items:
    inner = Dataset()
    private_at(inner, 0x20010010, "Philips Imaging DD 001", (0x2D, "SS", _SLICES), (0x36, "CS", "PARALLEL"))
    private_at(
        inner,
        0x20050010,
        "Philips MR Imaging DD 001",
        (0x71, "FL", 0.0),
        (0x72, "FL", 0.0),
        (0x73, "FL", 0.0),
        (0x78, "FL", 1.5),
        (0x79, "FL", 3.3),
        (0x7A, "FL", -2.0),
        (0x7B, "CS", "AP"),
    )
    private_at(inner, 0x20050014, "Philips MR Imaging DD 005", (0x3C, "FL", -12.5))
    return Items([inner])


def _add_imaging(dataset: Dataset, *, index: int, b_value: float) -> None:
    private_at(
        dataset,
        0x20010010,
        "Philips Imaging DD 001",
        (0x03, "FL", b_value),
        (0x08, "IS", "1"),
        (0x0A, "IS", str(index + 1)),
        (0x0B, "CS", "TRANSVERSAL"),
        (0x13, "SL", 15),
        (0x18, "SL", _SLICES),
        (0x19, "CS", "N"),
        (0x22, "FL", 12.34),
        (0x5F, "SQ", _stack()),
        (0x60, "SL", 1),
        (0x81, "IS", "1"),
        (0xC8, "LO", "Lisbeth exam card"),
    )


def _scaling(slope: float) -> tuple[tuple[int, str, object], ...]:
    return ((0x0D, "FL", 0.0), (0x0E, "FL", slope))


def diffusion(*, series: int) -> Scan:
    """Make a classic diffusion series: the true intensities follow from the private slope."""
    files = []
    for volume, (b_value, (x, y, z)) in enumerate(_DIRECTIONS):
        for index in range(_SLICES):
            dataset = classic(_PHILIPS, series=series, number=volume * _SLICES + index + 1)
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"]
            dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "2.5", "normalized"
            dataset.AcquisitionContrast = "DIFFUSION"
            dataset.DiffusionBValue = b_value
            dataset.TemporalPositionIdentifier = volume + 1
            lay(dataset, index)
            _add_imaging(dataset, index=index, b_value=b_value)
            private_at(
                dataset,
                0x20050010,
                "Philips MR Imaging DD 001",
                *_scaling(0.0123),
                (0x63, "SS", 0),
                (0x6F, "CS", "MS"),
                (0xA0, "FL", volume * 2.0),
                (0xB0, "FL", x),
                (0xB1, "FL", y),
                (0xB2, "FL", z),
            )
            private_at(
                dataset,
                0x20050014,
                "Philips MR Imaging DD 005",
                (0x12, "IS", "1" if not b_value else "2"),
                (0x13, "IS", str(max(volume, 1))),
                (0x3C, "FL", -12.5),
            )
            files.append(dataset)
    return Scan(files=tuple(files), keys=frozenset({*_KEYS, "bval", "bvec", "TablePosition"}), volumes=3)


_KEYS = ("PhilipsScaleSlope", "PhilipsRescaleSlope", "WaterFatShift", "EstimatedTotalReadoutTime")


def field_map(*, series: int) -> Scan:
    """Make magnitude and phase in one series: two images that differ by type and scaling only."""
    files = []
    for part, kind in enumerate(("M", "P")):
        for index in range(_SLICES):
            dataset = classic(_PHILIPS, series=series, number=part * _SLICES + index + 1)
            dataset.ImageType = ["ORIGINAL", "PRIMARY", f"{kind}_FFE", kind, "FFE"]
            slope = ("1.5", "1.53479")[part]
            dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-0", slope, "normalized"
            lay(dataset, index)
            _add_imaging(dataset, index=index, b_value=0.0)
            private_at(dataset, 0x20050010, "Philips MR Imaging DD 001", *_scaling(0.02 + part), (0x6F, "CS", "3D"))
            files.append(dataset)
    return Scan(files=tuple(files), keys=frozenset({"PhilipsScaleSlope", "PhilipsRescaleSlope"}), images=2)


def enhanced(*, series: int) -> Scan:
    """Make an enhanced diffusion image: scaling and directions lie three levels deep, in a private sequence."""
    dataset = person(ENHANCED, series=series, number=1)
    for keyword, value in {**_PHILIPS, **_ENHANCED}.items():
        setattr(dataset, keyword, value)
    shared = Dataset()
    shared.MRTimingAndRelatedParametersSequence = group(RepetitionTime="3500", FlipAngle="90", EchoTrainLength=16)
    shared.MRFOVGeometrySequence = group(InPlanePhaseEncodingDirection="COLUMN")
    shared.MRImagingModifierSequence = group(PixelBandwidth="1736")
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    frames = [_frame(volume=volume, index=index) for index in range(_SLICES) for volume in range(len(_DIRECTIONS))]
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    private_at(
        dataset, 0x20010010, "Philips Imaging DD 001", (0x13, "SL", 15), (0x18, "SL", _SLICES), (0x5F, "SQ", _stack())
    )
    dataset.NumberOfFrames = len(frames)
    dataset.Rows = dataset.Columns = SIDE
    dataset.PixelData = b"".join(pixels(series * 1000 + number) for number in range(len(frames)))
    dataset["PixelData"].VR = "OW"
    return Scan(files=(dataset,), keys=frozenset({"PhilipsScaleSlope", "bval", "bvec", "WaterFatShift"}), volumes=3)


def _frame(*, volume: int, index: int) -> Dataset:
    b_value, direction = _DIRECTIONS[volume]
    frame = Dataset()
    frame.FrameContentSequence = group(
        StackID="1",
        InStackPositionNumber=index + 1,
        TemporalPositionIndex=1,
        DimensionIndexValues=[1, index + 1, volume + 1],
    )
    frame.PlanePositionSequence = group(ImagePositionPatient=["-24", "-24", f"{3.3 * index:.1f}"])
    frame.PlaneOrientationSequence = group(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])
    frame.PixelMeasuresSequence = group(SliceThickness="3", SpacingBetweenSlices="3.3", PixelSpacing=["3", "3"])
    weighting = item(DiffusionBValue=b_value, DiffusionDirectionality="DIRECTIONAL" if b_value else "NONE")
    if b_value:
        weighting.DiffusionGradientDirectionSequence = group(DiffusionGradientOrientation=list(direction))
    frame.MRDiffusionSequence = Items([weighting])
    frame.MREchoSequence = group(EffectiveEchoTime=74.0)
    frame.MRImageFrameTypeSequence = group(
        FrameType=["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"], ComplexImageComponent="MAGNITUDE"
    )
    frame.PixelValueTransformationSequence = group(RescaleIntercept="0", RescaleSlope="2.5", RescaleType="US")
    inner = _private_frame(volume=volume, index=index)
    private_at(frame, 0x20050014, "Philips MR Imaging DD 005", (0x0F, "SQ", Items([inner])))
    return frame


def _private_frame(*, volume: int, index: int) -> Dataset:
    b_value, (x, y, z) = _DIRECTIONS[volume]
    inner = item(
        InstanceNumber=index * len(_DIRECTIONS) + volume + 1,
        RescaleIntercept="0",
        RescaleSlope="2.5",
        PatientComments="Lisbeth",
    )
    _add_imaging(inner, index=index, b_value=b_value)
    private_at(
        inner,
        0x20050010,
        "Philips MR Imaging DD 001",
        *_scaling(0.0123),
        (0xB0, "FL", x),
        (0xB1, "FL", y),
        (0xB2, "FL", z),
    )
    private_at(
        inner,
        0x20050014,
        "Philips MR Imaging DD 005",
        (0x12, "IS", "1" if not b_value else "2"),
        (0x13, "IS", str(max(volume, 1))),
    )
    return inner


_ENHANCED: dict[str, object] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"],
    "MRAcquisitionType": "2D",
    "MagneticFieldStrength": "3",
    "EchoPulseSequence": "SPIN",
    "EchoPlanarPulseSequence": "YES",
    "ResonantNucleus": "1H",
    "AcquisitionContrast": "DIFFUSION",
    "AcquisitionDateTime": "20260131101530.000000",
}
