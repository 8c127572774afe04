"""Reads a consent table: CSV with participant, data_use, face, valid, withdrawn.

The participants' identifiers are identifying: no message ever repeats one; a wrong row is named by its line.
"""

import csv
import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.project.model import Consent, DataUse, Permission, UseCondition

COLUMNS: Final = ("participant", "data_use", "face", "valid", "withdrawn")

HEADER: Final = ",".join(COLUMNS) + "\n"

_USES: Final = {word: use for use in DataUse for word in (use.name, use.value)}
_CONDITIONS: Final = {word: condition for condition in UseCondition for word in (condition.name, condition.value)}

_TRUE: Final = {"yes": True, "no": False}


def read_consents(path: Path) -> Mapping[Identifying[str], Consent]:
    """Read the table by participant, as written in the scans' PatientID.

    ``data_use``: DUO terms by short name, separated by spaces (``HMB``, ``GRU NPUNCU``, ``DS:MONDO:0005180``);
    ``face``: yes or no, whether the participant agreed that the face may be shared; ``valid``: an ISO 8601 interval
    (``2026-01-01/2030-12-31``, open end ``2026-01-01/..``); ``withdrawn``: a date, or empty.

    Raises InvalidInput with line, reason and example; an empty table is none.
    """
    reader = csv.DictReader(io.StringIO(_text_of(path), newline=""))
    found = tuple(name.strip() for name in _read(path, reader, "fieldnames") or ())
    if len(found) == 1 and ";" in found[0]:
        what = f"{path.name}, line 1: the cells are separated by semicolons"
        raise InvalidInput(what, fix='save the table with commas ("CSV UTF-8, comma delimited")')
    if sorted(found) != sorted(COLUMNS):
        what = f"{path.name}, line 1: the columns must be {', '.join(COLUMNS)}"
        raise InvalidInput(what, fix=f"begin the table with the line: {HEADER.strip()}")
    reader.fieldnames = list(found)
    consents: dict[Identifying[str], Consent] = {}
    while (row := _read(path, reader, "row")) is not None:
        if not any((cell or "").strip() for cell in row.values() if not isinstance(cell, list)):
            continue
        try:
            participant = Identifying(_participant(row))
            consent = _consent(row)
        except ValueError as fault:
            raise _invalid(path, reader.line_num, str(fault)) from None
        if participant in consents:
            raise _invalid(path, reader.line_num, "the participant stands in an earlier line too")
        consents[participant] = consent
    if not consents:
        message = f"{path.name} has no rows: without consent nothing can be released"
        raise InvalidInput(message, fix="add one line for each participant, e.g.  1007,HMB,no,2026-01-01/..,")
    return consents


def _read(path: Path, reader: "csv.DictReader[str]", what: str) -> Any:  # noqa: ANN401 - names, or a row, or its end
    try:
        return reader.fieldnames if what == "fieldnames" else next(reader, None)
    except csv.Error as fault:
        raise _invalid(path, reader.line_num + 1, f"this is no CSV ({fault})") from None


def _invalid(path: Path, line: int, why: str) -> InvalidInput:
    return InvalidInput(f"{path.name}, line {line}: {why}", fix="mend this line of the table")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        message = "the consent table is not UTF-8 text"
        raise InvalidInput(message, fix='export it as "CSV UTF-8"') from None
    except OSError as error:
        message = f"can't read the consent table: {error.strerror}"
        raise InvalidInput(
            message, fix="see [consent] table in the study form: the path is relative to the form"
        ) from None


def _participant(row: Mapping[str, str | None]) -> str:
    if None in row:  # csv.DictReader puts surplus cells there
        message = "there are more cells than columns"
        raise ValueError(message)
    if None in row.values():
        message = "there are fewer cells than columns (is the last comma missing?)"
        raise ValueError(message)
    participant = (row["participant"] or "").strip()
    if not participant.isprintable():
        message = "the participant holds a control character"
        raise ValueError(message)
    if not participant:
        message = "the participant is missing (what stands in the scans' PatientID)"
        raise ValueError(message)
    return participant


def _consent(row: Mapping[str, str | None]) -> Consent:
    permissions, conditions = _uses((row["data_use"] or "").split())
    face = _TRUE.get((row["face"] or "").strip().lower())
    if face is None:
        message = "face must be yes or no (did the participant agree that the face may be shared?)"
        raise ValueError(message)
    begins, ends = _interval((row["valid"] or "").strip())
    withdrawn = (row["withdrawn"] or "").strip()
    return Consent(
        permissions=permissions,
        conditions=conditions,
        face=face,
        valid_from=begins,
        valid_until=ends,
        withdrawn_on=_day(withdrawn, "withdrawn") if withdrawn else None,
    )


def _uses(terms: list[str]) -> tuple[frozenset[Permission], frozenset[UseCondition]]:
    permissions: set[Permission] = set()
    conditions: set[UseCondition] = set()
    for term in terms:
        disease = term.removeprefix("DS:") if term.startswith("DS:") else None
        use = _USES.get("DS" if disease else term)
        if use is not None:
            permissions.add(Permission(use=use, disease=disease))
        elif term in _CONDITIONS:
            conditions.add(_CONDITIONS[term])
        else:
            message = "data_use holds a term that is not of the GA4GH Data Use Ontology; for example: HMB NPUNCU"
            raise ValueError(message)
    if not permissions:
        message = "data_use names no permission; for example: GRU, HMB, NRES or DS:MONDO:0005180"
        raise ValueError(message)
    return frozenset(permissions), frozenset(conditions)


def _interval(text: str) -> tuple[date, date | None]:
    begins, separator, ends = text.partition("/")
    if not separator:
        message = "valid must be an interval; for example: 2026-01-01/2030-12-31, or 2026-01-01/.. without an end"
        raise ValueError(message)
    first = _day(begins, "valid")
    last = None if ends in {"", ".."} else _day(ends, "valid")
    if last is not None and last < first:
        message = "valid ends before it begins"
        raise ValueError(message)
    return first, last


def _day(text: str, column: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{column} holds what is no date; for example: 2026-01-31"
        raise ValueError(message) from None
