"""Read a policy file row by row; refuse, with file, line, reason and an example, what can't be meant."""

import csv
import hashlib
from pathlib import Path
from typing import NoReturn

from attrs import field, frozen

from fivesafes.core.errors import PolicyInvalid


@frozen
class Row:
    """One row by column name, and where it stands."""

    cells: dict[str, str] = field(repr=False)
    path: Path
    line: int
    file: str

    def __getitem__(self, column: str) -> str:
        """Give the cell of a column."""
        return self.cells[column]

    @property
    def place(self) -> str:
        """Say where the row stands: file and line.  No folder but that of options, as others may bear a name."""
        return f"{self.file}:{self.line}"


def read_rows(path: Path, columns: tuple[str, ...]) -> list[Row]:
    """Read all rows; lines that start with ``#`` are remarks.

    Raises PolicyInvalid when the file is missing, a column is unknown or missing, or a row has another length.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = f"{path.name}: can't be read ({type(error).__name__})"
        raise PolicyInvalid(what, fix="check that the file is there, or install the package anew") from None
    remarks = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    reader = csv.reader(lines[remarks:])
    head = tuple(next(reader, []))
    file = f"options/{path.name}" if path.parent.name == "options" else path.name
    where = Row({}, path, remarks + 1, file)
    if head != columns:
        unknown = [name for name in head if name not in columns]
        said = f"unknown column {', '.join(unknown)}" if unknown else f"columns {', '.join(head)}"
        refuse_row(where, said, example=",".join(columns))
    rows = []
    for cells in reader:
        row = Row(dict(zip(columns, cells, strict=False)), path, remarks + reader.line_num, file)
        if len(cells) != len(columns):
            refuse_row(row, f"{len(cells)} cells where {len(columns)} columns are", example=",".join(columns))
        rows.append(row)
    return rows


def refuse_row(row: Row, reason: str, *, example: str) -> NoReturn:
    """Refuse one row of a policy file."""
    what = f"{row.file}, line {row.line}: {reason}"
    raise PolicyInvalid(what, fix=f"for example: {example}")


def refuse_twice(row: Row, seen: object, what: str) -> None:
    """Refuse a row that says again what another has said."""
    if seen:
        refuse_row(row, f"{what} is named twice", example="one row for each")


def digest_of(folder: Path) -> str:
    """Give the SHA-256 of all policy files: of each path and content, in order of paths."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()
