"""The sealed keys of a restored haven: those of people who take part, and of projects that are there."""

from collections.abc import Iterator
from pathlib import Path

from fivesafes.core.errors import UsageMistake
from fivesafes.flow.haven.model import ParticipantState, ProjectState
from fivesafes.flow.sealed import keys_expected
from fivesafes.setting.vault.keys import PARTICIPANTS, PROJECTS
from fivesafes.stores.backup.keys import KEYRING
from fivesafes.stores.backup.manifest import copy_durably
from fivesafes.stores.backup.tombstones import Tombstones, keys_head
from fivesafes.stores.blobs import make_private
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.keyring_files import FileKeyRing
from fivesafes.stores.models import Participant, Project


def check_keys(keys: Path, haven: str) -> None:
    """Raise UsageMistake unless a folder holds a finished backup of this haven's keys."""
    head = keys_head(keys)
    if not head:
        message = "there is no finished backup of keys in this folder"
        raise UsageMistake(message, fix="give the folder that fivesafes backup keys wrote")
    if head.get("haven") != haven:
        message = "these keys and this data are of two havens"
        raise UsageMistake(message, fix="give the backup of the keys that belongs to this backup of the data")


def known_places(keys: Path, haven: HavenFile) -> tuple[Path, ...]:
    """Name every folder that is known to hold copies of the haven's keys, this one first."""
    return tuple(dict.fromkeys((*_filled(keys), *haven.key_backups)))


def _filled(keys: Path) -> tuple[Path, ...]:
    """Name those to which keys are known to have been copied."""
    return (keys.resolve(), *(Path(str(one)) for one in keys_head(keys).get("places", [])))


def place_keys(keys: Path, haven: HavenFile, tombstones: Tombstones) -> int:
    """Copy the keys into the haven's keyring, but none that an old copy still has of somebody who left.

    The books must be open.  Gives how many keys the books name that the backup has not.  The folders that hold copies
    are written down before the first key is copied, so that later withdrawals reach them.
    """
    make_private(haven.keyring)
    ring = FileKeyRing(haven.keyring, backups=haven.key_backups, haven=haven.id)
    for place in _filled(keys):
        ring.record_place(place)
    gone = _Gone(tombstones)
    source = keys / KEYRING
    copied = set()
    for name in _names(source):
        if not gone.has(name):
            copy_durably(source / name, haven.keyring / name)
            copied.add(name)
    there, _ = keys_expected(DjangoBooks())
    return len(there - copied)


def _names(source: Path) -> Iterator[str]:
    for path in sorted(source.rglob("*.age")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(source).as_posix()


class _Gone:
    """Whose keys must not come back: by the books, and by what stands beside the keys."""

    def __init__(self, tombstones: Tombstones) -> None:
        left = Participant.objects.exclude(state=ParticipantState.ACTIVE.value)
        self._people = {*left.values_list("id", flat=True), *tombstones.withdrew}
        disposed = Project.objects.filter(state=ProjectState.DISPOSED.value)
        self._projects = {*disposed.values_list("id", flat=True), *tombstones.disposals}

    def has(self, name: str) -> bool:
        """Whether a key must not come back."""
        if name.startswith(PARTICIPANTS):
            return name.removeprefix(PARTICIPANTS).partition(".")[0] in self._people
        own = name.removeprefix(PROJECTS)
        return name.startswith(PROJECTS) and any(
            own.startswith((f"{one}.pseudonyms.", f"{one}.quarantine.")) for one in self._projects
        )
