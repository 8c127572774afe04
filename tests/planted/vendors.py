"""Inside the makers' own headers: Siemens CSA and protocols, GE's protocol block and user data."""

import gzip
from collections.abc import Iterator
from struct import pack
from typing import Final

from tests.planted.carriers import classic
from tests.planted.files import PlantedFile, Sheet
from tests.planted.kept import VARIANTS
from tests.planted.plants import Plant, plant_number, plant_text
from tests.planted.values import Values

from fivesafes.data.header.profile import Profile

_MARK: Final = 77
_CSA: Final = "Siemens CSA"
_GE: Final = "GE protocol"
_FEW: Final = 6
Tag = tuple[str, str, list[bytes], bytes]
"""Name, VR, items, and the bytes that fill what each item has no use for."""


def vendor_files(values: Values, profile: Profile, share: float) -> Iterator[PlantedFile]:
    """Yield files with plants in each field that stays, in fields that go, and in bytes that nobody reads."""
    variants = list(VARIANTS.values())
    for number in values.sample(max(_FEW, round(len(variants) * share)), len(variants)):
        yield _siemens(values, profile, number)
        yield _ge(values, profile, number)
    yield _broken(values)


def _siemens(values: Values, profile: Profile, number: int) -> PlantedFile:
    variant = list(VARIANTS.values())[number]
    sheet = Sheet(classic(values))
    tags: list[Tag] = [("NumberOfImagesInMosaic", "US", [b"36"], b"")]
    for name in profile.fields["image"]:
        said, plant = variant(values, "1")
        unused = values.word()
        tags.append((name, "LO", [said.encode()], unused.encode()))
        sheet.plants += [plant(_CSA, f"field {name}"), plant_text(_CSA, f"unused bytes of {name}", unused)]
    for name in ("PatientName", "UsedPatientWeight", "DataFileName", "MeasurementOptions", "RepresentativeImage"):
        word = values.word()
        tags.append((name, "LO", [word.encode()], b""))
        sheet.plants.append(plant_text(_CSA, f"field {name}", word))
    word, behind = values.word(), values.word()
    tags.append((f"{word}", "LO", [b"1"], b""))
    sheet.plants += [plant_text(_CSA, "name of a field", word), plant_text(_CSA, "behind the header", behind)]
    protocol, plants = _protocol(values, profile, number)
    sheet.plants += plants
    sheet.level.at(0x00290010, "LO", b"SIEMENS CSA HEADER")
    sheet.level.at(0x00291010, "OB", _csa(tags, values, sheet) + behind.encode())
    sheet.level.at(0x00291020, "OB", _csa([("MrPhoenixProtocol", "UN", [protocol], b"")], values, sheet))
    sheet.level.at(0x00210010, "LO", b"SIEMENS MR SDS 01")
    sheet.level.at(0x00211019, "OB", protocol)
    return sheet.file(f"vendors/siemens-{number:02}.dcm")


def _csa(tags: list[Tag], values: Values, sheet: Sheet) -> bytes:
    """Write a header as Siemens lays it out, with words in the bytes that nobody reads."""
    spare = values.word()
    sheet.plants.append(plant_text(_CSA, "behind the name of a field", spare))
    pieces = [b"SV10\4\3\2\1", pack("<LL", len(tags), _MARK)]
    for name, vr, items, unused in tags:
        field = (name.encode() + b"\0" + spare.encode())[:64].ljust(64, b"\0")
        pieces.append(pack("<64sL4sLLL", field, len(items), vr.encode() + b"\0\0", 6, len(items), _MARK))
        for item in items:
            value = item + b"\0" + unused if unused else item + b"\0"
            pieces += [pack("<LLLL", len(value), len(value), _MARK, len(value)), value, bytes(-len(value) % 4)]
    return b"".join(pieces) + bytes(4)


def _protocol(values: Values, profile: Profile, number: int) -> tuple[bytes, list[Plant]]:
    """Write a protocol: XProtocol text, and the ASCCONV part with a plant in each entry that stays."""
    variant = list(VARIANTS.values())[number]
    plants = []
    lines = ["alTR[0]\t = \t2300000", "sKSpace.lBaseResolution = 256"]
    for name in profile.fields["protocol"]:
        said, plant = variant(values, "1")
        if "\0" in said or name.startswith("alTR"):
            continue
        lines.append(f'{name.replace("[#]", "[0]")}\t = \t"{said}"')
        plants.append(plant(_CSA, f"protocol entry {name}"))
    for form in ('sPatPosition.tName = ""{}""', "tPatientName = {}", "alTE[0] = 2980 # {}", "{}.lSize = 3", "# {}"):
        word = values.word()
        lines.append(form.format(word))
        plants.append(plant_text(_CSA, f"protocol line {form}", word))
    hexadecimal = values.day().strftime("%Y%m%d")
    lines.append(f"sPat.lAccelFactPE = 0x{hexadecimal}")
    before, inside, after = values.word(), values.word(), values.word()
    plants += [
        plant_number(_CSA, "a date as a hexadecimal number", hexadecimal),
        plant_text(_CSA, "XProtocol", before),
        plant_text(_CSA, "head of ASCCONV", inside),
        plant_text(_CSA, "behind ASCCONV", after),
    ]
    text = f'<XProtocol> {{ <ParamString."PatientName"> {{ "{before}" }} }}\n### ASCCONV BEGIN object={inside} ###\n'
    return (text + "\n".join(lines) + f"\n### ASCCONV END ###\n{after}").encode(), plants


def _ge(values: Values, profile: Profile, number: int) -> PlantedFile:
    variant = list(VARIANTS.values())[number]
    sheet = Sheet(classic(values))
    lines = ['set SLICEORDER "1"']
    for name in profile.fields["ge-protocol"]:
        said, plant = variant(values, "1")
        lines.append(f'set {name} "{said}"')
        sheet.plants.append(plant(_GE, f"field {name}"))
    for name in ("PATNAME", "HISTORY"):
        word = values.word()
        lines.append(f'set {name} "{word}"')
        sheet.plants.append(plant_text(_GE, f"field {name}", word))
    comment, behind, user = (values.word() for _ in range(3))
    packed = gzip.compress("\n".join(lines).encode(), mtime=0)
    packed = packed[:3] + b"\x10" + packed[4:10] + comment.encode() + b"\0" + packed[10:]
    sheet.level.at(0x00250010, "LO", b"GEMS_SERS_01")
    sheet.level.at(0x0025101B, "OB", pack("<L", len(packed)) + packed + behind.encode())
    record = bytearray(user.encode() * 300)
    record[24:26] = pack("<H", 32)
    record[32:36] = pack("<f", 26.002)
    sheet.level.at(0x00430010, "LO", b"GEMS_PARM_01")
    sheet.level.at(0x0043102A, "OB", bytes(record))
    sheet.plants += [
        plant_text(_GE, "comment of the gzip stream", comment),
        plant_text(_GE, "behind the gzip stream", behind),
        plant_text(_GE, "user data", user),
    ]
    return sheet.file(f"vendors/ge-{number:02}.dcm")


def _broken(values: Values) -> PlantedFile:
    """Write headers that can't be parsed, with a name in them."""
    sheet = Sheet(classic(values))
    words = [values.word() for _ in range(4)]
    sheet.level.at(0x00290010, "LO", b"SIEMENS CSA HEADER")
    sheet.level.at(0x00291010, "OB", b"SV10\4\3\2\1" + pack("<LL", 9999, _MARK) + words[0].encode())
    sheet.level.at(0x00291020, "OB", b"SV09" + words[1].encode())
    sheet.level.at(0x00250010, "LO", b"GEMS_SERS_01")
    sheet.level.at(0x0025101B, "OB", words[2].encode())
    sheet.level.at(0x00210010, "LO", b"SIEMENS MR SDS 01")
    sheet.level.at(0x00211019, "OB", b"### ASCCONV BEGIN ###\n" + words[3].encode())
    sheet.plants += [plant_text(_CSA, "a header that can't be parsed", word) for word in words]
    return sheet.file("vendors/broken.dcm")
