"""A series' originals, wherever they lie: in the user's folder as they came, or sealed in a vault."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from attrs import frozen

from fivesafes.core.ids import Identifying


class Originals(Protocol):
    """The original instances of one series, in order; read one after another, in memory only."""

    def __len__(self) -> int:
        """Count the instances."""

    def __iter__(self) -> Iterator[bytes]:
        """Give each instance's bytes as received.  Raises a FiveSafesError when one may not be read (any more)."""


@frozen
class InPlace:
    """Originals that are read where the user keeps them."""

    paths: tuple[Identifying[Path], ...]

    def __len__(self) -> int:
        """Count the files."""
        return len(self.paths)

    def __iter__(self) -> Iterator[bytes]:
        """Read each file."""
        for path in self.paths:
            yield path.reveal().read_bytes()
