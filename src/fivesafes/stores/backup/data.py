"""Backup of a haven's data: database, sealed originals, its description, its documents and releases.  Never keys."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from attrs import frozen
from django.db.models import Q

from fivesafes.core.errors import UsageMistake
from fivesafes.core.event import Clock
from fivesafes.core.progress import Progress
from fivesafes.flow.haven.model import ParticipantState, ProjectState
from fivesafes.setting.vault.ports import Blobs
from fivesafes.setting.vault.seal import LEAST_OVERHEAD
from fivesafes.setting.vault.vault import ObjectMissing, folder_of, is_moved_aside, object_name
from fivesafes.stores import trail
from fivesafes.stores.backup.copies import copy_database
from fivesafes.stores.backup.manifest import (
    HEAD,
    VAULT,
    Manifest,
    copy_durably,
    held,
    lies_beside,
    lies_with,
    read_manifest,
    sha256_of,
    within,
    write_manifest,
)
from fivesafes.stores.backup.owed import owed
from fivesafes.stores.blobs import FolderBlobs
from fivesafes.stores.haven_file import FILE, HavenFile
from fivesafes.stores.key_places import KEYS_HEAD
from fivesafes.stores.keyring_files import FileKeyRing
from fivesafes.stores.models import Instance, Participant, Project, Quarantined

_BESIDE: Final = (FILE, "documents/*/*", "projects/*/release/**/*", "projects/*/releases/**/*")
"""What is copied besides database and vault, by name: nothing else of the haven's folder is."""

_PAGE: Final = 10_000
_GENERATION: Final = "generation-"
_KEY_FILES: Final = ("*.age", "*.agekey", "*.key")


@frozen(kw_only=True)
class BackedUp:
    """What a backup did.  ``lost``: objects that the haven should have, by its books or by the copy, and has not.

    ``nowhere``: how many of these the copy has not either.  ``damaged``: objects of the vault that are not what was
    sealed; the copy keeps what it had, and takes none of them.  ``forgotten``: objects of participants who withdrew
    since, and files set aside that a custodian removed: they leave the copy as well.
    """

    manifest: Manifest
    copied: int
    bytes: int
    forgotten: int
    lost: int
    nowhere: int = 0
    damaged: tuple[str, ...] = ()


def back_up(haven: HavenFile, blobs: Blobs, *, to: Path, keys: Path, clock: Clock, progress: Progress) -> BackedUp:
    """Bring a backup of the open haven up to date; what it has already is not copied again.

    ``keys`` is the folder of the haven's keys in clear: no backup may lie there, nor it in a backup.  Raises
    UsageMistake when the folder would bring data and keys together, TryAgain when the disk is full or another backup is
    at work, InvalidInput when the database is damaged.  Interrupted, the backup before still counts.
    """
    _check_apart(haven, to, keys)
    with held(to):
        before = _before(to, haven)
        generation = f"{_GENERATION}{1 + max((_number(one) for one in _generations(to)), default=0):06}"
        folder = to / generation
        folder.mkdir(mode=0o700)
        size = trail.head().size  # the copy has at least these entries
        copy = copy_database(haven.database_config(), folder)
        files = {f"{generation}/{copy.name}": sha256_of(copy)}
        files.update(_copy_beside(haven, folder))
        vault = _copy_objects(blobs, to, before, progress)
        files.update({f"{VAULT}/{name}": digest for name, digest in vault.digests.items()})
        manifest = Manifest(haven=haven.id, generation=generation, made_at=clock(), trail=size, files=files)
        write_manifest(to, manifest)
        # From here on the new one counts, and what it does not name may go.
        FolderBlobs(to / VAULT).delete(vault.forgotten)
        for older in _generations(to):
            if older.name != generation:
                shutil.rmtree(older)
    return BackedUp(
        manifest=manifest,
        copied=vault.new,
        bytes=vault.bytes,
        forgotten=len(vault.forgotten),
        lost=vault.lost,
        nowhere=vault.nowhere,
        damaged=tuple(sorted(vault.damaged)),
    )


def _check_apart(haven: HavenFile, to: Path, keys: Path) -> None:
    places = [haven.path, keys, *FileKeyRing(haven.keyring, haven=haven.id, backups=haven.key_backups).places()]
    if any(within(to, place) or within(place, to) for place in places) or lies_with(to, KEYS_HEAD):
        message = "the backup's folder and the haven or its keys lie in one another"
        raise UsageMistake(message, fix="give a folder of its own, on another disk: data and keys are kept apart")
    if lies_beside(to, KEYS_HEAD):
        message = "a backup of keys lies beside the backup's folder: whoever copies the folder around them has both"
        raise UsageMistake(message, fix="give a folder on another disk, or at least one that lies elsewhere")
    if to.is_dir() and any(next(to.glob(pattern), None) for pattern in _KEY_FILES):
        message = "the backup's folder holds keys"
        raise UsageMistake(message, fix="give a folder of its own, on another disk: data and keys are kept apart")


def _before(to: Path, haven: HavenFile) -> Manifest | None:
    """Read the backup that is to be brought up to date; refuse another haven's, and a folder with something else."""
    if (to / HEAD).exists():
        manifest = read_manifest(to)
        if manifest.haven != haven.id:
            message = "this folder holds the backup of another haven"
            raise UsageMistake(message, fix="give a folder for each haven")
        return manifest
    known = {".lock", VAULT}
    if any(one.name not in known and not one.name.startswith(_GENERATION) for one in to.iterdir()):
        message = "this folder holds something that is no backup"
        raise UsageMistake(message, fix="give an empty folder, or one that does not exist yet")
    return None


def _generations(to: Path) -> list[Path]:
    return [one for one in to.glob(f"{_GENERATION}*") if one.is_dir() and one.name[len(_GENERATION) :].isdigit()]


def _number(generation: Path) -> int:
    return int(generation.name.removeprefix(_GENERATION))


def _copy_beside(haven: HavenFile, folder: Path) -> Iterator[tuple[str, str]]:
    """Copy the description, the documents and the releases; links are not followed."""
    for pattern in _BESIDE:
        for path in sorted(haven.path.glob(pattern)):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                name = path.relative_to(haven.path)
                yield f"{folder.name}/{name.as_posix()}", copy_durably(path, folder / name)


@frozen(kw_only=True)
class _Copied:
    """The vault's part of a backup: the digest of each object in the copy, and what is to leave it."""

    digests: Mapping[str, str]
    new: int
    bytes: int
    forgotten: Sequence[str]
    lost: int
    nowhere: int
    damaged: frozenset[str]


def _copy_objects(blobs: Blobs, to: Path, before: Manifest | None, progress: Progress) -> _Copied:
    """Copy the objects that the backup lacks; name those of people who withdrew, which are to leave it.

    Where the two differ in size, one of them was torn: the former manifest and the books tell which.
    """
    copy = FolderBlobs(to / VAULT)
    there = dict(copy.walk()) if (to / VAULT).is_dir() else {}
    named = owed()  # before the vault is looked through: what comes meanwhile is not missed
    live = {name: size for name, size in blobs.walk() if not is_moved_aside(name)}
    known = before.files if before is not None else {}
    damaged, torn = _torn(to, live, there, known)
    copy.delete(torn)
    new: dict[str, str] = {}

    def read(names: Sequence[str]) -> Iterator[tuple[str, Sequence[bytes]]]:
        for name in names:
            try:
                content = blobs.get(name)
            except ObjectMissing:  # shredded since the list was made
                continue
            new[name] = hashlib.sha256(content).hexdigest()
            progress.advance("back up")
            yield name, [content]

    missing = [name for name in live if (name not in there or name in torn) and name not in damaged]
    progress.begin("back up", total=len(missing), unit="objects")
    copy.put(read(missing))
    progress.end("back up")
    gone = [name for name in there if name not in live]
    forgotten = [*_of_people_who_left(gone), *_discarded(gone)]
    kept = there.keys() - torn - set(forgotten) - new.keys()
    absent = named - live.keys()
    if absent:
        absent &= owed()  # somebody may have withdrawn meanwhile
    lost = absent | set(gone) - set(forgotten)
    return _Copied(
        digests=new | {name: known.get(f"{VAULT}/{name}") or sha256_of(to / VAULT / name) for name in kept},
        new=len(new),
        bytes=sum(live[name] for name in new),
        forgotten=forgotten,
        lost=len(lost),
        nowhere=len(lost - kept),
        damaged=frozenset(damaged),
    )


def _torn(
    to: Path, live: Mapping[str, int], there: Mapping[str, int], known: Mapping[str, str]
) -> tuple[set[str], set[str]]:
    """Name the objects that were damaged in the vault, and those that were torn in the copy."""
    damaged, cut = cut_objects(live), cut_objects(there)
    torn = set()
    for name in (name for name, size in there.items() if live.get(name, size) != size):
        digest = known.get(f"{VAULT}/{name}")
        if name in cut or (digest != sha256_of(to / VAULT / name) if digest is not None else name not in damaged):
            torn.add(name)
        else:
            damaged.add(name)
    return damaged, torn


def cut_objects(sizes: Mapping[str, int]) -> set[str]:
    """Name the objects that are smaller than they can be, by what the open books say of their contents.

    ``sizes``: sealed bytes by name.  Of sheets the books know no size.
    """
    if not sizes:
        return set()
    instances = Instance.objects.order_by().values_list("address", "bytes", "series__participant__recipient")
    asides = Quarantined.objects.filter(removed_at__isnull=True).order_by()
    own = asides.exclude(participant=None).values_list("address", "bytes", "participant__recipient")
    of_nobody = asides.filter(participant=None).values_list("address", "bytes", "project__recipient")
    rows = chain(*(one.iterator(_PAGE) for one in (instances, own, of_nobody)))
    named = ((object_name(bytes(address), recipient), size) for address, size, recipient in rows)
    return {name for name, size in named if sizes.get(name, size + LEAST_OVERHEAD) < size + LEAST_OVERHEAD}


def _of_people_who_left(names: Sequence[str]) -> list[str]:
    """Name the objects that are sealed to somebody who withdrew, or belong to a project that was disposed of."""
    disposed = Q(project__state=ProjectState.DISPOSED.value)
    left = Participant.objects.exclude(Q(state=ParticipantState.ACTIVE.value) & ~disposed)
    recipients = [
        *left.values_list("recipient", flat=True),
        *Project.objects.filter(state=ProjectState.DISPOSED.value).values_list("recipient", flat=True),
    ]
    folders = {folder_of(one) for one in recipients}
    return [name for name in names if f"{name.rpartition('/')[0]}/" in folders]


def _discarded(names: Sequence[str]) -> list[str]:
    """Name the objects that were set aside and removed by a custodian, of those who still take part."""
    rows = Quarantined.objects.filter(
        Q(participant=None) | Q(participant__state=ParticipantState.ACTIVE.value),
        removed_at__isnull=False,
        project__state=ProjectState.OPEN.value,
    ).values_list("address", "participant__recipient", "project__recipient")
    removed = {object_name(bytes(address), own or project) for address, own, project in rows}
    return [name for name in names if name in removed]
