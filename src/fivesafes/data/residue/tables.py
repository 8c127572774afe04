"""Look into tables: participants, sessions, scans, events, phenotype, logs and results."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from attrs import field, frozen

from fivesafes.data.model import Residue
from fivesafes.data.residue import cells
from fivesafes.data.residue.columns import Column, Hit, judge
from fivesafes.data.residue.delimited import Delimited, read_table
from fivesafes.data.residue.linking import is_linking_table
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.rules import key_rules
from fivesafes.data.residue.words import is_person

_KEYED: Final = re.compile(r"(?i)(?:^|/)(?:participants|sessions|sub-[^/_]+_sessions|samples|phenotype/[^/]+)\.[ct]sv$")
_BIDS_TABLES: Final = re.compile(
    r"(?i)(?:^|/)(?:participants|[^/]*(?:_sessions|_scans|_events|_channels|_electrodes|_physio|_stim)|samples|"
    r"phenotype/[^/]+)\.[ct]sv",
)
_SAFE_ROW: Final = re.compile(r"[A-Za-z0-9_+./-]{1,120}")


@frozen(kw_only=True)
class Neighbours:
    """What lies beside a table: the data set's labels (``sub-…``), its data dictionary, its columns if headless."""

    labels: AbstractSet[str] = frozenset()
    dictionary: Mapping[str, Any] = field(factory=dict)


def find(content: bytes, place: Place, neighbours: Neighbours | None = None) -> Iterator[Residue]:
    """Yield what a table of text discloses: by column, by row, or as a whole when it links labels to people.

    Raises Unreadable when the bytes are no table, or hold more rows than are read.
    """
    beside = neighbours or Neighbours()
    table = read_table(content)
    if not table.headed:
        table = _headed(table, beside.dictionary)
    is_own = bool(_BIDS_TABLES.search(place.path)) and not place.member
    if not is_own and is_linking_table(table, place.path, beside.labels):
        yield place.residue("linking_key", "file")
        return
    yield from _columns(table, place, beside.dictionary)
    yield from cells.find(table, place)
    if table.cut:
        raise Unreadable(why=f"only the first {len(table.rows)} rows were read")


def _headed(table: Delimited, dictionary: Mapping[str, Any]) -> Delimited:
    """Give a headless table (physio, stim) the column names of its sidecar."""
    names = dictionary.get("Columns")
    if not isinstance(names, list) or len(names) != len(table.columns):
        return table
    return Delimited(columns=tuple(map(str, names)), rows=table.rows, headed=False, cut=table.cut)


def _columns(table: Delimited, place: Place, dictionary: Mapping[str, Any]) -> Iterator[Residue]:
    identity = table.identity()
    own = table.column(identity) if identity else ()
    keyed = bool(_KEYED.search(place.path)) or (identity is not None and len(set(own)) * 2 > len(own))
    names = [_row_name(table, index, own) for index in range(len(table.rows))]
    for index, name in enumerate(table.columns):
        if name == identity and _are_labels(own):
            continue
        described = dictionary.get(name)
        column = Column(
            name=name,
            cells=tuple((number, row[index]) for number, row in enumerate(table.rows) if row[index]),
            dictionary=described if isinstance(described, Mapping) else {},
            own=own,
            keyed=keyed,
        )
        for hit in judge(column):
            yield _written(hit, place, name, names, own)


def _are_labels(own: tuple[str, ...]) -> bool:
    return sum(label.startswith("sub-") for label in own) * 2 > len(own) or not any(map(is_person, own))


def _row_name(table: Delimited, index: int, own: tuple[str, ...]) -> str:
    """Name a row by its participant's label, by its first cell when that says no more than a name of a file, or count.

    A first cell that could itself identify someone is never used.
    """
    if own and _SAFE_ROW.fullmatch(own[index]) and not is_person(own[index].removeprefix("sub-")):
        return own[index]
    first = table.rows[index][0] if table.columns else ""
    harmless = not any(rule.code not in ("free_text", "age_over_89") for rule in key_rules(table.columns[0], "table"))
    if harmless and _SAFE_ROW.fullmatch(first) and not is_person(first) and not re.fullmatch(r"[\d.-]+", first):
        return first
    return str(index + 1)


def _written(hit: Hit, place: Place, column: str, names: list[str], own: tuple[str, ...]) -> Residue:
    if hit.row is None:
        return place.residue(hit.code, f"column={column}", hit.value, severity=hit.severity)
    label = own[hit.row] if own and own[hit.row].startswith("sub-") else None
    locator = f"row={names[hit.row]};column={column}"
    return place.residue(hit.code, locator, hit.value, participant=label, severity=hit.severity)
