"""A haven put together: its file, its database, its keys, its vault."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from fivesafes.core.errors import UsageMistake
from fivesafes.core.event import Clock, utc_now
from fivesafes.flow.controls import current_policy_digest
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.model import KeptProject
from fivesafes.flow.haven.newcomers import KeyringNewcomers
from fivesafes.flow.haven.ports import Books, Jobs
from fivesafes.setting.keyring import keys_folder
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.keys import Openers
from fivesafes.setting.vault.ports import Blobs, KeyRing
from fivesafes.setting.vault.vault import Vault
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database
from fivesafes.stores.founding import owner
from fivesafes.stores.haven_file import HavenFile, find_haven, read_haven_file
from fivesafes.stores.jobs import DjangoJobs
from fivesafes.stores.workshop import for_us_alone, no_core_dumps
from fivesafes.stores.workspaces import FolderWorkspaces
from fivesafes.wiring.vault import addresser_of, blobs_of, openers, ring_of


@frozen(kw_only=True)
class OpenHaven:
    """A haven whose database is open."""

    config: HavenFile
    clock: Clock
    books: Books
    jobs: Jobs
    keyring: KeyRing
    blobs: Blobs
    workspaces: FolderWorkspaces

    @property
    def id(self) -> str:
        """Its id: 16 hexadecimal digits."""
        return self.config.id

    @property
    def origin(self) -> str:
        """Its name in the trail's checkpoints."""
        return self.config.origin

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.config.path

    @property
    def keys(self) -> Path:
        """The folder of its keys in clear, outside the haven: ``address.key``, ``trail.key``, ``worker.agekey``."""
        return keys_folder() / "havens" / self.id

    def openers(self) -> Openers:
        """Say who can open what is sealed from now on."""
        return openers()

    def addresser(self, project: str) -> Addresser:
        """Give the keyed names of a project.  Raises PolicyInvalid when the haven's address key is not here."""
        return addresser_of(self.config, self.keys, project)

    def vault(self, project: str) -> Vault:
        """Give the vault of a project."""
        return Vault(self.blobs, self.addresser(project))

    def newcomers(self, project: str) -> KeyringNewcomers:
        """Give who takes people into a project."""
        return KeyringNewcomers(ring=self.keyring, openers=self.openers, addresser=self.addresser(project))

    def author(self, name: str) -> Author:
        """Give the hand that writes into the trail."""
        return Author(name=name, clock=self.clock, policy_digest=current_policy_digest())

    def project(self, id_: str) -> KeptProject:
        """Give a project.  Raises UsageMistake when the haven has none of that id."""
        kept = self.books.project(id_)
        if kept is None:
            known = ", ".join(one.id for one in self.books.projects()) or "none yet"
            message = f"the haven has no project {id_!r} (it has: {known})"
            raise UsageMistake(message, fix="register it: fivesafes project add STUDY.toml")
        return kept


@contextmanager
def opened_haven(path: Path | None, *, clock: Clock = utc_now) -> Iterator[OpenHaven]:
    """Find a haven, open its database, and close it afterwards.

    Raises UsageMistake when there is none or the database is another haven's, InvalidInput when its file is wrong.
    """
    config = read_haven_file(find_haven(path))
    no_core_dumps()
    with for_us_alone(), current_database(config.database_config()):
        if owner() != config.id:
            message = "the database that haven.toml names belongs to another haven, or to none"
            raise UsageMistake(message, fix="mend haven.toml, or restore the database from the backup")
        yield OpenHaven(
            config=config,
            clock=clock,
            books=DjangoBooks(),
            jobs=DjangoJobs(),
            keyring=ring_of(config),
            blobs=blobs_of(config, keys_folder() / "havens" / config.id),
            workspaces=FolderWorkspaces(config.projects),
        )
