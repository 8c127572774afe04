"""Folders that hold copies of the haven's keys: what lies in them, and whether they are there at all.

An empty folder may be the mount point of a disk that is not plugged in.  So a folder into which keys were copied counts
as there only while it shows that it is the one: by ``keys.json`` or ``tombstones.json`` with the haven's id, anywhere
below it.  What may not be read counts as away.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from pydantic import TypeAdapter, ValidationError

from fivesafes.core.errors import InvalidInput, PartlyDone

KEYS_HEAD: Final = "keys.json"
TOMBSTONES: Final = "tombstones.json"
PLACES: Final = "places.json"


class PlaceAway(PartlyDone):
    """The ``places`` that could not be reached, or not be read in full, may still hold what was to be destroyed.

    ``unread``: what can't be known of further places, or nothing.
    """

    places: tuple[Path, ...] = ()
    unread: str = ""


class PlacesUnread(InvalidInput):
    """The list of places is missing or damaged: keys might lie anywhere."""

    unread: Final = f"what {PLACES} in the keyring names (missing or damaged: keyring/ in a backup of the keys has it)"


@frozen(kw_only=True)
class Looked:
    """Every file that was found below a folder, and what kept us from seeing more."""

    files: tuple[Path, ...]
    faults: tuple[OSError, ...] = ()

    def check_whole(self) -> None:
        """Raise the first OSError that kept us from seeing all of it."""
        for fault in self.faults:
            raise fault


def looked_through(place: Path) -> Looked:
    """Find every file below a folder; links to other folders are not followed."""
    faults: list[OSError] = []
    files = tuple(Path(folder) / name for folder, _, names in os.walk(place, onerror=faults.append) for name in names)
    return Looked(files=files, faults=tuple(faults))


def head_of(file: Path) -> Mapping[str, Any]:
    """Read what lies beside keys and says whose they are; empty when it is missing or damaged."""
    try:
        head = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return head if isinstance(head, dict) else {}


def backups_among(files: Iterable[Path], haven: str) -> list[Path]:
    """Name the folders that are backups of this haven's keys."""
    return [file.parent for file in files if file.name == KEYS_HEAD and head_of(file).get("haven") == haven]


def shows(files: Iterable[Path], haven: str) -> bool:
    """Whether a word of this haven lies among the files."""
    heads = sorted((file for file in files if file.name in {KEYS_HEAD, TOMBSTONES}), key=lambda one: one.name)
    return bool(haven) and any(head_of(file).get("haven") == haven for file in heads)


def hold_keys(files: Iterable[Path]) -> bool:
    """Whether a sealed key lies among the files, of whichever haven."""
    return any(file.suffix == ".age" and not file.name.startswith(".") for file in files)


def holds(known: Path, place: Path) -> bool:
    """Whether a folder is another or lies in it on the same disk: of two disks one may be away."""
    return place == known or (place.is_relative_to(known) and device_of(place) == device_of(known))


def device_of(path: Path) -> object:
    """Tell on which file system a folder lies, or will lie."""
    return next(one for one in (path, *path.parents) if one.exists()).stat().st_dev


def read_places(file: Path) -> list[Path]:
    """Read the list of folders to which keys were copied.  Raises PlacesUnread: it is not taken for an empty one."""
    try:
        return TypeAdapter(list[Path]).validate_json(file.read_bytes(), strict=True)
    except (OSError, ValidationError):
        message = f"the list of folders that hold copies of the keys ({PLACES} in the keyring) is missing or damaged"
        raise PlacesUnread(
            message,
            fix="take it out of keyring/ in a backup of the keys; without one, name all these folders in haven.toml "
            "(key_backups) and write [] into it",
        ) from None


def away_at(places: Sequence[Path], *, unread: str = "") -> PlaceAway:
    """Say which folders are away, and what to do."""
    at = [f"the backup of the keyring at {', '.join(map(str, places))}"] if places else []
    told = PlaceAway(
        f"{' and '.join([*at, *([unread] if unread else [])])} can't be reached, or not be read in full",
        fix="plug its disk in, see that all of it may be read, then run it again; if it was destroyed itself, take it "
        "out of key_backups in haven.toml, if it is there, and run: fivesafes backup forget FOLDER",
    )
    told.places, told.unread = tuple(places), unread
    return told
