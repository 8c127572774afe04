"""Look into the headers of volumes of other programs: NRRD, MetaImage, MGH, and MINC of the first kind.

What is told of their voxels is told elsewhere: ``check`` looks for faces in them.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from fivesafes.data.model import Residue
from fivesafes.data.residue import recordings, sidecars, texts
from fivesafes.data.residue.place import Place, Unreadable

NRRD: Final = b"NRRD000"
NETCDF: Final = b"CDF\x01"
METAIMAGE: Final = re.compile(
    rb"(?:[ \t]*\w+[ \t]*[=:][^\r\n]*\r?\n){1,400}?[ \t]*ElementDataFile[ \t]*[=:][^\r\n]*\r?\n"
)
"""All of a MetaImage's header: what follows it are voxels."""

_EMPTY_LINE: Final = re.compile(rb"\n\r?\n|\Z")
_LONGEST: Final = 1 << 20  # bytes
_MGH_VOXELS: Final = 284
_MGH_BYTES: Final = {0: 1, 1: 4, 3: 4, 4: 2, 10: 2}
_RUN: Final = re.compile(rb"[\x20-\x7e]{8,}")
"""Of texts behind MGH's voxels: among the numbers that stand there too, chance makes shorter ones."""

_KEYED: Final = re.compile(r"\s+(?=(?:Program\w+|\w*TimeStamp|CVS|User|Machine|Platform\w*|Compiler\w+): )")
"""Where a command line of FreeSurfer goes on with the next key."""

_LISTS: Final = frozenset({10, 11, 12})
"""How lists of axes, variables and attributes begin; one that is absent begins with 0."""
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8}
_TEXT: Final = 2


def find_in_nrrd(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what fields, keys and comments of an NRRD header disclose, line by line."""
    end = _EMPTY_LINE.search(content, 0, _LONGEST)
    header = content[: end.start() if end else _LONGEST].decode("utf-8", "replace")
    yield from texts.find_in_lines(header.replace(":=", ": "), place)


def find_in_metaimage(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what the keys of a MetaImage's header disclose, line by line."""
    header = METAIMAGE.match(content, 0, _LONGEST)
    if header is None:
        yield from recordings.find_in_bytes(content, place)
    else:
        yield from texts.find_in_lines(header[0].decode("utf-8", "replace"), place)


def find_in_mgh(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what stands around the voxels of an MGH file: command lines with users, machines, days and paths."""
    if len(content) < _MGH_VOXELS:
        raise Unreadable(why="shorter than an MGH header")
    *dims, kind = struct.unpack(">5i", content[4:24])
    size = _MGH_BYTES.get(kind, 0)
    for extent in dims:
        size *= max(extent, 0)
    behind = content[24:_MGH_VOXELS] + b"\0" + content[_MGH_VOXELS + size :][:_LONGEST]
    told = b"\n".join(_RUN.findall(behind)).decode("ascii")
    yield from texts.find_in_lines(_KEYED.sub("\n", told).replace("\nMachine: ", "\nMachineName: "), place)


def find_in_minc(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what attributes disclose, by variable and name: ``patient.full_name``, ``history``.

    Raises Unreadable when the header of the netCDF file is broken.
    """
    try:
        told = _Attributes(content).read()
    except (struct.error, KeyError, IndexError) as error:
        raise Unreadable(why="its netCDF header is broken") from error
    yield from sidecars.walk(told, place)


class _Attributes:
    """The texts in the header of a netCDF file (classic format): lists of axes, attributes and variables."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 8

    def read(self) -> Mapping[str, object]:
        """Give the attributes that are texts, those of variables under their names."""
        for _ in range(self._count()):
            self._name()
            self._number()
        told: dict[str, object] = dict(self._attributes())
        for _ in range(self._count()):
            name = self._name()
            for _ in range(self._number()):
                self._number()
            told[name] = self._attributes()
            self._take(12)  # kind, size and place of its values
        return told

    def _attributes(self) -> dict[str, str]:
        told = {}
        for _ in range(self._count()):
            name, kind, count = self._name(), self._number(), self._number()
            value = self._take(count * _SIZES[kind])
            if kind == _TEXT:
                told[name] = value.decode("latin-1").strip("\0 \n")
        return told

    def _count(self) -> int:
        kind, count = self._number(), self._number()
        return count if kind in _LISTS else 0

    def _name(self) -> str:
        return self._take(self._number()).decode("latin-1")

    def _number(self) -> int:
        found: int = struct.unpack(">i", self._take(4))[0]
        if found < 0:
            raise struct.error
        return found

    def _take(self, count: int) -> bytes:
        """Take so many bytes and what fills them up to four."""
        taken = self._content[self._at : self._at + count]
        if len(taken) < count:
            raise struct.error
        self._at += count + -count % 4
        return taken
