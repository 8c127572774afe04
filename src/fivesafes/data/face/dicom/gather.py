"""Look at every file of a folder once, and sort what is DICOM into series; headers are kept, pixels are not."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import field, frozen

from fivesafes.data.face.dicom.instance import Instance, read_instance
from fivesafes.data.header.content import read_content
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.mapped import digest_of
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.model import FileStatus

_LABEL_LETTERS: Final = 8
CLOSED: Final = "the system does not let this folder be opened, so that nobody knows what is in it"


@frozen(kw_only=True)
class Series:
    """The objects of one series.  ``label`` tells series of one folder apart and says nothing of the series' UID."""

    label: str
    instances: tuple[Instance, ...] = field(repr=False)
    unfit: str | None = None

    @property
    def folder(self) -> Path:
        """The innermost folder that holds all files of the series."""
        return Path(os.path.commonpath([one.path.parent for one in self.instances]))

    @property
    def study(self) -> str:
        """The UID of the study."""
        return self.instances[0].series.partition(" ")[0]

    @property
    def number(self) -> int:
        """How the scanner counted the series."""
        return self.instances[0].series_number

    @property
    def pseudonymous(self) -> bool:
        """Whether each header says that the identity was removed from it."""
        return all(one.pseudonymous for one in self.instances)


@frozen(kw_only=True)
class Other:
    """A file that belongs to no series, and why: no DICOM, a copy, no slice, or ``damaged``: DICOM once."""

    path: Path
    why: str
    damaged: bool = False


@frozen(kw_only=True)
class Gathered:
    """What lies in a folder, at any depth."""

    series: tuple[Series, ...]
    others: tuple[Other, ...]


def gather(folder: Path) -> Gathered:
    """Sort the files of a folder into series; links are not followed."""
    found: dict[str, list[Instance]] = {}
    others: list[Other] = []
    for path in _files(folder, others):
        if path.is_symlink():
            others.append(Other(path=path, why="a link: only files that lie in the folder themselves are read"))
            continue
        try:
            one = read_instance(path, open_data_set(read_content(path)))
        except Malformed as malformed:
            damaged = malformed.status is not FileStatus.NOT_DICOM
            others.append(Other(path=path, why=malformed.why, damaged=damaged))
            continue
        found.setdefault(one.series, []).append(one)
    series = []
    for uid, ones in found.items():
        slices = [one for one in ones if not one.apart]
        others += [Other(path=one.path, why=one.unfit or "") for one in ones if one.apart]
        if slices:
            series.append(_series(uid, slices, others))
    return Gathered(series=tuple(sorted(series, key=_order)), others=tuple(others))


def _files(folder: Path, others: list[Other]) -> Iterator[Path]:
    """Yield every file at any depth; folders that can't be opened are put among the others."""

    def note(error: OSError) -> None:
        others.append(Other(path=Path(error.filename), why=CLOSED, damaged=True))

    for place, folders, names in os.walk(folder, onerror=note):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def _order(series: Series) -> tuple[str, str]:
    return str(series.instances[0].path), series.label


def _series(uid: str, ones: list[Instance], others: list[Other]) -> Series:
    """Order the objects of a series; two objects under one UID make it unfit.

    Copies are put among the others.
    """
    label = hashlib.sha256(uid.encode()).hexdigest()[:_LABEL_LETTERS]
    by_uid: dict[str, list[Instance]] = {}
    for one in ones:
        by_uid.setdefault(one.sop, []).append(one)
    kept, unfit = [], next((one.unfit for one in ones if one.unfit), None)
    for alike in by_uid.values():
        first, *more = alike
        kept.append(first)
        for one in more:
            if _digest(one.path) == _digest(first.path):
                others.append(Other(path=one.path, why="the same object is there already"))
            else:
                kept.append(one)
                unfit = "two of its files bear the same SOPInstanceUID and are not the same: take the wrong one away"
    ordered = sorted(kept, key=lambda one: (one.number, str(one.path)))
    return Series(label=label, instances=tuple(ordered), unfit=unfit)


def _digest(path: Path) -> str:
    """Digest a data set: preamble and file meta information make no other object."""
    try:
        data_set = open_data_set(read_content(path))
    except Malformed:
        return str(path)
    return digest_of(memoryview(data_set.buffer)[data_set.start :])
