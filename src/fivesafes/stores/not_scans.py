"""Folders that are given as scans and are none: a haven, what it is made of, its keys, and the backups of both.

A haven that took its own keyring in would seal every wrapped key under a project's key, where no withdrawal finds it.
Each is known by what lies in it, whoever's it is and whatever its name; where this machine's own lie is known, too.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from fivesafes.core.errors import UsageMistake
from fivesafes.setting.keyring import keys_folder
from fivesafes.stores.backup.manifest import HEAD
from fivesafes.stores.haven_file import FILE, HavenFile
from fivesafes.stores.key_mark import DIGESTS, MARK
from fivesafes.stores.key_places import KEYS_HEAD, TOMBSTONES, head_of

_HAVEN: Final = "a haven"
_KEY_FOLDER: Final = "the key folder"
_KEYS: Final = "a folder of keys"
_HEADS: Final = (
    (KEYS_HEAD, "a backup of keys"),  # before the mark of a keyring, which is copied into it
    (MARK, "a keyring"),
    (TOMBSTONES, "a backup of keys"),
    (HEAD, "a backup of a haven"),
)
"""What lies beside keys and data and says whose they are."""
_OWN_KEYS: Final = frozenset({"address.key", "trail.key"})
_IDENTITY: Final = (".agekey", ".agekey.next")

Known = Mapping[tuple[int, int], str]
"""What folders are that are known by their place (device, inode): a mount of one elsewhere is still that folder."""


def scans_alone(folders: Iterable[Path], *, haven: HavenFile | None = None) -> tuple[Path, ...]:
    """Give the folders without links, and without those that are named twice or lie in another of them.

    Raises UsageMistake when one of them is a haven, a part of it, keys, or a backup of these, lies in one or holds one.
    ``haven`` is the one that is open: its parts may lie on disks of their own.
    """
    known = _known(haven)
    given = list(dict.fromkeys(folder.resolve() for folder in folders))
    for folder in given:
        _check(folder, known)
    return tuple(one for one in given if not any(one != other and one.is_relative_to(other) for other in given))


def around(folder: Path) -> str:
    """Say in which haven, keys or backup a folder lies that may not be there yet; nothing when it lies in none."""
    known = _known(None)
    places = folder.resolve().parents
    return next((f"{what}, {place}" for place in places if (what := _what(place, _there(place), known))), "")


def _check(folder: Path, known: Known) -> None:
    for place in (folder, *folder.parents):
        if what := _what(place, _there(place), known):
            raise _refused("is" if place == folder else "lies in", what, place)
    for inner, _, names in os.walk(folder):  # what may not be read is told of when it is looked at
        place = Path(inner)
        what = _what(place, frozenset(names).__contains__, known)
        if not what and any(name.endswith(_IDENTITY) for name in names):
            what = _KEYS
        if what:
            raise _refused("is" if place == folder else "holds", what, place)


def _refused(how: str, what: str, place: Path) -> UsageMistake:
    return UsageMistake(
        f"a folder given as scans {how} {what}, {place}: it is never taken in, and nothing was read of it",
        fix="give the folder that holds the scans and nothing else; scans that lie there are moved out of it first",
    )


def _there(folder: Path) -> Callable[[str], bool]:
    return lambda name: (folder / name).is_file()


def _what(folder: Path, there: Callable[[str], bool], known: Known) -> str:
    """Say what a folder is by its place or by the files in it; nothing when it may hold scans."""
    if what := next((known[place] for place in _place(folder) if place in known), ""):
        return what
    if there(FILE):
        return _HAVEN
    if any(map(there, _OWN_KEYS)):
        return _KEYS
    heads = (what for name, what in _HEADS if there(name) and _names_haven(folder / name))
    return next(heads, "a keyring" if there(MARK) and there(DIGESTS) else "")


def _names_haven(head: Path) -> bool:
    return bool(head_of(head).get("haven"))


def _known(haven: HavenFile | None) -> Known:
    parts = () if haven is None else (haven.keyring, haven.vault, haven.projects)
    named = {**dict.fromkeys(parts, "a part of the haven"), keys_folder(): _KEY_FOLDER}
    named |= {} if haven is None else {haven.path: _HAVEN}
    return {place: what for folder, what in named.items() for place in _place(folder)}


def _place(folder: Path) -> Iterator[tuple[int, int]]:
    """Give where a folder lies, wherever it is seen; nothing where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return
    yield status.st_dev, status.st_ino
