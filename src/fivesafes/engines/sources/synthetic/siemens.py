"""What a Siemens scanner adds of its own: CSA headers, the protocol text inside them, and other private groups.

Field names and element numbers as seen in VB17 and VE11 files; what identifies here is planted and noted.
"""

from collections.abc import Sequence

from attrs import frozen
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from fivesafes.engines.sources.synthetic.csa import CsaField, even, write_csa
from fivesafes.engines.sources.synthetic.grids import Grid
from fivesafes.engines.sources.synthetic.planted import PlantedKind
from fivesafes.engines.sources.synthetic.session import SeriesPlan, Session

CSA_CREATOR = "SIEMENS CSA HEADER"
_TEXT, _UID, _NAME, _ID = PlantedKind.FREE_TEXT, PlantedKind.UID, PlantedKind.NAME, PlantedKind.IDENTIFIER


@frozen(kw_only=True)
class Mosaic:
    """How the slices of one volume were acquired: begin of each in ms, and the phase-encoding bandwidth in Hz."""

    slice_times: tuple[float, ...]
    bandwidth_per_pixel: float


def add_siemens_groups(
    dataset: Dataset, session: Session, series: SeriesPlan, *, grid: Grid, mosaic: Mosaic | None = None
) -> None:
    """Add the groups 0019, 0029 and 0051 that classic images carry."""
    version = session.ledger.plant_date(series.began.date(), place="SIEMENS CSA HEADER/CSAImageHeaderVersion")
    csa = dataset.private_block(0x0029, CSA_CREATOR, create=True)
    csa.add_new(0x08, "CS", "IMAGE NUM 4")
    csa.add_new(0x09, "LO", version)
    csa.add_new(0x10, "OB", even(image_header(session, grid=grid, mosaic=mosaic)))
    csa.add_new(0x18, "CS", "MR")
    csa.add_new(0x19, "LO", version)
    csa.add_new(0x20, "OB", even(series_header(session, series, grid=grid)))
    dataset.private_block(0x0029, "SIEMENS MEDCOM HEADER2", create=True).add_new(0x60, "LO", "com")
    _add_measured(dataset, grid=grid, mosaic=mosaic)
    shown = dataset.private_block(0x0051, "SIEMENS MR HEADER", create=True)
    shown.add_new(0x08, "CS", "IMAGE NUM 4")
    shown.add_new(0x09, "LO", "1.0")
    shown.add_new(0x0B, "LO", _matrix(grid))
    shown.add_new(0x0C, "LO", f"FoV {grid.shape[1] * grid.spacing[1]:.0f}*{grid.shape[2] * grid.spacing[2]:.0f}")
    shown.add_new(0x0F, "LO", "HC1-6")
    shown.add_new(0x13, "SH", "+LPH")


def _add_measured(dataset: Dataset, *, grid: Grid, mosaic: Mosaic | None) -> None:
    measured = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    measured.add_new(0x08, "CS", "IMAGE NUM 4")
    measured.add_new(0x09, "LO", "1.0")
    measured.add_new(0x0F, "SH", "Fast")
    measured.add_new(0x11, "SH", "No")
    measured.add_new(0x15, "FD", grid.first.tolist())
    measured.add_new(0x17, "DS", "1")
    if mosaic:
        measured.add_new(0x0A, "US", grid.shape[0])
        measured.add_new(0x28, "FD", mosaic.bandwidth_per_pixel)
        measured.add_new(0x29, "FD", list(mosaic.slice_times))


def image_header(session: Session, *, grid: Grid, mosaic: Mosaic | None) -> bytes:
    """Encode the CSA image header; what lies behind its field names are bits of an earlier patient's protocol."""
    before = session.ledger.plant(
        f"{session.visit.requester.split('^')[0]}sPrev", place="CSA image header/remnant", kind=_NAME
    )
    ledger = session.ledger
    note = ledger.plant(f"repeat, {session.visit.companion} moved", place="CSA image header/ImageHistory", kind=_TEXT)
    volume = mosaic is not None
    times = mosaic.slice_times if mosaic else ()
    fields = [
        CsaField("EchoLinePosition", "IS", 1, (_number(grid.shape[1] // 2),)),
        CsaField("EchoColumnPosition", "IS", 1, (_number(grid.shape[2] // 2),)),
        CsaField("EchoPartitionPosition", "IS", 1, ("32",)),
        CsaField("UsedChannelMask", "UL", 1),
        CsaField("ICE_Dims", "LO", 1, ("X_1_1_1_1_1_1_1_1_1_1_1_38",)),
        CsaField("B_value", "IS", 1),
        CsaField("ProtocolSliceNumber", "IS", 1, ("0",)),
        CsaField("RealDwellTime", "IS", 1, ("3700",)),
        CsaField("PixelFileName", "UN", 1),
        CsaField("SliceMeasurementDuration", "DS", 1, ("82.5",)),
        CsaField("AcquisitionMatrixText", "SH", 1, (_matrix(grid),)),
        CsaField("MeasuredFourierLines", "IS", 1, ("0",)),
        CsaField("PhaseEncodingDirectionPositive", "IS", 1, ("1",)),
        CsaField("NumberOfImagesInMosaic", "US", 1, (_number(grid.shape[0]),) if volume else ()),
        CsaField("DiffusionGradientDirection", "FD", 3),
        CsaField("SliceNormalVector", "FD", 3, _numbers(grid.normal.tolist())),
        CsaField("TimeAfterStart", "DS", 1, ("0.0",)),
        CsaField("ImaAbsTablePosition", "SL", 3, ("0", "0", "-1085")),
        CsaField("SlicePosition_PCS", "FD", 3, _numbers(grid.first.tolist())),
        CsaField("ImaCoilString", "LO", 1, ("HC1-6",)),
        CsaField("ImaPATModeText", "LO", 1),
        CsaField("B_matrix", "FD", 6),
        CsaField("BandwidthPerPixelPhaseEncode", "FD", 1, _numbers([mosaic.bandwidth_per_pixel]) if mosaic else ()),
        CsaField("MosaicRefAcqTimes", "FD", 0, _numbers(list(times))),
        CsaField("ImageHistory", "LO", 0, ("ChannelMixing:ND=true_CMM=1_CDM=1", note)),
    ]
    return write_csa(fields, remnants=("sGRADSPEC.asGPAData[0]", before, session.reference_images[0][-24:]))


def series_header(session: Session, series: SeriesPlan, *, grid: Grid) -> bytes:
    """Encode the CSA series header with the whole protocol as text."""
    person, ledger = session.person, session.ledger
    where = ledger.plant(
        f"1;HFS;{person.weight_kg:.2f};{person.patient_id}", place="CSA series header/PatReinPattern", kind=_ID
    )
    owner = ledger.plant(
        f"USER {session.visit.performer.split('^')[0]}", place="CSA series header/SequenceFileOwner", kind=_TEXT
    )
    fields = [
        CsaField("UsedPatientWeight", "IS", 1, (_number(round(person.weight_kg)),)),
        CsaField("NumberOfPrescans", "IS", 1, ("0",)),
        CsaField("TransmitterCalibration", "DS", 1, ("316.969644",)),
        CsaField("GradientDelayTime", "DS", 3, ("37.0", "37.0", "36.0")),
        CsaField("SequenceFileOwner", "SH", 1, (owner,)),
        CsaField("CoilForGradient2", "SH", 1, ("AS82",)),
        CsaField("MrProtocolVersion", "IS", 1, ("51130001",)),
        CsaField("PositivePCSDirections", "SH", 1, ("+LPH",)),
        CsaField("ReadoutOS", "FD", 1, ("2.0",)),
        CsaField("CoilString", "LO", 1, ("HC1-6",)),
        CsaField("PatReinPattern", "ST", 1, (where,)),
        CsaField("Isocentered", "US", 1, ("0",)),
        CsaField("MrPhoenixProtocol", "UN", 1, (protocol_text(session, series, grid=grid),)),
        CsaField("GradientMode", "SH", 1, ("Fast",)),
        CsaField("SafetyStandard", "CS", 1, ("IEC",)),
    ]
    return write_csa(fields, remnants=("PhoenixMetaProtocol",))


def protocol_text(session: Session, series: SeriesPlan, *, grid: Grid) -> str:
    """Write the MrPhoenixProtocol: an XProtocol with the parameters as assignments (ASCCONV) inside."""
    ledger, person, visit = session.ledger, session.person, session.visit
    place = "CSA series header/MrPhoenixProtocol"
    name = ledger.plant(person.name.replace("^", ", "), place=f"{place}/PatientName", kind=_NAME)
    case = ledger.plant(f"CASE-{person.patient_id[1:]}", place=f"{place}/PatientID", kind=_ID)
    free = ledger.plant(
        f"tuned for {visit.companion} by {visit.operator.split('^')[0]}",
        place=f"{place}/sWipMemBlock.tFree",
        kind=_TEXT,
    )
    file = ledger.plant(
        f"%CustomerSeq%\\{visit.performer.split('^')[0].lower()}_seq", place=f"{place}/tSequenceFileName", kind=_TEXT
    )
    assigned = [
        "### ASCCONV BEGIN object=MrProtDataImpl@MrProtocolData version=51130001 ###",
        "ulVersion\t = \t51130001",
        f'tSequenceFileName\t = \t""{file}""',
        f'tProtocolName\t = \t""{series.protocol}""',
        *(f'tReferenceImage{i}\t = \t""{uid}""' for i, uid in enumerate(session.reference_images)),
        "lContrasts\t = \t1",
        "sProtConsistencyInfo.flNominalB0\t = \t2.89362001419",
        f"sSliceArray.lSize\t = \t{grid.shape[0]}",
        f"sSliceArray.asSlice[0].dThickness\t = \t{grid.spacing[0]}",
        "sSliceArray.ucMode\t = \t0x4",
        f"sKSpace.lBaseResolution\t = \t{grid.shape[2]}",
        f"sKSpace.lPhaseEncodingLines\t = \t{grid.shape[1]}",
        f'sWipMemBlock.tFree\t = \t""{free}""',
        "### ASCCONV END ###",
    ]  # fmt: skip
    inner = "\n".join(assigned)
    return (
        '<XProtocol> \n{\n  <Name> "PhoenixMetaProtocol" \n  <ID> 1000002 \n  <Userversion> 2.0 \n'
        f'  <ParamString."PatientName"> {{ "{name}" }}\n  <ParamString."PatientID"> {{ "{case}" }}\n'
        f'  <ParamString."Protocol0"> \n  {{\n    "{inner}" \n  }}\n}}\n'
    )


def add_local_groups(dataset: Dataset, session: Session) -> None:
    """Add what a site's own tools leave: typed creators, texts without a VR, a private sequence, an encoded one."""
    person, visit, plant = session.person, session.visit, session.ledger.plant
    database = dataset.private_block(0x0009, "SITE RESEARCH DB", create=True)
    database.add_new(
        0x01, "LO", plant(f"cohort/{person.other_id[4:]}/{visit.number}", place="SITE RESEARCH DB/xx01", kind=_ID)
    )
    unknown = plant(f"next of kin {person.mother.replace('^', ' ')}", place="SITE RESEARCH DB/xx02 (UN)", kind=_TEXT)
    database.add_new(0x02, "UN", even(unknown.encode("ascii")))
    inner = Dataset()
    block = inner.private_block(0x0009, "SITE RESEARCH DB", create=True)
    block.add_new(0x01, "PN", session.ledger.plant_name(f"{visit.companion}^Kin", place="SITE RESEARCH DB/xx10/xx01"))
    inner.PatientComments = plant(
        f"hidden: {person.insurance}", place="SITE RESEARCH DB/xx10/PatientComments", kind=_TEXT
    )
    database.add_new(0x10, "SQ", Items([inner]))
    typed = plant(f"{visit.operator.split('^')[0].upper()} TOOLS", place="private creator (0011,0010)", kind=_NAME)
    tools = dataset.private_block(0x0011, typed, create=True)
    tools.add_new(0x01, "SH", plant(f"run-{visit.study_id[2:]}", place="private (0011,xx01)", kind=_ID))
    encoded = plant(f"kept for {visit.referrer.split('^')[0]}", place="private (0011,xx02) sequence as UN", kind=_TEXT)
    tools.add_new(0x02, "UN", _implicit_sequence(encoded))


def _implicit_sequence(text: str) -> bytes:
    """Encode a sequence holding one ImageComments as VR UN does: implicit little endian (PS3.5 6.2.2)."""
    value = even(text.encode("ascii"))
    element = b"\x20\x00\x00\x40" + len(value).to_bytes(4, "little") + value
    return b"\xfe\xff\x00\xe0" + len(element).to_bytes(4, "little") + element


def _matrix(grid: Grid) -> str:
    return f"{grid.shape[1]}*{grid.shape[2]}"


def _number(value: float) -> str:
    return f"{value:<8}"


def _numbers(values: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{value:.8f}" for value in values)
