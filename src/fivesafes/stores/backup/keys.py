"""Backup of the sealed keys, in a folder of its own: whoever has this and the data needs a custodian's key still.

Keys come and go: a withdrawal destroys them here too.  So ``tombstones.json`` says who took back what
(``backup.tombstones``), and the keyring writes down where this folder is: both before the first key lies in it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from attrs import evolve, frozen
from django.db.models import Q

from fivesafes.core.errors import UsageMistake
from fivesafes.core.event import Clock
from fivesafes.flow.haven.model import ParticipantState, ProjectState
from fivesafes.stores.backup.manifest import (
    HEAD,
    copy_durably,
    held,
    lies_beside,
    lies_with,
    sha256_of,
    within,
    write_durably,
)
from fivesafes.stores.backup.tombstones import LOCK, Tombstones, add_here, keys_head, tombstones_now
from fivesafes.stores.blobs import make_private, refused_by_disk
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.key_mark import DIGESTS, MARK, recorded, words
from fivesafes.stores.key_places import KEYS_HEAD, PLACES, TOMBSTONES, looked_through
from fivesafes.stores.keyring_files import FileKeyRing, unfinished
from fivesafes.stores.models import Participant, Project

KEYRING: Final = "keyring"


@frozen(kw_only=True)
class BackedUpKeys:
    """What a backup of keys did.  ``lost``: keys that the copy has and the keyring should have: look into it.

    ``damaged``: keys of the ring that are not as they were written; what the copy has of them stays as it is.
    ``tombstones``: how many withdrawals and disposals stand beside the keys now.
    """

    copied: int
    forgotten: int
    lost: int
    tombstones: int
    damaged: tuple[str, ...] = ()


def back_up_keys(haven: HavenFile, *, to: Path, keys: Path, clock: Clock) -> BackedUpKeys:
    """Bring a copy of the open haven's sealed keys up to date, and the list of who took back what.

    ``keys`` is the folder of keys in clear.  Raises UsageMistake when the folder would bring keys and data together,
    TryAgain when keys were copied to it before and none are there: a disk that is away is not begun anew beneath it.
    """
    if any(within(to, place) or within(place, to) for place in (haven.path, keys)) or lies_with(to, HEAD):
        message = "the keys' backup and the haven, its keys or a backup of its data lie in one another"
        raise UsageMistake(message, fix="give a folder of its own, on another disk: data and keys are kept apart")
    if lies_beside(to, HEAD):
        message = "a backup of data lies beside the keys' backup: whoever copies the folder around them has both"
        raise UsageMistake(message, fix="give a folder on another disk, or at least one that lies elsewhere")
    ring = FileKeyRing(haven.keyring, backups=haven.key_backups, haven=haven.id)
    try:
        _check_haven(to, haven)  # nothing is made where a disk belongs that is away
        ring.check_filling(to)
    except OSError as error:
        raise refused_by_disk(error, "the folder can't be read") from None
    with held(to):
        _check_haven(to, haven)
        known = add_here(to, tombstones_now(clock))  # by which a place that is written down shows itself
        ring.record_place(to)
        gone = Gone(known)
        # Who destroys a key takes the ring alone: none that is destroyed meanwhile is copied after its end.
        with ring.adding():
            done = _copy(haven.keyring, to / KEYRING, gone)
        known = add_here(to, tombstones_now(clock))
        head = {
            "schema": 1,
            "haven": haven.id,
            "made_at": clock().isoformat(),
            "places": [str(place) for place in ring.filled()],
        }
        write_durably(to / KEYS_HEAD, (json.dumps(head, indent=1) + "\n").encode())
    tombstones = len(known.withdrawals) + len(known.disposals)
    return evolve(done, tombstones=tombstones)


def _check_haven(to: Path, haven: HavenFile) -> None:
    if (to / KEYS_HEAD).exists():
        if keys_head(to).get("haven") == haven.id:
            return
        message = "this folder holds the keys of another haven"
    elif to.is_dir() and any(one.name not in {".lock", LOCK, KEYRING, TOMBSTONES} for one in to.iterdir()):
        message = "this folder holds something that is no backup of keys"
    else:
        return
    raise UsageMistake(message, fix="give an empty folder, or one that does not exist yet")


class Gone:
    """Whose keys must not come back: by the open books, and by what stands beside the keys."""

    def __init__(self, tombstones: Tombstones) -> None:
        """Take the list that stands beside the keys."""
        left = ~Q(state=ParticipantState.ACTIVE.value) | Q(project__state=ProjectState.DISPOSED.value)
        self._people = {*Participant.objects.filter(left).values_list("id", flat=True), *tombstones.withdrew}
        disposed = Project.objects.filter(state=ProjectState.DISPOSED.value)
        self._projects = {*disposed.values_list("id", flat=True), *tombstones.disposals}

    def has(self, name: str) -> bool:
        """Whether a key must not come back, by its name in the ring; a copy may lie deeper."""
        own = name.rpartition("/")[2]
        return own.partition(".")[0] in self._people or any(
            own.startswith((f"{one}.pseudonyms.", f"{one}.quarantine.")) for one in self._projects
        )


def _copy(keyring: Path, to: Path, gone: Gone) -> BackedUpKeys:
    """Copy what is new or was wrapped anew; remove the keys of people who left; count what the keyring lost.

    A key that is not as it was written opens for nobody any more: it never takes the place of its copy.
    """
    copied = forgotten = lost = 0
    damaged = []
    sweep_unfinished(to)
    live = {path.relative_to(keyring).as_posix(): path for path in keyring.rglob("*.age") if path.is_file()}
    known = _joined(recorded(keyring), recorded(to))
    for name, path in sorted(live.items()):
        copy = to / name
        digest = sha256_of(path)
        if gone.has(name):
            continue
        if digest not in known.get(name, ()):
            damaged.append(name)
        elif not copy.exists() or sha256_of(copy) != digest:
            if copy.exists():
                blank(copy)  # it opened by who may open it no longer
            copy_durably(path, copy)
            copied += 1
    for copy in _below(to):
        name = copy.relative_to(to).as_posix()
        if copy.suffix != ".age" or copy.name.startswith("."):
            continue
        if gone.has(name):
            remove_key(copy)
            forgotten += 1
        elif name not in live:
            lost += 1
    _copy_marks(keyring, to, known)
    return BackedUpKeys(copied=copied, forgotten=forgotten, lost=lost, tombstones=0, damaged=tuple(damaged))


def _joined(*lists: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """Put lists of digests together: one of them may have been lost."""
    return {name: frozenset().union(*(one.get(name, ()) for one in lists)) for name in sorted(set().union(*lists))}


def _copy_marks(keyring: Path, to: Path, known: Mapping[str, frozenset[str]]) -> None:
    """Copy what makes a folder of keys this haven's ring: the copy can take its place as it is."""
    make_private(to)
    digests = "".join(f"{digest}  {name}\n" for name, each in known.items() for digest in sorted(each))
    said = "".join(f"{word}  {name}\n" for name, word in ({**words(to), **words(keyring)}).items())
    write_durably(to / DIGESTS, f"{digests}{said}".encode())
    for name in (PLACES, MARK):
        copy_durably(keyring / name, to / name)


def sweep_unfinished(folder: Path) -> None:
    """Overwrite and remove what a copying that was killed had begun to write: it may be a key that went since."""
    for left in _below(folder):
        if fnmatchcase(left.name, unfinished("*.age")):
            remove_key(left)


def _below(folder: Path) -> Sequence[Path]:
    """Find every file below a folder that may not be there yet.  Raises OSError when it can't be read in full."""
    if not folder.is_dir():
        return ()
    there = looked_through(folder)
    there.check_whole()
    return there.files


def remove_key(path: Path) -> None:
    """Overwrite and remove a key."""
    blank(path)
    path.unlink()


def blank(path: Path) -> None:
    """Overwrite a key; what a disk keeps of it is the disk's encryption's matter."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
