"""Opens the database of a haven: SQLite beside the vault, or PostgreSQL by URL.  One haven per process at a time."""

import errno
import os
import pkgutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.db.migrations.recorder import MigrationRecorder

from fivesafes.core.errors import EngineMissing, FiveSafesError, InvalidInput, Refused, TryAgain, UsageMistake
from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.stores import migrations
from fivesafes.stores.file_systems import judge_place
from fivesafes.stores.postgresql import postgresql_config

__all__ = [
    "check_tables",
    "clear_errors",
    "current_database",
    "forget_traces",
    "judge_database",
    "migrate",
    "migrations_pending",
    "opened_database",
    "postgresql_config",
    "sqlite_config",
    "vendor",
]

_WAITS: Final = 30
"""Seconds that a writer waits for another before it gives up."""

_APP: Final = "haven"
_MIGRATING: Final = 0x66736D67
"""The key of PostgreSQL's advisory lock while tables change."""

_RESTORE: Final = (
    "stop what writes to this haven, then restore it: fivesafes backup restore (docs/how-to/back-up-and-restore.md)"
)
_LATER: Final = "wait until that has finished (fivesafes status shows what runs), then run this again"
_ROOM: Final = "make room on the disk that holds the haven, then run this again: nothing was half-written"

_WRITABLE: Final = "run this as the haven's owner, on a disk that is not mounted read-only: looking needs it too"
_READ_ONLY: Final = TryAgain(
    "the disk that holds the haven is read-only",
    fix="see why (how it is mounted; the system's log: a disk with faults is made read-only), make it writable, then "
    "run this again: looking needs it too; to look at it as it is, copy it to another disk",
)

_SQLITE_FAULTS: Final[dict[int, FiveSafesError]] = {
    sqlite3.SQLITE_BUSY: TryAgain("another process has held the database for too long", fix=_LATER),
    sqlite3.SQLITE_LOCKED: TryAgain("another process has held the database for too long", fix=_LATER),
    sqlite3.SQLITE_FULL: TryAgain("the disk that holds the database is full", fix=_ROOM),
    sqlite3.SQLITE_IOERR: TryAgain("the disk that holds the database can't be read or written", fix=_ROOM),
    sqlite3.SQLITE_READONLY: UsageMistake("the database may not be written to", fix=_WRITABLE),
    sqlite3.SQLITE_CANTOPEN: UsageMistake("the database can't be opened", fix="see that its folder is there and yours"),
    sqlite3.SQLITE_CORRUPT: InvalidInput("the database is damaged", fix=_RESTORE),
    sqlite3.SQLITE_NOTADB: InvalidInput("the file state.sqlite3 is no database, or is damaged", fix=_RESTORE),
}

_SERVER: Final = "see that the server runs and can be reached, then run this again"
_POSTGRESQL_FAULTS: Final[dict[str, FiveSafesError]] = {
    "08": TryAgain("the connection to PostgreSQL was lost", fix=_SERVER),
    "28": UsageMistake("PostgreSQL refuses the log-in", fix="see user and password: ~/.pgpass (mode 0600)"),
    "3D000": UsageMistake("PostgreSQL has no database of that name", fix="make it: createdb NAME"),
    "40": TryAgain("two writers of the database were in one another's way", fix=_LATER),
    "42501": UsageMistake("the database's user may not do this", fix="let this user own the haven's tables"),
    "53": TryAgain("PostgreSQL has no room left (disk, memory or connections)", fix="make room, then run this again"),
    "55P03": TryAgain("another process has held the database for too long", fix=_LATER),
    "57": TryAgain("PostgreSQL is stopping or starting", fix=_SERVER),
    "58": TryAgain("PostgreSQL can't read or write its files", fix=_SERVER),
    "XX001": InvalidInput("the database is damaged", fix=_RESTORE),
    "XX002": InvalidInput("an index of the database is damaged", fix="REINDEX DATABASE name; then run this again"),
}


def sqlite_config(path: Path) -> dict[str, Any]:
    """Configure SQLite as a haven needs it: a log before the pages, writers in turn, nothing left in freed pages."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": _WAITS,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
            ),
        },
    }


@contextmanager
def opened_database(config: dict[str, Any]) -> Iterator[None]:
    """Point the tables at a database for as long as the context lasts; SQLite's file is made when it is not there.

    Raises Refused on a network file system, TryAgain when the server can't be reached, the disk is read-only or the
    database is held by another for over 30 seconds, InvalidInput when its file is damaged, UsageMistake when it may
    not be opened.
    """
    if config["ENGINE"].endswith("postgresql"):
        _require_driver()
    else:
        _prepare_file(Path(config["NAME"]))
    _point_at(config)
    try:
        with clear_errors():
            connection.ensure_connection()
            yield
    finally:
        connections.close_all()


@contextmanager
def current_database(config: dict[str, Any]) -> Iterator[None]:
    """Open a database that is there and whose tables have this version's shape.

    Raises as ``opened_database`` and ``check_tables`` do, and InvalidInput when SQLite's file is missing: a new, empty
    one in its place would look like a haven that lost everything.
    """
    if config["ENGINE"].endswith("sqlite3") and not Path(config["NAME"]).is_file():
        message = "the haven's database file is missing"
        raise InvalidInput(message, fix=_RESTORE)
    with opened_database(config):
        check_tables()
        yield


def _require_driver() -> None:
    try:
        import psycopg  # noqa: F401, PLC0415 - only where PostgreSQL is asked for
    except ImportError:
        message = "the PostgreSQL driver is not installed"
        raise EngineMissing(message, fix="pip install 'fivesafes[postgresql]'") from None


def _prepare_file(path: Path) -> None:
    """Refuse a network file system; make the file for its owner alone (SQLite gives its log the same mode)."""
    verdict = judge_place(path.parent)
    if verdict.refuses:
        finding = verdict.findings[0]
        raise Refused(finding.why, fix=finding.fix)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        for one in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if one.exists() and one.stat().st_mode & 0o077:
                one.chmod(0o600)
    except OSError as fault:
        if fault.errno == errno.EROFS:
            raise TryAgain(_READ_ONLY.what, fix=_READ_ONLY.fix) from None
        message = f"the haven's database can't be opened: {fault.strerror}"
        raise UsageMistake(message, fix="see that its folder is there, and run this as the haven's owner") from None


def _point_at(config: dict[str, Any]) -> None:
    connections.close_all()
    connections.databases["default"] = connections.configure_settings({"default": config})["default"]
    with suppress(AttributeError):  # none was open yet
        del connections["default"]


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn a database's own errors into ours where a person can do something; the rest are bugs and stay as they are.

    Texts of the database never travel on: they may quote rows.
    """
    try:
        yield
    except DatabaseError as fault:
        known = _told(fault)
        if known is None:
            raise
        if not connection.in_atomic_block:
            connection.close()  # the next attempt begins with a fresh connection
        raise type(known)(known.what, fix=known.fix) from None


def _told(fault: DatabaseError) -> FiveSafesError | None:
    cause = fault.__cause__
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0)
        return _SQLITE_FAULTS.get(code & 0xFF)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return next((known for start, known in _POSTGRESQL_FAULTS.items() if str(state).startswith(start)), None)
    if type(fault).__name__ == "OperationalError":  # the driver gives no state when it could not connect
        return _not_connected(str(fault))
    return None


def _not_connected(text: str) -> FiveSafesError:
    if "does not exist" in text and "database" in text:
        return _POSTGRESQL_FAULTS["3D000"]
    if any(said in text for said in ("authentication failed", "no password", "pg_hba", "permission denied", "role ")):
        return _POSTGRESQL_FAULTS["28"]
    if "certificate" in text or "SSL" in text:
        message = "PostgreSQL's certificate can't be verified, or it does not encrypt"
        return UsageMistake(message, fix="give sslrootcert=FILE (or =system) in the URL; the server needs ssl=on")
    return TryAgain("PostgreSQL can't be reached", fix=_SERVER)


def _known() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(migrations.__path__))


def _applied() -> set[str]:
    return {name for app, name in MigrationRecorder(connection).applied_migrations() if app == _APP}


def migrations_pending() -> list[str]:
    """Name the changes of the tables that the open database lacks."""
    applied = _applied()
    return [name for name in _known() if name not in applied]


def _refuse_newer() -> None:
    if newer := sorted(_applied() - set(_known())):
        message = f"this haven was last used by a newer fivesafes (its tables know {', '.join(newer)})"
        raise Refused(message, fix="install that version or a later one: pip install --upgrade fivesafes")


def check_tables() -> None:
    """Check that the open database has this version's tables; one query.

    Raises Refused when a newer version has changed them, InvalidInput when there are none, UsageMistake when they are
    older.
    """
    _refuse_newer()
    pending = migrations_pending()
    if len(pending) == len(_known()):
        message = "the database holds no haven"
        raise InvalidInput(message, fix="see that the right database is named; fivesafes init DIR makes a haven")
    if pending:
        message = f"this haven's tables are of an earlier version ({len(pending)} changes are to be made)"
        raise UsageMistake(message, fix="make a backup, then bring them up to date: fivesafes init --upgrade HAVEN")


def migrate() -> None:
    """Bring the tables to this version's shape.  Raises Refused when they are of a newer version."""
    with clear_errors(), _alone():
        _refuse_newer()
        call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time change tables; on SQLite each change is a transaction that others wait for."""
    if vendor() != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])


def vendor() -> str:
    """Name the kind of the open database: ``sqlite`` or ``postgresql``."""
    return connection.vendor


def judge_database() -> Verdict:
    """Judge whether the open database is whole; SQLite reads all of it (about a second for 300 MB), so ``doctor`` asks.

    PostgreSQL checks its own pages where its cluster was made with checksums; it is asked whether it was.
    """
    if vendor() == "postgresql":
        with clear_errors(), connection.cursor() as cursor:
            cursor.execute("SHOW data_checksums")
            return Verdict() if cursor.fetchone() == ("on",) else _no_checksums()
    why = _damage()
    if why is None:
        return Verdict()
    source = "sqlite.org/pragma.html#pragma_quick_check"
    return refuse("setting.database.damaged", why=why, fix=_RESTORE, source=source)


def _damage() -> str | None:
    try:
        with clear_errors(), connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check(1)")
            if cursor.fetchone() != ("ok",):
                return "the database is damaged"
            cursor.execute("PRAGMA foreign_key_check")
            loose = cursor.fetchone()
            return None if loose is None else f"a row of {loose[0]} points at nothing"
    except InvalidInput as fault:
        return fault.what


def _no_checksums() -> Verdict:
    return note(
        "setting.database.checksums",
        why="PostgreSQL was set up without checksums: it would not notice a damaged page",
        fix="stop the server and run: pg_checksums --enable",
        source="postgresql.org/docs: pg_checksums",
    )


def forget_traces() -> None:
    """Leave nothing of deleted rows: SQLite's file is written anew and its log emptied, PostgreSQL's dead rows go.

    SQLite blanks what it frees (``secure_delete``), but a page that was split before keeps copies of rows that moved:
    VACUUM leaves only what is there, and needs room for the database once more while it runs.

    After a withdrawal.  Others are waited for as long as for any writing.  Raises TryAgain when somebody still reads
    what was there before (it lies in the log, or in a dead row, until they end), or when there is no room.
    """
    with clear_errors(), connection.cursor() as cursor:
        if vendor() == "sqlite":
            cursor.execute(f"PRAGMA busy_timeout={round(_WAITS * 1000)}")
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            held = cursor.fetchone()[0] != 0
        else:
            held = not _all_have_moved_on(cursor)
            cursor.execute("VACUUM")
    if held:
        message = "another process still reads the database as it was before"
        raise TryAgain(message, fix=_LATER)


def _all_have_moved_on(cursor: Any) -> bool:  # noqa: ANN401 - either driver's
    """Wait until no session sees this database's rows as they were before now; False when it takes too long."""
    cursor.execute("SELECT pg_current_xact_id()::xid")
    now = cursor.fetchone()[0]
    until = time.monotonic() + _WAITS
    while True:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_xmin IS NOT NULL AND age(backend_xmin) > age(%s::xid)",
            [str(now)],
        )
        if cursor.fetchone()[0] == 0:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
