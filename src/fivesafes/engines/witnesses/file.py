"""A file on another machine's disk (a mounted share, a write-once volume): each checkpoint is appended to it."""

import os
from pathlib import Path
from typing import ClassVar

from fivesafes.core.errors import TryAgain
from fivesafes.setting.trail.checkpoint import SignedCheckpoint


class FileWitness:
    """Appends notes to one file and waits until it is written; a note that is there already is not written again.

    Works on a file that may only be appended to (``chattr +a``).
    """

    kind: ClassVar[str] = "file"

    def __init__(self, *, path: str) -> None:
        """Take the file; its folder must be there, so that a share that is not mounted is noticed."""
        self._path = Path(path)

    def missing(self) -> str | None:
        """Need nothing."""
        return None

    def read_back(self) -> str:
        """Read the whole file; empty when its folder is there and it is not."""
        try:
            if not self._path.exists() and self._path.parent.is_dir():
                return ""
            return self._path.read_bytes().decode("utf-8", errors="replace")
        except OSError as fault:
            message = f"the witness's file can't be read: {fault.strerror}"
            raise TryAgain(message, fix="see that the share is mounted, and who may read it") from None

    def send(self, checkpoint: SignedCheckpoint) -> None:
        """Append the note.  Raises TryAgain when that can't be done."""
        note = checkpoint.note.encode()
        try:
            there = self._path.read_bytes() if self._path.exists() else b""
            if note in there:
                return
            if there and not there.endswith(b"\n"):  # an earlier write was cut short
                note = b"\n" + note
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                whole = os.write(handle, note) == len(note)  # one write: two writers don't mix
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as fault:
            message = f"the witness's file can't be written: {fault.strerror}"
            raise TryAgain(message, fix="see that the share is mounted and has room") from None
        if not whole:
            message = "the witness's file took only a part of the note"
            raise TryAgain(message, fix="make room on the share; the whole note is written again")
