"""Reads consents out of a REDCap export: records spread over events, instruments and repeats, joined by a mapping.

Raw exports only: in a labels export the same answer reads differently in each project and language.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.consent import StatedConsent, StatedNo
from fivesafes.flow.haven.wrong_lines import WrongLines
from fivesafes.interfaces.forms.consent import SignedForms, checked_participant
from fivesafes.interfaces.forms.consent_mapping import Answer, RedcapMapping
from fivesafes.interfaces.forms.consent_rows import Row, Table
from fivesafes.interfaces.forms.consent_terms import uses_of
from fivesafes.project.model import Consent, Permission, UseCondition

EVENT: Final = "redcap_event_name"
INSTRUMENT: Final = "redcap_repeat_instrument"
INSTANCE: Final = "redcap_repeat_instance"
HOW_TO_EXPORT: Final = 'in REDCap: Data Exports > Export Data > "CSV / Microsoft Excel (raw data)"'

_VARIABLE: Final = re.compile(r"[a-z][a-z0-9_]*")
_DAY: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?: \d{2}:\d{2}(?::\d{2})?)?")
_LABELS: Final = frozenset({"checked", "unchecked", "yes", "no", "true", "false"})


@frozen(kw_only=True)
class RedcapConsents:
    """What an export says: consents and withdrawals, who said no, and how many records hold none of it yet."""

    stated: tuple[StatedConsent, ...]
    declined: tuple[StatedNo, ...]
    without: int


def read_redcap(path: Path, mapping: RedcapMapping, *, evidence: Path | None = None) -> RedcapConsents:
    """Read a raw CSV export by a mapping.

    Raises InvalidInput with every wrong line and its reason; no identifier is repeated.
    """
    table = Table(path, what="the REDCap export", fix="give the path of the CSV that REDCap exported")
    _check_header(table, mapping)
    records = _records(table, mapping)
    found: list[StatedConsent | StatedNo] = []
    without = 0
    seen: set[str] = set()
    for rows in records.values():
        record = _Record(rows, mapping, table.wrong)
        try:
            one = _stated(record, mapping, SignedForms(evidence))
        except ValueError as fault:
            table.wrong.add(record.line, str(fault))
            continue
        if one is None:
            without += 1
            continue
        if one.participant.reveal() in seen:
            table.wrong.add(one.line, "another record has the same participant")
        seen.add(one.participant.reveal())
        found.append(one)
    table.wrong.raise_any()
    if not found:
        message = f"{path.name}: no record holds a consent ({without} records were looked at)"
        raise InvalidInput(message, fix="compare the mapping's event and fields with the export")
    return RedcapConsents(
        stated=tuple(one for one in found if isinstance(one, StatedConsent)),
        declined=tuple(one for one in found if isinstance(one, StatedNo)),
        without=without,
    )


def _check_header(table: Table, mapping: RedcapMapping) -> None:
    found = table.columns
    if any(not _VARIABLE.fullmatch(name) for name in found) or not found:
        what = f"{table.name}, line 1: these columns are labels, not REDCap's variable names"
        raise InvalidInput(what, fix=HOW_TO_EXPORT)
    if len(set(found)) != len(found):
        what = f"{table.name}, line 1: a column is there twice"
        raise InvalidInput(what, fix=HOW_TO_EXPORT)
    needed = {mapping.record, *mapping.columns(found)}
    needed |= {EVENT} if mapping.event else set()
    needed |= {INSTRUMENT, INSTANCE} if mapping.instrument else set()
    if missing := sorted(needed - set(found)):
        what = f"{table.name}, line 1: the export lacks {', '.join(missing)}"
        raise InvalidInput(what, fix="export these fields too, or mend the mapping")


def _records(table: Table, mapping: RedcapMapping) -> Mapping[str, list[Row]]:
    records: dict[str, list[Row]] = defaultdict(list)
    for row in table.rows():
        if not row.cells[mapping.record]:
            table.wrong.add(row.line, f"{mapping.record} is empty")
        else:
            records[row.cells[mapping.record]].append(row)
    return records


class _Record:
    """One record: what its rows say of each field.

    Of a consent the mapping's event and instrument count, and of repeats the highest instance.  A withdrawal counts
    wherever it stands: it is often entered on a form of its own, or in a later event.
    """

    def __init__(self, rows: Sequence[Row], mapping: RedcapMapping, wrong: WrongLines) -> None:
        self._all = rows
        self._chosen = _chosen(rows, mapping)
        self._wrong = wrong
        self.line = (self._chosen or rows)[0].line

    def value(self, column: str) -> str:
        """Give the one value of a consent's field, or nothing.  Raises ValueError when two rows disagree."""
        return self._one(column, self._chosen)

    def anywhere(self, column: str) -> str:
        """Give the one value of a field in whichever event it stands."""
        return self._one(column, self._all)

    def withdrawn(self, column: str) -> tuple[date, int] | None:
        """Give the earliest day of withdrawal that any row says, and that row's line.  Raises ValueError."""
        days = [(_day(row.cells[column], column), row.line) for row in self._all if row.cells[column]]
        return min(days, default=None)

    def _one(self, column: str, rows: Iterable[Row]) -> str:
        values = {row.cells[column]: row.line for row in rows if row.cells[column]}
        if len(values) > 1:
            message = f"the record's rows say different things about {column}; name event or instrument in the mapping"
            raise ValueError(message)
        return next(iter(values), "")


def _chosen(rows: Sequence[Row], mapping: RedcapMapping) -> list[Row]:
    """Keep the rows of the mapping's event and instrument; of repeats, those of the highest filled instance."""
    kept = [
        row
        for row in rows
        if (not mapping.event or row.cells[EVENT] == mapping.event)
        and (not mapping.instrument or row.cells[INSTRUMENT] == mapping.instrument)
    ]
    columns = mapping.consent_columns(rows[0].cells)
    groups: dict[tuple[str, str], dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in kept:
        if any(row.cells[column] for column in columns):
            instance = row.cells.get(INSTANCE, "")
            place = (row.cells.get(EVENT, ""), row.cells.get(INSTRUMENT, ""))
            groups[place][int(instance) if instance.isdecimal() else 0].append(row)
    return [row for instances in groups.values() for row in instances[max(instances)]]


def _stated(record: _Record, mapping: RedcapMapping, forms: SignedForms) -> StatedConsent | StatedNo | None:
    """Read one record; None when it holds no consent yet.  Who has withdrawn may have had the rest emptied."""
    withdrawn = record.withdrawn(mapping.withdrawn) if mapping.withdrawn else None
    begins = record.value(mapping.date)
    agreed = bool(begins) if mapping.given is None else _answer(record, mapping.given)
    if not agreed and withdrawn is None:
        return _declined(record, mapping)
    participant = checked_participant(record.anywhere(mapping.participant))
    permissions, conditions = _uses(record, mapping) if agreed else (frozenset(), frozenset())
    day, line = withdrawn or (None, record.line)
    first = _day(begins, mapping.date) if agreed or day is None else day
    _check_order(first, day, mapping)
    consent = Consent(
        permissions=permissions,
        conditions=conditions,
        face=mapping.face is not None and _answer(record, mapping.face),
        valid_from=first,
        valid_until=_last(record, mapping, first) if agreed else None,
        withdrawn_on=day,
        public=mapping.public is None or _answer(record, mapping.public),
    )
    return StatedConsent(
        line=line,
        participant=Identifying(participant),
        consent=consent,
        public_stated=mapping.public is not None,
        evidence_digest=forms.digest(record.value(mapping.evidence)) if mapping.evidence else None,
    )


def _check_order(first: date, withdrawn: date | None, mapping: RedcapMapping) -> None:
    """Raise ValueError for a consent that begins after the withdrawal: one of the two is wrong, and a person knows."""
    if withdrawn is not None and withdrawn < first:
        message = (
            f"{mapping.withdrawn} lies before {mapping.date}: correct the wrong one in REDCap "
            "(who takes part again gets a new identifier)"
        )
        raise ValueError(message)


def _last(record: _Record, mapping: RedcapMapping, first: date) -> date | None:
    until = record.value(mapping.until) if mapping.until else ""
    last = _day(until, mapping.until) if until else None
    if last is not None and last < first:
        message = f"{mapping.until} lies before {mapping.date}"
        raise ValueError(message)
    return last


def _declined(record: _Record, mapping: RedcapMapping) -> StatedNo | None:
    """Read a no that was said; None when nothing was answered, or when nobody knows whose no it is."""
    participant = record.anywhere(mapping.participant)
    if mapping.given is None or not record.value(mapping.given.column) or not participant:
        return None
    return StatedNo(line=record.line, participant=Identifying(checked_participant(participant)))


def _answer(record: _Record, answer: Answer) -> bool:
    """Read a yes or no; a question without an answer is no."""
    value = record.value(answer.column)
    if value in answer.yes:
        return True
    if value in answer.no or not value:
        return False
    if value.lower() in _LABELS:
        message = f"{answer.column} holds a label, not a code: this is not a raw export"
        raise ValueError(message)
    message = f"{answer.column} holds a code that the mapping calls neither yes nor no"
    raise ValueError(message)


def _uses(record: _Record, mapping: RedcapMapping) -> tuple[frozenset[Permission], frozenset[UseCondition]]:
    """Join the terms that always hold with those of each code that was ticked or chosen."""
    terms = list(mapping.always)
    if mapping.use_field:
        chosen = record.value(mapping.use_field) if not mapping.ticked else ""
        for code, column in mapping.ticked.items():
            ticked = record.value(column)
            if ticked not in {"", "0", "1"}:
                message = f"{column} holds neither 1 nor 0: this is not a raw export"
                raise ValueError(message)
            if ticked == "1":
                terms += mapping.codes[code]
        if chosen and chosen not in mapping.codes:
            message = f"{mapping.use_field} holds a code that the mapping does not name"
            raise ValueError(message)
        terms += mapping.codes.get(chosen, ())
    return uses_of(terms)


def _day(text: str, column: str) -> date:
    found = _DAY.fullmatch(text)
    try:
        return date.fromisoformat(found[1] if found else "")
    except ValueError:
        empty = "is empty" if not text else "holds what is no date of a raw export (2026-01-31)"
        message = f"{column} {empty}"
        raise ValueError(message) from None
