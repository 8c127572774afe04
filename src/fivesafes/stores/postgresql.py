"""Where a haven's PostgreSQL is: its URL, checked.  Passwords stay in the password file, and the wire is encrypted."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from fivesafes.core.errors import UsageMistake

_WAITS: Final = 30
"""Seconds that a writer waits for another before it gives up."""

_CONNECTS: Final = 10
_KNOWN: Final = frozenset({"host", "passfile", "sslcert", "sslcrl", "sslkey", "sslmode", "sslrootcert"})
_SECRET: Final = frozenset({"password", "sslpassword"})
_VERIFIED: Final = frozenset({"verify-ca", "verify-full"})
_HOW: Final = "write it as postgresql://user@host:5432/name"


def postgresql_config(url: str) -> dict[str, Any]:
    """Configure PostgreSQL from ``postgresql://user@host:port/name`` (``?host=/folder`` for a Unix socket).

    The password comes from ``~/.pgpass`` or ``PGPASSFILE``: a URL with one in it is refused, because URLs get logged.
    To another machine the connection is encrypted and the server's certificate and name are verified; what is weaker
    is refused.  Raises UsageMistake.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        message = "the database's URL can't be read"
        raise UsageMistake(message, fix=_HOW) from None
    options = dict(parse_qsl(parts.query))
    if parts.password is not None or not _SECRET.isdisjoint(options):
        message = "the database's URL has a password in it"
        raise UsageMistake(message, fix="put the password into ~/.pgpass (mode 0600) and leave it out of the URL")
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        message = "the database's URL names no PostgreSQL database"
        raise UsageMistake(message, fix=_HOW)
    if unknown := sorted(options.keys() - _KNOWN):
        message = f"the database's URL has options that we do not pass on: {', '.join(unknown)}"
        raise UsageMistake(message, fix=f"it may have {', '.join(sorted(_KNOWN))}")
    host = options.pop("host", unquote(host))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "HOST": host,
        "PORT": str(port or ""),
        "OPTIONS": {
            **_encrypted(host, options),
            "application_name": "fivesafes",
            "connect_timeout": _CONNECTS,
            "options": f"-c lock_timeout={_WAITS * 1000}",
        },
    }


def _encrypted(host: str, options: Mapping[str, str]) -> dict[str, str]:
    """Ask for a verified certificate unless the server is on this machine."""
    if all(_of_this_machine(one.strip()) for one in host.split(",")):
        return dict(options)
    mode = options.get("sslmode", "verify-full")
    if mode not in _VERIFIED:
        message = f"sslmode={mode} does not verify who answers, and the database is on another machine"
        raise UsageMistake(
            message, fix="leave sslmode out (verify-full), and give sslrootcert=FILE or sslrootcert=system"
        )
    return {**options, "sslmode": mode}


def _of_this_machine(host: str) -> bool:
    """Whether a host is a Unix socket's folder (libpq: empty, / or @ first) or this machine's loopback."""
    return host in {"", "localhost", "::1"} or host.startswith(("/", "@", "127."))


def libpq_string(config: Mapping[str, Any]) -> str:
    """Say to ``pg_dump`` and ``pg_restore`` where the database is, in one connection string without a secret."""
    options = {key: value for key, value in config.get("OPTIONS", {}).items() if key != "options"}
    named = {
        "host": config.get("HOST"),
        "port": config.get("PORT"),
        "user": config.get("USER"),
        "dbname": config["NAME"],
        **options,
    }
    return " ".join(f"{key}={_quoted(str(value))}" for key, value in named.items() if value)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
