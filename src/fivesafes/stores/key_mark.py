"""What a keyring says of itself: whose it is, and how each of its keys was written.

``haven.json`` is written when a haven is made or restored, and never by the way: a folder without it is the mount point
of a disk that is away, or what is left where the keyring was moved from, and what is missing there was not destroyed.
``digests.txt`` gets a line (SHA-256, two spaces, name) before a key stands: a key that is none of those recorded under
its name was damaged since.  Once it stands it gets another (``stands``, two spaces, name), and one (``destroyed``)
before it is destroyed: a key that stood, is not there and was not destroyed here was moved or lost, and a withdrawal
must not take it for destroyed.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from fivesafes.core.errors import TryAgain
from fivesafes.stores.blobs import make_private, sync_folder, write_whole
from fivesafes.stores.key_bytes import write_synced
from fivesafes.stores.key_places import PLACES, head_of

MARK: Final = "haven.json"
DIGESTS: Final = "digests.txt"
STANDS: Final = "stands"
DESTROYED: Final = "destroyed"
_LINE: Final = re.compile(rf"([0-9a-f]{{64}}|{STANDS}|{DESTROYED})  (\S+)")


class KeyRingAway(TryAgain):
    """The keyring is not where it belongs: nothing is taken for destroyed, and no other is begun in its place."""

    @classmethod
    def told(cls) -> "KeyRingAway":
        """Say so."""
        return cls(
            f"the haven's keyring is away: there is no folder keyring/ in the haven that bears its mark ({MARK})",
            fix="put it back where it was (is its disk mounted?); if it is lost, copy keyring/ out of a backup of the "
            "keys: docs/how-to/back-up-and-restore.md",
        )


class KeyMissing(TryAgain):
    """A key stood in this ring, was not destroyed, and is not there: it may lie where its folder went."""

    @classmethod
    def told(cls, name: str) -> "KeyMissing":
        """Say so."""
        return cls(
            f"keyring/{name} is not there, and was not destroyed here: it was moved or lost",
            fix="put it back, or copy it out of a backup of the keys; if no copy of it exists any more, strike its "
            f"lines out of keyring/{DIGESTS}: docs/reference/vault.md",
        )


def make_keyring(folder: Path, haven: str, *, places: Sequence[Path] = ()) -> None:
    """Make the keyring of a haven, or mark one that was made; its list of places is not touched when there is one."""
    make_private(folder)
    for name, content in ((PLACES, [str(one) for one in places]), (MARK, {"schema": 1, "haven": haven})):
        if not (folder / name).exists():  # the mark is the last: with it the ring counts
            aside = folder / f".{name}.new"
            aside.unlink(missing_ok=True)
            write_synced(aside, (json.dumps(content, indent=1) + "\n").encode())
            aside.replace(folder / name)
    sync_folder(folder)


def check_mark(folder: Path, haven: str) -> None:
    """Raise KeyRingAway unless a folder is the keyring of this haven."""
    if not haven or head_of(folder / MARK).get("haven") != haven:
        raise KeyRingAway.told()


def record(folder: Path, name: str, sealed: bytes) -> None:
    """Write down how a key is about to be written; durable when it returns.  One at a time: the caller holds a lock."""
    _add_line(folder, name, hashlib.sha256(sealed).hexdigest())


def record_word(folder: Path, name: str, word: str) -> None:
    """Write down that a key stands now (``STANDS``), or is about to be destroyed (``DESTROYED``); as ``record``."""
    _add_line(folder, name, word)


def _add_line(folder: Path, name: str, digest: str) -> None:
    line = f"{digest}  {name}\n".encode()
    descriptor = os.open(folder / DIGESTS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = os.fstat(descriptor).st_size
        if end and os.pread(descriptor, 1, end - 1) != b"\n":  # a killed process left half a line
            line = b"\n" + line
        write_whole(descriptor, [line])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def recorded(folder: Path) -> Mapping[str, frozenset[str]]:
    """Give the digests, in hexadecimal, under which each key was ever written; none where nothing is recorded."""
    found: dict[str, set[str]] = {}
    for said, name in _lines(folder):
        if said not in {STANDS, DESTROYED}:
            found.setdefault(name, set()).add(said)
    return {name: frozenset(digests) for name, digests in found.items()}


def words(folder: Path) -> Mapping[str, str]:
    """Give the last word on each key that ever stood: ``STANDS`` or ``DESTROYED``."""
    return {name: said for said, name in _lines(folder) if said in {STANDS, DESTROYED}}


def _lines(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = (folder / DIGESTS).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        if (match := _LINE.fullmatch(line)) is not None:
            yield match[1], match[2]
