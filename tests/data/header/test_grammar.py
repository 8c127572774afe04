"""Grammars keep what fits, and nothing else."""

from struct import calcsize

import pytest

from fivesafes.data.header.grammar import BINARY_SIZES, MOST_BINARY, GrammarInvalid, Vocabularies, compile_grammar
from fivesafes.data.header.words import Vocabulary

KNOWN = Vocabularies(words=Vocabulary.of(["t#w", "bold"]), devices=Vocabulary.of(["skyra"]), creators=frozenset({b"X"}))


@pytest.mark.parametrize(
    ("grammar", "kept", "lost"),
    [
        ("number", ["2.98", "-1e-05", ".5", "3."], ["", "Qvist", "1,2", "0x10", "1 2", "123456789012345"]),
        ("code", ["T1w", "bold"], ["Qvist", "bold Qvist"]),
        ("device", ["Skyra"], ["Qvist"]),
        ("one-of:YES|NO", ["YES"], ["yes", "Qvist", "YES|NO"]),
        (r"re:b=\d+", ["b=1000"], ["b=1000 Qvist", "b="]),
        ("age", ["034Y", "011M"], ["34", "Qvist"]),
        ("coded", ["T-A0100", "113041"], ["QVIST"]),
        ("meaning", ["Brain", "bold"], ["Qvist's brain"]),
        ("scheme", ["DCM", "SCT"], ["99QVIST"]),
        ("standard-uid", ["1.2.840.10008.5.1.4.1.1.4"], ["1.2.840.10008.19480305"]),
        ("private-creator", ["x", "X"], ["QVIST"]),
        ("sequence-file", ["%SiemensSeq%\\bold"], ["Qvist", "%QvistSeq%\\bold"]),
    ],
)
def test_a_grammar_keeps_what_fits(grammar: str, kept: list[str], lost: list[str]) -> None:
    """Each grammar passes its examples whole and loses the others whole."""
    clean = compile_grammar(grammar, "LO", KNOWN)
    assert [clean(value.encode()) for value in kept] == [value.encode() for value in kept]
    assert [clean(value.encode()) for value in lost] == [b""] * len(lost)


def test_integers_are_whole_numbers() -> None:
    """An IS holds up to ten digits and no fraction."""
    clean = compile_grammar("number", "IS", KNOWN)
    assert (clean(b"12"), clean(b"1.5"), clean(b"04123456789")) == (b"12", b"", b"")


def test_numbers_are_rounded_to_a_step() -> None:
    """Body weight is told in steps of five."""
    assert compile_grammar("step:5", "DS", KNOWN)(b"72.57") == b"75"
    assert compile_grammar("step:5", "DS", KNOWN)(b"heavy") == b""


@pytest.mark.parametrize(("age", "told"), [(b"089Y", b"089Y"), (b"090Y", b"090Y"), (b"104Y", b"090Y")])
def test_ages_over_89_are_told_as_90(age: bytes, told: bytes) -> None:
    """The oldest are one group."""
    assert compile_grammar("age", "AS", KNOWN)(age) == told


@pytest.mark.parametrize(
    "grammar", ["anything", "what:ever", "re", "re:[", "step", "step:five", "", "number:five", "number:9..1"]
)
def test_a_grammar_that_does_not_exist_is_refused(grammar: str) -> None:
    """Unknown names and broken expressions do not load."""
    with pytest.raises(GrammarInvalid):
        compile_grammar(grammar, "LO", KNOWN)


def test_a_sequence_file_keeps_the_known_words_of_its_name() -> None:
    """A site's own sequence keeps what kind it is and loses who wrote it."""
    assert compile_grammar("sequence-file", "LO", KNOWN)(b"%CustomerSeq%\\qvist_bold") == b"%CustomerSeq%\\bold"


def test_binary_numbers_have_the_sizes_of_the_standard() -> None:
    """PS3.5 table 6.2-1; and no attribute without a limit holds more than four kilobytes."""
    forms = {
        "US": "H",
        "SS": "h",
        "UL": "L",
        "SL": "l",
        "AT": "HH",
        "FL": "f",
        "FD": "d",
        "OV": "Q",
        "SV": "q",
        "UV": "Q",
    }
    assert {vr: calcsize(f"<{form}") for vr, form in forms.items()} == BINARY_SIZES
    assert MOST_BINARY == 4096


@pytest.mark.parametrize(
    ("grammar", "vr", "value", "left"),
    [
        ("step:1", "DS", b"500", b"500"),
        ("step:1", "DS", b"501", b""),
        ("step:0.5", "DS", b"0.4", b"0.5"),
        ("number:0..9", "IS", b"1.5", b""),
        ("number:0..9", "DS", b"1.5", b"1.5"),
    ],
)
def test_numbers_end_where_their_rows_say(grammar: str, vr: str, value: bytes, left: bytes) -> None:
    """Both ends belong to it; what counts has no fraction."""
    assert compile_grammar(grammar, vr, KNOWN)(value) == left
