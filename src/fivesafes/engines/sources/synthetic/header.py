"""The parts of a header that have nothing to do with physics: patient, study, series, equipment, and the file around.

This is where sites leave what identifies: in standard attributes, in sequences several levels deep, and in typed texts.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from fivesafes.engines.sources.synthetic.csa import even
from fivesafes.engines.sources.synthetic.people import age_on
from fivesafes.engines.sources.synthetic.planted import Ledger, PlantedKind
from fivesafes.engines.sources.synthetic.session import UID_ROOT, UNICODE, SeriesPlan, Session

Row = tuple[str, str, PlantedKind]
_NAME, _ID, _DATE, _TIME = PlantedKind.NAME, PlantedKind.IDENTIFIER, PlantedKind.DATE, PlantedKind.TIME
_CONTACT, _TEXT, _PLACE, _DEVICE = (
    PlantedKind.CONTACT,
    PlantedKind.FREE_TEXT,
    PlantedKind.INSTITUTION,
    PlantedKind.DEVICE,
)
_PREAMBLE_BYTES = 128


def decimal(value: float) -> str:
    """Write a number as a DICOM decimal string (DS): at most 16 characters (PS3.5 table 6.2-1)."""
    return f"{value + 0.0:.9g}"


def common_header(session: Session, series: SeriesPlan, *, sop_class: str) -> Dataset:
    """Compose what all instances of a series say of patient, study, series and equipment."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = series.charset
    dataset.SOPClassUID = sop_class
    dataset.Modality = "MR"
    _fill(dataset, _patient(session, series), session.ledger)
    _fill(dataset, _study(session), session.ledger)
    _fill(dataset, _equipment(session), session.ledger)
    _fill(dataset, _procedure(session, series), session.ledger)
    _add_plain(dataset, session, series)
    dataset.OtherPatientIDsSequence = _items(_other_ids(session))
    dataset.RequestAttributesSequence = _items(_request(session, series))
    dataset.OperatorIdentificationSequence = _items(_operator(session))
    dataset.ContributingEquipmentSequence = _items(_equipment_before(session))
    dataset.OriginalAttributesSequence = _items(_attributes_before(session))
    return dataset


def stamp_instance(dataset: Dataset, session: Session, *, number: int, moment: datetime) -> str:
    """Give an instance its number, its UID and its moments; returns the UID."""
    uid = session.uids.new(moment, place="SOPInstanceUID")
    dataset.SOPInstanceUID = uid
    dataset.InstanceNumber = number
    ledger = session.ledger
    for day, clock in (("InstanceCreationDate", "InstanceCreationTime"), ("ContentDate", "ContentTime")):
        setattr(dataset, day, ledger.plant_date(moment.date(), place=day))
        setattr(dataset, clock, ledger.plant_time(moment.time(), place=clock))
    return uid


def stamp_acquisition(dataset: Dataset, session: Session, *, number: int, moment: datetime) -> None:
    """Say when an instance of a classic series was acquired."""
    dataset.AcquisitionNumber = number
    dataset.AcquisitionDate = session.ledger.plant_date(moment.date(), place="AcquisitionDate")
    dataset.AcquisitionTime = session.ledger.plant_time(moment.time(), place="AcquisitionTime")


def save_instance(dataset: Dataset, path: Path, session: Session) -> None:
    """Write a file with what exports leave around a data set: preamble, private file meta, trailing padding."""
    visit, plant = session.visit, session.ledger.plant
    who = plant(f"{visit.operator.split('^')[0]} exported {visit.accession}", place="preamble", kind=_TEXT)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(f"{UID_ROOT}.1")
    meta.ImplementationVersionName = "SYNTHETIC_MR_1"
    meta.SourceApplicationEntityTitle = plant(
        f"MR{visit.serial}HALL", place="file meta/SourceApplicationEntityTitle", kind=_DEVICE
    )
    meta.PrivateInformationCreatorUID = UID(f"{UID_ROOT}.2")
    inside = plant(
        f"archived as {session.person.other_id}/{visit.study_id}", place="file meta/PrivateInformation", kind=_TEXT
    )
    meta.PrivateInformation = even(inside.encode("ascii"))
    dataset.file_meta = meta
    dataset.preamble = who.encode("ascii")[:_PREAMBLE_BYTES].ljust(_PREAMBLE_BYTES, b"\x00")
    padding = plant(f"left over: {session.person.email}", place="DataSetTrailingPadding", kind=_CONTACT)
    dataset.DataSetTrailingPadding = even(padding.encode("ascii"))
    dataset.save_as(path, enforce_file_format=True)


def code(value: str, scheme: str, meaning: str) -> Sequence:
    """Compose a code sequence of one item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def _fill(dataset: Dataset, rows: Iterable[Row], ledger: Ledger, *, inside: str = "") -> Dataset:
    """Set each attribute to its text and note the text under its place."""
    for keyword, text, kind in rows:
        place = f"{inside}/{keyword}" if inside else keyword
        if kind is _NAME:
            ledger.plant_name(text, place=place)
        else:
            ledger.plant(text, place=place, kind=kind)
        setattr(dataset, keyword, text)
    return dataset


def _items(*items: Dataset) -> Sequence:
    return Sequence(items)


def _patient(session: Session, series: SeriesPlan) -> list[Row]:
    person = session.person
    return [
        ("PatientName", person.full_name if series.charset == UNICODE else person.name, _NAME),
        ("PatientID", person.patient_id, _ID),
        ("IssuerOfPatientID", f"{session.visit.institution.split()[0]} registry", _PLACE),
        ("PatientBirthDate", f"{person.born:%Y%m%d}", _DATE),
        ("PatientBirthTime", f"{person.born_at:%H%M%S.%f}", _TIME),
        ("OtherPatientIDs", f"{person.patient_id}-OLD", _ID),
        ("PatientBirthName", person.birth_name, _NAME),
        ("PatientMotherBirthName", person.mother, _NAME),
        ("PatientAddress", person.address, _CONTACT),
        ("PatientTelephoneNumbers", person.phone, _CONTACT),
        ("InsurancePlanIdentification", person.insurance, _ID),
        ("MedicalRecordLocator", f"shelf {person.other_id[-4:]} by the lift", _ID),
        ("ResponsiblePerson", f"{session.visit.companion}^Hyacintha", _NAME),
        ("Occupation", f"keeper of {person.other_id[-5:]}", _TEXT),
        ("AdditionalPatientHistory", f"seen at {session.visit.department}, {person.other_id}", _TEXT),
        ("PatientComments", f"{session.visit.note}; mail {person.email}", _TEXT),
    ]


def _study(session: Session) -> list[Row]:
    visit = session.visit
    return [
        ("StudyDate", f"{visit.starts:%Y%m%d}", _DATE),
        ("StudyTime", f"{visit.starts:%H%M%S.%f}", _TIME),
        ("AccessionNumber", visit.accession, _ID),
        ("ReferringPhysicianName", visit.referrer, _NAME),
        ("ReferringPhysicianTelephoneNumbers", f"{visit.note_phone} 2", _CONTACT),
        ("RequestingPhysician", visit.requester, _NAME),
        ("StudyID", visit.study_id, _ID),
        ("StudyDescription", f"Brain^{visit.requester.split('^')[0]}", _TEXT),
        ("AdmissionID", f"ADM{visit.accession[1:]}", _ID),
    ]


def _equipment(session: Session) -> list[Row]:
    visit = session.visit
    return [
        ("InstitutionName", visit.institution, _PLACE),
        ("InstitutionAddress", visit.institution_address, _PLACE),
        ("InstitutionalDepartmentName", visit.department, _PLACE),
        ("StationName", visit.station, _DEVICE),
        ("DeviceSerialNumber", f"SN-{visit.serial}", _DEVICE),
        ("GantryID", f"G-{visit.serial}", _DEVICE),
    ]


def _procedure(session: Session, series: SeriesPlan) -> list[Row]:
    visit = session.visit
    return [
        ("SeriesDate", f"{series.began:%Y%m%d}", _DATE),
        ("SeriesTime", f"{series.began:%H%M%S.%f}", _TIME),
        ("PerformingPhysicianName", visit.performer, _NAME),
        ("OperatorsName", visit.operator, _NAME),
        ("PerformedProcedureStepStartDate", f"{visit.starts:%Y%m%d}", _DATE),
        ("PerformedProcedureStepStartTime", f"{visit.starts:%H%M%S.%f}", _TIME),
        ("PerformedProcedureStepID", f"MR{visit.starts:%Y%m%d%H%M%S}", _ID),
        ("PerformedProcedureStepDescription", f"Brain study of {visit.requester.split('^')[0]}", _TEXT),
        ("CommentsOnThePerformedProcedureStep", f"ring {visit.companion} on {visit.note_phone}", _TEXT),
        ("ImageComments", f"series {series.number}: {visit.companion} waits outside", _TEXT),
    ]


def _add_plain(dataset: Dataset, session: Session, series: SeriesPlan) -> None:
    """Add what identifies nobody by itself."""
    person, visit = session.person, session.visit
    plain: dict[str, object] = {
        "PatientSex": person.sex,
        "PatientAge": f"{age_on(visit.starts.date(), born=person.born):03d}Y",
        "PatientSize": decimal(person.size_m),
        "PatientWeight": decimal(person.weight_kg),
        "ResponsiblePersonRole": "CARETAKER",
        "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "Prisma_fit",
        "SoftwareVersions": "syngo MR E11",
        "BodyPartExamined": "BRAIN",
        "PatientPosition": "HFS",
        "StudyInstanceUID": session.study_uid,
        "SeriesInstanceUID": series.uid,
        "SeriesNumber": series.number,
        "SeriesDescription": series.description,
        "ProtocolName": series.protocol,
        "FrameOfReferenceUID": session.frame_of_reference,
        "PositionReferenceIndicator": "",
        "TimezoneOffsetFromUTC": "+1000",
    }
    for keyword, value in plain.items():
        setattr(dataset, keyword, value)


def _other_ids(session: Session) -> Dataset:
    rows: list[Row] = [
        ("PatientID", session.person.other_id, _ID),
        ("IssuerOfPatientID", f"payroll of {session.visit.institution}", _PLACE),
    ]
    item = _fill(Dataset(), rows, session.ledger, inside="OtherPatientIDsSequence")
    item.TypeOfPatientID = "TEXT"
    return item


def _request(session: Session, series: SeriesPlan) -> Dataset:
    """Compose a request whose protocol context hides a name five sequences deep."""
    visit, ledger = session.visit, session.ledger
    inside = "RequestAttributesSequence"
    rows: list[Row] = [
        ("AccessionNumber", f"{visit.accession}-{series.number}", _ID),
        ("RequestedProcedureID", f"RP{visit.accession[2:]}", _ID),
        ("RequestedProcedureDescription", f"brain for {visit.referrer.split('^')[0]}", _TEXT),
        ("ScheduledProcedureStepID", f"SPS{visit.study_id[2:]}", _ID),
    ]
    item = _fill(Dataset(), rows, ledger, inside=inside)
    protocol = code("MRBRAIN", "99SITE", "MR brain")[0]
    context = _content("121126", "Comment")
    modifier = _content("121008", "Person Observer Name")
    hidden = ledger.plant(
        f"told by {visit.companion}'s cousin", place=f"{inside}/ScheduledProtocolCodeSequence/ProtocolContextSequence"
        "/ContentItemModifierSequence/ConceptNameCodeSequence/CodeMeaning", kind=_TEXT,
    )  # fmt: skip
    modifier.ConceptNameCodeSequence[0].CodeMeaning = hidden
    modifier.TextValue = ledger.plant(
        f"bed {visit.accession[-3:]}, window side", kind=_TEXT,
        place=f"{inside}/ScheduledProtocolCodeSequence/ProtocolContextSequence/ContentItemModifierSequence/TextValue",
    )  # fmt: skip
    context.ContentItemModifierSequence = _items(modifier)
    protocol.ProtocolContextSequence = _items(context)
    item.ScheduledProtocolCodeSequence = _items(protocol)
    return item


def _content(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.ValueType = "TEXT"
    item.ConceptNameCodeSequence = code(value, "DCM", meaning)
    item.TextValue = "as planned"
    return item


def _operator(session: Session) -> Dataset:
    visit = session.visit
    inside = "OperatorIdentificationSequence"
    rows: list[Row] = [
        ("PersonAddress", f"staff house {visit.serial[-2:]}, {visit.institution_address.split(', ')[1]}", _CONTACT),
        ("PersonTelephoneNumbers", f"{visit.note_phone}-77", _CONTACT),
        ("InstitutionName", f"{visit.institution} Staff Agency", _PLACE),
    ]
    item = _fill(Dataset(), rows, session.ledger, inside=inside)
    badge = session.ledger.plant(
        f"BADGE{visit.serial}7", place=f"{inside}/PersonIdentificationCodeSequence/CodeValue", kind=_ID
    )
    item.PersonIdentificationCodeSequence = code(badge, "99SITE", "badge")
    return item


def _equipment_before(session: Session) -> Dataset:
    visit = session.visit
    rows: list[Row] = [
        ("InstitutionName", f"{visit.institution} Archive", _PLACE),
        ("StationName", f"PACS{visit.serial}", _DEVICE),
        ("ContributionDateTime", f"{visit.starts:%Y%m%d%H%M%S.%f}", _DATE),
    ]
    item = _fill(Dataset(), rows, session.ledger, inside="ContributingEquipmentSequence")
    item.Manufacturer = "Made-up Archives"
    item.PurposeOfReferenceCodeSequence = code("109103", "DCM", "Modifying Equipment")
    return item


def _attributes_before(session: Session) -> Dataset:
    """Compose the record of a corrected registration: it keeps the wrong identity beside the right one."""
    person = session.person
    inside = "OriginalAttributesSequence"
    rows: list[Row] = [
        ("PatientID", f"X{person.patient_id[1:]}", _ID),
        ("PatientName", f"{person.mother.split('^')[0]}^Quilliana", _NAME),
    ]
    before = _fill(Dataset(), rows, session.ledger, inside=f"{inside}/ModifiedAttributesSequence")
    item = _fill(
        Dataset(),
        [
            ("AttributeModificationDateTime", f"{session.visit.starts:%Y%m%d}235911.000000", _DATE),
            ("ModifyingSystem", f"RIS-{session.visit.serial}", _DEVICE),
            ("SourceOfPreviousValues", f"{session.visit.institution} front desk", _PLACE),
        ],
        session.ledger,
        inside=inside,
    )
    item.ModifiedAttributesSequence = _items(before)
    item.ReasonForTheAttributeModification = "CORRECT"
    return item
