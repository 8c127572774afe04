"""Private elements: known and unknown creators and elements, creators that are names, blocks without a creator."""

from collections.abc import Iterator
from typing import Final

from tests.planted.carriers import classic
from tests.planted.files import PlantedFile, Sheet
from tests.planted.kept import BINARY, VARIANTS
from tests.planted.plants import Plant, plant_bytes, plant_text
from tests.planted.standard import plant_at
from tests.planted.values import Values
from tests.planted.writing import IMPLICIT, Level

from fivesafes.data.header.profile import BLOBS, Profile, Rule

_CATEGORY: Final = "private"


def private_files(values: Values, profile: Profile, share: float) -> Iterator[PlantedFile]:
    """Yield files with plants in known elements (one per variant), in unknown ones, and in odd blocks."""
    variants = list(VARIANTS.items())
    for number in values.sample(max(4, round(len(variants) * share)), len(variants)):
        said, variant = variants[number]
        sheet = Sheet(classic(values))
        for creator, place, rule in _known(profile):
            vr = rule.vrs[0].decode()
            where = f"{rule.keyword}: {said}"
            if vr in BINARY:
                word = f"{values.word()}{values.word()}"
                raw, plant = word.encode(), plant_bytes(_CATEGORY, where, word, word.encode())
            else:
                written, make = variant(values, "1")
                raw, plant = written.encode(), make(_CATEGORY, where)
            _put(sheet.level, creator, place, vr, raw)
            sheet.plants.append(plant)
        yield sheet.file(f"private/known-{number:02}.dcm", IMPLICIT if number % 2 else "1.2.840.10008.1.2.1")
    yield _unknown(values, profile)
    yield _odd(values)


def _known(profile: Profile) -> Iterator[tuple[bytes, int, Rule]]:
    """Yield the elements with a grammar, each creator in a block of its own."""
    blocks: dict[int, int] = {}
    for creator, rules in profile.private.items():
        groups: dict[int, int] = {}
        for place, rule in rules.items():
            if rule.vrs[0] == b"SQ" or rule.grammar in BLOBS:
                continue
            group = place >> 8
            if group not in groups:
                blocks[group] = blocks.get(group, 0x0F) + 1
                groups[group] = blocks[group]
            yield profile.creators[creator], group << 16 | groups[group] << 8 | place & 0xFF, rule


def _put(level: Level, creator: bytes, tag: int, vr: str, raw: bytes) -> None:
    level.at(tag & 0xFFFF0000 | tag >> 8 & 0xFF, "LO", creator)
    level.at(tag, vr, raw)


def _unknown(values: Values, profile: Profile) -> PlantedFile:
    """Plant in elements that a known creator is not known to have, by VR."""
    sheet = Sheet(classic(values))
    for group, creator in enumerate(profile.creators.values()):
        for number, vr in enumerate(("LO", "PN", "DA", "UN", "OB", "SQ", "LT", "DS", "UT")):
            tag = (0x0061 + 2 * group) << 16 | 0x10F0 | number
            where = f"unknown element {number} ({vr}) of {creator.decode()}"
            if vr == "SQ":
                item = Level()
                raw, plant = plant_at(values, "PN", _CATEGORY, where)
                item.put("PatientName", raw)
                sheet.level.at(tag & 0xFFFF0000 | 0x10, "LO", creator)
                sheet.level.at(tag, "SQ", [item])
            else:
                raw, plant = plant_at(values, vr, _CATEGORY, where)
                _put(sheet.level, creator, tag, vr, raw)
            sheet.plants.append(plant)
    return sheet.file("private/unknown-elements.dcm")


def _odd(values: Values) -> PlantedFile:
    """Plant in creators and in blocks that nobody reserved."""
    sheet = Sheet(classic(values))

    def put(tag: int, vr: str, where: str) -> None:
        raw, plant = plant_at(values, vr, _CATEGORY, where)
        sheet.at(tag, vr, raw, [plant])

    put(0x00990010, "LO", "a creator that is a text")
    put(0x00991001, "LO", "an element of that creator")
    put(0x009B1001, "LO", "an element without a creator")
    put(0x009B0001, "LO", "below the creators")
    put(0x00190011, "LO", "a second creator in a known group")
    put(0x0019110C, "IS", "a known number in that block")
    sheet.level.at(0x00190010, "LO", b"SIEMENS MR HEADER")
    put(0x0019120C, "IS", "a known number in a block without a creator")
    word = values.word()
    creator = f"SIEMENS MR HEADER {word}"
    sheet.at(0x00210010, "LO", creator.encode(), [plant_text(_CATEGORY, "a known creator with a name behind", word)])
    put(0x00211014, "LO", "an element of that creator")
    word = values.word()
    creator = f"SIEMENS CSA HEADER\\{word}"
    sheet.at(0x00290010, "LO", creator.encode(), [plant_text(_CATEGORY, "a known creator with a second value", word)])
    put(0x00291010, "OB", "a CSA header of that creator")
    item = Level()
    raw, plant = plant_at(values, "LO", _CATEGORY, "an element in an item whose creator stands outside")
    item.at(0x0019100C, "IS", raw)
    sheet.plants.append(plant)
    sheet.level.put("SourceImageSequence", [item])
    for group in (0x0001, 0x0003, 0x0005, 0x0007, 0xFFFF):
        put(group << 16 | 0x1010, "LO", f"group {group:04X}, which nobody may use")
    return sheet.file("private/odd-blocks.dcm")


__all__ = ["Plant", "private_files"]
