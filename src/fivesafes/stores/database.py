"""Opens the database of a haven: SQLite beside the vault, or PostgreSQL by URL.  One haven per process at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import django
from django.core.management import call_command
from django.db import connection, connections

from fivesafes.core.errors import EngineMissing, UsageMistake

_SQLITE_WAITS: Final = 30
"""Seconds that a writer waits for another before it gives up."""


def _start_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fivesafes.stores.settings")
    django.setup()


def sqlite_config(path: Path) -> dict[str, Any]:
    """Configure SQLite as a haven needs it: a log before the pages, writers in turn, nothing left in freed pages."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": _SQLITE_WAITS,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
            ),
        },
    }


def postgresql_config(url: str) -> dict[str, Any]:
    """Configure PostgreSQL from ``postgresql://user@host:port/name``.

    The password comes from ``~/.pgpass`` or ``PGPASSFILE``: a URL with one in it is refused, because URLs get logged.
    """
    parts = urlsplit(url)
    if parts.password:
        message = "the database's URL has a password in it"
        raise UsageMistake(message, fix="put the password into ~/.pgpass (mode 0600) and leave it out of the URL")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }


@contextmanager
def opened_database(config: dict[str, Any]) -> Iterator[None]:
    """Point the tables at a database for as long as the context lasts."""
    _start_django()
    if config["ENGINE"].endswith("postgresql"):
        try:
            import psycopg  # noqa: F401, PLC0415 - only where PostgreSQL is asked for
        except ImportError:
            message = "the PostgreSQL driver is not installed"
            raise EngineMissing(message, fix="pip install 'fivesafes[postgresql]'") from None
    _point_at(config)
    try:
        yield
    finally:
        connections.close_all()


def _point_at(config: dict[str, Any]) -> None:
    connections.close_all()
    connections.databases["default"] = connections.configure_settings({"default": config})["default"]
    with suppress(AttributeError):  # none was open yet
        del connections["default"]


def migrate() -> None:
    """Bring the tables to this version's shape."""
    call_command("migrate", verbosity=0, interactive=False)


def vendor() -> str:
    """Name the kind of the open database: ``sqlite`` or ``postgresql``."""
    return connection.vendor
