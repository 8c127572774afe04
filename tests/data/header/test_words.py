"""The inclusion vocabulary lets known words through and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fivesafes.data.header.profile import POLICIES
from fivesafes.data.header.words import Vocabulary

WORDS = Vocabulary.read(POLICIES / "allow" / "words.txt")
DEVICES = (WORDS | Vocabulary.read(POLICIES / "allow" / "devices.txt")).for_devices()


@pytest.mark.parametrize(
    "text",
    [
        "func-bold_task-rest_run-01",
        "anat-T1w_acq-mprage",
        "dwi_dir-AP",
        "t1_mprage_sag_p2_iso",
        "AxT2FLAIR",
        "rfMRI_REST_AP_SBRef",
        "SpinEchoFieldMap_PA",
        "Axial EPI-FMRI (Interleaved I to S)",
        "*tfl3d1_16ns",
        "T1 3D TFE 1.0mm iso",
        "b1000",
    ],
)
def test_what_sequences_are_called_stays_whole(text: str) -> None:
    """ReproIn names and the usual names of sequences lose nothing."""
    assert WORDS.keep_words(text.encode()) == text.encode()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("T1w Lisbeth Qvist", "T1w"),
        ("Qvist^Lisbeth 03-05-1948", ""),
        ("MPRAGE JANE", "MPRAGE"),
        ("ax 03.05.1948 head", "ax head"),
        ("room 12 bed 5", ""),
        ("p1234", ""),
        ("func-bold_task-qvist_run-01", "func-bold_task_run-01"),
        ("für Müller T1w", "T1w"),
        ("T1w\x1b$B;3ED", ""),
        ("scan 0412 345 678", "scan"),
        ("ses-20260131", "ses"),
        ("head 03 qvist 05 head", "head head"),
    ],
)
def test_names_dates_and_numbers_of_people_go(text: str, left: str) -> None:
    """Whatever is not listed goes, and with it numbers that could be dates, telephones or codes."""
    assert WORDS.keep_words(text.encode("latin-1")) == left.encode()


@given(text=st.binary(max_size=64))
@example(text=b"0.L")
def test_every_word_left_is_listed(text: bytes) -> None:
    """No bytes at all bring an unlisted word through, and cleaning twice changes nothing."""
    left = WORDS.keep_words(text)
    for token in filter(None, b"".join(bytes([b]) if chr(b).isalnum() or b == 0x2E else b" " for b in left).split()):
        word = token.strip(b".").decode("ascii")  # a point within may also part two words
        assert WORDS.knows(word) or all(part.isdigit() or WORDS.knows(part) for part in word.split(".") if part)
    assert WORDS.keep_words(left) == left


@pytest.mark.parametrize(
    "text",
    [
        "syngo MR E11",
        "27",
        "MR Software release:DV26.0_R01_1725.a",
        "5.7.1.2",
        "Siemens Healthineers",
        "HeadNeck_64",
        "DISCOVERY MR750",
        "MAGNETOM Prisma Fit",
        "32Ch Head",
        "T:HEA;HEP",
        "C:A32",
        "R002",
        "V5.0SP6000*",
    ],
)
def test_names_of_devices_pass_whole(text: str) -> None:
    """Makers, models, versions and coils pass."""
    assert DEVICES.keep_code(text.encode()) == text.encode()


@pytest.mark.parametrize("text", ["Qvist", "MR of Qvist", "GE 03.05.1948", "55512999", "Skyra\nQvist", "Prisma (Anna)"])
def test_a_code_with_one_unlisted_word_goes_whole(text: str) -> None:
    """A code is all or nothing."""
    assert DEVICES.keep_code(text.encode()) == b""


@pytest.mark.parametrize(
    "text",
    [
        "03-05-1948",
        "1948.03.05",
        "0412 345 678",
        "5 3",
        "12",
        "1948",
        "s a r a",
        "T1w 1948 05",
        "day05 1948",
        "T1w 05 03 48",
    ],
)
def test_numbers_and_letters_of_people_are_no_code(text: str) -> None:
    """Dates, telephones and names spelt letter by letter are made of short pieces, and go all the same."""
    assert WORDS.keep_code(text.encode()) == b""


@pytest.mark.parametrize(
    ("text", "left"),
    [("run1948", ""), ("run100", "run100"), ("TI2500", "TI2500"), ("A-P", "A-P"), ("A-P-R", ""), ("a n n a", "")],
)
def test_years_and_rows_of_letters_go(text: str, left: str) -> None:
    """A word takes three digits unless it is one that counts milliseconds; up to two letters stand by themselves."""
    assert WORDS.keep_words(text.encode()) == left.encode()


def test_each_kind_of_device_has_words_of_its_own() -> None:
    """A model is no coil: Amira and Max are names of people where no scanner is named."""
    sections = Vocabulary.sections(POLICIES / "allow" / "devices.txt")
    assert sections.keys() == {"makers", "models", "software", "coils"}
    assert sections["models"].keep_code(b"Amira") == b"Amira"
    assert sections["coils"].keep_code(b"Amira") == b""


def test_numbers_after_a_letter_and_parts_of_words_have_their_limits() -> None:
    """Two digits after a letter, four for devices; parts of a word are words of more than one letter."""
    words = Vocabulary.of(["p#", "spin", "echo", "echo#", "field", "a"])
    assert [words.knows(token) for token in ("p1", "p12", "p123", "p1234")] == [True, True, False, False]
    assert [words.for_devices().knows(token) for token in ("p1234", "p12345")] == [True, False]
    assert [words.for_devices().knows(token) for token in ("echo1234", "echo12345")] == [True, False]
    assert [words.knows(token) for token in ("SpinEcho", "SpinEchoField", "spin")] == [True, True, True]
    assert [words.knows(token) for token in ("SpinQvist", "QvistSpin", "SpinA", "qvist")] == [False] * 4


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (b"2 3d", b"2 3d"),  # what begins with a digit is no number yet
        (b"t1 2 3.5", b"t1"),  # and what has a point is one
        (b"3.5 t1", b"3.5 t1"),
        (b"2 qvist", b""),
        (b"t1 qvist 2", b"t1"),
        (b"t1 1234", b"t1"),
        (b"t1\x01", b""),
    ],
)
def test_a_lone_number_stays_beside_a_word_alone(text: bytes, left: bytes) -> None:
    """And beside no other number: together they may be a date."""
    assert Vocabulary.of(["t#", "#d"]).keep_words(text) == left


@pytest.mark.parametrize("text", [b"t1|t2", b"t1 t2\x01", b"t1\xe4", b"t1 1948.1.31", b"t1 12345", b"t1 qvist"])
def test_a_code_holds_words_and_plain_separators_alone(text: bytes) -> None:
    """It goes whole."""
    words = Vocabulary.of(["t#"])
    assert words.keep_code(text) == b""
    assert words.keep_code(b"t1-t2 5.7.1.2") == b"t1-t2 5.7.1.2"


@pytest.mark.parametrize(
    ("token", "known"),
    [("1500ms", True), ("15000ms", False), ("x1500ms", False), ("1500xy", False), ("150xy", True), ("b1500", True)],
)
def test_four_digits_stand_where_milliseconds_are_counted(token: str, known: bool) -> None:
    """Behind nothing and before what counts them, or behind a word that takes them; elsewhere it may be a year."""
    assert Vocabulary.of(["#ms", "x#ms", "#xy", "b#"]).knows(token) is known


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("27", True),
        ("123", False),
        ("5.7.1.2", True),
        ("5.12345", False),
        ("5.1234", True),
        ("5.", False),
        ("1.", False),
    ],
)
def test_a_version_is_short(text: str, kept: bool) -> None:
    """Points between numbers of up to four digits, or a number of up to two."""
    software = Vocabulary.of(["syngo"]).for_devices()
    assert software.keep_code(text.encode()) == (text.encode() if kept else b"")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("T1w) (bold", "T1w) (bold"),
        ("T1w - (bold", "T1w bold"),
        ("T1w?bold", "T1w bold"),
        ("T1w?-bold", "T1w bold"),
        ("T1w_-_bold", "T1w_-_bold"),
    ],
)
def test_separators_stay_where_they_are_few_and_plain(text: str, left: str) -> None:
    """Up to three; else a blank stands for them."""
    assert Vocabulary.of(["t#w", "bold"]).keep_words(text.encode()) == left.encode()
