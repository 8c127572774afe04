"""Run lengths of DICOM's RLE (PS3.5 annex G): find the bytes of a frame that no pixel is made of."""

from collections.abc import Iterator
from struct import Struct
from typing import Final

from fivesafes.data.header.malformed import broken_codestream, truncated

_HEADER: Final = Struct("<16L")
_NOTHING: Final = 128
"""A run byte that stands for no pixels."""


def clean_rle(content: bytes, start: int, end: int, *, pixels: int, segments: int) -> Iterator[tuple[int, int]]:
    """Yield where a frame holds what is no pixel: unused offsets, and bytes behind the last run of a segment.

    Raises Malformed when the segments are not as many as bytes of a pixel, or do not make as many pixels as there are.
    """
    if end - start < _HEADER.size:
        raise truncated()
    number, *offsets = _HEADER.unpack_from(content, start)
    used = offsets[:number]
    if number != segments or not used or used[0] != _HEADER.size or used != sorted(used) or used[-1] > end - start:
        raise broken_codestream()
    yield start + 4 + 4 * number, start + _HEADER.size
    for first, last in zip(used, [*used[1:], end - start], strict=True):
        yield _end_of_runs(content, start + first, start + last, pixels), start + last


def _end_of_runs(content: bytes, place: int, end: int, pixels: int) -> int:
    """Follow the runs of one segment until there are as many bytes as pixels, and tell where that is."""
    made = 0
    while made < pixels:
        if place >= end:
            raise truncated()
        run = content[place]
        if run < _NOTHING:
            place += run + 2
            made += run + 1
        else:
            place += 1 if run == _NOTHING else 2
            made += 0 if run == _NOTHING else 257 - run
    if made > pixels or place > end:
        raise broken_codestream()
    return place
