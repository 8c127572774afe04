"""Backup and restore: everything back, nobody back who left, keys never beside data, through interruptions."""

import hashlib
import json
import os
import secrets
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve, frozen
from django.db import connection
from tests.databases import Cluster, HavenDatabase
from tests.stores.conftest import NOW, make_person, make_project

from fivesafes.core.errors import EngineMissing, FiveSafesError, InvalidInput, TryAgain, UsageMistake
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.model import (
    KeptInstance,
    KeptSeries,
    ParticipantState,
    ProjectState,
    SeriesState,
    WithdrawalKind,
)
from fivesafes.setting.vault.vault import fingerprint, folder_of, object_name
from fivesafes.stores import trail
from fivesafes.stores.backup import (
    BackedUp,
    BackedUpKeys,
    Place,
    Restored,
    add_tombstones,
    back_up,
    back_up_keys,
    read_tombstones,
    restore,
    verify_backup,
)
from fivesafes.stores.blobs import FolderBlobs
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database, opened_database
from fivesafes.stores.founding import found
from fivesafes.stores.haven_file import HavenFile, read_haven_file, write_haven_file
from fivesafes.stores.jobs import DjangoJobs
from fivesafes.stores.models import TrailEntry

AUTHOR = Author(name="test", clock=lambda: NOW, policy_digest="d")
ID = "0123456789abcdef"
SECRET = b"age-encryption.org/v1\n-> X25519 sealed\n"


@frozen(kw_only=True)
class Site:
    """A haven on disk with two participants, their originals and keys; and how to back it up and get it back."""

    haven: HavenFile
    root: Path
    cluster: Cluster | None

    @property
    def data(self) -> Path:
        """Where its data backup goes."""
        return self.root / "backups" / "data"

    @property
    def keys(self) -> Path:
        """Where its key backup goes."""
        return self.root / "elsewhere" / "keys"

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

    def restore(self, *tombstones: str, to: str = "back", database: str = "") -> Restored:
        """Get the data back into another folder, and another database where it is PostgreSQL."""
        if self.cluster is not None and not database:
            name = f"r{secrets.token_hex(6)}"
            self.cluster.do(f"CREATE DATABASE {name}")
            database = self.cluster.url(name)
        return restore(
            self.data,
            to=Place(folder=self.root / to, database=database),
            tombstones=tombstones,
            author=AUTHOR,
            open_blobs=lambda haven: FolderBlobs(haven.vault),
            check=lambda _haven, manifest: check_trail(manifest.trail),
            progress=Silent(),
        )

    def seal(self, person: str, *contents: bytes, new: bool = True) -> None:
        """Put objects of a participant into the vault, and a series that names them into the books."""
        objects = {hashlib.sha256(one).digest(): one for one in contents}
        FolderBlobs(self.haven.vault).put(
            (object_name(address, f"age1{person}"), [SECRET, content]) for address, content in objects.items()
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
        key = self.haven.keyring / "participants" / f"{person}.{fingerprint(f'age1{person}')}.age"
        key.parent.mkdir(parents=True, exist_ok=True)
        key.write_bytes(SECRET + b"identity of " + person.encode())

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


def check_trail(least: int) -> None:
    """Check what the wiring checks with witnesses: rows and head agree, and there are as many as the backup says."""
    assert TrailEntry.objects.count() == trail.head().size >= least


@pytest.fixture
def site(haven_database: HavenDatabase, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    """Make a haven with the participants ann and bob."""
    folder = tmp_path / "haven"
    folder.mkdir(mode=0o700)
    write_haven_file(
        folder, id_=ID, origin="example.org/haven", database=haven_database.named, store="vault", tier="T2"
    )
    haven = read_haven_file(folder)
    if haven_database.kind == "sqlite":
        shutil.copy(haven_database.config["NAME"], folder / "state.sqlite3")
    cluster = request.getfixturevalue("postgresql") if haven_database.kind == "postgresql" else None
    site = Site(haven=haven, root=tmp_path, cluster=cluster)
    with current_database(haven.database_config()):
        found(id_=ID, origin=haven.origin, founders=[], event=AUTHOR.event("init", "haven", "made", project=""))
        books = DjangoBooks()
        with books.deed():
            books.save_project(make_project(), at=NOW)
    site.seal("ann", b"ann 1", b"ann 2")
    site.seal("bob", b"bob 1")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "trail.key").write_bytes(bytes(32))
    for name in ("release/sub-x1/anat/t1.json", "private/finished/secret.nii", "private/report.html", "release/.lock"):
        path = folder / "projects" / "p1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    document = folder / "documents" / "p1" / "receipt-1.txt"
    document.parent.mkdir(parents=True)
    document.write_text("receipt")
    return site


def tree(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder but databases and locks."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(("state.", "lock", ".lock"))
    }


def test_what_was_backed_up_comes_back_whole(site: Site) -> None:
    """Rows, trail, objects, description, documents and releases; work in progress stays behind."""
    with site.opened() as books:
        before = (books.projects(), books.participants("p1"), books.series("p1"), books.instances("series-ann"))
        lines = list(trail.entries())
    done = site.back_up()
    assert (done.copied, done.forgotten, done.lost) == (3, 0, 0)
    shutil.rmtree(site.haven.path)
    back = site.restore()
    assert back.withdrawn == 0
    with current_database(back.haven.database_config()):
        books = DjangoBooks()
        after = (books.projects(), books.participants("p1"), books.series("p1"), books.instances("series-ann"))
        assert after == before
        assert list(trail.entries())[:-1] == lines
        told = books.told(len(lines))
        assert told is not None
        assert (told.verb, told.facts["backup_trail"]) == ("restore", len(lines))
    files = tree(back.haven.path)
    assert {"haven.toml", "documents/p1/receipt-1.txt", "projects/p1/release/sub-x1/anat/t1.json"} <= files.keys()
    assert sum(name.startswith("vault/") for name in files) == 3
    assert not any("private" in name or "keyring" in name for name in files)
    assert stat.S_IMODE((back.haven.path).stat().st_mode) == 0o700


def test_a_backup_holds_no_key(site: Site) -> None:
    """No byte of the keyring or the key folder is in it, whatever its name."""
    site.back_up()
    held = b"".join(path.read_bytes() for path in site.data.rglob("*") if path.is_file())
    assert b"identity of" not in held
    assert not [path for path in site.data.rglob("*") if path.suffix in {".age", ".agekey", ".key"}]
    files = [one for one in site.data.rglob("*") if one.is_file()]
    assert {stat.S_IMODE(one.stat().st_mode) & 0o077 for one in [site.data, *files]} == {0}


def test_a_second_backup_copies_what_is_new_and_an_old_one_still_verifies_with_sha256sum(site: Site) -> None:
    """Objects never change; one generation counts, and anybody can check it."""
    site.back_up()
    site.seal("cat", b"cat 1")
    done = site.back_up()
    assert (done.copied, done.bytes) == (1, len(SECRET) + 5)
    generations = [one.name for one in site.data.glob("generation-*")]
    assert generations == [done.manifest.generation]
    listed = f"{generations[0]}/manifest.sha256"
    checked = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", listed], cwd=site.data, check=False, capture_output=True
    )
    assert checked.returncode == 0, checked.stderr
    assert len(verify_backup(site.data).objects) == 4


@pytest.mark.parametrize("kind", ["object", "database", "manifest", "head", "missing", "listed"])
def test_a_damaged_backup_is_refused_before_anything_is_restored(site: Site, kind: str) -> None:
    """One flipped bit anywhere, a missing file, a manifest that leads elsewhere: nothing appears."""
    done = site.back_up()
    generation = site.data / done.manifest.generation
    victim = {
        "object": site.data / "vault" / done.manifest.objects[0],
        "database": next(generation.glob("state.*")),
        "manifest": generation / "manifest.sha256",
        "head": site.data / "backup.json",
        "missing": site.data / "vault" / done.manifest.objects[1],
        "listed": generation / "manifest.sha256",
    }[kind]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    if kind == "missing":
        victim.unlink()
    elif kind == "listed":
        victim.write_text(f"{'0' * 64}  ../../etc/passwd\n")
        head = json.loads((site.data / "backup.json").read_text())
        head["manifest"] = hashlib.sha256(victim.read_bytes()).hexdigest()
        (site.data / "backup.json").write_text(json.dumps(head))
    else:
        victim.write_bytes(content)
    if kind == "head":
        (site.data / "backup.json").write_text("{")
    with pytest.raises(InvalidInput, match="the backup is damaged"):
        site.restore()
    assert not (site.root / "back").exists()


def test_who_withdrew_after_the_backup_does_not_come_back(site: Site) -> None:
    """Their work is cancelled, their objects are gone, and the withdrawal is open for the next command to finish."""
    with site.opened():
        DjangoJobs().add("p1", "series", {"series-ann": "1", "series-bob": "1"}, at=NOW)
    site.back_up()
    site.back_up_keys()
    site.withdraw("ann")
    site.back_up_keys()
    assert read_tombstones(site.keys) == {"ann"}
    back = site.restore(*read_tombstones(site.keys), "a stranger")
    assert back.withdrawn == 1
    with current_database(back.haven.database_config()):
        books = DjangoBooks()
        states = {one.id: one.state for one in books.participants("p1")}
        assert states == {"ann": ParticipantState.WITHDRAWING, "bob": ParticipantState.ACTIVE}
        assert [(one.participant, one.kind) for one in books.withdrawals(open_only=True)] == [
            ("ann", WithdrawalKind.FULL)
        ]
        assert {job.object: job.state.value for job in DjangoJobs().jobs()} == {
            "series-ann": "cancelled",
            "series-bob": "queued",
        }
        assert [(line.verb, line.outcome) for n in (3, 4) if (line := books.told(n))] == [
            ("withdraw", "begun"),
            ("restore", "done"),
        ]
    vault = FolderBlobs(back.haven.vault)
    assert [name for name, _ in vault.walk(folder_of("age1ann"))] == []
    assert len(list(vault.walk())) == 1
    assert not (back.haven.projects / "p1" / "release").exists()


def test_a_backup_forgets_who_withdrew_and_keeps_what_was_lost(site: Site) -> None:
    """Objects of a withdrawal leave the copy; those that vanished otherwise stay in it, and are told."""
    site.back_up()
    site.withdraw("ann")
    FolderBlobs(site.haven.vault).delete([name for name, _ in FolderBlobs(site.haven.vault).walk()])
    done = site.back_up()
    assert (done.forgotten, done.lost) == (2, 1)
    assert len(verify_backup(site.data).objects) == 1
    with site.opened() as books, books.deed():
        books.set_project_state("p1", ProjectState.DISPOSED, at=NOW)
    assert site.back_up().forgotten == 1
    assert verify_backup(site.data).objects == []


def test_an_interrupted_backup_leaves_the_one_before(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped at any file, what counts is whole; run again, it is up to date."""
    site.back_up()
    site.seal("cat", b"cat 1")
    site.withdraw("bob")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("data.copy_database", "data._copy_beside", "data._copy_objects", "data.write_manifest"):
        with monkeypatch.context() as patch:
            patch.setattr(f"fivesafes.stores.backup.{place}", stop)
            with pytest.raises(KeyboardInterrupt):
                site.back_up()
        assert len(verify_backup(site.data).objects) == 3
    site.back_up()
    assert len(verify_backup(site.data).objects) == 3  # ann's two, cat's one
    assert len(list(site.data.glob("generation-*"))) == 1


def test_an_object_that_was_torn_in_the_copy_is_copied_anew(site: Site) -> None:
    """Another size than the original's is wrong, and put right."""
    done = site.back_up()
    torn = site.data / "vault" / done.manifest.objects[0]
    torn.chmod(0o600)
    torn.write_bytes(torn.read_bytes()[:-3])
    assert site.back_up().copied == 1
    verify_backup(site.data)


def test_an_interrupted_restore_shows_nothing_and_can_be_run_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder appears with the last step; a database that was loaded already is gone on with."""
    site.back_up()
    url = ""
    if site.cluster is not None:
        site.cluster.do("CREATE DATABASE interrupted")
        url = site.cluster.url("interrupted")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("_place_objects", "migrate", "_keep_away", "sync_folder"):
        with monkeypatch.context() as patch:
            patch.setattr(f"fivesafes.stores.backup.restoration.{place}", stop)
            with pytest.raises(KeyboardInterrupt):
                site.restore("ann", to="again", database=url)
        if place != "sync_folder":
            assert not (site.root / "again").exists()
    with pytest.raises(UsageMistake, match="not empty"):
        site.restore("ann", to="again", database=url)
    haven = read_haven_file(site.root / "again")
    with current_database(haven.database_config()):
        assert [one.state for one in DjangoBooks().participants("p1")] == [
            ParticipantState.WITHDRAWING,
            ParticipantState.ACTIVE,
        ]
    if site.cluster is not None:
        with pytest.raises(UsageMistake, match="database to restore to is not empty"):
            site.restore(to="other", database=url)
        site.cluster.do("DROP DATABASE interrupted WITH (FORCE)")


def test_what_the_witnesses_contradict_is_not_restored(site: Site) -> None:
    """The check comes before anything is written, and its refusal leaves no folder."""
    site.back_up()
    database = ""
    if site.cluster is not None:
        name = f"r{secrets.token_hex(6)}"
        site.cluster.do(f"CREATE DATABASE {name}")
        database = site.cluster.url(name)

    def refuse(_haven: HavenFile, _manifest: object) -> None:
        raise InvalidInput("the trail is shorter than a witness saw it", fix="use a newer backup")

    with pytest.raises(InvalidInput, match="witness"):
        restore(
            site.data,
            to=Place(folder=site.root / "back", database=database),
            tombstones=(),
            author=AUTHOR,
            open_blobs=lambda haven: FolderBlobs(haven.vault),
            check=refuse,
            progress=Silent(),
        )
    assert not (site.root / "back").exists()


def test_a_copy_is_consistent_while_others_write(site: Site) -> None:
    """Deeds go on during ten backups: in each copy the trail's rows and head agree."""
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        books = DjangoBooks()
        try:
            while not stop.is_set():
                with books.deed():
                    books.add_participants([make_person(f"w{len(written)}")], at=NOW)
                    written.append(books.tell(AUTHOR.event("admit", f"w{len(written)}", "ok", project="p1")))
        finally:
            connection.close()

    with site.opened():
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(4):
                back_up(
                    site.haven,
                    FolderBlobs(site.haven.vault),
                    to=site.data,
                    keys=site.root / "keys",
                    clock=lambda: datetime.now(tz=UTC),
                    progress=Silent(),
                )
        finally:
            stop.set()
            writer.join()
    assert len(written) > 4
    back = site.restore()
    with opened_database(back.haven.database_config()):
        people = [one for one in DjangoBooks().participants("p1") if one.id.startswith("w")]
        admitted = [line for line in trail.entries() if b'"admit"' in line]
        assert len(people) == len(admitted) > 0


def refusal(site: Site, to: Path, *, keys: bool = False) -> FiveSafesError:
    """Back up to a place where it must not go; give the error."""
    with pytest.raises(UsageMistake) as told:
        site.back_up_keys(to) if keys else site.back_up(to)
    return told.value


def test_data_and_keys_never_share_a_folder(site: Site) -> None:
    """Inside, around or beside: the haven, its key folder, the other backup, a folder with keys in it."""
    for to in (site.haven.path / "backup", site.haven.path, site.root, site.root / "keys", site.root / "keys" / "b"):
        assert "lie in one another" in str(refusal(site, to))
        assert "lie in one another" in str(refusal(site, to, keys=True))
    site.back_up()
    site.back_up_keys()
    for to in (site.keys, site.keys / "data", site.keys.parent):
        assert "apart" in str(refusal(site, to))
    for to in (site.data, site.data / "keys", site.data.parent):
        assert "apart" in str(refusal(site, to, keys=True))
    stray = site.root / "stray"
    stray.mkdir()
    (stray / "worker.agekey").touch()
    assert "holds keys" in str(refusal(site, stray))
    moved = evolve(site, haven=evolve(site.haven, key_backups=(site.root / "third",)))
    assert "lie in one another" in str(refusal(moved, site.root / "third" / "data"))
    link = site.root / "link"
    link.symlink_to(site.haven.path)
    assert "lie in one another" in str(refusal(site, link / "x"))


def test_a_folder_with_something_else_or_of_another_haven_is_left_alone(site: Site) -> None:
    """Neither backup writes among what it does not know."""
    holiday = site.root / "holiday"
    holiday.mkdir()
    (holiday / "beach.jpg").touch()
    for keys in (False, True):
        assert "something that is no backup" in str(refusal(site, holiday, keys=keys))
    site.back_up()
    site.back_up_keys()
    other = evolve(site, haven=evolve(site.haven, id="f" * 16))
    assert "another haven" in str(refusal(other, site.data))
    assert "another haven" in str(refusal(other, site.keys, keys=True))


def test_keys_come_and_go_in_their_backup(site: Site) -> None:
    """New and rewrapped ones are copied, a withdrawal's leave, a lost one stays and is told."""
    done = site.back_up_keys()
    assert (done.copied, done.forgotten, done.lost, done.tombstones) == (2, 0, 0, 0)
    assert (site.back_up_keys().copied, len(list(site.keys.rglob("*.age")))) == (0, 2)
    (bobs,) = site.haven.keyring.rglob("bob.*")
    bobs.write_bytes(SECRET + b"wrapped to a new custodian")
    site.withdraw("ann")
    done = site.back_up_keys()
    assert (done.copied, done.forgotten, done.lost, done.tombstones) == (1, 1, 0, 1)
    (copy,) = site.keys.rglob("*.age")
    assert copy.read_bytes() == bobs.read_bytes()
    bobs.unlink()
    assert site.back_up_keys().lost == 1
    assert copy.exists()


def test_tombstones_only_grow(tmp_path: Path) -> None:
    """A withdrawal adds to them; a list that can't be read is not taken for an empty one."""
    folder = tmp_path / "k"
    folder.mkdir()
    assert read_tombstones(folder) == frozenset()
    assert add_tombstones(folder, ["b"], at=NOW) == {"b"}
    assert add_tombstones(folder, ["a"], at=NOW) == {"a", "b"}
    assert read_tombstones(folder) == {"a", "b"}
    (folder / "tombstones.json").write_text("{")
    with pytest.raises(InvalidInput, match="who withdrew"):
        add_tombstones(folder, ["c"], at=NOW)


def test_two_backups_into_one_folder_take_turns(site: Site) -> None:
    """The second is told to wait; nothing is mixed."""
    from fivesafes.stores.backup.manifest import held  # noqa: PLC0415 - the lock itself

    with held(site.data), pytest.raises(TryAgain, match="another backup"):
        site.back_up()


def test_there_must_be_a_backup_to_restore(site: Site) -> None:
    """A folder without one is told as that; so is one with an unfinished first backup."""
    (site.data / "generation-000001").mkdir(parents=True)
    with pytest.raises(UsageMistake, match="no finished backup"):
        site.restore()


def test_a_damaged_database_is_not_backed_up_over_a_good_one(site: Site) -> None:
    """The backup before stays what counts."""
    if site.cluster is not None:
        return
    site.back_up()
    with opened_database(site.haven.database_config()), connection.cursor() as cursor:
        cursor.execute("SELECT rootpage FROM sqlite_master WHERE name = 'haven_participant'")
        root = cursor.fetchone()[0]
    with (site.haven.path / "state.sqlite3").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(os.urandom(4096))
    with pytest.raises(InvalidInput, match="damaged"):
        site.back_up()
    verify_backup(site.data)


def test_missing_client_programs_are_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PostgreSQL haven needs pg_dump, and says where it comes from."""
    if site.cluster is None:
        return
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineMissing, match="pg_dump"):
        site.back_up()
