"""``fivesafes init``: a new haven, complete or absent."""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.core.event import Clock, Event, utc_now
from fivesafes.flow.custody import checked_name
from fivesafes.setting.keyring import KEY_BYTES, key_print, keys_folder
from fivesafes.setting.vault.keys import ADDRESS_KEY, FEWEST_CUSTODIANS, Openers, add_secret
from fivesafes.setting.vault.seal import Identity, checked_recipient
from fivesafes.stores.blobs import sync_folder
from fivesafes.stores.database import migrate, migrations_pending, opened_database, postgresql_config, sqlite_config
from fivesafes.stores.founding import Founder, found, owner
from fivesafes.stores.haven_file import (
    DATABASE,
    FILE,
    KEYRING,
    PROJECTS,
    VAULT,
    KeyPrints,
    check_words,
    find_haven,
    read_haven_file,
    write_haven_file,
)
from fivesafes.stores.identity_files import write_identity
from fivesafes.stores.key_mark import make_keyring
from fivesafes.stores.keyring_files import FileKeyRing
from fivesafes.stores.not_scans import around
from fivesafes.stores.workshop import for_us_alone

TRAIL_KEY: Final = "haven.trail.age"
"""The trail's signing key in the keyring, for who recovers it on another machine."""
CUSTODIANS: Final = "custodians"
"""Where, in the haven's key folder, identities lie that ``init`` had to make itself, until they are carried away."""


@frozen(kw_only=True)
class Founding:
    """How a haven is to be made.  ``custodians`` are age recipients by name; fewer than two, and keys are made."""

    path: Path
    database: str = "sqlite"
    store: str = "vault"
    tier: str = "none"
    origin: str = ""
    custodians: Mapping[str, str]
    with_worker: bool = True


@frozen(kw_only=True)
class Founded:
    """A new haven: its id, its keys' folder, and the custodians' identities that must be carried away."""

    id: str
    keys: Path
    to_carry_away: tuple[Path, ...]


def found_haven(wish: Founding, *, clock: Clock = utc_now) -> Founded:
    """Make a haven: its folder appears by one rename when everything in it stands.

    Raises UsageMistake when the place or the database is taken, InvalidInput for a recipient that is none.
    """
    with for_us_alone():
        return _found(wish, clock)


def check_founding(wish: Founding) -> dict[str, str]:
    """See whether a haven can be made so, make nothing, and give its custodians by name.

    Raises UsageMistake for a place that is taken or lies where none may, for words that its description could not
    hold and for names that nobody may have; InvalidInput for a recipient that is none.
    """
    _check_place(wish.path)
    check_words(origin=wish.origin or "given-later", database=wish.database, store=wish.store)
    custodians = {checked_name(name): checked_recipient(recipient) for name, recipient in wish.custodians.items()}
    if len(custodians) < len(wish.custodians) or len(set(custodians.values())) < len(custodians):
        message = "two custodians have one name, or one key: the key of one of them would be dropped"
        raise UsageMistake(message, fix="give each custodian a name and a key of their own")
    if 0 < len(custodians) < FEWEST_CUSTODIANS:
        message = "one custodian was named, and two are the least: with one, a lost key would lose every original"
        raise UsageMistake(message, fix="name a second: --custodian NAME=age1…, or none, and two keys are made")
    return custodians


def _found(wish: Founding, clock: Clock) -> Founded:
    custodians = check_founding(wish)
    id_ = secrets.token_hex(8)
    keys = keys_folder() / "havens" / id_
    aside = wish.path.parent / f".{wish.path.name}.{id_}"
    try:
        keys.mkdir(parents=True, mode=0o700)
        aside.mkdir(parents=True, mode=0o700)
        for name in (KEYRING, VAULT, PROJECTS):
            (aside / name).mkdir(mode=0o700)
        carried = () if custodians else _made_custodians(keys, custodians)
        founders = [Founder(name=name, recipient=one, kind="custodian") for name, one in custodians.items()]
        founders += _worker(keys) if wish.with_worker else []
        prints = _make_keys(keys, aside / KEYRING, id_, founders)
        _sync_way_to(keys)
        _fill(wish, aside, id_, founders, prints, clock)
        sync_folder(aside)
        _publish(aside, wish.path)
    except BaseException as fault:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(keys, ignore_errors=True)
        if isinstance(fault, OSError):
            message = f"the haven can't be made here: {fault.strerror}"
            raise TryAgain(message, fix="check free space and permissions of that folder") from None
        raise
    return Founded(id=id_, keys=keys, to_carry_away=carried)


def upgrade_haven(path: Path) -> int:
    """Bring a haven's tables to this version's shape; give how many steps that took.  Back it up first."""
    config = read_haven_file(find_haven(path))
    with opened_database(config.database_config()):
        pending = len(migrations_pending())
        migrate()
    return pending


def _check_place(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        what = "there is a haven already" if (path / FILE).exists() else "that place is not an empty folder"
        raise UsageMistake(what, fix="name a folder that does not exist yet")
    if place := around(path):
        what = f"that place lies in {place}"
        raise UsageMistake(what, fix="name a folder outside of it")
    if keys_folder().resolve().is_relative_to(path.resolve()):
        what = "the key folder lies in that place, and a haven's keys lie outside of it"
        raise UsageMistake(what, fix="name another folder, or set FIVESAFES_KEYS to one outside of it")


def _made_custodians(keys: Path, custodians: dict[str, str]) -> tuple[Path, ...]:
    """Make two custodians' identities and write them down: each is to be carried to a place of its own."""
    carried = []
    for number in range(1, FEWEST_CUSTODIANS + 1):
        identity = Identity.made()
        name = f"custodian-{number}"
        write_identity(identity, keys / CUSTODIANS / f"{name}.agekey")
        custodians[name] = identity.recipient
        carried.append(keys / CUSTODIANS / f"{name}.agekey")
    return tuple(carried)


def _worker(keys: Path) -> list[Founder]:
    identity = Identity.made()
    write_identity(identity, keys / "worker.agekey")
    return [Founder(name="worker", recipient=identity.recipient, kind="worker")]


def _make_keys(keys: Path, keyring: Path, id_: str, founders: list[Founder]) -> KeyPrints:
    """Make the keyring and the haven's own two keys; give their fingerprints."""
    openers = Openers(
        custodians=tuple(one.recipient for one in founders if one.kind == "custodian"),
        worker=tuple(one.recipient for one in founders if one.kind == "worker"),
    )
    make_keyring(keyring, id_)
    ring = FileKeyRing(keyring, haven=id_)
    prints = {}
    for file, name in (("address.key", ADDRESS_KEY), ("trail.key", TRAIL_KEY)):
        secret = os.urandom(KEY_BYTES)
        handle = os.open(keys / file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(secret)
            opened.flush()
            os.fsync(opened.fileno())
        add_secret(ring, name, secret, lambda: openers)
        prints[name] = key_print(secret, id_, file)
    return KeyPrints(address=prints[ADDRESS_KEY], trail=prints[TRAIL_KEY])


def _fill(wish: Founding, aside: Path, id_: str, founders: list[Founder], prints: KeyPrints, clock: Clock) -> None:
    origin = wish.origin or f"fivesafes-{id_}"
    write_haven_file(
        aside, id_=id_, origin=origin, database=wish.database, store=wish.store, tier=wish.tier, keys=prints
    )
    sqlite = wish.database == "sqlite"
    config = sqlite_config(aside / DATABASE) if sqlite else postgresql_config(wish.database)
    event = Event(
        when=clock(),
        actor="fivesafes init",
        verb="init",
        object=f"haven {id_}",
        outcome="made",
        policy_digest="",
        facts={
            "custodians": sum(one.kind == "custodian" for one in founders),
            "database": "sqlite" if sqlite else "postgresql",
        },
    )
    with opened_database(config):
        migrate()
        if owner() is not None:
            message = "this database holds a haven already"
            raise UsageMistake(message, fix="name another database, or use the haven that is there")
        found(id_=id_, origin=origin, founders=founders, event=event)


def _publish(aside: Path, path: Path) -> None:
    if path.is_dir():
        path.rmdir()  # it is empty: rename does not go over a folder everywhere
    aside.rename(path)
    sync_folder(path.parent)


def _sync_way_to(keys: Path) -> None:
    """Make the keys' names durable, and those of the folders around them that may be new: without them all is lost."""
    top = keys_folder().absolute()
    for folder in (keys.absolute(), *keys.absolute().parents):
        sync_folder(folder)
        if folder == top.parent:
            break
