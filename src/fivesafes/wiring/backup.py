"""Backup, restore and the restore test of a haven: data and sealed keys in two places, never in one."""

import hashlib
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import FiveSafesError, InvalidInput, Refused, UsageMistake
from fivesafes.core.event import Clock, utc_now
from fivesafes.core.progress import Progress
from fivesafes.flow.controls import current_policy_digest
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.shredding import Means, swept_twice
from fivesafes.flow.verify_vault import Checked, verify_vault
from fivesafes.setting.keyring import KEY_BYTES, keys_folder
from fivesafes.setting.trail.checkpoint import read_checkpoint
from fivesafes.setting.trail.note import NoteSigner, VerifierKey, notes_in
from fivesafes.setting.trail.verify import verify
from fivesafes.setting.vault.keys import ADDRESS_KEY, open_secret
from fivesafes.setting.vault.seal import Identity, SealBroken, unseal
from fivesafes.stores.backup import (
    KEYRING,
    BackedUp,
    BackedUpKeys,
    Place,
    Restored,
    Tombstones,
    Watch,
    back_up,
    back_up_keys,
    cut_objects,
    joined_with,
    keys_head,
    learn,
    learn_disposal,
    restore,
    size_told,
    tombstones_now,
    write_durably,
)
from fivesafes.stores.blobs import make_private
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.identity_files import read_identity
from fivesafes.stores.key_mark import recorded
from fivesafes.stores.keyring_files import FileKeyRing
from fivesafes.stores.trail import head, rows
from fivesafes.wiring.consent import carry_on, forget_rest, means_of
from fivesafes.wiring.found import TRAIL_KEY
from fivesafes.wiring.haven import OpenHaven, opened_haven
from fivesafes.wiring.vault import ADDRESS, blobs_of, holding_of

_OWN_KEYS: Final = ((ADDRESS_KEY, ADDRESS), (TRAIL_KEY, "trail.key"))
"""The haven's own keys: their names in the keyring, and in a machine's key folder."""


def back_up_data(haven: OpenHaven, to: Path, *, progress: Progress) -> BackedUp:
    """Bring a backup of a haven's data up to date, told in the trail."""
    done = back_up(haven.config, haven.blobs, to=to, keys=haven.keys, clock=haven.clock, progress=progress)
    counts = {"copied": done.copied, "lost": done.lost, "damaged": len(done.damaged)}
    _tell(haven, "backup", "data", objects=len(done.manifest.objects), **counts)
    return done


def back_up_keyring(haven: OpenHaven, to: Path) -> BackedUpKeys:
    """Bring a backup of a haven's sealed keys up to date, told in the trail.

    What the list there, or beside another copy of the keys, tells of and the books don't know is taken back first: a
    restore may have had to do without it.
    """
    _learn(haven, to)
    done = back_up_keys(haven.config, to=to, keys=haven.keys, clock=haven.clock)
    counts = {"forgotten": done.forgotten, "lost": done.lost, "damaged": len(done.damaged)}
    _tell(haven, "backup", "keys", copied=done.copied, **counts)
    return done


def _learn(haven: OpenHaven, to: Path) -> None:
    """Take back again what was taken back before a restore that did not know of it."""
    known = tombstones_now(haven.clock)
    told = joined_with(known, (to, *haven.keyring.places()))
    begun, disposals = learn(told, author=haven.author("fivesafes backup"))
    means = means_of(haven, by="fivesafes backup")
    for project in disposals:
        _dispose_again(haven, means, project, told.disposals[project])
    if begun:
        carry_on(haven)


def _dispose_again(haven: OpenHaven, means: Means, project: str, at: datetime) -> None:
    """Destroy what a restore brought back of a project; where a copy of its keys is away, the next backup goes on."""
    kept, people = haven.project(project), haven.books.participants(project)
    sweeps = (
        ("keys", lambda: means.keys.destroy(people)),
        ("the project's keys", lambda: means.keys.destroy_project(project)),
        ("originals", lambda: means.originals.shred([*(one.recipient for one in people), kept.recipient])),
        ("derived work", lambda: means.workspaces.forget_project(project)),
    )
    if not swept_twice(sweeps):
        learn_disposal(project, at, author=haven.author("fivesafes backup"))
        forget_rest()


def forget_key_place(haven: OpenHaven, folder: Path) -> None:
    """Let withdrawals no longer wait for a folder of sealed keys that was destroyed itself, told in the trail.

    Raises UsageMistake when it is not one that was written down.
    """
    if not FileKeyRing(haven.config.keyring, haven=haven.id).forget_place(folder):
        message = "no copy of the keys was written down to lie in this folder"
        fix = "name it as the command that waits for it does; what only haven.toml names (key_backups), take out there"
        raise UsageMistake(message, fix=fix)
    _tell(haven, "backup", "keys forgotten", places=len(haven.keyring.places()))


def _tell(haven: OpenHaven, verb: str, outcome: str, **counts: int) -> None:
    author = haven.author("fivesafes backup")
    event = author.event(verb, f"haven {haven.id}", outcome, project="")
    with haven.books.deed():
        haven.books.tell(evolve(event, facts={**counts}))


@frozen(kw_only=True)
class Restoring:
    """What a restore is made from: data, keys, checkpoints of witnesses with the trail's public key, an identity.

    ``without``: other copies of the keys that are away, and that a person said to do without.
    """

    backup: Path
    keys: Path
    notes: tuple[str, ...] = ()
    trail_key: Path | None = None
    identity: Path | None = None
    without: tuple[Path, ...] = ()


def restore_haven(wish: Restoring, *, to: Path, database: str, progress: Progress, clock: Clock = utc_now) -> Restored:
    """Restore a haven's data and keyring into a new folder, and finish what was withdrawn since.

    With a custodian's identity, the address key and the trail's key are opened into this machine's key folder.  Raises
    InvalidInput when a backup is damaged, or its trail does not go on where the witnesses saw it; Refused, before
    anything is made, when the identity opens no key of this backup.
    """
    _check_identity(wish)
    done = _restored(wish, to=Place(folder=to, database=database), progress=progress, clock=clock)
    with opened_haven(done.haven.path, clock=clock) as restored:
        carry_on(restored)
    return done


def _check_identity(wish: Restoring) -> None:
    """See whether the identity opens the haven's own keys, and whether this machine has others of their names."""
    head = keys_head(wish.keys)
    if wish.identity is None or not head:  # what is no backup of keys is told as that
        return
    identity, ring = read_identity(wish.identity), wish.keys / KEYRING
    known = recorded(ring)
    folder = keys_folder() / "havens" / str(head.get("haven"))
    for name, file in _OWN_KEYS:
        try:
            sealed = (ring / name).read_bytes()
        except OSError:
            sealed = b""
        if hashlib.sha256(sealed).hexdigest() not in known.get(name, ()):
            message = f"the backup of the keys is damaged: {name} is missing or was changed"
            raise InvalidInput(message, fix="use another backup of the keys; nothing was restored from this one")
        try:
            secret = unseal(sealed, identity)
        except SealBroken:
            message = "the identity that was given opens no key of this backup"
            fix = "give the identity file of somebody who was a custodian when these keys were backed up"
            raise Refused(message, fix=fix) from None
        if (folder / file).exists() and (folder / file).read_bytes() != secret:
            message = f"this machine has another {file} for this haven than the one in the backup"
            raise Refused(message, fix=f"move {folder / file} away: the restore writes the right one there")


def _restored(
    wish: Restoring, *, to: Place, progress: Progress, clock: Clock = utc_now, vanishes: bool = False
) -> Restored:
    """Restore; what is withdrawn again stays under way: only the place and the machine's key folder are touched."""
    watch = Watch(
        open_blobs=lambda haven: blobs_of(haven, keys_folder() / "havens" / haven.id),
        check=lambda haven, size, tombstones: _check_trail(wish, haven, size, tombstones),
        prepare=lambda haven: _open_keys(haven, wish.identity),
        seen=max(map(size_told, wish.notes), default=0),
        without=None if vanishes else wish.without,
    )
    return restore(
        wish.backup,
        wish.keys,
        to=to,
        watch=watch,
        author=Author(name="fivesafes backup restore", clock=clock, policy_digest=current_policy_digest()),
        progress=progress,
    )


def _check_trail(wish: Restoring, haven: HavenFile, size: int, tombstones: Tombstones) -> None:
    """Refuse a trail that is not whole, or not what witnesses saw; a backup may be older than what they keep."""
    key = _trail_key(wish, haven)
    notes = list(wish.notes)
    if key is not None:
        given = [*notes, tombstones.checkpoint] if tombstones.checkpoint else notes
        notes = [note for note in given if read_checkpoint(note, key).checkpoint.size <= size]
    found = verify(rows(), notes=notes, key=key, head=head)
    if found.verdict.refuses:
        worst = max(found.verdict.findings, key=lambda one: one.gravity)
        message = f"the trail in this backup: {worst.why}"
        raise InvalidInput(message, fix="use another backup, and ask who could change this one")


def _trail_key(wish: Restoring, haven: HavenFile) -> VerifierKey | None:
    """Give the key that checkpoints are verified with: as it was given, or out of the keyring with the identity."""
    if wish.trail_key is not None:
        return VerifierKey.parsed(wish.trail_key.read_text(encoding="utf-8"))
    sealed = wish.keys / KEYRING / TRAIL_KEY
    if wish.identity is None or not sealed.is_file():
        return None
    secret = unseal(sealed.read_bytes(), read_identity(wish.identity))
    return NoteSigner(secret[:KEY_BYTES], haven.origin).key


def _open_keys(haven: HavenFile, identity: Path | None) -> None:
    """Write the keys that every machine of the haven needs, where none lies yet; each complete or absent."""
    if identity is None:
        return
    folder = keys_folder() / "havens" / haven.id
    make_private(folder)
    ring = FileKeyRing(haven.keyring, haven=haven.id)
    for name, file in _OWN_KEYS:
        if not (folder / file).exists():
            write_durably(folder / file, open_secret(ring, name, read_identity(identity)))


@frozen(kw_only=True)
class Tested:
    """What a restore test saw.  ``equal`` is said of nothing that was not opened."""

    objects: int
    opened: int
    damaged: int
    equal: bool
    why: str = ""


def test_restore(haven: Path | None, wish: Restoring, *, database: str, sample: int, progress: Progress) -> Tested:
    """Restore into a private folder that vanishes, open a sample with the custodian's identity, and tell the trail.

    The haven itself is only told of the result; its bucket, where it has one, is neither read nor written to.  Raises
    UsageMistake without an identity, Refused for one that opens nothing: that says nothing of the backup.
    """
    if wish.identity is None:
        message = "a restore test opens what it restored, and that needs a custodian's identity"
        raise UsageMistake(message, fix="give --identity FILE")
    _check_identity(wish)
    with tempfile.TemporaryDirectory(prefix="fivesafes-restore-test-") as scratch:
        tested = _tested(wish, Path(scratch), database=database, sample=sample, progress=progress)
    with opened_haven(haven) as opened:
        counts = {"objects": tested.objects, "opened": tested.opened, "damaged": tested.damaged}
        _tell(opened, "restore test", "equal" if tested.equal else "not equal", **counts)
    return tested


def _tested(wish: Restoring, scratch: Path, *, database: str, sample: int, progress: Progress) -> Tested:
    try:
        place = Place(folder=scratch / "haven", database=database, store="vault")
        done = _restored(wish, to=place, progress=progress, vanishes=True)
        with opened_haven(done.haven.path) as restored:
            checked = _opened(restored, read_identity(_given(wish)), sample=sample, progress=progress)
            damaged = {one.name for one in checked.damaged} | cut_objects(dict(restored.blobs.walk()))
    except UsageMistake:
        raise
    except FiveSafesError as error:
        return Tested(objects=0, opened=0, damaged=0, equal=False, why=error.what)
    why = "" if checked.opened else "it holds no original that could be opened, so nothing is shown by it"
    if checked.keys_missing or checked.keys_damaged:
        keys = checked.keys_missing + len(checked.keys_damaged)
        why = f"{keys} keys that the books name are missing or damaged in the backup of the keys"
    elif checked.not_as_told:
        why = checked.verdict().findings[0].why
    equal = not damaged and not why
    return Tested(objects=checked.objects, opened=checked.opened, damaged=len(damaged), equal=equal, why=why)


def _given(wish: Restoring) -> Path:
    assert wish.identity is not None  # noqa: S101 - asked before
    return wish.identity


def _opened(restored: OpenHaven, identity: Identity, *, sample: int, progress: Progress) -> Checked:
    holding = holding_of(restored.config, restored.keys, identity)
    return verify_vault(
        DjangoBooks(), restored.blobs, restored.keyring, damaged=holding.damaged, sample=sample, progress=progress
    )


def read_notes(paths: Sequence[Path]) -> tuple[str, ...]:
    """Read checkpoint notes as witnesses keep them.  Raises InvalidInput."""
    try:
        return tuple(note for path in paths for note in notes_in(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        message = "a checkpoint can't be read"
        raise InvalidInput(message, fix="give the file that the witness keeps") from None
