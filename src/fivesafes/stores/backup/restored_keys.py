"""The sealed keys of a restored haven: those of people who take part, and of projects that are there."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.flow.sealed import keys_expected
from fivesafes.stores.backup.keys import KEYRING, Gone
from fivesafes.stores.backup.manifest import write_durably
from fivesafes.stores.backup.tombstones import Tombstones, keys_head
from fivesafes.stores.blobs import make_private
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.key_mark import STANDS, make_keyring, record, record_word, recorded
from fivesafes.stores.key_places import looked_through, shows
from fivesafes.stores.keyring_files import FileKeyRing


def check_keys(keys: Path, haven: str) -> None:
    """Raise UsageMistake unless a folder holds a finished backup of this haven's keys."""
    head = keys_head(keys)
    if not head:
        message = "there is no finished backup of keys in this folder"
        raise UsageMistake(message, fix="give the folder that fivesafes backup keys wrote")
    if head.get("haven") != haven:
        message = "these keys and this data are of two havens"
        raise UsageMistake(message, fix="give the backup of the keys that belongs to this backup of the data")


def check_read(keys: Path, haven: HavenFile, without: Iterable[Path]) -> tuple[Path, ...]:
    """Name the other copies of the keys that can't be read from here, each of which a person may do without.

    Raises TryAgain for one that nobody said they do without: the list there may be the only one that tells of a
    withdrawal.
    """
    unread = tuple(one for one in known_places(keys, haven)[1:] if _is_away(one, haven.id, filled=one in _filled(keys)))
    said = {one.resolve() for one in without}
    if asked := [one for one in unread if one.resolve() not in said]:
        message = f"copies of the keys that are away may tell of withdrawals: {', '.join(map(str, asked))}"
        fix = (
            "plug their disks in, and run it again; for each one that was destroyed, or is the folder given with "
            "--keys under its former name: --without FOLDER"
        )
        raise TryAgain(message, fix=fix)
    return unread


def _is_away(place: Path, haven: str, *, filled: bool) -> bool:
    there = looked_through(place)
    return bool(there.faults) or (filled and not shows(there.files, haven))


def known_places(keys: Path, haven: HavenFile) -> tuple[Path, ...]:
    """Name every folder that is known to hold copies of the haven's keys, this one first."""
    return tuple(dict.fromkeys((*_filled(keys), *haven.key_backups)))


def _filled(keys: Path) -> tuple[Path, ...]:
    """Name those to which keys are known to have been copied."""
    return (keys.resolve(), *(Path(str(one)) for one in keys_head(keys).get("places", [])))


def place_keys(keys: Path, haven: HavenFile, tombstones: Tombstones) -> int:
    """Copy the keys into the haven's keyring, but none that an old copy still has of somebody who left.

    The books must be open.  Gives how many keys the books name that the backup has not, or has damaged.  The folders
    that hold copies are written down before the first key is copied, so that later withdrawals reach them.
    """
    make_keyring(haven.keyring, haven.id)
    ring = FileKeyRing(haven.keyring, backups=haven.key_backups, haven=haven.id)
    for place in _filled(keys):
        ring.record_place(place)
    gone = Gone(tombstones)
    source = keys / KEYRING
    known = recorded(source)
    copied = set()
    for name in _names(source):
        sealed = (source / name).read_bytes()
        if not gone.has(name) and hashlib.sha256(sealed).hexdigest() in known.get(name, ()):
            record(haven.keyring, name, sealed)
            make_private((haven.keyring / name).parent)
            write_durably(haven.keyring / name, sealed)
            record_word(haven.keyring, name, STANDS)
            copied.add(name)
    there, _ = keys_expected(DjangoBooks())
    return len(there - copied)


def _names(source: Path) -> Iterator[str]:
    for path in sorted(source.rglob("*.age")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(source).as_posix()
