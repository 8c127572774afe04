"""Where a project's pseudonym key lives: one file per project, readable by its owner alone.

Whoever has the key can recompute every pseudonym from a guessed identity, so the key never leaves the setting and is
never written beside the data.
"""

import hmac
import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from fivesafes.core.errors import PolicyInvalid, TryAgain, UsageMistake

KEY_BYTES: Final = 32
KEY_PRINT: Final = r"^[0-9a-f]{32}$"
_MAKE: Final = "name a file of 32 random bytes that you own: head -c 32 /dev/urandom > FILE; chmod 600 FILE"
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def keys_folder() -> Path:
    """Name the folder of keys: ``FIVESAFES_KEYS``, or ``fivesafes/keys`` in the user's data folder."""
    chosen = os.environ.get("FIVESAFES_KEYS")
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    if data:
        return Path(data) / "fivesafes" / "keys"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "fivesafes" / "keys"
    return Path.home() / ".local" / "share" / "fivesafes" / "keys"


def project_key(project: str, *, folder: Path | None = None) -> bytes:
    """Read the project's key, or make one of 32 random bytes when there is none.

    Two processes that ask at once get the same key.  Raises UsageMistake for a project name that can't be a file name,
    PolicyInvalid for a key that others may read or that is too short, and TryAgain when it can't be written.
    """
    if not _PROJECT.fullmatch(project):
        what = "a project's name is up to 64 letters, digits, dots, dashes and underscores, such as memory-2026"
        raise UsageMistake(what, fix="choose such a name")
    path = (folder or keys_folder()) / f"{project}.key"
    if not path.exists():
        _make(path)
    return read_key(path)


def key_print(key: bytes, haven: str, file: str) -> str:
    """Give a fingerprint by which a haven knows one of its keys again: 32 hexadecimal digits of an HMAC-SHA-256."""
    return hmac.digest(key, f"fivesafes fingerprint {haven} {file}".encode(), "sha256").hex()[:32]


def read_key(path: Path, *, fix: str = _MAKE) -> bytes:
    """Read a key file.  ``fix`` says where a key that is missing or too short comes from; without it a new one will do.

    Raises PolicyInvalid when it is missing, too short, or readable by others than its owner.
    """
    try:
        mode = path.stat().st_mode
        key = path.read_bytes()
    except OSError as error:
        what = f"the key file can't be read: {error.strerror}"
        raise PolicyInvalid(what, fix=fix) from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        what = "the key file can be read or changed by others"
        raise PolicyInvalid(what, fix="chmod 600 the key file")
    if len(key) < KEY_BYTES:
        what = f"the key file has {len(key)} bytes, and {KEY_BYTES} are the least"
        raise PolicyInvalid(what, fix=fix)
    return key


def read_known_key(path: Path, *, known: str, haven: str, fix: str) -> bytes:
    """Read a key of a haven that knows its fingerprint.  Raises PolicyInvalid as ``read_key``, and for another key."""
    key = read_key(path, fix=fix)
    if not hmac.compare_digest(key_print(key, haven, path.name), known):
        what = f"{path.name} in this machine's key folder is not the key of this haven (haven.toml has its fingerprint)"
        raise PolicyInvalid(what, fix=fix)
    return key


def _make(path: Path) -> None:
    """Write a new key aside and link it to its name; when another was quicker, the other's key stands."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())  # a lost key makes every later scan of the project a stranger to the earlier ones
        _publish(aside, path)
    except OSError as error:
        what = f"the project's key can't be written: {error.strerror}"
        raise TryAgain(what, fix="check the folder named by FIVESAFES_KEYS, or give --key FILE") from None
    finally:
        with suppress(OSError):  # what went wrong is told already
            aside.unlink()


def _publish(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except FileExistsError:
        return
