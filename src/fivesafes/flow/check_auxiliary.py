"""Read what an attacker might hold (visits, venues, a register), and what the data set tells about each participant."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from attrs import field, frozen

from fivesafes.data.residue.delimited import Delimited, read_table
from fivesafes.data.residue.place import Unreadable, participant_of
from fivesafes.output.attack import Log, Scan, Target, seconds
from fivesafes.output.linkage import is_missing

_FIRST_REAL_YEAR: Final = 1926
_DAY: Final = 86_400
_MOST_ROWS: Final = 20_000_000
_COLUMNS: Final[Mapping[str, str]] = {
    "person": r"person(?:_?id)?|individual|name|who|user|card(?:_?id)?|visitor|member",
    "participant": r"participant(?:_?id)?|subject(?:_?id)?|sub|bids_?id|truth",
    "venue": r"venue(?:_?id)?|place|location|building|station|stop",
    "site": r"site(?:_?id)?|centre|center|institution(?:_?name)?|hospital|scanner",
    "arrive": r"arrive[ds]?|arrival|start|from|check_?in|enter(?:ed)?|begin|time_?in|in",
    "leave": r"leave[s]?|left|departure|end|to|check_?out|exit(?:ed)?|time_?out|out",
    "date": r"date|day|visit_?date",
    "sex": r"sex|gender",
    "born": r"birth_?date|dob|date_of_birth|born|birthday|birth_?day",
    "born_year": r"birth_?year|yob|year_of_birth",
    "age": r"age|age_at_(?:scan|visit)|age_years",
}
_SEX: Final = {"m": "m", "male": "m", "man": "m", "f": "f", "female": "f", "woman": "f", "w": "f"}
_FORMATS: Final = ("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d")
_CLOCKS: Final = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%H%M%S", "%H%M%S.%f")


@frozen(kw_only=True)
class Auxiliary:
    """The attacker's data, made ready: the log, which venue is which site, the truth when told, and what was read."""

    log: Log | None
    site_of: Mapping[str, str] = field(factory=dict)
    truth: Mapping[str, str] | None = None
    told: tuple[str, ...] = ()


@frozen(kw_only=True)
class _Sheet:
    """One auxiliary table with the columns that were recognised: role → column."""

    name: str
    table: Delimited
    roles: Mapping[str, str]

    def cells(self, role: str) -> tuple[str, ...]:
        return self.table.column(self.roles[role])


def read_auxiliary(folder: Path) -> Auxiliary:
    """Read the tables of a folder by the names of their columns.  What was recognised is in ``told``."""
    sheets = list(_sheets(folder))
    told = tuple(
        f"{sheet.name}: {', '.join(f'{role}={name}' for role, name in sheet.roles.items())}" for sheet in sheets
    )
    site_of = {
        _plain(venue): _plain(site)
        for sheet in sheets
        if {"venue", "site"} <= sheet.roles.keys()
        for venue, site in zip(sheet.cells("venue"), sheet.cells("site"), strict=True)
        if not is_missing(site)
    }
    visits = next((sheet for sheet in sheets if {"person", "arrive"} <= sheet.roles.keys()), None)
    truth = next((_truth(sheet) for sheet in sheets if {"person", "participant"} <= sheet.roles.keys()), None)
    if visits is None:
        return Auxiliary(log=None, site_of=site_of, truth=truth, told=(*told, "no table of visits: nobody was linked"))
    register = next(
        (s for s in sheets if "person" in s.roles and {"sex", "born", "born_year", "age"} & s.roles.keys()), None
    )
    return Auxiliary(log=_log(visits, register, site_of), site_of=site_of, truth=truth, told=told)


def _sheets(folder: Path) -> Iterator[_Sheet]:
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.tsv")]):
        try:
            table = read_table(path.read_bytes(), most_rows=_MOST_ROWS)
        except (OSError, Unreadable):
            continue
        roles = {
            role: name
            for role, pattern in _COLUMNS.items()
            if (name := next((c for c in table.columns if re.fullmatch(pattern, c, re.IGNORECASE)), None)) is not None
        }
        yield _Sheet(name=path.name, table=table, roles=roles)


def _truth(sheet: _Sheet) -> dict[str, str]:
    pairs = zip(sheet.cells("participant"), sheet.cells("person"), strict=True)
    return {_label(participant): person for participant, person in pairs if not is_missing(participant)}


def _label(text: str) -> str:
    return text if text.startswith("sub-") else f"sub-{text}"


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).strip().lower()


def _log(visits: _Sheet, register: _Sheet | None, site_of: Mapping[str, str]) -> Log:
    people = list(dict.fromkeys([*visits.cells("person"), *(register.cells("person") if register else ())]))
    number = {person: index for index, person in enumerate(people)}
    where = next((role for role in ("venue", "site") if role in visits.roles), None)
    venues = [_plain(cell) for cell in visits.cells(where)] if where else [""] * len(visits.table.rows)
    places = [site_of.get(venue, venue) for venue in venues]
    sites = list(dict.fromkeys(places))
    site_number = {site: index for index, site in enumerate(sites)}
    arrive, leave = _times(visits)
    kept = arrive >= 0
    sex, born = _described(register, number) if register else (np.full(len(people), ""), np.full(len(people), np.nan))
    return Log(
        people=tuple(people),
        sites=tuple(sites),
        person=np.array([number[person] for person in visits.cells("person")], dtype=np.int64)[kept],
        site=np.array([site_number[place] for place in places], dtype=np.int64)[kept],
        arrive=arrive[kept],
        leave=leave[kept],
        sex=sex,
        born=born,
    )


def _times(
    visits: _Sheet,
) -> tuple["np.ndarray[tuple[int], np.dtype[np.int64]]", "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Read arrivals and departures, −1 for those that can't be; a missing departure is the end of that day."""
    days = visits.cells("date") if "date" in visits.roles else ("",) * len(visits.table.rows)
    parse = _cached(_moment)
    arrive = [parse(f"{day} {cell}".strip()) for day, cell in zip(days, visits.cells("arrive"), strict=True)]
    if "leave" in visits.roles:
        leave = [parse(f"{day} {cell}".strip()) for day, cell in zip(days, visits.cells("leave"), strict=True)]
    else:
        leave = [None] * len(arrive)
    starts = np.array([-1 if one is None else one for one in arrive], dtype=np.int64)
    ends = [
        (start // _DAY + 1) * _DAY if end is None else end for start, end in zip(starts.tolist(), leave, strict=True)
    ]
    return starts, np.maximum(np.array(ends, dtype=np.int64), starts)


def _cached(parse: Callable[[str], int | None]) -> Callable[[str], int | None]:
    known: dict[str, int | None] = {}

    def parsed(text: str) -> int | None:
        if text not in known:
            known[text] = parse(text)
        return known[text]

    return parsed


def _moment(text: str) -> int | None:
    """Read a date with or without time, ISO 8601 or the common ones, or seconds since 1970; None when it is none."""
    if re.fullmatch(r"\d{9,10}(?:\.\d+)?", text):
        return int(float(text))
    try:
        return seconds(datetime.fromisoformat(text))
    except ValueError:
        pass
    for day in _FORMATS:
        for form in (day, *(f"{day}{mark}{clock}" for clock in _CLOCKS for mark in (" ", "T", ""))):
            try:
                return seconds(datetime.strptime(text, form).replace(tzinfo=UTC))
            except ValueError:
                continue
    return None


def _described(
    register: _Sheet, number: Mapping[str, int]
) -> tuple["np.ndarray[tuple[int], np.dtype[np.str_]]", "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    sex, born = np.full(len(number), "", dtype="U8"), np.full(len(number), np.nan)
    rows = [number[person] for person in register.cells("person")]
    if "sex" in register.roles:
        sex[rows] = [_sex(cell) or "" for cell in register.cells("sex")]
    for role, ending in (("born", ""), ("born_year", "-07-01")):
        if role in register.roles:
            moments = [_moment(f"{cell}{ending}") for cell in register.cells(role)]
            born[rows] = [np.nan if moment is None else moment for moment in moments]
            break
    return sex, born


def _sex(cell: str) -> str | None:
    return None if is_missing(cell) else _SEX.get(cell.strip().lower(), cell.strip().lower()[:8])


def age_bounds(cell: str) -> tuple[float, float] | None:
    """Read an age as lowest and (not reached) highest: ``34`` → 34–35, ``30-39`` → 30–40, ``90+`` → 90–130."""
    text = cell.strip().lower().removesuffix("y")
    band = re.fullmatch(r"[\[(]?(\d+)\s*(?:-|–|to|,)\s*(\d+)[\])]?", text)
    if band:
        return float(band.group(1)), float(band.group(2)) + 1
    over = re.fullmatch(r"(?:>=?\s*|≥\s*)(\d+)|(\d+)\s*\+", text)
    if over:
        return float(over.group(1) or over.group(2)), 130.0
    if re.fullmatch(r"\d+(?:\.0+)?", text):
        return float(int(float(text))), int(float(text)) + 1.0
    found = re.fullmatch(r"\d+\.(\d+)", text)
    half = 0.5 * 10 ** -len(found.group(1)) if found else 0.0
    return (float(text) - half, float(text) + half) if found else None


def targets_of(dataset: Path, site_of: Mapping[str, str]) -> list[Target]:
    """Collect what the data set tells of each participant: attributes, and when each scan was."""
    attributes = _participants(dataset)
    moments, sites = _scans(dataset)
    labels = dict.fromkeys([*attributes, *moments])
    return [
        Target(
            label=label,
            site=_site(attributes.get(label, {}).get("site") or sites.get(label), site_of),
            sex=_sex(attributes.get(label, {}).get("sex", "")),
            age=age_bounds(attributes.get(label, {}).get("age", "")),
            scans=_per_day(moments.get(label, [])),
        )
        for label in labels
    ]


def _site(cell: str | None, site_of: Mapping[str, str]) -> str | None:
    if cell is None or is_missing(cell):
        return None
    return site_of.get(_plain(cell), _plain(cell))


def _participants(dataset: Path) -> dict[str, dict[str, str]]:
    try:
        table = read_table((dataset / "participants.tsv").read_bytes())
    except (OSError, Unreadable):
        return {}
    identity = table.identity()
    roles = {
        role: name
        for role in ("site", "sex", "age")
        if (name := next((c for c in table.columns if re.fullmatch(_COLUMNS[role], c, re.IGNORECASE)), None))
    }
    if identity is None:
        return {}
    return {_label(row[identity]): {role: row[name] for role, name in roles.items()} for row in table.records()}


def _scans(dataset: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Collect acquisition times from scans and sessions tables, and from sidecars; and the institutions named there."""
    moments: dict[str, list[str]] = defaultdict(list)
    sites: dict[str, str] = {}
    for path in sorted([*dataset.glob("sub-*/**/*_scans.tsv"), *dataset.glob("sub-*/*_sessions.tsv")]):
        label = participant_of(path.relative_to(dataset).as_posix())
        try:
            table = read_table(path.read_bytes())
        except (OSError, Unreadable):
            continue
        if label and "acq_time" in table.columns:
            moments[label] += [cell for cell in table.column("acq_time") if not is_missing(cell)]
    for path in sorted(dataset.glob("sub-*/**/*.json")):
        label = participant_of(path.relative_to(dataset).as_posix())
        sidecar = _sidecar(path)
        if label and sidecar:
            moments[label] += _sidecar_moments(sidecar)
            sites.setdefault(label, str(sidecar["InstitutionName"])) if "InstitutionName" in sidecar else None
    return moments, sites


def _sidecar(path: Path) -> dict[str, object]:
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _sidecar_moments(sidecar: Mapping[str, object]) -> list[str]:
    if "AcquisitionDateTime" in sidecar:
        return [str(sidecar["AcquisitionDateTime"])]
    day = next((str(sidecar[key]) for key in ("AcquisitionDate", "SeriesDate", "StudyDate") if key in sidecar), None)
    return [f"{day} {sidecar.get('AcquisitionTime', '')}".strip()] if day else []


def _per_day(written: Sequence[str]) -> tuple[Scan, ...]:
    """Keep one scan per day, the first of that day with its time; shifted dates tell nothing."""
    first: dict[int, int | None] = {}
    for text in written:
        moment = _moment(text)
        if moment is None or datetime.fromtimestamp(moment, tz=UTC).year < _FIRST_REAL_YEAR:
            continue
        day = moment // _DAY * _DAY
        timed = moment if re.search(r"[T ]\d", text) else None
        known = first.get(day)
        first[day] = timed if known is None else (known if timed is None else min(known, timed))
    return tuple(Scan(day=day, moment=moment) for day, moment in sorted(first.items()))
