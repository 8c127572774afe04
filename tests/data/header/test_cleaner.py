"""Elements of every make are kept, blanked or dropped as the profile says; read and written as bytes."""

from collections.abc import Sequence
from struct import pack

import pytest
from attrs import evolve
from tests.data.header.trees import KEPT, STAND

from fivesafes.core.ids import Identifying
from fivesafes.data.header import cleaner as module
from fivesafes.data.header.cursor import Cursor
from fivesafes.data.header.deidentify import Cleaned, Deidentifier
from fivesafes.data.header.elements import EXPLICIT_LITTLE, Element
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.pixel_change import PixelChange
from fivesafes.data.header.profile import Action, Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.header.tally import Tally

Given = tuple[int, bytes, bytes]
BASE: tuple[Given, ...] = (
    (0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.4\0"),
    (0x00080018, b"UI", b"1.2.3.4.5\0"),
    (0x00080060, b"CS", b"MR"),
    (0x00100020, b"LO", b"Qvist1"),
)
LONG = frozenset({b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF"})


def element(tag: int, vr: bytes, value: bytes, *, order: str = "<", length: int | None = None) -> bytes:
    """Write an element with its VR."""
    size = len(value) if length is None else length
    head = pack(f"{order}HH", tag >> 16, tag & 0xFFFF) + vr
    return head + (pack(f"{order}2xL", size) if vr in LONG else pack(f"{order}H", size)) + value


def implicit(tag: int, value: bytes) -> bytes:
    """Write an element without its VR."""
    return pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value


def item(*elements: bytes) -> bytes:
    """Write an item of a sequence."""
    return pack("<HHL", 0xFFFE, 0xE000, sum(map(len, elements))) + b"".join(elements)


def whole(*more: Given, order: str = "<") -> bytes:
    """Write an object that may pass, with these elements in their places."""
    every = sorted([*BASE, *more], key=lambda one: one[0])
    return b"".join(element(tag, vr, value, order=order) for tag, vr, value in every)


@pytest.fixture
def by(profile: Profile, pseudonyms: Pseudonyms) -> Deidentifier:
    """Give a de-identifier that remembers nothing yet."""
    return Deidentifier(profile, pseudonyms)


def _cleaned(by: Deidentifier, content: bytes) -> tuple[dict[int, tuple[bytes, bytes]], Cleaned]:
    done = by.clean(open_data_set(content))
    data_set = open_data_set(b"".join(done.pieces))
    found: Sequence[Element] = data_set.elements()
    return {one.tag: (one.vr, data_set.buffer[one.start : one.end]) for one in found}, done


def test_more_creators_than_are_remembered_are_still_told_apart(by: Deidentifier) -> None:
    """Three hundred that nobody knows, and one that is known, in one object."""
    strangers = [((0x1001 + 2 * number) << 16 | 0x10, b"LO", b"Qvist%04d" % number) for number in range(300)]
    known = [(0x7FDF0010, b"LO", b"SIEMENS MR HEADER "), (0x7FDF1001, b"LO", b"Qvist")]
    told, _ = _cleaned(by, whole(*strangers, *known))
    assert not any(tag >> 16 & 1 for tag in told)
    again, _ = _cleaned(by, whole((0x00190010, b"LO", b"SIEMENS MR HEADER "), (0x0019100C, b"IS", b"1000")))
    assert again[0x0019100C] == (b"IS", b"1000")


def test_elements_of_a_known_private_block_bring_its_creator(by: Deidentifier) -> None:
    """Once for a block, in the profile's own spelling; a block of unknown elements brings none."""
    told, done = _cleaned(
        by,
        whole(
            (0x00190010, b"LO", b"siemens mr header "),
            (0x0019100C, b"IS", b"1000"),
            (0x0019100D, b"CS", b"NONE"),
            (0x001910EE, b"LO", b"Qvist1"),
            (0x00290010, b"LO", b"Qvist1"),
            (0x00291010, b"LO", b"Qvist1"),
        ),
    )
    assert told[0x00190010] == (b"LO", b"SIEMENS MR HEADER ")
    assert told[0x0019100C] == (b"IS", b"1000")
    assert not {0x001910EE, 0x00290010, 0x00291010} & told.keys()
    assert done.record.removed == {'(0019,xxEE) "SIEMENS MR HEADER"': 1, "(0029,xx10) unknown creator": 1}


def test_of_a_private_element_as_many_numbers_stay_as_are_there(by: Deidentifier) -> None:
    """No dictionary says how many: a time for each slice of a mosaic."""
    times = pack("<30d", *(0.05 * slice_ for slice_ in range(30)))
    told, _ = _cleaned(by, whole((0x00190010, b"LO", b"SIEMENS MR HEADER "), (0x00191029, b"FD", times)))
    assert told[0x00191029] == (b"FD", times)


def test_a_private_value_that_does_not_fit_is_blanked_or_goes(by: Deidentifier) -> None:
    """Blanked where it stays empty; gone where it can't be read, and then its creator goes too."""
    told, _ = _cleaned(by, whole((0x00190010, b"LO", b"SIEMENS MR HEADER "), (0x0019100C, b"IS", b"Qvis")))
    assert told[0x0019100C] == (b"IS", b"")
    creator = (0x00290010, b"LO", b"SIEMENS CSA HEADER")
    told, done = _cleaned(by, whole(creator, (0x00291010, b"OB", b"Qvist1")))
    assert not {0x00290010, 0x00291010} & told.keys()
    assert done.record.removed == {'(0029,xx10) "SIEMENS CSA HEADER"': 1}


@pytest.mark.parametrize("syntax", ["big", "little"])
def test_unknown_bytes_are_read_where_their_order_is_told(by: Deidentifier, syntax: str) -> None:
    """Within UN they are little endian (PS3.5 6.2.2), which an object in big endian can't take over."""
    order = ">" if syntax == "big" else "<"
    told, done = _cleaned(by, whole((0x00180081, b"UN", b"2.98"), (0x00280010, b"UN", b"\2\0"), order=order))
    assert (0x00180081 in told) == (syntax == "little")
    assert (0x00280010 in told) == (syntax == "little")
    assert ("EchoTime" in done.record.removed) == (syntax == "big")


def test_a_sequence_within_unknown_bytes_is_implicit(by: Deidentifier) -> None:
    """It is cleaned like any other in little endian, and goes in big endian."""
    inner = item(implicit(0x00081150, b"1.2.840.10008.5.1.4.1.1.4\0"), implicit(0x00104000, b"Qvist1"))
    told, done = _cleaned(by, whole((0x00081140, b"UN", inner)))
    assert told[0x00081140][0] == b"SQ"
    assert b"1.2.840.10008.5.1.4.1.1.4" in told[0x00081140][1]
    assert b"Qvist" not in told[0x00081140][1]
    assert done.record.removed == {"PatientComments": 1}
    told, done = _cleaned(by, whole((0x00081140, b"UN", inner), order=">"))
    assert 0x00081140 not in told
    assert "ReferencedImageSequence" in done.record.removed


def test_a_sequence_under_a_false_vr_goes(by: Deidentifier) -> None:
    """Its bytes would be read as what they are not."""
    told, done = _cleaned(by, whole((0x00081140, b"LO", b"Qvist1")))
    assert 0x00081140 not in told
    assert done.record.removed == {"ReferencedImageSequence": 1}


def test_a_value_of_undefined_length_goes(by: Deidentifier) -> None:
    """Only sequences and pixels have one."""
    broken = element(0x00180081, b"UN", b"", length=0xFFFFFFFF) + b"\xfe\xff\xdd\xe0\0\0\0\0"
    told, done = _cleaned(by, whole() + broken)
    assert 0x00180081 not in told
    assert done.record.removed == {"EchoTime": 1}


def test_a_vr_that_contradicts_the_dictionary_takes_the_value_with_it(by: Deidentifier) -> None:
    """Texts are taken for one another, and so are numbers; a text is no number: its tag may be damaged."""
    told, done = _cleaned(
        by,
        whole(
            (0x00180015, b"LO", b"BRAIN "),
            (0x00180080, b"IS", b"500 "),
            (0x00180081, b"SH", b"48305 "),
            (0x00180082, b"US", b"Qv"),
            (0x00181030, b"PN", b"T1"),
        ),
    )
    assert told[0x00180015] == (b"CS", b"BRAIN ")
    assert told[0x00180080] == (b"DS", b"500 ")
    assert not told.keys() & {0x00180081, 0x00180082, 0x00181030}
    assert done.record.removed == {"EchoTime": 1, "InversionTime": 1, "ProtocolName": 1}


@pytest.mark.parametrize("nested", [False, True])
def test_what_is_not_in_the_order_of_its_tags_is_set_aside(by: Deidentifier, nested: bool) -> None:
    """A damaged tag would give a value another's name: an accession number reads as a thickness of slices."""
    moved = element(0x00180050, b"DS", b"48305 ") + element(0x00100040, b"CS", b"O ")
    twice = element(0x00180050, b"DS", b"5 ") * 2
    for broken in (moved, twice):
        content = whole() + (element(0x00189112, b"SQ", item(broken)) if nested else broken)
        with pytest.raises(Malformed) as told:
            by.clean(open_data_set(content))
        assert told.value.code == "data.file.out-of-order"


def test_private_elements_may_lie_in_any_order(by: Deidentifier) -> None:
    """Some programs sort them by who gave them their meaning."""
    private = [(0x00190010, b"LO", b"SIEMENS MR HEADER"), (0x0019100C, b"IS", b"1000"), (0x0019100A, b"US", b"\x24\0")]
    content = whole() + b"".join(element(*one) for one in private)
    told, _ = _cleaned(by, content)
    assert told[0x0019100C][1] == b"1000"
    assert told[0x0019100A][1] == b"\x24\0"


def test_a_value_that_has_no_room_in_its_vr_goes(by: Deidentifier) -> None:
    """Text of an implicit object may be longer than an explicit one can say, and is not cut."""
    long = b"\\".join([b"1"] * 40_000)
    told, done = _cleaned(by, whole((0x00281050, b"UN", long + b"\\")))
    assert 0x00281050 not in told
    assert sum(done.record.removed.values()) == 1


def test_what_was_met_before_is_answered_the_same(
    by: Deidentifier, profile: Profile, pseudonyms: Pseudonyms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remembered or not, small or large, and when there is no more room to remember."""
    more = (
        (0x00180081, b"DS", b"2.98"),
        (0x0008103E, b"LO", b"T1w Qvist "),
        (0x00081140, b"SQ", item(element(0x00104000, b"LT", b"Qvist1" * 1000))),
        (0x00280106, b"US", b"\0\0"),
        (0x00189089, b"FD", pack("<3d", 0.1, 0.2, 0.3)),
    )
    first = by.clean(open_data_set(whole(*more)))
    again = by.clean(open_data_set(whole(*more)))
    assert first.pieces == again.pieces
    assert first.record == again.record
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 10)
    forgetful = Deidentifier(profile, pseudonyms)
    assert [forgetful.clean(open_data_set(whole(*more))).pieces for _ in range(2)] == [first.pieces] * 2


def test_dates_move_with_their_times_and_alone(by: Deidentifier) -> None:
    """A time without its date is counted too, and one that is none is blanked."""
    told, done = _cleaned(by, whole((0x00080030, b"TM", b"101530"), (0x00080021, b"DA", b"20260131")))
    assert len(told[0x00080030][1]) == 6
    assert told[0x00080021][1] != b"20260131"
    assert done.record.replaced["StudyTime"] == done.record.replaced["SeriesDate"] == 1
    told, done = _cleaned(by, whole((0x00080020, b"DA", b"Qvist1"), (0x00080030, b"TM", b"101530")))
    assert told[0x00080020] == (b"DA", b"")
    assert done.record.blanked["StudyDate"] == 1
    told, done = _cleaned(by, whole((0x00080020, b"DA", b""), (0x00080030, b"TM", b"")))
    assert (done.record.kept["StudyDate"], done.record.kept["StudyTime"]) == (1, 1)


def test_dates_move_within_items_too(by: Deidentifier) -> None:
    """By the same shift, with the time that lies in the same item."""
    outer = [(0x00080023, b"DA", b"20260131"), (0x00080033, b"TM", b"101530")]
    inner = element(0x00189112, b"SQ", item(*(element(*one) for one in outer)))
    told, done = _cleaned(by, whole(*outer, (0x00189112, b"SQ", inner[12:])))
    assert told[0x00080023][1] in told[0x00189112][1]
    assert told[0x00080033][1] in told[0x00189112][1]
    assert b"20260131" not in told[0x00189112][1]
    assert done.record.replaced["ContentDate"] == done.record.replaced["ContentTime"] == 2


def test_sequences_that_nest_too_deep_are_malformed(by: Deidentifier) -> None:
    """However their lengths are told."""
    inner = b""
    for _ in range(60):
        inner = element(0x00189112, b"SQ", item(inner))
    with pytest.raises(Malformed) as told:
        by.clean(open_data_set(whole() + inner))
    assert told.value.code == "data.file.too-deep"


def test_the_pseudonym_stands_in_every_object(by: Deidentifier, pseudonyms: Pseudonyms) -> None:
    """Whether or not the original named somebody; and eight participants are remembered, not all."""
    for number in range(20):
        base = [(tag, vr, value) for tag, vr, value in BASE if tag != 0x00100020]
        content = b"".join(element(*one) for one in [*base, (0x00100020, b"LO", b"Q%d " % (100 + number))])
        told, _ = _cleaned(by, content)
        label = pseudonyms.subject(Identifying(f"Q{100 + number}")).encode()
        assert told[0x00100010][1].strip() == label == told[0x00100020][1].strip()


def test_an_object_without_identity_is_malformed(by: Deidentifier) -> None:
    """Its name in the release would be everybody's."""
    content = b"".join(element(*one) for one in BASE if one[0] != 0x00080018)
    with pytest.raises(Malformed) as told:
        by.clean(open_data_set(content))
    assert told.value.code == "data.file.no-uid"


def test_a_sequence_that_is_blanked_has_no_items(profile: Profile, pseudonyms: Pseudonyms) -> None:
    """It stays, empty; one that was empty is no change; one that goes is gone; an empty item stands in for one."""
    tag = 0x00081140
    for action, left in ((Action.Z, b""), (Action.X, None), (Action.D, item())):
        rules = {**profile.rules, tag: evolve(profile.rules[tag], action=action)}
        by = Deidentifier(evolve(profile, rules=rules), pseudonyms)
        for items in (b"", item(element(0x00104000, b"LT", b"Qvist1"))):
            told, done = _cleaned(by, whole((tag, b"SQ", items)))
            assert told.get(tag) == (None if left is None else (b"SQ", left))
            record = done.record
            blanked = record.blanked if items else record.kept
            counts = {Action.X: record.removed, Action.D: record.replaced, Action.Z: blanked}[action]
            assert counts["ReferencedImageSequence"] == 1


@pytest.mark.parametrize(("remembered", "told"), [(200, 1), (200, 1000), (1 << 20, 1), (1 << 20, 1000)])
def test_a_cleaner_that_remembers_too_much_forgets_and_says_the_same(
    remembered: int, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded, and what was forgotten is made again: values, dates, sequences, what has no rule."""
    days = [b"201903%02d" % day for day in range(1, 21)]
    contents = [element(KEPT - day % 2, b"DS", b"%d " % (10 + day)) for day in range(40)]
    contents += [element(0x00080020, b"DA", day) + element(0x00080030, b"TM", b"101010") for day in days]
    contents += [element(0x00181111 + 2 * day, b"DS", b"10") for day in range(20)]
    contents += [element(0x00089215, b"SQ", item(element(0x00080100, b"SH", b"T-D1100 ")) * n) for n in (1, 2, 3)]
    shared = element(0x00080008, b"CS", b"ORIGINAL\\PRIMARY") + element(0x00080016, *BASE[0][1:])
    apart = []
    contents = [shared * (place > 3) + content for place, content in enumerate(contents)]
    for content in contents:
        tally = Tally()
        fresh = module.Cleaner(STAND, EXPLICIT_LITTLE)
        apart.append((fresh.data_set(Cursor(content, 0, len(content), EXPLICIT_LITTLE), tally), tally.entries()))
    monkeypatch.setattr(module, "_MOST_REMEMBERED", remembered)
    monkeypatch.setattr(module, "_MOST_TOLD", told)
    made = module.Cleaner(STAND, EXPLICIT_LITTLE)
    most = 0
    for _ in range(3):
        for content, expected in zip(contents, apart, strict=True):
            tally = Tally()
            result = made.data_set(Cursor(content, 0, len(content), EXPLICIT_LITTLE), tally)
            assert (result, tally.entries()) == expected
            most = max(most, len(made.standard.explicit))
    assert (most < 20) is (remembered == 200 or told == 1)


def test_who_has_no_number_gets_one(by: Deidentifier) -> None:
    """An object that names somebody and has no PatientID bears the pseudonym in both places."""
    base = [one for one in BASE if one[0] != 0x00100020]
    content = b"".join(element(*one) for one in [*base, (0x00100010, b"PN", b"QVIST^A ")])
    told, _ = _cleaned(by, content)
    assert told[0x00100010][1] == told[0x00100020][1] != b""


def test_an_option_is_claimed_for_a_sequence_that_has_items(profile: Profile, pseudonyms: Pseudonyms) -> None:
    """Of an empty one nothing was retained."""
    timing = 0x00189112
    rules = {**profile.rules, timing: evolve(profile.rules[timing], option="113108")}
    for items, claimed in ((b"", False), (item(), True)):
        by = Deidentifier(evolve(profile, rules=rules), pseudonyms)
        told, _ = _cleaned(by, whole((timing, b"SQ", items)))
        assert (b"113108" in told[0x00120064][1]) is claimed


def test_what_describes_changed_pixels_is_written_removed_and_counted() -> None:
    """An attribute that is not there is not counted as removed."""
    content = whole((0x00280006, b"US", b"\0\0"))
    changed = PixelChange(
        content=b"", attributes={0x00280301: (b"CS", b"NO"), 0x00280006: None, 0x00282110: None}, options=frozenset()
    )
    tally = Tally()
    made = module.Cleaner(STAND, EXPLICIT_LITTLE)
    result = made.data_set(Cursor(content, 0, len(content), EXPLICIT_LITTLE), tally, changed)
    record = tally.record()
    assert element(0x00280301, b"CS", b"NO") in result
    assert element(0x00280006, b"US", b"\0\0") not in result
    assert record.replaced["BurnedInAnnotation"] == 1
    assert record.removed == {"PlanarConfiguration": 1}
