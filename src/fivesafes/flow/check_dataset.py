"""Check a data set: what in it could identify someone, how far its records hide, and what else could tell with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.core.event import Clock, utc_now
from fivesafes.core.progress import Progress, Silent
from fivesafes.data.model import Residue, Severity
from fivesafes.data.residue.delimited import Delimited, read_table
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.walk import Unread, residues_in
from fivesafes.flow.check_auxiliary import Auxiliary, read_auxiliary, targets_of
from fivesafes.flow.check_faces import faces_in
from fivesafes.flow.check_releases import compare
from fivesafes.output.attack import Attack, attack
from fivesafes.output.linkage import bits, greedy_bits, measures, singled_out
from fivesafes.output.model import Difference, Measures, Singling
from fivesafes.output.quasi import choose_quasi, choose_sensitive, with_values

PARTICIPANTS: Final = "participants.tsv"
_MOST_FOR_SINGLING: Final = 12
_ORDER: Final = {severity: rank for rank, severity in enumerate(reversed(Severity))}


@frozen(kw_only=True)
class Hiding:
    """How far the records of one table hide: over which columns, with which figures."""

    table: str
    quasi: tuple[str, ...]
    sensitive: str | None
    measures: Measures
    bits: Mapping[str, float]
    greedy_bits: tuple[tuple[str, float], ...]
    singled: tuple[Singling, ...]


@frozen(kw_only=True)
class CheckReport:
    """All that a check found.

    ``findings`` are worst first; ``earlier`` are those of the releases compared with, which can't be mended here and
    decide nothing.  Paths are relative to the data set, or to its parent when releases are compared.
    """

    findings: tuple[Residue, ...]
    unread: tuple[Unread, ...]
    files: int
    earlier: tuple[Residue, ...] = ()
    hiding: Hiding | None = None
    attack: Attack | None = None
    differencing: tuple[Difference, ...] = ()
    cross_release_links: Mapping[str, str] = field(factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> Severity:
        """Give the severity that decides: the worst finding's, and medium when something could not be read."""
        found = [finding.severity for finding in self.findings]
        return min([*found, *([Severity.MEDIUM] if self.unread else [])], key=_ORDER.__getitem__, default=Severity.INFO)


def check_dataset(  # noqa: PLR0913 - each is an independent question of the caller
    dataset: Path,
    *,
    against: Sequence[Path] = (),
    auxiliary: Path | None = None,
    qi: Sequence[str] = (),
    sensitive: str | None = None,
    table: Path | None = None,
    look_for_faces: bool = False,
    clock: Clock = utc_now,
    progress: Progress | None = None,
) -> CheckReport:
    """Check a data set in place; nothing in it is changed, run or unpickled.

    ``against``: earlier releases to compare with; ``auxiliary``: a folder of what an attacker may hold; ``qi``,
    ``sensitive``, ``table``: columns and table to measure, else chosen and named; ``look_for_faces`` examines
    structural images, which takes seconds each.  Raises InvalidInput when a folder is missing or empty, or a column
    unknown.
    """
    shown = progress or Silent()
    for folder in (dataset, *against, *([auxiliary] if auxiliary else [])):
        _require(folder)
    found = residues_in(dataset, now=clock(), progress=shown)
    hiding, notes = _hiding(dataset, table=table, qi=qi, sensitive=sensitive)
    faces = faces_in(dataset, progress=shown) if look_for_faces else ()
    known = read_auxiliary(auxiliary) if auxiliary else None
    attacked, linked = _attacked(dataset, known) if known else (None, ())
    report = CheckReport(
        findings=_worst_first([*found.findings, *faces, *(_singled(hiding) if hiding else ()), *linked]),
        unread=found.unread,
        files=found.files,
        hiding=hiding,
        attack=attacked,
        notes=(*notes, *(known.told if known else ())),
    )
    return _compared(report, dataset, against, clock=clock, progress=shown) if against else report


def _worst_first(findings: Sequence[Residue]) -> tuple[Residue, ...]:
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: (_ORDER[one.severity], one.path, one.locator)))


def _compared(
    report: CheckReport, dataset: Path, against: Sequence[Path], *, clock: Clock, progress: Progress
) -> CheckReport:
    """Add what the releases tell together, and name each path by its release."""
    earlier: list[Residue] = []
    for other in against:
        before = residues_in(other, now=clock(), progress=progress)
        earlier += _renamed(before.findings, shown_name(other, dataset))
    name = shown_name(dataset, dataset)
    comparison = compare(dataset, against, name_of=lambda other: shown_name(other, dataset))
    return evolve(
        report,
        findings=_worst_first([*_renamed(report.findings, name), *comparison.findings]),
        unread=tuple(evolve(one, path=f"{name}/{one.path}") for one in report.unread),
        earlier=tuple(earlier),
        differencing=comparison.differences,
        cross_release_links=comparison.links,
    )


def shown_name(folder: Path, dataset: Path) -> str:
    """Name a folder as the report does: relative to the data set's parent where it lies there, else by its name."""
    resolved, parent = folder.resolve(), dataset.resolve().parent
    return resolved.relative_to(parent).as_posix() if resolved.is_relative_to(parent) else resolved.name


def _require(folder: Path) -> None:
    if not folder.is_dir():
        what = "the folder to check is missing or is no folder"
        raise InvalidInput(what, fix="give the folder of a data set")
    if not any(path.is_file() or path.is_symlink() for path in folder.rglob("*")):
        what = "the folder to check holds no files"
        raise InvalidInput(what, fix="give the folder of a data set")


def _renamed(findings: Sequence[Residue], name: str) -> list[Residue]:
    return [evolve(finding, path=f"{name}/{finding.path}") for finding in findings]


def _table(dataset: Path, chosen: Path | None) -> tuple[str, Delimited] | None:
    """Read the table to measure: the one asked for (raises InvalidInput when it can't be), else participants.tsv."""
    path = dataset / PARTICIPANTS if chosen is None else chosen
    if chosen is not None and not path.is_file():
        path = dataset / chosen
    try:
        read = read_table(path.read_bytes())
    except (OSError, Unreadable) as error:
        if chosen is None:
            return None
        what = "the table to measure can't be read"
        raise InvalidInput(what, fix="give a table of text with one row per participant") from error
    name = path.resolve()
    inside = name.is_relative_to(dataset.resolve())
    return name.relative_to(dataset.resolve()).as_posix() if inside else name.name, read


def _hiding(
    dataset: Path, *, table: Path | None, qi: Sequence[str], sensitive: str | None
) -> tuple[Hiding | None, tuple[str, ...]]:
    """Measure the table of participants, and say what was measured or why nothing was."""
    read = _table(dataset, table)
    if read is None or not read[1].rows:
        return None, ("no participants.tsv with rows: k, l, t and risks were not measured",)
    name, cells = read
    rows = cells.records()
    quasi = tuple(qi) or with_values(rows, choose_quasi([c for c in cells.columns if c != cells.identity()]))
    chosen = sensitive or choose_sensitive(cells.columns, quasi)
    if not quasi:
        return None, (f"{name}: no column that others could know by its name; give --qi to measure",)
    singled = singled_out(rows, quasi) if len(quasi) <= _MOST_FOR_SINGLING else []
    hiding = Hiding(
        table=name,
        quasi=quasi,
        sensitive=chosen,
        measures=measures(rows, quasi, chosen),
        bits=bits(rows, quasi),
        greedy_bits=tuple(greedy_bits(rows, quasi)),
        singled=tuple(singled),
    )
    how = "as asked" if qi else "chosen by name"
    return hiding, (f"{name}: measured over {', '.join(quasi)} ({how}); sensitive: {chosen or 'none'}",)


def _singled(hiding: Hiding) -> tuple[Residue, ...]:
    """Tell which columns single records out: low, for in a small sample everybody is alone in something."""
    place = Place.at(hiding.table)
    return tuple(
        place.residue("quasi_identifier", f"column={'+'.join(one.columns)}", f"{len(one.rows)} rows")
        for one in hiding.singled
    )


def _attacked(dataset: Path, known: Auxiliary) -> tuple[Attack | None, tuple[Residue, ...]]:
    if known.log is None:
        return None, ()
    result = attack(targets_of(dataset, known.site_of), known.log, known.truth)
    alone = sum(link.probability == 1 for link in result.links)
    if not alone:
        return result, ()
    return result, (Place.at(PARTICIPANTS).residue("linked_person", "file", f"{alone} participants"),)
