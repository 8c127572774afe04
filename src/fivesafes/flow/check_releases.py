"""Compare a data set with earlier releases of it: tables that tell by their difference, who left, who is recognised."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from fivesafes.data.model import Residue
from fivesafes.data.residue.delimited import Delimited, read_table
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.output.differencing import FEW, ResultTable, differences, gone, rekeyed
from fivesafes.output.model import Difference

_PARTICIPANTS: Final = "participants.tsv"
_OWN_TABLES: Final = re.compile(
    r"(?i)(?:_events|_scans|_sessions|_channels|_physio|_stim|_electrodes|timeseries|participants|samples)\.[ct]sv"
)
_LARGEST: Final = 1 << 22
_MOST_ROWS: Final = 1_000


@frozen(kw_only=True)
class Comparison:
    """What the releases tell together; ``links`` goes from an earlier label to the later one."""

    differences: tuple[Difference, ...] = ()
    links: dict[str, str] = field(factory=dict)
    findings: tuple[Residue, ...] = ()


def compare(dataset: Path, against: Sequence[Path], *, name_of: Callable[[Path], str]) -> Comparison:
    """Compare with each earlier release; ``name_of`` gives a folder's name in the report.

    With more than one earlier release, the labels of ``links`` carry its name: ``release1/sub-001``.
    """
    links: dict[str, str] = {}
    found: list[Difference] = []
    findings: list[Residue] = []
    later, here = tuple(_results(dataset, name_of(dataset))), name_of(dataset)
    now = _participants(dataset)
    for other in against:
        there = name_of(other)
        found += differences(tuple(_results(other, there)), later)
        before = _participants(other)
        if now is None or before is None:
            continue
        matched = _rekeyed(before, now)
        links |= {(f"{there}/{old}" if len(against) > 1 else old): new for old, new in matched.items()}
        if matched:
            place = Place.at(f"{here}/{_PARTICIPANTS}")
            findings.append(place.residue("cross_release_join", "file", f"{len(matched)} participants"))
        missing = gone(_labels(before), _labels(now), matched)
        if 0 < len(missing) < FEW:
            pair = (f"{there}/{_PARTICIPANTS}", f"{here}/{_PARTICIPANTS}")
            findings += [_left(label, pair) for label in missing]
            found += [Difference(row=label, column="", difference_n=1, value=None, between=pair) for label in missing]
    findings += [_told(difference) for difference in found if difference.column]
    return Comparison(differences=tuple(found), links=links, findings=tuple(dict.fromkeys(findings)))


def _left(label: str, pair: tuple[str, str]) -> Residue:
    return Place(path=pair[0]).residue("withdrawn_participant", f"row={label}", participant=label)


def _told(difference: Difference) -> Residue:
    locator = f"row={difference.row};column={difference.column}"
    return Place(path=difference.between[1]).residue("differencing", locator, difference.difference_n)


def _participants(folder: Path) -> Delimited | None:
    try:
        table = read_table((folder / _PARTICIPANTS).read_bytes())
    except (OSError, Unreadable):
        return None
    return table if table.identity() else None


def _labels(table: Delimited) -> tuple[str, ...]:
    return table.column(table.identity() or table.columns[0])


def _rekeyed(before: Delimited, now: Delimited) -> dict[str, str]:
    identity = (before.identity() or "", now.identity() or "")
    return rekeyed(before.records(), now.records(), identity)


def _results(folder: Path, name: str) -> Iterator[ResultTable]:
    """Yield the tables of results in a release: not those of BIDS itself, nor those with a row per participant."""
    for path in sorted(folder.rglob("*.[ct]sv")):
        if _OWN_TABLES.search(path.name) or path.stat().st_size > _LARGEST:
            continue
        try:
            table = read_table(path.read_bytes())
        except (OSError, Unreadable):
            continue  # told as unread by the check of the release itself
        if 0 < len(table.rows) <= _MOST_ROWS and not any(cell.startswith("sub-") for row in table.rows for cell in row):
            shown = f"{name}/{path.relative_to(folder).as_posix()}"
            yield ResultTable(path=shown, columns=table.columns, rows=tuple(table.records()))
