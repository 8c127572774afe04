"""A consistent copy of the database while others write, and back again."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from fivesafes.core.errors import EngineMissing, InvalidInput, TryAgain
from fivesafes.stores.postgresql import libpq_string

SQLITE: Final = "state.sqlite3"
DUMP: Final = "state.pgdump"
_WAITS: Final = 30.0


def copy_database(config: dict[str, Any], folder: Path) -> Path:
    """Copy the database as it is at one moment into the folder; others write meanwhile.  Gives the copy.

    SQLite's copy is one file, checked for damage; PostgreSQL's is a dump in pg_dump's custom format.
    """
    if config["ENGINE"].endswith("postgresql"):
        copy = folder / DUMP
        _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={copy}"], config)
        copy.chmod(0o600)
    else:
        copy = folder / SQLITE
        _copy_sqlite(Path(config["NAME"]), copy)
    with copy.open("rb") as file:
        os.fsync(file.fileno())
    return copy


def _copy_sqlite(live: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(live, timeout=_WAITS)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            whole = target.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.DatabaseError as fault:
        if fault.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            whole = False
        else:
            message = "the database can't be copied at this moment"
            raise TryAgain(message, fix="see that the disk has room, then run the backup again") from None
    if not whole:
        message = "the haven's database is damaged: this backup was not made, the one before is still there"
        raise InvalidInput(message, fix="restore the haven from the backup before")


def load_dump(dump: Path, config: dict[str, Any]) -> None:
    """Load a dump into an empty PostgreSQL database: all of it or nothing."""
    words = ["pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run(words, config, str(dump))


def _run(words: list[str], config: dict[str, Any], *more: str) -> None:
    """Run one of PostgreSQL's programs; it finds the password in the password file, as we do."""
    program = shutil.which(words[0])
    if program is None:
        message = f"the program {words[0]} is not installed"
        raise EngineMissing(message, fix="install PostgreSQL's client programs (Debian: apt install postgresql-client)")
    where = f"--dbname={libpq_string(config)}"
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program; no shell, and no word of a user's but the database
        [program, *words[1:], "--no-password", where, *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it may quote rows
        check=False,
    )
    if done.returncode != 0:
        message = f"{words[0]} ended with code {done.returncode}"
        how = "see that the server runs, that this program is not older than it, and that the disk has room"
        raise TryAgain(message, fix=f"{how}; then run it again")
