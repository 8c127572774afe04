"""Blanking is exact: outside of the boxes every bit is as it was, inside all is one value, in every layout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fivesafes.data.boxes import Box
from fivesafes.data.pixels.blank import blank_regions, settle_unused_bits
from fivesafes.data.pixels.layout import PixelLayout

SPAN = st.integers(-3, 14)
BOXES = st.lists(st.builds(Box, SPAN, SPAN, SPAN, SPAN), max_size=3)


@st.composite
def layouts(draw: st.DrawFn) -> PixelLayout:
    """Give any layout that can be read, with odd sizes."""
    allocated = draw(st.sampled_from([8, 16, 32]))
    stored = draw(st.integers(1, allocated))
    coloured = draw(st.booleans())
    return PixelLayout(
        rows=draw(st.integers(1, 11)),
        columns=draw(st.integers(1, 11)),
        frames=draw(st.integers(1, 3)),
        samples=3 if coloured else 1,
        allocated=allocated,
        stored=stored,
        high_bit=draw(st.integers(stored - 1, allocated - 1)),
        signed=draw(st.booleans()),
        separate=draw(st.booleans()),
        photometric=draw(st.sampled_from(["RGB", "YBR_FULL"] if coloured else ["MONOCHROME1", "PALETTE COLOR"])),
        little=allocated == 8 or draw(st.booleans()),
    )


def _content(layout: PixelLayout, seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(layout.total_bytes + seed % 2)


def _inside(layout: PixelLayout, boxes: list[Box]) -> np.ndarray:
    """Mark the pixels of boxes by asking for each one of them."""
    marks = np.zeros((layout.rows, layout.columns), bool)
    for row in range(layout.rows):
        for column in range(layout.columns):
            marks[row, column] = any(box.top <= row < box.bottom and box.left <= column < box.right for box in boxes)
    return marks


@settings(max_examples=200)
@given(layout=layouts(), boxes=BOXES, seed=st.integers(0, 99))
def test_outside_of_the_boxes_every_bit_is_the_same(layout: PixelLayout, boxes: list[Box], seed: int) -> None:
    """All frames, all samples, planes or not, signed or not, 8 to 32 bits; inside there is one value per sample."""
    before = _content(layout, seed)
    after = blank_regions(before, layout, boxes)
    assert layout.unreadable() is None
    assert len(after) == layout.total_bytes
    old, new, inside = layout.cells(before), layout.cells(after), _inside(layout, boxes)
    assert np.array_equal(old[:, ~inside], new[:, ~inside])
    for sample in range(layout.samples):
        assert len(np.unique(new[:, inside][..., sample])) <= 1


def test_separate_planes_lie_where_the_standard_says() -> None:
    """With planar configuration 1 all of red comes first (PS3.3 C.7.6.3.1.3): a pixel's samples lie a plane apart."""
    layout = PixelLayout(
        rows=2, columns=2, samples=3, allocated=8, stored=8, high_bit=7, separate=True, photometric="RGB"
    )
    assert blank_regions(bytes(range(1, 13)), layout, [Box(0, 1, 1, 2)]) == bytes(
        [1, 0, 3, 4, 5, 0, 7, 8, 9, 0, 11, 12]
    )


def test_black_in_luminance_and_differences_has_no_colour() -> None:
    """YBR pixels are blanked to luminance 0 and no difference: 0 there would be green."""
    layout = PixelLayout(rows=1, columns=1, samples=3, allocated=8, stored=8, high_bit=7, photometric="YBR_FULL")
    assert blank_regions(b"\x09\x09\x09", layout, [Box(0, 0, 1, 1)]) == b"\x00\x80\x80"


@settings(max_examples=200)
@given(layout=layouts(), seed=st.integers(0, 99))
def test_the_numbers_stay_when_unused_bits_are_settled(layout: PixelLayout, seed: int) -> None:
    """What a reader of the stored bits sees is the same; the rest is 0, or above a signed number its sign."""
    before = _content(layout, seed)
    after, counted = settle_unused_bits(before, layout)
    old, new = layout.cells(before), layout.cells(after)
    assert np.array_equal(layout.values(old), layout.values(new))
    assert counted == np.count_nonzero(old != new)
    assert settle_unused_bits(after, layout)[1] == 0
    if not layout.signed:
        assert not (new.astype(np.uint64) & np.uint64(layout.unused_bits)).any()
    elif layout.high_bit + 1 == layout.stored:
        whole = new.astype(new.dtype.newbyteorder("=")).view(f"i{layout.allocated // 8}")
        assert np.array_equal(whole, layout.values(new))


def test_pixels_without_anything_beside_come_back_as_they_are() -> None:
    """Nothing is copied when there is nothing to do."""
    layout = PixelLayout(rows=1, columns=2, stored=12, high_bit=11)
    content = b"\xff\x0f\x01\x00"
    assert settle_unused_bits(content, layout) == (content, 0)


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        (PixelLayout(rows=0, columns=2), "no size"),
        (PixelLayout(rows=2, columns=2, allocated=12, stored=12, high_bit=11), "whole bytes"),
        (PixelLayout(rows=2, columns=2, allocated=8, stored=8, high_bit=7, little=False), "in pairs"),
        (PixelLayout(rows=2, columns=2, samples=3, photometric="YBR_FULL_422"), "packed"),
        (PixelLayout(rows=2, columns=2, samples=2), "packed"),
        (PixelLayout(rows=2, columns=2, stored=14, high_bit=11), "contradicts"),
    ],
)
def test_a_layout_that_can_not_be_read_pixel_by_pixel_says_why(layout: PixelLayout, why: str) -> None:
    """Pixels that lie otherwise are never guessed at."""
    assert why in (layout.unreadable() or "")
