"""Siemens headers are written anew from named fields; nothing else of their bytes survives."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.header.profile import Profile
from fivesafes.data.header.siemens import clean_image_header, clean_protocol, clean_series_header

CANARY = b"QVIST"


def _csa(tags: list[tuple[str, list[bytes]]], *, junk: bytes = b"\xcd") -> bytes:
    """Write a header as scanners do: unused bytes of names and paddings hold whatever memory held."""
    pieces = [b"SV10\4\3\2\1", pack("<LL", len(tags), 77)]
    for name, items in tags:
        raw = name.encode() + b"\0"
        pieces.append(raw + (junk * 64)[: 64 - len(raw)])
        pieces.append(pack("<L4sLLL", len(items), b"DS\0" + junk[:1], 3, len(items), 77))
        for item in items:
            text = item + b"\0" if item else b""
            pieces.append(pack("<LLLL", len(text), len(text), 77, len(text)))
            pieces.append(text + (junk * 4)[: -len(text) % 4])
    return b"".join(pieces) + junk * 32


def test_named_fields_stay_and_others_go(profile: Profile) -> None:
    """Geometry and timing are kept; names, comments and the memory between them are not."""
    header = _csa(
        [
            ("NumberOfImagesInMosaic", [b"      24", b"", b""]),
            ("PatientComment", [CANARY]),
            ("SliceNormalVector", [b"0.1", b"0.2", b"-0.97"]),
            ("OperatorName", [CANARY, CANARY]),
            ("MosaicRefAcqTimes", [b"0.0", b"1230.0"]),
        ],
        junk=CANARY[:1],
    )
    cleaned = clean_image_header(header, profile.fields["image"])
    assert cleaned is not None
    assert CANARY not in cleaned
    for kept in (b"NumberOfImagesInMosaic", b"24\0", b"SliceNormalVector", b"-0.97", b"1230.0"):
        assert kept in cleaned
    assert b"PatientComment" not in cleaned
    assert cleaned == clean_image_header(cleaned, profile.fields["image"])


def test_a_named_field_with_text_in_it_goes_whole(profile: Profile) -> None:
    """A number's place may hold typed text."""
    header = _csa([("B_value", [b"1000 QVIST"]), ("SliceNormalVector", [b"0.1", CANARY, b"1"])])
    assert clean_image_header(header, profile.fields["image"]) is None


@given(content=st.binary(max_size=300))
def test_no_bytes_break_the_reader(profile_fields: Profile, content: bytes) -> None:
    """What can't be parsed is removed, never an error."""
    for header in (content, b"SV10\4\3\2\1" + content, b"SV10\4\3\2\1\1\0\0\0M\0\0\0" + content):
        clean_image_header(header, profile_fields.fields["image"])
        clean_series_header(header, profile_fields.fields["protocol"])
        clean_protocol(header, profile_fields.fields["protocol"])


@pytest.fixture(scope="module")
def profile_fields() -> Profile:
    """Give the profile once for all examples."""
    from fivesafes.data.header.profile import load_profile  # noqa: PLC0415 - a fixture of its own scope

    return load_profile()


PROTOCOL = b"""<XProtocol> { <ParamString."tPatientName"> { "QVIST" } }
### ASCCONV BEGIN object=MrProtDataImpl QVIST ###
tSequenceFileName\t = \t""%SiemensSeq%\\ep2d_bold""
tProtocolName\t = \t""bold rest QVIST""
sProtConsistencyInfo.tMeasuredBaselineString\t = \t"N4_VE11C_LATEST_20160120"
sSliceArray.ucMode\t = \t0x4
alTE[0]\t = \t30000
sWipMemBlock.tFree\t = \t"QVIST"
sKSpace.lBaseResolution\t = \tQVIST
tReferenceImage0\t = \t"1.3.12.2.QVIST"
### ASCCONV END ###
QVIST"""


def test_a_protocol_keeps_named_numbers(profile: Profile) -> None:
    """Of the protocol, named entries stay whose values look as they should."""
    cleaned = clean_protocol(PROTOCOL, profile.fields["protocol"])
    assert cleaned is not None
    assert CANARY not in cleaned
    for kept in (
        b"alTE[0]\t = \t30000",
        b"ucMode\t = \t0x4",
        b'""bold rest""',
        b'""%SiemensSeq%\\ep2d_bold""',
        b"VE11C",
    ):
        assert kept in cleaned
    assert b"tFree" not in cleaned
    assert b"BaseResolution" not in cleaned


def test_a_series_header_keeps_nothing_but_the_protocol(profile: Profile) -> None:
    """The other tags of the series header hold the exam's own texts."""
    header = _csa([("UsedPatientWeight", [b"77"]), ("MrPhoenixProtocol", [PROTOCOL, b""]), ("PatientName", [CANARY])])
    cleaned = clean_series_header(header, profile.fields["protocol"])
    assert cleaned is not None
    assert CANARY not in cleaned
    assert b"UsedPatientWeight" not in cleaned
    assert b"### ASCCONV BEGIN" in cleaned


def test_a_header_without_a_protocol_goes(profile: Profile) -> None:
    """Nothing named in it, nothing left of it."""
    assert clean_series_header(_csa([("PatientName", [CANARY])]), profile.fields["protocol"]) is None
    assert clean_protocol(b"### ASCCONV BEGIN ###\nno end", profile.fields["protocol"]) is None


def test_a_series_header_without_a_protocol_goes(profile: Profile) -> None:
    """One whose protocol is empty or holds nothing that is named is no better."""
    fields = profile.fields["protocol"]
    made: list[list[tuple[str, list[bytes]]]] = [
        [("UsedPatientWeight", [b"72"])],
        [("MrPhoenixProtocol", [])],
        [("MrPhoenixProtocol", [b"QVIST"])],
        [("MrProtocol", [b"### ASCCONV BEGIN ###\nsName = QVIST\n### ASCCONV END ###"])],
    ]
    for tags in made:
        assert clean_series_header(_csa(tags), fields) is None
    good = b"### ASCCONV BEGIN ###\nalTR[0] = 2300\n### ASCCONV END ###"
    kept = clean_series_header(_csa([("MrPhoenixProtocol", [b"QVIST"]), ("MrProtocol", [good])]), fields)
    assert kept is not None
    assert b"QVIST" not in kept


def test_counts_that_no_header_has_are_not_followed(profile: Profile) -> None:
    """Of fields, of items, and of bytes of an item."""
    fields = profile.fields["image"]
    good = _csa([("B_value", [b"1000"])])
    assert clean_image_header(good, fields) is not None
    places = {"fields": 8, "mark": 12, "items": 16 + 76, "bytes": 16 + 84 + 4}
    for place in places.values():
        for number in (0xFFFFFFFF, 5000):
            assert clean_image_header(good[:place] + pack("<L", number) + good[place + 4 :], fields) is None
    assert clean_image_header(good[:8] + pack("<L", 0) + good[12:], fields) is None


def test_a_protocol_of_blanks_takes_no_time(profile: Profile) -> None:
    """Nor does one that begins for ever, or that never ends."""
    fields = profile.fields["protocol"]
    assert clean_protocol(b"### ASCCONV BEGIN ###\na=" + b" " * 100_000 + b'x"\n### ASCCONV END ###', fields) is None
    assert clean_protocol(b"### ASCCONV BEGIN" * 10_000, fields) is None
    assert clean_protocol(b"### ASCCONV BEGIN ###\nalTR[0] = 2300\n", fields) is None
    assert clean_protocol(b"alTR[0] = 2300\n### ASCCONV END ###", fields) is None


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"alTR[0]\t = \t2300000  \r", b"alTR[0]\t = \t2300000\n"),
        (b"sKSpace.ucDimension = 0x4 ", b"sKSpace.ucDimension\t = \t0x4\n"),
        (b'tProtocolName = ""T1w QVIST""', b'tProtocolName\t = \t""T1w""\n'),
        (b'tProtocolName = "T1w"', b'tProtocolName\t = \t"T1w"\n'),
        (b"alTR[0] = 2300 QVIST", b""),
        (b'tProtocolName = """T1w"', b""),
        (b"1alTR[0] = 2300", b""),
    ],
)
def test_lines_of_a_protocol_are_read_as_scanners_write_them(profile: Profile, line: bytes, kept: bytes) -> None:
    """Blanks and quotes of every generation."""
    made = clean_protocol(b"### ASCCONV BEGIN ###\n" + line + b"\n### ASCCONV END ###", profile.fields["protocol"])
    expected = b"\n\n### ASCCONV BEGIN ###\n" + kept + b"### ASCCONV END ###\n" if kept else None
    assert made == expected
