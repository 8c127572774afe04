"""Go over a data set and collect what in it could identify someone, and what could not be read."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from attrs import frozen

from fivesafes.core.progress import Progress, Silent
from fivesafes.data.model import Residue
from fivesafes.data.residue import files, names, nifti
from fivesafes.data.residue.delimited import read_table
from fivesafes.data.residue.files import Surroundings
from fivesafes.data.residue.place import Place, Unreadable

_LARGEST: Final = 1 << 28
_HISTORIES: Final = frozenset({".git", ".hg", ".svn"})
_HISTORY_TEXTS: Final = re.compile(
    r"/(?:COMMIT_EDITMSG|MERGE_MSG|config|packed-refs|HEAD|FETCH_HEAD|ORIG_HEAD|description|logs/.*)$",
)
_NIFTI: Final = re.compile(r"(?i)\.(?:nii|nii\.gz|hdr|hdr\.gz)(?:~|\.bak|\.orig)?$")
_STAGE: Final = "check files"


@frozen(kw_only=True)
class Unread:
    """A file, or a part of one, that nobody could read, and why."""

    path: str
    why: str


@frozen(kw_only=True)
class Residues:
    """Everything found in one data set; paths are relative to it."""

    findings: tuple[Residue, ...]
    unread: tuple[Unread, ...]
    files: int


def residues_in(dataset: Path, *, now: datetime, progress: Progress | None = None) -> Residues:
    """Look into every file and folder name of a data set.  No file is changed, run or unpickled.

    What can't be read is told and never passed over: a broken file gives an ``Unread``, not an error.
    """
    shown = progress or Silent()
    paths = list(_entries(dataset))
    around = _surroundings(dataset, paths, now)
    findings: dict[Residue, None] = {}
    unread: list[Unread] = []
    told: set[tuple[str, str, str]] = set()
    shown.begin(_STAGE, total=len(paths), unit="files")
    for path in paths:
        place = Place.at(path.relative_to(dataset).as_posix())
        for found in names.find(place):
            findings[found] = None
        if not path.is_dir() or path.is_symlink():
            for found in _guarded(path, place, around, unread):
                if not _is_told(found, told):
                    findings[found] = None
        shown.advance(_STAGE)
    shown.end(_STAGE)
    return Residues(findings=tuple(findings), unread=tuple(unread), files=sum(not path.is_dir() for path in paths))


def _entries(folder: Path) -> Iterator[Path]:
    """Yield folders and files in order; of a version history only its own texts, for its objects are reported whole."""
    for root, folders, members in os.walk(folder):
        folders.sort()
        here = Path(root)
        for name in folders:
            yield here / name
        in_history = bool(_HISTORIES & set(here.relative_to(folder).parts))
        for name in sorted(members):
            path = here / name
            if not in_history or _HISTORY_TEXTS.search(f"/{path.relative_to(folder).as_posix()}"):
                yield path


def _surroundings(dataset: Path, paths: list[Path], now: datetime) -> Surroundings:
    labels = {path.name for path in paths if path.name.startswith("sub-") and path.is_dir()}
    participants = dataset / "participants.tsv"
    try:
        table = read_table(participants.read_bytes())
        labels |= set(table.column(table.identity() or table.columns[0]))
    except (OSError, Unreadable, IndexError):
        pass  # a missing or broken table is met again, and told, on the way
    tabled = {re.sub(r"(?i)\.[ct]sv(?:\.gz)?$", ".json", path.name) for path in paths if ".tsv" in path.name}
    dictionaries = {
        path.relative_to(dataset).as_posix(): described
        for path in paths
        if path.name in tabled and (described := _dictionary(path))
    }
    return Surroundings(now=now, labels=frozenset(labels - {""}), dictionaries=dictionaries)


def _dictionary(path: Path) -> Mapping[str, Any]:
    try:
        parsed = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < _LARGEST >> 4 else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _guarded(path: Path, place: Place, around: Surroundings, unread: list[Unread]) -> Iterator[Residue]:
    """Yield the findings of one file; whatever stops the reading is told as unread."""
    try:
        yield from _look(path, place, around)
    except Unreadable as error:
        unread.append(Unread(path=place.path, why=str(error)))
    except OSError as error:
        unread.append(Unread(path=place.path, why=f"can't be opened: {error.strerror or type(error).__name__}"))
    except Exception as error:  # noqa: BLE001 - a file made to break a reader must not stop the check, nor pass
        unread.append(Unread(path=place.path, why=f"could not be examined ({type(error).__name__})"))


def _look(path: Path, place: Place, around: Surroundings) -> Iterator[Residue]:
    if path.is_symlink():
        target = PurePosixPath(os.readlink(path))  # noqa: PTH115 - the text of the link, not a path of ours
        for part in target.parts:
            for found in names.find(Place(path=part)):
                yield place.residue(found.code.rsplit(".", 1)[-1], "file", part)
        if not path.exists():
            raise Unreadable(why="a link to content that is not here")
        if path.is_dir():
            raise Unreadable(why="a link to a folder, which is not followed")
    described = path.stat()
    if not stat.S_ISREG(described.st_mode):
        raise Unreadable(why="not a regular file")
    if _NIFTI.search(path.name):
        yield from nifti.find(path, place, around.now)
        return
    with path.open("rb") as handle:
        content = handle.read(_LARGEST)
    yield from files.find(content, place, around)
    if described.st_size > _LARGEST:
        raise Unreadable(why=f"only the first {_LARGEST >> 20} MiB were read")


def _is_told(found: Residue, told: set[tuple[str, str, str]]) -> bool:
    """Whether the same header element was already told for a DICOM file of the same folder: series have hundreds."""
    if (
        not (found.locator.startswith("header.") and not _NIFTI.search(found.path))
        and found.code != "data.residue.dicom"
    ):
        return False
    key = (found.path.rpartition("/")[0], found.code, found.locator)
    if key in told:
        return True
    told.add(key)
    return False
