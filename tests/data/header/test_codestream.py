"""Texts in compressed pixels become zero, every byte that a decoder needs stays, and what can't be read is refused."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.planted.carriers import SIDE
from tests.planted.packed import SYNTAXES, codestream, marked, rle
from tests.planted.values import Values
from tests.planted.writing import encapsulated

from fivesafes.data.header.codestream import Shape, clean_fragments
from fivesafes.data.header.malformed import Malformed

CODECS = sorted(SYNTAXES)
DECODABLE = ("jpeg-baseline", "jpeg-2000", "htj2k")
"""What Pillow decodes; the others were compared with CharLS and libjpeg by hand."""
_ELEMENT, _DELIMITER = 12, 8


def _shape(name: str, frames: int = 1) -> Shape:
    bits = 8 if name == "jpeg-baseline" else 16
    return Shape(rows=SIDE, columns=SIDE, samples=1, bits=bits, frames=frames)


def _clean(name: str, fragments: list[bytes], *, table: bytes = b"", frames: int = 1) -> bytes:
    inside = encapsulated(fragments, table)[_ELEMENT:-_DELIMITER]
    pieces, _ = clean_fragments(memoryview(inside), SYNTAXES[name], _shape(name, frames))
    return b"".join(pieces)


def _decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)))


@pytest.mark.parametrize("name", CODECS)
def test_a_codestream_without_texts_stays_as_it_is(name: str) -> None:
    """Not a byte changes, and nothing is copied, when there is nothing to clear but an encoder's own mark."""
    first = _clean(name, [codestream(name)])
    again = _clean(name, [first[16:]])
    assert first == again
    assert len(first) == len(encapsulated([codestream(name)])) - _ELEMENT - _DELIMITER


@pytest.mark.parametrize("name", CODECS)
def test_only_texts_become_zero(name: str) -> None:
    """Lengths stay, each changed byte is zero, and no planted word is left."""
    one = marked(name, Values(3))
    before = encapsulated([one.content])[_ELEMENT:-_DELIMITER]
    after = _clean(name, [one.content])
    assert len(before) == len(after)
    assert all(new in (old, 0) for old, new in zip(before, after, strict=True))
    for place, word in one.texts:
        assert word.encode() in before, place
        assert word.encode() not in after, place


@pytest.mark.parametrize("name", DECODABLE)
def test_the_pixels_are_equal(name: str) -> None:
    """A decoder gives the same picture before and after."""
    one = marked(name, Values(4)).content
    cleaned = _clean(name, [one])[16 : 16 + len(one)]
    assert cleaned != one
    assert np.array_equal(_decoded(codestream(name)), _decoded(cleaned))


@pytest.mark.parametrize("name", [name for name in CODECS if name != "rle"])
def test_frames_may_be_cut_into_fragments(name: str) -> None:
    """Two frames in three fragments are read as two frames; three frames are not there."""
    one = marked(name, Values(5)).content
    one += b"\0" * (len(one) % 2)
    fragments = [one[:100], one[100:], codestream(name)]
    assert len(_clean(name, fragments, frames=2)) == sum(8 + len(part) + len(part) % 2 for part in fragments) + 8
    for frames in (1, 3):
        with pytest.raises(Malformed):
            _clean(name, fragments, frames=frames)


@pytest.mark.parametrize("table", [b"Qvist", b"\0\0\0\0Qvis", b"Qvis", b"\1\0\0\0"])
def test_an_offset_table_that_tells_no_frames_is_emptied(table: bytes) -> None:
    """Whatever else stands in it goes."""
    assert _clean("rle", [rle()], table=table).startswith(b"\xfe\xff\x00\xe0\0\0\0\0")
    good = _clean("rle", [rle()], table=bytes(4))
    assert good == encapsulated([rle()], bytes(4))[_ELEMENT:-_DELIMITER]


def _put(name: str, marker: bytes) -> bytes:
    plain = codestream(name)
    place = plain.index(b"\xff\x90") if plain.startswith(b"\xff\x4f") else 2
    return plain[:place] + marker + plain[place:]


@pytest.mark.parametrize("name", [name for name in CODECS if name != "rle"])
@pytest.mark.parametrize("marker", [b"\xff\x02\x00\x08Qvist\0", b"\xff\xf9\x00\x08Qvist\0", b"Qvist\0"])
def test_a_marker_that_no_rule_knows_is_refused(name: str, marker: bytes) -> None:
    """What can't be named can hold anything."""
    with pytest.raises(Malformed):
        _clean(name, [_put(name, marker)])


@pytest.mark.parametrize("name", CODECS)
def test_every_cut_is_refused_in_words(name: str) -> None:
    """A codestream that ends too soon is never passed, and never breaks the program."""
    plain = codestream(name)
    for length in range(0, len(plain) - 2, 3):
        with pytest.raises(Malformed):
            _clean(name, [plain[:length]])


@given(name=st.sampled_from(CODECS), place=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_flipped_byte_is_refused_or_read(name: str, place: int, byte: int) -> None:
    """Damage leads to a refusal or to a result of the same length."""
    plain = bytearray(codestream(name))
    plain[place % len(plain)] = byte
    try:
        after = _clean(name, [bytes(plain)])
    except Malformed:
        return
    assert len(after) == len(encapsulated([bytes(plain)])) - _ELEMENT - _DELIMITER


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.94"])
def test_a_syntax_that_is_not_read_here_is_refused(syntax: str) -> None:
    """Video and pictures that lie elsewhere do not pass unread."""
    inside = memoryview(encapsulated([codestream("jpeg-ls")])[_ELEMENT:-_DELIMITER])
    with pytest.raises(Malformed) as refused:
        clean_fragments(inside, syntax, _shape("jpeg-ls"))
    assert refused.value.code == "data.file.packing"


@pytest.mark.parametrize(
    "frame",
    [
        rle()[:70],
        b"\1" + rle()[1:],
        rle()[:4] + b"\x41" + rle()[5:],
        rle()[:64] + b"\0\0\x80" + rle()[67:],
        b"",
    ],
    ids=["cut", "one segment", "an offset", "runs", "nothing"],
)
def test_runs_that_make_no_frame_are_refused(frame: bytes) -> None:
    """Segments must be as many as bytes of a pixel, and make as many pixels as there are."""
    with pytest.raises(Malformed):
        _clean("rle", [frame])


def test_uncompressed_frames_in_fragments_end_where_their_pixels_end() -> None:
    """Encapsulated Uncompressed (PS3.5 A.4.11): one fragment a frame, and zeros behind."""
    frame = bytes(range(256)) * 2
    inside = memoryview(encapsulated([frame + b"Qvist\0"])[_ELEMENT:-_DELIMITER])
    pieces, cleared = clean_fragments(inside, "1.2.840.10008.1.2.1.98", _shape("rle"))
    assert cleared
    assert b"".join(pieces)[16:] == frame + bytes(6)


def test_a_frame_that_is_shorter_than_its_pixels_is_refused() -> None:
    """Uncompressed ones in fragments too."""
    inside = memoryview(encapsulated([bytes(510)])[_ELEMENT:-_DELIMITER])
    with pytest.raises(Malformed) as refused:
        clean_fragments(inside, "1.2.840.10008.1.2.1.98", _shape("rle"))
    assert refused.value.code == "data.file.truncated"


@pytest.mark.parametrize("inside", [b"", b"\xfe\xff\x00\xe0\0\0\0\0"], ids=["nothing", "a table alone"])
def test_pixels_without_a_fragment_are_refused(inside: bytes) -> None:
    """There is no picture in them."""
    with pytest.raises(Malformed) as refused:
        clean_fragments(memoryview(inside), SYNTAXES["rle"], _shape("rle"))
    assert refused.value.code == "data.file.truncated"


def test_more_fragments_than_frames_are_refused() -> None:
    """What would a second picture show that nobody counts?"""
    with pytest.raises(Malformed) as refused:
        _clean("rle", [rle(), rle()])
    assert refused.value.code == "data.file.codestream"


def test_parameters_of_a_predictor_stay_and_texts_in_their_place_are_refused() -> None:
    """JPEG-LS names its thresholds in a segment of one length (T.87 C.2.4.1.1)."""
    parameters = b"\xff\xf8\x00\x0d\x01" + bytes(10)
    interval = b"\xff\xdd\x00\x04\0\0"
    for known in (parameters, interval):
        assert known in _clean("jpeg-ls", [_put("jpeg-ls", known)])
    for other in (
        b"\xff\xf8\x00\x0d\x02" + bytes(10),
        b"\xff\xf8\x00\x0c\x01" + bytes(9),
        b"\xff\xdd\x00\x05Qvi",
    ):
        with pytest.raises(Malformed):
            _clean("jpeg-ls", [_put("jpeg-ls", other)])


def test_behind_the_name_of_a_colour_transform_all_is_zero() -> None:
    """Encoders of JPEG-LS name it in a segment for applications."""
    said = b"\xff\xe8\x00\x0dmrfx\x01Qvist\0"
    assert b"\xff\xe8\x00\x0dmrfx\x01" + bytes(6) in _clean("jpeg-ls", [_put("jpeg-ls", said)])
