"""Look at one file once: what it is, whose, and whether it is whole.  Nothing of it is believed by its name."""

import re
from pathlib import Path
from typing import Final

from attrs import field, frozen
from pydicom._uid_dict import UID_dictionary

from fivesafes.core.ids import Identifying
from fivesafes.data.header.content import read_beginning, read_content, read_head, size_of
from fivesafes.data.header.cursor import Buffer
from fivesafes.data.header.elements import PIXEL_DATA, Element, Encoding
from fivesafes.data.header.malformed import Malformed, no_identity, no_pixels, truncated
from fivesafes.data.header.mapped import digest_of
from fivesafes.data.header.part10 import NATIVE, DataSet, open_data_set
from fivesafes.data.header.pixels import SAID_OF_PIXELS, expected_length
from fivesafes.data.header.scanner import Pattern, look, readable_elements
from fivesafes.data.header.shut import shut
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


_WANTED: Final = frozenset({*_TAGS.values(), *SAID_OF_PIXELS, CHARACTER_SET, PIXEL_DATA, _DIRECTORY_RECORDS})


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


@frozen(kw_only=True)
class Identity:
    """Of one readable DICOM object no more than which it is, and whose; see ``Instance``."""

    sop_instance_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    patient: Identifying[str]


def inspect(path: Path) -> Instance | SetAside:
    """Read a file once and say what it is; every file has an answer, none raises."""
    return examine(path)[0]


def examine(path: Path) -> tuple[Instance | SetAside, DataSet | None]:
    """Do as ``inspect`` does, and give the data set of what is readable as well."""
    content: Buffer = b""
    try:
        content = read_content(path)
        data_set = open_data_set(content)
        return _instance(path, content, data_set), data_set
    except Malformed as malformed:
        return _set_aside(path, malformed, content), None


class Identifier:
    """Reads files once and says which objects they are; it remembers how headers look, as they are much alike."""

    def __init__(self) -> None:
        """Have seen no header yet."""
        self._patterns: dict[Encoding, Pattern] = {}

    def identify(self, path: Path) -> Identity | SetAside:
        """Say what ``inspect`` does, but less of it; every file has an answer, none raises."""
        content: Buffer = b""
        try:
            content, beyond = read_beginning(path)
            try:
                texts, patient = self._told(content, beyond)
            except Malformed:
                if not beyond:
                    raise
                content = read_content(path)  # its header is long, its pixels are compressed, or it is broken
                texts, patient = self._told(content, 0)
        except Malformed as malformed:
            return _set_aside(path, malformed, content)
        return Identity(
            sop_instance_uid=texts["SOPInstanceUID"],
            series_uid=texts["SeriesInstanceUID"],
            study_uid=texts["StudyInstanceUID"],
            patient=patient,
        )

    def _told(self, content: Buffer, beyond: int) -> tuple[dict[str, str], Identifying[str]]:
        """Give the texts and the participant that contents tell of, behind which so many bytes follow in the file."""
        data_set = open_data_set(content)
        pattern = self._patterns.setdefault(data_set.encoding, Pattern())
        _, texts, patient = _whole(data_set, pattern, beyond if data_set.buffer is content else 0)
        return texts, patient


def set_aside(path: Path, malformed: Malformed) -> SetAside:
    """Set a file aside whose inner levels turned out to be broken when they were read."""
    try:
        return _set_aside(path, malformed, read_content(path))
    except Malformed as unread:
        return _set_aside(path, unread, b"")


def set_aside_unread(path: Path, malformed: Malformed) -> SetAside:
    """Set a file aside that is too much to be read: whose it is says its beginning, or nothing."""
    head = read_head(path)
    told = shut(head, path) or malformed
    return SetAside(
        path=Identifying(path),
        status=told.status,
        code=told.code,
        why=told.why,
        bytes=size_of(path),
        patient=_named_in(head),
    )


def _whole(
    data_set: DataSet, pattern: Pattern, beyond: int = 0
) -> tuple[dict[int, Element], dict[str, str], Identifying[str]]:
    """Give the elements that are looked at, their texts, and whose it is, of an object that is whole.

    ``beyond`` is how many bytes of the file follow.  Raises Malformed when it is not whole, does not say which it is,
    or is a directory.
    """
    cursor = data_set.cursor()
    cursor.beyond = beyond
    found, _ = look(cursor, _WANTED, frozenset(), pattern)
    if beyond and PIXEL_DATA not in found:
        raise truncated()
    texts = {keyword: plain_text(data_set, found[tag]) if tag in found else "" for keyword, tag in _TAGS.items()}
    if _DIRECTORY_RECORDS in found or texts["SOPClassUID"] == DICOMDIR:
        raise _directory()
    if not all(
        texts[keyword] for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    ):
        raise no_identity()
    _check_pixels(data_set, found)
    return found, texts, patient_of(data_set, found)


def _instance(path: Path, content: Buffer, data_set: DataSet) -> Instance:
    found, texts, patient = _whole(data_set, Pattern(False))  # noqa: FBT003 - for this one
    empty = not texts["PatientID"]
    return Instance(
        path=Identifying(path),
        sha256=digest_of(content),
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


def _set_aside(path: Path, malformed: Malformed, content: Buffer) -> SetAside:
    told = shut(content, path) or malformed
    return SetAside(
        path=Identifying(path),
        status=told.status,
        code=told.code,
        why=told.why,
        sha256=digest_of(content),
        bytes=len(content),
        patient=_named_in(content),
    )


def _named_in(content: Buffer) -> Identifying[str] | None:
    """Name whom a file that can't be used is about, from what of it can be read; None when that says nothing."""
    try:
        data_set = open_data_set(content)
    except Malformed:
        return None
    elements = readable_elements(data_set.buffer, data_set.start, len(data_set.buffer), data_set.encoding)
    found = {element.tag: element for element in elements}
    return patient_of(data_set, found) if found.keys() & {PATIENT_ID, STUDY} else None
