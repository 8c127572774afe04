"""Restore of a haven: verified first, whole or not at all, and nothing comes back that was taken back since.

All of it is made aside, data first and the sealed keys last; one rename lets it be there.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import asdict, frozen
from django.db import connection

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.core.event import Fact
from fivesafes.core.progress import Progress
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.model import ParticipantState, ProjectState, WithdrawalKind
from fivesafes.setting.vault.ports import Blobs
from fivesafes.setting.vault.vault import shred
from fivesafes.stores import trail
from fivesafes.stores.backup.copies import DUMP, SQLITE, load_dump
from fivesafes.stores.backup.data import cut_objects
from fivesafes.stores.backup.keep_away import KeptAway, keep_away
from fivesafes.stores.backup.keys import KEYRING, remove_key
from fivesafes.stores.backup.manifest import (
    VAULT,
    Manifest,
    copy_durably,
    held,
    read_manifest,
    verify_backup,
    within,
    write_durably,
)
from fivesafes.stores.backup.owed import owed
from fivesafes.stores.backup.restored_keys import check_keys, check_read, known_places, place_keys
from fivesafes.stores.backup.tombstones import Tombstones, gather_tombstones
from fivesafes.stores.blobs import sync_folder
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import forget_traces, migrate, opened_database
from fivesafes.stores.founding import owner
from fivesafes.stores.haven_file import FILE, HavenFile, read_haven_file
from fivesafes.stores.models import Participant, Project

_LINE: Final = r'^{} = "[^"\n]*"'
_LOCK: Final = ".lock"
_LOADING: Final = ".loading"
"""Says which backup is loaded into the database that was empty before, and then how long its trail was."""

_RESTORED: Final = ".restored"
"""Stands in a folder that was restored for as long as the restore has not ended: run again, it has nothing to do."""


@frozen(kw_only=True)
class Place:
    """Where to restore to: an empty folder; another database and store, where the former are not to be used."""

    folder: Path
    database: str = ""
    store: str = ""


@frozen(kw_only=True)
class Watch:
    """How the wiring takes part.

    ``open_blobs`` opens the store that the description names.  ``check`` is called with the database open before
    anything is told in it, with the length of its trail and what stood beside the keys; it raises when the trail does
    not go on where witnesses saw it.  ``prepare`` is called last, when data and keys lie aside.  ``seen``: the most
    entries that a witness tells of.  ``without``: other copies of the keys that the restore may do without when they
    can't be read (None: without any, since nothing of it stays).
    """

    open_blobs: Callable[[HavenFile], Blobs]
    check: Callable[[HavenFile, int, Tombstones], None]
    prepare: Callable[[HavenFile], None]
    seen: int = 0
    without: Sequence[Path] | None = ()


@frozen(kw_only=True)
class Restored:
    """What a restore did.  The haven's next command finishes the withdrawals that were begun again.

    ``trail``: entries of the trail in the backup; ``seen``: the most that witnesses, or what lies beside the keys, tell
    of; ``known``: how far withdrawals and disposals are known.  ``keys_missing``: keys that the books name and the
    backup of the keys has not.  ``told_at``: when the list of withdrawals was last brought up to date.
    ``places_unread``: other copies of the keys that were away, and whose lists were not read.
    ``objects_lost``: originals that the restored books name and the backup has not; ``objects_damaged``: those that are
    smaller than the books say.
    """

    haven: HavenFile
    manifest: Manifest
    away: KeptAway
    trail: int
    seen: int
    known: int
    told_at: datetime
    keys_missing: int
    places_unread: tuple[str, ...] = ()
    objects_lost: int = 0
    objects_damaged: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """How many entries of the trail were written after this backup and are lost."""
        return max(0, self.seen - self.trail)

    @property
    def unknown(self) -> int:
        """How many of the lost entries may tell of withdrawals that nobody here knows of."""
        return max(0, self.seen - self.known)


def restore(backup: Path, keys: Path, *, to: Place, watch: Watch, author: Author, progress: Progress) -> Restored:
    """Restore a backup of the data with a backup of the keys into a folder that is empty or not there yet.

    What was taken back since (``tombstones``) is taken back again before the folder appears, and keys of people who
    left are not copied.  Raises InvalidInput when a backup is damaged, UsageMistake when a place is not empty or the
    two are of different havens.  Interrupted and run again it does no harm: the folder appears with its last step.
    """
    folder = to.folder.absolute()
    _check_apart(folder, backup, keys)
    manifest = read_manifest(backup)
    if (done := _done_before(folder, manifest)) is not None:
        return done
    _check_empty(folder)
    check_keys(keys, manifest.haven)
    unread = _unread(backup, keys, manifest, watch)
    manifest = verify_backup(backup, progress=progress)
    aside = folder.with_name(f".{folder.name}.restoring")
    with held(aside):
        _clear(aside)
        haven = _place_files(backup, manifest, aside, to)
        source = _Source(backup=backup, keys=keys, manifest=manifest, unread=unread)
        told = _restored(source, haven, watch, author, progress)
        write_durably(aside / _RESTORED, json.dumps(told).encode())
        _sync_all(aside)
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
        sync_folder(folder.parent)
        done = _told(folder, manifest, told)
        for mark in (_LOADING, _LOCK, _RESTORED):  # the last one last: until then, run again, it is done
            (folder / mark).unlink(missing_ok=True)
    return done


@frozen(kw_only=True)
class _Source:
    backup: Path
    keys: Path
    manifest: Manifest
    unread: tuple[Path, ...]


def _unread(backup: Path, keys: Path, manifest: Manifest, watch: Watch) -> tuple[Path, ...]:
    if watch.without is None:
        return ()
    try:
        haven = read_haven_file(backup / manifest.generation)
    except InvalidInput:
        verify_backup(backup)  # says what is wrong with it
        raise
    return check_read(keys, haven, watch.without)


def _restored(source: _Source, haven: HavenFile, watch: Watch, author: Author, progress: Progress) -> dict[str, object]:
    """Fill the folder aside; give what is to be told of it."""
    manifest = source.manifest
    tombstones = gather_tombstones(source.keys, known_places(source.keys, haven), haven=manifest.haven)
    blobs = watch.open_blobs(haven)
    _place_objects(source.backup, manifest, blobs, progress)
    with opened_database(haven.database_config()):
        _place_database(source.backup, manifest, haven)
        migrate()
        size = _size_of(haven, manifest)
        watch.check(haven, size, tombstones)
        seen = max(watch.seen, tombstones.seen, size)
        facts: dict[str, Fact] = {
            "backup_made_at": manifest.made_at.isoformat(timespec="seconds"),
            "backup_trail": manifest.trail,
            "trail": size,
            "seen": seen,
            "places_unread": len(source.unread),
        }
        away = keep_away(tombstones, author=author, size=size, facts=facts)
        _remove_what_left(haven, blobs)
        missing = place_keys(source.keys, haven, tombstones)
        sizes = dict(blobs.walk())
        lost, damaged = len(owed() - sizes.keys()), sorted(cut_objects(sizes))
    watch.prepare(haven)
    return {
        "backup": _name_of(manifest),
        "away": asdict(away),
        "trail": size,
        "seen": seen,
        "known": max(size, tombstones.trail),
        "told_at": tombstones.told_at.isoformat(),
        "keys_missing": missing,
        "places_unread": [str(one) for one in source.unread],
        "objects_lost": lost,
        "objects_damaged": damaged,
    }


def _name_of(manifest: Manifest) -> str:
    return f"{manifest.haven} {manifest.generation} {manifest.made_at.isoformat()}"


def _told(folder: Path, manifest: Manifest, told: Mapping[str, Any]) -> Restored:
    return Restored(
        haven=read_haven_file(folder),
        manifest=manifest,
        away=KeptAway(**told["away"]),
        trail=told["trail"],
        seen=told["seen"],
        known=told["known"],
        told_at=datetime.fromisoformat(told["told_at"]),
        keys_missing=told["keys_missing"],
        places_unread=tuple(told["places_unread"]),
        objects_lost=told["objects_lost"],
        objects_damaged=tuple(told["objects_damaged"]),
    )


def _done_before(folder: Path, manifest: Manifest) -> Restored | None:
    """Tell what an interrupted restore of this backup did, when it had come to its end."""
    try:
        told = json.loads((folder / _RESTORED).read_text(encoding="utf-8"))
    except OSError:
        return None
    if told["backup"] != _name_of(manifest):
        return None
    done = _told(folder, manifest, told)
    for mark in (_LOADING, _LOCK, _RESTORED):
        (folder / mark).unlink(missing_ok=True)
    return done


def _check_apart(folder: Path, backup: Path, keys: Path) -> None:
    if any(within(folder, one) or within(one, folder) for one in (backup, keys)):
        message = "a backup and the place to restore it to lie in one another"
        raise UsageMistake(message, fix="restore to a folder of its own")


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = "the place to restore to is not empty"
        raise UsageMistake(message, fix="give a folder that does not exist yet: nothing is overwritten")


def _clear(aside: Path) -> None:
    """Remove what an interrupted restore left, perhaps of another backup; keys are overwritten first."""
    for key in list((aside / KEYRING).rglob("*.age*")):
        remove_key(key)
    for left in aside.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.name not in {_LOCK, _LOADING}:
            left.unlink()


def _sync_all(folder: Path) -> None:
    """Make every name durable before the one rename: innermost first."""
    for one in sorted((path for path in folder.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
        sync_folder(one)
    sync_folder(folder)


def _place_files(backup: Path, manifest: Manifest, aside: Path, to: Place) -> HavenFile:
    """Copy the description, documents and releases; name the other database or store where one is given."""
    start = f"{manifest.generation}/"
    for path in manifest.files:
        name = path.removeprefix(start)
        if path.startswith(start) and name not in {DUMP, SQLITE}:
            copy_durably(backup / path, aside / name)
    other = {key: value for key, value in (("database", to.database), ("store", to.store)) if value}
    text = (aside / FILE).read_text(encoding="utf-8")
    for key, value in other.items():
        line = f'{key} = "{value}"'.replace("\\", r"\\")
        text = re.sub(_LINE.format(key), line, text, count=1, flags=re.MULTILINE)
    if other:
        write_durably(aside / FILE, text.encode())
    haven = read_haven_file(aside)
    if haven.id != manifest.haven or any(getattr(haven, key) != value for key, value in other.items()):
        message = "the description in this backup does not fit it"
        raise InvalidInput(message, fix="use another copy of the backup")
    dumped = f"{start}{DUMP}" in manifest.files
    if dumped == (haven.database == "sqlite"):
        message = "the backup of one kind of database can't be restored into the other kind"
        raise UsageMistake(message, fix="name a database of the same kind")
    return haven


def _place_objects(backup: Path, manifest: Manifest, blobs: Blobs, progress: Progress) -> None:
    progress.begin("restore", total=len(manifest.objects), unit="objects")

    def read() -> Iterator[tuple[str, Sequence[bytes]]]:
        for name in manifest.objects:
            content = (backup / VAULT / name).read_bytes()
            if hashlib.sha256(content).hexdigest() != manifest.files[f"{VAULT}/{name}"]:
                message = "the backup changed while it was read"
                raise InvalidInput(message, fix="run it again; use another copy of the backup when that happens twice")
            progress.advance("restore")
            yield name, [content]

    blobs.put(read())
    progress.end("restore")


def _place_database(backup: Path, manifest: Manifest, haven: HavenFile) -> None:
    """Put the rows into the open, empty database; one that was loaded by an interrupted restore is left as it is."""
    source, config = backup / manifest.generation, haven.database_config()
    if haven.database == "sqlite":
        connection.close()
        for end in ("-wal", "-shm"):
            Path(f"{config['NAME']}{end}").unlink(missing_ok=True)
        copy_durably(source / SQLITE, Path(config["NAME"]))
    else:
        _load(source / DUMP, manifest, haven)
    if owner() != manifest.haven:
        message = "the database in this backup belongs to another haven"
        raise InvalidInput(message, fix="use another copy of the backup")


def _load(dump: Path, manifest: Manifest, haven: HavenFile) -> None:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    mark = _mark(haven, manifest)
    if not tables:
        write_durably(haven.path / _LOADING, json.dumps(mark).encode())
        connection.close()
        load_dump(dump, haven.database_config())
    elif {**_loading(haven), "trail": None} != mark:
        message = "the database to restore to is not empty"
        raise UsageMistake(message, fix="make an empty one (createdb NAME), and give its URL")


def _mark(haven: HavenFile, manifest: Manifest) -> dict[str, object]:
    return {"database": haven.database, "backup": _name_of(manifest), "trail": None}


def _loading(haven: HavenFile) -> dict[str, Any]:
    try:
        told = json.loads((haven.path / _LOADING).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _size_of(haven: HavenFile, manifest: Manifest) -> int:
    """Say how long the trail was in the backup: a database that was loaded before may hold entries of ours by now."""
    size = _loading(haven).get("trail")
    if haven.database == "sqlite":
        return trail.head().size
    if not isinstance(size, int):
        size = trail.head().size
        write_durably(haven.path / _LOADING, json.dumps({**_mark(haven, manifest), "trail": size}).encode())
    return size


def _remove_what_left(haven: HavenFile, blobs: Blobs) -> None:
    """Remove what the backup brought of people who take part no more, and of projects that were disposed of.

    Copies of releases hold their data, and can be made again without: they go where a withdrawal is open that concerns
    what was released.
    """
    open_ = [one for one in DjangoBooks().withdrawals(open_only=True) if one.kind is not WithdrawalKind.NO_FUTURE_USE]
    for project in {one.project for one in open_}:
        for copies in ("release", "releases"):
            _remove_folder(haven.projects / project / copies)
    disposed = dict(Project.objects.filter(state=ProjectState.DISPOSED.value).values_list("id", "recipient"))
    for project in disposed:
        _remove_folder(haven.projects / project)
    left = Participant.objects.exclude(state=ParticipantState.ACTIVE.value)
    for recipient in {*left.values_list("recipient", flat=True), *disposed.values()} - {""}:
        shred(blobs, recipient=recipient)
    forget_traces()


def _remove_folder(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
