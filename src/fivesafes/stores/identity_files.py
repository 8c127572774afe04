"""Identities in clear, each in a file that its owner alone may read: custodians' and the worker's."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from fivesafes.core.errors import InvalidInput, PolicyInvalid
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores.blobs import make_private, refused_by_disk, sync_folder
from fivesafes.stores.key_bytes import overwrite, write_synced

WORKER: Final = "worker.agekey"
_NEXT: Final = "worker.agekey.next"
_PUBLIC: Final = "# public key: "
_RECIPIENT: Final = 62
"""Signs of an age recipient (https://age-encryption.org/v1: Bech32 of an X25519 key)."""


def read_identity(path: Path) -> Identity:
    """Read an age identity from a file that its owner alone may read, as ``age-keygen -o`` writes it.

    Raises PolicyInvalid when others may read it, InvalidInput when it holds none.
    """
    try:
        mode = path.stat().st_mode
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        message = f"the identity file can't be read: {error.strerror}"
        raise InvalidInput(message, fix="give the file that age-keygen wrote") from None
    if stat.S_IMODE(mode) & 0o077:
        message = "the identity file can be read or changed by others"
        raise PolicyInvalid(message, fix="chmod 600 the identity file")
    secrets_ = [line for line in lines if line.strip() and not line.startswith("#")]
    return Identity(secrets_[0] if secrets_ else "")


def recipient_said(path: Path) -> str:
    """Read of an identity file of ours its public key alone; nothing when it does not begin with one."""
    try:
        with path.open("rb", buffering=0) as file:
            line = file.read(len(_PUBLIC) + _RECIPIENT).decode("ascii", "replace")
    except OSError:
        return ""
    return line.removeprefix(_PUBLIC) if line.startswith(f"{_PUBLIC}age1") else ""


def write_identity(identity: Identity, path: Path) -> None:
    """Write an identity into a new file that its owner alone may read.  Raises TryAgain; no file is overwritten."""
    try:
        make_private(path.parent)
        write_synced(path, f"{_PUBLIC}{identity.recipient}\n{identity.reveal()}\n".encode())
        sync_folder(path.parent)
    except OSError as error:
        raise refused_by_disk(error, "the identity can't be written") from None


def next_worker(keys: Path) -> Identity:
    """Give the worker's next identity: made once, so that a rotation that was interrupted goes on with it."""
    if not (keys / _NEXT).exists():
        aside = keys / f".{_NEXT}.{secrets.token_hex(4)}"
        write_identity(Identity.made(), aside)
        aside.replace(keys / _NEXT)
        sync_folder(keys)
    return read_identity(keys / _NEXT)


def publish_worker(keys: Path) -> None:
    """Let the next identity take the place of the worker's; nothing to do when it has."""
    try:
        former = os.open(keys / WORKER, os.O_RDWR)
    except FileNotFoundError:
        former = -1
    try:
        with suppress(FileNotFoundError):
            (keys / _NEXT).replace(keys / WORKER)
            sync_folder(keys)
            if former >= 0:
                overwrite(former)
    finally:
        if former >= 0:
            os.close(former)
