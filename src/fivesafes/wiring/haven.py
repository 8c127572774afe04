"""A haven put together: its file, its database, its keys, its vault."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from fivesafes.core.event import Clock, utc_now
from fivesafes.setting.keyring import keys_folder
from fivesafes.stores.database import opened_database
from fivesafes.stores.haven_file import HavenFile, find_haven, read_haven_file


@frozen(kw_only=True)
class OpenHaven:
    """A haven whose database is open."""

    config: HavenFile
    clock: Clock

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


@contextmanager
def opened_haven(path: Path | None, *, clock: Clock = utc_now) -> Iterator[OpenHaven]:
    """Find a haven, open its database, and close it afterwards.

    Raises UsageMistake when there is none, InvalidInput when its file is wrong.
    """
    config = read_haven_file(find_haven(path))
    with opened_database(config.database_config()):
        yield OpenHaven(config=config, clock=clock)
