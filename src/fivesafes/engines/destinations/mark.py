"""The mark beside a destination: who delivers there holds it locked, and it says how far that has come.

Its first line names the part folder that is being filled.  A second is there from just before the part is renamed: from
then on the release may stand outside.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.engines.destinations.names import mark_of

_LONGEST: Final = 256


class Mark:
    """A file that one process holds locked: the lock goes when the process goes, however that happens."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take the locked file."""
        self._path = path
        self._descriptor = descriptor

    def names(self, part: str) -> bool:
        """Tell whether it was last written for the part folder of this name."""
        return self._lines()[0] == part.encode()

    def write(self, part: str) -> None:
        """Say durably that the part folder of this name is filled, or was when the lock went."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, part.encode() + b"\n", 0)
        os.fsync(self._descriptor)
        sync(self._path.parent)

    def leaving(self) -> None:
        """Say durably that the part is being renamed: whoever finds it no more must take it for out."""
        os.pwrite(self._descriptor, b"leaving\n", len(self._lines()[0]) + 1)
        os.fsync(self._descriptor)

    def staying(self) -> None:
        """Say durably that it was not renamed after all: its part has been seen."""
        os.ftruncate(self._descriptor, len(self._lines()[0]) + 1)
        os.fsync(self._descriptor)

    @property
    def says_leaving(self) -> bool:
        """Whether the part may have been renamed; half a word says so too."""
        return bool(self._lines()[2])

    def _lines(self) -> tuple[bytes, bytes, bytes]:
        return os.pread(self._descriptor, _LONGEST, 0).partition(b"\n")

    def remove_if_new(self) -> None:
        """Remove it unless it speaks of a delivery that was killed: who began that one will look for it."""
        if not os.pread(self._descriptor, 1, 0):
            self.remove()

    def remove(self) -> None:
        """Remove it while it is locked, or leave it where that is refused: no row names its part any more."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


@contextmanager
def marked(to: Path) -> Iterator[Mark]:
    """Hold the mark of a destination, and make it when it is not there.

    Raises TryAgain when another process delivers there, UsageMistake where the file system keeps no locks.
    """
    with _held(mark_of(to), os.O_CREAT) as mark:
        assert mark is not None  # noqa: S101 - it was made
        yield mark


@contextmanager
def found_mark(to: Path) -> Iterator[Mark | None]:
    """Hold the mark of a destination if there is one.  Raises as ``marked`` does."""
    with _held(mark_of(to), 0) as mark:
        yield mark


def sync(path: Path) -> None:
    """Wait until the disk has a file, or what a folder names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _held(path: Path, making: int) -> Iterator[Mark | None]:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | making, 0o600)
        except FileNotFoundError:
            if making:
                raise
            yield None
            return
        try:
            _lock(descriptor)
            if _still_there(path, descriptor):  # else somebody removed it before we had it: it keeps nobody out
                yield Mark(path, descriptor)
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = "another release is being written to this destination"
        raise TryAgain(message, fix="wait until it has ended, or name another folder") from None
    except OSError:
        message = "the destination's file system keeps no locks, so two releases there could not be kept apart"
        fix = "release into a folder on a disk of this machine, and copy it from there"
        raise UsageMistake(message, fix=fix) from None


def _still_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False
