"""Data sets made up of any elements: known and unknown, private, nested, in every encoding, with any VR and value."""

from datetime import timedelta
from struct import pack

from hypothesis import strategies as st

from fivesafes.core.ids import SubjectLabel
from fivesafes.data.header.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    PIXEL_DATA,
    SEQUENCE_END,
    UNDEFINED,
    Encoding,
)
from fivesafes.data.header.outcome import Stand
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

ENCODINGS = [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG]
KEPT, DROPPED, SEQUENCE, UNKNOWN = 0x00180081, 0x00100010, 0x00081140, 0x00091001
"""EchoTime, PatientName, ReferencedImageSequence, and a private element."""
STAND = Stand(
    profile=load_profile(),
    pseudonyms=Pseudonyms(bytes(32), "test"),
    label=SubjectLabel("abcd"),
    shift=timedelta(days=-40000, seconds=77),
)
TAGS = st.sampled_from(
    [
        *(KEPT, DROPPED, SEQUENCE, UNKNOWN, 0x00080018, 0x00080020, 0x00080030, 0x00081115, 0x00190010, 0x0019100C),
        *(0x00190011, 0x0019110C, 0x00200032, 0x52009229, 0x52009230, PIXEL_DATA, ITEM_END),
    ]
)
VRS = st.sampled_from([b"DS", b"PN", b"SQ", b"UN", b"UI", b"LO", b"OB", b"OW", b"IS", b"??", b"DA", b"TM"])
VALUES = st.one_of(
    st.binary(max_size=12), st.sampled_from([b"2.5 ", b"SIEMENS MR HEADER", b"20260131", b"101530.5", b"1.2.3\0", b""])
)
Tree = tuple[int, bytes, object, bool]


def head(tag: int, vr: bytes, length: int, encoding: Encoding) -> bytes:
    """Give the head of an element."""
    if not encoding.explicit:
        return pack(encoding.order + "HHL", tag >> 16, tag & 0xFFFF, length)
    if vr in {b"SQ", b"UN", b"OB", b"OW"}:
        return pack(encoding.order + "HH2s2xL", tag >> 16, tag & 0xFFFF, vr, length)
    return pack(encoding.order + "HH2sH", tag >> 16, tag & 0xFFFF, vr, length & 0xFFFF)


def mark(tag: int, length: int, encoding: Encoding) -> bytes:
    """Give the head of an item, or a delimiter."""
    return pack(encoding.order + "HHL", tag >> 16, tag & 0xFFFF, length)


def written(tree: Tree, encoding: Encoding) -> bytes:
    """Write an element and what it holds."""
    tag, vr, value, undefined = tree
    if isinstance(value, bytes):
        return head(tag, vr, len(value), encoding) + value
    assert isinstance(value, list)
    inner = IMPLICIT_LITTLE if vr == b"UN" else encoding
    items = b""
    for item in value:
        content = b"".join(written(one, inner) for one in item)
        if undefined:
            items += mark(ITEM, UNDEFINED, inner) + content + mark(ITEM_END, 0, inner)
        else:
            items += mark(ITEM, len(content), inner) + content
    if undefined:
        return head(tag, vr, UNDEFINED, encoding) + items + mark(SEQUENCE_END, 0, inner)
    return head(tag, vr, len(items), encoding) + items


LEAVES = st.tuples(TAGS, VRS, VALUES, st.just(value=False))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(
        st.sampled_from([SEQUENCE, 0x00081115, 0x52009229, 0x52009230, UNKNOWN]),
        st.sampled_from([b"SQ", b"SQ", b"UN", b"OB"]),
        st.lists(st.lists(inner, max_size=3), max_size=3),
        st.booleans(),
    ),
    max_leaves=12,
)
