"""``fivesafes release PROJECT --to DEST``: through the airlock."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fivesafes.core.errors import EXIT_OK, NeedsReview, PartlyDone, Refused
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, tended, workers_option
from fivesafes.interfaces.cli.conclusion import show_conclusion
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.flow.foretell import Foretold
    from fivesafes.wiring.haven import OpenHaven
    from fivesafes.wiring.process import Way

_SAYS: Final = {
    "release": "It would be released: {to}",
    "review": "It would not be released: a person must look first.",
    "refuse": "It would not be released: a gate says no.",
    "process": "Not known yet: work waits that a release would do first.",
}


@click.command()
@click.argument("project")
@click.option("--to", "to", required=True, type=click.Path(path_type=Path), help="A folder that does not exist yet.")
@haven_option
@workers_option
@click.option("--engine", "defacer", default="embedded", show_default=True, help="The defacer.")
@click.option("--dry-run", is_flag=True, help="Say what would be let out or refused, and why; write nothing.")
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - a command's options
    context: click.Context,
    project: str,
    to: Path,
    haven: Path | None,
    workers: int | None,
    defacer: str,
    *,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Judge PROJECT anew, and let out what passes: a BIDS data set at DEST, complete or not at all.

    Everything is judged at the moment of leaving: approval, consent, setting, evidence, reviews.  A release that
    stands at DEST already and is the same is left as it is.
    """
    from fivesafes.wiring.process import Way, process_project  # noqa: PLC0415 - as above

    way = Way(workers=workers, defacer=defacer)
    if dry_run:
        context.exit(_foretell(haven, project, way, to=to, as_json=as_json))
    with shown_progress(quiet=quiet) as progress, tended(haven) as opened:
        conclusion = process_project(opened, project, way, to=to, progress=progress)
        _tell_unsettled(opened)
    contract = {**conclusion.contract, "release": str(to) if conclusion.release is not None else None}
    if as_json:
        emit_json(contract)
    show_conclusion(conclusion)
    _show_compare(contract["compare"])
    if not as_json and conclusion.release is not None:
        click.echo(f"release: {to}")
    context.exit(conclusion.exit_code)


def _foretell(haven: Path | None, project: str, way: "Way", *, to: Path, as_json: bool) -> int:
    """Tell what would happen; no witness is told, for nothing is written."""
    from fivesafes.wiring.foretell import foretell_release  # noqa: PLC0415 - help stays quick
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - as above

    with opened_haven(haven) as opened:
        foretold = foretell_release(opened, project, way, to=to)
    contract = _contract(project, foretold)
    if as_json:
        emit_json(contract)
    else:
        _show(contract, to)
    return _exit_code(foretold)


def _exit_code(foretold: "Foretold") -> int:
    if foretold.would.value == "refuse":
        return Refused.exit_code
    if foretold.would.value != "release" or any(one["status"] == "needs-review" for one in foretold.series):
        return NeedsReview.exit_code
    return PartlyDone.exit_code if foretold.left_out else EXIT_OK


def _contract(project: str, foretold: "Foretold") -> dict[str, Any]:
    from fivesafes.flow.record import told  # noqa: PLC0415 - help stays quick
    from fivesafes.flow.telling import compared  # noqa: PLC0415 - as above

    tier = foretold.plan.decision.tier
    return {
        "project": project,
        "tier": tier.label if tier is not None else None,
        "verdicts": {safe: told(verdict) for safe, verdict in foretold.verdicts.items()},
        "series": list(foretold.series),
        "release": None,
        "compare": [compared(one) for one in foretold.compare],
        "dry_run": True,
        "would": foretold.would.value,
        "candidate": foretold.candidate,
    }


def _show(contract: dict[str, Any], to: Path) -> None:
    """Tell a person: what becomes of the series, what each safe says, one sentence."""
    counted = Counter((one["status"], one["why"]) for one in contract["series"])
    for (status, why), count in sorted(counted.items()):
        click.echo(f"  {count} series {status}: {why}" if why else f"  {count} series {status}")
    for safe, verdict in contract["verdicts"].items():
        word = {"note": "yes", "review": "a person must look", "refuse": "no"}[verdict["gravity"]]
        click.echo(f"  safe {safe:<8} {word}")
        for one in verdict["findings"]:
            if one["gravity"] != "note":
                click.echo(f"    [{one['gravity']}] {one['code']}: {one['why']} (fix: {one['fix']})")
    _show_compare(contract["compare"])
    stands = contract["would"] == "release" and to.exists()
    click.echo("The same release stands there already." if stands else _SAYS[contract["would"]].format(to=to))
    click.echo("Nothing was written.")


def _show_compare(compare: list[dict[str, Any]]) -> None:
    for one in compare:
        click.echo(f"compare with release {one['release']} of {one['released_on']}: {one['why']}", err=True)


def _tell_unsettled(opened: "OpenHaven") -> None:
    """Name the deliveries of which an unfinished part may lie where nobody can look from here."""
    from fivesafes.wiring.consent import unsettled  # noqa: PLC0415 - help stays quick

    for one, why in unsettled(opened):
        part = Path(one.destination).with_name(one.part)
        click.echo(
            f"release {one.id}: its delivery was cut short, and {part} can't be seen from here ({why}); "
            "when that disk is back, any command of the haven removes it",
            err=True,
        )
