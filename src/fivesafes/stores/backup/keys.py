"""Backup of the sealed keys, in a folder of its own: whoever has this and the data needs a custodian's key still.

Keys come and go: a withdrawal destroys them here too.  So ``tombstones.json`` says who took back what
(``backup.tombstones``), and the keyring writes down where this folder is: both before the first key lies in it.
"""

import json
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from attrs import frozen
from django.db.models import Q

from fivesafes.core.errors import UsageMistake
from fivesafes.core.event import Clock
from fivesafes.flow.haven.model import ParticipantState, ProjectState
from fivesafes.setting.vault.vault import fingerprint
from fivesafes.stores.backup.manifest import (
    HEAD,
    copy_durably,
    held,
    lies_with,
    sha256_of,
    within,
    write_durably,
)
from fivesafes.stores.backup.tombstones import LOCK, add_here, keys_head, tombstones_now
from fivesafes.stores.blobs import refused_by_disk
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.key_places import KEYS_HEAD, TOMBSTONES, looked_through
from fivesafes.stores.keyring_files import FileKeyRing, unfinished
from fivesafes.stores.models import Participant

KEYRING: Final = "keyring"


@frozen(kw_only=True)
class BackedUpKeys:
    """What a backup of keys did.  ``lost``: keys that the copy has and the keyring should have: look into it.

    ``tombstones``: how many withdrawals and disposals stand beside the keys now.
    """

    copied: int
    forgotten: int
    lost: int
    tombstones: int


def back_up_keys(haven: HavenFile, *, to: Path, keys: Path, clock: Clock) -> BackedUpKeys:
    """Bring a copy of the open haven's sealed keys up to date, and the list of who took back what.

    ``keys`` is the folder of keys in clear.  Raises UsageMistake when the folder would bring keys and data together,
    TryAgain when keys were copied to it before and none are there: a disk that is away is not begun anew beneath it.
    """
    if any(within(to, place) or within(place, to) for place in (haven.path, keys)) or lies_with(to, HEAD):
        message = "the keys' backup and the haven, its keys or a backup of its data lie in one another"
        raise UsageMistake(message, fix="give a folder of its own, on another disk: data and keys are kept apart")
    ring = FileKeyRing(haven.keyring, backups=haven.key_backups, haven=haven.id)
    try:
        _check_haven(to, haven)  # nothing is made where a disk belongs that is away
        ring.check_filling(to)
    except OSError as error:
        raise refused_by_disk(error, "the folder can't be read") from None
    with held(to):
        _check_haven(to, haven)
        add_here(to, tombstones_now(clock))  # by which a place that is written down shows itself
        ring.record_place(to)
        left = _who_left()
        # Who destroys a key takes the ring alone: none that is destroyed meanwhile is copied after its end.
        with ring.adding():
            done = _copy(haven.keyring, to / KEYRING, left)
        known = add_here(to, tombstones_now(clock))
        head = {
            "schema": 1,
            "haven": haven.id,
            "made_at": clock().isoformat(),
            "places": [str(place) for place in ring.filled()],
        }
        write_durably(to / KEYS_HEAD, (json.dumps(head, indent=1) + "\n").encode())
    tombstones = len(known.withdrawals) + len(known.disposals)
    return BackedUpKeys(copied=done[0], forgotten=done[1], lost=done[2], tombstones=tombstones)


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


def _who_left() -> dict[str, str]:
    """Give the keyed id and the recipient of everybody who withdrew, or whose project was disposed of."""
    gone = ~Q(state=ParticipantState.ACTIVE.value) | Q(project__state=ProjectState.DISPOSED.value)
    return dict(Participant.objects.filter(gone).values_list("id", "recipient"))


def _copy(keyring: Path, to: Path, left: dict[str, str]) -> tuple[int, int, int]:
    """Copy what is new or was wrapped anew; remove the keys of people who left; count what the keyring lost."""
    copied = forgotten = lost = 0
    sweep_unfinished(to)
    live = {path.relative_to(keyring): path for path in keyring.rglob("*.age") if path.is_file()}
    for name, path in live.items():
        copy = to / name
        if not copy.exists() or sha256_of(copy) != sha256_of(path):
            if copy.exists():
                blank(copy)  # it opened by who may open it no longer
            copy_durably(path, copy)
            copied += 1
    left_names = {f"{id_}.{fingerprint(recipient)}.age" for id_, recipient in left.items()}
    for copy in _below(to):
        if copy.suffix != ".age" or copy.relative_to(to) in live:
            continue
        if copy.name in left_names or copy.name.split(".")[0] in left:
            remove_key(copy)
            forgotten += 1
        else:
            lost += 1
    return copied, forgotten, lost


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
