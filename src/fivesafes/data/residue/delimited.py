"""Read a table of text: tabs, commas or semicolons, with or without a header line."""

import csv
import io
import re
from typing import Final

from attrs import frozen

from fivesafes.data.residue.place import Unreadable

MOST_ROWS: Final = 200_000
_SNIFFED: Final = 8_192
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|n/a|nan", re.IGNORECASE)
_IDENTITIES: Final = ("participant_id", "participantid", "subject_id", "subject", "sub", "bids_id", "participant", "id")


@frozen(kw_only=True)
class Delimited:
    """A table as text.  Each row has as many cells as there are columns; ``cut`` tells that rows were left out."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    headed: bool = True
    cut: bool = False

    def column(self, name: str) -> tuple[str, ...]:
        """Give the cells of the first column of that name; raises ValueError when there is none."""
        index = self.columns.index(name)
        return tuple(row[index] for row in self.rows)

    def identity(self) -> str | None:
        """Name the column that says whose row it is: ``participant_id``, or one that holds ``sub-…`` labels."""
        for name in self.columns:
            cells = [cell for cell in self.column(name) if cell]
            if cells and sum(cell.startswith("sub-") for cell in cells) * 2 > len(cells):
                return name
        lowered = {name.lower(): name for name in reversed(self.columns)}
        return next((lowered[name] for name in _IDENTITIES if name in lowered), None)

    def records(self) -> list[dict[str, str]]:
        """Give the rows as mappings from column to cell."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def decoded(content: bytes) -> str:
    """Decode a text by its byte-order mark, as UTF-8, or as Latin-1; raises Unreadable for bytes that are no text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    head = content[:_SNIFFED]
    if b"\x00" in head:
        raise Unreadable(why="holds null bytes where text was expected")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def is_number(cell: str) -> bool:
    """Whether a cell is a plain number or says that there is none."""
    return bool(_NUMBER.fullmatch(cell.strip()))


def read_table(content: bytes, *, most_rows: int = MOST_ROWS) -> Delimited:
    """Read a table, telling its delimiter from its first line; raises Unreadable when it isn't one."""
    text = decoded(content)
    first = text.lstrip("\n\r").split("\n", 1)[0]
    counts = {mark: first.count(mark) for mark in "\t,;|"}
    delimiter = "\t" if counts["\t"] else max(counts, key=lambda mark: counts[mark])
    try:
        lines = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise Unreadable(why="not a table that can be read: a field is too long or broken") from error
    if not lines:
        return Delimited(columns=(), rows=())
    headed = not all(is_number(cell) for cell in lines[0])
    head = lines[0] if headed else [f"{number}" for number in range(1, len(lines[0]) + 1)]
    body = lines[1:] if headed else lines
    width = len(head)
    rows = tuple(tuple(cell.strip() for cell in (row + [""] * width)[:width]) for row in body[:most_rows])
    return Delimited(
        columns=tuple(name.strip() for name in head),
        rows=rows,
        headed=headed,
        cut=len(body) > most_rows,
    )
