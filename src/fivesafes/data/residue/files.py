"""Send each file to the finder for its kind, told by its first bytes and its name."""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from attrs import field, frozen

from fivesafes.data.model import Residue
from fivesafes.data.residue import (
    archives,
    dicoms,
    drawings,
    pictures,
    recordings,
    sidecars,
    tables,
    texts,
    trained,
    volumes,
)
from fivesafes.data.residue.compressed import MAGIC, GzipReader, find_in_headers
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.tables import Neighbours

_INFLATED_LIMIT: Final = 1 << 28
_DEEPEST: Final = 3
_BACKUP: Final = re.compile(r"(?i)(?:~|\.bak|\.orig|\.old|\.tmp|\.swp|\.\d{8}|#|\.save)+$")
_PICTURES: Final = frozenset([".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".webp", ".heic"])
_PICKLES: Final = frozenset([".pkl", ".pickle", ".joblib", ".p", ".pk"])
_OFFICE: Final = frozenset([".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".xlsm"])
_GEOMETRY: Final = re.compile(
    r"(?i)\.(?:mgz|mgh|img|mif|nrrd|trk|tck|trx|annot|curv|sulc|thickness|area|volume|white|pial|orig|inflated|sphere|"
    r"reg|mnc|stl|ply|vtk|raw|lta|m3z)$|_xfm\.h5$|^[lr]h\.",
)
"""Voxels, surfaces, tracks and transforms: numbers, with text only at their beginning or end."""
_TEXT_TEST: Final = 65_536
_MOSTLY: Final = 0.9
_PICKLE_PROTOCOLS: Final = range(2, 6)


@frozen(kw_only=True)
class Surroundings:
    """What a file's finder may need to know: the moment, the data set's labels, and data dictionaries by path."""

    now: datetime
    labels: frozenset[str] = frozenset()
    dictionaries: Mapping[str, Mapping[str, Any]] = field(factory=dict)


def find(content: bytes, place: Place, around: Surroundings) -> Iterator[Residue]:
    """Yield what the bytes of one file disclose, going into archives and gzip up to three levels deep."""
    if not content:
        return
    if place.member.count("!") >= _DEEPEST:
        raise Unreadable(why="archives inside archives inside archives")
    name = _BACKUP.sub("", PurePosixPath(place.member or place.path).name).lstrip("#.")
    by_bytes = _by_first_bytes(content, name)
    if by_bytes is not None:
        yield from by_bytes(content, place, around)
        return
    yield from _by_name(content, name.lower(), place, around)


_Finder = Callable[[bytes, Place, Surroundings], Iterator[Residue]]


def _by_first_bytes(content: bytes, name: str) -> _Finder | None:
    """Choose by magic number, which no file name can belie; None when only the name can tell."""
    suffix = PurePosixPath(name).suffix.lower()
    if content.startswith(archives.ZIP):
        return _office if suffix in _OFFICE else _zip
    if suffix in _PICTURES or content.startswith((pictures.PNG, pictures.JPEG)):
        return _alone(pictures.find)
    if suffix in _PICKLES or _begins_as_pickle(content):
        return _alone(trained.find_in_pickle)
    return next((finder for fits, finder in _FORMS if fits(content)), None)


def _begins_as_pickle(content: bytes) -> bool:
    """Whether the first opcode is PROTO with a protocol that exists."""
    return content[:1] == b"\x80" and content[1:2] != b"" and content[1] in _PICKLE_PROTOCOLS


def _alone(finder: Callable[[bytes, Place], Iterator[Residue]]) -> _Finder:
    """Call a finder that needs to know nothing of the surroundings."""
    return lambda content, place, _: finder(content, place)


def _gzip(content: bytes, place: Place, around: Surroundings) -> Iterator[Residue]:
    reader = GzipReader(io.BytesIO(content), limit=_INFLATED_LIMIT)
    try:
        inner = reader.read(_INFLATED_LIMIT)
    finally:
        yield from find_in_headers(reader.headers, place, around.now)
    if reader.after.strip(b"\x00"):
        yield place.residue("unchecked_content", "trailing_bytes", f"{len(reader.after)} bytes")
    shown = PurePosixPath(place.member or place.path).name.removesuffix(".gz").replace(".tgz", ".tar")
    within = place if not place.member else place.inside(shown)
    if inner[257:262] == b"ustar":
        yield from _tar(inner, within, around)
    elif inner.startswith(MAGIC):
        yield from find(inner, place.inside(shown), around)
    else:
        chosen = _by_first_bytes(inner, shown) if inner else None
        yield from chosen(inner, within, around) if chosen else _by_name(inner, shown.lower(), within, around)


def _zip(content: bytes, place: Place, around: Surroundings) -> Iterator[Residue]:
    if PurePosixPath(place.member or place.path).suffix.lower() == ".npz":
        yield from trained.find_in_arrays(content, place)
        return
    yield from archives.find_in_zip(content, place, around.now, lambda inner, where: find(inner, where, around))


def _tar(content: bytes, place: Place, around: Surroundings) -> Iterator[Residue]:
    yield from archives.find_in_tar(content, place, around.now, lambda inner, where: find(inner, where, around))


def _office(content: bytes, place: Place, around: Surroundings) -> Iterator[Residue]:
    yield from archives.find_in_office(content, place)
    rows = archives.sheet_rows(content)
    if rows is not None:
        yield from tables.find(rows, place, _neighbours(place, around))


def _neighbours(place: Place, around: Surroundings) -> Neighbours:
    stem = re.sub(r"(?i)\.[ct]sv(?:\.gz)?$", "", place.path)
    return Neighbours(labels=around.labels, dictionary=around.dictionaries.get(f"{stem}.json", {}))


def _by_name(content: bytes, name: str, place: Place, around: Surroundings) -> Iterator[Residue]:
    if name.endswith((".json", ".ipynb")):
        yield from _json(content, place, around)
    elif name.endswith((".tsv", ".csv")):
        yield from tables.find(content, place, _neighbours(place, around))
    elif name.endswith((".mgh", ".mgz")):
        yield from volumes.find_in_mgh(content, place)
    elif name.endswith(".mha"):
        yield from volumes.find_in_metaimage(content, place)
    elif name.endswith(".svg") and _is_text(content):
        yield from drawings.find_in_svg(content, place)
    elif _GEOMETRY.search(name) and not _is_text(content):
        yield from recordings.find_in_geometry(content, place)
    elif not _is_text(content):
        yield from recordings.find_in_bytes(content, place)
    else:
        yield from texts.find(content, place)


def _json(content: bytes, place: Place, around: Surroundings) -> Iterator[Residue]:
    try:
        sidecars.parse(content)
    except Unreadable:
        # What can't be parsed may still be read.
        yield from texts.find(content, place)
        raise
    yield from sidecars.find(content, place, around.labels)


def _is_text(content: bytes) -> bool:
    """Whether the bytes read as text: UTF-16 by its mark, else hardly any control characters."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    head = content[:_TEXT_TEST]
    if b"\x00" in head:
        return False
    printable = sum(byte >= 0x20 or byte in b"\t\n\r\f\x1b" for byte in head)  # noqa: PLR2004 - the first printable character
    return printable >= _MOSTLY * len(head)


_FORMS: Final[tuple[tuple[Callable[[bytes], bool], _Finder], ...]] = (
    (lambda content: content.startswith(MAGIC), _gzip),
    (lambda content: content[257:262] == b"ustar", _tar),
    (lambda content: content.startswith(volumes.NRRD), _alone(volumes.find_in_nrrd)),
    (lambda content: content.startswith(volumes.NETCDF), _alone(volumes.find_in_minc)),
    (dicoms.is_dicom, _alone(dicoms.find)),
    (lambda content: content.startswith(b"%PDF"), _alone(drawings.find_in_pdf)),
    (lambda content: content.startswith(b"\x93NUMPY"), _alone(trained.find_in_arrays)),
    (recordings.is_edf, _alone(recordings.find_in_edf)),
)
