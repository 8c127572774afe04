"""``fivesafes check``: what in a data set could identify someone.  Nothing is changed."""

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import asdict
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.data.model import Residue
    from fivesafes.flow.check_dataset import CheckReport

EXIT_HIGH, EXIT_LOOK = 3, 6
_SHOWN_PATHS: Final = 3
_COLOURS: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
_FOLDER: Final = click.Path(path_type=Path)


@click.command()
@click.argument("dataset", type=_FOLDER)
@click.option("--against", multiple=True, type=_FOLDER, help="An earlier release to compare with; may be repeated.")
@click.argument("more", nargs=-1, type=_FOLDER, metavar="")
@click.option("--auxiliary", type=_FOLDER, help="Folder of what an attacker may hold: visits, venues, register.")
@click.option("--qi", default="", help="Quasi-identifiers to measure over, joined by commas (default: by their names).")
@click.option("--sensitive", help="Sensitive column for l and t (default: by its name).")
@click.option("--table", type=_FOLDER, help="Table to measure (default: participants.tsv).")
@click.option("--no-faces", is_flag=True, help="Do not look for faces in structural images (saves seconds each).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def command(  # noqa: PLR0913, PLR0917 - click hands over one argument per option
    dataset: Path,
    against: tuple[Path, ...],
    more: tuple[Path, ...],
    auxiliary: Path | None,
    qi: str,
    sensitive: str | None,
    table: Path | None,
    no_faces: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """Tell what in DATASET could identify someone: in names, headers, tables, texts, pictures, archives and faces.

    Values are never shown, only their first character and length.  --against compares with earlier releases (several
    may follow one --against); --auxiliary simulates an attacker who holds a log of visits.

    Exit codes: 0 nothing at medium or above, 3 something high or critical, 4 not a data set, 6 something needs a look.
    """
    from fivesafes.flow.check_dataset import check_dataset  # noqa: PLC0415 - help stays quick

    if more and not against:
        mistake = f"got {len(more)} folders more than one; give earlier releases after --against"
        raise click.UsageError(mistake)
    with shown_progress(quiet=as_json) as progress:
        report = check_dataset(
            dataset,
            against=(*against, *more),
            auxiliary=auxiliary,
            qi=[name.strip() for name in qi.split(",") if name.strip()],
            sensitive=sensitive,
            table=table,
            look_for_faces=not no_faces,
            progress=progress,
        )
    if as_json:
        emit_json(as_answer(report))
    else:
        _show(report)
    sys.exit(exit_code(report))


def exit_code(report: "CheckReport") -> int:
    """Say by number what the worst finding asks for."""
    worst = report.worst.value
    if worst in ("critical", "high"):
        return EXIT_HIGH
    return EXIT_LOOK if worst == "medium" else 0


def as_answer(report: "CheckReport") -> dict[str, Any]:
    """Write the report as the contract's JSON object."""
    hiding, attack = report.hiding, report.attack
    return {
        "findings": [_finding(one) for one in (*report.findings, *report.earlier)],
        "unread": [asdict(one) for one in report.unread],
        "measures": asdict(hiding.measures) if hiding else {},
        "bits": dict(hiding.bits) if hiding else {},
        "greedy_bits": [list(pair) for pair in hiding.greedy_bits] if hiding else [],
        "links": [asdict(link) for link in attack.links] if attack else [],
        "risk_curve": [{**asdict(point), "fields": "+".join(point.fields)} for point in attack.curve] if attack else [],
        "differencing": [asdict(one) for one in report.differencing],
        "cross_release_links": dict(report.cross_release_links),
        "table": hiding.table if hiding else None,
        "quasi_identifiers": list(hiding.quasi) if hiding else [],
        "sensitive": hiding.sensitive if hiding else None,
        "coverage": attack.coverage if attack else None,
        "expected_precision": attack.expected_precision if attack else None,
        "files": report.files,
        "notes": list(report.notes),
    }


def _finding(one: "Residue") -> dict[str, Any]:
    return {**asdict(one), "severity": one.severity.value}


def _show(report: "CheckReport") -> None:
    """Print a table, worst first, one line per sort of finding and place in the file, then the figures."""
    console = Console()
    if report.findings:
        console.print(_table(report.findings))
    counts = Counter(one.severity.value for one in report.findings)
    told = ", ".join(f"{counts[word]} {word}" for word in _COLOURS if counts[word]) or "nothing"
    console.print(f"{report.files} files looked at: {told}.")
    for one in report.unread:
        console.print(f"[yellow]not read[/yellow] {escape(one.path)}: {escape(one.why)}")
    if report.earlier:
        console.print(f"Earlier releases hold {len(report.earlier)} findings of their own (see --json).")
    _show_figures(console, report)


def _table(findings: "Sequence[Residue]") -> Table:
    """Fold findings that differ only by file: a data set has hundreds of sidecars alike."""
    grouped: dict[tuple[str, str, str, str], list[Residue]] = defaultdict(list)
    for one in findings:
        grouped[one.severity.value, one.kind, one.locator.split(":line ")[0], one.why].append(one)
    table = Table(box=None, padding=(0, 1, 1, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for (severity, kind, locator, why), some in grouped.items():
        paths = list(dict.fromkeys(one.path for one in some))
        more = f" … and {len(paths) - _SHOWN_PATHS} more" if len(paths) > _SHOWN_PATHS else ""
        told = (
            f"[bold]{kind}[/bold] at {escape(locator)}  {escape(some[0].evidence)}",
            f"in {escape(', '.join(paths[:_SHOWN_PATHS]))}{more}",
            f"{escape(why)} → [italic]{escape(some[0].fix)}[/italic]",
        )
        table.add_row(f"[{_COLOURS[severity]}]{severity}[/]", "\n".join(told))
    return table


def _show_figures(console: Console, report: "CheckReport") -> None:
    for note in report.notes:
        console.print(escape(note))
    if report.hiding:
        measured = report.hiding.measures
        console.print(
            f"k {measured.k}, {measured.classes} classes, {measured.sample_unique} records alone, "
            f"risk over 0.09: {measured.records_at_risk_0_09:.0%}, over 0.2: {measured.records_at_risk_0_2:.0%}"
        )
        bits = ", ".join(f"{escape(name)} {value:.1f}" for name, value in report.hiding.greedy_bits)
        console.print(f"joint bits as columns are added: {bits}")
    if report.attack:
        alone = sum(link.probability == 1 for link in report.attack.links)
        sure = report.attack.expected_precision
        share = "unknown" if sure is None else f"{sure:.0%}"
        console.print(
            f"attack: {alone} participants match exactly one person; expected share that is right: {share} "
            f"(estimated coverage of the log {report.attack.coverage:.0%})"
        )
    for one in report.differencing:
        console.print(
            f"differencing: {escape(one.row)} differs by {one.difference_n} between {' and '.join(one.between)}"
        )
    if report.cross_release_links:
        console.print(f"{len(report.cross_release_links)} participants are recognised under their new labels")
