"""Made-up series as Siemens scanners of several generations write them (VB17, VE11, XA classic and enhanced)."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from tests.data.header.vendors.common import (
    ENHANCED,
    SIDE,
    Scan,
    classic,
    group,
    item,
    lay,
    person,
    pixels,
    private,
    private_at,
)

from fivesafes.engines.sources.synthetic.csa import CsaField, even, write_csa

_TILES = 4
_DIRECTIONS = ((0, (0.0, 0.0, 0.0)), (1000, (1.0, 0.0, 0.0)), (1000, (0.0, 0.6, 0.8)))
_ASCCONV = """
ulVersion	 = 	51130001
tSequenceFileName	 = 	"%SiemensSeq%\\ep2d_diff"
tProtocolName	 = 	"Lisbeth"
tReferenceImage0	 = 	"1.3.12.2.1107.5.2.43.55512"
sProtConsistencyInfo.tBaselineString	 = 	"N4_VE11C_LATEST_20160120"
sGRADSPEC.asGPAData[0].lOffsetX	 = 	-3215
sGRADSPEC.asGPAData[0].lOffsetY	 = 	2111
sGRADSPEC.asGPAData[0].lOffsetZ	 = 	55
sGRADSPEC.alShimCurrent[0]	 = 	155
sGRADSPEC.alShimCurrent[1]	 = 	-12
sGRADSPEC.alShimCurrent[2]	 = 	7
sGRADSPEC.alShimCurrent[3]	 = 	33
sGRADSPEC.alShimCurrent[4]	 = 	-4
sTXSPEC.asNucleusInfo[0].flReferenceAmplitude	 = 	248.5
lContrasts	 = 	1
lInvContrasts	 = 	1
alTR[0]	 = 	2000000
alTE[0]	 = 	30000
sSliceArray.asSlice[0].dThickness	 = 	3.0
sSliceArray.lSize	 = 	4
sSliceArray.lConc	 = 	1
sSliceArray.ucMode	 = 	0x4
sSliceArray.ucImageNumb	 = 	0x1
sKSpace.lBaseResolution	 = 	16
sKSpace.lPhaseEncodingLines	 = 	16
sKSpace.dPhaseResolution	 = 	0.9
sKSpace.dPhaseOversamplingForDialog	 = 	0.1
sKSpace.ucPhasePartialFourier	 = 	0x8
sKSpace.uc2DInterpolation	 = 	0x0
sFastImaging.lEPIFactor	 = 	16
sFastImaging.lEchoSpacing	 = 	580
sPat.lAccelFactPE	 = 	2
sPat.lAccelFact3D	 = 	1
sPat.lRefLinesPE	 = 	24
sPat.ucPATMode	 = 	0x2
sPat.dTotalAccelFact	 = 	2.0
ucCoilCombineMode	 = 	0x2
sPrepPulses.ucMTC	 = 	0x2
sDiffusion.dsScheme	 = 	0x1
dAveragesDouble	 = 	1.0
lDelayTimeInTR	 = 	500000
sWipMemBlock.tFree	 = 	"made for Lisbeth"
sWipMemBlock.alFree[0]	 = 	12
sCoilSelectMeas.sCoilStringForConversion	 = 	"HEA;HEP"
sCoilSelectMeas.aRxCoilSelectData[0].asList[0].sCoilElementID.tCoilID	 = 	"HeadMatrix"
"""
_SIEMENS = {"Manufacturer": "SIEMENS", "SequenceName": "*epfid2d1_16", "ReceiveCoilName": "HeadMatrix"}


def protocol() -> bytes:
    """Write a protocol: the person in its first part, the parameters between its marks."""
    head = '<XProtocol> { <ParamString."PatientName"> { "Qvist, Lisbeth" } }\n'
    text = f"{head}### ASCCONV BEGIN object=MrProtDataImpl@MrProtocolData ###{_ASCCONV}### ASCCONV END ###\n"
    return even(text.encode("ascii"))


def _image_header(*, b_value: int, direction: tuple[float, ...], mosaic: bool) -> bytes:
    numbers = [f"{value:.8f}" for value in direction]
    fields = [
        CsaField("PatientComment", "LO", 1, ("Qvist",)),
        CsaField("ICE_Dims", "LO", 1, ("X_1_1_1_1_1_1_1_1_1_1_1_38",)),
        CsaField("B_value", "IS", 1, (str(b_value),)),
        CsaField("ProtocolSliceNumber", "IS", 1, ("0",)),
        CsaField("RealDwellTime", "IS", 1, ("3700",)),
        CsaField("SliceMeasurementDuration", "DS", 1, ("82.5",)),
        CsaField("PhaseEncodingDirectionPositive", "IS", 1, ("1",)),
        CsaField("BandwidthPerPixelPhaseEncode", "FD", 1, ("26.939",)),
        CsaField("SliceNormalVector", "FD", 3, ("0.0", "0.0", "1.0")),
        CsaField("ImaRelTablePosition", "IS", 3, ("0", "0", "-12")),
        CsaField("DiffusionGradientDirection", "FD", 3, tuple(numbers) if b_value else ()),
        CsaField("B_matrix", "FD", 6),
    ]
    if mosaic:
        fields.append(CsaField("NumberOfImagesInMosaic", "US", 1, (str(_TILES),)))
        fields.append(CsaField("MosaicRefAcqTimes", "FD", _TILES, ("0.0", "1002.5", "502.5", "1505.0")))
    return even(write_csa(fields, remnants=("Qvist",)))


def _series_header() -> bytes:
    text = protocol().decode("ascii")
    return even(
        write_csa(
            [
                CsaField("SequenceFileOwner", "SH", 1, ("Lisbeth",)),
                CsaField("MrPhoenixProtocol", "UN", 1, (text,)),
            ]
        )
    )


def mosaics(*, version: str, model: str, series: int) -> Scan:
    """Make a diffusion series of mosaics; VB17 tells its weighting in the CSA header only, VE11 outside too."""
    files = []
    for volume, (b_value, direction) in enumerate(_DIRECTIONS):
        dataset = classic(
            {**_SIEMENS, "ManufacturerModelName": model, "SoftwareVersions": f"syngo MR {version}"},
            series=series,
            number=volume + 1,
            rows=2 * SIDE,
            columns=2 * SIDE,
        )
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "ND", "MOSAIC"]
        dataset.SequenceName = "*ep_b0" if not b_value else f"*ep_b1000#{volume}"
        dataset.AcquisitionNumber = volume + 1
        header = _image_header(b_value=b_value, direction=direction, mosaic=True)
        private(dataset, 0x0029, "SIEMENS CSA HEADER", (0x10, "OB", header), (0x20, "OB", _series_header()))
        private(
            dataset, 0x0051, "SIEMENS MR HEADER", (0x0B, "LO", "16p*16"), (0x0F, "LO", "T:HEA;HEP"), (0x11, "LO", "p2")
        )
        measured = [(0x0A, "US", _TILES), (0x28, "FD", 26.939), (0x29, "FD", [0.0, 1002.5, 502.5, 1505.0])]
        if version != "B17":
            measured += [(0x0C, "IS", str(b_value)), (0x14, "IS", ["0", "0", "-12"]), (0x18, "IS", "3700")]
            measured += [(0x0E, "FD", list(direction))] if b_value else []
        private(dataset, 0x0019, "SIEMENS MR HEADER", *measured)
        files.append(dataset)
    keys = {
        *("bval", "bvec", "SliceTiming", "EffectiveEchoSpacing", "TotalReadoutTime", "PhaseEncodingDirection"),
        *("BandwidthPerPixelPhaseEncode", "ShimSetting", "TxRefAmp", "DiffusionScheme", "PhaseResolution"),
        *("PhaseOversampling", "BaseResolution", "ParallelReductionFactorInPlane", "PartialFourier", "RefLinesPE"),
        *("CoilCombinationMethod", "MatrixCoilMode", "DelayTime", "DerivedVendorReportedEchoSpacing"),
        *("ReceiveCoilActiveElements", "PulseSequenceDetails", "WipMemBlock", "ConsistencyInfo"),
    }
    return Scan(files=tuple(files), keys=frozenset(keys), volumes=len(_DIRECTIONS))


def xa_classic(*, series: int) -> Scan:
    """Make slices as XA software exports them when asked for classic images: no CSA headers, group 0021 instead."""
    files = []
    for volume in range(2):
        for index in range(3):
            number = volume * 3 + index + 1
            dataset = classic(
                {**_SIEMENS, "Manufacturer": "Siemens Healthineers", "ManufacturerModelName": "MAGNETOM Vida"},
                series=series,
                number=number,
            )
            dataset.SoftwareVersions = "syngo MR XA30"
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "FMRI", "NONE"]
            dataset.AcquisitionNumber = volume + 1
            dataset.AcquisitionTime = f"1015{30 + 2 * volume:02}.{index * 400000:06}"
            lay(dataset, index)
            _add_sds(dataset)
            _add_sdi(dataset, index=index, frame=number)
            files.append(dataset)
    keys = {*_SHARED_XA, "EffectiveEchoSpacing", "PhaseEncodingDirection"}
    return Scan(files=tuple(files), keys=frozenset(keys), volumes=2)


_SHARED_XA = ("ShimSetting", "TxRefAmp", "BaseResolution", "PhaseResolution", "RefLinesPE", "ReceiveCoilActiveElements")


def _add_sds(dataset: Dataset) -> None:
    private_at(
        dataset,
        0x00210010,
        "SIEMENS MR SDS 01",
        (0x05, "IS", ["0", "0", "-12"]),
        (0x09, "LO", "p2"),
        (0x19, "OB", protocol()),
        (0x3F, "UT", "Head_Lisbeth"),
        (0x5A, "CS", "EP"),
        (0x5B, "CS", ["SK", "SS"]),
        (0x5C, "CS", "PFP"),
    )


def _add_sdi(dataset: Dataset, *, index: int, frame: int) -> None:
    private_at(
        dataset,
        0x00210011,
        "SIEMENS MR SDI 02",
        (0x04, "DS", f"{(index * 0.6075) % 1.8:.4f}"),
        (0x06, "LO", f"X_1_1_1_1_{frame}_1_1_{index + 1}_1_1_1_277"),
        (0x1C, "IS", "1"),
        (0x42, "IS", "3700"),
        (0x4F, "LO", "HEA;HEP"),
        (0x53, "FD", 26.939),
        (0x58, "SH", "16p*16"),
        (0x75, "CS", ["ORIGINAL", "PRIMARY", "M", "ND"]),
        (0x8A, "IS", str(frame)),
    )


def xa_enhanced(*, series: int) -> Scan:
    """Make one enhanced multi-frame image: diffusion, private sequences in the shared and in each frame's groups."""
    dataset = person(ENHANCED, series=series, number=1)
    for keyword, value in _ENHANCED.items():
        setattr(dataset, keyword, value)
    shared = Dataset()
    for keyword, values in _SHARED.items():
        setattr(shared, keyword, group(**values))
    inner = Dataset()
    _add_sds(inner)
    private_at(shared, 0x00210010, "SIEMENS MR SDS 01", (0xFE, "SQ", Items([inner])))
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    frames = [_frame(volume=volume, index=index) for volume in range(len(_DIRECTIONS)) for index in range(3)]
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    dataset.NumberOfFrames = len(frames)
    dataset.Rows = dataset.Columns = SIDE
    dataset.PixelData = b"".join(pixels(series * 1000 + number) for number in range(len(frames)))
    dataset["PixelData"].VR = "OW"
    keys = {*_SHARED_XA, "bval", "bvec", "SliceTiming", "EffectiveEchoSpacing", "PhaseEncodingDirection"}
    return Scan(files=(dataset,), keys=frozenset(keys), volumes=len(_DIRECTIONS))


def _frame(*, volume: int, index: int) -> Dataset:
    b_value, direction = _DIRECTIONS[volume]
    number = volume * 3 + index + 1
    frame = Dataset()
    frame.FrameContentSequence = group(
        FrameAcquisitionDateTime=f"202601311015{30 + 2 * volume:02}.{index * 407500:06}",
        FrameAcquisitionNumber=volume + 1,
        StackID="1",
        InStackPositionNumber=index + 1,
        TemporalPositionIndex=volume + 1,
        DimensionIndexValues=[1, index + 1, volume + 1],
    )
    frame.PlanePositionSequence = group(ImagePositionPatient=["-24", "-24", f"{3.3 * index:.1f}"])
    frame.PlaneOrientationSequence = group(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])
    frame.PixelMeasuresSequence = group(SliceThickness="3", SpacingBetweenSlices="3.3", PixelSpacing=["3", "3"])
    diffusion = item(DiffusionBValue=float(b_value), DiffusionDirectionality="DIRECTIONAL" if b_value else "NONE")
    if b_value:
        diffusion.DiffusionGradientDirectionSequence = group(DiffusionGradientOrientation=list(direction))
    frame.MRDiffusionSequence = Items([diffusion])
    frame.MREchoSequence = group(EffectiveEchoTime=74.0)
    frame.MRAveragesSequence = group(NumberOfAverages="1")
    frame.MRImageFrameTypeSequence = group(FrameType=["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"])
    frame.PixelValueTransformationSequence = group(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
    inner = Dataset()
    _add_sdi(inner, index=index, frame=number)
    private_at(frame, 0x00210011, "SIEMENS MR SDI 02", (0xFE, "SQ", Items([inner])))
    return frame


_ENHANCED: dict[str, object] = {
    "Manufacturer": "Siemens Healthineers",
    "ManufacturerModelName": "MAGNETOM Prisma Fit",
    "SoftwareVersions": "syngo MR XA30",
    "ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"],
    "MRAcquisitionType": "2D",
    "MagneticFieldStrength": "3",
    "PulseSequenceName": "*ep2d_diff",
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
    "MRTimingAndRelatedParametersSequence": {
        "RepetitionTime": "3500",
        "FlipAngle": "90",
        "EchoTrainLength": 16,
        "GradientEchoTrainLength": 16,
    },
    "MRModifierSequence": {
        "ParallelAcquisition": "YES",
        "ParallelAcquisitionTechnique": "GRAPPA",
        "ParallelReductionFactorInPlane": 2.0,
        "PartialFourier": "NO",
    },
    "MRFOVGeometrySequence": {
        "InPlanePhaseEncodingDirection": "COLUMN",
        "MRAcquisitionFrequencyEncodingSteps": SIDE,
        "MRAcquisitionPhaseEncodingStepsInPlane": SIDE,
        "PercentSampling": "100",
        "PercentPhaseFieldOfView": "100",
    },
}
