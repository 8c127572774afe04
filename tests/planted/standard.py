"""Every standard attribute that PS3.15 Table E.1-1 lists, on the outermost level and five levels deep."""

from collections.abc import Iterator
from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from tests.planted.carriers import CLASSIC, COLOUR, CONVERTED, ENHANCED, classic, enhanced
from tests.planted.files import PlantedFile, Sheet
from tests.planted.plants import Plant, plant_bytes, plant_day, plant_number, plant_text
from tests.planted.values import Values
from tests.planted.writing import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Level, Written

from fivesafes.data.header.profile import Profile

SYNTAXES: Final = {"explicit": EXPLICIT, "implicit": IMPLICIT, "big-endian": BIG_ENDIAN, "deflated": DEFLATED}
_DEEP: Final = (
    "SourceImageSequence",
    "ReferencedImageSequence",
    "SharedFunctionalGroupsSequence",
    "DerivationImageSequence",
)
_UNKNOWN: Final = (
    "RequestAttributesSequence",
    "ReferencedPatientSequence",
    "ContentSequence",
    "PerformedProtocolCodeSequence",
)
_BYTES: Final = frozenset({"OB", "OW", "UN", "US", "UL", "FL", "FD", "OF", "OD", "SS", "SL"})
_LONGEST: Final = {"AE": 16, "CS": 16, "SH": 16}


def standard_files(values: Values, profile: Profile) -> Iterator[PlantedFile]:
    """Yield a file with all of them in each transfer syntax and each kind of object, and with them nested."""
    for name, syntax in SYNTAXES.items():
        yield _sheet(values, profile, classic(values)).file(f"standard/{name}.dcm", syntax)
    for sop_class in (ENHANCED, COLOUR, CONVERTED):
        yield _sheet(values, profile, enhanced(values, sop_class)).file(f"standard/{sop_class[-3:]}.dcm")
    for name, chain in (("allowed", _DEEP), ("unknown", _UNKNOWN), ("mixed", (*_DEEP[:2], *_UNKNOWN[:2]))):
        yield _nested(values, profile, name, chain)
    assert CLASSIC in profile.sop_classes


def plant_at(values: Values, vr: str, category: str, place: str) -> tuple[bytes, Plant]:
    """Make a value that suits a VR, and its plant."""
    if vr in {"DA", "DT"}:
        day = values.day()
        said = day.strftime("%Y%m%d") + ("101530.5" if vr == "DT" else "")
        return said.encode(), plant_day(category, place, day, said)
    if vr in {"TM", "DS", "IS", "UI"}:
        said = _numeric(values, vr)
        return said.encode(), plant_number(category, place, said)
    if vr in _BYTES:
        word = values.word()
        return word.encode(), plant_bytes(category, place, word, word.encode())
    name_or_text = values.name() if vr == "PN" else f"{values.word().title()} {values.digits(7)}"
    said = values.word() if vr == "AS" else name_or_text[: _LONGEST.get(vr, 64)]
    return said.encode(), plant_text(category, place, said)


def _numeric(values: Values, vr: str) -> str:
    """Make a time, a number or a UID."""
    if vr == "UI":
        return values.uid()
    if vr == "TM":
        digits = values.digits(6)
        return f"1{digits[1] if digits[1] < '6' else '2'}2307.{digits}"
    return values.digits(10 if vr == "DS" else 9)


def _sheet(values: Values, profile: Profile, level: Level) -> Sheet:
    sheet = Sheet(level)
    for tag, vr, keyword in _listed(profile):
        if tag in {0x7FE00010, 0x00080016, 0x00080018} or (vr == "UI" and tag in level):
            continue
        if vr == "SQ":
            if tag not in level:
                item, plants = _item(values, "standard", keyword)
                sheet.level.at(tag, "SQ", [item])
                sheet.plants.extend(plants)
            continue
        value, plant = plant_at(values, vr, "standard", keyword)
        sheet.at(tag, vr, value, [plant])
    return sheet


def _listed(profile: Profile) -> list[tuple[int, str, str]]:
    found = []
    for keyword in profile.basic:
        tag = tag_for_keyword(keyword)
        if tag is not None and tag >> 16 not in {0x0000, 0x0002, 0x0004}:
            found.append((tag, dictionary_VR(tag).split(" or ")[0], keyword))
    return found


def _item(values: Values, category: str, place: str) -> tuple[Level, list[Plant]]:
    """Make an item with names, texts, dates and numbers."""
    item, plants = Level(), []
    for keyword in (
        "PatientName",
        "CodeMeaning",
        "StudyDate",
        "PatientID",
        "SeriesDescription",
        "TextValue",
        "NumericValue",
    ):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        vr = dictionary_VR(tag)
        value, plant = plant_at(values, vr, category, f"{place} > {keyword}")
        item.at(tag, vr, value)
        plants.append(plant)
    return item, plants


def _nested(values: Values, profile: Profile, name: str, chain: tuple[str, ...]) -> PlantedFile:
    """Nest items five deep, each with every attribute of the table."""
    sheet = Sheet(classic(values))
    level = sheet.level
    for depth, keyword in enumerate((*chain, chain[0]), start=1):
        item, plants = _item(values, "nested", f"{name}, {depth} deep in {keyword}")
        sheet.plants.extend(plants)
        for tag, vr, inner in _listed(profile):
            if depth == 5 and vr != "SQ" and tag not in item and tag != 0x7FE00010:
                value, plant = plant_at(values, vr, "nested", f"{name}, 5 deep: {inner}")
                item[tag] = Written(vr, value)
                sheet.plants.append(plant)
        level.put(keyword, [item])
        level = item
    return sheet.file(f"nested/{name}.dcm")
