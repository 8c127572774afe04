"""Numbers stay where a physical quantity lies; dates, telephones and letters written as numbers do not."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.header.numbers import Number
from fivesafes.data.header.ranges import holds_all

ANY = Number().ranges
"""What a number may be where its row says no range."""
FORMS = {b"UL": "L", b"SL": "l", b"FL": "f", b"FD": "d"}
EVERY = {**FORMS, b"US": "H", b"SS": "h", b"OV": "Q", b"SV": "q"}


@pytest.mark.parametrize("text", ["2.98", "-1e-05", ".5", "3.", "99999", "-99999", "+7", "0001", "00012", "1e4"])
def test_what_scanners_write_stays(text: str) -> None:
    """Five digits, signs, exponents."""
    assert Number()(text.encode()) == text.encode()


@pytest.mark.parametrize(
    "text", ["100000", "19480305", "050348", "1.9480305e7", "000012345", "000012", "1e400", "", "1,5", "nan"]
)
def test_what_people_write_goes(text: str) -> None:
    """Dates of six and eight digits, numbers of patients with noughts, what is no number."""
    assert Number()(text.encode()) == b""


def test_bytes_are_no_numbers() -> None:
    """A VR that holds none keeps nothing, not even nothing."""
    assert not holds_all(b"OB", b"", "<", ANY)


@given(number=st.integers(100_000, 10**12), order=st.sampled_from("<>"), vr=st.sampled_from(sorted(FORMS)))
def test_a_long_number_goes_in_every_binary_form(number: int, order: str, vr: bytes) -> None:
    """A date is one, whatever its VR and byte order."""
    fits = number if vr in {b"FL", b"FD"} else number % 2**31
    if fits >= 100_000:
        assert not holds_all(vr, pack(order + FORMS[vr], fits), order, ANY)


@pytest.mark.parametrize("vr", EVERY)
@pytest.mark.parametrize("order", ["<", ">"])
def test_each_number_of_a_row_is_judged(vr: bytes, order: str) -> None:
    """Whatever its size: the last of three decides like the first, and half a number is none."""
    number = Number(((0, 9),))
    for place in range(3):
        row = [3, 3, 3]
        assert holds_all(vr, pack(f"{order}3{EVERY[vr]}", *row), order, number.ranges)
        row[place] = 10
        assert not holds_all(vr, pack(f"{order}3{EVERY[vr]}", *row), order, number.ranges)
    assert not holds_all(vr, pack(f"{order}3{EVERY[vr]}", 3, 3, 3)[:-1], order, number.ranges)


@pytest.mark.parametrize("number", [1e-28, -1e-28, 1.1e-28, 0.0, -0.0])
def test_what_a_scanner_computes_of_nothing_stays(number: float) -> None:
    """And what is smaller is a digit, read as a double."""
    assert holds_all(b"FD", pack("<d", number), "<", ANY)
    assert not holds_all(b"FD", pack("<d", number / 1.2 or 9e-29), "<", ANY)


@given(letters=st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ^", min_size=8, max_size=8))
def test_letters_are_no_double_and_no_long(letters: str) -> None:
    """Eight letters read as a double, or as two long integers, in either byte order, lie in no range."""
    for vr in (b"FD", b"UL", b"SL"):
        for order in "<>":
            assert not holds_all(vr, letters.encode(), order, ANY)


@given(numbers=st.lists(st.floats(-99_999, 99_999).filter(lambda x: not x or abs(x) > 1e-20), min_size=1, max_size=6))
def test_measured_numbers_stay(numbers: list[float]) -> None:
    """Whatever a scanner measures stays, in both byte orders."""
    for order in "<>":
        assert holds_all(b"FD", pack(f"{order}{len(numbers)}d", *numbers), order, ANY)


def test_what_stands_for_no_value_stays() -> None:
    """Canon writes 7.23e75 where a double has none; any other number of that size is none."""
    assert holds_all(b"FD", pack("<2d", 7.23e75, 1.5), "<", ANY)
    assert not holds_all(b"FD", pack("<2d", 7.24e75, 1.5), "<", ANY)


@pytest.mark.parametrize("value", [b"\0\0\0\0\0\0\xf8\x7f", b"\0\0\0\0\0\0\xf0\x7f", b"1\0\0"])
def test_what_is_no_number_lies_in_no_range(value: bytes) -> None:
    """Not a number, infinity, and half of a number."""
    assert not holds_all(b"FD", value, "<", ANY)


@pytest.mark.parametrize(
    ("value", "stays"),
    [
        (b"\x20\x00\x28\x91", True),
        (b"\x21\x00\x10\x10", True),
        (b"ANNA", False),
        (b"\x20\0", False),
        (b"\x20\x00\x28\x91" * 3, True),
        (b"\x20\x00\x28\x91\x20\x00\x28\x91ANNA", False),
        (b"\x20\x00\x28\x91ANNA\x20\x00\x28\x91", False),
        (b"\x09\x00\x00\x10", True),
        (b"\xdf\x7f\xff\x1f", True),
        (b"\x07\x00\x00\x10", False),
        (b"\xe1\x7f\x00\x10", False),
        (b"\x0a\x00\x00\x10", False),
        (b"\x09\x00\xff\x0f", False),
        (b"\x09\x00\x00\x20", False),
        (b"ANNALISA", False),
    ],
)
def test_a_tag_names_an_element(value: bytes, stays: bool) -> None:
    """A pointer points to an element of the dictionary or of a private block."""
    assert holds_all(b"AT", value, "<", ANY) is stays


def test_ranges_are_read_from_the_policy() -> None:
    """Several ranges, both ends included; whole numbers have no fraction."""
    number = Number.parse("0..10|60..65.5", whole=False)
    assert [bool(number(text)) for text in (b"0", b"10", b"11", b"60", b"65.5", b"65.6")] == [1, 1, 0, 1, 1, 0]
    assert Number.parse("0..9", whole=True)(b"1.5") == b""


@pytest.mark.parametrize("text", ["", "1", "9..1", "a..b", "1..2|"])
def test_ranges_that_can_not_be_meant_are_refused(text: str) -> None:
    """A policy row with one does not load."""
    with pytest.raises(ValueError, match=r"^"):
        Number.parse(text, whole=False)
