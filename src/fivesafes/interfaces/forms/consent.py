"""Reads a consent table: CSV with participant, data_use, face, valid, withdrawn, and if wanted public and evidence.

The participants' identifiers are identifying: no message ever repeats one; a wrong row is named by its line.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.consent import StatedConsent
from fivesafes.interfaces.forms.consent_rows import Table
from fivesafes.interfaces.forms.consent_terms import read_uses
from fivesafes.project.model import Consent

COLUMNS: Final = ("participant", "data_use", "face", "valid", "withdrawn")
OPTIONAL: Final = ("public", "evidence")

HEADER: Final = ",".join(COLUMNS) + "\n"

LARGEST_FORM: Final = 2**28
"""A signed form is a scan of some pages; a file of more than 256 MB is none."""

_TRUE: Final = {"yes": True, "no": False}


def read_consents(path: Path) -> Mapping[Identifying[str], Consent]:
    """Read the table by participant, as ``fivesafes run`` needs it; signed forms are not asked for."""
    return {stated.participant: stated.consent for stated in _read(path, forms=None)}


def read_consent_table(path: Path, *, evidence: Path | None = None) -> tuple[StatedConsent, ...]:
    """Read the table row by row, with the digest of each signed form that it names.

    ``participant``: as written in the scans' PatientID; ``data_use``: DUO terms separated by spaces (``HMB``,
    ``GRU NPUNCU``, ``DS:MONDO:0005180``); ``face``: yes or no, whether the face may be shared; ``valid``: an ISO 8601
    interval (``2026-01-01/2030-12-31``, open end ``2026-01-01/..``); ``withdrawn``: a date, or empty; ``public``: yes
    or no; ``evidence``: the file name of the signed form in the folder ``evidence``.

    Raises InvalidInput with every wrong line, the reason and an example; an empty table is none.
    """
    return _read(path, forms=SignedForms(evidence))


def _read(path: Path, *, forms: "SignedForms | None") -> tuple[StatedConsent, ...]:
    table = Table(
        path,
        what="the consent table",
        fix="see [consent] table in the study form: the path is relative to the form",
    )
    if not table.columns:
        table.wrong.raise_any()
    _check_columns(table)
    stated: list[StatedConsent] = []
    seen: set[str] = set()
    for row in table.rows():
        try:
            one = _stated(row.line, row.cells, forms)
        except ValueError as fault:
            table.wrong.add(row.line, str(fault))
            continue
        if one.participant.reveal() in seen:
            table.wrong.add(row.line, "the participant stands in an earlier line too")
        seen.add(one.participant.reveal())
        stated.append(one)
    table.wrong.raise_any()
    if not stated:
        message = f"{path.name} has no rows: without consent nothing can be released"
        raise InvalidInput(message, fix="add one line for each participant, e.g.  1007,HMB,no,2026-01-01/..,")
    return tuple(stated)


def _check_columns(table: Table) -> None:
    """Refuse columns that are missing, unknown or there twice: a typing mistake must not go by."""
    found = table.columns
    if set(COLUMNS) <= set(found) <= {*COLUMNS, *OPTIONAL} and len(set(found)) == len(found):
        return
    how = " (its cells are separated by semicolons)" if table.delimiter == ";" else ""
    what = (
        f"{table.name}, line 1{how}: the columns must be {', '.join(COLUMNS)}, and if wanted {' and '.join(OPTIONAL)}"
    )
    raise InvalidInput(what, fix=f"begin the table with the line: {HEADER.strip()}")


def _stated(line: int, cells: Mapping[str, str], forms: "SignedForms | None") -> StatedConsent:
    participant = checked_participant(cells["participant"])
    permissions, conditions = read_uses(cells["data_use"])
    face = _TRUE.get(cells["face"].lower())
    if face is None:
        message = "face must be yes or no (did the participant agree that the face may be shared?)"
        raise ValueError(message)
    public = _TRUE.get(cells["public"].lower()) if "public" in cells else True
    if public is None:
        message = "public must be yes or no (did the participant agree that the data may be shared publicly?)"
        raise ValueError(message)
    begins, ends = _interval(cells["valid"])
    withdrawn = cells["withdrawn"]
    consent = Consent(
        permissions=permissions,
        conditions=conditions,
        face=face,
        valid_from=begins,
        valid_until=ends,
        withdrawn_on=read_day(withdrawn, "withdrawn") if withdrawn else None,
        public=public,
    )
    return StatedConsent(
        line=line,
        participant=Identifying(participant),
        consent=consent,
        public_stated="public" in cells,
        evidence_digest=forms.digest(cells.get("evidence", "")) if forms else None,
    )


def checked_participant(text: str) -> str:
    """Check what should be a PatientID.  Raises ValueError, which does not repeat it."""
    if not text.isprintable():
        message = "the participant holds a control character"
        raise ValueError(message)
    if not text:
        message = "the participant is missing (what stands in the scans' PatientID)"
        raise ValueError(message)
    return text


def _interval(text: str) -> tuple[date, date | None]:
    begins, separator, ends = text.partition("/")
    if not separator:
        message = "valid must be an interval; for example: 2026-01-01/2030-12-31, or 2026-01-01/.. without an end"
        raise ValueError(message)
    first = read_day(begins, "valid")
    last = None if ends in {"", ".."} else read_day(ends, "valid")
    if last is not None and last < first:
        message = "valid ends before it begins"
        raise ValueError(message)
    return first, last


def read_day(text: str, column: str) -> date:
    """Read a date as ISO 8601 has it.  Raises ValueError naming the column."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{column} holds what is no date; for example: 2026-01-31"
        raise ValueError(message) from None


class SignedForms:
    """The folder of signed forms; a file's name may name its participant and is never repeated."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder; None refuses every row that names a form."""
        self._folder = folder

    def digest(self, name: str) -> str | None:
        """Give the SHA-256 of a signed form, or None where none is named.  Raises ValueError."""
        if not name:
            return None
        if self._folder is None:
            message = "evidence names a signed form, but the folder of the forms was not given (--evidence DIR)"
            raise ValueError(message)
        if name in {".", ".."} or "/" in name or "\\" in name or not name.isprintable():
            message = "evidence must be a file's name alone, without folders"
            raise ValueError(message)
        path = self._folder / name
        if not path.is_file():
            message = "the signed form that evidence names is not in the folder of the forms"
            raise ValueError(message)
        try:
            with path.open("rb") as file:
                if file.seek(0, 2) > LARGEST_FORM:
                    message = "the signed form that evidence names is larger than 256 MB"
                    raise ValueError(message)
                file.seek(0)
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            message = f"the signed form that evidence names can't be read: {error.strerror}"
            raise ValueError(message) from None
