"""Restore of a haven's data: verified first, whole or not at all, and nobody comes back who has withdrawn."""

import hashlib
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from django.db import connection

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.core.progress import Progress
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.model import ParticipantState, WithdrawalKind
from fivesafes.setting.vault.ports import Blobs
from fivesafes.setting.vault.vault import shred
from fivesafes.stores.backup.copies import DUMP, SQLITE, load_dump
from fivesafes.stores.backup.manifest import VAULT, Manifest, copy_durably, held, verify_backup, within, write_durably
from fivesafes.stores.blobs import sync_folder
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import migrate, opened_database
from fivesafes.stores.founding import owner
from fivesafes.stores.haven_file import FILE, HavenFile, read_haven_file
from fivesafes.stores.jobs import DjangoJobs
from fivesafes.stores.models import Participant, Withdrawal

_DATABASE: Final = re.compile(r'^database = "[^"\n]*"', re.MULTILINE)
_LOADING: Final = ".loading"
"""Names the database that was empty when this restore began to load it: an interrupted one may go on."""

_MARKS: Final = (".lock", _LOADING)

_WHY: Final = "the participant withdrew after this backup was made"


@frozen(kw_only=True)
class Place:
    """Where to restore to: an empty folder, and an empty PostgreSQL database where the former one is not to be used."""

    folder: Path
    database: str = ""


@frozen(kw_only=True)
class Restored:
    """What a restore did.  ``withdrawn``: how many participants the backup would have brought back.

    The next command of the haven finishes their withdrawals (``resume_withdrawals``).
    """

    haven: HavenFile
    manifest: Manifest
    withdrawn: int


def restore(
    backup: Path,
    *,
    to: Place,
    tombstones: Collection[str],
    author: Author,
    open_blobs: Callable[[HavenFile], Blobs],
    check: Callable[[HavenFile, Manifest], None],
    progress: Progress,
) -> Restored:
    """Restore a backup into a folder that is empty or not there yet.

    ``tombstones``: keyed ids of who withdrew since (``read_tombstones`` of the newest key backup); of these nothing is
    brought back.  ``open_blobs`` opens the store that the description names; ``check`` is called with the database open
    before anything is written to it, and raises when the trail does not go on where the witnesses saw it.

    Raises InvalidInput when the backup is damaged, UsageMistake when a place is not empty.  Interrupted and run again
    it does no harm: the folder appears with its last step.
    """
    folder = to.folder.absolute()
    _check_empty(folder, backup)
    manifest = verify_backup(backup, progress=progress)
    aside = folder.with_name(f".{folder.name}.restoring")
    with held(aside):
        _clear(aside)
        haven = _place_files(backup, manifest, aside, to.database)
        blobs = open_blobs(haven)
        _place_objects(backup, manifest, blobs, progress)
        with opened_database(haven.database_config()):
            _place_database(backup, manifest, haven)
            migrate()
            check(haven, manifest)
            withdrawn = _keep_away(tombstones, haven, blobs, manifest, author)
        for name in _MARKS:
            (aside / name).unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
        sync_folder(folder.parent)
    return Restored(haven=read_haven_file(folder), manifest=manifest, withdrawn=withdrawn)


def _check_empty(folder: Path, backup: Path) -> None:
    if within(folder, backup) or within(backup, folder):
        message = "the backup and the place to restore it to lie in one another"
        raise UsageMistake(message, fix="restore to a folder of its own")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = "the place to restore to is not empty"
        raise UsageMistake(message, fix="give a folder that does not exist yet: nothing is overwritten")


def _clear(aside: Path) -> None:
    """Remove what an interrupted restore left, perhaps of another backup."""
    for left in aside.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.name not in _MARKS:
            left.unlink()


def _place_files(backup: Path, manifest: Manifest, aside: Path, database: str) -> HavenFile:
    """Copy the description, documents and releases; name the other database where one is given."""
    start = f"{manifest.generation}/"
    for path in manifest.files:
        name = path.removeprefix(start)
        if path.startswith(start) and name not in {DUMP, SQLITE}:
            copy_durably(backup / path, aside / name)
    if database:
        text = (aside / FILE).read_text(encoding="utf-8")
        write_durably(aside / FILE, _DATABASE.sub(f'database = "{database}"', text, count=1).encode())
    haven = read_haven_file(aside)
    if haven.id != manifest.haven or (database and haven.database != database):
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
        _load(source / DUMP, haven, config)
    if owner() != manifest.haven:
        message = "the database in this backup belongs to another haven"
        raise InvalidInput(message, fix="use another copy of the backup")


def _load(dump: Path, haven: HavenFile, config: dict[str, Any]) -> None:
    loading = haven.path / _LOADING
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    if not tables:
        write_durably(loading, haven.database.encode())
        connection.close()
        load_dump(dump, config)
    elif not loading.exists() or loading.read_text(encoding="utf-8") != haven.database:
        message = "the database to restore to is not empty"
        raise UsageMistake(message, fix="make an empty one (createdb NAME), and give its URL")


def _keep_away(tombstones: Collection[str], haven: HavenFile, blobs: Blobs, manifest: Manifest, author: Author) -> int:
    """Begin again the withdrawals that the backup does not know of, and remove what it brought of these people.

    From this deed on no step touches their data; their objects go at once; recalls and receipts follow with the
    haven's next command, as after any withdrawal that was interrupted.
    """
    books, jobs = DjangoBooks(), DjangoJobs()
    back = list(Participant.objects.filter(id__in=list(tombstones), state=ParticipantState.ACTIVE.value).order_by("id"))
    with books.deed():
        for person in back:
            if not Withdrawal.objects.filter(participant_id=person.id, kind=WithdrawalKind.FULL.value).exists():
                books.add_withdrawal(person.id, WithdrawalKind.FULL, at=author.clock())
            books.set_participant_state(person.id, ParticipantState.WITHDRAWING)
            series = [one.id for one in books.series_of(person.id)]
            jobs.cancel([person.id, *series], at=author.clock(), why=_WHY)
            books.tell(author.event("withdraw", person.id, "begun", project=person.project_id, kind="full", why=_WHY))
        books.tell(
            author.event(
                "restore",
                f"haven {manifest.haven}",
                "done",
                project="",
                backup_made_at=manifest.made_at.isoformat(timespec="seconds"),
                backup_trail=manifest.trail,
                kept_away=len(back),
            )
        )
    for project in {person.project_id for person in back}:
        for copies in ("release", "releases"):  # they hold these people's data, and can be made again without
            shutil.rmtree(haven.projects / project / copies, ignore_errors=True)
    for person in Participant.objects.exclude(state=ParticipantState.ACTIVE.value):
        shred(blobs, recipient=person.recipient)
    return len(back)
