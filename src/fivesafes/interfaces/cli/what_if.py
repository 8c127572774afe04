"""``fivesafes deidentify --what-if``: what a profile does to single files, attribute by attribute; writes nothing."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import click
from attrs import frozen
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fivesafes.core.verdict import Gravity
from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.explain import Line, explain
from fivesafes.data.header.inspect import SetAside, examine
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FileStatus
from fivesafes.interfaces.cli.output import emit_json

_STATUS: Final = {
    Gravity.NOTE: FileStatus.DEIDENTIFIED,
    Gravity.REVIEW: FileStatus.REVIEW,
    Gravity.REFUSE: FileStatus.REFUSED,
}
_COLOURS: Final = {"kept": "green", "replaced": "cyan", "added": "cyan", "blanked": "yellow", "removed": "dim"}
_WIDE: Final = 220
"""Columns where nobody looks: a pipe or a file."""


@frozen(kw_only=True)
class _Fate:
    """What would become of one file."""

    path: Path
    status: FileStatus
    code: str = ""
    why: str = ""
    lines: Sequence[Line] = ()


def show_fates(files: Sequence[Path], profile: Profile, pseudonyms: Pseudonyms, *, as_json: bool) -> Mapping[str, int]:
    """Show what would become of each file, and give the number of files by status."""
    deidentifier = Deidentifier(profile, pseudonyms)
    fates = [_fate(path, deidentifier, profile) for path in files]
    counts = Counter(fate.status.value for fate in fates)
    if as_json:
        emit_json(
            {
                "files": [_object(fate) for fate in fates],
                "counts": dict(sorted(counts.items())),
                "profile": profile.name,
                "policy_digest": profile.digest,
            }
        )
        return counts
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    for number, fate in enumerate(fates, 1):
        _print(console, fate, f"file {number} of {len(fates)}")
    return counts


def _fate(path: Path, deidentifier: Deidentifier, profile: Profile) -> _Fate:
    """Clean one file in memory and lay the result beside it."""
    what, data_set = examine(path)
    if isinstance(what, SetAside) or data_set is None:
        status = what.status if isinstance(what, SetAside) else FileStatus.UNREADABLE
        return _Fate(path=path, status=status, code=getattr(what, "code", ""), why=getattr(what, "why", ""))
    try:
        cleaned = deidentifier.clean(data_set)
        lines = explain(data_set, b"".join(cleaned.pieces), profile) if cleaned.pieces else []
    except Malformed as broken:
        return _Fate(path=path, status=broken.status, code=broken.code, why=broken.why)
    heaviest = max(cleaned.verdict.findings, key=lambda finding: finding.gravity, default=None)
    return _Fate(
        path=path,
        status=_STATUS[cleaned.verdict.gravity],
        code=heaviest.code if heaviest else "data.file.deidentified",
        why=heaviest.why if heaviest else "",
        lines=lines,
    )


def _object(fate: _Fate) -> dict[str, object]:
    """Give the object that docs/reference/json.md describes."""
    return {
        "path": str(fate.path),
        "status": fate.status.value,
        "reason": fate.code,
        "why": fate.why,
        "attributes": [
            {
                "attribute": line.name,
                "tag": f"{line.tag:08X}",
                "vr": line.vr,
                "depth": line.depth,
                "item": line.item or None,
                "action": line.action,
                "outcome": line.outcome,
                "row": line.row or None,
                "why": line.why,
                "before": line.before,
                "after": line.after,
            }
            for line in fate.lines
        ],
    }


def _print(console: Console, fate: _Fate, head: str) -> None:
    """Print one file as a table; its name is not printed, as a name may stand in it."""
    click.echo(f"{head}: {fate.status.value}{': ' + fate.why if fate.why else ''}")
    if not fate.lines:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("attribute", "VR", "action", "outcome", "before", "after", "row", "why"):
        table.add_column(column, overflow="fold")
    for line in _folded(fate.lines, 0):
        table.add_row(*_cells(line))
    console.print(table)
    counts = Counter(line.outcome for line in fate.lines)
    console.print(Text(", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))))


def _cells(line: Line | str) -> list[Text]:
    """Give the cells of one row; a text alone stands for items that fare as one before them."""
    if isinstance(line, str):
        return [Text(line, style="dim")]
    name = "  " * line.depth + line.name
    cells = (name, line.vr, line.action, line.outcome, line.before, line.after, line.row, line.why)
    return [Text(cell, style=_COLOURS.get(line.outcome, "")) for cell in cells]


def _folded(lines: Sequence[Line], depth: int) -> Iterator[Line | str]:
    """Leave out items that fare as the one before them did: the hundredth frame of an image tells nothing new."""
    place = 0
    while place < len(lines):
        yield lines[place]
        after = place + 1
        while after < len(lines) and lines[after].depth > depth:
            after += 1
        inside = _items(lines[place + 1 : after], depth + 1)
        for _, run in groupby(inside, key=_fates):
            first, *others = run
            many = len(inside) > 1
            if many:
                yield f"{'  ' * (depth + 1)}item {first[0].item}"
            yield from _folded(first, depth + 1)
            if others:
                yield f"{'  ' * (depth + 1)}items {others[0][0].item} to {others[-1][0].item}: as item {first[0].item}"
        place = after


def _items(lines: Sequence[Line], depth: int) -> list[list[Line]]:
    """Part the lines within a sequence by item."""
    items: list[list[Line]] = []
    for line in lines:
        if line.depth == depth and (not items or items[-1][0].item != line.item):
            items.append([])
        items[-1].append(line)
    return items


def _fates(lines: Sequence[Line]) -> tuple[tuple[object, ...], ...]:
    return tuple((line.depth, line.name, line.action, line.outcome, line.row) for line in lines)
