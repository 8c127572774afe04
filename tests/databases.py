"""Databases for tests: a private PostgreSQL that ends with the tests, and fresh migrated databases of each kind."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen

from fivesafes.stores.database import migrate, opened_database, postgresql_config, sqlite_config

KINDS: Final = ("sqlite", "postgresql")
_USER: Final = "fs"
# Fast and forgetful: what survives a power cut is PostgreSQL's own test to make.
_FAST: Final = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=40")


@frozen(kw_only=True)
class HavenDatabase:
    """A fresh, migrated database: ``with opened_database(haven_database.config): …``.

    ``kind`` is ``sqlite`` or ``postgresql``; ``config`` can be given to other processes (it pickles); ``named`` is
    what haven.toml's ``database`` says of it.
    """

    kind: str
    config: dict[str, Any]
    named: str


@frozen(kw_only=True)
class Cluster:
    """A running PostgreSQL that listens on a Unix socket only, and the folder of its programs."""

    socket: Path
    programs: Path

    def url(self, name: str) -> str:
        """Name one of its databases as haven.toml does."""
        return f"postgresql://{_USER}@/{name}?host={self.socket}"

    def config(self, name: str) -> dict[str, Any]:
        """Configure Django for one of its databases."""
        return postgresql_config(self.url(name))

    def do(self, sql: str) -> None:
        """Run one statement outside any transaction."""
        import psycopg  # noqa: PLC0415 - where there is no server there may be no driver

        with psycopg.connect(host=str(self.socket), user=_USER, dbname="postgres", autocommit=True) as server:
            server.execute(sql.encode())


def find_programs() -> Path | None:
    """Find the folder with PostgreSQL's server: on PATH, or where Debian puts it, the newest first."""
    on_path = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    for folder in [*on_path, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


@contextmanager
def running_cluster(settings: Sequence[str] = _FAST) -> Iterator[Cluster]:
    """Make a PostgreSQL of one's own and end it afterwards; it also ends when this process is killed (on Linux).

    PostgreSQL refuses to run as root: then it runs as the user ``postgres``.
    """
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="fs-pg-", dir="/tmp"))  # short: a socket's path has 107 characters
    owner = _owner()
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    try:
        _run_as(
            owner, [programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", _USER, "--no-sync", "-E", "UTF8"]
        )
        where = ["listen_addresses=", f"unix_socket_directories={folder}"]
        server = subprocess.Popen(
            [
                *_dying_with_us(owner),
                str(programs / "postgres"),
                "-D",
                str(folder / "data"),
                *(f"-c{one}" for one in [*settings, *where]),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(folder, programs, server)
            yield Cluster(socket=folder, programs=programs)
        finally:
            server.terminate()  # waits for no client of ours: sessions are closed by then
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("tests run as root, and there is no user postgres to run the server as")


def _as_user(owner: pwd.struct_passwd | None) -> list[str]:
    return [] if owner is None else [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def _run_as(owner: pwd.struct_passwd | None, command: list[str | Path]) -> None:
    words = ["setpriv", *_as_user(owner)] if owner else []
    subprocess.run([*words, *map(str, command)], check=True, capture_output=True, cwd="/")


def _dying_with_us(owner: pwd.struct_passwd | None) -> list[str]:
    if shutil.which("setpriv") is None:
        return []
    return ["setpriv", "--pdeathsig=QUIT", *_as_user(owner)]


def _wait_for(folder: Path, programs: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        asked = subprocess.run([programs / "pg_isready", "-q", "-h", folder, "-U", _USER], check=False)
        if asked.returncode == 0:
            return
        if server.poll() is not None:
            break
        time.sleep(0.02)
    pytest.fail("the private PostgreSQL did not start")


@contextmanager
def fresh_postgresql(cluster: Cluster, template: str) -> Iterator[HavenDatabase]:
    """Copy a migrated database, and drop the copy afterwards."""
    name = f"t{secrets.token_hex(6)}"
    cluster.do(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield HavenDatabase(kind="postgresql", config=cluster.config(name), named=cluster.url(name))
    finally:
        cluster.do(f"DROP DATABASE {name} WITH (FORCE)")


def migrated_postgresql(cluster: Cluster) -> str:
    """Make the database that others are copied from; give its name."""
    cluster.do("CREATE DATABASE migrated")
    with opened_database(cluster.config("migrated")):
        migrate()
    return "migrated"


def migrated_sqlite(folder: Path) -> Path:
    """Make the file that others are copied from."""
    path = folder / "migrated.sqlite3"
    with opened_database(sqlite_config(path)):
        migrate()
    return path


def fresh_sqlite(template: Path, folder: Path) -> HavenDatabase:
    """Copy a migrated file."""
    path = folder / "state.sqlite3"
    path.touch(mode=0o600)
    path.write_bytes(template.read_bytes())
    return HavenDatabase(kind="sqlite", config=sqlite_config(path), named="sqlite")
