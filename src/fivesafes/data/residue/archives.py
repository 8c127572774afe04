"""Look into zip and tar archives, Office documents among them: members' names, times, owners and contents."""

import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from fivesafes.data.model import Residue
from fivesafes.data.residue import names
from fivesafes.data.residue.loose import worst_spot
from fivesafes.data.residue.pictures import judged_text
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.spots import PROSE

ZIP: Final = b"PK\x03\x04"
_MEMBER_LIMIT: Final = 1 << 27
_TOTAL_LIMIT: Final = 1 << 29
_MOST_MEMBERS: Final = 10_000
_NO_TIME: Final = (1980, 1, 1)
_FRESH_SECONDS: Final = 86_400
_NOBODY: Final = frozenset({"", "root", "user", "users", "nobody", "wheel", "staff", "ubuntu", "docker"})

Inside = Callable[[bytes, Place], Iterator[Residue]]
"""Looks at one member's bytes as at a file of that name."""


def find_in_zip(content: bytes, place: Place, now: datetime, inside: Inside) -> Iterator[Residue]:
    """Yield what a zip archive discloses; raises Unreadable for broken, encrypted or far too large ones."""
    left = _TOTAL_LIMIT
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.comment:
                yield from _commented(archive.comment, place)
            yield from _zip_times(archive, place, now)
            for member in archive.infolist()[:_MOST_MEMBERS]:
                yield from _named(member.filename, place)
                if member.comment:
                    yield from _commented(member.comment, place)
                if member.is_dir():
                    continue
                left -= member.file_size
                if member.file_size > _MEMBER_LIMIT or left < 0:
                    raise Unreadable(why="an archive that unpacks to more than is read here")
                yield from _member(archive.read(member), member.filename, place, inside)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise Unreadable(why="an archive that is broken or encrypted") from error


def _zip_times(archive: zipfile.ZipFile, place: Place, now: datetime) -> Iterator[Residue]:
    for member in archive.infolist():
        if member.date_time[:3] > _NO_TIME:
            try:
                written = datetime(*member.date_time, tzinfo=UTC)
            except ValueError:
                continue
            yield place.residue(_time_code(written, now), "file", member.date_time)
            return


def _time_code(written: datetime, now: datetime) -> str:
    return "made_on" if abs((now - written).total_seconds()) < _FRESH_SECONDS else "date"


def _commented(comment: bytes, place: Place) -> Iterator[Residue]:
    text = comment.decode("utf-8", errors="replace")
    yield place.residue(judged_text("comment", text) or "hidden_text", "comment", text)


def _named(name: str, place: Place) -> Iterator[Residue]:
    """Look at each part of a member's name."""
    parts = PurePosixPath(name).parts
    for depth in range(1, len(parts) + 1):
        for found in names.find(Place(path="/".join(parts[:depth]))):
            yield place.inside(name).residue(found.code.rsplit(".", 1)[-1], found.locator, parts[depth - 1])


def _member(content: bytes, name: str, place: Place, inside: Inside) -> Iterator[Residue]:
    yield from inside(content, place.inside(name))


def find_in_tar(content: bytes, place: Place, now: datetime, inside: Inside) -> Iterator[Residue]:
    """Yield what a tar archive discloses: besides its members, the owner's name and the times."""
    left = _TOTAL_LIMIT
    told: set[str] = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for count, member in enumerate(archive):
                if count > _MOST_MEMBERS:
                    raise Unreadable(why=f"only the first {_MOST_MEMBERS} members were read")
                yield from _tar_header(member, place, now, told)
                yield from _named(member.name, place)
                left -= member.size
                if member.size > _MEMBER_LIMIT or left < 0:
                    raise Unreadable(why="an archive that unpacks to more than is read here")
                handle = archive.extractfile(member) if member.isfile() else None
                if handle is not None:
                    yield from _member(handle.read(), member.name, place, inside)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise Unreadable(why="an archive that is broken") from error


def _tar_header(member: tarfile.TarInfo, place: Place, now: datetime, told: set[str]) -> Iterator[Residue]:
    if member.mtime and "time" not in told:
        told.add("time")
        written = datetime.fromtimestamp(member.mtime, tz=UTC)
        yield place.residue(_time_code(written, now), "file", member.mtime)
    if member.uname not in _NOBODY and member.uname not in told:
        told.add(member.uname)
        yield place.residue("home_path", "file", member.uname)


def find_in_office(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what a Word, Excel or OpenDocument file discloses: its properties and its texts, run by run."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {m.filename: archive.read(m) for m in archive.infolist() if _is_text_part(m)}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise Unreadable(why="a document that is broken or encrypted") from error
    for name, part in parts.items():
        text = part.decode("utf-8", errors="replace")
        if name in ("docProps/core.xml", "meta.xml"):
            for key, value in re.findall(r"<(?:\w+:)(\w+)[^>]*>([^<]+)</", text):
                if key in ("creator", "lastModifiedBy", "initial-creator") and value.strip():
                    yield place.residue("staff_name", f"text:{key}", value)
        else:
            best = worst_spot([run for run in re.split(r"<[^>]*>", text) if run.strip()], PROSE)
            if best:
                yield place.residue(best[0], f"text:{name}", best[1])


def _is_text_part(member: zipfile.ZipInfo) -> bool:
    return member.file_size < _MEMBER_LIMIT >> 2 and bool(
        re.search(
            r"(?:sharedStrings|sheet\d+|document|core|comments\d*|header\d*|footer\d*|content|meta|slide\d+)\.xml$",
            member.filename,
        ),
    )


def sheet_rows(content: bytes) -> bytes | None:
    """Turn the first sheet of an Excel file into a table of tabs; None when there is none.

    XML is read by patterns: an entity is never expanded and nothing is fetched.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            named = set(archive.namelist())
            if "xl/worksheets/sheet1.xml" not in named:
                return None
            sheet = archive.read("xl/worksheets/sheet1.xml").decode("utf-8", errors="replace")
            known = "xl/sharedStrings.xml"
            shared = archive.read(known).decode("utf-8", errors="replace") if known in named else ""
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError):
        return None
    texts = [
        "".join(re.findall(r"<t\b[^>]*>([^<]*)</t>", item)) for item in re.findall(r"<si>(.*?)</si>", shared, re.DOTALL)
    ]
    lines = [_sheet_row(row, texts) for row in re.findall(r"<row\b[^>]*>(.*?)</row>", sheet, re.DOTALL)]
    return "\n".join(lines).encode() if lines else None


def _sheet_row(row: str, texts: list[str]) -> str:
    cells: list[str] = []
    for attributes, body in re.findall(r"<c\b([^>]*?)(?:/>|>(.*?)</c>)", row, re.DOTALL):
        column = re.search(r'r="([A-Z]+)\d+"', attributes)
        if column:
            wanted = _column_index(column.group(1))
            cells += [""] * min(wanted - len(cells), 10_000)
        value = re.search(r"<v>([^<]*)</v>|<t\b[^>]*>([^<]*)</t>", body)
        text = (value.group(1) or value.group(2) or "") if value else ""
        if 't="s"' in attributes and text.isdigit() and int(text) < len(texts):
            text = texts[int(text)]
        cells.append(re.sub(r"[\t\r\n]", " ", text))
    return "\t".join(cells)


def _column_index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
