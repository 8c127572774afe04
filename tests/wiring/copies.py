"""Both backups of a haven with one person's scans: where they lie, and a restore from them."""

from pathlib import Path
from typing import Any

import pytest
from tests.wiring.conftest import Place, data_of, keys_of

from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import WithdrawalKind
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.stores.backup import Restored
from fivesafes.wiring.backup import (
    Restoring,
    restore_haven,
    test_restore,
)
from fivesafes.wiring.consent import means_of

test_restore.__test__ = False  # type: ignore[attr-defined]  # a command of that name, and no test of ours

ON_FILES = pytest.mark.parametrize("haven_database", ["sqlite"], indirect=True)
"""For what does not depend on the kind of database."""


def wish(place: Place, **more: Any) -> Restoring:  # noqa: ANN401 - any field
    """Wish for a restore of both."""
    return Restoring(backup=data_of(place), keys=keys_of(place), **more)


def back(place: Place, database: str, *, to: str = "back", **more: Any) -> Restored:  # noqa: ANN401 - as above
    """Restore."""
    return restore_haven(
        wish(place, **more), to=place.folder / to, database=database, progress=Silent(), clock=place.clock
    )


def custodian(place: Place) -> Path:
    """Find a custodian's identity."""
    with place.open() as haven:
        return min((haven.keys / "custodians").iterdir())


def take_back(place: Place, kind: WithdrawalKind) -> bool:
    """Let the person take something back; tell whether it is done."""
    with place.open() as haven:
        (person,) = haven.books.participants("journey")
        return withdraw(means_of(haven, by="Dr C"), person.id, kind).done


def files(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def size_of(path: Path) -> int:
    """Tell a file's size."""
    return path.stat().st_size
