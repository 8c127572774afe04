"""The trail of a stand-alone run: one JSON line per event, in the form that a haven's trail has too.

A chain tells of edits inside it; only a checkpoint kept elsewhere would tell of a tail cut off or of a chain made anew.
"""

import os
from pathlib import Path

from fivesafes.core.event import Event
from fivesafes.core.verdict import Verdict
from fivesafes.setting.trail.entry import GENESIS, digest_of, line_of
from fivesafes.setting.trail.verify import rows_in, verify


class JsonLinesLedger:
    """Appends events to a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        """Open the trail; a last line that was cut off by a crash is set right first."""
        self._path = path
        self._size, self._last = _mend(path)

    @property
    def last(self) -> str:
        """The digest of the last event's line; 64 zeros before the first."""
        return self._last

    def append(self, event: Event) -> None:
        """Write the event and wait until the disk has it."""
        line = line_of(event, n=self._size, previous=self._last)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            before = os.fstat(descriptor).st_size
            try:
                rest = memoryview(line + b"\n")
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before)  # half an event would break the chain for good
                raise
        finally:
            os.close(descriptor)
        self._size, self._last = self._size + 1, digest_of(line)


def _mend(path: Path) -> tuple[int, str]:
    """Drop an unfinished last line (its event was never acknowledged); count the whole ones and digest the last."""
    if not path.exists():
        return 0, GENESIS
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        os.truncate(path, len(whole))
    lines = whole.split(b"\n")[:-1]
    return len(lines), digest_of(lines[-1]) if lines else GENESIS


def judge_trail(path: Path) -> Verdict:
    """Verify the chain of a trail file; the first entry that does not fit is named by its number, from 0."""
    if not path.exists():
        return Verdict()
    with path.open("rb") as file:
        verdict = verify(rows_in(file)).verdict
    return verdict if verdict.refuses else Verdict()
