"""The reader of elements agrees with pydicom, and says when a file is broken."""

from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from fivesafes.data.header.cursor import Buffer
from fivesafes.data.header.elements import MAX_DEPTH, Element, Encoding
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.scanner import read_items

Write = Callable[..., bytes]
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
REFERENCED = 0x00081140


def _tags(buffer: Buffer, elements: list[Element], encoding: Encoding, depth: int = 0) -> list[object]:
    listed: list[object] = []
    for element in elements:
        listed.append(element.tag)
        if element.tag == REFERENCED:
            items = read_items(buffer, element, encoding, depth=depth)
            listed.append([_tags(buffer, item, encoding, depth + 1) for item in items])
    return listed


def _expected(dataset: Dataset) -> list[object]:
    listed: list[object] = []
    for element in dataset:
        listed.append(int(element.tag))
        if element.VR == "SQ":
            listed.append([_expected(item) for item in element.value])
    return listed


def _nested(levels: int, *, undefined: bool) -> Dataset:
    inner = Dataset()
    inner.EchoTime = "3"
    for _ in range(levels):
        outer = Dataset()
        outer.ReferencedImageSequence = Sequence([inner, Dataset()])
        outer["ReferencedImageSequence"].is_undefined_length = undefined
        inner.is_undefined_length_sequence_item = undefined
        inner = outer
    inner.SOPClassUID, inner.SOPInstanceUID, inner.Modality = "1.2.3", "1.2.4", "MR"
    return inner


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("levels", [0, 1, 2, 5])
def test_it_finds_what_pydicom_finds(write: Write, syntax: str, *, undefined: bool, levels: int) -> None:
    """In every encoding, with defined and undefined lengths, at any depth, the same elements are found."""
    dataset = _nested(levels, undefined=undefined)
    data_set = open_data_set(write(dataset, syntax=syntax))
    assert _tags(data_set.buffer, data_set.elements(), data_set.encoding) == _expected(dataset)


@pytest.mark.parametrize("undefined", [True, False])
def test_a_header_nested_too_deep_is_refused(write: Write, *, undefined: bool) -> None:
    """Depth is bounded before Python's own stack is."""
    data_set = open_data_set(write(_nested(MAX_DEPTH + 2, undefined=undefined)))
    with pytest.raises(Malformed) as malformed:
        _tags(data_set.buffer, data_set.elements(), data_set.encoding)
    assert malformed.value.code == "data.file.too-deep"


def test_every_cut_of_a_file_is_seen(write: Write, make_image: Callable[[], Dataset]) -> None:
    """Wherever a file is cut before its last pixel, reading it fails or finds no pixels."""
    image = make_image()
    image.ReferencedImageSequence = [Dataset()]
    image["ReferencedImageSequence"].is_undefined_length = True
    whole = write(image)
    for length in range(132, len(whole) - 1):
        try:
            elements = open_data_set(whole[:length]).elements()
        except Malformed:
            continue
        assert not elements or elements[-1].tag != 0x7FE00010


def test_an_element_without_vr_in_an_explicit_file_is_read(write: Write, image: Dataset) -> None:
    """Some scanners write single elements without a VR; the rest of the file is still found."""
    whole = write(image)
    place = whole.index(b"\x08\x00\x60\x00CS")
    odd = whole[:place] + b"\x08\x00\x60\x00\x02\x00\x00\x00MR" + whole[place + 10 :]
    tags = [element.tag for element in open_data_set(odd).elements()]
    assert 0x00080060 in tags
    assert tags[-1] == 0x7FE00010
