"""The trail of a stand-alone run: JSON lines, each bound to the one before by SHA-256.

A chain tells of edits inside it; only a digest kept elsewhere would tell of a tail cut off or of a chain made anew.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from attrs import asdict

from fivesafes.core.event import Event
from fivesafes.core.verdict import Verdict, refuse

GENESIS: Final = "0" * 64


class JsonLinesLedger:
    """Appends events to a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        """Open the trail; a last line that was cut off by a crash is set right first."""
        self._path = path
        self._last = _mend(path)

    @property
    def last(self) -> str:
        """The digest of the last event."""
        return self._last

    def append(self, event: Event) -> None:
        """Write the event and wait until the disk has it."""
        body = {**asdict(event), "when": event.when.isoformat(), "previous": self._last}
        line = json.dumps(body, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            before = os.fstat(descriptor).st_size
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before)  # half an event would break the chain for good
                raise
        finally:
            os.close(descriptor)
        self._last = hashlib.sha256(line).hexdigest()


def _mend(path: Path) -> str:
    """Drop an unfinished last line (its event was never acknowledged) and give the digest of the last whole one."""
    if not path.exists():
        return GENESIS
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        os.truncate(path, len(whole))
    lines = whole.splitlines(keepends=True)
    return hashlib.sha256(lines[-1]).hexdigest() if lines else GENESIS


def judge_trail(path: Path) -> Verdict:
    """Verify the chain; the first line that does not fit is named by its number."""
    if not path.exists():
        return Verdict()
    previous = GENESIS
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        try:
            fits = json.loads(line)["previous"] == previous
        except (ValueError, KeyError, TypeError):
            fits = False
        if not fits:
            return refuse(
                "setting.trail.broken",
                why=f"the trail was altered at or before line {number}",
                fix="treat what the trail says from here on as unproven, and ask who had access",
                source="NIST SP 800-53 AU-9",
            )
        previous = hashlib.sha256(line).hexdigest()
    return Verdict()
