"""Explicit inclusion: whatever is planted, nothing that no rule names survives, at any depth."""

import struct
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from fivesafes.core.ids import Identifying
from fivesafes.core.verdict import Gravity
from fivesafes.data.header.deidentify import Deidentifier, deidentify
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import Profile, load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

Write = Callable[..., bytes]
Make = Callable[[], Dataset]
KEY = bytes(range(32))
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
TEXT_VRS = {"AE": 16, "CS": 16, "LO": 64, "LT": 99, "PN": 64, "SH": 16, "ST": 99, "UC": 99, "UR": 99, "UT": 99}
PLANTABLE = sorted(
    keyword
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
    if vr in TEXT_VRS and keyword and tag >> 16 > 0x0008 and tag >> 16 not in {0x0018, 0x0020, 0x0028}
)
NAMED = sorted(rule.keyword for rule in load_profile().rules.values() if rule.vrs[0].decode() in TEXT_VRS)
GATES = {"Modality", "BurnedInAnnotation", "ImageType", "PhotometricInterpretation", "SOPClassUID"}
"""What they say decides whether an object passes at all; here it is to pass."""


def _clean(content: bytes, profile: Profile, pseudonyms: Pseudonyms) -> bytes:
    cleaned = Deidentifier(profile, pseudonyms).clean(open_data_set(content))
    return b"".join(cleaned.pieces)


def _read(content: bytes) -> Dataset:
    return pydicom.dcmread(BytesIO(content))


CANARIES = st.sampled_from(["QVIST{}", "qvist{}", "Qvist^Lisbeth{}", "T1 QVIST{}", "QVIST {}", "qvist.{}"])


@settings(max_examples=60)
@given(
    keywords=st.lists(st.sampled_from(PLANTABLE + NAMED), min_size=1, max_size=40, unique=True),
    canary=CANARIES,
    depth=st.integers(0, 4),
    syntax=st.sampled_from(SYNTAXES),
)
def test_whatever_is_planted_nothing_of_it_survives(keywords: list[str], canary: str, depth: int, syntax: str) -> None:
    """A word that no vocabulary lists is in no byte of the result: not in kept attributes, items or private groups."""
    image = _whole_image()
    place = image
    for _ in range(depth):
        item = Dataset()
        place.SharedFunctionalGroupsSequence = Sequence([item])
        place.RequestAttributesSequence = Sequence([item])
        place = item
    for number, keyword in enumerate(keywords):
        if depth or keyword not in GATES:
            tag = tag_for_keyword(keyword)
            assert tag is not None
            vr = DicomDictionary[tag][0]
            place[tag] = DataElement(tag, vr, canary.format(number)[: TEXT_VRS[vr]], validation_mode=0)
    block = place.private_block(0x0019, "QVIST MEDICAL", create=True)
    block.add_new(0x0C, "LO", "QVIST")
    content = _written(image, syntax)
    assert b"qvist" in content.lower() or syntax == DeflatedExplicitVRLittleEndian
    result = _clean(content, load_profile(), Pseudonyms(KEY, "test"))
    assert result
    assert b"qvist" not in result.lower()
    assert b"lisbeth" not in result.lower()
    names = {rule.keyword for rule in load_profile().rules.values()}
    names |= {"DeidentificationMethodCodeSequence"}
    assert {element.keyword for element in _read(result).iterall()} <= names


def _whole_image() -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.3", "1.2.3.1", "MR"
    dataset.Rows = dataset.Columns = 2
    dataset.SamplesPerPixel, dataset.BitsAllocated = 1, 16
    dataset.PixelData = bytes(8)
    dataset["PixelData"].VR = "OW"
    return dataset


def _written(dataset: Dataset, syntax: str) -> bytes:
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    file = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a character set may be what is planted
        pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_image_itself_is_kept(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms, syntax: str
) -> None:
    """Pixels byte for byte, physics as it was, in every transfer syntax."""
    image["PixelData"].VR = "OW"
    made = _read(_clean(write(image, syntax=syntax), profile, pseudonyms))
    assert made.PixelData == image.PixelData
    assert (made.EchoTime, made.Rows, list(made.ImageType)) == (2.98, 2, ["ORIGINAL", "PRIMARY", "M", "ND"])
    assert made.SeriesDescription == "T1w mprage for"
    assert made.PatientName == made.PatientID == pseudonyms.subject(Identifying("MRN-55512"))
    assert (made.PatientBirthDate, made.PatientSex, made.PatientAge) == ("", "F", "077Y")
    assert made.SOPInstanceUID == made.file_meta.MediaStorageSOPInstanceUID == pseudonyms.uid(image.SOPInstanceUID)
    assert made.SpecificCharacterSet == "ISO_IR 192"


def test_the_result_says_how_it_was_made(image: Dataset, profile: Profile, pseudonyms: Pseudonyms) -> None:
    """The method and the codes of the options that were really used stand in the header."""
    image.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "1000")
    made, record, verdict = deidentify(image, profile, pseudonyms)
    assert verdict.gravity is Gravity.NOTE
    assert made.PatientIdentityRemoved == "YES"
    assert made.LongitudinalTemporalInformationModified == "MODIFIED"
    assert profile.digest[:12] in made.DeidentificationMethod
    codes = {item.CodeValue for item in made.DeidentificationMethodCodeSequence}
    assert codes == {"113100", "113105", "113107", "113108", "113111"}
    assert record.replaced["PatientName"] == record.replaced["StudyDate"] == record.replaced["SOPInstanceUID"] == 1
    assert record.kept['(0019,xx0C) "SIEMENS MR HEADER"'] == record.kept["EchoTime"] == 1
    assert record.blanked["PatientBirthDate"] == record.blanked["SeriesDescription"] == 1


def test_options_that_were_not_used_are_not_claimed(profile: Profile, pseudonyms: Pseudonyms) -> None:
    """A header without dates, descriptions and private data gets the basic code alone."""
    made, _, _ = deidentify(_whole_image(), profile, pseudonyms)
    assert [item.CodeValue for item in made.DeidentificationMethodCodeSequence] == ["113100"]


def test_intervals_of_a_participant_stay_exact(make_image: Make, profile: Profile, pseudonyms: Pseudonyms) -> None:
    """Two visits of one person are as far apart as before, and not when they were."""
    moments = []
    for date, time in (("20260131", "235930.250000"), ("20260415", "081500.750000")):
        image = make_image()
        image.AcquisitionDate, image.AcquisitionTime = date, time
        image.AcquisitionDateTime = date + time
        made, _, _ = deidentify(image, profile, pseudonyms)
        assert made.AcquisitionDateTime == made.AcquisitionDate + made.AcquisitionTime
        assert made.AcquisitionTime != time
        moments.append(datetime.strptime(made.AcquisitionDateTime, "%Y%m%d%H%M%S.%f"))  # noqa: DTZ007 - DICOM's local time
    assert moments[1] - moments[0] == timedelta(days=73, hours=8, minutes=15, seconds=30.5)
    assert moments[0].year < 1925


def test_references_resolve_in_the_release(make_image: Make, profile: Profile, pseudonyms: Pseudonyms) -> None:
    """An image that refers to another still does, by its new UID."""
    first, second = make_image(), make_image()
    second.SOPInstanceUID = "1.2.826.0.1.20260131.9"
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = first.SOPClassUID, first.SOPInstanceUID
    second.ReferencedImageSequence = [item]
    made_first, _, _ = deidentify(first, profile, pseudonyms)
    made_second, _, _ = deidentify(second, profile, pseudonyms)
    reference = made_second.ReferencedImageSequence[0]
    assert reference.ReferencedSOPInstanceUID == made_first.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == first.SOPClassUID


def test_the_creator_of_unknown_private_elements_is_not_told(
    image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """A private creator may be a typed text: the record names it only when the profile does."""
    image.private_block(0x0051, "QVIST", create=True).add_new(0x10, "LO", "QVIST")
    image.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0xEE, "LO", "QVIST")
    _, record, _ = deidentify(image, profile, pseudonyms)
    assert record.removed["(0051,xx10) unknown creator"] == 1
    assert record.removed['(0019,xxEE) "SIEMENS MR HEADER"'] == 1
    assert "QVIST" not in repr(record)


def test_a_private_element_needs_its_creator_in_its_block(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """The same element number under another creator, or with another VR, is another thing."""
    known = image.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    known.add_new(0x0C, "LO", "1000 Qvist")
    other = image.private_block(0x0019, "SOMEBODY ELSE", create=True)
    other.add_new(0x0E, "FD", 0.5)
    made = _read(_clean(write(image), profile, pseudonyms))
    assert [tag for tag in made if tag.tag.is_private and not tag.tag.is_private_creator and tag.value] == []


def test_what_lies_outside_the_data_set_is_not_copied(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """Preamble, file meta information, overlays, profiles of colour, padding and bytes behind the pixels."""
    image.add_new(0x60003000, "OW", b"QVIST " * 2)
    image.add_new(0x60000022, "LO", "QVIST")
    image.add_new(0x00282000, "OB", b"QVIST ")
    image.add_new(0xFFFCFFFC, "OB", b"QVIST ")
    image.PixelData = image.PixelData + b"QVIST "
    content = write(image, preamble=(b"QVIST" * 26)[:128])
    content = content.replace(b"PYDICOM", b"QVISTIC") + b"QVIST"
    result = _clean(content, profile, pseudonyms)
    assert b"QVIST" not in result
    assert result[:128] == bytes(128)
    assert _read(result).PixelData == bytes(range(8))
    assert result.endswith(bytes(range(8)))


def test_encapsulated_pixels_are_copied_as_they_are(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """Compressed frames keep their fragments, offsets and transfer syntax."""
    runs = struct.pack("<16L", 2, 64, 70, *[0] * 13) + b"\3\1\2\3\4\0" + b"\xfd\0"
    image.PixelData = encapsulate([runs, runs])
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    image.NumberOfFrames = 2
    made = _read(_clean(write(image, syntax=RLELossless) + b"QVIST", profile, pseudonyms))
    assert made.file_meta.TransferSyntaxUID == RLELossless
    assert made.PixelData == image.PixelData


def test_a_known_element_written_as_unknown_is_read_by_the_dictionary(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """UN values of standard elements are checked like any other, and written with their VR."""
    content = write(image)
    for vr, value, kept in ((b"DS", b"2.98", 2.98), (b"DS", b"Liv ", None)):
        old = struct.pack("<HH2sH", 0x0018, 0x0081, vr, 4) + b"2.98"
        new = struct.pack("<HH2s2xL", 0x0018, 0x0081, b"UN", 4) + value
        made = _read(_clean(content.replace(old, new), profile, pseudonyms))
        assert made["EchoTime"].VR == "DS"
        assert made.EchoTime == kept


def test_a_value_under_a_false_vr_is_dropped(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """Text under the tag of a number of bytes, or bytes under the tag of a text, is not read as what it is not."""
    old = struct.pack("<HH2sH", 0x0028, 0x0010, b"US", 2) + b"\2\0"
    new = struct.pack("<HH2sH", 0x0028, 0x0010, b"LO", 2) + b"Qv"
    image.Rows = 2
    with pytest.raises(Malformed):  # without Rows, the pixels are not what the header says
        _clean(write(image).replace(old, new), profile, pseudonyms)


@pytest.mark.parametrize(
    ("change", "code", "gravity"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "data.header.sop-class", Gravity.REFUSE),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4.2"}, "data.header.sop-class", Gravity.REFUSE),
        ({"SOPClassUID": "1.2.3.4"}, "data.header.sop-class", Gravity.REFUSE),
        ({"Modality": "PR"}, "data.header.modality", Gravity.REFUSE),
        ({"BurnedInAnnotation": "YES"}, "data.header.burned-in", Gravity.REFUSE),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "data.header.screen-save", Gravity.REFUSE),
        ({"ConversionType": "SD"}, "data.header.converted", Gravity.REFUSE),
        ({"SamplesPerPixel": 3, "ImagePositionPatient": None}, "data.header.colour-unplaced", Gravity.REVIEW),
    ],
)
def test_what_may_not_pass_is_refused_with_a_reason(
    image: Dataset, profile: Profile, pseudonyms: Pseudonyms, change: dict[str, object], code: str, gravity: Gravity
) -> None:
    """Kinds without a rule, other modalities and burned-in text do not pass, and nothing of them comes out."""
    for keyword, value in change.items():
        setattr(image, keyword, value)
    made, _, verdict = deidentify(image, profile, pseudonyms)
    assert verdict.gravity is gravity
    assert verdict.findings[0].code == code
    assert len(made) == 0


def test_overlays_in_the_bits_of_the_pixels_are_refused(
    image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """Old scanners drew annotations into unused bits: dropping the overlay's header would leave them there."""
    image.add_new(0x60000100, "US", 16)
    image.add_new(0x60000102, "US", 12)
    _, _, verdict = deidentify(image, profile, pseudonyms)
    assert verdict.findings[0].code == "data.header.overlay-in-pixels"


def test_without_patient_id_the_study_stands_for_the_participant(
    make_image: Make, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """Two strangers with an empty PatientID never become one."""
    labels = set()
    for study in ("1.2.3", "1.2.4"):
        image = make_image()
        image.PatientID, image.StudyInstanceUID = "", study
        made, _, verdict = deidentify(image, profile, pseudonyms)
        labels.add(made.PatientID)
        assert verdict.findings[0].code == "data.header.no-patient-id"
    assert len(labels) == 2


def test_fewer_pixels_than_the_header_says_are_seen(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """A cut image is no image."""
    image.PixelData = bytes(6)
    with pytest.raises(Malformed) as malformed:
        _clean(write(image), profile, pseudonyms)
    assert malformed.value.code == "data.file.truncated"


def test_a_header_alone_can_be_cleaned(image: Dataset, profile: Profile, pseudonyms: Pseudonyms) -> None:
    """A data set that was read without its pixels is cleaned as it is."""
    del image.PixelData
    made, _, verdict = deidentify(image, profile, pseudonyms)
    assert verdict.gravity is Gravity.NOTE
    assert made.EchoTime == image.EchoTime
    assert "PixelData" not in made


def test_letters_in_binary_numbers_go(image: Dataset, profile: Profile, pseudonyms: Pseudonyms) -> None:
    """A row of numbers whose bytes are all letters was put there by somebody."""
    image.AcquisitionMatrix = list(struct.unpack("<4H", b"QVISTLIS"))
    made, record, _ = deidentify(image, profile, pseudonyms)
    assert not made.AcquisitionMatrix
    assert record.blanked["AcquisitionMatrix"] == 1


def test_a_transfer_syntax_that_nobody_registered_is_not_copied(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """The UID of the transfer syntax is a text like any other."""
    content = write(image).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.QV")
    result = _clean(content, profile, pseudonyms)
    assert b".QV" not in result
    assert _read(result).PixelData == image.PixelData


def test_functional_groups_stay_frame_for_frame(image: Dataset, profile: Profile, pseudonyms: Pseudonyms) -> None:
    """Each frame keeps its item, its diffusion weighting and its moved time; texts in it go."""
    frames = []
    for number in range(3):
        content, diffusion, frame = Dataset(), Dataset(), Dataset()
        content.FrameAcquisitionDateTime = f"2026013110153{number}.5"
        content.FrameComments = "Qvist"
        content.DimensionIndexValues = [1, number + 1]
        diffusion.DiffusionBValue = 1000.0 * number
        frame.FrameContentSequence, frame.MRDiffusionSequence = [content], [diffusion]
        frames.append(frame)
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    image.NumberOfFrames, image.PixelData = 3, bytes(24)
    image.SharedFunctionalGroupsSequence = [Dataset()]
    image.PerFrameFunctionalGroupsSequence = frames
    made, record, _ = deidentify(image, profile, pseudonyms)
    groups = made.PerFrameFunctionalGroupsSequence
    assert [frame.MRDiffusionSequence[0].DiffusionBValue for frame in groups] == [0.0, 1000.0, 2000.0]
    assert [frame.FrameContentSequence[0].DimensionIndexValues for frame in groups] == [[1, 1], [1, 2], [1, 3]]
    times = [frame.FrameContentSequence[0].FrameAcquisitionDateTime for frame in groups]
    assert [time[-2:] for time in times] == [".5"] * 3
    assert len(set(times)) == 3
    assert record.removed["FrameComments"] == 3


def test_the_same_object_gives_the_same_bytes(write: Write, image: Dataset, profile: Profile) -> None:
    """A run that goes on where another stopped makes the same files."""
    content = write(image)
    assert _clean(content, profile, Pseudonyms(KEY, "test")) == _clean(content, profile, Pseudonyms(KEY, "test"))
    assert _clean(content, profile, Pseudonyms(KEY, "test")) != _clean(content, profile, Pseudonyms(KEY, "other"))


def test_cleaning_twice_finds_nothing_more(image: Dataset, profile: Profile, pseudonyms: Pseudonyms) -> None:
    """What a rule leaves fits the rule."""
    once, _, _ = deidentify(image, profile, pseudonyms)
    again, record, verdict = deidentify(once, profile, pseudonyms)
    assert verdict.gravity is Gravity.NOTE
    assert not record.blanked
    assert {element.tag for element in again} == {element.tag for element in once}
