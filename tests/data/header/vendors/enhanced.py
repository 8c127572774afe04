"""Made-up enhanced multi-frame diffusion images as other makers write them: the standard's groups, and private ones."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from tests.data.header.vendors.common import ENHANCED, SIDE, Scan, Values, group, item, person, pixels, private_at

_DIRECTIONS = ((0.0, (0.0, 0.0, 0.0)), (1000.0, (1.0, 0.0, 0.0)), (1000.0, (0.0, 0.6, 0.8)))
_SLICES = 3


def standard(*, series: int, look: Values, slope: str = "1") -> Dataset:
    """Make an enhanced image with functional groups as deep as the standard's own."""
    dataset = person(ENHANCED, series=series, number=1)
    for keyword, value in {**_WHOLE, **look}.items():
        setattr(dataset, keyword, value)
    shared = Dataset()
    for keyword, values in _SHARED.items():
        setattr(shared, keyword, group(**values))
    shared.MRReceiveCoilSequence = group(
        ReceiveCoilName="Head_32", ReceiveCoilType="MULTICOIL", MultiCoilDefinitionSequence=_coil()
    )
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    frames = [
        _frame(volume=volume, index=index, slope=slope)
        for volume in range(len(_DIRECTIONS))
        for index in range(_SLICES)
    ]
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    dataset.NumberOfFrames = len(frames)
    dataset.Rows = dataset.Columns = SIDE
    dataset.PixelData = b"".join(pixels(series * 1000 + number) for number in range(len(frames)))
    dataset["PixelData"].VR = "OW"
    return dataset


def _coil() -> Items:
    return Items([item(MultiCoilElementName=f"H{number}", MultiCoilElementUsed="YES") for number in range(1, 5)])


def canon(*, series: int) -> Scan:
    """Make one of Canon's."""
    look = {"Manufacturer": "CANON_MEC", "ManufacturerModelName": "Galan", "SoftwareVersions": "V6.0"}
    dataset = standard(series=series, look=look, slope="1.25")
    return Scan(files=(dataset,), keys=_KEYS, volumes=len(_DIRECTIONS))


def united_imaging(*, series: int) -> Scan:
    """Make one of United Imaging's, with its group beside the standard's."""
    look = {"Manufacturer": "UIH", "ManufacturerModelName": "uMR Omega", "SoftwareVersions": "uMR_V10"}
    dataset = standard(series=series, look=look)
    private_at(dataset, 0x00650010, "Image Private Header", (0x05, "SH", "P->A"), (0x58, "IS", "1"))
    for frame, (b_value, direction) in zip(dataset.PerFrameFunctionalGroupsSequence, _per_frame(), strict=True):
        private_at(
            frame,
            0x00650010,
            "Image Private Header",
            (0x09, "FD", b_value),
            (0x37, "FD", list(direction)),
            (0x60, "LO", "Lisbeth"),
        )
    return Scan(files=(dataset,), keys=_KEYS, volumes=len(_DIRECTIONS))


def ge(*, series: int) -> Scan:
    """Make one of GE's, with its groups beside the standard's and in each frame."""
    look = {"Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "SIGNA Premier"}
    dataset = standard(series=series, look=look)
    dataset.SoftwareVersions = ["30", "LX", "SIGNA_LX1.MR30.0_R01_2236.d"]
    private_at(
        dataset,
        0x00430010,
        "GEMS_PARM_01",
        (0x02, "SS", -12),
        (0x03, "SS", 7),
        (0x04, "SS", 33),
        (0x2C, "SS", 580),
        (0x83, "DS", ["0.5", "1"]),
        (0x9A, "LO", "Lisbeth"),
    )
    for frame, (b_value, _) in zip(dataset.PerFrameFunctionalGroupsSequence, _per_frame(), strict=True):
        private_at(frame, 0x00430010, "GEMS_PARM_01", (0x39, "IS", [str(int(b_value)), "8", "0", "0"]))
    return Scan(files=(dataset,), keys=_KEYS - {"bval", "bvec"} | {"ShimSetting"}, volumes=len(_DIRECTIONS))


def _per_frame() -> list[tuple[float, tuple[float, float, float]]]:
    return [weighting for weighting in _DIRECTIONS for _ in range(_SLICES)]


def _frame(*, volume: int, index: int, slope: str) -> Dataset:
    b_value, direction = _DIRECTIONS[volume]
    moment = f"202601311015{30 + 3 * volume:02}.{index * 300000:06}"
    frame = Dataset()
    frame.FrameContentSequence = group(
        FrameAcquisitionDateTime=moment,
        FrameReferenceDateTime=moment,
        FrameAcquisitionDuration=100.0,
        StackID="1",
        InStackPositionNumber=index + 1,
        TemporalPositionIndex=volume + 1,
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
    frame.MRAveragesSequence = group(NumberOfAverages="1")
    frame.MRImageFrameTypeSequence = group(
        FrameType=["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"], ComplexImageComponent="MAGNITUDE"
    )
    frame.PixelValueTransformationSequence = group(RescaleIntercept="0", RescaleSlope=slope, RescaleType="US")
    return frame


_KEYS = frozenset({"bval", "bvec", "EchoTime", "RepetitionTime", "FlipAngle", "PixelBandwidth"})
_WHOLE: Values = {
    "ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"],
    "MRAcquisitionType": "2D",
    "MagneticFieldStrength": "3",
    "EchoPulseSequence": "SPIN",
    "EchoPlanarPulseSequence": "YES",
    "ResonantNucleus": "1H",
    "PixelPresentation": "MONOCHROME",
    "VolumetricProperties": "VOLUME",
    "ComplexImageComponent": "MAGNITUDE",
    "AcquisitionContrast": "DIFFUSION",
    "AcquisitionDateTime": "20260131101530.000000",
}
_SHARED: dict[str, dict[str, object]] = {
    "MRImagingModifierSequence": {"PixelBandwidth": "1736", "TransmitterFrequency": 123.25},
    "MRTimingAndRelatedParametersSequence": {"RepetitionTime": "3500", "FlipAngle": "90", "EchoTrainLength": 16},
    "MRModifierSequence": {
        "ParallelAcquisition": "YES",
        "ParallelAcquisitionTechnique": "SENSE",
        "ParallelReductionFactorInPlane": 2.0,
        "ParallelReductionFactorOutOfPlane": 1.0,
        "PartialFourier": "YES",
        "PartialFourierDirection": "PHASE",
    },
    "MRFOVGeometrySequence": {
        "InPlanePhaseEncodingDirection": "COLUMN",
        "MRAcquisitionFrequencyEncodingSteps": SIDE,
        "MRAcquisitionPhaseEncodingStepsInPlane": SIDE,
        "PercentSampling": "100",
        "PercentPhaseFieldOfView": "100",
    },
}
