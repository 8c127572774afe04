"""Read files that are too big for memory: mapped by the system, and let go of stretch by stretch."""

import hashlib
import mmap
from collections.abc import Iterator
from typing import BinaryIO, Final

from fivesafes.data.header.cursor import Buffer

MAPPED: Final = 1 << 26
"""Files of so many bytes are mapped.  Smaller ones are read: a mapped one that somebody cuts short ends the process."""
_STRETCH: Final = 1 << 24


def contents(file: BinaryIO, size: int) -> Buffer:
    """Give what an open file holds, ``size`` bytes by its own account."""
    return file.read(size) if size < MAPPED else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def stretches(piece: Buffer | bytearray | memoryview) -> Iterator[memoryview]:
    """Give a piece in stretches that fit in memory; the pages of a mapped file are let go after each."""
    view = memoryview(piece)
    for start in range(0, len(view), _STRETCH):
        yield view[start : start + _STRETCH]
        if isinstance(view.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            view.obj.madvise(mmap.MADV_DONTNEED)


def digest_of(content: Buffer | memoryview) -> str:
    """Give the SHA-256 of contents, in stretches."""
    digest = hashlib.sha256()
    for stretch in stretches(content):
        digest.update(stretch)
    return digest.hexdigest()
