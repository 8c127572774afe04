"""A haven on disk to be backed up and restored, and what is done to it meanwhile."""

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from attrs import evolve, frozen
from tests.databases import Cluster
from tests.stores.conftest import NOW, make_person

from fivesafes.core.progress import Silent
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.model import (
    KeptConsent,
    KeptInstance,
    KeptSeries,
    ParticipantState,
    ProjectState,
    SeriesState,
    WithdrawalKind,
)
from fivesafes.project.model import Consent, DataUse, Permission
from fivesafes.setting.vault.seal import LEAST_OVERHEAD
from fivesafes.setting.vault.vault import fingerprint, folder_of, object_name
from fivesafes.stores import trail
from fivesafes.stores.backup import (
    BackedUp,
    BackedUpKeys,
    KeptAway,
    Place,
    Restored,
    Tombstones,
    Watch,
    back_up,
    back_up_keys,
    restore,
)
from fivesafes.stores.blobs import FolderBlobs
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.keyring_files import FileKeyRing
from fivesafes.stores.models import TrailEntry

AUTHOR = Author(name="test", clock=lambda: NOW, policy_digest="d")
ID = "0123456789abcdef"
ANN, BOB, CAT = "a" * 32, "b" * 32, "c" * 32
NOBODY = KeptAway(withdrawn=0, narrowed=0, disposed=0)
ON_FILES = pytest.mark.parametrize("haven_database", ["sqlite"], indirect=True)
"""For what does not depend on the kind of database."""

SECRET = b"age-encryption.org/v1\n-> X25519 sealed\n"


@frozen(kw_only=True)
class Site:
    """A haven on disk with two participants, their originals and keys; and how to back it up and get it back."""

    haven: HavenFile
    root: Path
    cluster: Cluster | None
    key_folder: Path | None = None
    without: tuple[Path, ...] = ()

    @property
    def data(self) -> Path:
        """Where its data backup goes."""
        return self.root / "backups" / "data"

    @property
    def keys(self) -> Path:
        """Where its key backup goes."""
        return self.key_folder or self.root / "elsewhere" / "keys"

    @contextmanager
    def opened(self) -> Iterator[DjangoBooks]:
        """Open its database."""
        with current_database(self.haven.database_config()):
            yield DjangoBooks()

    def back_up(self, to: Path | None = None) -> BackedUp:
        """Back its data up."""
        with self.opened():
            return back_up(
                self.haven,
                FolderBlobs(self.haven.vault),
                to=to or self.data,
                keys=self.root / "keys",
                clock=lambda: NOW,
                progress=Silent(),
            )

    def back_up_keys(self, to: Path | None = None) -> BackedUpKeys:
        """Back its keys up."""
        with self.opened():
            return back_up_keys(self.haven, to=to or self.keys, keys=self.root / "keys", clock=lambda: NOW)

    def restore(self, to: str = "back", database: str = "", watch: Watch | None = None) -> Restored:
        """Get data and keys back into another folder, and another database where it is PostgreSQL."""
        return restore(
            self.data,
            self.keys,
            to=Place(folder=self.root / to, database=database or self.empty_database()),
            watch=watch or evolve(WATCH, without=self.without),
            author=AUTHOR,
            progress=Silent(),
        )

    def empty_database(self) -> str:
        """Make an empty database where the haven's is PostgreSQL; name it as haven.toml does."""
        if self.cluster is None:
            return ""
        name = f"r{secrets.token_hex(6)}"
        self.cluster.do(f"CREATE DATABASE {name}")
        return self.cluster.url(name)

    def size(self) -> int:
        """Count the entries of its trail."""
        with self.opened():
            return trail.head().size

    def seal(self, person: str, *contents: bytes, new: bool = True) -> None:
        """Put objects of a participant into the vault, and a series that names them into the books."""
        objects = {hashlib.sha256(one).digest(): one for one in contents}
        FolderBlobs(self.haven.vault).put(
            (object_name(address, f"age1{person}"), [SECRET, content, bytes(LEAST_OVERHEAD)])
            for address, content in objects.items()
        )
        with self.opened() as books, books.deed():
            if new:
                books.add_participants([make_person(person)], at=NOW)
            series = KeptSeries(
                id=f"series-{person}",
                project="p1",
                participant=person,
                state=SeriesState.SEALED,
                digest="d",
                sheet=b"",
                files=len(objects),
                bytes=0,
                received_at=NOW,
                trail_n=books.tell(AUTHOR.event("ingest", f"series-{person}", "sealed", project="p1")),
            )
            books.add_series(series, [KeptInstance(address=one, uid=b"u" * 16, bytes=9) for one in objects])
        name = f"participants/{person}.{fingerprint(f'age1{person}')}.age"
        FileKeyRing(self.haven.keyring, haven=ID).add(name, SECRET + b"identity of " + person.encode())

    def withdraw(self, person: str) -> None:
        """Do what a withdrawal does to rows, objects and the keyring."""
        with self.opened() as books, books.deed():
            asked = books.add_withdrawal(person, WithdrawalKind.FULL, at=NOW)
            books.set_participant_state(person, ParticipantState.WITHDRAWN)
            books.set_series_state([f"series-{person}"], SeriesState.SHREDDED)
            books.finish_withdrawal(asked.id, {}, at=NOW)
        blobs = FolderBlobs(self.haven.vault)
        blobs.delete([name for name, _ in blobs.walk(folder_of(f"age1{person}"))])
        for key in self.haven.keyring.rglob(f"{person}.*"):
            key.unlink()

    def take_back(self, person: str, kind: WithdrawalKind, *, at: datetime = NOW) -> None:
        """Record a partial withdrawal, done."""
        with self.opened() as books, books.deed():
            asked = books.add_withdrawal(person, kind, at=at)
            books.finish_withdrawal(asked.id, {}, at=at)
            books.tell(AUTHOR.event("withdraw", person, "done", project="p1"))

    def dispose(self) -> None:
        """Do what a disposal does to rows, objects and the keyring."""
        with self.opened() as books, books.deed():
            for person in books.participants("p1"):
                books.set_participant_state(person.id, ParticipantState.WITHDRAWN)
            books.set_series_state([one.id for one in books.series("p1")], SeriesState.SHREDDED)
            books.set_project_state("p1", ProjectState.DISPOSED, at=NOW)
            books.tell(AUTHOR.event("dispose", "p1", "done", project="p1"))
        shutil.rmtree(self.haven.vault)
        for key in self.haven.keyring.rglob("*.age"):
            key.unlink()

    def consent(self, person: str) -> None:
        """Record that somebody agreed to everything."""
        agreed = Consent(
            permissions=frozenset({Permission(use=DataUse.GRU)}),
            face=True,
            public=True,
            valid_from=NOW.date(),
        )
        with self.opened() as books, books.deed():
            books.add_consents([KeptConsent(participant=person, consent=agreed, evidence_digest="e", recorded_at=NOW)])


def check_trail(_haven: HavenFile, size: int, _tombstones: Tombstones) -> None:
    """Check what the wiring checks with witnesses: rows and head agree, and there are as many as there were."""
    assert TrailEntry.objects.count() == trail.head().size >= size


WATCH = Watch(open_blobs=lambda haven: FolderBlobs(haven.vault), check=check_trail, prepare=lambda _haven: None)


def tree(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder but databases and locks."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(("state.", "lock", ".lock", "index"))
    }
