"""Places that no viewer shows: preamble, file meta, behind the pixels, retired groups, UIDs, signatures, false VRs."""

from collections.abc import Iterator
from struct import pack
from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from tests.planted.carriers import classic
from tests.planted.files import PlantedFile, Sheet
from tests.planted.plants import plant_bytes, plant_day, plant_number, plant_text
from tests.planted.values import Values
from tests.planted.writing import DEFLATED, EXPLICIT, Level, Written, part10

_META: Final = {
    0x00020013: "SH",
    0x00020016: "AE",
    0x00020017: "AE",
    0x00020018: "AE",
    0x00020102: "OB",
    0x00020026: "UR",
}
_RETIRED: Final = {
    0x50000022: "LO",
    0x50002500: "LO",
    0x50003000: "OB",
    0x60000022: "LO",
    0x60001500: "LO",
    0x60003000: "OB",
    0x60020022: "LO",
    0x60024000: "LT",
    0x7F000010: "OB",
    0x00204000: "LT",
    0x00282000: "OB",
    0x00420011: "OB",
    0x00189999: "LO",
    0x00090010: "LO",
    0x40000010: "LT",
    0x40004000: "LT",
    0x43210010: "UN",
    0x4FFE0001: "UN",
    0x54001010: "OB",
    0xFFFCFFFC: "OB",
    0x00080001: "UL",
    0x00100000: "UL",
    0x00180000: "UL",
}
_SEQUENCES: Final = (
    "IconImageSequence",
    "OriginalAttributesSequence",
    "ModifiedAttributesSequence",
    "EncryptedAttributesSequence",
    "DigitalSignaturesSequence",
    "GraphicAnnotationSequence",
    "TextObjectSequence",
    "ContentSequence",
    "WaveformSequence",
    "OpticalPathSequence",
    "RequestAttributesSequence",
    "ReferencedStudySequence",
)
_FALSE_VRS: Final = ("DA", "TM", "DT", "UI", "AS", "DS", "IS", "US", "OB", "UN", "UT", "PN", "SQ", "AT", "FD")
_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID", "IrradiationEventUID")


def hidden_files(values: Values) -> Iterator[PlantedFile]:
    """Yield a file for each kind of hidden place."""
    yield _preamble_and_meta(values)
    yield _behind(values)
    yield _longer(values)
    yield _deflated_tail(values)
    yield _retired(values)
    yield _sequences(values)
    yield _unknown_vrs(values)
    for number, vr in enumerate(_FALSE_VRS):
        yield _false_vr(values, vr, number)
    yield _uids(values)
    yield _named(values)
    yield _between_items(values)


def _preamble_and_meta(values: Values) -> PlantedFile:
    sheet = Sheet(classic(values))
    word = values.word()
    sheet.plants.append(plant_text("file meta", "preamble", word))
    meta = []
    for tag, vr in _META.items():
        text = values.word()
        meta.append((tag, vr, text.encode()))
        sheet.plants.append(plant_text("file meta", f"({tag >> 16:04X},{tag & 0xFFFF:04X})", text))
    content = part10(sheet.level, preamble=word.encode().ljust(128, b"\0"), meta=meta)
    return sheet.file("hidden/meta.dcm", content=content)


def _behind(values: Values) -> PlantedFile:
    sheet = Sheet(classic(values))
    word, tail = values.word(), values.word()
    sheet.level.at(0xFFFCFFFC, "OB", word.encode())
    sheet.plants += [
        plant_text("behind the pixels", "DataSetTrailingPadding", word),
        plant_text("behind the pixels", "after the last element", tail),
    ]
    return sheet.file("hidden/behind.dcm", content=part10(sheet.level) + tail.encode())


def _longer(values: Values) -> PlantedFile:
    sheet = Sheet(classic(values))
    word = values.word()
    pixels = sheet.level[0x7FE00010].value
    assert isinstance(pixels, bytes)
    sheet.level.at(0x7FE00010, "OW", pixels + word.encode())
    sheet.plants.append(plant_text("behind the pixels", "within PixelData, after the last pixel", word))
    return sheet.file("hidden/longer.dcm")


def _deflated_tail(values: Values) -> PlantedFile:
    sheet = Sheet(classic(values))
    word = values.word()
    sheet.plants.append(plant_text("behind the pixels", "after the deflated data set", word))
    return sheet.file("hidden/deflated.dcm", content=part10(sheet.level, DEFLATED) + word.encode())


def _retired(values: Values) -> PlantedFile:
    sheet = Sheet(classic(values))
    for tag, vr in _RETIRED.items():
        word = values.word()
        place = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        sheet.at(tag, vr, word.encode(), [plant_bytes("retired and unknown groups", place, word, word.encode())])
    return sheet.file("hidden/retired.dcm")


def _sequences(values: Values) -> PlantedFile:
    sheet = Sheet(classic(values))
    for keyword in _SEQUENCES:
        item = Level()
        for inner in ("PatientName", "UnformattedTextValue", "TextValue", "ICCProfile", "PixelData", "Signature"):
            tag = tag_for_keyword(inner)
            assert tag is not None
            word = values.word()
            item[tag] = Written(dictionary_VR(tag).split(" or ")[0], word.encode())
            sheet.plants.append(plant_bytes("sequences", f"{keyword} > {inner}", word, word.encode()))
        sheet.level.put(keyword, [item])
    return sheet.file("hidden/sequences.dcm")


def _unknown_vrs(values: Values) -> PlantedFile:
    sheet = Sheet(classic(values))
    for keyword in (
        "PatientName",
        "PatientBirthDate",
        "RequestedProcedureDescription",
        "SeriesDescription",
        "ScanOptions",
    ):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        word = values.word()
        sheet.at(tag, "UN", word.encode(), [plant_text("UN", keyword, word)])
    word = values.word()
    inside = pack("<HHL", 0x0010, 0x0010, len(word)) + word.encode()
    item = pack("<HHL", 0xFFFE, 0xE000, len(inside)) + inside
    sheet.at(0x00082112, "UN", item, [plant_text("UN", "PatientName in a known sequence written as UN", word)])
    word = values.word()
    inside = pack("<HHL", 0x0010, 0x0010, len(word)) + word.encode()
    item = pack("<HHL", 0xFFFE, 0xE000, len(inside)) + inside
    sheet.at(0x00400275, "UN", item, [plant_text("UN", "PatientName in an unknown sequence written as UN", word)])
    return sheet.file("hidden/unknown-vrs.dcm")


def _false_vr(values: Values, vr: str, number: int) -> PlantedFile:
    """Write names under the tags of kept attributes with a VR that is not theirs."""
    sheet = Sheet(classic(values))
    keywords = (
        "SeriesDescription",
        "ScanOptions",
        "EchoTime",
        "InstanceNumber",
        "StudyDate",
        "StudyTime",
        "Laterality",
    )
    for keyword in (*keywords, "SequenceName", "DiffusionBValue", "AcquisitionDateTime", "ImageOrientationPatient"):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        word = values.word()
        plant = plant_bytes("false VRs", f"{keyword} as {vr}", word, word.encode())
        if vr == "SQ":
            item = Level()
            item.put("PatientName", word)
            sheet.level.at(tag, "SQ", [item])
            sheet.at(tag, "SQ", b"", [plant])
            sheet.level.at(tag, "SQ", [item])
        else:
            sheet.at(tag, vr, word.encode(), [plant])
    return sheet.file(f"hidden/false-{number:02}.dcm")


def _uids(values: Values) -> PlantedFile:
    sheet = Sheet(classic(values))
    for keyword in _UIDS:
        tag = tag_for_keyword(keyword)
        assert tag is not None
        day, number = values.day(), values.digits()
        root = "1.2.840.10008.5" if keyword == "FrameOfReferenceUID" else "1.2.826.0.1"
        uid = f"{root}.{day:%Y%m%d}.{number}"
        plants = [plant_day("UIDs", keyword, day, f"{day:%Y%m%d}"), plant_number("UIDs", keyword, number)]
        sheet.at(tag, "UI", uid.encode(), plants)
    item = Level()
    word = values.word()
    item.put("ReferencedSOPInstanceUID", f"1.2.840.10008.{word}")
    item.put("ReferencedSOPClassUID", f"1.2.840.10008.5.1.4.1.1.4.{values.digits()}")
    sheet.plants.append(plant_text("UIDs", "a name in ReferencedSOPInstanceUID", word))
    day = values.day()
    other = Level()
    other.put("ReferencedSOPClassUID", f"1.2.840.10008.5.1.4.1.1.4.{day:%Y%m%d}")
    other.put("ReferencedSOPInstanceUID", f"1.2.3\\1.2.840.10008.1.{day:%Y%m%d}")
    sheet.plants.append(plant_day("UIDs", "a date in ReferencedSOPClassUID", day, f"{day:%Y%m%d}"))
    sheet.level.put("SourceImageSequence", [item, other])
    return sheet.file("hidden/uids.dcm")


def _named(values: Values) -> PlantedFile:
    """Name the file and its folders after the person."""
    sheet = Sheet(classic(values))
    name, day, number = values.word(), values.day(), values.digits()
    sheet.plants += [
        plant_text("names of files", "folder", name),
        plant_day("names of files", "folder", day, f"{day:%Y-%m-%d}"),
        plant_number("names of files", "file", number),
    ]
    return sheet.file(f"{name}_{day:%Y-%m-%d}/MRN{number}.dcm")


def _between_items(values: Values) -> PlantedFile:
    """Put bytes between two items: this breaks the rules, and the file may be set aside."""
    sheet = Sheet(classic(values))
    word = values.word()
    item = pack("<HHL", 0xFFFE, 0xE000, 0)
    sheet.at(0x00082112, "SQ", item + word.encode() + item, [plant_text("between items", "SourceImageSequence", word)])
    return sheet.file("hidden/between-items.dcm", EXPLICIT, accepted=False)
