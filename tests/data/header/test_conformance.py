"""Every row of PS3.15 Table E.1-1, in every profile and option: what the engine does is what the table allows."""

import csv
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import Final

import pydicom
import pytest
from attrs import frozen
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.options import CLEAN_GRAPHICS, FULL_DATES, MODIFIED_DATES, OF_HEADERS
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import POLICIES, Profile, load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

from .conftest import KEY, small_image, written

PSEUDONYMS: Final = Pseudonyms(KEY, "conformance")
EVERY: Final = [
    "basic",
    *(f"basic+{code}" for code in OF_HEADERS),
    "basic+" + "+".join(code for code in OF_HEADERS if code != FULL_DATES),
    "basic+" + "+".join(code for code in OF_HEADERS if code != MODIFIED_DATES),
    "mri-research",
    "mri-research+113109+113112",
]
NAME: Final = "Qvist"
TYPE_1: Final = {"DeviceSerialNumber", "AcquisitionDateTime", "ContentDate", "ContentTime"}
"""Of the attributes with a compound action, those that enhanced MR images must have with a value (PS3.3 A.36)."""
TYPE_2: Final = {"AcquisitionContextSequence", "ContrastBolusAgent"}
"""Those that some MR image must have, with or without a value (PS3.3 A.4, A.36)."""
BINARY_TIMES: Final = {"FrameOriginTimestamp", "CertifiedTimestamp"}
"""Bytes that no grammar reads, in no MR image: they stay with the Basic Profile under either option for dates."""


@frozen
class Row:
    """One row of the table, as the machine-readable copy has it."""

    tag: int
    keyword: str
    basic: str
    options: dict[str, str]
    vr: str


def _lines(name: str) -> Iterator[dict[str, str]]:
    text = (POLICIES / "allow" / name).read_text(encoding="utf-8")
    yield from csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))


@lru_cache
def rows() -> tuple[Row, ...]:
    """Read the table; repeating groups and private attributes have tests of their own."""
    newer = {line["keyword"]: line["vr"] for line in _lines("attributes.csv")}
    found = []
    for line in _lines("ps3.15-e1-1.csv"):
        if line["keyword"] and line["tag"] > "(0008":
            tag = int(line["tag"][1:5] + line["tag"][6:10], 16)
            vr = dictionary_VR(tag).split(" or ")[0] if dictionary_has_tag(tag) else newer[line["keyword"]]
            options = dict(pair.split("=") for pair in line["options"].split(";") if pair)
            found.append(Row(tag, line["keyword"], line["action"], options, vr))
    return tuple(found)


def allowed(row: Row, profile: Profile) -> set[str]:
    """Say which actions the table allows, given the options; of a compound one, what the MR images' IODs require."""
    offered = {action for code, action in row.options.items() if code in profile.options}
    if row.keyword in BINARY_TIMES:
        offered = set()
    if offered:
        return {"C"} if "C" in offered else {"K"}
    in_part = {action for code, action in row.options.items() if code in profile.in_part}
    return _basic(row) | in_part | ({"C"} if in_part else set())


def _basic(row: Row) -> set[str]:
    parts = set(row.basic.replace("*", "").split("/"))
    if len(parts) > 1 and row.keyword in TYPE_1:
        return {"D"}
    if len(parts) > 1 and row.keyword in TYPE_2:
        return {"Z"}
    if "U" in parts:
        return {"U"}
    if "X" in parts:
        return {"X"}
    stand_in = {"D", "U"} if row.vr == "UI" else {"D"}
    return (parts - {"D"}) | stand_in if "Z" in parts or "D" in parts else parts


FITTING: Final = {
    "AE": "AWP45160",
    "AS": "045Y",
    "CS": "YES",
    "DA": "20240229",
    "DS": "70.25",
    "DT": "20240229101112.130000",
    "IS": "7",
    "TM": "101112.130000",
    "US": 4,
    "UI": "1.2.826.0.1.7",
    "OB": b"QVISTBYTES",
    "UN": b"QVISTBYTES",
    "UR": "urn:oid:1.2.3",
}
ITS_OWN: Final = {
    "PatientSex": "F",
    "PatientSexNeutered": "ALTERED",
    "EthnicGroup": "Asian",
    "EthnicGroups": "Asian",
    "LensMake": "SIEMENS",
    "LensModel": "SIEMENS",
    "DeviceDescription": "SIEMENS",
    "LensSpecification": ["1", "2", "3", "4"],
    "ModifyingDeviceID": "AWP45160",
    "TimezoneOffsetFromUTC": "+1100",
}


def value(row: Row, actions: set[str]) -> object:
    """Make a value that is kept where it may be kept; else a name, where its kind has room for one."""
    if row.vr == "SQ":
        item = Dataset()
        item.PatientName = item.PatientComments = NAME
        item.ReferencedSOPInstanceUID = "1.2.826.0.1.8"
        return Sequence([item])
    if row.keyword in ITS_OWN or row.vr in FITTING:
        return ITS_OWN.get(row.keyword, FITTING.get(row.vr))
    if actions == {"K"}:
        return "Royal Hospital" if "113112" in row.options else "AWP45160"
    return NAME if row.vr == "PN" else f"{NAME} T1w"


def planted(profile: Profile) -> Dataset:
    """Make an image that has every attribute of the table, and has them all again within a sequence."""
    image = small_image()
    inner = Dataset()
    for row in rows():
        made = value(row, allowed(row, profile))
        for dataset in (image, inner):
            dataset[row.tag] = DataElement(Tag(row.tag), row.vr, made)
    image.SOPInstanceUID, image.PatientID = "1.2.826.0.1.5", NAME
    image.SharedFunctionalGroupsSequence = [inner]
    image.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
    image.add_new(0x0019100A, "US", 36)
    image.add_new(0x50003000, "OW", b"QVISTCURVE")
    image.add_new(0x60003000, "OW", b"QVISTOVERLAY")
    image.add_new(0x60004000, "LT", NAME)
    return image


@lru_cache
def before_and_after(name: str) -> tuple[Dataset, Dataset, bytes]:
    """Clean the planted image by a profile."""
    profile = load_profile(name)
    content = written(planted(profile))
    cleaned = Deidentifier(profile, PSEUDONYMS).clean(open_data_set(content))
    result = b"".join(cleaned.pieces)
    return pydicom.dcmread(BytesIO(content)), pydicom.dcmread(BytesIO(result)), result


def done(row: Row, before: Dataset, after: Dataset) -> set[str]:
    """Say which actions explain what became of an element."""
    if row.tag not in after:
        return {"X"}
    old, new = before[row.tag].value, after[row.tag].value
    if not new:
        return {"Z"}
    if row.vr == "SQ":
        return {"K", "C", "U"} if len(new[0]) else {"D"}  # a kept sequence is one whose items are cleaned
    return {"K"} if new == old else _replaced(row, old, new)


def _replaced(row: Row, old: object, new: object) -> set[str]:
    """Say what was put in the place of a value."""
    if row.vr == "UI":
        return {"U"} if new == PSEUDONYMS.uid(str(old)) else {"leak"}
    if NAME.lower() in str(new).lower():
        return {"leak"}
    rule = load_profile("basic").rules.get(row.tag)
    said = new.decode("ascii") if isinstance(new, bytes) else str(new)
    stand_in = rule is not None and rule.grammar == f"value:{said}"
    return {"D"} if stand_in or row.keyword in {"PatientName", "PatientID"} else {"C"}


def explained(row: Row, actions: set[str], what: set[str]) -> bool:
    """Tell whether what was done is allowed: cleaning may leave nothing, and an empty value may be a stand-in."""
    if "C" in actions:
        actions = actions | {"X", "Z"}
    if "C" in actions and row.vr in FITTING and row.vr not in {"DA", "TM", "DT"}:
        actions = actions | {"K"}  # a value that was clean before
    if "Z" in actions:
        actions = actions | {"D"}  # PS3.15 Table E.1-1a: Z is a zero length value, or a dummy
    return bool(actions & what)


@pytest.mark.parametrize("name", EVERY)
def test_what_is_done_to_each_attribute_is_an_action_that_the_table_allows(name: str) -> None:
    """At the outermost level, and within a sequence."""
    profile = load_profile(name)
    before, after, _ = before_and_after(name)
    inner_before, inner_after = before.SharedFunctionalGroupsSequence[0], after.SharedFunctionalGroupsSequence[0]
    wrong = []
    for row in rows():
        actions = allowed(row, profile)
        for where, old, new in (("outside", before, after), ("inside", inner_before, inner_after)):
            what = done(row, old, new)
            if not explained(row, actions, what):
                wrong.append((row.keyword, where, row.basic, sorted(actions), sorted(what)))
    assert not wrong


@pytest.mark.parametrize("name", EVERY)
def test_no_planted_name_is_left_in_any_byte(name: str) -> None:
    """Neither of texts, nor of binary values, graphics or sequences."""
    *_, result = before_and_after(name)
    assert NAME.encode() not in result
    assert b"QVIST" not in result


@pytest.mark.parametrize("name", EVERY)
def test_graphics_and_private_attributes_go_unless_an_option_keeps_them(name: str) -> None:
    """Curves and overlays always go; private elements stay only by the option for safe ones."""
    _, after, _ = before_and_after(name)
    assert not after.group_dataset(0x5000)
    assert not after.group_dataset(0x6000)
    assert (0x0019100A in after) is ("113111" in load_profile(name).options)


@pytest.mark.parametrize("name", EVERY)
def test_codes_say_what_was_done_and_nothing_else(name: str) -> None:
    """Each option that the profile names was used on this image, and is said; no other is."""
    profile = load_profile(name)
    _, after, _ = before_and_after(name)
    codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    assert codes == sorted({"113100", *profile.options, *profile.in_part})


@pytest.mark.parametrize("name", EVERY)
def test_the_identity_in_file_meta_information_is_that_of_the_data_set(name: str) -> None:
    """Also where UIDs are retained (PS3.10 7.1); no command or directory element is named by any profile."""
    _, after, _ = before_and_after(name)
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert (after.SOPInstanceUID == "1.2.826.0.1.5") is ("113110" in load_profile(name).options)
    assert not [tag for tag in load_profile(name).rules if tag >> 16 < 8]


def test_the_table_is_whole() -> None:
    """It has the 657 rows of edition 2026d, and every keyword is one that a rule can name."""
    lines = list(_lines("ps3.15-e1-1.csv"))
    assert len(lines) == 657
    assert {line["edition"] for line in lines} == {"2026d"}
    assert [line["name"] for line in lines if not line["keyword"]] == [
        "Curve Data",
        "Overlay Data",
        "Overlay Comments",
        "Private Attributes",
    ]
    assert len(rows()) == 649


def test_each_attribute_of_an_option_has_a_row_in_its_file() -> None:
    """But for binary values, application titles, time zones and graphics: of these nothing is left that was clean."""
    without = []
    for code in sorted(set(OF_HEADERS) - {"113111"}):
        named = {line["keyword"] for line in _lines(f"options/{code}.csv")}
        without += [row for row in rows() if code in row.options and row.keyword not in named]
        assert named <= {row.keyword for row in rows() if code in row.options}
    others = {row.keyword for row in without if row.vr not in {"OB", "AE"}}
    assert others == {"TimezoneOffsetFromUTC", "GraphicAnnotationSequence"}


def test_every_option_of_the_table_is_one_that_a_profile_can_have() -> None:
    """No column of the table is forgotten."""
    columns = {code for row in rows() for code in row.options} | {"113111"}
    assert columns == set(OF_HEADERS)
    assert CLEAN_GRAPHICS in columns
