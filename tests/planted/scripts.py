"""Names in every character set of the standard, with and without code extensions, in names and in kept texts."""

from collections.abc import Iterator
from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from tests.planted.carriers import classic
from tests.planted.encodings import CODECS, ESCAPES, written
from tests.planted.files import PlantedFile, Sheet
from tests.planted.plants import plant_text
from tests.planted.values import Values
from tests.planted.writing import Level

_PLACES: Final = (
    "PatientName",
    "OperatorsName",
    "PatientComments",
    "InstitutionName",
    "SeriesDescription",
    "ProtocolName",
    "StudyDescription",
    "SequenceName",
    "ReceiveCoilName",
    "ImageComments",
    "ContrastBolusAgent",
    "DerivationDescription",
    "ManufacturerModelName",
)
_ASCII: Final = b"\x1b(B"
_FEW, _MANY = 4, 8


def script_files(values: Values) -> Iterator[PlantedFile]:
    """Yield a file per character set, and one per set with code extensions."""
    for charset in CODECS:
        extended = charset.startswith("ISO 2022")
        yield _file(values, charset, f"\\{charset}" if extended else charset)
    for charset in ESCAPES:
        plain = charset.replace("ISO 2022", "ISO_IR").replace("ISO_IR IR", "ISO_IR")
        if plain in CODECS:
            yield _file(values, charset, f"ISO 2022 IR 6\\{charset}", letters_of=plain)
    yield _groups(values)
    yield _cut(values)
    yield _false(values)


def _file(values: Values, charset: str, declared: str, letters_of: str = "") -> PlantedFile:
    sheet = Sheet(classic(values))
    sheet.level.put("SpecificCharacterSet", declared)
    wide = charset in {"GB18030", "GBK"} or (charset.startswith("ISO 2022") and not letters_of)
    for keyword in _PLACES:
        text = values.written_in(letters_of or charset, _FEW if wide else _MANY)
        raw = written(text, charset)
        before = b"" if keyword in {"PatientName", "OperatorsName"} else b"T1w "
        after = _ASCII if b"\x1b" in raw else b""
        _put(sheet, keyword, before + raw + after, text, raw, f"{keyword} in {charset}")
    return sheet.file(f"scripts/{declared.replace(chr(92), '+').replace(' ', '-')}.dcm")


def _put(sheet: Sheet, keyword: str, value: bytes, text: str, raw: bytes, place: str) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    sheet.at(tag, dictionary_VR(tag), value, [plant_text("character sets", place, text, raw)])


def _groups(values: Values) -> PlantedFile:
    """Write names in three groups: letters, ideographs, sounds (PS3.5 6.2.1)."""
    sheet = Sheet(classic(values))
    sheet.level.put("SpecificCharacterSet", "ISO_IR 13\\ISO 2022 IR 87")
    for keyword in ("PatientName", "OtherPatientNames", "SeriesDescription", "ProtocolName"):
        latin, kanji, kana = values.name(), values.written_in("ISO 2022 IR 87", 4), values.written_in("ISO_IR 13", 8)
        raw = (latin.encode(), written(kanji, "ISO 2022 IR 87"), written(kana, "ISO_IR 13"))
        tag = tag_for_keyword(keyword)
        assert tag is not None
        plants = [
            plant_text("character sets", f"{keyword}: group {number}", text, one)
            for number, (text, one) in enumerate(zip((latin, kanji, kana), raw, strict=True), start=1)
        ]
        sheet.at(tag, dictionary_VR(tag), b"=".join(raw), plants)
    return sheet.file("scripts/three-groups.dcm")


def _cut(values: Values) -> PlantedFile:
    """Cut escape sequences off, and let them stand where a value is split."""
    sheet = Sheet(classic(values))
    sheet.level.put("SpecificCharacterSet", "\\ISO 2022 IR 87\\ISO 2022 IR 149")
    forms = {
        "SeriesDescription": b"T1w %s\x1b",
        "ProtocolName": b"\x1b$%s",
        "StudyDescription": b"T1w\x1b$B\\%s",
        "ImageType": b"ORIGINAL\\PRIMARY\\%s\x1b(",
        "SequenceName": b"\x1b$)C%s\\\x1b",
        "BodyPartExamined": b"\x1b%s",
    }
    for keyword, form in forms.items():
        word = values.word()
        _put(sheet, keyword, form % word.encode(), word, b"", f"{keyword}: an escape sequence that is cut off")
    return sheet.file("scripts/cut-escapes.dcm")


def _false(values: Values) -> PlantedFile:
    """Say one character set and write another, inside an item that says a third."""
    sheet = Sheet(classic(values))
    sheet.level.put("SpecificCharacterSet", "ISO_IR 100")
    item = Level()
    word = values.word()
    item.put("SpecificCharacterSet", f"ISO_IR 192\\{word}")
    text = values.written_in("ISO_IR 144", _MANY)
    item.put("SeriesDescription", written(text, "ISO_IR 144"))
    sheet.level.put("SourceImageSequence", [item])
    sheet.plants += [
        plant_text("character sets", "SpecificCharacterSet in an item", word),
        plant_text("character sets", "a text in a set that nobody named", text, written(text, "ISO_IR 144")),
    ]
    for charset, keyword in (
        ("ISO_IR 126", "SeriesDescription"),
        ("GB18030", "ProtocolName"),
        ("ISO_IR 13", "ImageComments"),
    ):
        text = values.written_in(charset, _MANY)
        _put(
            sheet,
            keyword,
            written(text, charset),
            text,
            written(text, charset),
            f"{keyword}: {charset} said to be Latin",
        )
    return sheet.file("scripts/false-set.dcm")
