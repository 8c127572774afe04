"""Opening a database: where it may lie, who may read it, and what is said when it can't be used."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.db import connection, transaction
from tests.databases import Cluster, HavenDatabase
from tests.stores.conftest import NOW, make_person, make_project

from fivesafes.core.errors import FiveSafesError, InvalidInput, Refused, TryAgain, UsageMistake
from fivesafes.flow.haven.model import ParticipantState
from fivesafes.stores import database, migrations
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import (
    check_tables,
    current_database,
    forget_traces,
    judge_database,
    migrate,
    migrations_pending,
    opened_database,
    postgresql_config,
    sqlite_config,
    vendor,
)
from fivesafes.stores.file_systems import linux_mounts


def ask(sql: str) -> Any:  # noqa: ANN401 - whatever the database says
    """Ask the open database one thing."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def test_sqlite_is_set_as_a_haven_needs_it(migrated_sqlite: Path) -> None:
    """A log before the pages, each commit waits for the disk, foreign keys hold, freed pages are blank."""
    with opened_database(sqlite_config(migrated_sqlite)):
        asked = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        assert [ask(f"PRAGMA {name}") for name in asked] == ["wal", 2, 1, 1, 30_000]


def test_a_read_only_disk_is_told_as_what_it_is(migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the user who is wrong, and being the owner would not help."""

    def refused(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refused)
    read_only = pytest.raises(TryAgain, match="the disk that holds the haven is read-only")
    with read_only as raised, opened_database(sqlite_config(migrated_sqlite)):
        pass
    assert "make it writable" in raised.value.fix
    assert "owner" not in raised.value.fix


def test_the_database_and_its_log_are_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask: 0600 for all three files, and one that was open to others is closed."""
    path = tmp_path / "state.sqlite3"
    before = os.umask(0)
    try:
        with opened_database(sqlite_config(path)):
            migrate()
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        path.chmod(0o644)
        with opened_database(sqlite_config(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert modes == {f"state.sqlite3{end}": 0o600 for end in ("", "-wal", "-shm")}


def test_a_network_file_system_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written there, and the fix names the way out."""
    table = linux_mounts("1 1 0:40 / / rw - nfs4 server:/export rw\n")
    monkeypatch.setattr("fivesafes.stores.file_systems._mounts", lambda: table)
    with pytest.raises(Refused, match=r"NFS.*\n.*PostgreSQL"), opened_database(sqlite_config(tmp_path / "x.sqlite3")):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_or_file_is_told(tmp_path: Path) -> None:
    """A haven whose database is gone is not given an empty one."""
    with pytest.raises(UsageMistake, match="can't be opened"), opened_database(sqlite_config(tmp_path / "no" / "x")):
        pass
    with pytest.raises(InvalidInput, match="missing"), current_database(sqlite_config(tmp_path / "state.sqlite3")):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """The error says how to get the haven back."""
    path = tmp_path / "state.sqlite3"
    path.write_bytes(b"not a database" * 1000)
    with (
        pytest.raises(InvalidInput, match=r"is no database.*\n.*fivesafes backup restore"),
        current_database(sqlite_config(path)),
    ):
        pass


def test_a_damaged_database_is_found_by_the_doctor_and_told_when_met(tmp_path: Path, migrated_sqlite: Path) -> None:
    """Pages overwritten in the middle: reading says damaged, and so does the judgement."""
    path = tmp_path / "state.sqlite3"
    shutil.copy(migrated_sqlite, path)
    with opened_database(sqlite_config(path)):
        books = DjangoBooks()
        with books.deed():
            books.save_project(make_project(), at=NOW)
            books.add_participants([make_person(f"n{n}") for n in range(500)], at=NOW)
        assert judge_database().findings == ()
        root = ask("SELECT rootpage FROM sqlite_master WHERE name = 'haven_participant'")
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(os.urandom(4096))
    with opened_database(sqlite_config(path)):
        assert [one.code for one in judge_database().findings] == ["setting.database.damaged"]
        with pytest.raises(InvalidInput, match="damaged"), database.clear_errors():
            books.participants("p1")


def test_a_row_that_points_at_nothing_is_damage(haven_database: HavenDatabase) -> None:
    """Foreign keys are checked too, where something went around them."""
    if haven_database.kind == "postgresql":
        with opened_database(haven_database.config):
            assert {one.code for one in judge_database().findings} <= {"setting.database.checksums"}
        return
    with opened_database(haven_database.config):
        ask("PRAGMA user_version")
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.execute(
                "INSERT INTO haven_instance (series_id, number, address, uid, bytes) VALUES ('x', 0, '', '', 1)"
            )
        assert "points at nothing" in judge_database().findings[0].why


def test_a_full_disk_says_try_again(haven_database: HavenDatabase) -> None:
    """SQLite's limit of pages plays the full disk: the deed is undone, and the error says to make room."""
    if haven_database.kind == "postgresql":
        assert isinstance(database._POSTGRESQL_FAULTS["53"], TryAgain)
        return
    with opened_database(haven_database.config):
        books = DjangoBooks()
        with books.deed():
            books.save_project(make_project(), at=NOW)
        ask(f"PRAGMA max_page_count = {ask('PRAGMA page_count')}")
        with pytest.raises(TryAgain, match="full"), books.deed():
            books.add_participants([make_person(f"n{n}") for n in range(5000)], at=NOW)
        # the connection was given up, and with it the limit
        with books.deed():
            books.add_participants([make_person("n1")], at=NOW)
        assert [one.id for one in books.participants("p1")] == ["n1"]


def test_tables_say_their_version(haven_database: HavenDatabase) -> None:
    """Current ones pass; older ones ask for the upgrade; newer ones are refused and left alone."""
    with opened_database(haven_database.config):
        check_tables()
        assert migrations_pending() == []
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'haven' AND name LIKE '0002%%'")
        assert [name[:4] for name in migrations_pending()] == ["0002"]
        with pytest.raises(UsageMistake, match="earlier version"):
            check_tables()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('haven', '9999_future', '2026-01-01')"
            )
        for attempt in (check_tables, migrate):
            with pytest.raises(Refused, match=r"newer fivesafes.*9999_future"):
                attempt()
    with pytest.raises(Refused, match="newer"), current_database(haven_database.config):
        pass


def test_an_empty_database_is_no_haven(tmp_path: Path, postgresql: Cluster) -> None:
    """It is told as that, not as an old one."""
    for config in (sqlite_config(tmp_path / "x.sqlite3"), postgresql.config("postgres")):
        with opened_database(config), pytest.raises(InvalidInput, match="holds no haven"):
            check_tables()


def test_the_tables_are_what_the_migrations_make() -> None:
    """No change of a model waits for its migration."""
    done = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run", "haven"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "fivesafes.stores.settings"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert database._known()[0] == "0001_initial"
    assert Path(migrations.__path__[0]).is_dir()


def test_one_process_can_go_from_one_haven_to_another(tmp_path: Path, haven_database: HavenDatabase) -> None:
    """The next haven's rows are the next haven's."""
    second = sqlite_config(tmp_path / "second.sqlite3")
    with opened_database(second):
        migrate()
    books = DjangoBooks()
    with opened_database(haven_database.config), books.deed():
        books.save_project(make_project(), at=NOW)
    with opened_database(second):
        assert vendor() == "sqlite"
        assert books.projects() == []
    with opened_database(haven_database.config):
        assert len(books.projects()) == 1


def test_after_a_withdrawal_no_sealed_name_is_left_in_any_file(tmp_path: Path, migrated_sqlite: Path) -> None:
    """Freed pages are blank and the log is emptied: a byte search finds what was removed nowhere."""
    path = tmp_path / "haven" / "state.sqlite3"
    path.parent.mkdir()
    shutil.copy(migrated_sqlite, path)
    with opened_database(sqlite_config(path)):
        books = DjangoBooks()
        with books.deed():
            books.save_project(make_project(), at=NOW)
            books.add_participants([make_person(f"n{n}") for n in range(200)], at=NOW)
        with books.deed():
            books.set_participant_state("n77", ParticipantState.WITHDRAWN)
        forget_traces()
        held = b"".join(one.read_bytes() for one in path.parent.iterdir())
        assert b"\x00sealed n77" not in held
        assert b"\x00sealed n78" in held


def test_no_page_keeps_a_copy_of_a_row_that_moved_before_it_was_deleted(tmp_path: Path) -> None:
    """SQLite blanks what it frees, but not what lay where a row was before its page was split: all is written anew."""
    path = tmp_path / "state.sqlite3"
    pick = np.random.default_rng(3)  # a sequence that is known to leave copies behind
    with opened_database(sqlite_config(path)), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT, v TEXT)")
        cursor.execute("CREATE UNIQUE INDEX u ON s (who)")
        cursor.execute("CREATE TABLE e (id INTEGER PRIMARY KEY AUTOINCREMENT, s INTEGER, d TEXT)")
        cursor.execute("CREATE INDEX ei ON e (s)")
        for first in range(0, 6000, 50):
            with transaction.atomic():
                for number in range(first, first + 50):
                    _measure(cursor, pick, f"{pick.choice(['jane', 'rick', 'mary'])}-measured-{number}-")
        cursor.execute("DELETE FROM e WHERE s IN (SELECT id FROM s WHERE who LIKE 'jane%%')", [])
        cursor.execute("DELETE FROM s WHERE who LIKE 'jane%%'", [])
        forget_traces()
        held = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"rick-measured" in held
    assert b"jane-measured" not in held


def _measure(cursor: Any, pick: np.random.Generator, text: str) -> None:  # noqa: ANN401 - Django's cursor
    """Add a row with some evidence; some are done again, so that rows of all sizes come and go."""

    def add(series: int) -> None:
        cursor.execute("INSERT INTO e (s, d) VALUES (%s, %s)", [series, text * int(pick.choice([1, 5, 50, 600]))])

    cursor.execute(
        "INSERT INTO s (who, v) VALUES (%s, %s)", [f"{text}{pick.random()}", text * int(pick.integers(1, 21))]
    )
    series = cursor.lastrowid
    for _ in range(int(pick.integers(1, 4))):
        add(series)
    if pick.random() < 0.3:
        cursor.execute("DELETE FROM e WHERE s = %s", [series])
        add(series)
        cursor.execute("UPDATE s SET v = %s WHERE id = %s", [text * int(pick.integers(1, 21)), series])


def test_while_somebody_still_reads_what_was_removed_nothing_is_called_forgotten(
    haven_database: HavenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader holds the former rows in the log: told as try again; once it has gone, they go."""
    monkeypatch.setattr(database, "_WAITS", 0.2)
    with opened_database(haven_database.config):
        books = DjangoBooks()
        with books.deed():
            books.save_project(make_project(), at=NOW)
            books.add_participants([make_person("n1")], at=NOW)
        reader = connection.copy()
        try:
            with reader.cursor() as other:
                other.execute("BEGIN" if vendor() == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ")
                other.execute("SELECT count(*) FROM haven_participant")
                other.fetchall()
                with books.deed():
                    books.set_participant_state("n1", ParticipantState.WITHDRAWN)
                with pytest.raises(TryAgain, match="still reads"):
                    forget_traces()
                other.execute("ROLLBACK")
            forget_traces()
        finally:
            reader.close()


def test_postgresql_forgets_too(postgresql: Cluster, migrated_postgresql: str) -> None:
    """Dead rows are cleared by the same call."""
    with opened_database(postgresql.config(migrated_postgresql)):
        forget_traces()


@pytest.mark.parametrize(
    ("url", "host", "mode"),
    [
        ("postgresql://fs@localhost:5433/haven", "localhost", None),
        ("postgresql:///haven", "", None),
        ("postgresql://fs@/haven?host=/run/postgresql", "/run/postgresql", None),
        ("postgresql://fs@127.0.0.1/haven?sslmode=disable", "127.0.0.1", "disable"),
        ("postgresql://fs@db.example.org/haven", "db.example.org", "verify-full"),
        ("postgresql://fs@db.example.org/haven?sslrootcert=system", "db.example.org", "verify-full"),
        ("postgresql://fs@db.example.org/haven?sslmode=verify-ca", "db.example.org", "verify-ca"),
    ],
)
def test_a_url_says_where_and_the_wire_is_verified(url: str, host: str, mode: str | None) -> None:
    """Without a word about it, a server on another machine must prove who it is."""
    config = postgresql_config(url)
    assert (config["HOST"], config["NAME"], config["OPTIONS"].get("sslmode")) == (host, "haven", mode)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://fs:hunter2@db/haven", "password"),
        ("postgresql://fs:@db/haven", "password"),
        ("postgresql://fs@db/haven?password=hunter2", "password"),
        ("postgresql://fs@db/haven?sslpassword=hunter2", "password"),
        ("postgresql://fs@db.example.org/haven?sslmode=require", "does not verify who answers"),
        ("postgresql://fs@localhost,db.example.org/haven?sslmode=disable", "does not verify who answers"),
        ("postgresql://fs@db/haven?options=-csearch_path=x", "options"),
        ("postgresql://fs@db:port/haven", "can't be read"),
        ("postgresql://fs@db", "names no PostgreSQL database"),
        ("mysql://fs@db/haven", "names no PostgreSQL database"),
    ],
)
def test_a_url_that_tells_a_secret_or_is_weak_is_refused(url: str, why: str) -> None:
    """URLs get logged, and an unverified server may be anybody; the secret is not repeated."""
    with pytest.raises(UsageMistake, match=why) as told:
        postgresql_config(url)
    assert "hunter2" not in str(told.value)


def failure(config: dict[str, Any]) -> FiveSafesError:
    """Open a database that can't be opened; give the error."""
    with pytest.raises(FiveSafesError) as told, opened_database(config):
        pass
    return told.value


def test_each_way_not_to_reach_postgresql_is_told_apart(postgresql: Cluster, tmp_path: Path) -> None:
    """No server, no such database, no such user: three errors with three remedies."""
    gone = failure(postgresql_config(f"postgresql://fs@/haven?host={tmp_path}"))
    assert isinstance(gone, TryAgain)
    assert "can't be reached" in gone.what
    assert "createdb" in failure(postgresql.config("no_such_database")).fix
    with opened_database(postgresql.config("postgres")), connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE closed")
        cursor.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        cursor.execute("CREATE ROLE stranger LOGIN")
    config = {**postgresql.config("closed"), "USER": "stranger"}
    assert isinstance(failure(config), UsageMistake)


def test_a_lost_connection_is_told_and_the_next_deed_has_a_fresh_one(
    postgresql: Cluster, migrated_postgresql: str
) -> None:
    """The server ends the session in the middle of a deed: try again, and again it works."""
    books = DjangoBooks()
    with opened_database(postgresql.config(migrated_postgresql)):

        def lose() -> None:
            with books.deed():
                postgresql.do(f"SELECT pg_terminate_backend({ask('SELECT pg_backend_pid()')})")
                books.save_project(make_project("lost"), at=NOW)

        with pytest.raises(TryAgain):
            lose()
        with books.deed():
            assert books.project("lost") is None


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg the error says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert failure(postgresql_config("postgresql:///haven")).exit_code == 69


def test_every_table_is_documented() -> None:
    """The reference page has a row for each table, and for nothing else."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "database.md"
    rows = [
        line.split("|")[1].strip() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    assert sorted(rows[1:]) == sorted(
        model._meta.model_name or "" for model in apps.get_app_config("haven").get_models()
    )
