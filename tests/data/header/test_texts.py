"""Texts are decoded by what the file says of them, and nothing of them is logged."""

import logging
from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset

from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.texts import CHARACTER_SET, decoded_text, keywords_to_tags, patient_of, plain_text

NAME = 0x00100010


def _read(content: bytes, tag: int = NAME) -> str:
    data_set = open_data_set(content)
    found = {element.tag: element for element in data_set.elements()}
    return decoded_text(data_set, found.get(tag), found.get(CHARACTER_SET))


def test_a_text_is_decoded_by_its_character_set(write: Callable[..., bytes], image: Dataset) -> None:
    """As PS3.5 6.1.2.5 tells."""
    image.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    image.PatientName = "Yamada^Tarou=山田^太郎"
    assert _read(write(image)) == "Yamada^Tarou=山田^太郎"


def test_a_set_that_nobody_knows_is_not_told_in_a_log(
    write: Callable[..., bytes], image: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    """A library that quotes values has no listener; the text comes out in some spelling, and logging goes on."""
    image.SpecificCharacterSet = "ISO_IR 100"
    image.PatientName = "Qvist^José"
    content = write(image).replace(b"ISO_IR 100", b"QVISTs set")
    with caplog.at_level(logging.DEBUG):
        assert _read(content).startswith("Qvist^Jos")
    assert caplog.text == ""
    assert not logging.getLogger("pydicom").disabled


@pytest.mark.parametrize("content", [b"\xff" * 9, b"\x1b$B\x1b(B\xff"])
def test_bytes_of_no_set_are_read_somehow(write: Callable[..., bytes], image: Dataset, content: bytes) -> None:
    """Two strangers must not become one for that reason, and nothing fails."""
    image.PatientName = "Q" * len(content)
    for sets in ("ISO_IR 6   ", "GB18030    ", "ISO_IR 192 ", "\\\\\\\\\\\\\\\\\\\\\\"):
        image.SpecificCharacterSet = "ISO_IR 100 "
        changed = write(image).replace(b"ISO_IR 100", sets[:10].encode()).replace(b"Q" * len(content), content)
        assert _read(changed)


def test_a_text_that_is_too_long_says_nothing(write: Callable[..., bytes], image: Dataset) -> None:
    """No identity is of 64 KB."""
    image.PatientComments = "xy"
    short = write(image, syntax="1.2.840.10008.1.2")
    for length in (1 << 16, (1 << 16) + 2):
        comments = b"\x10\0\0@" + length.to_bytes(4, "little") + b"x" * length
        data_set = open_data_set(short.replace(b"\x10\0\0@\2\0\0\0xy", comments))
        element = next(one for one in data_set.elements() if one.tag == 0x00104000)
        told = "x" * length if length == 1 << 16 else ""
        assert decoded_text(data_set, element, None) == told
        assert plain_text(data_set, element) == told
    assert plain_text(data_set, None) == ""


def test_nobody_is_named_by_the_study_alone(write: Callable[..., bytes], image: Dataset) -> None:
    """Where PatientID is empty, the study stands for the participant."""
    image.PatientID = ""
    data_set = open_data_set(write(image))
    found = {element.tag: element for element in data_set.elements()}
    assert patient_of(data_set, found).reveal() == "study 1.2.826.0.1.20260131.2"


def test_a_keyword_that_is_none_is_our_mistake() -> None:
    """It is told when the program starts."""
    with pytest.raises(LookupError):
        keywords_to_tags(["NoKeyword"])
