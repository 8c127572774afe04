"""Reads CSV as spreadsheets and REDCap write it, with the line on which each row begins.

Comma, semicolon or tab between the cells, a byte order mark, quotes: taken as they are.  Another encoding than UTF-8 is
refused with its line, because an identifier read in the wrong one is another person's.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.flow.haven.wrong_lines import WrongLines

_DELIMITERS: Final = (",", ";", "\t")
_SAVE_AS: Final = 'save it as "CSV UTF-8"'


@frozen(kw_only=True)
class Row:
    """One row: the line of the file on which it begins, and its cells by column, stripped."""

    line: int
    cells: Mapping[str, str]


class Table:
    """A CSV file's header, then its rows; a row of the wrong length is noted in ``wrong`` and left out."""

    def __init__(self, path: Path, *, what: str, fix: str) -> None:
        """Read the file.  ``what`` names it in messages, ``fix`` says what to do when it can't be read."""
        self.name = path.name
        self.wrong = WrongLines(path.name)
        text = text_of(path, what=what, fix=fix)
        self.delimiter = _delimiter_of(text)
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True)
        self.columns: Sequence[str] = ()
        for _, cells in self._lines():
            self.columns = tuple(cell.strip() for cell in cells)
            break

    def rows(self) -> Iterator[Row]:
        """Give the rows; what is wrong is noted, and what can't be read on ends them."""
        for line, cells in self._lines():
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(self.columns):
                self.wrong.add(line, "there are more cells than columns")
            elif len(cells) < len(self.columns):
                self.wrong.add(line, "there are fewer cells than columns (is the last comma missing?)")
            else:
                yield Row(line=line, cells={name: cell.strip() for name, cell in zip(self.columns, cells, strict=True)})

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        while True:
            begins = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as fault:
                self.wrong.add(begins, f"this is no CSV ({fault})")
                return
            yield begins, cells


def text_of(path: Path, *, what: str, fix: str) -> str:
    """Read a text file in UTF-8.  Raises InvalidInput with the line that is in another encoding."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        message = f"can't read {what}: {error.strerror}"
        raise InvalidInput(message, fix=fix) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw:
        message = f"{path.name}, line 1: {what} is not UTF-8 text (UTF-16, or no text at all)"
        raise InvalidInput(message, fix=_SAVE_AS)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        message = f"{path.name}, line {line}: {what} is not UTF-8 text (Windows-1252, perhaps)"
        raise InvalidInput(message, fix=_SAVE_AS) from None


def _delimiter_of(text: str) -> str:
    """Take the delimiter that the first line has most of."""
    first = text.partition("\n")[0]
    return max(_DELIMITERS, key=first.count)
