"""Tombstones: who took back what, and which projects were disposed of; kept beside every copy of the keys.

A backup of the data may be older than a withdrawal.  What lies beside the keys is written by each withdrawal and each
disposal, before it counts as done, so that a restore does them again (``keep_away``).  Participants are named by keyed
ids.  ``trail`` says how far it is complete: every withdrawal that was asked for among the first so many entries of the
trail is in the list.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.core.event import Clock
from fivesafes.flow.haven.model import ProjectState, WithdrawalKind
from fivesafes.setting.trail.checkpoint import parsed
from fivesafes.stores import trail
from fivesafes.stores.backup.manifest import write_durably
from fivesafes.stores.founding import owner
from fivesafes.stores.key_places import KEYS_HEAD, TOMBSTONES, backups_among, head_of, hold_keys, looked_through
from fivesafes.stores.models import Project, Withdrawal

LOCK: Final = ".tombstones.lock"


@frozen(kw_only=True, order=True)
class TakenBack:
    """One withdrawal: when it was asked for, by whom (keyed id) in which project, and what it takes back.

    ``recipient`` tells what was sealed to this participant, and so which key must be gone.
    """

    at: datetime
    participant: str
    kind: WithdrawalKind
    project: str
    recipient: str


@frozen(kw_only=True)
class Tombstones:
    """What is known of a haven's withdrawals and disposals; ``checkpoint`` is the newest note seen, or empty."""

    haven: str
    told_at: datetime
    withdrawals: frozenset[TakenBack] = frozenset()
    disposals: Mapping[str, datetime] = field(factory=dict)
    trail: int = 0
    checkpoint: str = ""

    @property
    def withdrew(self) -> frozenset[str]:
        """Who took back everything, by keyed ids."""
        return frozenset(one.participant for one in self.withdrawals if one.kind is WithdrawalKind.FULL)

    @property
    def seen(self) -> int:
        """The most entries that the trail is known to have had."""
        return max(self.trail, size_told(self.checkpoint))

    def joined(self, other: "Tombstones") -> "Tombstones":
        """Put two lists together: nothing is lost, and of a project's disposals the first counts.

        On the trail the later list has the word: after a restore that lost entries the haven's trail is another one,
        and what was seen of the former would convict it.

        Raises InvalidInput when they are of two havens: projects of one name would be taken for one another.
        """
        if self.haven != other.haven:
            message = f"the list of who withdrew ({TOMBSTONES}) is another haven's"
            raise InvalidInput(message, fix="give each haven a folder of its own for its keys")
        both = {**self.disposals, **other.disposals}
        later = max(self, other, key=lambda one: (one.told_at, one.trail, one.checkpoint))
        return evolve(
            later,
            withdrawals=self.withdrawals | other.withdrawals,
            disposals={one: min(self.disposals.get(one, at), at) for one, at in both.items()},
        )


def size_told(note: str) -> int:
    """Read how many entries a checkpoint tells of, its signature unverified; 0 when it is no checkpoint."""
    try:
        return parsed(note[: note.rfind("\n\n") + 1]).size
    except InvalidInput:
        return 0


def tombstones_now(clock: Clock) -> Tombstones:
    """Give what the open books say: every withdrawal that was begun, every project that was disposed of."""
    size = trail.head().size  # before the rows: they are then at least as new
    newest = trail.newest_checkpoint()
    asked = Withdrawal.objects.select_related("participant").order_by()
    disposed = Project.objects.filter(state=ProjectState.DISPOSED.value).values_list("id", "changed_at")
    return Tombstones(
        haven=owner() or "",
        told_at=clock(),
        withdrawals=frozenset(map(_taken_back, asked)),
        disposals=dict(disposed),
        trail=size,
        checkpoint=newest.note if newest is not None else "",
    )


def _taken_back(row: Withdrawal) -> TakenBack:
    return TakenBack(
        at=row.requested_at,
        participant=row.participant_id,
        kind=WithdrawalKind(row.kind),
        project=row.participant.project_id,
        recipient=row.participant.recipient,
    )


def with_disposal(known: Tombstones, project: str) -> Tombstones:
    """Add a project whose disposal is under way: its keys are about to go, and nothing brings them back."""
    return evolve(known, disposals={project: known.told_at, **known.disposals})


def add_tombstones(place: Path, new: Tombstones) -> None:
    """Add to the list of each backup of this haven's keys in a place, at any depth; durable when it returns.

    Where keys lie and no such backup, the list goes to the place itself; where nothing lies, nowhere: it may be the
    mount point of a disk.  Raises OSError when the place is not there or can't be read in full, InvalidInput when a
    list can't be read; what could be reached has it then.
    """
    there = looked_through(place)
    told: list[InvalidInput | OSError] = list(there.faults)
    for folder in backups_among(there.files, new.haven) or ([place] if hold_keys(there.files) else []):
        try:
            add_here(folder, new)
        except (InvalidInput, OSError) as fault:
            told.append(fault)
    for first in told:
        raise first


def add_here(folder: Path, new: Tombstones) -> Tombstones:
    """Add to the list of one folder; give all of it.  Two who add at once lose nothing."""
    with _alone(folder):
        now = read_tombstones(folder).joined(new) if (folder / TOMBSTONES).exists() else new
        write_durably(folder / TOMBSTONES, (json.dumps(_written(now), indent=1) + "\n").encode())
    return now


def read_tombstones(folder: Path) -> Tombstones:
    """Read the list of a key backup.  Raises InvalidInput when it is missing or damaged: it is not taken for empty."""
    try:
        return _read(json.loads((folder / TOMBSTONES).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        message = f"the list of who withdrew ({TOMBSTONES}) is missing or can't be read"
        raise InvalidInput(
            message, fix="take it from another backup of the keys: without it people would come back"
        ) from None


def gather_tombstones(keys: Path, places: Iterable[Path], *, haven: str) -> Tombstones:
    """Read the list of a key backup, and of every other backup of this haven's keys that can be reached from here."""
    found = read_tombstones(keys)
    if found.haven != haven:
        message = "these keys and this data are of two havens"
        raise InvalidInput(message, fix="give the backup of the keys that belongs to this backup of the data")
    return joined_with(found, places)


def joined_with(found: Tombstones, places: Iterable[Path]) -> Tombstones:
    """Add what stands in every backup of this haven's keys that can be reached.  Raises InvalidInput as above."""
    for place in places:
        files = looked_through(place).files
        for folder in {place, *backups_among(files, found.haven)}:
            if folder / TOMBSTONES in files and (other := read_tombstones(folder)).haven == found.haven:
                found = found.joined(other)
    return found


def keys_head(folder: Path) -> Mapping[str, Any]:
    """Read what a key backup says of itself (``haven``, ``places``); empty when it is none, or damaged."""
    return head_of(folder / KEYS_HEAD)


def _written(known: Tombstones) -> dict[str, object]:
    return {
        "schema": 1,
        "haven": known.haven,
        "told_at": known.told_at.isoformat(),
        "trail": known.trail,
        "checkpoint": known.checkpoint,
        "withdrawals": [
            {**asdict(one), "at": one.at.isoformat(), "kind": one.kind.value} for one in sorted(known.withdrawals)
        ],
        "disposals": {project: at.isoformat() for project, at in sorted(known.disposals.items())},
    }


def _read(raw: Mapping[str, Any]) -> Tombstones:
    return Tombstones(
        haven=str(raw["haven"]),
        told_at=datetime.fromisoformat(raw["told_at"]),
        trail=int(raw["trail"]),
        checkpoint=str(raw["checkpoint"]),
        withdrawals=frozenset(
            TakenBack(
                at=datetime.fromisoformat(one["at"]),
                participant=str(one["participant"]),
                kind=WithdrawalKind(one["kind"]),
                project=str(one["project"]),
                recipient=str(one["recipient"]),
            )
            for one in raw["withdrawals"]
        ),
        disposals={str(project): datetime.fromisoformat(at) for project, at in raw["disposals"].items()},
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
