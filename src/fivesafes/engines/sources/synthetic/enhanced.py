"""Writer of an enhanced multi-frame series: all volumes of a diffusion scan in one file (Enhanced MR Image Storage).

Functional groups as PS3.3 C.7.6.16 and C.8.13 ask; what the manufacturer adds per frame as read from XA files.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import EnhancedMRImageStorage

from fivesafes.engines.sources.synthetic.grids import Grid
from fivesafes.engines.sources.synthetic.header import code, common_header, decimal, stamp_instance
from fivesafes.engines.sources.synthetic.planted import PlantedKind
from fivesafes.engines.sources.synthetic.series import Output, Voxels, interleaved_times, set_pixels
from fivesafes.engines.sources.synthetic.session import SeriesPlan, Session
from fivesafes.engines.sources.synthetic.siemens import add_local_groups, protocol_text

Gradient = tuple[float, tuple[float, float, float]]
_VOLUME_SECONDS = 3.5
_FRAME_TYPE = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
_DIMENSIONS = ("StackID", "InStackPositionNumber", "TemporalPositionIndex")


def write_diffusion(
    session: Session,
    series: SeriesPlan,
    *,
    grid: Grid,
    volumes: Voxels,
    gradients: tuple[Gradient, ...],
    output: Output,
) -> Path:
    """Write the volumes (volumes, slices, rows, columns), each with its b-value (s/mm²) and unit direction (LPS)."""
    dataset = common_header(session, series, sop_class=EnhancedMRImageStorage)
    _set(dataset, _PULSE_SEQUENCE)
    _set(dataset, _LOOK)
    dataset.ImageType = _FRAME_TYPE
    stamp_instance(dataset, session, number=1, moment=series.began + timedelta(seconds=41))
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDateTime = _moment(session, series.began, place="AcquisitionDateTime")
    dataset.AcquisitionDuration = _VOLUME_SECONDS * len(volumes)
    dataset.AcquisitionContextSequence = Sequence()
    dataset.ReferencedImageEvidenceSequence = _evidence(session)
    _add_dimensions(dataset, session, series)
    dataset.SharedFunctionalGroupsSequence = Sequence([_shared(session, series, grid=grid)])
    frames = [
        _frame(session, series, grid=grid, volume=volume, index=index, gradient=gradient)
        for volume, gradient in enumerate(gradients)
        for index in range(grid.shape[0])
    ]
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.NumberOfFrames = len(frames)
    set_pixels(dataset, volumes.reshape(-1, grid.shape[2]))
    dataset.Rows, dataset.Columns = grid.shape[1:]
    del dataset.WindowCenter, dataset.WindowWidth
    add_local_groups(dataset, session)
    return output.save(dataset, series, 1, session)


def _set(dataset: Dataset, values: Mapping[str, object]) -> Dataset:
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _group(**values: object) -> Sequence:
    return Sequence([_set(Dataset(), values)])


def _moment(session: Session, moment: datetime, *, place: str) -> str:
    return session.ledger.plant(f"{moment:%Y%m%d%H%M%S.%f}", place=place, kind=PlantedKind.DATE)


def _add_dimensions(dataset: Dataset, session: Session, series: SeriesPlan) -> None:
    uid = session.uids.new(series.began, place="DimensionOrganizationSequence/DimensionOrganizationUID")
    dataset.DimensionOrganizationSequence = _group(DimensionOrganizationUID=uid)
    dataset.DimensionIndexSequence = Sequence(
        _set(
            Dataset(),
            {
                "DimensionOrganizationUID": uid,
                "DimensionIndexPointer": Tag(keyword),
                "FunctionalGroupPointer": Tag("FrameContentSequence"),
            },
        )
        for keyword in _DIMENSIONS
    )


def _evidence(session: Session) -> Sequence:
    """List the localizer that the shared groups refer to, with its study and series."""
    series = session.uids.new(session.visit.starts, place="ReferencedImageEvidenceSequence/SeriesInstanceUID")
    image = _group(
        ReferencedSOPClassUID=EnhancedMRImageStorage,
        ReferencedSOPInstanceUID=session.reference_images[0],
        PurposeOfReferenceCodeSequence=code("121311", "DCM", "Localizer"),
    )
    within = _group(SeriesInstanceUID=series, ReferencedSOPSequence=image)
    return _group(StudyInstanceUID=session.study_uid, ReferencedSeriesSequence=within)


def _shared(session: Session, series: SeriesPlan, *, grid: Grid) -> Dataset:
    """Compose what holds for all frames."""
    shared = Dataset()
    reference = session.reference_images[0]
    shared.ReferencedImageSequence = _group(
        ReferencedSOPClassUID=EnhancedMRImageStorage,
        ReferencedSOPInstanceUID=reference,
        PurposeOfReferenceCodeSequence=code("121311", "DCM", "Localizer"),
        ReferencedFrameNumber=1,
    )
    shared.FrameAnatomySequence = _group(FrameLaterality="U", AnatomicRegionSequence=code("12738006", "SCT", "Brain"))
    for keyword, values in _SHARED_GROUPS.items():
        setattr(shared, keyword, _group(**values))
    timing = shared.MRTimingAndRelatedParametersSequence[0]
    timing.OperatingModeSequence = _group(OperatingModeType="GRADIENT", OperatingMode="IEC_FIRST_LEVEL")
    timing.SpecificAbsorptionRateSequence = _group(
        SpecificAbsorptionRateDefinition="IEC_HEAD", SpecificAbsorptionRateValue=0.43
    )
    shared.MRReceiveCoilSequence = _receive_coil()
    field_of_view = shared.MRFOVGeometrySequence[0]
    field_of_view.MRAcquisitionFrequencyEncodingSteps = grid.shape[2]
    field_of_view.MRAcquisitionPhaseEncodingStepsInPlane = grid.shape[1]
    _add_protocol(shared, session, series, grid=grid)
    return shared


def _receive_coil() -> Sequence:
    coil = _set(
        Dataset(),
        {
            "ReceiveCoilName": "HeadNeck_64",
            "ReceiveCoilManufacturerName": "",
            "ReceiveCoilType": "MULTICOIL",
            "QuadratureReceiveCoil": "NO",
        },
    )
    elements = [_set(Dataset(), {"MultiCoilElementName": f"H{i}", "MultiCoilElementUsed": "YES"}) for i in range(1, 5)]
    coil.MultiCoilDefinitionSequence = Sequence(elements)
    return Sequence([coil])


def _add_protocol(shared: Dataset, session: Session, series: SeriesPlan, *, grid: Grid) -> None:
    """Add the protocol text where XA software keeps it: a private sequence in the shared functional groups."""
    inner = Dataset()
    text = protocol_text(session, series, grid=grid).encode("latin-1", "replace")
    block = inner.private_block(0x0021, "SIEMENS MR SDS 01", create=True)
    block.add_new(0x19, "OB", text + b"\x00" * (len(text) % 2))
    block.add_new(0x22, "SH", "USER")
    shared.private_block(0x0021, "SIEMENS MR SDS 01", create=True).add_new(0xFE, "SQ", Sequence([inner]))


def _frame(session: Session, series: SeriesPlan, *, grid: Grid, volume: int, index: int, gradient: Gradient) -> Dataset:
    """Compose what differs from frame to frame."""
    frame = Dataset()
    slice_ms = interleaved_times(grid.shape[0], _VOLUME_SECONDS * 1000)[index]
    began = series.began + timedelta(seconds=_VOLUME_SECONDS * volume, milliseconds=slice_ms)
    acquired = _moment(
        session, began, place="PerFrameFunctionalGroupsSequence/FrameContentSequence/FrameAcquisitionDateTime"
    )
    frame.FrameContentSequence = _group(
        FrameAcquisitionDateTime=acquired,
        FrameReferenceDateTime=acquired,
        FrameAcquisitionDuration=_VOLUME_SECONDS * 1000 / grid.shape[0],
        FrameAcquisitionNumber=volume + 1,
        StackID="1",
        InStackPositionNumber=index + 1,
        TemporalPositionIndex=volume + 1,
        DimensionIndexValues=[1, index + 1, volume + 1],
    )
    position = [decimal(round(value, 6)) for value in grid.position(index).tolist()]
    frame.PlanePositionSequence = _group(ImagePositionPatient=position)
    # Shared by all frames, but written per frame as Siemens does: converters rely on it to tell volumes apart.
    frame.PlaneOrientationSequence = _group(ImageOrientationPatient=list(map(decimal, grid.orientation())))
    frame.PixelMeasuresSequence = _group(
        SliceThickness=decimal(grid.spacing[0]),
        SpacingBetweenSlices=decimal(grid.spacing[0]),
        PixelSpacing=[decimal(grid.spacing[1]), decimal(grid.spacing[2])],
    )
    frame.MRDiffusionSequence = _diffusion(gradient)
    frame.MREchoSequence = _group(EffectiveEchoTime=74.0)
    frame.MRAveragesSequence = _group(NumberOfAverages="1")
    frame.MRImageFrameTypeSequence = _group(FrameType=_FRAME_TYPE, **_LOOK)
    frame.FrameVOILUTSequence = _group(WindowCenter="450", WindowWidth="900")
    frame.PixelValueTransformationSequence = _group(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
    _add_frame_private(frame, session, seconds=slice_ms / 1000)
    return frame


def _diffusion(gradient: Gradient) -> Sequence:
    b_value, direction = gradient
    item = Dataset()
    item.DiffusionBValue = float(b_value)
    item.DiffusionDirectionality = "DIRECTIONAL" if b_value else "NONE"
    if b_value:
        item.DiffusionGradientDirectionSequence = _group(DiffusionGradientOrientation=list(direction))
    return Sequence([item])


def _add_frame_private(frame: Dataset, session: Session, *, seconds: float) -> None:
    inner = Dataset()
    _claim_second_block(inner)
    block = inner.private_block(0x0021, "SIEMENS MR SDI 02")
    history = session.ledger.plant(
        f"moved, {session.visit.performer.split('^')[0]} repeated", kind=PlantedKind.FREE_TEXT,
        place="PerFrameFunctionalGroupsSequence/SIEMENS MR SDI 02/xx76",
    )  # fmt: skip
    block.add_new(0x04, "DS", decimal(seconds))
    block.add_new(0x1C, "IS", "1")
    block.add_new(0x53, "FD", 20.73)
    block.add_new(0x76, "LO", history)
    _claim_second_block(frame)
    frame.add_new((0x0021, 0x11FE), "SQ", Sequence([inner]))


def _claim_second_block(dataset: Dataset) -> None:
    """Reserve block 11 of group 0021: block 10 is taken by the shared groups, and the two must not clash."""
    dataset.add_new((0x0021, 0x0011), "LO", "SIEMENS MR SDI 02")


def six_directions(b_value: float) -> tuple[Gradient, ...]:
    """List one volume without weighting and six with it, in the directions that fill a sphere best (icosahedron)."""
    golden = (1 + np.sqrt(5)) / 2
    corners = np.array(
        [(0, 1, golden), (0, 1, -golden), (1, golden, 0), (1, -golden, 0), (golden, 0, 1), (-golden, 0, 1)]
    )
    units = corners / np.linalg.norm(corners, axis=1, keepdims=True)
    weighted = tuple((float(b_value), (float(x), float(y), float(z))) for x, y, z in units)
    return ((0.0, (0.0, 0.0, 0.0)), *weighted)


_LOOK: Mapping[str, object] = {
    "PixelPresentation": "MONOCHROME",
    "VolumetricProperties": "VOLUME",
    "VolumeBasedCalculationTechnique": "NONE",
    "ComplexImageComponent": "MAGNITUDE",
    "AcquisitionContrast": "DIFFUSION",
}
_PULSE_SEQUENCE: Mapping[str, object] = {
    "SoftwareVersions": "syngo MR XA30",
    "MRAcquisitionType": "2D",
    "MagneticFieldStrength": "3",
    "ContentQualification": "RESEARCH",
    "PulseSequenceName": "*ep2d_diff",
    "EchoPulseSequence": "SPIN",
    "MultipleSpinEcho": "NO",
    "MultiPlanarExcitation": "NO",
    "PhaseContrast": "NO",
    "TimeOfFlightContrast": "NO",
    "SteadyStatePulseSequence": "NONE",
    "EchoPlanarPulseSequence": "YES",
    "SaturationRecovery": "NO",
    "SpectrallySelectedSuppression": "FAT",
    "OversamplingPhase": "NONE",
    "GeometryOfKSpaceTraversal": "RECTILINEAR",
    "SegmentedKSpaceTraversal": "SINGLE",
    "RectilinearPhaseEncodeReordering": "LINEAR",
    "NumberOfKSpaceTrajectories": 1,
    "KSpaceFiltering": "NONE",
    "ResonantNucleus": "1H",
    "ApplicableSafetyStandardAgency": "IEC",
    "ApplicableSafetyStandardDescription": "IEC 60601-2-33",
    "BurnedInAnnotation": "NO",
    "LossyImageCompression": "00",
    "PresentationLUTShape": "IDENTITY",
}
_SHARED_GROUPS: Mapping[str, Mapping[str, object]] = {
    "MRImagingModifierSequence": {
        "MagnetizationTransfer": "NONE",
        "BloodSignalNulling": "NO",
        "Tagging": "NONE",
        "TransmitterFrequency": 123.25,
        "PixelBandwidth": "1736",
    },
    "MRTransmitCoilSequence": {
        "TransmitCoilName": "Body",
        "TransmitCoilManufacturerName": "",
        "TransmitCoilType": "BODY",
    },
    "MRTimingAndRelatedParametersSequence": {
        "RepetitionTime": "3500",
        "FlipAngle": "90",
        "EchoTrainLength": 48,
        "RFEchoTrainLength": 1,
        "GradientEchoTrainLength": 48,
        "GradientOutputType": "PER_NERVE_STIM",
        "GradientOutput": 0.81,
    },
    "MRModifierSequence": {
        "InversionRecovery": "NO",
        "FlowCompensation": "NONE",
        "Spoiling": "NONE",
        "T2Preparation": "NO",
        "SpectrallySelectedExcitation": "NONE",
        "SpatialPresaturation": "NONE",
        "PartialFourier": "NO",
        "ParallelAcquisition": "NO",
    },
    "MRFOVGeometrySequence": {
        "InPlanePhaseEncodingDirection": "COLUMN",
        "PercentSampling": "100",
        "PercentPhaseFieldOfView": "100",
    },
}
