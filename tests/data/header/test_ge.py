"""GE's own blocks are written anew from named fields."""

import gzip
from struct import pack, pack_into, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.header.ge import clean_protocol_block, clean_user_data
from fivesafes.data.header.profile import Profile, load_profile

TEXT = b"".join(
    b'set %s "%s"\n' % line
    for line in (
        (b"PATIENT", b"QVIST"),
        (b"SLICEORDER", b"1"),
        (b"NOSLC", b"24"),
        (b"IOPT", b"EPI, MPh"),
        (b"DELACQ", b"QVIST"),
        (b"SEDESC", b"QVIST"),
    )
)


def test_a_protocol_block_keeps_named_lines(profile: Profile) -> None:
    """Slice order and options stay; descriptions, names and the name of the gzip file go."""
    packed = gzip.compress(TEXT)
    named = packed[:3] + b"\x08" + packed[4:10] + b"QVIST\0" + packed[10:]
    cleaned = clean_protocol_block(pack("<L", len(named)) + named, profile.fields["ge-protocol"])
    assert cleaned is not None
    (length,) = unpack("<L", cleaned[:4])
    assert len(cleaned) == length + 4
    assert gzip.decompress(cleaned[4:]) == b'SLICEORDER "1"\nNOSLC "24"\nIOPT "EPI, MPh"\n'
    assert b"QVIST" not in cleaned


@given(content=st.binary(max_size=200))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    """What can't be read is removed."""
    assert clean_protocol_block(content, load_profile().fields["ge-protocol"]) is None
    assert clean_user_data(content) is None


def test_a_block_that_inflates_without_end_is_bounded(profile: Profile) -> None:
    """A megabyte of protocol is read, not more."""
    packed = gzip.compress(b'set SLICEORDER "1"\n' + bytes(5_000_000))
    assert clean_protocol_block(pack("<L", len(packed)) + packed, profile.fields["ge-protocol"]) is not None


def test_user_data_keep_two_flags_and_the_version() -> None:
    """Every other byte is zero."""
    for version, base, order in ((15.0, 0, 0x394), (26.0, 0x4C, 0x394 - 0x8C)):
        original = bytearray(b"QVIST" * 400)
        pack_into("<H", original, 24, 32)
        pack_into("<f", original, 32, version)
        pack_into("<H", original, 32 + base + 0x3A, 0x0800)
        pack_into("<H", original, 32 + base + 0x30, 0x0004)
        pack_into("<H", original, 32 + base + order, 2)
        cleaned = clean_user_data(bytes(original))
        assert cleaned is not None
        assert len(cleaned) == len(original)
        assert cleaned[24:26] == bytes(original[24:26])
        assert cleaned[32:36] == bytes(original[32:36])
        assert sum(1 for byte in cleaned if byte) <= 9
        assert cleaned[32 + base + order] == 2


def test_user_data_of_an_unknown_version_go() -> None:
    """Without a version nobody knows where the flags lie."""
    assert clean_user_data(b"QVIST" * 400) is None


@pytest.mark.parametrize(("head", "version"), [(32, 4.9), (32, 40.1), (32, float("nan")), (0x7FFF, 15.0)])
def test_user_data_of_another_make_go(head: int, version: float) -> None:
    """A version that nobody knows, or a head that lies outside."""
    original = bytearray(b"QVIST" * 400)
    pack_into("<H", original, 24, head)
    pack_into("<f", original, 32, version)
    assert clean_user_data(bytes(original)) is None


def test_user_data_that_end_too_soon_go() -> None:
    """Every offset lies within the least that is read."""
    for length in (916, 917, 32 + 917, 32 + 918):
        for version in (15.0, 26.0):
            original = bytearray(b"QVIST" * 400)
            pack_into("<H", original, 24, 32)
            pack_into("<f", original, 32, version)
            assert (clean_user_data(bytes(original[:length])) is None) == (length < 32 + 918)
