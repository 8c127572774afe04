"""Backup of the sealed keys, in a folder of its own: whoever has this and the data needs a custodian's key still.

Keys come and go: a withdrawal destroys them here too (``key_backups`` in haven.toml).  ``tombstones.json`` names the
participants who withdrew, by keyed ids, so that a data backup from before does not bring them back.
"""

import json
import os
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import frozen
from django.db.models import Q

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.core.event import Clock
from fivesafes.flow.haven.model import ParticipantState, ProjectState
from fivesafes.setting.vault.vault import fingerprint
from fivesafes.stores.backup.manifest import (
    HEAD,
    KEYS_HEAD,
    copy_durably,
    held,
    lies_with,
    sha256_of,
    within,
    write_durably,
)
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.keyring_files import FileKeyRing
from fivesafes.stores.models import Participant

TOMBSTONES: Final = "tombstones.json"
KEYRING: Final = "keyring"


@frozen(kw_only=True)
class BackedUpKeys:
    """What a backup of keys did.  ``lost``: keys that the copy has and the keyring should have: look into it."""

    copied: int
    forgotten: int
    lost: int
    tombstones: int


def back_up_keys(haven: HavenFile, *, to: Path, keys: Path, clock: Clock) -> BackedUpKeys:
    """Bring a copy of the open haven's sealed keys up to date, and the list of who withdrew.

    ``keys`` is the folder of keys in clear.  Raises UsageMistake when the folder would bring keys and data together.
    """
    if any(within(to, place) or within(place, to) for place in (haven.path, keys)) or lies_with(to, HEAD):
        message = "the keys' backup and the haven, its keys or a backup of its data lie in one another"
        raise UsageMistake(message, fix="give a folder of its own, on another disk: data and keys are kept apart")
    with held(to):
        _check_haven(to, haven)
        left = _who_left()
        # Who destroys a key takes the ring alone: none that is destroyed meanwhile is copied after its end.
        with FileKeyRing(haven.keyring).adding():
            done = _copy(haven.keyring, to / KEYRING, left)
        tombstones = add_tombstones(to, left, at=clock())
        head = {"schema": 1, "haven": haven.id, "made_at": clock().isoformat()}
        write_durably(to / KEYS_HEAD, (json.dumps(head, indent=1) + "\n").encode())
    return BackedUpKeys(copied=done[0], forgotten=done[1], lost=done[2], tombstones=len(tombstones))


def _check_haven(to: Path, haven: HavenFile) -> None:
    if (to / KEYS_HEAD).exists():
        if json.loads((to / KEYS_HEAD).read_text(encoding="utf-8")).get("haven") == haven.id:
            return
        message = "this folder holds the keys of another haven"
    elif any(one.name not in {".lock", KEYRING, TOMBSTONES} for one in to.iterdir()):
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
    live = {path.relative_to(keyring): path for path in keyring.rglob("*.age") if path.is_file()}
    for name, path in live.items():
        copy = to / name
        if not copy.exists() or sha256_of(copy) != sha256_of(path):
            if copy.exists():
                _blank(copy)  # it opened by who may open it no longer
            copy_durably(path, copy)
            copied += 1
    left_names = {f"{id_}.{fingerprint(recipient)}.age" for id_, recipient in left.items()}
    for copy in list(to.rglob("*.age")) if to.is_dir() else []:
        if copy.relative_to(to) in live:
            continue
        if copy.name in left_names or copy.name.split(".")[0] in left:
            _blank(copy)
            copy.unlink()
            forgotten += 1
        else:
            lost += 1
    return copied, forgotten, lost


def _blank(path: Path) -> None:
    """Overwrite a key; what a disk keeps of it is the disk's encryption's matter."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())


def add_tombstones(folder: Path, participants: Iterable[str], *, at: datetime) -> frozenset[str]:
    """Add participants, by keyed ids, to the tombstones of a key backup; durable when it returns.  Gives them all."""
    before = read_tombstones(folder)
    now = before | frozenset(participants)
    if now != before or not (folder / TOMBSTONES).exists():
        told = {"schema": 1, "changed_at": at.isoformat(), "participants": sorted(now)}
        write_durably(folder / TOMBSTONES, (json.dumps(told, indent=1) + "\n").encode())
    return now


def read_tombstones(folder: Path) -> frozenset[str]:
    """Read who withdrew from a key backup; nobody when it has no list yet.  Raises InvalidInput when it is damaged."""
    try:
        raw = json.loads((folder / TOMBSTONES).read_text(encoding="utf-8"))
        listed: Collection[object] = raw["participants"]
        return frozenset(str(one) for one in listed)
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, TypeError, KeyError):
        message = "the list of who withdrew (tombstones.json) can't be read"
        raise InvalidInput(
            message, fix="take it from another backup of the keys: without it people would come back"
        ) from None
