"""The backup of data: whole, consistent, brought up to date, and without any key."""

import os
import shutil
import stat
import subprocess
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from django.db import connection
from tests.stores.backup.sites import ANN, AUTHOR, BOB, CAT, ON_FILES, SECRET, Site
from tests.stores.conftest import NOW, make_person

from fivesafes.core.errors import EngineMissing, InvalidInput, TryAgain
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import KeptAside, ProjectState
from fivesafes.setting.vault.seal import LEAST_OVERHEAD
from fivesafes.setting.vault.vault import object_name
from fivesafes.stores import trail
from fivesafes.stores.backup import (
    back_up,
    verify_backup,
)
from fivesafes.stores.blobs import FolderBlobs
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import opened_database


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
    site.seal(CAT, b"cat 1")
    done = site.back_up()
    assert (done.copied, done.bytes) == (1, len(SECRET) + 5 + LEAST_OVERHEAD)
    generations = [one.name for one in site.data.glob("generation-*")]
    assert generations == [done.manifest.generation]
    listed = f"{generations[0]}/manifest.sha256"
    checked = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", listed], cwd=site.data, check=False, capture_output=True
    )
    assert checked.returncode == 0, checked.stderr
    assert len(verify_backup(site.data).objects) == 4


def test_a_backup_forgets_who_withdrew_and_keeps_what_was_lost(site: Site) -> None:
    """Objects of a withdrawal leave the copy; those that vanished otherwise stay in it, and are told."""
    site.back_up()
    site.withdraw(ANN)
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
    site.seal(CAT, b"cat 1")
    site.withdraw(BOB)

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


def test_a_copy_is_consistent_while_others_write(site: Site) -> None:
    """Deeds go on during ten backups: in each copy the trail's rows and head agree."""
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        books = DjangoBooks()
        try:
            while not stop.is_set():
                with books.deed():
                    books.add_participants([make_person(f"{len(written):032x}")], at=NOW)
                    written.append(books.tell(AUTHOR.event("admit", f"{len(written):032x}", "ok", project="p1")))
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
    site.back_up_keys()
    back = site.restore()
    with opened_database(back.haven.database_config()):
        people = [one for one in DjangoBooks().participants("p1") if one.id.startswith("0")]
        admitted = [line for line in trail.entries() if b'"admit"' in line]
        assert len(people) == len(admitted) > 0


def test_two_backups_into_one_folder_take_turns(site: Site) -> None:
    """The second is told to wait; nothing is mixed."""
    from fivesafes.stores.backup.manifest import held  # noqa: PLC0415 - the lock itself

    with held(site.data), pytest.raises(TryAgain, match="another backup"):
        site.back_up()


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


@ON_FILES
@pytest.mark.parametrize("left", [0, 10])
def test_a_torn_original_never_takes_the_place_of_its_copy(site: Site, left: int) -> None:
    """The copy is what the manifest before says it is: it stays, and put back all is well."""
    name = site.back_up().manifest.objects[0]
    live, copy = site.haven.vault / name, site.data / "vault" / name
    good = live.read_bytes()
    live.chmod(0o600)
    live.write_bytes(good[:left])
    for _ in range(2):
        done = site.back_up()
        assert (done.copied, done.lost, done.damaged) == (0, 0, (name,))
        assert copy.read_bytes() == good
        verify_backup(site.data)
    shutil.copy(copy, live)
    assert site.back_up().damaged == ()


@ON_FILES
def test_an_original_that_was_torn_before_its_first_backup_is_not_vouched_for(site: Site) -> None:
    """The books say how large its content was."""
    blobs = FolderBlobs(site.haven.vault)
    name, size = next(iter(blobs.walk()))
    live = site.haven.vault / name
    live.chmod(0o600)
    live.write_bytes(live.read_bytes()[: size // 2])
    done = site.back_up()
    assert (done.copied, done.damaged) == (2, (name,))
    assert name not in done.manifest.objects


def _lose(site: Site) -> str:
    """Take one original out of the vault behind the haven's back; give its name."""
    blobs = FolderBlobs(site.haven.vault)
    name = min(one for one, _ in blobs.walk())
    blobs.delete([name])
    return name


def test_an_original_that_the_books_name_and_no_copy_has_is_told(site: Site) -> None:
    """A first backup of a vault that lost something says so; what is there is copied, each time again."""
    _lose(site)
    for copied in (2, 0):
        done = site.back_up()
        assert (done.copied, done.lost, done.nowhere, done.damaged) == (copied, 1, 1, ())
        assert len(done.manifest.objects) == 2
        assert len(verify_backup(site.data).objects) == 2


def test_what_the_copy_still_has_is_lost_and_not_gone(site: Site) -> None:
    """The copy keeps it, and the two are told apart."""
    site.back_up()
    name = _lose(site)
    done = site.back_up()
    assert (done.lost, done.nowhere) == (1, 0)
    assert name in done.manifest.objects


def test_sheets_and_files_set_aside_are_owed_and_what_was_removed_or_withdrawn_is_not(site: Site) -> None:
    """All that the books name must be there: sheets by address, files set aside by whose they are."""
    with site.opened() as books, books.deed():
        series = books.one_series(f"series-{BOB}")
        assert series is not None
        books.add_series(evolve(series, sheet=b"s" * 32 + b"t" * 32), books.instances(series.id))
        said: dict[str, Any] = {"bytes": 1, "status": "ignored", "code": "c", "why": "w", "received_at": NOW}
        books.add_aside(
            KeptAside(project="p1", participant=whose, address=address * 32, **said)
            for whose, address in ((BOB, b"1"), (None, b"2"), (BOB, b"3"), (ANN, b"4"))
        )
        books.discard_asides("p1", [b"3" * 32], at=NOW)
    site.withdraw(ANN)
    assert site.back_up().lost == 4


def test_what_is_taken_in_while_a_backup_runs_is_not_called_lost(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault is looked through after the books: what came later is the next backup's."""
    walk = FolderBlobs.walk
    came: list[bool] = []

    def slow(self: FolderBlobs, prefix: str = "") -> object:
        seen = list(walk(self, prefix))
        if not came:
            came.append(True)
            FolderBlobs(site.haven.vault).put([(object_name(b"n" * 32, f"age1{BOB}"), [SECRET, bytes(LEAST_OVERHEAD)])])
            books = DjangoBooks()
            with books.deed():
                series = books.one_series(f"series-{BOB}")
                assert series is not None
                books.add_series(evolve(series, sheet=b"n" * 32), books.instances(series.id))
        return iter(seen)

    monkeypatch.setattr(FolderBlobs, "walk", slow)
    assert site.back_up().lost == 0


def test_a_restore_tells_what_the_books_name_and_the_backup_lacks(site: Site) -> None:
    """It is kept all the same, and says how many originals are missing or cut; who withdrew since is not counted."""
    _lose(site)
    site.back_up()
    site.back_up_keys()
    back = site.restore()
    assert (back.objects_lost, back.objects_damaged) == (1, ())
    assert back.haven.path.is_dir()
    assert len(list(FolderBlobs(back.haven.vault).walk())) == 2


def test_a_restore_of_all_misses_nothing_also_when_somebody_withdrew_since(site: Site) -> None:
    """Nobody is owed the originals of who left."""
    site.back_up()
    site.withdraw(ANN)
    site.back_up_keys()
    assert site.restore().objects_lost == 0
