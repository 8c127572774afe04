"""Read the bytes of a file that nobody vouches for: a regular file, as long as it said, and no longer being written."""

import os
import stat
from pathlib import Path
from typing import Final

from fivesafes.data.header.cursor import Buffer
from fivesafes.data.header.malformed import Malformed, changing, not_dicom, unreadable_file
from fivesafes.data.header.mapped import contents

HEAD: Final = 1 << 16
"""How much of a file is read that is too much to read whole: patient and study stand in its first kilobytes."""

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Opening a pipe would otherwise wait for somebody who writes into it."""

_HUGE: Final = 1 << 26
_BEGINS: Final = frozenset({b"\x08\0", b"\0\x08", b"\x02\0"})
"""How a data set without preamble begins: group 0008 in either byte order, or file meta information."""


def read_content(path: Path) -> Buffer:
    """Read a whole file; one that is too big for memory is mapped.

    Raises Malformed: NOT_DICOM for what is no regular file, or is huge and begins like nothing of DICOM;
    UNREADABLE when the system does not let it be read, or it grew, shrank or was written to meanwhile.
    """
    try:
        handle = os.open(path, _FLAGS)
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise not_dicom()
            if before.st_size > _HUGE and not begins_like_dicom(file.read(HEAD)):
                raise not_dicom()
            file.seek(0)
            content = contents(file, before.st_size)
            file.seek(before.st_size)
            more, after = file.read(1), os.fstat(handle)
    except OSError:
        raise unreadable_file() from None
    if more or len(content) != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise changing()
    return content


def read_beginning(path: Path) -> tuple[bytes, int]:
    """Read the first kilobytes of a regular file, and say how many bytes follow them; all of a small one.

    Raises Malformed as ``read_content`` does.
    """
    try:
        handle = os.open(path, _FLAGS)
        try:
            told = os.fstat(handle)
            if not stat.S_ISREG(told.st_mode):
                raise not_dicom()
            head = os.read(handle, HEAD)
        finally:
            os.close(handle)
    except OSError:
        raise unreadable_file() from None
    return head, max(0, told.st_size - len(head))


def read_head(path: Path) -> bytes:
    """Read the first kilobytes; nothing of what can't be read."""
    try:
        return read_beginning(path)[0]
    except Malformed:
        return b""


def size_of(path: Path) -> int:
    """Give a file's size in bytes; 0 where the system does not say."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def begins_like_dicom(head: bytes) -> bool:
    """Tell whether a file's first bytes may be those of a DICOM file (PS3.10 7.1), with or without a preamble."""
    return head[128:132] == b"DICM" or head[:2] in _BEGINS
