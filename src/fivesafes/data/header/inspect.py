"""Look at one file once: what it is, whose, and whether it is whole.  Nothing of it is believed by its name."""

import hashlib
import re
from pathlib import Path
from typing import Final

from attrs import field, frozen
from pydicom._uid_dict import UID_dictionary

from fivesafes.core.ids import Identifying
from fivesafes.data.header.content import read_content, read_head, size_of
from fivesafes.data.header.elements import PIXEL_DATA, Element, readable_elements
from fivesafes.data.header.malformed import Malformed, no_identity, no_pixels, truncated
from fivesafes.data.header.part10 import NATIVE, DataSet, open_data_set
from fivesafes.data.header.pixels import expected_length
from fivesafes.data.header.texts import (
    CHARACTER_SET,
    PATIENT_ID,
    STUDY,
    decoded_text,
    keywords_to_tags,
    patient_of,
    plain_text,
)
from fivesafes.data.model import FileStatus, SeriesFacts

DICOMDIR: Final = "1.2.840.10008.1.3.10"
_SERIES_NUMBER: Final = re.compile(r"-?[0-9]{1,12}")
"""IS has at most 12 characters (PS3.5 6.2); Python refuses to read numbers of thousands."""
_DIRECTORY_RECORDS: Final = 0x00041220
_DESCRIPTIONS: Final = ("SeriesDescription", "ProtocolName", "SequenceName")
_TAGS: Final = keywords_to_tags(
    (
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "PatientID",
        "StudyDate",
        "StudyTime",
        "Modality",
        "SeriesNumber",
        "ImageType",
        "MRAcquisitionType",
        "Manufacturer",
        "Rows",
        *_DESCRIPTIONS,
    )
)


@frozen(kw_only=True)
class Instance:
    """One readable DICOM object: the facts that sorting, naming and sealing need.

    ``patient`` names the participant: PatientID, or the study when that is empty (``patient_id`` is then empty).
    ``sha256`` is of the file as it lies there, ``bytes`` its size.  UIDs can embed dates: they are not shown.
    """

    path: Identifying[Path]
    sha256: str
    bytes: int
    sop_instance_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    patient: Identifying[str]
    patient_id: Identifying[str]
    study_date: Identifying[str]
    study_time: Identifying[str]
    modality: str
    sop_class: str
    transfer_syntax: str
    series: SeriesFacts


@frozen(kw_only=True)
class SetAside:
    """One file that does not go on: its status, a stable code and a sentence, none with an identifying value.

    ``patient`` names whose it is, as ``Instance`` does, where its readable part says so.
    """

    path: Identifying[Path]
    status: FileStatus
    code: str
    why: str
    sha256: str = ""
    bytes: int = 0
    patient: Identifying[str] | None = None


def inspect(path: Path) -> Instance | SetAside:
    """Read a file once and say what it is; every file has an answer, none raises."""
    return examine(path)[0]


def examine(path: Path) -> tuple[Instance | SetAside, DataSet | None]:
    """Do as ``inspect`` does, and give the data set of what is readable as well."""
    content = b""
    try:
        content = read_content(path)
        data_set = open_data_set(content)
        return _instance(path, content, data_set), data_set
    except Malformed as malformed:
        return _set_aside(path, malformed, content), None


def set_aside(path: Path, malformed: Malformed) -> SetAside:
    """Set a file aside whose inner levels turned out to be broken when they were read."""
    try:
        return _set_aside(path, malformed, read_content(path))
    except Malformed as unread:
        return _set_aside(path, unread, b"")


def set_aside_unread(path: Path, malformed: Malformed) -> SetAside:
    """Set a file aside that is too much to be read: whose it is says its beginning, or nothing."""
    return SetAside(
        path=Identifying(path),
        status=malformed.status,
        code=malformed.code,
        why=malformed.why,
        bytes=size_of(path),
        patient=_named_in(read_head(path)),
    )


def _instance(path: Path, content: bytes, data_set: DataSet) -> Instance | SetAside:
    found = {element.tag: element for element in data_set.elements()}
    texts = {keyword: plain_text(data_set, found.get(tag)) for keyword, tag in _TAGS.items()}
    if _DIRECTORY_RECORDS in found or texts["SOPClassUID"] == DICOMDIR:
        return _set_aside(path, _directory(), content)
    if not all(
        texts[keyword] for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    ):
        raise no_identity()
    _check_pixels(data_set, found)
    patient = patient_of(data_set, found)
    empty = not texts["PatientID"]
    return Instance(
        path=Identifying(path),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        sop_instance_uid=texts["SOPInstanceUID"],
        series_uid=texts["SeriesInstanceUID"],
        study_uid=texts["StudyInstanceUID"],
        patient=patient,
        patient_id=Identifying("") if empty else patient,
        study_date=Identifying(texts["StudyDate"]),
        study_time=Identifying(texts["StudyTime"]),
        modality=texts["Modality"],
        sop_class=texts["SOPClassUID"],
        transfer_syntax=data_set.syntax,
        series=_series(data_set, found, texts),
    )


def _series(data_set: DataSet, found: dict[int, Element], texts: dict[str, str]) -> SeriesFacts:
    character_set = found.get(CHARACTER_SET)
    descriptions = {
        keyword: decoded_text(data_set, found[_TAGS[keyword]], character_set)
        for keyword in _DESCRIPTIONS
        if _TAGS[keyword] in found
    }
    number = texts["SeriesNumber"]
    return SeriesFacts(
        modality=texts["Modality"],
        series_number=int(number) if _SERIES_NUMBER.fullmatch(number) else None,
        descriptions=Identifying(descriptions),
        image_type=tuple(texts["ImageType"].split("\\")) if texts["ImageType"] else (),
        acquisition_type=texts["MRAcquisitionType"],
        manufacturer=texts["Manufacturer"],
        instances=1,
    )


def _check_pixels(data_set: DataSet, found: dict[int, Element]) -> None:
    """Refuse an image whose pixels are missing or fewer than its header says."""
    pixels = found.get(PIXEL_DATA)
    if pixels is None:
        kind = UID_dictionary.get(plain_text(data_set, found.get(_TAGS["SOPClassUID"])), ("",))[0]
        if _TAGS["Rows"] in found or "Image Storage" in kind:
            raise no_pixels()
        return
    expected = expected_length(data_set, found)
    if not pixels.undefined and data_set.syntax in NATIVE and expected and pixels.end - pixels.start < expected:
        raise truncated()


def _directory() -> Malformed:
    why = "a DICOMDIR lists names and numbers of everyone on the medium; its images are taken by themselves"
    return Malformed(FileStatus.REFUSED, "data.file.dicomdir", why)


def _set_aside(path: Path, malformed: Malformed, content: bytes) -> SetAside:
    return SetAside(
        path=Identifying(path),
        status=malformed.status,
        code=malformed.code,
        why=malformed.why,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        patient=_named_in(content),
    )


def _named_in(content: bytes) -> Identifying[str] | None:
    """Name whom a file that can't be used is about, from what of it can be read; None when that says nothing."""
    try:
        data_set = open_data_set(content)
    except Malformed:
        return None
    elements = readable_elements(data_set.buffer, data_set.start, len(data_set.buffer), data_set.encoding)
    found = {element.tag: element for element in elements}
    return patient_of(data_set, found) if found.keys() & {PATIENT_ID, STUDY} else None
