"""The vault of a haven put together: where objects lie, who can open keys, the process that opens originals."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Final
from urllib.parse import urlsplit

from fivesafes.core.errors import PolicyInvalid, Refused
from fivesafes.engines.keepers.client import KeeperClient, started
from fivesafes.engines.keepers.holding import Holding
from fivesafes.engines.private_file import private_text
from fivesafes.flow.custody import Custodian, check_as_told, openers_among
from fivesafes.setting.keyring import read_known_key
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.keys import ADDRESS_KEY, Openers
from fivesafes.setting.vault.ports import Blobs
from fivesafes.setting.vault.seal import Identity
from fivesafes.setting.vault.vault import Vault
from fivesafes.stores.blobs import Bucket, FolderBlobs, S3Blobs
from fivesafes.stores.custody import DjangoCustody
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.identity_files import WORKER, recipient_said
from fivesafes.stores.keyring_files import FileKeyRing

_AS_TOLD: Final[set[tuple[Custodian, ...]]] = set()
ADDRESS: Final = "address.key"
BUCKET_KEY: Final = "s3.toml"
"""Where a bucket's ``access_key_id`` and ``secret_access_key`` may stand, in the haven's key folder, mode 0600."""

_LET_IN: Final = "fivesafes vault rotate --worker --identity FILE (a custodian's)"


def blobs_of(config: HavenFile, keys: Path) -> Blobs:
    """Give the place of sealed objects: the haven's own folder, or the bucket that its file names.

    A bucket's credentials come from ``s3.toml`` in the key folder, or else from the environment (``AWS_…``).  Raises
    EngineMissing when the extra s3 is not installed.
    """
    if not config.store.startswith("s3://"):
        return FolderBlobs(config.vault)
    where = urlsplit(config.store)
    key = _bucket_key(keys / BUCKET_KEY)
    return S3Blobs(
        Bucket(
            name=where.netloc,
            prefix=where.path.strip("/"),
            endpoint=str(config.s3.get("endpoint", "")),
            region=str(config.s3.get("region", "us-east-1")),
            allow_http=bool(config.s3.get("allow_http", False)),
            access_key_id=key.get("access_key_id", ""),
            secret_access_key=key.get("secret_access_key", ""),
        ),
        owner=config.id,
    )


def ring_of(config: HavenFile) -> FileKeyRing:
    """Give the haven's keyring; what it destroys, it destroys in the keyring's backups too."""
    return FileKeyRing(config.keyring, backups=config.key_backups, haven=config.id)


def address_key(config: HavenFile, keys: Path) -> bytes:
    """Read the address key.  Raises PolicyInvalid when it is not there, others may read it, or it is another haven's.

    By another key everybody would be somebody new: who withdrew would be taken in again.
    """
    fix = how_to_open(config, ADDRESS_KEY, keys / ADDRESS)
    return read_known_key(keys / ADDRESS, known=config.address_key, haven=config.id, fix=fix)


def how_to_open(config: HavenFile, name: str, file: Path) -> str:
    """Say how a key of this machine is brought back out of the keyring."""
    to, sealed = quote(str(file)), quote(str(config.keyring / name))
    opening = f"umask 077; age -d -i CUSTODIAN.agekey -o {to} {sealed}"
    return f"open it out of the keyring with a custodian's key ({opening}); never make a new one"


def vault_of(config: HavenFile, keys: Path, project: str) -> Vault:
    """Give a project's vault: it seals with recipients, and reads with an identity that it does not have."""
    return Vault(blobs_of(config, keys), addresser_of(config, keys, project))


def addresser_of(config: HavenFile, keys: Path, project: str) -> Addresser:
    """Give a project's keyed names.  Raises as ``address_key``."""
    return Addresser(address_key(config, keys), project)


def openers() -> Openers:
    """Say to whom keys are sealed from now on, by the books that are open.

    Raises Refused when these say something else than the trail told; the same rows are compared once per process.
    """
    books = DjangoCustody()
    there = tuple(books.custodians())
    if there not in _AS_TOLD:
        there = check_as_told(books)
        _AS_TOLD.add(there)
    return openers_among(there)


def holding_of(config: HavenFile, keys: Path, identity: Identity) -> Holding:
    """Let a custodian or the worker open what is sealed, in this process."""
    return Holding(
        blobs=blobs_of(config, keys),
        ring=ring_of(config),
        identity=identity,
        address_key=address_key(config, keys),
    )


@contextmanager
def keeper_of(config: HavenFile, keys: Path) -> Iterator[KeeperClient]:
    """Start the process that alone holds the worker's key, and end it with the context or with this process.

    Raises Refused when this machine has no worker's key (it only takes scans in), or one that opens nothing now.
    """
    if not (keys / WORKER).exists():
        message = "this machine holds no worker's key: it can take scans in, and not process them"
        raise Refused(message, fix=f"work on the machine that has it, or make one here: {_LET_IN}")
    said = recipient_said(keys / WORKER)
    if said and not any(one.recipient == said for one in DjangoCustody().custodians()):
        message = "the worker's key of this machine opens nothing any more: it was removed, or exchanged elsewhere"
        raise Refused(message, fix=f"let a new one in with a custodian's key: {_LET_IN}; never bring old keys back")
    with started("fivesafes.wiring.keeper", {"haven": str(config.path), "keys": str(keys)}) as client:
        yield client


def _bucket_key(path: Path) -> Mapping[str, str]:
    if not path.exists():
        return {}
    try:
        raw = tomllib.loads(private_text(path, what="the bucket's key"))
        return {name: str(raw[name]) for name in ("access_key_id", "secret_access_key")}
    except (tomllib.TOMLDecodeError, KeyError):
        message = "the file with the bucket's key can't be read"
        fix = f'write two lines into {path.name}: access_key_id = "…" and secret_access_key = "…"'
        raise PolicyInvalid(message, fix=fix) from None
