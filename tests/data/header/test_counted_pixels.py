"""Pixels pass only when the header says where they end."""

import struct
from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset

from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms

Write = Callable[..., bytes]


def _clean(content: bytes, profile: Profile, pseudonyms: Pseudonyms) -> bytes:
    return b"".join(Deidentifier(profile, pseudonyms).clean(open_data_set(content)).pieces)


@pytest.mark.parametrize("frames", [b"9" * 5000, b"Qvist", b"-1"])
def test_pixels_that_nobody_can_count_are_refused(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms, frames: bytes
) -> None:
    """Anything may lie behind the last pixel when nobody knows which it is."""
    frames += b" " * (len(frames) % 2)
    element = struct.pack("<HH2sH", 0x0028, 0x0008, b"IS", len(frames)) + frames
    rows = struct.pack("<HH2sH", 0x0028, 0x0010, b"US", 2)
    content = write(image).replace(rows, element + rows)
    with pytest.raises(Malformed) as refused:
        _clean(content, profile, pseudonyms)
    assert refused.value.code == "data.file.uncounted"


def test_compressed_pixels_of_a_defined_length_are_refused(
    write: Write, image: Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """They have none (PS3.5 A.4), so nobody knows what these bytes are."""
    content = write(image).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    with pytest.raises(Malformed):
        _clean(content, profile, pseudonyms)
