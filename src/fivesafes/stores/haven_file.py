"""``haven.toml``: what a haven is and where its parts lie.  No secrets, and nothing of any participant."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from attrs import frozen
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.setting.keyring import KEY_PRINT
from fivesafes.stores.blobs import sync_folder
from fivesafes.stores.database import postgresql_config, sqlite_config

FILE: Final = "haven.toml"
DATABASE: Final = "state.sqlite3"
VAULT: Final = "vault"
KEYRING: Final = "keyring"
PROJECTS: Final = "projects"


class _S3Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    endpoint: str = ""
    region: str = "us-east-1"
    allow_http: bool = False


class _HavenForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    schema_number: Annotated[Literal[1], Field(alias="schema")]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    origin: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,200}$")]
    database: Annotated[str, Field(pattern=r"^(sqlite|postgresql://.+)$")]
    store: Annotated[str, Field(pattern=r"^(vault|s3://[^/]{3,}(/.*)?)$")]
    address_key: Annotated[str, Field(pattern=KEY_PRINT)]
    trail_key: Annotated[str, Field(pattern=KEY_PRINT)]
    tier: Literal["none", "T0", "T1", "T2", "T3"] = "none"
    key_backups: list[str] = []
    s3: _S3Form = _S3Form()
    witness: list[dict[str, Any]] = []


@frozen(kw_only=True)
class HavenFile:
    """A haven's description.  ``witnesses`` are as written: the trail's own form reads them.

    ``address_key`` and ``trail_key``: the fingerprints of these keys (``setting.keyring.key_print``).
    """

    path: Path
    id: str
    origin: str
    database: str
    store: str
    address_key: str
    trail_key: str
    tier: str
    key_backups: tuple[Path, ...]
    s3: Mapping[str, Any]
    witnesses: tuple[Mapping[str, Any], ...]

    @property
    def keyring(self) -> Path:
        """The folder of sealed keys."""
        return self.path / KEYRING

    @property
    def projects(self) -> Path:
        """The folder of derived data, one folder per project."""
        return self.path / PROJECTS

    @property
    def vault(self) -> Path:
        """The folder of sealed originals, where they lie on this machine."""
        return self.path / VAULT

    def database_config(self) -> dict[str, Any]:
        """Say how Django finds the database."""
        if self.database == "sqlite":
            return sqlite_config(self.path / DATABASE)
        return postgresql_config(self.database)


def find_haven(given: Path | None) -> Path:
    """Find the haven: the one given, the one named by ``FIVESAFES_HAVEN``, or the one around the present folder."""
    named = given or (Path(os.environ["FIVESAFES_HAVEN"]) if os.environ.get("FIVESAFES_HAVEN") else None)
    if named is not None:
        if not (named / FILE).is_file():
            message = "there is no haven at the place given"
            raise UsageMistake(message, fix="fivesafes init DIR makes one")
        return named.resolve()
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    message = "no haven was named, and there is none around this folder"
    raise UsageMistake(message, fix="give --haven DIR, set FIVESAFES_HAVEN, or make one: fivesafes init DIR")


def read_haven_file(path: Path) -> HavenFile:
    """Read a haven's description.  Raises InvalidInput naming the field that is wrong."""
    try:
        raw = tomllib.loads((path / FILE).read_text(encoding="utf-8"))
        form = _HavenForm.model_validate(raw)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        message = f"{FILE} can't be read: {fault}"
        raise InvalidInput(message, fix="restore it from a backup of the haven") from None
    except ValidationError as faults:
        first = faults.errors(include_url=False, include_context=False, include_input=False)[0]
        message = f"{FILE}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InvalidInput(message, fix="mend this field; docs/reference/haven-file.md lists them all") from None
    return HavenFile(
        path=path,
        id=form.id,
        origin=form.origin,
        database=form.database,
        store=form.store,
        address_key=form.address_key,
        trail_key=form.trail_key,
        tier=form.tier,
        key_backups=tuple(Path(one) for one in form.key_backups),
        s3=form.s3.model_dump(),
        witnesses=tuple(form.witness),
    )


@frozen(kw_only=True)
class KeyPrints:
    """The fingerprints of a haven's two keys in clear."""

    address: str
    trail: str


_WORDS: Final = {
    "origin": "up to 200 letters, digits, dots, dashes, underscores and slashes",
    "database": "sqlite, or postgresql://user@host/name",
    "store": "vault, or s3://bucket/prefix",
}


def check_words(*, origin: str, database: str, store: str) -> None:
    """Raise UsageMistake for words that a haven's description could not hold, or not give back as they are."""
    wanted = {"origin": origin, "database": database, "store": store}
    text = _text(id_="0" * 16, tier="none", keys=KeyPrints(address="0" * 32, trail="0" * 32), **wanted)
    try:
        form = _HavenForm.model_validate(tomllib.loads(text))
        wrong = [name for name, word in wanted.items() if getattr(form, name) != word]
    except ValidationError as faults:
        wrong = [str(one["loc"][0]) for one in faults.errors()]
    except tomllib.TOMLDecodeError:
        wrong = [name for name, word in wanted.items() if '"' in word or "\\" in word or not word.isprintable()]
    for name in wrong:
        message = f"--{name} can't be {wanted[name]!r}: {FILE} would not be read again"
        raise UsageMistake(message, fix=f"give {_WORDS[name]}")


def write_haven_file(
    path: Path, *, id_: str, origin: str, database: str, store: str, tier: str, keys: KeyPrints
) -> None:
    """Write a new haven's description, commented for the person who will extend it; durable when it returns."""
    text = _text(id_=id_, origin=origin, database=database, store=store, tier=tier, keys=keys)
    aside = path / f".{FILE}.new"
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path / FILE)
    sync_folder(path)


def _text(*, id_: str, origin: str, database: str, store: str, tier: str, keys: KeyPrints) -> str:
    return f"""\
# What this haven is and where its parts lie.  No secrets belong here.
schema = 1
id = "{id_}"
origin = "{origin}"        # its name in the trail's checkpoints
database = "{database}"    # "sqlite", or postgresql://user@host/name (password: ~/.pgpass)
store = "{store}"          # "vault" (this folder), or s3://bucket/prefix
address_key = "{keys.address}"    # fingerprints of address.key and trail.key: no other is taken for them
trail_key = "{keys.trail}"
tier = "{tier}"            # T0 … T3: without a fresh setting audit that meets it, nothing leaves; "none": not enforced
key_backups = []           # folders that hold a copy of keyring/: withdrawals destroy keys there too

# Where the trail's checkpoints go, so that nobody can rewrite it unseen.  At least one, on another machine:
# [[witness]]
# kind = "file"
# path = "/mnt/another-machine/checkpoints.txt"
"""
