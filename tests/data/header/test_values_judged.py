"""What a rule makes of one value, and how the value is written back."""

import gzip
from datetime import timedelta
from struct import pack

import pytest

from fivesafes.core.ids import SubjectLabel
from fivesafes.data.header.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from fivesafes.data.header.grammar import Vocabularies, compile_grammar
from fivesafes.data.header.outcome import Outcome, Stand
from fivesafes.data.header.profile import BLOBS, Action, Profile, Rule
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.header.values import apply_rule, encode, encode_items
from fivesafes.data.header.words import Vocabulary

KNOWN = Vocabularies(words=Vocabulary.of(["t#w", "bold"]), devices=Vocabulary.of([]))
KEPT, BLANKED, REPLACED, REMOVED = Outcome.KEPT, Outcome.BLANKED, Outcome.REPLACED, Outcome.REMOVED


@pytest.fixture
def stand(profile: Profile, pseudonyms: Pseudonyms) -> Stand:
    """Give a participant whose dates move by one day and an hour."""
    return Stand(profile=profile, pseudonyms=pseudonyms, label=SubjectLabel("abc"), shift=timedelta(days=1, hours=1))


def _rule(action: Action, grammar: str = "", *, vr: str = "LO", most: int = 1) -> Rule:
    judged = action in {Action.K, Action.C} and grammar not in BLOBS | {"shift", ""}
    clean = compile_grammar(grammar, vr, KNOWN) if judged else None
    return Rule(
        keyword="Any", tag=0x00080008, vrs=(vr.encode(),), most_values=most, action=action, grammar=grammar, clean=clean
    )


@pytest.mark.parametrize(("value", "outcome"), [(b"Qvist", BLANKED), (b" \0 ", KEPT), (b"", KEPT)])
def test_a_z_rule_leaves_nothing(stand: Stand, value: bytes, outcome: Outcome) -> None:
    """An empty value stays empty, which is no change."""
    assert apply_rule(_rule(Action.Z), b"LO", value, stand) == (b"", outcome)


@pytest.mark.parametrize(("grammar", "value"), [("pseudonym", b"abc"), ("value:YES", b"YES"), ("method", None)])
def test_a_d_rule_puts_a_dummy(stand: Stand, grammar: str, value: bytes | None) -> None:
    """The pseudonym, the value that the rule says, or what is written at the end."""
    assert apply_rule(_rule(Action.D, grammar), b"LO", b"Qvist", stand) == (value, REPLACED)


def test_a_u_rule_maps_each_uid(stand: Stand) -> None:
    """One that DICOM registers stays, one of an instance is mapped, an empty one is empty."""
    rule = _rule(Action.U, "uid", vr="UI")
    registered = b"1.2.840.10008.1.4.1.1"
    assert apply_rule(rule, b"UI", registered + b"\0", stand) == (registered, KEPT)
    assert apply_rule(rule, b"UI", b"\0", stand) == (b"", KEPT)
    mapped = stand.pseudonyms.uid("1.2.3").encode()
    assert apply_rule(rule, b"UI", b"1.2.3\0", stand) == (mapped, REPLACED)
    both = apply_rule(rule, b"UI", b"1.2.3\\\\" + registered, stand)
    assert both == (mapped + b"\\\\" + registered, REPLACED)


@pytest.mark.parametrize(
    ("value", "moved", "outcome"),
    [
        (b"20260131101530.5", b"20260201111530.5", REPLACED),
        (b"Qvist", b"", BLANKED),
        (b" ", b"", KEPT),
    ],
)
def test_a_date_and_time_moves(stand: Stand, value: bytes, moved: bytes, outcome: Outcome) -> None:
    """What can't be moved goes."""
    assert apply_rule(_rule(Action.K, "shift", vr="DT"), b"DT", value, stand) == (moved, outcome)


@pytest.mark.parametrize("grammar", ["csa-image", "csa-series", "protocol", "ge-protocol", "ge-user-data"])
def test_a_blob_that_can_t_be_parsed_is_removed(stand: Stand, grammar: str) -> None:
    """Each by its own reader."""
    assert apply_rule(_rule(Action.C, grammar, vr="OB"), b"OB", b"Qvist" * 9, stand) == (None, REMOVED)


def test_each_blob_is_rewritten_by_its_own_reader(stand: Stand) -> None:
    """A protocol is one for its own grammar alone."""
    protocol = b'### ASCCONV BEGIN ###\nalTR[0] = 2300000\nsName = "Qvist"\n### ASCCONV END ###'
    kept, outcome = apply_rule(_rule(Action.C, "protocol", vr="OB"), b"OB", protocol, stand)
    assert outcome is REPLACED
    assert kept is not None
    assert b"2300000" in kept
    assert b"Qvist" not in kept


def test_each_of_ge_s_blobs_is_rewritten_by_its_own_reader(stand: Stand) -> None:
    """The protocol is unpacked; the user data are a record of bits."""
    packed = gzip.compress(b'set SLICEORDER "1"\nset PATIENT "Qvist"\n', mtime=0)
    protocol = pack("<L", len(packed)) + packed
    kept = apply_rule(_rule(Action.C, "ge-protocol", vr="OB"), b"OB", protocol, stand)
    assert kept.outcome is REPLACED
    assert kept.value is not None
    assert gzip.decompress(kept.value[4:]) == b'SLICEORDER "1"\n'
    record = bytearray(b"Qvist" * 400)
    record[24:26], record[32:36] = pack("<H", 32), pack("<f", 15.0)
    kept = apply_rule(_rule(Action.C, "ge-user-data", vr="OB"), b"OB", bytes(record), stand)
    assert kept.outcome is REPLACED
    assert kept.value is not None
    assert len(kept.value) == len(record)
    assert b"Qvist" not in kept.value


@pytest.mark.parametrize(
    ("vr", "value", "most", "outcome"),
    [
        (b"US", b"\1\0", 1, KEPT),
        (b"US", b"\1\0\2\0", 1, BLANKED),  # more than the dictionary allows
        (b"US", b"\1\0\2\0", 2, KEPT),
        (b"US", b"\1\0\2", 2, BLANKED),  # no whole number of numbers
        (b"US", b"QvistLis", 4, BLANKED),
        (b"US", b"QvistLi", 0, BLANKED),
        (b"UV", b"QvistLis", 1, BLANKED),
        (b"US", bytes(4096), 0, KEPT),
        (b"US", bytes(4098), 0, BLANKED),
        (b"US", b"\1\0Qvis\2\0", 0, BLANKED),
        (b"US", b"\1\0Qvi\0\2\0", 0, KEPT),
        (b"US", b"Qv", 1, KEPT),
        (b"UL", b"Qvis", 1, BLANKED),  # a number that is none of the range
        (b"UL", b"Qvis\0\0\0\0", 0, BLANKED),
        (b"SL", b"QvistLis", 2, BLANKED),
        (b"FD", b"QvistLisbethAnna", 2, BLANKED),
        (b"FD", b"QvistLis", 1, BLANKED),
        (b"FD", pack("<d", 7.23e75), 1, KEPT),  # no value, as Canon writes it
        (b"FD", b"QvistLi=", 1, BLANKED),  # read as a number it is one, 7e-13
        (b"FL", b"QvistLisbeth", 0, BLANKED),
        (b"FL", b"@QAI@QAI@QAI@QAI", 0, BLANKED),
        (b"FL", b"@QA\xc9@QA\xc9@QA\xc9@QA\xc9", 0, BLANKED),
        (b"FD", pack("<3d", 6.1e-17, 1e4, 0), 3, KEPT),
        (b"FD", pack("<2d", 1, float("nan")), 2, BLANKED),
        (b"FD", pack("<2d", 1, float("inf")), 2, BLANKED),
        (b"FD", pack("<d", 1) + b"\x19\0\x2b\x10LO\x0c\0", 0, BLANKED),
        (b"FL", pack("<f", 1) + b"\x19\0\x2b\x10LO\x0c\0", 0, BLANKED),
        (b"FL", pack("<2f", 1, -2.5), 0, KEPT),
        (b"FD", pack("<2d", 1, 1e-30), 0, BLANKED),
        (b"FD", pack("<2d", 1, 1e30), 0, BLANKED),
        (b"FL", pack("<2f", 1, 9e-31), 0, BLANKED),
        (b"FL", pack("<2f", 1, 2e30), 0, BLANKED),
        (b"FL", pack("<f", 1e-38), 0, BLANKED),
    ],
)
def test_binary_numbers_are_numbers(stand: Stand, vr: bytes, value: bytes, most: int, outcome: Outcome) -> None:
    """Of the right size and count, no letters in their place, and no element swallowed by a wrong length."""
    rule = _rule(Action.K, "number", vr=vr.decode(), most=most)
    assert apply_rule(rule, vr, value, stand) == (value if outcome is KEPT else b"", outcome)


def test_numbers_are_read_in_their_own_order(stand: Stand) -> None:
    """Big-endian measures are measures too."""
    rule = _rule(Action.K, "number", vr="FD", most=2)
    value = pack(">2d", 1.5, 0.25)
    assert apply_rule(rule, b"FD", value, stand).outcome is BLANKED
    assert apply_rule(rule, b"FD", value, stand, ">").outcome is KEPT


@pytest.mark.parametrize(
    ("grammar", "vr", "value", "left", "outcome"),
    [
        ("words", b"LO", b"T1w", b"T1w", KEPT),
        ("words", b"LO", b"T1w Qvist ", b"T1w", BLANKED),
        ("words", b"LO", b"Qvist", b"", BLANKED),
        ("words", b"LO", b"Qvist\\T1w", b"\\T1w", BLANKED),
        ("words", b"LO", b"Qvist\\Lisbeth", b"", BLANKED),
        ("words", b"LT", b"T1w\\bold", b"T1w bold", BLANKED),  # one value, in which it parts words
        ("words", b"LO", b"T1w \\bold", b"T1w \\bold", KEPT),
        ("words", b"LO", b"T1w\0", b"T1w", KEPT),
        ("words", b"LO", b"T1w ", b"T1w ", KEPT),
        ("words", b"LO", b"", b"", KEPT),
        ("number", b"DS", b"1.5\\2", b"1.5\\2", KEPT),
        ("number", b"DS", b"1.5\\Qvist", b"", BLANKED),
        ("number", b"DS", b"1.5\\", b"1.5\\", KEPT),
        ("age", b"AS", b"097Y", b"090Y", REPLACED),
        ("age", b"AS", b"Qvist", b"", BLANKED),
        ("step:5", b"DS", b"72.4", b"70", REPLACED),
        ("step:5", b"DS", b"70", b"70", KEPT),
    ],
)
def test_each_value_of_a_text_is_judged(
    stand: Stand, grammar: str, vr: bytes, value: bytes, left: bytes, outcome: Outcome
) -> None:
    """Of numbers all stay or none; of other texts what fits."""
    assert apply_rule(_rule(Action.C, grammar, vr=vr.decode(), most=0), vr, value, stand) == (left, outcome)


def test_a_text_without_a_grammar_is_removed(stand: Stand) -> None:
    """What nobody said how to judge does not stay."""
    assert apply_rule(_rule(Action.K), b"LO", b"Qvist", stand) == (None, REMOVED)


@pytest.mark.parametrize(
    ("vr", "value", "written"),
    [
        (b"LO", b"abc", b"\x08\0\x10\0LO\4\0abc "),
        (b"UI", b"1.2", b"\x08\0\x10\0UI\4\x001.2\0"),
        (b"OB", b"abc", b"\x08\0\x10\0OB\0\0\4\0\0\0abc\0"),
        (b"UN", b"abc", b"\x08\0\x10\0UN\0\0\4\0\0\0abc\0"),
        (b"UT", b"ab", b"\x08\0\x10\0UT\0\0\2\0\0\0ab"),
    ],
)
def test_an_element_is_written_even(vr: bytes, value: bytes, written: bytes) -> None:
    """With the length that its VR has (PS3.5 7.1.2), and padded by its kind."""
    assert encode(0x00080010, vr, value, EXPLICIT_LITTLE) == written


def test_an_element_is_written_in_its_encoding() -> None:
    """Without VR, in the other byte order, and not at all where a short VR has no room."""
    assert encode(0x00081234, b"LO", b"ab", IMPLICIT_LITTLE) == b"\x08\0\x34\x12\2\0\0\0ab"
    assert encode(0x00081234, b"LO", b"ab", EXPLICIT_BIG) == b"\0\x08\x12\x34LO\0\2ab"
    assert encode(0x00081234, b"UT", b"ab", EXPLICIT_BIG) == b"\0\x08\x12\x34UT\0\0\0\0\0\2ab"
    assert encode(0x00081234, b"LO", bytes(0xFFFE), EXPLICIT_LITTLE) is not None
    assert encode(0x00081234, b"LO", bytes(0xFFFF), EXPLICIT_LITTLE) is None
    assert encode(0x00081234, b"LO", bytes(0x10000), IMPLICIT_LITTLE) is not None


def test_items_are_written_with_their_length() -> None:
    """Each one, an empty one too."""
    assert encode_items([b"ab", b""], EXPLICIT_LITTLE) == b"\xfe\xff\0\xe0\2\0\0\0ab\xfe\xff\0\xe0\0\0\0\0"
    assert encode_items([b"ab"], EXPLICIT_BIG) == b"\xff\xfe\xe0\0\0\0\0\2ab"
    assert encode_items([], EXPLICIT_LITTLE) == b""
