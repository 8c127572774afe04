"""Damaged files are set aside or come out clean: never another exception, and never a planted word."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.seeds import NAMES, Seed, seed
from tests.fuzz.tried import cleaned, deidentifier, looked_at

from fivesafes.data.header.part10 import open_data_set

_EXTREMES: Final = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\xfe\xff\0\xe0", b"\xfe\xff\xdd\xe0")

made = lru_cache(maxsize=None)(seed)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Seed, bytes]:
    """Change a seed in one to four places: bits, words of four bytes, pieces moved, doubled or lost."""
    whole = made(draw(st.sampled_from(NAMES)))
    content = bytearray(whole.content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content) - 1))
        match draw(st.sampled_from(["bit", "word", "lost", "doubled", "moved"])):
            case "bit":
                content[place] ^= 1 << draw(st.integers(0, 7))
            case "word":
                content[place : place + 4] = draw(st.sampled_from(_EXTREMES) | st.binary(min_size=4, max_size=4))
            case how:
                end = min(place + draw(st.integers(1, 64)), len(content))
                piece = bytes(content[place:end])
                if how != "doubled":
                    del content[place:end]
                if how != "lost":
                    to = draw(st.integers(0, len(content)))
                    content[to:to] = piece
    return whole, bytes(content)


@given(changed=damaged())
@settings(max_examples=600)
def test_a_damaged_file_is_set_aside_or_comes_out_clean(changed: tuple[Seed, bytes]) -> None:
    """No exception but Malformed, no planted word in the header, and what comes out can be opened again."""
    whole, content = changed
    _, header, pixels = cleaned(content, deidentifier())
    assert whole.found_in(header) == ""
    if header:
        open_data_set(header + pixels).elements()


@given(changed=damaged())
@settings(max_examples=150)
def test_a_damaged_file_is_looked_at_without_a_fault(
    tmp_path_factory: pytest.TempPathFactory, changed: tuple[Seed, bytes]
) -> None:
    """Inspection and the collection of texts answer for every file."""
    looked_at(changed[1], tmp_path_factory.getbasetemp() / "damaged")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_at_any_byte_is_set_aside(name: str, tmp_path: Path) -> None:
    """Of a cut file nothing comes out that says it is whole."""
    whole = made(name)
    path = tmp_path / "cut"
    assert looked_at(whole.content, path) == ""
    by = deidentifier()
    for end in range(len(whole.content)):
        if end % 7 == 0:
            assert looked_at(whole.content[:end], path), end
        assert whole.found_in(cleaned(whole.content[:end], by)[1]) == ""


@pytest.mark.parametrize("name", [name for name in NAMES if name != "deflated"])
def test_a_length_that_grew_takes_nothing_along(name: str) -> None:
    """Whatever an element swallows of what lies behind it, no planted word comes out in its value."""
    whole = made(name)
    data_set = open_data_set(whole.content)
    order: Final = "little" if data_set.encoding.little else "big"
    for element in data_set.elements():
        short = data_set.encoding.explicit and element.start - element.head == 8
        place, size = (element.head + 6, 2) if short else (element.start - 4, 4)
        for more in (2, 4, 8, 12, 16, 24, 32, 48, 56, 64, 88, 96, 120):
            content = bytearray(data_set.buffer)
            content[place : place + size] = (element.end - element.start + more).to_bytes(size, order)
            _, header, pixels = cleaned(bytes(content), deidentifier())
            assert whole.found_in(header + pixels) == "", (hex(element.tag), more)


def test_planted_words_are_found_where_they_are() -> None:
    """The search sees a word, what a flipped bit left of it, a word in gzip, and a number: or it could not fail."""
    whole = made("ge")
    assert whole.found_in(whole.content)
    word = whole.words[0]
    assert whole.found_in(b"x" + word[:5].upper().encode()) == word
    assert whole.found_in(word[:4].encode()) == ""
    assert all(seed(name).words for name in NAMES)
    assert whole.numbers_in(whole.content) == len(whole.numbers)
    packed = whole.content[whole.content.index(b"\x1f\x8b\x08") :]
    assert whole.found_in(packed[:300])
